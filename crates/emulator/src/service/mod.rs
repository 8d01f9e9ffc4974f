//! Lightsail itself: the resources of all Regions, and the operations on them.
//!
//! Nothing here reads a clock or waits. The time of each call is an argument, and whatever changes
//! with time, such as a copy in progress, is computed from it. The same calls at the same times
//! give the same answers.
//!
//! `dispatch` calls one function per operation, in `copy`, `create`, `delete`, `delete_source`,
//! `firewall`, `tags`, `operations` and the `get_…` files. Those read and change `state`, and
//! `describe` turns its resources into the API's members.

pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod dispatch;
pub(crate) mod fault;
pub(crate) mod ledger;
pub(crate) mod snapshot;
pub(crate) mod source;
pub(crate) mod state;

mod copy;
mod create;
mod create_disk;
mod create_instances;
mod delete;
mod delete_source;
mod describe;
mod firewall;
mod get_bundles;
mod get_regions;
mod get_snapshots;
mod get_sources;
mod operations;
mod page;
mod tags;
