//! Automatic snapshots.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::origin::AttachedDisk;
use crate::api::resource::AutoSnapshotStatus;

/// How many automatic snapshots Lightsail keeps of one instance or disk.
const AUTO_SNAPSHOTS_KEPT: usize = 7;

/// The hour, UTC, at which automatic snapshots are made.
const AUTO_SNAPSHOT_HOUR: i8 = 6;

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
