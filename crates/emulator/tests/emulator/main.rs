//! The emulator from outside.
//!
//! - Reading: [`worlds`], [`lists`], [`bundles`], [`instances`].
//! - Changing: [`copy_snapshot`], [`making`], [`restore`].
//! - What a test can ask for: [`faults`], [`on_demand`], [`open`].
//! - The protocol: [`signature`], [`program`].

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod bundles;
mod copy_snapshot;
mod faults;
mod instances;
mod lists;
mod making;
mod on_demand;
mod open;
mod program;
mod restore;
mod signature;
mod support;
mod worlds;
