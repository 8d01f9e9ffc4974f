//! The function from outside: the real binary, a Lambda Runtime API, and an emulated Lightsail.
//!
//! Each test starts its own process, sends it events as Lambda does, and checks three things: how
//! the invocation ended, the log, and the calls that reached Lightsail.
//!
//! - [`events`]: valid and invalid events.
//! - [`copies`]: requests to Lightsail, and the outcomes of copies.
//! - [`errors`]: errors in the form that Lightsail gives them.
//! - [`failures`]: failures of Lightsail and of the network.
//! - [`name_in_use`]: which snapshots count as the copy that an event asks for.
//! - [`logs`]: log lines, and what they must not contain.
//! - [`time`]: deadlines, concurrency, and idle connections.
//! - [`policy`]: runs of a policy.
//! - [`report`]: the mailed report and the heartbeat.
//! - [`trust`]: TLS and trusted certificates.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod copies;
mod errors;
mod events;
mod failures;
mod logs;
mod name_in_use;
mod policy;
mod report;
mod time;
mod trust;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_lightsail-snapshot-copier");
