//! The calls of the command `lightsail-copies`. The function makes none of them.

use aws_sdk_lightsail::operation::RequestId;
use aws_sdk_lightsail::types::{self as sdk, DiskState, NetworkProtocol, PortInfo};

use super::classify::{accepted, listed};
use super::client::Lightsail;
use super::convert::{sdk_tags, whole};
use super::paging::Page;
use super::retry::{Call, Until};
use crate::model::failure::ApiError;
use crate::model::firewall::PortRule;
use crate::model::region::Region;
use crate::model::resource::ResourceKind;
use crate::model::restore::{ContainedDisk, Existing, Readiness, Restorable};

/// A disk to create from a snapshot.
pub struct NewDisk<'a> {
    /// Unique in the Region.
    pub name: &'a str,
    /// The snapshot's name.
    pub snapshot: &'a str,
    pub zone: &'a str,
    pub size_gb: u32,
    /// Keys and values.
    pub tags: &'a [(String, String)],
}

impl Lightsail {
    /// All manual snapshots of a Region, those of instances first.
    pub async fn restorable(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Vec<Restorable>, ApiError> {
        let until = until.into();
        let mut all = Vec::new();
        self.list(
            Call::new("GetInstanceSnapshots", region, until),
            |client, token| client.get_instance_snapshots().set_page_token(token).send(),
            |answer| Page {
                has_request_id: answer.request_id().is_some(),
                items: answer.instance_snapshots,
                next: answer.next_page_token,
            },
            |snapshot| all.push(snapshot.into()),
        )
        .await?;
        self.list(
            Call::new("GetDiskSnapshots", region, until),
            |client, token| client.get_disk_snapshots().set_page_token(token).send(),
            |answer| Page {
                has_request_id: answer.request_id().is_some(),
                items: answer.disk_snapshots,
                next: answer.next_page_token,
            },
            |snapshot| all.push(snapshot.into()),
        )
        .await?;
        Ok(all)
    }

    /// All instances of a Region.
    pub async fn existing_instances(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Vec<Existing>, ApiError> {
        let mut all = Vec::new();
        self.list(
            Call::new("GetInstances", region, until),
            |client, token| client.get_instances().set_page_token(token).send(),
            |answer| Page {
                has_request_id: answer.request_id().is_some(),
                items: answer.instances,
                next: answer.next_page_token,
            },
            |instance| all.push(instance.into()),
        )
        .await?;
        Ok(all)
    }

    /// All disks of a Region.
    pub async fn existing_disks(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Vec<Existing>, ApiError> {
        let mut all = Vec::new();
        self.list(
            Call::new("GetDisks", region, until),
            |client, token| client.get_disks().set_page_token(token).send(),
            |answer| Page {
                has_request_id: answer.request_id().is_some(),
                items: answer.disks,
                next: answer.next_page_token,
            },
            |disk| all.push(disk.into()),
        )
        .await?;
        Ok(all)
    }

    /// The Availability Zones of a Region that are available ([GetRegions]).
    ///
    /// [GetRegions]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetRegions.html
    pub async fn zones(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Vec<String>, ApiError> {
        let call = Call::new("GetRegions", region, until);
        let answer = self
            .call(call, |client| {
                let request = client.get_regions();
                request.include_availability_zones(true).send()
            })
            .await?;
        let has_request_id = answer.request_id().is_some();
        let regions = listed(call.operation, answer.regions, has_request_id)?;
        let is_region = |found: &sdk::Region| {
            let name = found.name.as_ref().map(|name| name.as_str());
            name == Some(region.as_str())
        };
        let zones = regions.into_iter().filter(is_region);
        let zones = zones.flat_map(|region| region.availability_zones.unwrap_or_default());
        let available = zones.filter(|zone| zone.state.as_deref() == Some("available"));
        Ok(available.filter_map(|zone| zone.zone_name).collect())
    }

    /// Creates a disk from a snapshot in its Region ([CreateDiskFromSnapshot]), with its tags.
    ///
    /// [CreateDiskFromSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateDiskFromSnapshot.html
    pub async fn create_disk(
        &self,
        region: Region,
        new: &NewDisk<'_>,
        until: impl Into<Until>,
    ) -> Result<(), ApiError> {
        let call = Call::new("CreateDiskFromSnapshot", region, until);
        let size = i32::try_from(new.size_gb).unwrap_or(i32::MAX);
        let tags = sdk_tags(new.tags);
        let answer = self
            .call(call, |client| {
                client
                    .create_disk_from_snapshot()
                    .disk_name(new.name)
                    .disk_snapshot_name(new.snapshot)
                    .availability_zone(new.zone)
                    .size_in_gb(size)
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        accepted(call.operation, answer.operations).map(|_operations| ())
    }

    /// Replaces the firewall of an instance ([PutInstancePublicPorts]).
    ///
    /// [PutInstancePublicPorts]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_PutInstancePublicPorts.html
    pub async fn put_ports(
        &self,
        region: Region,
        instance: &str,
        rules: &[PortRule],
        until: impl Into<Until>,
    ) -> Result<(), ApiError> {
        let call = Call::new("PutInstancePublicPorts", region, until);
        let ports: Vec<_> = rules.iter().map(port_info).collect();
        let answer = self
            .call(call, |client| {
                let request = client.put_instance_public_ports();
                let request = request.instance_name(instance);
                request.set_port_infos(Some(ports.clone())).send()
            })
            .await?;
        let operations = answer.operation.map(|operation| vec![operation]);
        accepted(call.operation, operations).map(|_operations| ())
    }
}

fn port_info(rule: &PortRule) -> PortInfo {
    PortInfo::builder()
        .protocol(NetworkProtocol::from(rule.protocol.as_str()))
        .from_port(rule.from_port)
        .to_port(rule.to_port)
        .set_cidrs(Some(rule.cidrs.clone()))
        .set_ipv6_cidrs(Some(rule.ipv6_cidrs.clone()))
        .set_cidr_list_aliases(Some(rule.cidr_list_aliases.clone()))
        .build()
}

impl From<sdk::InstanceSnapshot> for Restorable {
    fn from(snapshot: sdk::InstanceSnapshot) -> Self {
        let disks = snapshot.from_attached_disks.iter().flatten();
        let disks = disks.filter(|disk| disk.is_system_disk != Some(true));
        let disk = |disk: &sdk::Disk| ContainedDisk {
            name: disk.name.clone(),
            path: disk.path.clone().unwrap_or_default(),
            size_gb: whole(disk.size_in_gb),
        };
        Self {
            size_gb: whole(snapshot.size_in_gb),
            disks: disks.map(disk).collect(),
            snapshot: snapshot.into(),
        }
    }
}

impl From<sdk::DiskSnapshot> for Restorable {
    fn from(snapshot: sdk::DiskSnapshot) -> Self {
        Self {
            size_gb: whole(snapshot.size_in_gb),
            disks: Vec::new(),
            snapshot: snapshot.into(),
        }
    }
}

impl From<sdk::Instance> for Existing {
    fn from(instance: sdk::Instance) -> Self {
        let state = instance.state.as_ref();
        let state = state.and_then(|state| state.name.clone());
        let ipv6 = instance.ipv6_addresses.iter().flatten().next();
        Self {
            readiness: match state.as_deref() {
                Some("running" | "stopping" | "stopped") => Readiness::Ready,
                Some("shutting-down" | "terminated") => Readiness::Lost,
                _ => Readiness::Pending,
            },
            state: state.unwrap_or_default(),
            kind: ResourceKind::Instance,
            address: instance.public_ip_address.as_ref().or(ipv6).cloned(),
            is_system_disk: false,
            resource: instance.into(),
        }
    }
}

impl From<sdk::Disk> for Existing {
    fn from(disk: sdk::Disk) -> Self {
        Self {
            readiness: match disk.state {
                Some(DiskState::Available | DiskState::InUse) => Readiness::Ready,
                Some(DiskState::Error) => Readiness::Lost,
                _ => Readiness::Pending,
            },
            state: disk.state.as_ref().map_or("", DiskState::as_str).to_owned(),
            kind: ResourceKind::Disk,
            address: None,
            is_system_disk: disk.is_system_disk == Some(true),
            resource: disk.into(),
        }
    }
}
