//! Keeps Amazon Lightsail backups in another Region.
//!
//! Data goes one way, and everything left of `run` is a pure function of its arguments:
//!
//! ```text
//! payload ──▶ event ──▶ request ──▶ run ──▶ report ──▶ answer, log lines
//! ```
//!
//! - [`event`]: what came in. A payload becomes a job, or a list of mistakes with their paths.
//! - [`request`]: a copy request, its rules, and the names of copies.
//! - [`region`], [`fields`]: Lightsail's Regions; JSON read with all its mistakes collected.
//! - [`lightsail`]: AWS's side. A client per Region, retries, the service's errors in classes.
//! - [`run`]: carries copies out. The only place that changes anything in AWS.
//! - [`report`]: what happened, as the answer and as log lines.
//! - [`function`]: one invocation, from payload to answer.
//! - [`logging`]: where log lines go.

#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod event;
pub mod fields;
pub mod function;
pub mod lightsail;
pub mod logging;
pub mod region;
pub mod report;
pub mod request;
pub mod run;
