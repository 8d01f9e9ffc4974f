//! The operations that read instances, disks and automatic snapshots.

use jiff::Timestamp;
use serde_json::Value;

use super::describe;
use super::page::page;
use super::source::{Disk, Instance, Source, SourceDetail};
use super::state::{RegionState, State};
use crate::api::error::ServiceError;
use crate::api::members::{self, AutoSnapshotsResult, Page, Single};
use crate::api::operation::Operation;
use crate::api::parameters;
use crate::api::region::Region;

/// [GetInstances](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstances.html),
/// in the order of names.
pub(crate) fn get_instances(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let resources = state.region(region);
    let (page, next) = page(
        state.settings.page_size,
        Operation::GetInstances,
        body,
        &resources.sources,
        as_instance,
    )?;
    Ok(members::json(&Page {
        list: "instances",
        items: page.iter().map(|(name, (source, detail))| {
            describe::instance(name, source, detail, region, resources, now)
        }),
        next,
    }))
}

/// [GetDisks](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDisks.html), in
/// the order of names.
pub(crate) fn get_disks(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let (page, next) = page(
        state.settings.page_size,
        Operation::GetDisks,
        body,
        &state.region(region).sources,
        as_disk,
    )?;
    Ok(members::json(&Page {
        list: "disks",
        items: page
            .iter()
            .map(|(name, (source, detail))| describe::disk(name, source, detail, region, now)),
        next,
    }))
}

/// [GetInstance](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstance.html).
pub(crate) fn get_instance(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let name = parameters::name(body, "instanceName")?;
    let resources = state.region(region);
    let (source, detail) = find_instance(resources, name)?;
    Ok(members::json(&Single {
        name: "instance",
        item: describe::instance(name, source, detail, region, resources, now),
    }))
}

/// [GetInstanceState](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceState.html).
pub(crate) fn get_instance_state(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let name = parameters::name(body, "instanceName")?;
    let (source, detail) = find_instance(state.region(region), name)?;
    Ok(members::json(&Single {
        name: "state",
        item: describe::instance_state(source.instance_state(detail, now)),
    }))
}

/// [GetDisk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDisk.html).
pub(crate) fn get_disk(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let name = parameters::name(body, "diskName")?;
    let found = state.region(region).sources.get(name).and_then(as_disk);
    let (source, detail) = found.ok_or_else(|| ServiceError::not_found("Disk", name))?;
    Ok(members::json(&Single {
        name: "disk",
        item: describe::disk(name, source, detail, region, now),
    }))
}

/// [GetAutoSnapshots](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetAutoSnapshots.html),
/// newest first.
pub(crate) fn get_auto_snapshots(
    state: &State,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let name = parameters::name(body, "resourceName")?;
    let sources = &state.region(region).sources;
    let source = sources
        .get(name)
        .ok_or_else(|| ServiceError::not_found("Instance or Disk", name))?;
    let newest_first = source.auto_snapshots.iter().rev();
    Ok(members::json(&AutoSnapshotsResult {
        resource_name: name,
        resource_type: source.kind().resource_type(),
        auto_snapshots: newest_first
            .map(|(date, snapshot)| describe::auto_snapshot(*date, snapshot))
            .collect(),
    }))
}

/// The instance with this name.
pub(super) fn find_instance<'a>(
    resources: &'a RegionState,
    name: &str,
) -> Result<(&'a Source, &'a Instance), ServiceError> {
    let found = resources.sources.get(name).and_then(as_instance);
    found.ok_or_else(|| ServiceError::not_found("Instance", name))
}

fn as_instance(source: &Source) -> Option<(&Source, &Instance)> {
    match &source.detail {
        SourceDetail::Instance(instance) => Some((source, instance)),
        SourceDetail::Disk(_) => None,
    }
}

fn as_disk(source: &Source) -> Option<(&Source, &Disk)> {
    match &source.detail {
        SourceDetail::Disk(disk) => Some((source, disk)),
        SourceDetail::Instance(_) => None,
    }
}
