//! How well each source is covered after a run: what can be restored right now.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Planner;
use super::existing_copy::{
    ExistingCopy, last_valid_date, last_verdict, newest_available, since_creation,
};
use super::inventory::Inventory;
use super::sources::Sources;
use crate::model::copy::CopySource;
use crate::model::coverage::{Coverage, CoverageStatus, Reason, ReasonCode};
use crate::model::drill::Verdict;
use crate::model::event::{CopyResult, Event};
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::model::resource::{ResourceId, SnapshotState};

/// The coverage of each selected instance and disk in each destination, and of those that no rule
/// selects any more. `inventory` is what the run found, `events` what it did.
pub fn coverage(
    policy: &Policy,
    inventory: &Inventory,
    now: Timestamp,
    events: &[Event],
) -> Vec<Coverage> {
    let sources = Sources::new(policy, inventory);
    let results = Results::new(events);
    let mut all = Vec::new();
    for region in &policy.destinations {
        let coverages = match inventory.destinations.get(region) {
            Some(destination) => {
                let planner = Planner::new(policy, inventory, &sources, destination, now);
                planner.coverages(&results)
            }
            None => unread(&sources, inventory, *region, &results).collect(),
        };
        all.reserve_exact(coverages.len());
        all.extend(coverages);
    }
    // By source, with the destinations in the policy's order. A stable sort would take half as much
    // memory as the list once more.
    let place = |coverage: &Coverage| {
        let mut destinations = policy.destinations.iter();
        destinations.position(|region| *region == coverage.destination)
    };
    all.sort_unstable_by(|a, b| (&a.source, place(a)).cmp(&(&b.source, place(b))));
    all
}

/// What a run did about a source's copies in one destination, each with its date, the newest last.
pub(super) type CopyResults<'a> = [(Place<'a>, Date, &'a CopyResult)];

/// A destination, and the Region and name of a source.
pub(super) type Place<'a> = (Region, Region, &'a str);

struct Results<'a> {
    /// In order.
    copies: Vec<(Place<'a>, Date, &'a CopyResult)>,
    verdicts: BTreeMap<(Region, &'a ResourceId), Verdict>,
}

impl<'a> Results<'a> {
    fn new(events: &'a [Event]) -> Self {
        let copies = events.iter().filter_map(Event::try_as_copy_result_ref);
        let copies = copies.filter_map(|result| {
            let copy = &result.copy;
            let CopySource::Dated { resource, date } = &copy.source else {
                return None;
            };
            let place = (copy.destination, copy.source_region, &**resource);
            Some((place, *date, result))
        });
        let mut copies: Vec<_> = copies.collect();
        copies.sort_by_key(|(place, date, _)| (*place, *date));
        let drills = events.iter().filter_map(Event::try_as_drill_result_ref);
        let verdicts = drills.filter_map(|drill| {
            let verdict = drill.verdict?;
            Some(((drill.destination, &drill.source), verdict))
        });
        Self {
            verdicts: verdicts.collect(),
            copies,
        }
    }

    fn copies<'s>(&'s self, destination: Region, source: &'s ResourceId) -> &'s CopyResults<'a> {
        let key = (destination, source.region, &*source.name);
        let start = self.copies.partition_point(|(place, ..)| *place < key);
        let end = self.copies.partition_point(|(place, ..)| *place <= key);
        self.copies.get(start..end).unwrap_or_default()
    }
}

/// The coverage in a destination that could not be read.
fn unread(
    sources: &Sources<'_>,
    inventory: &Inventory,
    destination: Region,
    results: &Results<'_>,
) -> impl Iterator<Item = Coverage> {
    let own = sources.iter().map(|source| (source, None));
    let attached = sources.attached();
    let attached = attached.map(|(disk, instance)| (disk, Some(instance.name.clone())));
    own.chain(attached).map(move |(source, through)| Coverage {
        source: source.clone(),
        destination,
        newest: None,
        age_hours: None,
        status: CoverageStatus::Unknown,
        reason: Some(Reason::new(
            ReasonCode::NotRead,
            format!("{destination} could not be read"),
        )),
        size_gb: size_gb(inventory, source),
        copies: 0,
        through,
        last_drill: results.verdicts.get(&(destination, source)).copied(),
    })
}

fn size_gb(inventory: &Inventory, source: &ResourceId) -> Option<u32> {
    inventory.resources.get(source)?.size_gb
}

