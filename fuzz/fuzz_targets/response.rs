//! The fuzz target of `checks/response.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::response::check(data));
