//! The function from outside: the real binary, a Lambda Runtime API, and an emulated Lightsail.
//!
//! Each test starts a process of its own, sends it events as Lambda would, and looks at three
//! things: how the invocation ended, what the log says, and which calls reached Lightsail.
//!
//! - [`events`]: what comes in, and all that is refused.
//! - [`copies`]: what is asked of Lightsail, and the outcomes of copies.
//! - [`failures`]: everything that Lightsail or the way to it can do wrong.
//! - [`name_in_use`]: which snapshots count as the copy that an event asks for.
//! - [`logs`]: what is written, and what never is.
//! - [`time`]: deadlines, concurrency, and connections that grow old.
//! - [`policy`]: runs of a policy.
//! - [`trust`]: whose certificates are trusted.

mod copies;
mod events;
mod failures;
mod logs;
mod name_in_use;
mod policy;
mod time;
mod trust;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_lightsail-snapshot-copier");
