//! Instances, disks and their snapshots: what the emulator knows of each.

use crate::id::Id;
use crate::region::Region;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tags of a resource: key to value.
pub type Tags = BTreeMap<String, String>;

/// How many automatic snapshots Lightsail keeps of one instance or disk.
pub(crate) const AUTO_SNAPSHOTS_KEPT: usize = 7;

/// The hour, UTC, at which automatic snapshots are made.
pub(crate) const AUTO_SNAPSHOT_HOUR: i8 = 6;

/// The type of a resource, by its name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ResourceType {
    /// A virtual server.
    Instance,
    /// A block storage disk.
    Disk,
    /// A manual snapshot of an instance.
    InstanceSnapshot,
    /// A manual snapshot of a disk.
    DiskSnapshot,
}

impl ResourceType {
    /// The type's name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "Instance",
            Self::Disk => "Disk",
            Self::InstanceSnapshot => "InstanceSnapshot",
            Self::DiskSnapshot => "DiskSnapshot",
        }
    }
}

/// What snapshots are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A virtual server.
    Instance,
    /// A block storage disk.
    Disk,
}

impl SourceKind {
    /// The type of the source itself.
    pub const fn resource_type(self) -> ResourceType {
        match self {
            Self::Instance => ResourceType::Instance,
            Self::Disk => ResourceType::Disk,
        }
    }

    /// The type of a snapshot of it.
    pub const fn snapshot_type(self) -> ResourceType {
        match self {
            Self::Instance => ResourceType::InstanceSnapshot,
            Self::Disk => ResourceType::DiskSnapshot,
        }
    }
}

/// The status of an automatic snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AutoSnapshotStatus {
    /// Made; it can be copied.
    #[default]
    Success,
    /// Could not be made.
    Failed,
    /// Being made.
    InProgress,
    /// Gone.
    NotFound,
}

/// The state of a manual snapshot.
///
/// The API says `completed` instead of `available` for a disk's; here the two are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotState {
    /// Being made.
    Pending,
    /// Made.
    #[default]
    #[serde(alias = "completed")]
    Available,
    /// Could not be made.
    Error,
}

/// An instance or a disk.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) kind: SourceKind,
    pub(crate) arn: String,
    pub(crate) support_code: String,
    pub(crate) created_at: Timestamp,
    pub(crate) tags: Tags,
    pub(crate) size_in_gb: u32,
    /// Whether the add-on that makes automatic snapshots is enabled. Those already made stay when it is disabled.
    pub(crate) makes_auto_snapshots: bool,
    pub(crate) auto_snapshots: BTreeMap<Date, AutoSnapshot>,
}

/// An automatic snapshot; its name is its date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AutoSnapshot {
    pub(crate) created_at: Timestamp,
    pub(crate) status: AutoSnapshotStatus,
}

impl AutoSnapshot {
    /// The automatic snapshot of a date, made at the usual hour of that day.
    pub(crate) fn of(date: Date, status: AutoSnapshotStatus) -> Self {
        let created_at = Offset::UTC
            .to_timestamp(date.at(AUTO_SNAPSHOT_HOUR, 0, 0, 0))
            // Only on the calendar's last day.
            .unwrap_or(Timestamp::MAX);
        Self { created_at, status }
    }
}

impl Source {
    /// Adds an automatic snapshot, or replaces the one of its date, and drops the oldest beyond those that are kept.
    pub(crate) fn rotate_in(&mut self, date: Date, snapshot: AutoSnapshot) {
        self.auto_snapshots.insert(date, snapshot);
        while self.auto_snapshots.len() > AUTO_SNAPSHOTS_KEPT {
            self.auto_snapshots.pop_first();
        }
    }

    /// The newest automatic snapshot that can be copied.
    pub(crate) fn latest_restorable(&self) -> Option<Date> {
        self.auto_snapshots
            .iter()
            .rev()
            .find(|(_, snapshot)| snapshot.status == AutoSnapshotStatus::Success)
            .map(|(&date, _)| date)
    }

    /// Whether the automatic snapshot of this date is there and can be copied.
    pub(crate) fn is_restorable(&self, date: Date) -> bool {
        self.auto_snapshots
            .get(&date)
            .is_some_and(|snapshot| snapshot.status == AutoSnapshotStatus::Success)
    }
}

/// What a snapshot was made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) name: Option<String>,
    pub(crate) arn: Option<String>,
}

impl Origin {
    /// The Region in the ARN, where there is one.
    pub(crate) fn region(&self) -> Option<Region> {
        self.arn.as_deref()?.split(':').nth(3)?.parse().ok()
    }
}

/// A manual snapshot of an instance or disk.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) kind: SourceKind,
    pub(crate) arn: String,
    pub(crate) support_code: String,
    pub(crate) created_at: Timestamp,
    pub(crate) tags: Tags,
    pub(crate) size_in_gb: u32,
    pub(crate) origin: Origin,
    pub(crate) is_from_auto_snapshot: bool,
    pub(crate) making: Making,
}

/// How far a snapshot is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Making {
    /// Stays as it is, even when that is `Pending`.
    Settled(SnapshotState),
    /// A copy: `Pending` until a moment, another state from then on.
    Copying(Copying),
}

/// A copy in the making: what is true of it is a function of the time alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copying {
    /// When CopySnapshot was answered.
    pub(crate) since: Timestamp,
    /// How long it takes.
    pub(crate) takes: SignedDuration,
    /// Whether it succeeds.
    pub(crate) ending: Ending,
    /// The Lightsail operation that reports on it.
    pub(crate) operation: Id,
}

/// How a copy ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In state `available`.
    Succeeds,
    /// In state `error`.
    Fails,
}

impl Copying {
    /// When the copy ends.
    pub(crate) fn until(&self) -> Timestamp {
        self.since.checked_add(self.takes).unwrap_or(Timestamp::MAX)
    }

    /// The state at a moment.
    fn state(&self, now: Timestamp) -> SnapshotState {
        match self.ending {
            _ if now < self.until() => SnapshotState::Pending,
            Ending::Succeeds => SnapshotState::Available,
            Ending::Fails => SnapshotState::Error,
        }
    }
}

impl Snapshot {
    /// The state at a moment.
    pub(crate) fn state(&self, now: Timestamp) -> SnapshotState {
        match &self.making {
            Making::Settled(state) => *state,
            Making::Copying(copying) => copying.state(now),
        }
    }

    /// How much of it is there at a moment, in percent.
    pub(crate) fn percent_done(&self, now: Timestamp) -> u8 {
        match (self.state(now), &self.making) {
            (SnapshotState::Available, _) => 100,
            (SnapshotState::Pending, Making::Copying(copying)) => {
                let share =
                    now.duration_since(copying.since).as_secs_f64() / copying.takes.as_secs_f64();
                // A clock that went back gives a negative share; the cast takes it to 0.
                (share * 100.0) as u8
            }
            (SnapshotState::Pending | SnapshotState::Error, _) => 0,
        }
    }
}
