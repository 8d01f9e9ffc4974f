//! Keeps Amazon Lightsail backups in another Region.
//!
//! Data goes one way, and everything left of `run` is a pure function of its arguments:
//!
//! ```text
//! payload ──▶ event ──▶ request / policy ──▶ plan ──▶ run ──▶ report ──▶ answer, log lines, metrics
//! ```
//!
//! - [`event`]: what came in. A payload becomes a job, or a list of mistakes with their paths.
//! - [`request`]: a copy request, its rules, and the names of copies.
//! - [`policy`], [`retention`]: what should exist, and which recovery points are kept.
//! - [`plan`]: policy + what was observed + now → copies, tags, deletions, coverage.
//! - [`region`], [`fields`]: Lightsail's Regions; JSON read with all its mistakes collected.
//! - [`lightsail`]: AWS's side. A client per Region, retries, the service's errors in classes.
//! - [`client`]: the AWS SDK's settings, credentials and connections.
//! - [`observe`]: reads what a policy's run has to know, Region by Region.
//! - [`copy`]: one copy, and what has its name where that is taken.
//! - [`run`]: carries copies and plans out. The only place that changes anything in AWS.
//! - [`report`], [`metrics`]: what happened, as the answer, log lines and CloudWatch metrics.
//! - [`function`]: one invocation, from payload to answer.
//! - [`logging`]: where log lines go.
//!
//! Metric records are two flat structs that `serde` writes: the libraries for CloudWatch's
//! embedded metric format bring a hundred packages for concurrency that a run's end does not need.

#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod client;
pub mod copy;
pub mod event;
pub mod fields;
pub mod function;
pub mod lightsail;
pub mod logging;
pub mod metrics;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod region;
pub mod report;
pub mod request;
pub mod retention;
pub mod run;
