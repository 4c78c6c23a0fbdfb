//! The fuzz target of `checks/target.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::target::check(data));
