//! The calls that only this command makes, and what restoring copies needs to know beyond what the
//! function reads.

use aws_sdk_lightsail::types::{self as sdk, DiskState, NetworkProtocol, PortInfo};
use lightsail_snapshot_copier::{
    ApiError, Call, Lightsail, PortRule, Region, Resource, ResourceKind, Snapshot, Until, sdk_tags,
    whole,
};

/// A snapshot, and the sizes of the disks that can be created from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restorable {
    pub snapshot: Snapshot,
    /// The size of the disk, or of the instance's system disk.
    pub size_gb: u32,
    /// The other disks that a snapshot of an instance contains.
    pub disks: Vec<ContainedDisk>,
}

/// A disk in a snapshot of the instance that it was attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainedDisk {
    pub name: Option<String>,
    /// The device: `/dev/xvdf`.
    pub path: String,
    pub size_gb: u32,
}

/// An instance or disk that exists in the Region of the copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    pub resource: Resource,
    pub kind: ResourceKind,
    /// As Lightsail calls it: `running`, `in-use`.
    pub state: String,
    pub readiness: Readiness,
    /// The public IPv4 address of an instance, or its first IPv6 address.
    pub address: Option<String>,
    /// Whether it is the system disk of an instance.
    pub is_system_disk: bool,
}

/// Whether an instance or disk can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Lightsail creates it.
    Pending,
    Ready,
    /// It failed, or is being deleted.
    Lost,
}

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

/// All manual snapshots of a Region, those of instances first.
pub async fn restorable(
    lightsail: &Lightsail,
    region: Region,
    until: impl Into<Until>,
) -> Result<Vec<Restorable>, ApiError> {
    let until = until.into();
    let mut all = Vec::new();
    for kind in ResourceKind::ALL {
        let read = lightsail.snapshots(region, kind, until, |snapshot| all.push(snapshot));
        read.await?;
    }
    Ok(all)
}

/// Creates a disk from a snapshot in its Region, with its tags.
pub async fn create_disk(
    lightsail: &Lightsail,
    region: Region,
    new: &NewDisk<'_>,
    until: impl Into<Until>,
) -> Result<(), ApiError> {
    let call = Call::new("CreateDiskFromSnapshot", region, until);
    let size = i32::try_from(new.size_gb).unwrap_or(i32::MAX);
    let answer = lightsail.call(call, |client| {
        client
            .create_disk_from_snapshot()
            .disk_name(new.name)
            .disk_snapshot_name(new.snapshot)
            .availability_zone(new.zone)
            .size_in_gb(size)
            .set_tags(Some(sdk_tags(new.tags)))
            .send()
    });
    call.accepted(answer.await?.operations).map(drop)
}

/// Replaces the firewall of an instance.
pub async fn put_ports(
    lightsail: &Lightsail,
    region: Region,
    instance: &str,
    rules: &[PortRule],
    until: impl Into<Until>,
) -> Result<(), ApiError> {
    let call = Call::new("PutInstancePublicPorts", region, until);
    let answer = lightsail.call(call, |client| {
        let request = client.put_instance_public_ports();
        let ports = rules.iter().map(port_info).collect();
        let request = request.instance_name(instance);
        request.set_port_infos(Some(ports)).send()
    });
    let operation = answer.await?.operation;
    let operations = operation.map(|operation| vec![operation]);
    call.accepted(operations).map(drop)
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
