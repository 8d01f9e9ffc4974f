//! A policy from outside: what it plans for worlds of every kind, and what its runs do to a
//! Lightsail that they reach through the function's own front door.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod binary;
mod compat;
mod coverage;
mod drills_plan;
mod drills_properties;
mod drills_runs;
mod guide;
mod mail;
mod metrics;
mod plan;
mod properties;
mod protection;
mod runs;
mod time;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_lightsail-snapshot-copier");
