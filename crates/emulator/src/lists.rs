//! The operations that only read: instances, disks, their automatic snapshots, manual snapshots, Regions.

use crate::error::ServiceError;
use crate::members::{
    self, AutoSnapshotMembers, AutoSnapshotsResult, DiskMembers, DiskSnapshotMembers,
    InstanceMembers, InstanceSnapshotMembers, Page, RegionMembers, RegionsResult, Single,
};
use crate::operation::Operation;
use crate::paging::Token;
use crate::parameters;
use crate::region::Region;
use crate::resource::{Snapshot, Source, SourceKind};
use crate::state::{Answer, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Bound;

/// GetInstances and GetDisks, by name.
pub(crate) fn get_sources(state: &State, region: Region, body: &Value, kind: SourceKind) -> Answer {
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
            items: items.map(|(name, source)| InstanceMembers::of(name, source, region)),
            next,
        }),
        SourceKind::Disk => members::json(&Page {
            list: "disks",
            items: items.map(|(name, source)| DiskMembers::of(name, source, region)),
            next,
        }),
    })
}

/// GetInstance and GetDisk.
pub(crate) fn get_source(state: &State, region: Region, body: &Value, kind: SourceKind) -> Answer {
    let parameter = match kind {
        SourceKind::Instance => "instanceName",
        SourceKind::Disk => "diskName",
    };
    let name = parameters::name(body, parameter)?;
    let source = find_source(state, region, name)
        .filter(|source| source.kind == kind)
        .ok_or_else(|| ServiceError::not_found(kind.resource_type().as_str(), name))?;
    Ok(match kind {
        SourceKind::Instance => members::json(&Single {
            name: "instance",
            item: InstanceMembers::of(name, source, region),
        }),
        SourceKind::Disk => members::json(&Single {
            name: "disk",
            item: DiskMembers::of(name, source, region),
        }),
    })
}

/// GetAutoSnapshots: of an instance or a disk, newest first.
pub(crate) fn get_auto_snapshots(state: &State, region: Region, body: &Value) -> Answer {
    let name = parameters::name(body, "resourceName")?;
    let source = find_source(state, region, name)
        .ok_or_else(|| ServiceError::not_found("Instance or Disk", name))?;
    let newest_first = source.auto_snapshots.iter().rev();
    Ok(members::json(&AutoSnapshotsResult {
        resource_name: name,
        resource_type: source.kind.resource_type(),
        auto_snapshots: newest_first
            .map(|(date, snapshot)| AutoSnapshotMembers::of(*date, snapshot))
            .collect(),
    }))
}

/// GetInstanceSnapshots and GetDiskSnapshots, by name.
pub(crate) fn get_snapshots(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
    kind: SourceKind,
) -> Answer {
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
                .map(|(name, snapshot)| InstanceSnapshotMembers::of(name, snapshot, region, now)),
            next,
        }),
        SourceKind::Disk => members::json(&Page {
            list: "diskSnapshots",
            items: items
                .map(|(name, snapshot)| DiskSnapshotMembers::of(name, snapshot, region, now)),
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
) -> Answer {
    let parameter = match kind {
        SourceKind::Instance => "instanceSnapshotName",
        SourceKind::Disk => "diskSnapshotName",
    };
    let name = parameters::name(body, parameter)?;
    let snapshots = &state.region(region).snapshots;
    let snapshot: &Snapshot = snapshots
        .get(name)
        .filter(|snapshot| snapshot.kind == kind)
        .ok_or_else(|| ServiceError::not_found(kind.snapshot_type().as_str(), name))?;
    Ok(match kind {
        SourceKind::Instance => members::json(&Single {
            name: "instanceSnapshot",
            item: InstanceSnapshotMembers::of(name, snapshot, region, now),
        }),
        SourceKind::Disk => members::json(&Single {
            name: "diskSnapshot",
            item: DiskSnapshotMembers::of(name, snapshot, region, now),
        }),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegionsParameters {
    include_availability_zones: Option<bool>,
    include_relational_database_availability_zones: Option<bool>,
}

/// GetRegions: all of them, from wherever it is asked.
pub(crate) fn get_regions(body: &Value) -> Answer {
    let parameters: RegionsParameters = parameters::read(body)?;
    let zones = parameters.include_availability_zones == Some(true);
    let database_zones = parameters.include_relational_database_availability_zones == Some(true);
    Ok(members::json(&RegionsResult {
        regions: Region::ALL
            .iter()
            .map(|&region| RegionMembers::of(region, zones, database_zones))
            .collect(),
    }))
}

fn find_source<'a>(state: &'a State, region: Region, name: &str) -> Option<&'a Source> {
    state.region(region).sources.get(name)
}

type NamedItems<'a, T> = Vec<(&'a String, &'a T)>;

/// The page that a request asks for of those resources that are `listed`, and the token of the next.
fn page<'a, T>(
    state: &State,
    operation: Operation,
    body: &Value,
    resources: &'a BTreeMap<String, T>,
    listed: impl Fn(&T) -> bool,
) -> Result<(NamedItems<'a, T>, Option<String>), ServiceError> {
    let token = Token::of(operation, body)?;
    let start = match token.after() {
        Some(name) => Bound::Excluded(name),
        None => Bound::Unbounded,
    };
    let mut items: Vec<_> = resources
        .range::<str, _>((start, Bound::Unbounded))
        .filter(|(_, resource)| listed(resource))
        .take(state.page_size + 1)
        .collect();
    let next = token.next(&mut items, state.page_size, |(name, _)| name);
    Ok((items, next))
}
