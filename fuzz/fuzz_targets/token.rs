//! The fuzz target of `checks/token.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::token::check(data));
