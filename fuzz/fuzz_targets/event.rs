//! Fuzzes `fuzzed::checks::event`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::checks::event::check(input));
