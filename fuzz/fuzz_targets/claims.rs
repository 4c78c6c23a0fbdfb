//! The fuzz target of `checks/claims.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::claims::check(data));
