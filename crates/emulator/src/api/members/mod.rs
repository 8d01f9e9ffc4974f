//! The JSON of answers: the API's members under their API names, in the order of its examples.
//!
//! Everything here borrows from the state and is serialized at once, which keeps long lists cheap.

mod bundle;
mod operation;
mod region;
mod snapshot;
mod source;
mod value;

pub(crate) use bundle::Bundle;
pub(crate) use operation::{Operation, OperationResult, OperationsPage, OperationsResult};
pub(crate) use region::{AvailabilityZone, RegionInfo, RegionsResult};
pub(crate) use snapshot::{
    AttachedDisk, AutoSnapshotDetails, AutoSnapshotsResult, DiskSnapshot, FromAttachedDisk,
    InstanceSnapshot, Percent,
};
pub(crate) use source::{
    AddOn, Disk, Hardware, HardwareDisk, Instance, InstanceStateInfo, MonthlyTransfer, Networking,
    PortInfo, PortState, PortStatesResult, SystemDisk,
};
pub(crate) use value::{Location, Page, Single, TagList, Text, Time, Zone, json};
