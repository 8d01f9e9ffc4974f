//! Properties that hold for every input from outside.
//!
//! Each module has one `check` that takes any bytes and panics if a property does not hold.
//! libFuzzer calls it from `fuzz/fuzz_targets/`. `tests/corpus.rs` calls it for the inputs in
//! `fuzz/corpus/`.

pub mod answer;
pub mod event;
pub mod policy;
