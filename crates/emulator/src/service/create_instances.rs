//! [CreateInstancesFromSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateInstancesFromSnapshot.html),
//! from manual snapshots.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::catalog::{self, Bundle};
use super::change::NewSource;
use super::create::{add, check_free, find_snapshot, zone};
use super::describe;
use super::fault::CallFault;
use super::ledger::Record;
use super::snapshot::{FromInstance, Snapshot, SnapshotDetail};
use super::source::{AttachedDisk, Attachment, Instance, SourceDetail};
use super::state::{RegionState, State};
use super::tags::{self, Tag};
use crate::api::error::ServiceError;
use crate::api::instance::InstanceState;
use crate::api::operation::Operation;
use crate::api::parameters::{self, required};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SourceKind, Tags};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceParameters<'a> {
    #[serde(borrow)]
    instance_names: Option<Vec<&'a str>>,
    #[serde(borrow)]
    attached_disk_mapping: Option<BTreeMap<&'a str, Vec<DiskMap<'a>>>>,
    availability_zone: Option<&'a str>,
    instance_snapshot_name: Option<&'a str>,
    bundle_id: Option<&'a str>,
    #[serde(borrow)]
    tags: Option<Vec<Tag<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiskMap<'a> {
    original_disk_path: &'a str,
    new_disk_name: &'a str,
}

/// Creates one instance for each name, and for each the disks in the snapshot. The instances get the
/// tags of the request, the disks none.
pub(crate) fn create_instances(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
    fault: &CallFault,
) -> Result<Vec<u8>, ServiceError> {
    let parameters: InstanceParameters<'_> = parameters::read(body)?;
    let names = parameters.instance_names.unwrap_or_default();
    if names.is_empty() {
        return Err(ServiceError::invalid_input("instanceNames is required."));
    }
    let zone = zone(region, parameters.availability_zone)?;
    let name = required("instanceSnapshotName", parameters.instance_snapshot_name)?;
    let bundle_id = required("bundleId", parameters.bundle_id)?;
    let tags = tags::read_tags(parameters.tags.unwrap_or_default())?;
    let resources = state.region(region);
    let (snapshot, from) = find_instance_snapshot(resources, now, name)?;
    let bundle = find_bundle(resources, bundle_id, snapshot, from)?;
    let mapping = parameters.attached_disk_mapping.unwrap_or_default();
    let disks = names
        .iter()
        .map(|name| new_disks(name, from, mapping.get(name).map_or(&[], Vec::as_slice)))
        .collect::<Result<Vec<_>, _>>()?;
    check_names(resources, &names, &disks)?;
    check_quota(resources, names.len())?;

    let ready_at = state.ready_at(now, fault);
    let instance = NewInstance {
        blueprint_id: from.blueprint_id.clone(),
        bundle,
        tags,
    };
    let mut records = Vec::new();
    for (name, disks) in names.iter().zip(disks) {
        if fault.failure.is_none() {
            instance.add(state, region, name, zone, now, ready_at)?;
            for (name, disk) in disks {
                let new = NewSource {
                    ready_at,
                    zone,
                    ..NewSource::disk(now, disk.size_in_gb, Some(disk.attachment))
                };
                add(state, region, &name, new)?;
            }
        }
        records.push(Record {
            id: state.ids.next(),
            created_at: now,
            operation: Operation::CreateInstancesFromSnapshot,
            resource_name: (*name).to_owned(),
            resource_type: ResourceType::Instance,
            details: None,
            outcome: fault.outcome_at(ready_at),
        });
    }
    let answer = describe::all_started(&records, region, now);
    for record in records {
        state.region_mut(region).ledger.add(record);
    }
    Ok(answer)
}

/// What the instances of one request have in common.
struct NewInstance {
    blueprint_id: String,
    bundle: &'static Bundle,
    tags: Tags,
}

