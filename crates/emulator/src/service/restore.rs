//! [CreateInstancesFromSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateInstancesFromSnapshot.html),
//! from manual snapshots.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::context::{Answer, Context};
use super::create::{Creation, Hardware, check_quota, find_bundle, find_snapshot};
use super::resource::{AttachedDisk, Snapshot};
use super::tags::{self, Tag};
use crate::api::error::ServiceError;
use crate::api::instance::IpAddressType;
use crate::api::parameters::required;
use crate::api::resource::{SourceKind, Tags};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    #[serde(borrow)]
    instance_names: Option<Vec<&'a str>>,
    #[serde(borrow)]
    attached_disk_mapping: Option<BTreeMap<&'a str, Vec<DiskMap<'a>>>>,
    availability_zone: Option<&'a str>,
    instance_snapshot_name: Option<&'a str>,
    bundle_id: Option<&'a str>,
    ip_address_type: Option<IpAddressType>,
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
pub(super) fn create_instances_from_snapshot(context: &mut Context<'_>) -> Answer {
    let parameters: Parameters<'_> = context.parameters()?;
    let names = parameters.instance_names.unwrap_or_default();
    if names.is_empty() {
        return Err(ServiceError::invalid_input("instanceNames is required."));
    }
    let creation = Creation::new(context, parameters.availability_zone)?;
    let name = required("instanceSnapshotName", parameters.instance_snapshot_name)?;
    let bundle_id = required("bundleId", parameters.bundle_id)?;
    let tags = tags::read_tags(parameters.tags.unwrap_or_default())?;
    let snapshot = find_snapshot(context, SourceKind::Instance, name)?;
    let blueprint_id = snapshot.from.blueprint_id.clone();
    let addresses = parameters.ip_address_type.unwrap_or_default();
    let bundle = find_bundle(context, bundle_id, &blueprint_id, addresses)?;
    if bundle.disk_in_gb() < snapshot.size_in_gb {
        return Err(ServiceError::invalid_input(format!(
            "The bundle's disk is smaller than the snapshot, {} GB: {bundle_id}",
            snapshot.size_in_gb
        )));
    }
    let mapping = parameters.attached_disk_mapping.unwrap_or_default();
    let disks = names
        .iter()
        .map(|name| new_disks(name, snapshot, mapping.get(name).map_or(&[], Vec::as_slice)))
        .collect::<Result<Vec<_>, _>>()?;
    check_names(context, &names, &disks)?;
    check_quota(context, names.len())?;

    let hardware = Hardware {
        blueprint_id,
        bundle,
        addresses,
    };
    let mut operations = Vec::new();
    for (name, disks) in names.iter().zip(disks) {
        operations.push(creation.instance(context, name, &hardware, tags.clone())?);
        for disk in disks {
            let attachment = Some((*name, &*disk.path));
            creation.disk(
                context,
                &disk.name,
                disk.size_in_gb,
                attachment,
                Tags::new(),
            )?;
        }
    }
    Ok(json!({ "operations": operations }))
}

/// The disks in a snapshot under their new names. A disk that the request does not map is named
/// after the instance and itself.
fn new_disks(
    instance: &str,
    snapshot: &Snapshot,
    mapping: &[DiskMap<'_>],
) -> Result<Vec<AttachedDisk>, ServiceError> {
    let disks = &snapshot.from.attached_disks;
    let unknown = mapping
        .iter()
        .find(|map| disks.iter().all(|disk| disk.path != map.original_disk_path));
    if let Some(map) = unknown {
        return Err(ServiceError::invalid_input(format!(
            "The snapshot has no disk with this path: {}",
            map.original_disk_path
        )));
    }
    let renamed = disks.iter().map(|disk| {
        let mut maps = mapping.iter();
        let map = maps.find(|map| map.original_disk_path == disk.path);
        let name = map.map(|map| map.new_disk_name.to_owned());
        AttachedDisk {
            name: name.unwrap_or_else(|| format!("{instance}-{}", disk.name)),
            ..disk.clone()
        }
    });
    Ok(renamed.collect())
}

fn check_names(
    context: &Context<'_>,
    instances: &[&str],
    disks: &[Vec<AttachedDisk>],
) -> Result<(), ServiceError> {
    let mut names = BTreeSet::new();
    let disks = disks.iter().flatten().map(|disk| disk.name.as_str());
    for name in instances.iter().copied().chain(disks) {
        context.check_free(name)?;
        if !names.insert(name) {
            return Err(ServiceError::invalid_input(format!(
                "The request uses a name twice: {name}"
            )));
        }
    }
    Ok(())
}
