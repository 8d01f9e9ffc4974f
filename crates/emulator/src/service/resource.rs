//! The resources of a Region: what the operations work on, and what tests see.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::catalog;
use crate::api::instance::{InstanceState, IpAddressType, Port};
use crate::api::region::Region;
use crate::api::resource::{AutoSnapshotStatus, ResourceType, SnapshotState, SourceKind, Tags};

/// How many automatic snapshots Lightsail keeps of one instance or disk.
const AUTO_SNAPSHOTS_KEPT: usize = 7;

/// The hour, UTC, at which automatic snapshots are made.
const AUTO_SNAPSHOT_HOUR: i8 = 6;

/// What every resource has, of a new one.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) support_code: String,
    pub(crate) created_at: Timestamp,
    pub(crate) availability_zone: String,
    pub(crate) tags: Tags,
}

/// A virtual server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    pub name: String,
    pub arn: String,
    pub support_code: String,
    pub created_at: Timestamp,
    pub availability_zone: String,
    pub tags: Tags,
    pub state: InstanceState,
    pub blueprint_id: String,
    pub bundle_id: String,
    /// The size of the system disk.
    pub size_in_gb: u32,
    pub ports: Vec<Port>,
    /// Only a running instance reports it.
    pub public_ip_address: String,
    /// The snapshot that it is being made from.
    pub(crate) made_from: Option<String>,
    pub ip_address_type: IpAddressType,
    pub auto_snapshots: AutoSnapshots,
}

/// A block storage disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Disk {
    pub name: String,
    pub arn: String,
    pub support_code: String,
    pub created_at: Timestamp,
    pub availability_zone: String,
    pub tags: Tags,
    pub state: DiskState,
    pub size_in_gb: u32,
    /// The name of the instance that it is attached to.
    pub attached_to: Option<String>,
    /// The device of an attached disk: `/dev/xvdf`.
    pub path: Option<String>,
    pub is_system_disk: bool,
    /// The snapshot that it is being made from.
    pub(crate) made_from: Option<String>,
    pub auto_snapshots: AutoSnapshots,
}

/// A manual snapshot of an instance or disk, copies included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub name: String,
    pub arn: String,
    pub support_code: String,
    /// For a copy, when CopySnapshot was answered.
    pub created_at: Timestamp,
    pub availability_zone: String,
    pub tags: Tags,
    /// Whether it is a snapshot of an instance or of a disk.
    pub kind: SourceKind,
    pub state: SnapshotState,
    /// When a pending snapshot ends, if ever.
    pub(crate) ends_at: Option<Timestamp>,
    /// When lookups and lists find it.
    pub(crate) visible_at: Timestamp,
    /// Whether CopySnapshot made it, so that it counts as a copy in progress.
    pub(crate) is_copy: bool,
    pub size_in_gb: u32,
    pub from: Origin,
}

/// A resource of which only the name matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Other {
    pub name: String,
    pub arn: String,
    pub support_code: String,
    pub created_at: Timestamp,
    pub availability_zone: String,
    pub tags: Tags,
    pub(crate) resource_type: ResourceType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DiskState {
    Pending,
    #[default]
    Available,
    Deleting,
}

/// Where a manual snapshot comes from. A copy has the origin of what was copied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The name of the instance or disk.
    pub name: Option<String>,
    pub arn: Option<String>,
    /// Empty for a disk.
    pub blueprint_id: String,
    /// Empty for a disk.
    pub bundle_id: String,
    /// The attached disks that the snapshot contains.
    pub attached_disks: Vec<AttachedDisk>,
    pub is_auto_snapshot: bool,
}

/// A disk in a snapshot of the instance that it was attached to.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachedDisk {
    pub name: String,
    pub path: String,
    pub size_in_gb: u32,
}

/// The AutoSnapshot add-on, and what it made. Disabling it keeps the existing snapshots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutoSnapshots {
    pub enabled: bool,
    /// `snapshotTimeOfDay`, if it is not 06:00.
    pub time_of_day: Option<String>,
    pub by_date: BTreeMap<Date, AutoSnapshot>,
}

/// An automatic snapshot. Its date is its name.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoSnapshot {
    pub created_at: Timestamp,
    pub status: AutoSnapshotStatus,
    pub attached_disks: Vec<AttachedDisk>,
}

/// A resource of any type.
#[derive(Debug)]
pub(crate) enum Resource {
    Instance(Instance),
    Disk(Disk),
    Snapshot(Snapshot),
    Other(Other),
}

macro_rules! nouns {
    ($($noun:ident)*) => { $(
        impl From<Head> for $noun {
            fn from(head: Head) -> Self {
                Self {
                    name: head.name,
                    arn: head.arn,
                    support_code: head.support_code,
                    created_at: head.created_at,
                    availability_zone: head.availability_zone,
                    tags: head.tags,
                    ..Self::default()
                }
            }
        }

        impl From<$noun> for Resource {
            fn from(noun: $noun) -> Self {
                Self::$noun(noun)
            }
        }
    )* };
}

nouns!(Instance Disk Snapshot Other);

impl Other {
    pub(crate) fn new(head: Head, resource_type: ResourceType) -> Self {
        Self {
            resource_type,
            ..head.into()
        }
    }
}

/// What all types of resource have, of one of them.
macro_rules! of_any {
    ($resource:expr, $noun:ident => $value:expr) => {
        match $resource {
            Resource::Instance($noun) => $value,
            Resource::Disk($noun) => $value,
            Resource::Snapshot($noun) => $value,
            Resource::Other($noun) => $value,
        }
    };
}

