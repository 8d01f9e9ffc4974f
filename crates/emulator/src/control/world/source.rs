//! Instances, disks and their automatic snapshots.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use super::snapshot::AttachedDisk;
use crate::api::instance::{InstanceState, Port};
use crate::api::parameters;
use crate::api::resource::{AutoSnapshotStatus, Tags};

/// An instance or a disk.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Source {
    /// Its name, unique in the Region.
    pub name: String,
    /// Its tags. Default none.
    pub tags: Tags,
    /// Its automatic snapshots. A list, even an empty one, enables the AutoSnapshot add-on; without
    /// a list, the add-on is disabled. The list may have more than the seven that Lightsail keeps.
    pub auto_snapshots: Option<Vec<AutoSnapshot>>,
    /// When it was created. Default 2019-01-01.
    pub created_at: Option<Timestamp>,
    /// Its size in GB. Default 40 for disks, the bundle's size for instances.
    pub size_in_gb: Option<u32>,
    /// Instances only. Default `wordpress`. Instances whose blueprint starts with `windows_` cannot
    /// have automatic snapshots.
    pub blueprint_id: Option<String>,
    /// Instances only: a general purpose bundle such as `nano_3_0` or `small_win_3_0`. Default
    /// `small_3_0`, or `small_win_3_0` for Windows.
    pub bundle_id: Option<String>,
    /// Instances only: the firewall. Default: that of a new instance. An empty list closes all
    /// ports.
    pub ports: Option<Vec<Port>>,
    /// Instances only. Default `running`.
    pub state: InstanceState,
    /// Instances only. Default 198.51.100.10. Only a running instance reports it.
    pub public_ip_address: Option<String>,
    /// Disks only: the name of the instance that the disk is attached to. Default: not attached.
    pub attached_to: Option<String>,
    /// Disks only: the device of an attached disk. Default `/dev/xvdf`.
    pub path: Option<String>,
    /// Disks only. Default `false`.
    pub is_system_disk: bool,
}

impl Source {
    /// An instance or disk without tags, automatic snapshots disabled.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// The same with one more tag.
    pub fn with_tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same with automatic snapshots enabled and one more of them.
    pub fn with_auto_snapshot(mut self, date: Date, status: AutoSnapshotStatus) -> Self {
        self.auto_snapshots
            .get_or_insert_default()
            .push(AutoSnapshot {
                date: AutoSnapshotDate::On(date),
                status,
                created_at: None,
                from_attached_disks: None,
            });
        self
    }
}

/// An automatic snapshot.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoSnapshot {
    /// Its date.
    pub date: AutoSnapshotDate,
    /// Its status. Default `Success`.
    #[serde(default)]
    pub status: AutoSnapshotStatus,
    /// When it was made. Default 06:00 UTC of its date.
    pub created_at: Option<Timestamp>,
    /// The attached disks that it contains. Default: those attached at the start.
    pub from_attached_disks: Option<Vec<AttachedDisk>>,
}

/// The date of an automatic snapshot: `2026-11-22`, `today` or `today-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AutoSnapshotDate {
    /// This date.
    On(Date),
    /// This many days before the emulator's start, UTC.
    DaysAgo(u16),
}

impl AutoSnapshotDate {
    /// The date, if the emulator starts at `now`.
    pub fn resolve(self, now: Timestamp) -> Date {
        match self {
            Self::On(date) => date,
            Self::DaysAgo(days) => {
                let today = Offset::UTC.to_datetime(now).date();
                today.saturating_sub(i64::from(days).days())
            }
        }
    }
}

impl TryFrom<String> for AutoSnapshotDate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "today" {
            return Ok(Self::DaysAgo(0));
        }
        let days_ago = text.strip_prefix("today-").map(str::parse);
        match days_ago {
            Some(Ok(days)) => Ok(Self::DaysAgo(days)),
            Some(Err(_)) => Err(format!("{text:?}: no number of days after `today-`")),
            None => parameters::parse_date(&text).map(Self::On).ok_or_else(|| {
                format!("{text:?} is neither a date (2026-11-22) nor `today` nor `today-3`")
            }),
        }
    }
}
