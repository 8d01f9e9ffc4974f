//! How well each source is covered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use strum::IntoStaticStr;

use super::copies::{CopyStep, PlannedCopy};
use super::{Planner, newest_available};
use crate::model::failure::ApiError;
use crate::model::region::Region;
use crate::model::resource::{AutoSnapshot, ResourceId, SnapshotState};
use crate::model::restore_date::utc_date;
use crate::model::snapshot_name::SnapshotName;

/// The coverage of one source in one destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// The source.
    pub source: ResourceId,
    /// The destination.
    pub destination: Region,
    /// The date of the newest available copy.
    pub newest: Option<Date>,
    /// The age of that recovery point in hours.
    pub age_hours: Option<f64>,
    /// What that means.
    pub status: CoverageStatus,
    /// Why the status is not better.
    pub reason: Option<String>,
}

/// How well a source is covered in a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum CoverageStatus {
    /// The newest available copy is young enough.
    Protected,
    /// There is no available copy yet, and one is in progress.
    Pending,
    /// The newest available copy is too old, or unknown.
    Stale,
    /// There is no copy, and none can be made.
    Unprotected,
}

impl Coverage {
    /// The coverage in a destination that could not be read.
    pub(super) fn unread(source: &ResourceId, destination: Region) -> Self {
        Self {
            source: source.clone(),
            destination,
            newest: None,
            age_hours: None,
            status: CoverageStatus::Stale,
            reason: Some(format!("{destination} could not be read")),
        }
    }
}

impl Planner<'_> {
    /// How well each source is covered here.
    pub(super) fn coverages(
        &self,
        sources: &BTreeSet<&ResourceId>,
        planned: &[PlannedCopy],
    ) -> Vec<Coverage> {
        // The newest recovery point of each source that is being copied, or is about to be.
        let mut on_their_way: BTreeMap<&ResourceId, Date> = BTreeMap::new();
        let planned = planned
            .iter()
            .filter(|planned| planned.step != CopyStep::Exists)
            .map(|planned| (&planned.source, planned.date));
        let pending = self
            .by_source
            .values()
            .flatten()
            .filter(|copy| copy.state == SnapshotState::Pending)
            .map(|copy| (&copy.source, copy.date));
        for (source, date) in planned.chain(pending) {
            let newest = on_their_way.entry(source).or_insert(date);
            *newest = date.max(*newest);
        }
        sources
            .iter()
            .map(|source| self.coverage(source, on_their_way.get(source).copied()))
            .collect()
    }

    fn coverage(&self, source: &ResourceId, on_its_way: Option<Date>) -> Coverage {
        let now = self.now;
        let snapshots = self.inventory.auto_snapshots.get(source);
        let age = |date: Date| age_hours(date, snapshots, now);
        let newest = newest_available(self.copies_of(source)).map(|copy| copy.date);
        let limit = self.policy.max_recovery_point_age_hours;
        let too_old = |date| age(date) > limit;
        let automatic = self
            .inventory
            .resources
            .get(source)
            .is_some_and(|resource| resource.automatic_snapshots);
        let none_new = || match snapshots {
            Some(Err(failure)) => Some(format!(
                "its automatic snapshots could not be read: {failure}"
            )),
            _ if !automatic => Some("automatic snapshots are off".to_owned()),
            Some(Ok(snapshots)) if !snapshots.iter().any(|point| point.restorable) => {
                Some("no automatic snapshot can be restored".to_owned())
            }
            _ => SnapshotName::for_dated(&source.name, source.region, utc_date(now))
                .err()
                .map(|error| error.to_string()),
        };
        let newest_but_old =
            |date| format!("the newest recovery point that can be copied is of {date}");
        let (status, reason) = match (newest, on_its_way) {
            (Some(date), _) if !too_old(date) => (CoverageStatus::Protected, None),
            (Some(_), Some(date)) => (
                CoverageStatus::Stale,
                Some(format!("a copy of {date} is on its way")),
            ),
            (Some(date), None) => (
                CoverageStatus::Stale,
                none_new().or_else(|| Some(newest_but_old(date))),
            ),
            (None, Some(date)) if !too_old(date) => (CoverageStatus::Pending, None),
            (None, Some(date)) => (CoverageStatus::Stale, Some(newest_but_old(date))),
            (None, None) if matches!(snapshots, Some(Err(_))) => {
                (CoverageStatus::Stale, none_new())
            }
            (None, None) => (CoverageStatus::Unprotected, none_new()),
        };
        Coverage {
            source: source.clone(),
            destination: self.region,
            newest,
            age_hours: newest.map(age),
            status,
            reason,
        }
    }
}

/// The age of a recovery point in hours: since its automatic snapshot was made if that is known,
/// otherwise since midnight UTC of its date.
fn age_hours(
    date: Date,
    snapshots: Option<&Result<Vec<AutoSnapshot>, ApiError>>,
    now: Timestamp,
) -> f64 {
    let known = snapshots
        .and_then(|snapshots| snapshots.as_ref().ok())
        .and_then(|snapshots| snapshots.iter().find(|point| point.date == date))
        .and_then(|point| point.created_at);
    let midnight = || date.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let age = known
        .or_else(midnight)
        .map_or(SignedDuration::ZERO, |made| now.duration_since(made));
    (age.as_secs_f64() / 3600.0).max(0.0)
}
