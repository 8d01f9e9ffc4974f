//! Turns resources and operations into the API's members.

mod operation;
mod region;
mod snapshot;
mod source;

pub(super) use operation::{operation, started};
pub(super) use region::region;
pub(super) use snapshot::{auto_snapshot, disk_snapshot, instance_snapshot};
pub(super) use source::{disk, instance};
