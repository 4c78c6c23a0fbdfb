//! The fuzz target of `checks/headers.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::headers::check(data));
