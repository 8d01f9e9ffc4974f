//! Code that several test binaries, the fuzz targets and the benchmarks share.
//!
//! - [`deployed`]: the real binary under the local Lambda, with an emulator on a port.
//! - [`in_process`]: the function's library and an emulator in one process, without a socket.
//! - [`tls`]: an emulator behind TLS.
//! - [`account`]: an account in memory to plan in; [`generate`] makes accounts and policies of every kind.
//! - [`retention_model`]: retention, implemented a second time from its definition.
//! - [`checks`]: the properties that hold for every input; for the fuzz targets and `tests/corpus.rs`.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

#[cfg(feature = "account")]
pub mod account;
#[cfg(feature = "checks")]
pub mod checks;
#[cfg(feature = "fixtures")]
pub mod deployed;
#[cfg(feature = "generate")]
pub mod generate;
#[cfg(feature = "fixtures")]
pub mod in_process;
#[cfg(feature = "checks")]
pub mod retention_model;
#[cfg(feature = "tls")]
pub mod tls;
