//! How well each source is covered: what can be restored right now.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::copies::{CopyStep, PlannedCopy, has_failed};
use super::history::{last_valid_date, last_verdict, newest_available};
use super::planner::Planner;
use super::sources::Sources;
use crate::model::coverage::{Coverage, CoverageStatus};
use crate::model::region::Region;
use crate::model::resource::{ResourceId, SnapshotState};
use crate::model::restore_date::utc_date;
use crate::model::snapshot_name::SnapshotName;

const STARTS_FIRST_COPY: &str = "this run starts the first copy";

impl Coverage {
    /// Corrects the coverage after the first copy started. It had no slot in the plan, but another
    /// copy did not use its own.
    pub fn first_copy_started(&mut self) {
        self.status = CoverageStatus::Pending;
        self.reason = Some(STARTS_FIRST_COPY.to_owned());
    }

    /// Corrects the coverage after the first copy did not start.
    pub fn first_copy_failed(&mut self, why: &str) {
        self.status = CoverageStatus::Unprotected;
        self.reason = Some(format!("the first copy did not start: {why}"));
    }
}

/// The coverage in a destination that could not be read.
pub(super) fn unread(sources: &Sources<'_>, destination: Region) -> impl Iterator<Item = Coverage> {
    let own = sources.iter().map(|source| (source, None));
    let attached = sources.attached();
    let attached = attached.map(|(disk, instance)| (disk, Some(instance.name.clone())));
    own.chain(attached).map(move |(source, through)| Coverage {
        source: source.clone(),
        destination,
        newest: None,
        age_hours: None,
        status: CoverageStatus::Unknown,
        reason: Some(format!("{destination} could not be read")),
        through,
        first_copy: None,
        last_drill: None,
    })
}

