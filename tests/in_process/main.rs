//! What needs no process of its own: the pure functions, and the handler in front of an emulator in the
//! same process, with a paused clock.
//!
//! - An event's copies: [`events`], [`requests`], [`name_in_use`], [`failures`], [`deadlines`].
//! - What a policy plans: [`plan`], and for generated accounts [`properties`].
//! - What its runs do: [`runs`].
//! - What it says: [`metrics`], [`mail`].
//! - What stays: [`compat`], [`guide`].

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod compat;
mod deadlines;
mod events;
mod failures;
mod guide;
mod mail;
mod metrics;
mod name_in_use;
mod plan;
mod properties;
mod requests;
mod runs;
