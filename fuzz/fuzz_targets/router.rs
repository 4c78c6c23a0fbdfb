//! The fuzz target of `checks/router.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::router::check(data));
