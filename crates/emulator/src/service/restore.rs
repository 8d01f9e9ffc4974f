//! [CreateInstancesFromSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateInstancesFromSnapshot.html),
//! from manual snapshots.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::catalog::{self, Bundle};
use super::context::{Answer, Context};
use super::create::{Creation, find_snapshot};
use super::resource::{AttachedDisk, Snapshot};
use super::tags::{self, Tag};
use crate::api::error::ServiceError;
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
    let bundle = find_bundle(context, bundle_id, snapshot)?;
    let blueprint_id = snapshot.from.blueprint_id.clone();
    let mapping = parameters.attached_disk_mapping.unwrap_or_default();
    let disks = names
        .iter()
        .map(|name| new_disks(name, snapshot, mapping.get(name).map_or(&[], Vec::as_slice)))
        .collect::<Result<Vec<_>, _>>()?;
    check_names(context, &names, &disks)?;
    check_quota(context, names.len())?;

    let mut operations = Vec::new();
    for (name, disks) in names.iter().zip(disks) {
        operations.push(creation.instance(context, name, &blueprint_id, bundle, tags.clone())?);
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

/// The bundle, if the Region offers it and it suits the snapshot.
fn find_bundle(
    context: &Context<'_>,
    id: &str,
    snapshot: &Snapshot,
) -> Result<&'static Bundle, ServiceError> {
    let found = catalog::find_bundle(id).filter(|bundle| context.here().offers(bundle));
    let Some(bundle) = found else {
        return Err(ServiceError::invalid_input(format!(
            "The bundle is not available in this Region: {id}"
        )));
    };
    if bundle.is_windows() != catalog::is_windows(&snapshot.from.blueprint_id) {
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

fn check_quota(context: &Context<'_>, more: usize) -> Result<(), ServiceError> {
    let instances = context.here().instances().count();
    match context.here().instance_quota {
        Some(quota) if instances + more > quota => Err(ServiceError::invalid_input(
            "Sorry, you've reached the maximum number of instances for your account.",
        )),
        _ => Ok(()),
    }
}