impl NewInstance {
    fn add(
        &self,
        state: &mut State,
        region: Region,
        name: &str,
        zone: char,
        now: Timestamp,
        ready_at: Timestamp,
    ) -> Result<(), ServiceError> {
        let instance = Instance {
            blueprint_id: self.blueprint_id.clone(),
            bundle: self.bundle,
            ports: catalog::default_ports(&self.blueprint_id),
            state: InstanceState::Running,
            public_ip_address: state.settings.new_public_ip_address.clone(),
        };
        let new = NewSource {
            created_at: now,
            ready_at,
            zone,
            tags: self.tags.clone(),
            size_in_gb: self.bundle.disk_in_gb,
            makes_auto_snapshots: false,
            auto_snapshots: BTreeMap::new(),
            detail: SourceDetail::Instance(instance),
        };
        add(state, region, name, new)
    }
}

/// A disk to create and attach.
struct NewDisk {
    size_in_gb: u32,
    attachment: Attachment,
}

fn find_instance_snapshot<'a>(
    resources: &'a RegionState,
    now: Timestamp,
    name: &str,
) -> Result<(&'a Snapshot, &'a FromInstance), ServiceError> {
    let snapshot = find_snapshot(resources, now, SourceKind::Instance, name)?;
    match &snapshot.detail {
        SnapshotDetail::Instance(from) => Ok((snapshot, from)),
        SnapshotDetail::Disk => Err(ServiceError::not_found("InstanceSnapshot", name)),
    }
}

/// The bundle, if the Region offers it and it suits the snapshot.
fn find_bundle(
    resources: &RegionState,
    id: &str,
    snapshot: &Snapshot,
    from: &FromInstance,
) -> Result<&'static Bundle, ServiceError> {
    let found = catalog::find_bundle(id).filter(|bundle| resources.offers(bundle));
    let Some(bundle) = found else {
        return Err(ServiceError::invalid_input(format!(
            "The bundle is not available in this Region: {id}"
        )));
    };
    if bundle.is_windows() != catalog::is_windows(&from.blueprint_id) {
        return Err(ServiceError::invalid_input(format!(
            "The bundle does not support the platform of the snapshot: {id}"
        )));
    }
    if bundle.disk_in_gb < snapshot.size_in_gb {
        return Err(ServiceError::invalid_input(format!(
            "The bundle's disk is smaller than the snapshot, {} GB: {id}",
            snapshot.size_in_gb
        )));
    }
    Ok(bundle)
}

/// The disks in a snapshot under their new names. A disk that the request does not map is named
/// after the instance and itself.
fn new_disks(
    instance: &str,
    from: &FromInstance,
    mapping: &[DiskMap<'_>],
) -> Result<Vec<(String, NewDisk)>, ServiceError> {
    for DiskMap {
        original_disk_path: path,
        ..
    } in mapping
    {
        if !from.attached_disks.iter().any(|disk| disk.path == *path) {
            return Err(ServiceError::invalid_input(format!(
                "The snapshot has no disk with this path: {path}"
            )));
        }
    }
    let named = |disk: &AttachedDisk| {
        let mapped = mapping
            .iter()
            .find(|map| map.original_disk_path == disk.path);
        let name = match mapped {
            Some(map) => map.new_disk_name.to_owned(),
            None => format!("{instance}-{}", disk.name),
        };
        let disk = NewDisk {
            size_in_gb: disk.size_in_gb,
            attachment: Attachment {
                instance: instance.to_owned(),
                path: disk.path.clone(),
            },
        };
        (name, disk)
    };
    Ok(from.attached_disks.iter().map(named).collect())
}

fn check_names(
    resources: &RegionState,
    instances: &[&str],
    disks: &[Vec<(String, NewDisk)>],
) -> Result<(), ServiceError> {
    let mut names = BTreeSet::new();
    let disks = disks.iter().flatten().map(|(name, _)| name.as_str());
    for name in instances.iter().copied().chain(disks) {
        check_free(resources, name)?;
        if !names.insert(name) {
            return Err(ServiceError::invalid_input(format!(
                "The request uses a name twice: {name}"
            )));
        }
    }
    Ok(())
}

fn check_quota(resources: &RegionState, more: usize) -> Result<(), ServiceError> {
    let instances = resources
        .sources
        .values()
        .filter(|source| source.kind() == SourceKind::Instance)
        .count();
    match resources.instance_quota {
        Some(quota) if instances + more > quota => Err(ServiceError::invalid_input(
            "Sorry, you've reached the maximum number of instances for your account.",
        )),
        _ => Ok(()),
    }
}
