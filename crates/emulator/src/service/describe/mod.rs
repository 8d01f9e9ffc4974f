//! Turns resources and operations into the API's members.

use jiff::Timestamp;
use jiff::civil::Date;

use super::ledger::Record;
use super::snapshot::Snapshot;
use super::source::{AUTO_SNAPSHOT_HOUR, AutoSnapshot, Source};
use crate::api::members::{
    AddOn, AutoSnapshotDetails, AvailabilityZone, Disk, DiskSnapshot, Hardware, Instance,
    InstanceSnapshot, InstanceState, Location, MonthlyTransfer, Networking, Operation,
    OperationsResult, Percent, RegionInfo, SystemDisk, TagList, Text, Time, Zone, json,
};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SnapshotState};

const BLUEPRINT_ID: &str = "wordpress";
const BUNDLE_ID: &str = "small_3_0";
const IOPS_PER_GB: u32 = 3;
const MINIMUM_IOPS: u32 = 100;

/// An operation at a time.
pub(super) fn operation(record: &Record, region: Region, now: Timestamp) -> Operation<'_> {
    let status = record.status(now);
    Operation {
        id: Text(record.id),
        resource_name: &record.resource_name,
        resource_type: record.resource_type,
        created_at: Time(record.created_at),
        location: Location::new(record.resource_type, region),
        is_terminal: status.name != "Started",
        operation_details: record.details.as_deref(),
        operation_type: record.operation,
        status: status.name,
        status_changed_at: Time(status.since),
        error_code: status.error.map(|(code, _)| code),
        error_details: status.error.map(|(_, details)| details),
    }
}

/// The answer of a call that started one operation.
pub(super) fn started(record: &Record, region: Region, now: Timestamp) -> Vec<u8> {
    json(&OperationsResult {
        operations: [operation(record, region, now)],
    })
}

/// An instance. All instances are a running WordPress.
pub(super) fn instance<'a>(name: &'a str, source: &'a Source, region: Region) -> Instance<'a> {
    Instance {
        name,
        arn: &source.arn,
        support_code: &source.support_code,
        created_at: Time(source.created_at),
        location: Location::new(ResourceType::Instance, region),
        resource_type: ResourceType::Instance,
        tags: TagList(&source.tags),
        blueprint_id: BLUEPRINT_ID,
        blueprint_name: "WordPress",
        bundle_id: BUNDLE_ID,
        add_ons: add_ons(source),
        is_static_ip: false,
        private_ip_address: "192.0.2.10",
        public_ip_address: "198.51.100.10",
        ipv6_addresses: [],
        ip_address_type: "ipv4",
        hardware: Hardware {
            cpu_count: 2,
            disks: [SystemDisk {
                created_at: Time(source.created_at),
                size_in_gb: source.size_in_gb,
                is_system_disk: true,
                iops: iops(source.size_in_gb),
                path: "/dev/xvda",
                attached_to: name,
                attachment_state: "attached",
            }],
            ram_size_in_gb: 2.0,
        },
        networking: Networking {
            monthly_transfer: MonthlyTransfer {
                gb_per_month_allocated: 3072,
            },
            ports: [],
        },
        state: InstanceState {
            code: 16,
            name: "running",
        },
        username: "bitnami",
        ssh_key_name: "LightsailDefaultKeyPair",
    }
}

/// A disk, not attached.
pub(super) fn disk<'a>(name: &'a str, source: &'a Source, region: Region) -> Disk<'a> {
    Disk {
        name,
        arn: &source.arn,
        support_code: &source.support_code,
        created_at: Time(source.created_at),
        location: Location::new(ResourceType::Disk, region),
        resource_type: ResourceType::Disk,
        tags: TagList(&source.tags),
        add_ons: add_ons(source),
        size_in_gb: source.size_in_gb,
        is_system_disk: false,
        iops: iops(source.size_in_gb),
        state: "available",
        is_attached: false,
    }
}

fn add_ons(source: &Source) -> [AddOn; 1] {
    let enabled = source.makes_auto_snapshots;
    [AddOn {
        name: "AutoSnapshot",
        status: if enabled { "Enabled" } else { "Disabled" },
        snapshot_time_of_day: enabled.then(|| format!("{AUTO_SNAPSHOT_HOUR:02}:00")),
    }]
}

fn iops(size_in_gb: u32) -> u32 {
    size_in_gb.saturating_mul(IOPS_PER_GB).max(MINIMUM_IOPS)
}

/// A manual snapshot of an instance at a time.
pub(super) fn instance_snapshot<'a>(
    name: &'a str,
    snapshot: &'a Snapshot,
    region: Region,
    now: Timestamp,
) -> InstanceSnapshot<'a> {
    InstanceSnapshot {
        name,
        arn: &snapshot.arn,
        support_code: &snapshot.support_code,
        created_at: Time(snapshot.created_at),
        location: Location::new(ResourceType::InstanceSnapshot, region),
        resource_type: ResourceType::InstanceSnapshot,
        tags: TagList(&snapshot.tags),
        state: match snapshot.state(now) {
            SnapshotState::Pending => "pending",
            SnapshotState::Available => "available",
            SnapshotState::Error => "error",
        },
        from_attached_disks: [],
        from_instance_name: snapshot.origin.name.as_deref(),
        from_instance_arn: snapshot.origin.arn.as_deref(),
        from_blueprint_id: BLUEPRINT_ID,
        from_bundle_id: BUNDLE_ID,
        is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
        size_in_gb: snapshot.size_in_gb,
    }
}

/// A manual snapshot of a disk at a time.
pub(super) fn disk_snapshot<'a>(
    name: &'a str,
    snapshot: &'a Snapshot,
    region: Region,
    now: Timestamp,
) -> DiskSnapshot<'a> {
    DiskSnapshot {
        name,
        arn: &snapshot.arn,
        support_code: &snapshot.support_code,
        created_at: Time(snapshot.created_at),
        location: Location::new(ResourceType::DiskSnapshot, region),
        resource_type: ResourceType::DiskSnapshot,
        tags: TagList(&snapshot.tags),
        size_in_gb: snapshot.size_in_gb,
        state: match snapshot.state(now) {
            SnapshotState::Pending => "pending",
            SnapshotState::Available => "completed",
            SnapshotState::Error => "error",
        },
        progress: Text(Percent(snapshot.percent_done(now))),
        from_disk_name: snapshot.origin.name.as_deref(),
        from_disk_arn: snapshot.origin.arn.as_deref(),
        is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
    }
}

/// The automatic snapshot of a date.
pub(super) fn auto_snapshot(date: Date, snapshot: &AutoSnapshot) -> AutoSnapshotDetails {
    AutoSnapshotDetails {
        date: Text(date),
        created_at: Time(snapshot.created_at),
        status: snapshot.status,
        from_attached_disks: [],
    }
}

/// A Region, with the Availability Zones that were asked for.
pub(super) fn region(region: Region, zones: bool, database_zones: bool) -> RegionInfo {
    let all_if = |asked: bool| {
        let letters = if asked { "abc" } else { "" }.chars();
        let zone = |letter| AvailabilityZone {
            zone_name: Text(Zone::In(region, letter)),
            state: "available",
        };
        letters.map(zone).collect()
    };
    RegionInfo {
        continent_code: region.continent_code(),
        description: format!(
            "This region is recommended to serve users near {}",
            region.display_name()
        ),
        display_name: region.display_name(),
        name: region,
        availability_zones: all_if(zones),
        relational_database_availability_zones: all_if(database_zones),
    }
}
