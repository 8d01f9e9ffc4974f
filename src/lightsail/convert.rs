//! The SDK's types to the model's.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_sdk_lightsail::primitives::DateTime;
use aws_sdk_lightsail::types::{
    self as sdk, AddOn, AutoSnapshotDetails, AutoSnapshotStatus, Disk, DiskSnapshot,
    DiskSnapshotState, Instance, InstancePlatform, InstancePortInfo, InstanceSnapshot,
    InstanceSnapshotState, IpAddressType, Tag,
};
use jiff::{Timestamp, Unit};

use crate::model::bundle::{Bundle, Hardware, is_ipv6_only};
use crate::model::firewall::{PortRule, ports_tags};
use crate::model::operation::{Location, Operation};
use crate::model::resource::{
    AutoSnapshot, InstanceState, InstanceStatus, Resource, ResourceKind, Snapshot, SnapshotState,
};
use crate::model::time::{RestoreDate, Time};

impl From<Instance> for Resource {
    fn from(instance: Instance) -> Self {
        let (hardware, is_windows) = (hardware(&instance), is_windows(&instance));
        Self {
            name: instance.name.unwrap_or_default().into(),
            tags: tags(instance.tags),
            created_at: timestamp(instance.created_at),
            automatic_snapshots: automatic_snapshots(instance.add_ons),
            is_windows,
            ports: instance.networking.and_then(|networking| {
                let rules = networking.ports?.into_iter().map(PortRule::from);
                Some(ports_tags(&rules.collect::<Vec<_>>()))
            }),
            size_gb: instance.hardware.and_then(|hardware| {
                let disks = hardware.disks.filter(|disks| !disks.is_empty())?;
                Some(size_gb(disks.iter().map(|disk| disk.size_in_gb)))
            }),
            attached_to: None,
            instance: Some(InstanceStatus {
                state: instance_state(instance.state.and_then(|state| state.name).as_deref()),
                public_address: instance.public_ip_address,
                hardware,
            }),
        }
    }
}

fn hardware(instance: &Instance) -> Option<Hardware> {
    let hardware = instance.hardware.as_ref()?;
    let mut disks = hardware.disks().iter();
    let system_disk = disks.find(|disk| disk.is_system_disk == Some(true));
    Some(Hardware {
        cpus: whole(hardware.cpu_count),
        ram_mib: mib(hardware.ram_size_in_gb),
        disk_gb: whole(system_disk.and_then(|disk| disk.size_in_gb)),
        is_windows: is_windows(instance),
        ipv4_addresses: u32::from(instance.ip_address_type != Some(IpAddressType::Ipv6)),
    })
}

/// `None` if the bundle has no id.
pub fn bundle(bundle: sdk::Bundle) -> Option<Bundle> {
    let platforms = bundle.supported_platforms.unwrap_or_default();
    let id = bundle.bundle_id?;
    let addresses = bundle.public_ipv4_address_count;
    Some(Bundle {
        hardware: Hardware {
            cpus: whole(bundle.cpu_count),
            ram_mib: mib(bundle.ram_size_in_gb),
            disk_gb: whole(bundle.disk_size_in_gb),
            is_windows: platforms.contains(&InstancePlatform::Windows),
            ipv4_addresses: addresses
                .map_or(u32::from(!is_ipv6_only(&id)), |count| whole(Some(count))),
        },
        price_cents: (bundle.price.unwrap_or_default() * 100.0).round() as u32,
        is_active: bundle.is_active != Some(false),
        id,
    })
}

/// An amount that is not given or negative is unknown.
pub fn whole(amount: Option<i32>) -> u32 {
    amount.unwrap_or(0).try_into().unwrap_or(0)
}

fn mib(gib: Option<f32>) -> u32 {
    (gib.unwrap_or_default() * 1024.0).round() as u32
}

