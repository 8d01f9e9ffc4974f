//! What the operations that create instances and disks from manual snapshots have in common.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::change::NewSource;
use super::snapshot::Snapshot;
use super::source::{Attachment, Disk, SourceDetail};
use super::state::{RegionState, State};
use crate::api::error::ServiceError;
use crate::api::parameters::required;
use crate::api::region::Region;
use crate::api::resource::{SnapshotState, SourceKind, Tags};

pub(super) fn add(
    state: &mut State,
    region: Region,
    name: &str,
    new: NewSource,
) -> Result<(), ServiceError> {
    state
        .add_source(region, name, new)
        .map_err(|error| ServiceError::invalid_input(error.to_string()))
}

/// The letter of an Availability Zone of the Region.
pub(super) fn zone(region: Region, name: Option<&str>) -> Result<char, ServiceError> {
    let name = required("availabilityZone", name)?;
    let letter = name.strip_prefix(region.as_str());
    match letter {
        Some("a") => Ok('a'),
        Some("b") => Ok('b'),
        Some("c") => Ok('c'),
        _ => Err(ServiceError::invalid_input(format!(
            "{name} is not an Availability Zone of {region}."
        ))),
    }
}

pub(super) fn find_snapshot<'a>(
    resources: &'a RegionState,
    now: Timestamp,
    kind: SourceKind,
    name: &str,
) -> Result<&'a Snapshot, ServiceError> {
    let found = resources.snapshots.get(name);
    let snapshot = found
        .filter(|snapshot| snapshot.kind() == kind)
        .ok_or_else(|| ServiceError::not_found(kind.snapshot_type().as_str(), name))?;
    if snapshot.state(now) != SnapshotState::Available {
        return Err(ServiceError::refused(
            "OperationFailureException",
            format!("The snapshot is not available: {name}"),
        ));
    }
    Ok(snapshot)
}

pub(super) fn check_free(resources: &RegionState, name: &str) -> Result<(), ServiceError> {
    if resources.has(name) {
        return Err(ServiceError::name_in_use(name));
    }
    Ok(())
}

impl NewSource {
    pub(super) fn disk(now: Timestamp, size_in_gb: u32, attachment: Option<Attachment>) -> Self {
        Self {
            created_at: now,
            ready_at: now,
            zone: 'a',
            tags: Tags::new(),
            size_in_gb,
            makes_auto_snapshots: false,
            auto_snapshots: BTreeMap::new(),
            detail: SourceDetail::Disk(Disk {
                attachment,
                is_system_disk: false,
            }),
        }
    }
}
