//! What only the real binary shows: under a Lambda Runtime API, with an emulated Lightsail behind HTTP.
//! `tests/in_process` has the rest, because a process costs time.
//!
//! - [`events`]: payloads as Lambda delivers them.
//! - [`copies`]: requests and responses on the wire, and connections that fail.
//! - [`policy`]: a schedule with the policy of the environment.
//! - [`logs`]: standard output and error, and what they must not contain.
//! - [`time`]: the deadline, and idle connections.
//! - [`report`]: the mailed report and the heartbeat.
//! - [`trust`]: TLS and trusted certificates.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod copies;
mod events;
mod logs;
mod policy;
mod report;
mod time;
mod trust;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_lightsail-snapshot-copier");
