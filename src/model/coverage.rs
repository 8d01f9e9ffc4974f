//! How well a source is covered: what can be restored right now.

use jiff::civil::Date;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use strum::IntoStaticStr;

use super::region::Region;
use super::resource::ResourceId;
use super::snapshot_name::SnapshotName;
use super::verdict::Verdict;

/// The coverage of one instance or disk in one destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// The instance or disk.
    #[serde(flatten, serialize_with = "with_type")]
    pub source: ResourceId,
    #[serde(rename = "destinationRegion")]
    pub destination: Region,
    /// The date of the newest available copy.
    #[serde(rename = "newestRecoveryPoint")]
    pub newest: Option<Date>,
    /// The age of that recovery point in hours.
    #[serde(rename = "recoveryPointAgeHours", serialize_with = "in_tenths")]
    pub age_hours: Option<f64>,
    /// What that means.
    pub status: CoverageStatus,
    /// Why the status is not `Protected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The instance whose copies contain the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// The first copy, which this run starts if there is room for it. The status is `Pending` only
    /// if it does.
    #[serde(skip)]
    pub first_copy: Option<SnapshotName>,
    /// How the last drill of the source's copies in this destination ended.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    /// No copy is available.
    Unprotected,
    /// The destination could not be read.
    Unknown,
}

/// A source's Region and name, and its type, which only coverage reports.
fn with_type<S: Serializer>(source: &ResourceId, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("sourceRegion", &source.region)?;
    map.serialize_entry("sourceResourceName", &source.name)?;
    map.serialize_entry("resourceType", &source.kind)?;
    map.end()
}

/// Hours, rounded to tenths.
fn in_tenths<S: Serializer>(hours: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    let rounded = hours.map(|hours| (hours * 10.0).round() / 10.0);
    rounded.serialize(serializer)
}
