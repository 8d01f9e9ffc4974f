//! What has to hold of everything that is read from outside, whatever it is.
//!
//! Each module has one `check`, which takes any bytes and panics where something does not hold.
//! libFuzzer calls it from `fuzz_targets/`, and the function's own `tests/corpus.rs` calls it for
//! the inputs in `corpus/`, without libFuzzer.

pub mod answer;
pub mod event;
pub mod policy;
