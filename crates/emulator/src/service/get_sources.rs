//! The operations that read resources and Regions.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::describe;
use super::state::State;
use crate::api::error::ServiceError;
use crate::api::members::{self, AutoSnapshotsResult, Page, RegionsResult, Single};
use crate::api::operation::Operation;
use crate::api::paging::Token;
use crate::api::parameters;
use crate::api::region::Region;
use crate::api::resource::SourceKind;

/// GetInstances and GetDisks, in the order of names.
pub(crate) fn get_sources(
    state: &State,
    region: Region,
    body: &Value,
    kind: SourceKind,
) -> Result<Vec<u8>, ServiceError> {
    let operation = match kind {
        SourceKind::Instance => Operation::GetInstances,
        SourceKind::Disk => Operation::GetDisks,
    };
    let sources = &state.region(region).sources;
    let (page, next) = page(state, operation, body, sources, |source| {
        source.kind == kind
    })?;
    let items = page.iter();
    Ok(match kind {
        SourceKind::Instance => members::json(&Page {
            list: "instances",
            items: items.map(|(name, source)| describe::instance(name, source, region)),
            next,
        }),
        SourceKind::Disk => members::json(&Page {
            list: "disks",
            items: items.map(|(name, source)| describe::disk(name, source, region)),
            next,
        }),
    })
}

/// GetInstance and GetDisk.
pub(crate) fn get_source(
    state: &State,
    region: Region,
    body: &Value,
    kind: SourceKind,
) -> Result<Vec<u8>, ServiceError> {
    let parameter = match kind {
        SourceKind::Instance => "instanceName",
        SourceKind::Disk => "diskName",
    };
    let name = parameters::name(body, parameter)?;
    let sources = &state.region(region).sources;
    let source = sources
        .get(name)
        .filter(|source| source.kind == kind)
        .ok_or_else(|| ServiceError::not_found(kind.resource_type().as_str(), name))?;
    Ok(match kind {
        SourceKind::Instance => members::json(&Single {
            name: "instance",
            item: describe::instance(name, source, region),
        }),
        SourceKind::Disk => members::json(&Single {
            name: "disk",
            item: describe::disk(name, source, region),
        }),
    })
}

/// GetAutoSnapshots, newest first.
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
        resource_type: source.kind.resource_type(),
        auto_snapshots: newest_first
            .map(|(date, snapshot)| describe::auto_snapshot(*date, snapshot))
            .collect(),
    }))
}

/// GetInstanceSnapshots and GetDiskSnapshots, in the order of names.
pub(crate) fn get_snapshots(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
    kind: SourceKind,
) -> Result<Vec<u8>, ServiceError> {
    let operation = match kind {
        SourceKind::Instance => Operation::GetInstanceSnapshots,
        SourceKind::Disk => Operation::GetDiskSnapshots,
    };
    let snapshots = &state.region(region).snapshots;
    let (page, next) = page(state, operation, body, snapshots, |snapshot| {
        snapshot.kind == kind
    })?;
    let items = page.iter();
    Ok(match kind {
        SourceKind::Instance => members::json(&Page {
            list: "instanceSnapshots",
            items: items
                .map(|(name, snapshot)| describe::instance_snapshot(name, snapshot, region, now)),
            next,
        }),
        SourceKind::Disk => members::json(&Page {
            list: "diskSnapshots",
            items: items
                .map(|(name, snapshot)| describe::disk_snapshot(name, snapshot, region, now)),
            next,
        }),
    })
}

/// GetInstanceSnapshot and GetDiskSnapshot.
pub(crate) fn get_snapshot(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
    kind: SourceKind,
) -> Result<Vec<u8>, ServiceError> {
    let parameter = match kind {
        SourceKind::Instance => "instanceSnapshotName",
        SourceKind::Disk => "diskSnapshotName",
    };
    let name = parameters::name(body, parameter)?;
    let snapshots = &state.region(region).snapshots;
    let snapshot = snapshots
        .get(name)
        .filter(|snapshot| snapshot.kind == kind)
        .ok_or_else(|| ServiceError::not_found(kind.snapshot_type().as_str(), name))?;
    Ok(match kind {
        SourceKind::Instance => members::json(&Single {
            name: "instanceSnapshot",
            item: describe::instance_snapshot(name, snapshot, region, now),
        }),
        SourceKind::Disk => members::json(&Single {
            name: "diskSnapshot",
            item: describe::disk_snapshot(name, snapshot, region, now),
        }),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegionsParameters {
    include_availability_zones: Option<bool>,
    include_relational_database_availability_zones: Option<bool>,
}

/// GetRegions. The answer is the same in every Region.
pub(crate) fn get_regions(body: &Value) -> Result<Vec<u8>, ServiceError> {
    let parameters: RegionsParameters = parameters::read(body)?;
    let zones = parameters.include_availability_zones == Some(true);
    let database_zones = parameters.include_relational_database_availability_zones == Some(true);
    Ok(members::json(&RegionsResult {
        regions: Region::ALL
            .iter()
            .map(|&region| describe::region(region, zones, database_zones))
            .collect(),
    }))
}

type NamedItems<'a, T> = Vec<(&'a String, &'a T)>;

/// The requested page of those resources that match the filter, and the token of the next page.
fn page<'a, T>(
    state: &State,
    operation: Operation,
    body: &Value,
    resources: &'a BTreeMap<String, T>,
    filter: impl Fn(&T) -> bool,
) -> Result<(NamedItems<'a, T>, Option<String>), ServiceError> {
    let token = Token::read(operation, body)?;
    let start = match token.after() {
        Some(name) => Bound::Excluded(name),
        None => Bound::Unbounded,
    };
    let mut items: Vec<_> = resources
        .range::<str, _>((start, Bound::Unbounded))
        .filter(|(_, resource)| filter(resource))
        .take(state.settings.page_size + 1)
        .collect();
    let next = token.next(&mut items, state.settings.page_size, |(name, _)| name);
    Ok((items, next))
}
