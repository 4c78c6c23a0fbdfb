//! The fuzz target of `checks/request.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::request::check(data));