fn instance_state(name: Option<&str>) -> InstanceState {
    match name {
        Some("running") => InstanceState::Running,
        Some("stopping" | "stopped") => InstanceState::Stopped,
        Some("shutting-down" | "terminated") => InstanceState::Ending,
        _ => InstanceState::Pending,
    }
}

impl From<InstancePortInfo> for PortRule {
    fn from(info: InstancePortInfo) -> Self {
        let protocol = info.protocol.as_ref().map_or("all", |name| name.as_str());
        Self {
            protocol: protocol.to_owned(),
            from_port: info.from_port,
            to_port: info.to_port,
            cidrs: info.cidrs.unwrap_or_default(),
            ipv6_cidrs: info.ipv6_cidrs.unwrap_or_default(),
            cidr_list_aliases: info.cidr_list_aliases.unwrap_or_default(),
        }
    }
}

impl From<Disk> for Resource {
    fn from(disk: Disk) -> Self {
        Self {
            name: disk.name.unwrap_or_default().into(),
            tags: tags(disk.tags),
            created_at: timestamp(disk.created_at),
            automatic_snapshots: automatic_snapshots(disk.add_ons),
            is_windows: false,
            ports: None,
            size_gb: disk.size_in_gb.map(|size| size_gb([Some(size)])),
            attached_to: disk.attached_to.filter(|instance| !instance.is_empty()),
            instance: None,
        }
    }
}

impl From<InstanceSnapshot> for Snapshot {
    fn from(snapshot: InstanceSnapshot) -> Self {
        let attached = snapshot.from_attached_disks.unwrap_or_default();
        let sizes = attached.iter().map(|disk| disk.size_in_gb);
        // `sizeInGb` is that of the system disk.
        let sizes = sizes.chain([snapshot.size_in_gb]);
        Self {
            name: snapshot.name.unwrap_or_default(),
            tags: tags(snapshot.tags),
            kind: ResourceKind::Instance,
            state: match snapshot.state {
                Some(InstanceSnapshotState::Available) => SnapshotState::Available,
                Some(InstanceSnapshotState::Error) => SnapshotState::Error,
                _ => SnapshotState::Pending,
            },
            created_at: timestamp(snapshot.created_at),
            from_region: arn_region(snapshot.from_instance_arn.as_deref()),
            from: snapshot.from_instance_name,
            size_gb: size_gb(sizes),
            attached_disks: attached.into_iter().filter_map(|disk| disk.name).collect(),
            bundle: snapshot.from_bundle_id,
        }
    }
}

impl From<DiskSnapshot> for Snapshot {
    fn from(snapshot: DiskSnapshot) -> Self {
        let arn = snapshot.from_disk_arn.or(snapshot.from_instance_arn);
        Self {
            name: snapshot.name.unwrap_or_default(),
            tags: tags(snapshot.tags),
            kind: ResourceKind::Disk,
            state: match snapshot.state {
                Some(DiskSnapshotState::Completed) => SnapshotState::Available,
                Some(DiskSnapshotState::Error) => SnapshotState::Error,
                Some(DiskSnapshotState::UnknownValue) => SnapshotState::Unknown,
                Some(other) if other.as_str() == "available" => SnapshotState::Available,
                _ => SnapshotState::Pending,
            },
            created_at: timestamp(snapshot.created_at),
            from_region: arn_region(arn.as_deref()),
            from: snapshot.from_disk_name.or(snapshot.from_instance_name),
            attached_disks: Vec::new(),
            bundle: None,
            size_gb: size_gb([snapshot.size_in_gb]),
        }
    }
}

/// `None` if the date cannot be read.
pub fn auto_snapshot(details: &AutoSnapshotDetails) -> Option<AutoSnapshot> {
    let RestoreDate(date) = details.date.as_deref()?.parse().ok()?;
    Some(AutoSnapshot {
        date,
        created_at: timestamp(details.created_at),
        restorable: details.status == Some(AutoSnapshotStatus::Success),
        in_progress: details.status == Some(AutoSnapshotStatus::InProgress),
    })
}

