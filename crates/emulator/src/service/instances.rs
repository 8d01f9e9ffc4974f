//! [CreateInstances](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateInstances.html) and
//! [CreateInstancesFromSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateInstancesFromSnapshot.html),
//! from manual snapshots.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::add_on;
use super::context::{Answer, Context};
use super::create::{Creation, Hardware, New, check_quota, find_bundle, find_snapshot};
use super::origin::AttachedDisk;
use super::resource::Snapshot;
use super::tags;
use crate::api::error::ServiceError;
use crate::api::instance::IpAddressType;
use crate::api::parameters::required;
use crate::api::resource::{ResourceType, SourceKind};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    #[serde(borrow)]
    instance_names: Option<Vec<&'a str>>,
    #[serde(borrow)]
    attached_disk_mapping: Option<BTreeMap<&'a str, Vec<DiskMap<'a>>>>,
    availability_zone: Option<&'a str>,
    instance_snapshot_name: Option<&'a str>,
    blueprint_id: Option<&'a str>,
    bundle_id: Option<&'a str>,
    ip_address_type: Option<IpAddressType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiskMap<'a> {
    original_disk_path: &'a str,
    new_disk_name: &'a str,
}

impl<'a> Parameters<'a> {
    /// Takes the names of the instances.
    fn names(&mut self) -> Result<Vec<&'a str>, ServiceError> {
        match self.instance_names.take() {
            Some(names) if !names.is_empty() => Ok(names),
            _ => Err(ServiceError::invalid_input("instanceNames is required.")),
        }
    }

    /// The hardware that the request asks for, with the platform of this blueprint.
    fn hardware(
        &self,
        context: &Context<'_>,
        blueprint_id: &str,
    ) -> Result<Hardware, ServiceError> {
        let bundle_id = required("bundleId", self.bundle_id)?;
        let addresses = self.ip_address_type.unwrap_or_default();
        Ok(Hardware {
            blueprint_id: blueprint_id.to_owned(),
            bundle: find_bundle(context, bundle_id, blueprint_id, addresses)?,
            addresses,
        })
    }

    /// What each instance gets from the request.
    fn of_each(self, context: &Context<'_>, made_from: Option<&str>) -> Result<New, ServiceError> {
        Ok(New {
            tags: tags::of_new(context, ResourceType::Instance)?,
            auto_snapshots: add_on::of_new(context)?,
            made_from: made_from.map(str::to_owned),
        })
    }
}

pub(super) fn create_instances(context: &mut Context<'_>) -> Answer {
    let mut parameters: Parameters<'_> = context.parameters()?;
    let names = parameters.names()?;
    let creation = Creation::new(context, parameters.availability_zone)?;
    let blueprint_id = required("blueprintId", parameters.blueprint_id)?;
    let hardware = parameters.hardware(context, blueprint_id)?;
    let new = parameters.of_each(context, None)?;
    check_names(context, &names, &[])?;
    check_quota(context, names.len())?;
    let operations = names
        .iter()
        .map(|name| creation.instance(context, name, &hardware, new.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "operations": operations }))
}

/// Creates one instance for each name, and for each the disks in the snapshot. The instances get the
/// tags of the request, the disks none.
pub(super) fn create_instances_from_snapshot(context: &mut Context<'_>) -> Answer {
    let mut parameters: Parameters<'_> = context.parameters()?;
    let names = parameters.names()?;
    let creation = Creation::new(context, parameters.availability_zone)?;
    required("bundleId", parameters.bundle_id)?;
    let name = required("instanceSnapshotName", parameters.instance_snapshot_name)?;
    let snapshot = find_snapshot(context, SourceKind::Instance, name)?;
    let hardware = parameters.hardware(context, &snapshot.from.blueprint_id)?;
    if hardware.bundle.disk_in_gb() < snapshot.size_in_gb {
        return Err(ServiceError::invalid_input(format!(
            "The bundle's disk is smaller than the snapshot, {} GB: {}",
            snapshot.size_in_gb,
            hardware.bundle.id()
        )));
    }
    let mapping = parameters.attached_disk_mapping.take().unwrap_or_default();
    let disks = names
        .iter()
        .map(|name| new_disks(name, snapshot, mapping.get(name).map_or(&[], Vec::as_slice)))
        .collect::<Result<Vec<_>, _>>()?;
    let new = parameters.of_each(context, Some(name))?;
    check_names(context, &names, &disks)?;
    check_quota(context, names.len())?;

    let mut operations = Vec::new();
    for (name, disks) in names.iter().zip(disks) {
        operations.push(creation.instance(context, name, &hardware, new.clone())?);
        for disk in disks {
            let attachment = Some((*name, &*disk.path));
            creation.disk(
                context,
                &disk.name,
                disk.size_in_gb,
                attachment,
                New::default(),
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
        context.check_new_name(name)?;
        if !names.insert(name) {
            return Err(ServiceError::invalid_input(format!(
                "The request uses a name twice: {name}"
            )));
        }
    }
    Ok(())
}
