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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Ids;
    use jiff::ToSpan;

    fn copy(takes: SignedDuration, ending: Ending) -> Snapshot {
        Snapshot {
            kind: SourceKind::Disk,
            arn: String::new(),
            support_code: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            tags: Tags::new(),
            size_in_gb: 8,
            origin: Origin {
                name: Some("Data-1".to_owned()),
                arn: Some("arn:aws:lightsail:eu-west-1:123456789012:Disk/x".to_owned()),
            },
            is_from_auto_snapshot: true,
            making: Making::Copying(Copying {
                since: Timestamp::UNIX_EPOCH,
                takes,
                ending,
                operation: Ids::default().next(),
            }),
        }
    }

    #[test]
    fn a_copy_is_a_function_of_the_time() {
        let takes = SignedDuration::from_secs(10);
        for (seconds, state, percent) in [
            (-5, SnapshotState::Pending, 0),
            (0, SnapshotState::Pending, 0),
            (5, SnapshotState::Pending, 50),
            (10, SnapshotState::Available, 100),
        ] {
            let now = Timestamp::from_second(seconds).unwrap();
            let snapshot = copy(takes, Ending::Succeeds);
            assert_eq!(
                (snapshot.state(now), snapshot.percent_done(now)),
                (state, percent)
            );
        }
        let now = Timestamp::from_second(10).unwrap();
        let failed = copy(takes, Ending::Fails);
        assert_eq!(
            (failed.state(now), failed.percent_done(now)),
            (SnapshotState::Error, 0)
        );
        let instant = copy(SignedDuration::ZERO, Ending::Succeeds);
        assert_eq!(
            instant.state(Timestamp::UNIX_EPOCH),
            SnapshotState::Available
        );
    }

    #[test]
    fn the_origin_region_is_in_the_arn() {
        let snapshot = copy(SignedDuration::ZERO, Ending::Succeeds);
        assert_eq!(snapshot.origin.region(), Some(Region::EuWest1));
        assert_eq!(Origin::default().region(), None);
    }

    #[test]
    fn the_oldest_automatic_snapshots_rotate_out() {
        let mut source = Source {
            kind: SourceKind::Disk,
            arn: String::new(),
            support_code: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            tags: Tags::new(),
            size_in_gb: 8,
            makes_auto_snapshots: true,
            auto_snapshots: BTreeMap::new(),
        };
        let first = jiff::civil::date(2026, 11, 20);
        for day in 0..9 {
            let date = first + day.days();
            let status = if day < 8 {
                AutoSnapshotStatus::Success
            } else {
                AutoSnapshotStatus::Failed
            };
            source.rotate_in(date, AutoSnapshot::of(date, status));
        }
        assert_eq!(source.auto_snapshots.len(), AUTO_SNAPSHOTS_KEPT);
        assert!(!source.is_restorable(first + 1.days()));
        assert!(source.is_restorable(first + 2.days()));
        assert!(!source.is_restorable(first + 8.days()));
        assert_eq!(source.latest_restorable(), Some(first + 7.days()));
    }
}
