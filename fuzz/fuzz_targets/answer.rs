//! Fuzzes `test_support::checks::answer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| test_support::checks::answer::check(input));
