//! Attacks on the running function from outside. The real binary runs under the local Lambda, and
//! Lightsail or the network misbehaves in ways that no documentation describes.
//!
//! Each test shows the same properties: the invocation ends before its deadline with a correct
//! result, no requested copy is lost, memory stays bounded, and the same process serves the next
//! event.
//!
//! - [`connections`]: connections that broke while the function was frozen.
//! - [`clocks`]: deadlines and clocks that are far off.
//! - [`credentials`]: credentials that expire, are renewed, or are unavailable.
//! - [`answers`]: responses that are too slow, too long, truncated, or not from Lightsail.
//! - [`lists`]: lists that never end, and responses without the list.
//! - [`output`]: standard output that is closed, full or blocked.
//! - [`deadlines`]: deadlines that are very close or already past.
//! - [`server`]: a server whose connections each test controls.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod answers;
mod clocks;
mod connections;
mod credentials;
mod deadlines;
mod lists;
mod output;
mod server;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_lightsail-snapshot-copier");
