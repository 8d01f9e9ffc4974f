//! [CreateDiskFromSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateDiskFromSnapshot.html),
//! from a manual snapshot.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::change::NewSource;
use super::create::{add, check_free, find_snapshot, zone};
use super::describe;
use super::fault::CallFault;
use super::ledger::Record;
use super::state::State;
use super::tags::{self, Tag};
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters::{self, required};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SourceKind};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiskParameters<'a> {
    disk_name: Option<&'a str>,
    disk_snapshot_name: Option<&'a str>,
    availability_zone: Option<&'a str>,
    size_in_gb: Option<u32>,
    #[serde(borrow)]
    tags: Option<Vec<Tag<'a>>>,
}

/// Creates a disk, which is not attached.
pub(crate) fn create_disk(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
    fault: &CallFault,
) -> Result<Vec<u8>, ServiceError> {
    let parameters: DiskParameters<'_> = parameters::read(body)?;
    let name = required("diskName", parameters.disk_name)?;
    let snapshot_name = required("diskSnapshotName", parameters.disk_snapshot_name)?;
    let zone = zone(region, parameters.availability_zone)?;
    let Some(size_in_gb) = parameters.size_in_gb else {
        return Err(ServiceError::invalid_input("sizeInGb is required."));
    };
    let tags = tags::read_tags(parameters.tags.unwrap_or_default())?;
    let resources = state.region(region);
    let snapshot = find_snapshot(resources, now, SourceKind::Disk, snapshot_name)?;
    if size_in_gb < snapshot.size_in_gb {
        return Err(ServiceError::invalid_input(format!(
            "sizeInGb must be at least {}, the size of the snapshot.",
            snapshot.size_in_gb
        )));
    }
    check_free(resources, name)?;

    let ready_at = state.ready_at(now, fault);
    if fault.failure.is_none() {
        let new = NewSource {
            tags,
            ready_at,
            zone,
            ..NewSource::disk(now, size_in_gb, None)
        };
        add(state, region, name, new)?;
    }
    let record = Record {
        id: state.ids.next(),
        created_at: now,
        operation: Operation::CreateDiskFromSnapshot,
        resource_name: name.to_owned(),
        resource_type: ResourceType::Disk,
        details: None,
        outcome: fault.outcome_at(ready_at),
    };
    let answer = describe::started(&record, region, now);
    state.region_mut(region).ledger.add(record);
    Ok(answer)
}