impl Planner<'_> {
    fn coverages(&self, results: &Results<'_>) -> Vec<Coverage> {
        let sources = self.sources.iter();
        let mut all: Vec<Coverage> = sources
            .map(|source| self.coverage(source, results))
            .collect();
        let attached = self.sources.attached();
        let attached: Vec<Coverage> = attached
            .filter_map(|(disk, instance)| {
                // In the order of the sources.
                let index = all.binary_search_by(|coverage| coverage.source.cmp(instance));
                Some(self.through(disk, all.get(index.ok()?)?))
            })
            .collect();
        all.extend(attached);
        all.extend(self.unselected());
        all
    }

    fn coverage(&self, source: &ResourceId, results: &Results<'_>) -> Coverage {
        let found = self.found(source, self.own_copies(source));
        let copies = results.copies(self.region, source);
        let (status, reason) = match found.newest {
            Some(_) if self.is_young(&found) => (CoverageStatus::Protected, None),
            Some(date) => {
                let too_old = || {
                    let text = format!("the newest restorable automatic snapshot is of {date}");
                    Reason::new(ReasonCode::CopyTooOld, text)
                };
                let reason = self.obstacle(source, copies).unwrap_or_else(too_old);
                (CoverageStatus::Stale, Some(reason))
            }
            None => {
                let (status, reason) = self.without_copy(source, copies);
                (status, Some(reason))
            }
        };
        let verdict = results.verdicts.get(&(self.region, source)).copied();
        Coverage {
            status,
            // If automatic snapshots are off, nothing else helps.
            reason: reason.map(|reason| self.automatic_snapshots_off(source).unwrap_or(reason)),
            last_drill: verdict.or(found.last_drill),
            ..found
        }
    }

    /// What the run found of a source, given its copies.
    fn found(&self, source: &ResourceId, own: &[&ExistingCopy]) -> Coverage {
        let newest = newest_available(own).map(|copy| copy.date);
        Coverage {
            source: source.clone(),
            destination: self.region,
            newest,
            age_hours: newest.map(|date| self.age_hours(source, date)),
            status: CoverageStatus::Protected,
            reason: None,
            size_gb: size_gb(self.inventory, source),
            copies: available(own).count(),
            through: None,
            last_drill: last_verdict(own, last_valid_date(self.now)),
        }
    }

    /// The coverage of a disk through the instance it is attached to.
    fn through(&self, disk: &ResourceId, instance: &Coverage) -> Coverage {
        let contains = |copy: &&ExistingCopy| {
            let mut disks = copy.attached_disks.iter();
            disks.any(|name| **name == *disk.name)
        };
        let copies = || available(self.own_copies(&instance.source));
        let covered = Coverage {
            source: disk.clone(),
            size_gb: size_gb(self.inventory, disk),
            copies: copies().filter(contains).count(),
            through: Some(instance.source.name.clone()),
            last_drill: None,
            ..instance.clone()
        };
        // The disk was attached before the oldest of the newest copies that lack it.
        let Some(oldest) = copies().take_while(|copy| !contains(copy)).last() else {
            return covered;
        };
        let age_hours = self.age_hours(&instance.source, oldest.date);
        let text = format!(
            "the newest copy of {} does not contain this disk",
            instance.source.name
        );
        Coverage {
            newest: None,
            age_hours: None,
            status: if age_hours <= self.policy.max_recovery_point_age_hours {
                CoverageStatus::Pending
            } else {
                CoverageStatus::Unprotected
            },
            reason: Some(Reason::new(ReasonCode::DiskNotInCopy, text)),
            ..covered
        }
    }

    /// The instances and disks that exist, have copies that are too old, and that no rule selects.
    fn unselected(&self) -> impl Iterator<Item = Coverage> {
        let sources = self.by_source.iter();
        sources.filter_map(|(source, copies)| {
            let resource = self.inventory.resources.get(source)?;
            if self.sources.selects(source) {
                return None;
            }
            let found = self.found(source, &since_creation(copies, resource.created_at));
            let date = found.newest?;
            let text = format!("no rule selects it, and its newest copy is of {date}");
            (!self.is_young(&found)).then(|| Coverage {
                status: CoverageStatus::Unselected,
                reason: Some(Reason::new(ReasonCode::NotSelected, text)),
                ..found
            })
        })
    }

    fn is_young(&self, found: &Coverage) -> bool {
        let max = self.policy.max_recovery_point_age_hours;
        found.age_hours.is_some_and(|hours| hours <= max)
    }

    /// Whether an instant is longer ago than the policy's `maxRecoveryPointAgeHours`.
    pub(super) fn is_older(&self, time: Timestamp) -> bool {
        hours(self.now.duration_since(time)) > self.policy.max_recovery_point_age_hours
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

fn available<'a>(copies: &[&'a ExistingCopy]) -> impl Iterator<Item = &'a ExistingCopy> {
    let copies = copies.iter().copied();
    copies.filter(|copy| copy.state == SnapshotState::Available)
}

fn hours(duration: SignedDuration) -> f64 {
    duration.as_secs_f64() / 3600.0
}
