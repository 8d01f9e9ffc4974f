//! Instances and disks, and their automatic snapshots.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::api::resource::{AutoSnapshotStatus, SourceKind, Tags};

/// How many automatic snapshots Lightsail keeps of one instance or disk.
pub(crate) const AUTO_SNAPSHOTS_KEPT: usize = 7;

/// The hour, UTC, at which automatic snapshots are made.
pub(crate) const AUTO_SNAPSHOT_HOUR: i8 = 6;

/// An instance or a disk.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) kind: SourceKind,
    pub(crate) arn: String,
    pub(crate) support_code: String,
    pub(crate) created_at: Timestamp,
    pub(crate) tags: Tags,
    pub(crate) size_in_gb: u32,
    /// Whether the AutoSnapshot add-on is enabled. Disabling it keeps the existing snapshots.
    pub(crate) makes_auto_snapshots: bool,
    pub(crate) auto_snapshots: BTreeMap<Date, AutoSnapshot>,
}

/// An automatic snapshot. Its date is its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AutoSnapshot {
    pub(crate) created_at: Timestamp,
    pub(crate) status: AutoSnapshotStatus,
}

impl AutoSnapshot {
    /// The automatic snapshot of a date, made at the usual hour of that day.
    pub(crate) fn new(date: Date, status: AutoSnapshotStatus) -> Self {
        let created_at = Offset::UTC
            .to_timestamp(date.at(AUTO_SNAPSHOT_HOUR, 0, 0, 0))
            // Fails only on the calendar's last day.
            .unwrap_or(Timestamp::MAX);
        Self { created_at, status }
    }
}

impl Source {
    /// Adds an automatic snapshot, or replaces that of its date. Removes the oldest beyond
    /// [`AUTO_SNAPSHOTS_KEPT`].
    pub(crate) fn rotate_in(&mut self, date: Date, snapshot: AutoSnapshot) {
        self.auto_snapshots.insert(date, snapshot);
        while self.auto_snapshots.len() > AUTO_SNAPSHOTS_KEPT {
            self.auto_snapshots.pop_first();
        }
    }

    /// The date of the newest automatic snapshot that can be copied.
    pub(crate) fn latest_restorable(&self) -> Option<Date> {
        self.auto_snapshots
            .iter()
            .rev()
            .find(|(_, snapshot)| snapshot.status == AutoSnapshotStatus::Success)
            .map(|(&date, _)| date)
    }

    /// Whether there is an automatic snapshot of this date that can be copied.
    pub(crate) fn is_restorable(&self, date: Date) -> bool {
        self.auto_snapshots
            .get(&date)
            .is_some_and(|snapshot| snapshot.status == AutoSnapshotStatus::Success)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

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
            source.rotate_in(date, AutoSnapshot::new(date, status));
        }
        assert_eq!(source.auto_snapshots.len(), AUTO_SNAPSHOTS_KEPT);
        assert!(!source.is_restorable(first + 1.days()));
        assert!(source.is_restorable(first + 2.days()));
        assert!(!source.is_restorable(first + 8.days()));
        assert_eq!(source.latest_restorable(), Some(first + 7.days()));
    }
}
