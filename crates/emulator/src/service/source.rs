//! Instances and disks, and their automatic snapshots.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::catalog::{self, Bundle};
use crate::api::instance::{InstanceState, Port};
use crate::api::resource::{AutoSnapshotStatus, SourceKind, Tags};

/// How many automatic snapshots Lightsail keeps of one instance or disk.
pub(crate) const AUTO_SNAPSHOTS_KEPT: usize = 7;

/// The hour, UTC, at which automatic snapshots are made.
pub(crate) const AUTO_SNAPSHOT_HOUR: i8 = 6;

/// An instance or a disk.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) arn: String,
    pub(crate) support_code: String,
    pub(crate) created_at: Timestamp,
    /// Pending until then.
    pub(crate) ready_at: Timestamp,
    /// When a deletion in progress ends.
    pub(crate) gone_at: Option<Timestamp>,
    /// The letter of the Availability Zone.
    pub(crate) zone: char,
    pub(crate) tags: Tags,
    pub(crate) size_in_gb: u32,
    /// Whether the AutoSnapshot add-on is enabled. Disabling it keeps the existing snapshots.
    pub(crate) makes_auto_snapshots: bool,
    pub(crate) auto_snapshots: BTreeMap<Date, AutoSnapshot>,
    pub(crate) detail: SourceDetail,
}

/// What only instances or only disks have.
#[derive(Clone, Debug)]
pub(crate) enum SourceDetail {
    Instance(Instance),
    Disk(Disk),
}

/// What only instances have.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) blueprint_id: String,
    pub(crate) bundle: &'static Bundle,
    pub(crate) ports: Vec<Port>,
    /// The state once it is ready.
    pub(crate) state: InstanceState,
    pub(crate) public_ip_address: String,
}

/// What only disks have.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) attachment: Option<Attachment>,
    pub(crate) is_system_disk: bool,
}

/// Where a disk is attached.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    /// The name of the instance.
    pub(crate) instance: String,
    /// The device: `/dev/xvdf`.
    pub(crate) path: String,
}

/// A disk in a snapshot of the instance that it was attached to.
#[derive(Clone, Debug)]
pub(crate) struct AttachedDisk {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) size_in_gb: u32,
}

/// An automatic snapshot. Its date is its name.
#[derive(Clone, Debug)]
pub(crate) struct AutoSnapshot {
    pub(crate) created_at: Timestamp,
    pub(crate) status: AutoSnapshotStatus,
    /// The disks attached to the instance when the snapshot was made.
    pub(crate) attached_disks: Vec<AttachedDisk>,
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

impl SourceDetail {
    pub(crate) fn kind(&self) -> SourceKind {
        match self {
            Self::Instance(_) => SourceKind::Instance,
            Self::Disk(_) => SourceKind::Disk,
        }
    }

    /// Whether this is a Windows instance.
    pub(crate) fn is_windows(&self) -> bool {
        matches!(self, Self::Instance(instance) if catalog::is_windows(&instance.blueprint_id))
    }
}

impl Source {
    /// The state of an instance at a time.
    pub(crate) fn instance_state(&self, instance: &Instance, now: Timestamp) -> InstanceState {
        if self.gone_at.is_some() {
            InstanceState::ShuttingDown
        } else if now < self.ready_at {
            InstanceState::Pending
        } else {
            instance.state
        }
    }

    pub(crate) fn kind(&self) -> SourceKind {
        self.detail.kind()
    }

    /// Whether this is a Windows instance.
    pub(crate) fn is_windows(&self) -> bool {
        self.detail.is_windows()
    }

    /// Adds an automatic snapshot, or replaces that of its date. Removes the oldest beyond
    /// [`AUTO_SNAPSHOTS_KEPT`].
    pub(crate) fn rotate_in(&mut self, date: Date, snapshot: AutoSnapshot) {
        self.auto_snapshots.insert(date, snapshot);
        while self.auto_snapshots.len() > AUTO_SNAPSHOTS_KEPT {
            self.auto_snapshots.pop_first();
        }
    }

    /// The newest automatic snapshot that can be copied.
    pub(crate) fn latest_restorable(&self) -> Option<&AutoSnapshot> {
        self.auto_snapshots
            .values()
            .rev()
            .find(|snapshot| snapshot.status == AutoSnapshotStatus::Success)
    }

    /// The automatic snapshot of this date, if it can be copied.
    pub(crate) fn restorable(&self, date: Date) -> Option<&AutoSnapshot> {
        self.auto_snapshots
            .get(&date)
            .filter(|snapshot| snapshot.status == AutoSnapshotStatus::Success)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn the_oldest_automatic_snapshots_rotate_out() {
        let mut source = Source {
            arn: String::new(),
            support_code: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            ready_at: Timestamp::UNIX_EPOCH,
            gone_at: None,
            zone: 'a',
            tags: Tags::new(),
            size_in_gb: 8,
            makes_auto_snapshots: true,
            auto_snapshots: BTreeMap::new(),
            detail: SourceDetail::Disk(Disk {
                attachment: None,
                is_system_disk: false,
            }),
        };
        let first = jiff::civil::date(2026, 11, 20);
        for day in 0..9 {
            let date = first + day.days();
            let status = if day < 8 {
                AutoSnapshotStatus::Success
            } else {
                AutoSnapshotStatus::Failed
            };
            source.rotate_in(date, AutoSnapshot::new(date, status, Vec::new()));
        }
        assert_eq!(source.auto_snapshots.len(), AUTO_SNAPSHOTS_KEPT);
        assert!(source.restorable(first + 1.days()).is_none());
        assert!(source.restorable(first + 2.days()).is_some());
        assert!(source.restorable(first + 8.days()).is_none());
        let latest = source.latest_restorable().unwrap();
        let made_at = AutoSnapshot::new(first + 7.days(), AutoSnapshotStatus::Success, Vec::new());
        assert_eq!(latest.created_at, made_at.created_at);
    }
}
