//! How well a source is covered: what can be restored right now.

use std::sync::Arc;

use jiff::civil::Date;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_with::skip_serializing_none;
use strum::IntoStaticStr;

use super::drill::Verdict;
use super::region::Region;
use super::resource::ResourceId;

/// The coverage of one instance or disk in one destination.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    #[serde(flatten, serialize_with = "with_type")]
    pub source: ResourceId,
    #[serde(rename = "destinationRegion")]
    pub destination: Region,
    #[serde(rename = "newestRecoveryPoint")]
    #[serialize_always]
    pub newest: Option<Date>,
    #[serde(rename = "recoveryPointAgeHours", serialize_with = "in_tenths")]
    #[serialize_always]
    pub age_hours: Option<f64>,
    pub status: CoverageStatus,
    /// Why the status is not `Protected`.
    #[serde(flatten)]
    pub reason: Option<Reason>,
    pub size_gb: Option<u32>,
    pub copies: usize,
    /// The instance whose copies contain the disk.
    pub through: Option<Arc<str>>,
    /// How the last drill of the source's copies in this destination ended.
    pub last_drill: Option<Verdict>,
}

/// How well a source is covered in a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum CoverageStatus {
    /// The newest available copy is young enough.
    Protected,
    /// There is an available copy, but it is too old.
    Stale,
    /// No copy is available yet, and one can be expected soon.
    Pending,
    Unprotected,
    /// The destination could not be read.
    Unknown,
    /// No rule selects the instance or disk any more, and its copies are too old.
    Unselected,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    #[serde(rename = "reasonCode")]
    pub code: ReasonCode,
    #[serde(rename = "reason")]
    pub text: String,
}

impl Reason {
    pub fn new(code: ReasonCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ReasonCode {
    /// The add-on is off, or the instance runs Windows.
    AutoSnapshotsOff,
    NoAutoSnapshotYet,
    NoneRestorable,
    CopyInProgress,
    /// The last copy ended in state `error` or `unknown`.
    CopyErrored,
    CopyFailed,
    WaitsForRoom,
    /// Lightsail made no automatic snapshot since.
    CopyTooOld,
    /// The newest copy of the instance does not contain the disk.
    DiskNotInCopy,
    /// The destination or the source could not be read.
    NotRead,
    NotSelected,
}

/// A source's Region and name, and its type, which only coverage reports.
fn with_type<S: Serializer>(source: &ResourceId, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("sourceRegion", &source.region)?;
    map.serialize_entry("sourceResourceName", &source.name)?;
    map.serialize_entry("resourceType", &source.kind)?;
    map.end()
}

fn in_tenths<S: Serializer>(hours: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    let rounded = hours.map(|hours| (hours * 10.0).round() / 10.0);
    rounded.serialize(serializer)
}