impl From<sdk::Operation> for Operation {
    fn from(operation: sdk::Operation) -> Self {
        let time = |time| timestamp(time).map(Time);
        let location = operation.location.map(|location| Location {
            availability_zone: location.availability_zone,
            region_name: location
                .region_name
                .map(|it| known(it.as_str(), sdk::RegionName::values())),
        });
        Self {
            id: operation.id,
            operation_type: operation
                .operation_type
                .map(|it| known(it.as_str(), sdk::OperationType::values())),
            status: operation
                .status
                .map(|it| known(it.as_str(), sdk::OperationStatus::values())),
            is_terminal: operation.is_terminal,
            resource_name: operation.resource_name,
            resource_type: operation
                .resource_type
                .map(|it| known(it.as_str(), sdk::ResourceType::values())),
            operation_details: operation.operation_details,
            created_at: time(operation.created_at),
            status_changed_at: time(operation.status_changed_at),
            location,
            error_code: operation.error_code,
            error_details: operation.error_details,
        }
    }
}

/// A value of the API. Those that the SDK knows take no memory.
fn known(value: &str, values: &[&'static str]) -> Cow<'static, str> {
    let known = values.iter().find(|known| **known == value);
    known.map_or_else(|| value.to_owned().into(), |known| Cow::Borrowed(*known))
}

/// The Region in an ARN such as `arn:aws:lightsail:us-west-2:111122223333:Instance/…`.
fn arn_region(arn: Option<&str>) -> Option<String> {
    let region = arn?.split(':').nth(3)?;
    (!region.is_empty()).then(|| region.to_owned())
}

/// Tags by key. A tag without a value has an empty one.
fn tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

fn size_gb(sizes: impl IntoIterator<Item = Option<i32>>) -> u32 {
    sizes.into_iter().map(whole).fold(0, u32::saturating_add)
}

pub fn sdk_tags(tags: &[(String, String)]) -> Vec<Tag> {
    let tags = tags.iter();
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// Whether the add-on `AutoSnapshot` is on.
fn automatic_snapshots(add_ons: Option<Vec<AddOn>>) -> bool {
    add_ons.unwrap_or_default().iter().any(|add_on| {
        add_on.name.as_deref() == Some("AutoSnapshot")
            && add_on.status.as_ref().is_some_and(|it| it != "Disabled")
    })
}

/// Whether an instance runs Windows, by its blueprint (`windows_server_2022`) or its bundle
/// (`medium_win_3_0`).
fn is_windows(instance: &Instance) -> bool {
    let (blueprint, bundle) = (&instance.blueprint_id, &instance.bundle_id);
    let is_blueprint = |id: &String| id.starts_with("windows");
    blueprint.as_ref().is_some_and(is_blueprint)
        || bundle.as_ref().is_some_and(|id| id.contains("_win_"))
}

/// The API sends seconds as a floating-point number. Digits below a millisecond are noise, so the
/// time is rounded to milliseconds.
fn timestamp(time: Option<DateTime>) -> Option<Timestamp> {
    let time = time?;
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    let time = Timestamp::new(time.secs(), nanoseconds).ok()?;
    time.round(Unit::Millisecond).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_arns() {
        let region = |arn| arn_region(Some(arn));
        assert_eq!(
            region("arn:aws:lightsail:us-west-2:111122223333:Instance/0710de23").as_deref(),
            Some("us-west-2")
        );
        for unknown in [
            "",
            "arn:aws:lightsail",
            "arn:aws:lightsail::111122223333:Instance/1",
        ] {
            assert_eq!(region(unknown), None);
        }
        assert_eq!(arn_region(None), None);
    }

    #[test]
    fn times_are_rounded_to_the_millisecond() {
        let text = |seconds| {
            timestamp(Some(DateTime::from_secs_f64(seconds)))
                .unwrap()
                .to_string()
        };
        assert_eq!(text(1.56961336589E9), "2019-09-27T19:42:45.89Z");
        assert_eq!(text(1.569613921044E9), "2019-09-27T19:52:01.044Z");
        assert_eq!(text(0.9999), "1970-01-01T00:00:01Z");
        assert_eq!(timestamp(Some(DateTime::from_secs(i64::MAX))), None);
    }

    #[test]
    fn states_of_snapshots_of_instances_and_of_disks() {
        let instance = |state: &str| {
            Snapshot::from(InstanceSnapshot::builder().state(state.into()).build()).state
        };
        let disk =
            |state: &str| Snapshot::from(DiskSnapshot::builder().state(state.into()).build()).state;
        assert_eq!(instance("pending"), SnapshotState::Pending);
        assert_eq!(instance("available"), SnapshotState::Available);
        assert_eq!(instance("error"), SnapshotState::Error);
        assert_eq!(disk("pending"), SnapshotState::Pending);
        assert_eq!(disk("completed"), SnapshotState::Available);
        assert_eq!(disk("available"), SnapshotState::Available);
        assert_eq!(disk("error"), SnapshotState::Error);
        assert_eq!(disk("unknown"), SnapshotState::Unknown);
        // A state that this version of the SDK does not have is no backup.
        assert_eq!(disk("archived"), SnapshotState::Pending);
        assert_eq!(instance("unknown"), SnapshotState::Pending);
    }

    #[test]
    fn windows_instances_are_known_by_blueprint_or_bundle() {
        for (blueprint, bundle, expected) in [
            (Some("windows_server_2022"), Some("medium_win_3_0"), true),
            (Some("windows_server_2022"), None, true),
            (None, Some("medium_win_3_0"), true),
            (Some("wordpress"), Some("medium_3_0"), false),
            (Some("not_windows"), Some("winter_3_0"), false),
            (None, None, false),
        ] {
            let instance = Instance::builder()
                .set_blueprint_id(blueprint.map(str::to_owned))
                .set_bundle_id(bundle.map(str::to_owned));
            let is_windows = Resource::from(instance.build()).is_windows;
            assert_eq!(is_windows, expected, "{blueprint:?} {bundle:?}");
        }
    }

    #[test]
    fn disks_name_the_instance_that_they_are_attached_to() {
        let attached_to = |instance: Option<&str>| {
            let disk = Disk::builder().set_attached_to(instance.map(str::to_owned));
            Resource::from(disk.build()).attached_to
        };
        assert_eq!(attached_to(Some("web")).as_deref(), Some("web"));
        assert_eq!(attached_to(Some("")), None);
        assert_eq!(attached_to(None), None);
    }

    #[test]
    fn resources_and_snapshots_have_their_time_of_creation() {
        let created = DateTime::from_secs(1_569_613_365);
        let expected = Some(Timestamp::from_second(1_569_613_365).unwrap());
        let instance = Instance::builder().created_at(created).build();
        let disk = Disk::builder().created_at(created).build();
        assert_eq!(Resource::from(instance).created_at, expected);
        assert_eq!(Resource::from(disk).created_at, expected);
        let of_instance = InstanceSnapshot::builder().created_at(created).build();
        let of_disk = DiskSnapshot::builder().created_at(created).build();
        assert_eq!(Snapshot::from(of_instance).created_at, expected);
        assert_eq!(Snapshot::from(of_disk).created_at, expected);
    }

    #[test]
    fn snapshots_of_instances_name_the_disks_that_they_contain() {
        let disk = |name: &str| Disk::builder().name(name).build();
        let snapshot = InstanceSnapshot::builder()
            .from_attached_disks(disk("Data-1"))
            // A system disk has no name.
            .from_attached_disks(Disk::builder().is_system_disk(true).build())
            .from_attached_disks(disk("Data-2"));
        assert_eq!(
            Snapshot::from(snapshot.build()).attached_disks,
            ["Data-1", "Data-2"]
        );
    }
}
