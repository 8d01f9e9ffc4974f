//! Manual and automatic snapshots.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::api::members::{
    AttachedDisk, AutoSnapshotDetails, DiskSnapshot, FromAttachedDisk, InstanceSnapshot, Location,
    Percent, TagList, Text, Time,
};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SnapshotState};
use crate::service::catalog::iops;
use crate::service::snapshot::{FromInstance, Snapshot};
use crate::service::source::AutoSnapshot;

/// A manual snapshot of an instance at a time.
pub(in crate::service) fn instance_snapshot<'a>(
    name: &'a str,
    snapshot: &'a Snapshot,
    from: &'a FromInstance,
    region: Region,
    now: Timestamp,
) -> InstanceSnapshot<'a> {
    let instance = snapshot.origin.name.as_deref();
    let disks = from.attached_disks.iter().map(|disk| FromAttachedDisk {
        name: &disk.name,
        size_in_gb: disk.size_in_gb,
        is_system_disk: false,
        iops: iops(disk.size_in_gb),
        path: &disk.path,
        attached_to: instance,
        is_attached: true,
    });
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
            SnapshotState::Unknown => "unknown",
        },
        from_attached_disks: disks.collect(),
        from_instance_name: instance,
        from_instance_arn: snapshot.origin.arn.as_deref(),
        from_blueprint_id: &from.blueprint_id,
        from_bundle_id: &from.bundle_id,
        is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
        size_in_gb: snapshot.size_in_gb,
    }
}

/// A manual snapshot of a disk at a time.
pub(in crate::service) fn disk_snapshot<'a>(
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
            SnapshotState::Unknown => "unknown",
        },
        progress: Text(Percent(snapshot.percent_done(now))),
        from_disk_name: snapshot.origin.name.as_deref(),
        from_disk_arn: snapshot.origin.arn.as_deref(),
        is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
    }
}

/// The automatic snapshot of a date.
pub(in crate::service) fn auto_snapshot(
    date: Date,
    snapshot: &AutoSnapshot,
) -> AutoSnapshotDetails<'_> {
    let disks = snapshot.attached_disks.iter().map(|disk| AttachedDisk {
        path: &disk.path,
        size_in_gb: disk.size_in_gb,
    });
    AutoSnapshotDetails {
        date: Text(date),
        created_at: Time(snapshot.created_at),
        status: snapshot.status,
        from_attached_disks: disks.collect(),
    }
}
