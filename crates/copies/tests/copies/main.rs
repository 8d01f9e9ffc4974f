//! `lightsail-copies` from outside: its plans, and the program against the emulator.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod coverage;
mod plan;
mod program;
