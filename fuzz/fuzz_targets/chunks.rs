//! The fuzz target of `checks/chunks.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::chunks::check(data));
