//! The calls of the function. The names of methods and members are explained on the pages of
//! [the API](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Operations.html).

use std::collections::HashMap;

use aws_sdk_lightsail::operation::RequestId;
use aws_sdk_lightsail::types::{self as sdk, DiskMap, IpAddressType, ResourceType};

use super::client::Lightsail;
use super::convert::{auto_snapshot, sdk_tags};
use super::retry::{Call, Until};
use crate::model::bundle::Bundle;
use crate::model::copy::{CopySource, SnapshotCopy};
use crate::model::failure::{ApiError, existing};
use crate::model::operation::Operation;
use crate::model::region::Region;
use crate::model::resource::{AutoSnapshot, ResourceKind, Snapshot};

pub struct NewInstance<'a> {
    /// Unique in the Region.
    pub name: &'a str,
    pub snapshot: &'a str,
    pub zone: &'a str,
    pub bundle: &'a Bundle,
    /// The device of each attached disk in the snapshot, and the name that the new disk gets.
    pub disks: &'a [(String, String)],
    pub tags: &'a [(String, String)],
}

impl Lightsail {
    pub async fn copy_snapshot(
        &self,
        copy: &SnapshotCopy,
        until: impl Into<Until>,
    ) -> Result<Vec<Operation>, ApiError> {
        let call = Call::new("CopySnapshot", copy.destination, until);
        let answer = self.call(call, |client| {
            let request = client
                .copy_snapshot()
                .source_region(copy.source_region.as_str().into())
                .target_snapshot_name(copy.target.as_str());
            match &copy.source {
                CopySource::Manual { snapshot } => request.source_snapshot_name(&**snapshot),
                CopySource::Dated { resource, date } => request
                    .source_resource_name(&**resource)
                    .restore_date(date.to_string()),
                CopySource::Latest { resource } => request
                    .source_resource_name(&**resource)
                    .use_latest_restorable_auto_snapshot(true),
            }
            .send()
        });
        call.accepted(answer.await?.operations)
    }

    pub async fn auto_snapshots(
        &self,
        region: Region,
        resource: &str,
        until: impl Into<Until>,
    ) -> Result<Vec<AutoSnapshot>, ApiError> {
        let call = Call::new("GetAutoSnapshots", region, until);
        let answer = self.call(call, |client| {
            client.get_auto_snapshots().resource_name(resource).send()
        });
        let mut answer = answer.await?;
        let snapshots = answer.auto_snapshots.take();
        let snapshots = call.listed(snapshots, answer.request_id())?;
        Ok(snapshots.iter().filter_map(auto_snapshot).collect())
    }

    /// Finds the snapshot of an instance or disk by its name.
    pub async fn find_snapshot(
        &self,
        region: Region,
        name: &str,
        until: impl Into<Until>,
    ) -> Result<Option<Snapshot>, ApiError> {
        let until = until.into();
        let call = Call::new("GetInstanceSnapshot", region, until);
        let of_instance = self.call(call, |client| {
            let request = client.get_instance_snapshot();
            request.instance_snapshot_name(name).send()
        });
        if let Some(answer) = existing(of_instance.await)? {
            return Ok(Some(call.found(answer.instance_snapshot)?.into()));
        }
        let call = Call::new("GetDiskSnapshot", region, until);
        let of_disk = self.call(call, |client| {
            client.get_disk_snapshot().disk_snapshot_name(name).send()
        });
        match existing(of_disk.await)? {
            Some(answer) => Ok(Some(call.found(answer.disk_snapshot)?.into())),
            None => Ok(None),
        }
    }

    /// Whether a source is an instance or a disk. `None` if it is gone.
    pub async fn resource_kind(
        &self,
        region: Region,
        resource: &str,
        until: impl Into<Until>,
    ) -> Result<Option<ResourceKind>, ApiError> {
        let call = Call::new("GetAutoSnapshots", region, until);
        let answer = self.call(call, |client| {
            client.get_auto_snapshots().resource_name(resource).send()
        });
        let answer = existing(answer.await)?;
        Ok(match answer.and_then(|answer| answer.resource_type) {
            Some(ResourceType::Instance) => Some(ResourceKind::Instance),
            Some(ResourceType::Disk) => Some(ResourceKind::Disk),
            _ => None,
        })
    }

