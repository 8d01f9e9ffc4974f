//! Fuzzes `fuzzed::checks::answer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::checks::answer::check(input));
