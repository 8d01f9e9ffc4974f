//! Lightsail itself: the resources of all Regions, and the operations on them.
//!
//! Nothing here reads a clock or waits. The time of each call is given, and whatever changes with
//! time, such as a copy in progress, is planned in [`state`] and happens before the next call. The
//! same calls at the same times give the same answers.
//!
//! `dispatch` calls one function per operation, which gets a `Context`. `json` turns resources and
//! operations into the API's members.

pub(crate) mod auto_snapshots;
pub(crate) mod catalog;
pub(crate) mod context;
pub(crate) mod dispatch;
pub(crate) mod fault;
pub(crate) mod json;
pub(crate) mod ledger;
pub(crate) mod open;
pub(crate) mod origin;
pub(crate) mod region;
pub(crate) mod resource;
pub(crate) mod state;

mod add_on;
mod copy;
mod create;
mod delete;
mod disk;
mod firewall;
mod instances;
mod read;
mod snapshots;
mod tags;
