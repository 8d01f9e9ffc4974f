//! Fuzzes `fuzzed::checks::policy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::checks::policy::check(input));
