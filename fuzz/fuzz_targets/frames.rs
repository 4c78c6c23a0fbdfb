//! The fuzz target of `checks/frames.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrogate_fuzz::frames::check(data));