impl Planner<'_> {
    /// The coverage of each selected instance and disk in this destination.
    pub(super) fn coverages(&self, copies: &[PlannedCopy], slots: usize) -> Vec<Coverage> {
        let mut planned: BTreeMap<&ResourceId, Vec<(&PlannedCopy, bool)>> = BTreeMap::new();
        let mut slots = slots;
        for copy in copies {
            let starts = matches!(copy.step, CopyStep::Start | CopyStep::Replace(_));
            let has_slot = starts && slots > 0;
            slots -= usize::from(has_slot);
            planned
                .entry(&copy.source)
                .or_default()
                .push((copy, has_slot));
        }
        let planned = |source| planned.get(source).map_or(&[][..], Vec::as_slice);
        let sources = self.sources.iter();
        let mut coverages: Vec<Coverage> = sources
            .map(|source| self.coverage(source, planned(source)))
            .collect();
        let attached = self.sources.attached();
        let attached: Vec<Coverage> = attached
            .filter_map(|(disk, instance)| {
                // In the order of the sources.
                let index = coverages.binary_search_by(|coverage| coverage.source.cmp(instance));
                let of_instance = coverages.get(index.ok()?)?;
                Some(self.through(disk, of_instance))
            })
            .collect();
        coverages.extend(attached);
        coverages
    }

    /// The coverage of a source. `planned` has its copies that the policy wants, each with whether
    /// this run has a slot for it.
    fn coverage(&self, source: &ResourceId, planned: &[(&PlannedCopy, bool)]) -> Coverage {
        let own = self.own_copies(source);
        let newest = newest_available(own).map(|copy| copy.date);
        let age_hours = newest.map(|date| self.age_hours(source, date));
        let is_young = age_hours.is_some_and(|hours| hours <= self.max_age_hours());
        let (status, reason, first_copy) = match newest {
            Some(_) if is_young => (CoverageStatus::Protected, None, None),
            Some(date) => {
                let reason = self.obstacle(source, planned);
                let reason = reason.unwrap_or_else(|| {
                    format!("the newest restorable automatic snapshot is of {date}")
                });
                (CoverageStatus::Stale, Some(reason), None)
            }
            None => self.without_copy(source, planned),
        };
        Coverage {
            source: source.clone(),
            destination: self.region,
            newest,
            age_hours,
            status,
            reason,
            through: None,
            first_copy,
            last_drill: last_verdict(own, last_valid_date(self.now)),
        }
    }

    /// The status, reason and first copy of a source that has no available copy.
    fn without_copy(
        &self,
        source: &ResourceId,
        planned: &[(&PlannedCopy, bool)],
    ) -> (CoverageStatus, Option<String>, Option<SnapshotName>) {
        let pending = |reason: &str| (CoverageStatus::Pending, Some(reason.to_owned()));
        let unprotected = |reason| (CoverageStatus::Unprotected, Some(reason));
        let own = self.own_copies(source);
        let has = |state| own.iter().any(|copy| copy.state == state);
        let in_progress = own
            .iter()
            .filter(|copy| copy.state == SnapshotState::Pending);
        let oldest_start = in_progress.filter_map(|copy| copy.created_at).min();
        let is_slow = oldest_start.is_some_and(|start| self.is_older(start));
        let first = planned
            .iter()
            .find(|(copy, _)| copy.step == CopyStep::Start)
            .filter(|_| !has(SnapshotState::Pending) && !has(SnapshotState::Error));
        let (status, reason) = if is_slow {
            let hours = self.max_age_hours();
            unprotected(format!(
                "the first copy has been in progress for more than {hours} h"
            ))
        } else if has(SnapshotState::Pending) {
            pending("the first copy is in progress")
        } else if first.is_some_and(|(_, has_slot)| *has_slot) {
            pending(STARTS_FIRST_COPY)
        } else if self.waits_for_first_snapshot(source) {
            pending("the source is new and has no automatic snapshot yet")
        } else {
            let obstacle = self.obstacle(source, planned);
            unprotected(obstacle.unwrap_or_else(|| "there is no copy".to_owned()))
        };
        let first_copy = first.map(|(first, _)| first.copy.target.clone());
        (status, reason, first_copy)
    }

    /// Whether a source is too young for its first automatic snapshot.
    fn waits_for_first_snapshot(&self, source: &ResourceId) -> bool {
        let resource = self.sources.resource(source);
        let is_new = resource.is_some_and(|resource| {
            let created_at = resource.created_at;
            resource.automatic_snapshots && created_at.is_some_and(|at| !self.is_older(at))
        });
        let snapshots = self.inventory.auto_snapshots.get(source);
        is_new
            && matches!(snapshots, Some(Ok(snapshots)) if !snapshots.iter().any(|snapshot| !snapshot.in_progress))
    }

    /// Why a source has no newer copy.
    fn obstacle(&self, source: &ResourceId, planned: &[(&PlannedCopy, bool)]) -> Option<String> {
        let snapshots = match self.inventory.auto_snapshots.get(source) {
            Some(Err(error)) => {
                let reason = format!("its automatic snapshots could not be read: {error}");
                return Some(reason);
            }
            Some(Ok(snapshots)) => snapshots.as_slice(),
            None => &[],
        };
        let resource = self.sources.resource(source);
        let none_restorable = !snapshots.iter().any(|snapshot| snapshot.restorable);
        if none_restorable && resource.is_some_and(|resource| resource.is_windows) {
            let reason = "Lightsail makes no automatic snapshots of Windows instances";
            return Some(reason.to_owned());
        }
        if none_restorable && resource.is_some_and(|resource| !resource.automatic_snapshots) {
            return Some("automatic snapshots are off".to_owned());
        }
        if let Some((copy, has_slot)) = planned.last() {
            return self.planned_obstacle(copy, *has_slot);
        }
        let today = utc_date(self.now);
        if let Err(error) = SnapshotName::for_dated(&source.name, source.region, today) {
            return Some(error.to_string());
        }
        none_restorable.then(|| "no automatic snapshot is restorable".to_owned())
    }

    /// Why the newest copy that the policy wants is not available.
    fn planned_obstacle(&self, planned: &PlannedCopy, has_slot: bool) -> Option<String> {
        let date = planned.date;
        let reason = match &planned.step {
            CopyStep::Exists => return None,
            CopyStep::Pending => format!("the copy of {date} is in progress"),
            CopyStep::Wait { reason, .. } => reason.clone(),
            CopyStep::NameInUse(owner) => {
                format!("the name {} is in use by {owner}", planned.copy.target)
            }
            CopyStep::Replace(_) => "the copy ended in state error".to_owned(),
            CopyStep::Start if !has_slot => {
                format!("the copy of {date} waits for room: too many copies are in progress")
            }
            CopyStep::Start if has_failed(self.own_copies(&planned.source)) => {
                "the last copy ended in state error".to_owned()
            }
            CopyStep::Start => format!("this run starts the copy of {date}"),
        };
        Some(reason)
    }

    /// The coverage of a disk through the instance it is attached to.
    fn through(&self, disk: &ResourceId, instance: &Coverage) -> Coverage {
        let newest = newest_available(self.own_copies(&instance.source));
        let lacks_disk = newest.is_some_and(|copy| !copy.attached_disks.contains(&disk.name));
        let covered = Coverage {
            source: disk.clone(),
            through: Some(instance.source.name.clone()),
            last_drill: None,
            ..instance.clone()
        };
        if !lacks_disk {
            return covered;
        }
        let is_young = instance
            .age_hours
            .is_some_and(|hours| hours <= self.max_age_hours());
        let name = &instance.source.name;
        Coverage {
            newest: None,
            age_hours: None,
            status: if is_young {
                CoverageStatus::Pending
            } else {
                CoverageStatus::Unprotected
            },
            reason: Some(format!(
                "the newest copy of {name} does not contain this disk"
            )),
            ..covered
        }
    }

    fn max_age_hours(&self) -> f64 {
        self.policy.max_recovery_point_age_hours
    }

    /// Whether an instant is longer ago than the policy's `maxRecoveryPointAgeHours`.
    fn is_older(&self, time: Timestamp) -> bool {
        hours(self.now.duration_since(time)) > self.max_age_hours()
    }

    /// The age of a recovery point in hours: since its automatic snapshot was made if that is
    /// known, otherwise since midnight UTC of its date.
    fn age_hours(&self, source: &ResourceId, date: Date) -> f64 {
        let snapshots = self.inventory.auto_snapshots.get(source);
        let made = snapshots
            .and_then(|snapshots| snapshots.as_ref().ok())
            .and_then(|snapshots| snapshots.iter().find(|snapshot| snapshot.date == date))
            .and_then(|snapshot| snapshot.created_at);
        let midnight = || date.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
        let made = made.or_else(midnight);
        made.map_or(0.0, |made| hours(self.now.duration_since(made)).max(0.0))
    }
}

fn hours(duration: SignedDuration) -> f64 {
    duration.as_secs_f64() / 3600.0
}
