//! The operations that read manual snapshots.

use jiff::Timestamp;
use serde_json::Value;

use super::describe;
use super::page::page;
use super::snapshot::{FromInstance, Snapshot, SnapshotDetail};
use super::state::State;
use crate::api::error::ServiceError;
use crate::api::members::{self, Page, Single};
use crate::api::operation::Operation;
use crate::api::parameters;
use crate::api::region::Region;

/// [GetInstanceSnapshots](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceSnapshots.html),
/// in the order of names.
pub(crate) fn get_instance_snapshots(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let (page, next) = page(
        state.settings.page_size,
        Operation::GetInstanceSnapshots,
        body,
        &state.region(region).snapshots,
        as_instance_snapshot,
    )?;
    Ok(members::json(&Page {
        list: "instanceSnapshots",
        items: page.iter().map(|(name, (snapshot, from))| {
            describe::instance_snapshot(name, snapshot, from, region, now)
        }),
        next,
    }))
}

/// [GetDiskSnapshots](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDiskSnapshots.html),
/// in the order of names.
pub(crate) fn get_disk_snapshots(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let (page, next) = page(
        state.settings.page_size,
        Operation::GetDiskSnapshots,
        body,
        &state.region(region).snapshots,
        as_disk_snapshot,
    )?;
    Ok(members::json(&Page {
        list: "diskSnapshots",
        items: page
            .iter()
            .map(|(name, snapshot)| describe::disk_snapshot(name, snapshot, region, now)),
        next,
    }))
}

/// [GetInstanceSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceSnapshot.html).
pub(crate) fn get_instance_snapshot(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let name = parameters::name(body, "instanceSnapshotName")?;
    let found = state.look_up_snapshot(region, name);
    let (snapshot, from) = found
        .and_then(as_instance_snapshot)
        .ok_or_else(|| ServiceError::not_found("InstanceSnapshot", name))?;
    Ok(members::json(&Single {
        name: "instanceSnapshot",
        item: describe::instance_snapshot(name, snapshot, from, region, now),
    }))
}

/// [GetDiskSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDiskSnapshot.html).
pub(crate) fn get_disk_snapshot(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let name = parameters::name(body, "diskSnapshotName")?;
    let found = state.look_up_snapshot(region, name);
    let snapshot = found
        .and_then(as_disk_snapshot)
        .ok_or_else(|| ServiceError::not_found("DiskSnapshot", name))?;
    Ok(members::json(&Single {
        name: "diskSnapshot",
        item: describe::disk_snapshot(name, snapshot, region, now),
    }))
}

fn as_instance_snapshot(snapshot: &Snapshot) -> Option<(&Snapshot, &FromInstance)> {
    match &snapshot.detail {
        SnapshotDetail::Instance(from) => Some((snapshot, from)),
        SnapshotDetail::Disk => None,
    }
}

fn as_disk_snapshot(snapshot: &Snapshot) -> Option<&Snapshot> {
    matches!(snapshot.detail, SnapshotDetail::Disk).then_some(snapshot)
}
