//! The fuzz target of `checks/guard.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::guard::check(data));