pub(super) use of_any;

impl Resource {
    pub(crate) fn resource_type(&self) -> ResourceType {
        match self {
            Self::Instance(_) => ResourceType::Instance,
            Self::Disk(_) => ResourceType::Disk,
            Self::Snapshot(snapshot) => snapshot.kind.snapshot_type(),
            Self::Other(other) => other.resource_type,
        }
    }

    pub(crate) fn name(&self) -> &str {
        of_any!(self, found => &found.name)
    }

    pub(crate) fn arn(&self) -> &str {
        of_any!(self, found => &found.arn)
    }

    pub(crate) fn zone(&self) -> &str {
        of_any!(self, found => &found.availability_zone)
    }

    pub(crate) fn tags_mut(&mut self) -> &mut Tags {
        of_any!(self, found => &mut found.tags)
    }

    /// The automatic snapshots of an instance or disk.
    pub(crate) fn auto_snapshots(&self) -> Option<&AutoSnapshots> {
        match self {
            Self::Instance(instance) => Some(&instance.auto_snapshots),
            Self::Disk(disk) => Some(&disk.auto_snapshots),
            Self::Snapshot(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn auto_snapshots_mut(&mut self) -> Option<&mut AutoSnapshots> {
        match self {
            Self::Instance(instance) => Some(&mut instance.auto_snapshots),
            Self::Disk(disk) => Some(&mut disk.auto_snapshots),
            Self::Snapshot(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn is_pending_copy(&self) -> bool {
        matches!(self, Self::Snapshot(found)
            if found.is_copy && found.state == SnapshotState::Pending)
    }

    /// Whether this is a Windows instance, of which Lightsail makes no automatic snapshots.
    pub(crate) fn is_windows(&self) -> bool {
        matches!(self, Self::Instance(instance) if catalog::is_windows(&instance.blueprint_id))
    }
}

impl Snapshot {
    /// The Region of the instance or disk that it was made from, from its ARN.
    pub fn from_region(&self) -> Option<Region> {
        self.from.arn.as_deref()?.split(':').nth(3)?.parse().ok()
    }

    /// The API's `progress`, in percent.
    pub(crate) fn percent_done(&self, now: Timestamp) -> u8 {
        match (self.state, self.ends_at) {
            (SnapshotState::Available, _) => 100,
            (SnapshotState::Pending, Some(ends_at)) => {
                let done = now.duration_since(self.created_at).as_secs_f64();
                let all = ends_at.duration_since(self.created_at).as_secs_f64();
                // A clock that was set back gives a negative share. The cast turns it into 0.
                (done / all * 100.0) as u8
            }
            _ => 0,
        }
    }
}

impl Origin {
    /// The origin of a snapshot of this instance or disk.
    pub(crate) fn of(source: &Resource) -> Self {
        let (blueprint_id, bundle_id) = match source {
            Resource::Instance(instance) => (&*instance.blueprint_id, &*instance.bundle_id),
            _ => ("", ""),
        };
        Self {
            name: Some(source.name().to_owned()),
            arn: Some(source.arn().to_owned()),
            blueprint_id: blueprint_id.to_owned(),
            bundle_id: bundle_id.to_owned(),
            ..Self::default()
        }
    }

    /// Whether the snapshot contains a disk of this name.
    pub fn has_disk(&self, name: &str) -> bool {
        self.attached_disks.iter().any(|disk| disk.name == name)
    }

    /// The same origin with another Region in its ARN.
    pub(crate) fn in_region(self, region: Region) -> Self {
        let arn = self.arn.map(|arn| {
            let mut parts: Vec<_> = arn.split(':').collect();
            if let Some(part) = parts.get_mut(3) {
                *part = region.as_str();
            }
            parts.join(":")
        });
        Self { arn, ..self }
    }
}

impl AutoSnapshots {
    /// Adds an automatic snapshot, or replaces that of its date. The oldest beyond seven are removed,
    /// by number and not by age.
    pub(crate) fn add(&mut self, date: Date, snapshot: AutoSnapshot) {
        self.by_date.insert(date, snapshot);
        while self.by_date.len() > AUTO_SNAPSHOTS_KEPT {
            self.by_date.pop_first();
        }
    }

    pub(crate) fn time_of_day(&self) -> String {
        let default = || format!("{AUTO_SNAPSHOT_HOUR:02}:00");
        self.time_of_day.clone().unwrap_or_else(default)
    }

    /// The automatic snapshot that can be copied: that of the date, or else the newest.
    pub(crate) fn restorable(&self, date: Option<Date>) -> Option<&AutoSnapshot> {
        let is_restorable =
            |snapshot: &&AutoSnapshot| snapshot.status == AutoSnapshotStatus::Success;
        match date {
            Some(date) => self.by_date.get(&date).filter(is_restorable),
            None => self.by_date.values().rev().find(is_restorable),
        }
    }
}

impl AutoSnapshot {
    /// The automatic snapshot of a date, made at the usual hour of that day.
    pub(crate) fn new(
        date: Date,
        status: AutoSnapshotStatus,
        attached_disks: Vec<AttachedDisk>,
    ) -> Self {
        let created_at = Offset::UTC
            .to_timestamp(date.at(AUTO_SNAPSHOT_HOUR, 0, 0, 0))
            // Fails only on the calendar's last day.
            .unwrap_or(Timestamp::MAX);
        Self {
            created_at,
            status,
            attached_disks,
        }
    }
}
