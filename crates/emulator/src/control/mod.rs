//! What tests and developers hold: the world at the start, the emulator's handle, faults, edits.

mod console;
mod edit;
mod emulator;
mod fault;
mod inject;
mod inspect;
mod populate;
mod serve;
mod traffic;
pub mod world;

pub use emulator::{Answered, Emulator};
pub use fault::Fault;
pub use traffic::Call;