    /// Adds tags to a resource. Tags with other keys stay.
    pub async fn tag(
        &self,
        region: Region,
        name: &str,
        tags: &[(String, String)],
        until: impl Into<Until>,
    ) -> Result<(), ApiError> {
        let call = Call::new("TagResource", region, until);
        let tags = sdk_tags(tags);
        let answer = self.call(call, |client| {
            let request = client.tag_resource().resource_name(name);
            request.set_tags(Some(tags.clone())).send()
        });
        call.accepted(answer.await?.operations).map(drop)
    }

    /// Deletes the snapshot of an instance or disk. Returns no Operations if it is gone already.
    pub async fn delete_snapshot(
        &self,
        region: Region,
        kind: ResourceKind,
        name: &str,
        until: impl Into<Until>,
    ) -> Result<Vec<Operation>, ApiError> {
        let (call, deleted) = match kind {
            ResourceKind::Instance => {
                let call = Call::new("DeleteInstanceSnapshot", region, until);
                let deleted = self.call(call, |client| {
                    let request = client.delete_instance_snapshot();
                    request.instance_snapshot_name(name).send()
                });
                (call, deleted.await.map(|answer| answer.operations))
            }
            ResourceKind::Disk => {
                let call = Call::new("DeleteDiskSnapshot", region, until);
                let deleted = self.call(call, |client| {
                    let request = client.delete_disk_snapshot();
                    request.disk_snapshot_name(name).send()
                });
                (call, deleted.await.map(|answer| answer.operations))
            }
        };
        match existing(deleted)? {
            Some(operations) => call.accepted(operations),
            None => Ok(Vec::new()),
        }
    }

    /// The Availability Zones of a Region that are available.
    pub async fn zones(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Vec<String>, ApiError> {
        let call = Call::new("GetRegions", region, until);
        let answer = self.call(call, |client| {
            let request = client.get_regions();
            request.include_availability_zones(true).send()
        });
        let mut answer = answer.await?;
        let regions = answer.regions.take();
        let regions = call.listed(regions, answer.request_id())?;
        let is_region = |found: &sdk::Region| {
            let name = found.name.as_ref().map(|name| name.as_str());
            name == Some(region.as_str())
        };
        let zones = regions.into_iter().filter(is_region);
        let zones = zones.flat_map(|region| region.availability_zones.unwrap_or_default());
        let available = zones.filter(|zone| zone.state.as_deref() == Some("available"));
        Ok(available.filter_map(|zone| zone.zone_name).collect())
    }

    /// Creates an instance from a snapshot in its Region, with its tags and without add-ons. A bundle
    /// without IPv4 addresses needs `ipAddressType` `ipv6`; the default is `dualstack`.
    pub async fn create_instance(
        &self,
        region: Region,
        new: &NewInstance<'_>,
        until: impl Into<Until>,
    ) -> Result<(), ApiError> {
        let call = Call::new("CreateInstancesFromSnapshot", region, until);
        let disk = |(path, name): &(String, String)| {
            let disk = DiskMap::builder().original_disk_path(path);
            disk.new_disk_name(name).build()
        };
        let disks: Vec<_> = new.disks.iter().map(disk).collect();
        let disks = (!disks.is_empty()).then(|| HashMap::from([(new.name.to_owned(), disks)]));
        let is_ipv6_only = new.bundle.hardware.ipv4_addresses == 0;
        let answer = self.call(call, |client| {
            client
                .create_instances_from_snapshot()
                .instance_names(new.name)
                .instance_snapshot_name(new.snapshot)
                .bundle_id(&new.bundle.id)
                .set_ip_address_type(is_ipv6_only.then_some(IpAddressType::Ipv6))
                .availability_zone(new.zone)
                .set_attached_disk_mapping(disks.clone())
                .set_tags(Some(sdk_tags(new.tags)))
                .send()
        });
        call.accepted(answer.await?.operations).map(drop)
    }

    /// Deletes an instance and its add-ons, without which Lightsail would refuse. One that is gone
    /// counts as deleted.
    pub async fn delete_instance(
        &self,
        region: Region,
        name: &str,
        until: impl Into<Until>,
    ) -> Result<(), ApiError> {
        let call = Call::new("DeleteInstance", region, until);
        let deleted = self.call(call, |client| {
            let request = client.delete_instance().instance_name(name);
            request.force_delete_add_ons(true).send()
        });
        match existing(deleted.await)? {
            Some(answer) => call.accepted(answer.operations).map(drop),
            None => Ok(()),
        }
    }
}
