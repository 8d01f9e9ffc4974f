//! Attacks on the function as a running process, from outside: the real binary under the local
//! Lambda, and a Lightsail, or a way to it, that misbehaves as no service says it would.
//!
//! What each shows is the same: the invocation ends in an honest answer before its deadline,
//! nothing is lost that was asked for, memory stays bounded, and the same process serves the next.
//!
//! - [`connections`]: connections that died while the function was frozen.
//! - [`clocks`]: deadlines and clocks that are far off.
//! - [`credentials`]: credentials that expire, are renewed, or cannot be had.
//! - [`answers`]: bytes that are no answer of Lightsail's, too slow, too long, or somebody else's.
//! - [`lists`]: lists that never end, or that nobody has answered.
//! - [`output`]: nobody reads what the function writes.
//! - [`deadlines`]: hardly any time, and none.
//! - [`server`]: a server that does to each connection whatever a test wants.

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
