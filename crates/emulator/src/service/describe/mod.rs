//! Turns resources and operations into the API's members.

mod bundle;
mod operation;
mod region;
mod snapshot;
mod source;

pub(super) use bundle::bundle;
pub(super) use operation::{all_started, operation, started};
pub(super) use region::region;
pub(super) use snapshot::{auto_snapshot, disk_snapshot, instance_snapshot};
pub(super) use source::{disk, instance, instance_state, port_state};
