//! The fuzz target of `checks/proxy.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::proxy::check(data));
