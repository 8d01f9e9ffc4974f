//! The coverage that the contract demands, computed from the emulator's state alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{
    AutoSnapshotStatus, Emulator, Region, Snapshot, SnapshotState, SourceKind,
};
use lightsail_snapshot_copier::{Coverage, CoverageStatus};

use super::expect;
use crate::copies::{copy_of, day, last_valid_date, midnight};

/// The default of `maxRecoveryPointAgeHours`.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(36);
const MAX_AGE_HOURS: f64 = 36.0;

/// When Lightsail makes the automatic snapshot of a day.
const SNAPSHOT_TIME: SignedDuration = SignedDuration::from_hours(6);

/// An instance or disk that the policy selects.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    pub region: Region,
    pub name: String,
    pub kind: SourceKind,
    pub created_at: Timestamp,
    /// Whether automatic snapshots are on.
    pub auto_snapshots: bool,
    /// The selected instance that a disk is attached to.
    pub attached_to: Option<String>,
}

/// The snapshots in each destination when a run starts.
pub struct Found {
    at: Timestamp,
    snapshots: BTreeMap<Region, Vec<Snapshot>>,
}

/// What the contract says about one source in one destination.
#[derive(Debug, PartialEq)]
struct Expected {
    status: CoverageStatus,
    newest: Option<Date>,
    through: Option<String>,
}

impl Found {
    /// For a run that starts now.
    pub fn before_run(emulator: &Emulator, now: Timestamp, destinations: &[Region]) -> Self {
        let snapshots = destinations.iter();
        Self {
            at: now,
            snapshots: snapshots
                .map(|region| (*region, emulator.snapshots(*region)))
                .collect(),
        }
    }

    /// Compares a run's coverage with the contract. `queried` has the sources that the run asked
    /// Lightsail for automatic snapshots of: it knows when theirs were made. `unread` has the
    /// destinations that it could not read.
    pub fn check_coverage(
        &self,
        emulator: &Emulator,
        selected: &[Selected],
        queried: &BTreeSet<(Region, String)>,
        unread: &BTreeSet<Region>,
        coverage: &[&Coverage],
    ) -> Result<(), String> {
        let expected = selected.len() * self.snapshots.len();
        let (unselected, coverage): (Vec<&Coverage>, Vec<&Coverage>) = coverage
            .iter()
            .partition(|entry| entry.status == CoverageStatus::Unselected);
        expect(coverage.len() == expected, || {
            format!("{} coverage entries, not {expected}", coverage.len())
        })?;
        for entry in unselected {
            let mut is_source = selected
                .iter()
                .flat_map(|source| self.snapshots.keys().map(move |region| (source, *region)));
            let is_old = entry.age_hours.is_some_and(|hours| hours > MAX_AGE_HOURS);
            expect(
                is_old && !is_source.any(|(source, region)| is_of(entry, source, region)),
                || format!("{entry:?} is no unselected source"),
            )?;
        }
        for source in selected {
            for region in self.snapshots.keys() {
                let mut entries = coverage.iter();
                let entry = entries.find(|entry| is_of(entry, source, *region));
                let entry = entry.ok_or(format!("no coverage of {source:?} in {region}"))?;
                let destination = Destination {
                    emulator,
                    region: *region,
                    now: self.at,
                    found: &self.snapshots[region],
                    queried,
                };
                let expected = match unread.contains(region) {
                    true => Expected::unknown(source),
                    false => destination.expected(selected, source),
                };
                expected.check(entry)?;
            }
        }
        Ok(())
    }
}

/// Whether this is the coverage of a source in a destination.
fn is_of(entry: &Coverage, source: &Selected, region: Region) -> bool {
    entry.destination.as_str() == region.as_str()
        && *entry.source.name == *source.name
        && entry.source.region.as_str() == source.region.as_str()
}

impl Selected {
    /// The instance whose snapshots contain this disk.
    fn through(&self) -> Option<String> {
        let instance = self.attached_to.clone();
        instance.filter(|_| !self.auto_snapshots)
    }
}

impl Expected {
    /// In a destination that could not be read.
    fn unknown(source: &Selected) -> Self {
        Self {
            status: CoverageStatus::Unknown,
            newest: None,
            through: source.through(),
        }
    }

    fn check(&self, entry: &Coverage) -> Result<(), String> {
        let is_expected = entry.status == self.status
            && entry.newest == self.newest
            && entry.through.as_deref() == self.through.as_deref();
        expect(is_expected, || {
            format!("expected {self:?}, and the run reports {entry:?}")
        })?;
        let has_reason = entry.reason.is_some();
        expect(
            has_reason != (self.status == CoverageStatus::Protected),
            || format!("the reason is wrong: {entry:?}"),
        )
    }
}

/// One destination of a run.
struct Destination<'a> {
    emulator: &'a Emulator,
    region: Region,
    now: Timestamp,
    found: &'a [Snapshot],
    queried: &'a BTreeSet<(Region, String)>,
}

impl Destination<'_> {
    fn expected(&self, selected: &[Selected], source: &Selected) -> Expected {
        let through = source.through();
        let mut instances = selected.iter();
        let instance = instances.find(|other| Some(&other.name) == through.as_ref());
        let (status, newest) = self.own(instance.unwrap_or(source));
        let expected = Expected {
            status,
            newest: newest.map(|(date, _)| date),
            through,
        };
        match (instance, newest) {
            // The disk was attached after the oldest of these copies was made.
            (Some(instance), Some((_, copy))) if !copy.from.has_disk(&source.name) => {
                let mut copies = self.copies(instance);
                copies.retain(|(_, copy)| copy.state == SnapshotState::Available);
                copies.sort_by_key(|(date, _)| Reverse(*date));
                let lacking = copies
                    .iter()
                    .take_while(|(_, copy)| !copy.from.has_disk(&source.name));
                let oldest = lacking.last().expect("the newest one lacks it").0;
                let status = match self.is_young(instance, oldest) {
                    true => CoverageStatus::Pending,
                    false => CoverageStatus::Unprotected,
                };
                Expected {
                    status,
                    newest: None,
                    ..expected
                }
            }
            _ => expected,
        }
    }

    /// The status of a source with copies of its own, and its newest available copy.
    fn own(&self, source: &Selected) -> (CoverageStatus, Option<(Date, &Snapshot)>) {
        let copies = self.copies(source);
        let with_state = |state| copies.iter().filter(move |(_, copy)| copy.state == state);
        let newest = with_state(SnapshotState::Available).max_by_key(|(date, _)| *date);
        if let Some((date, _)) = newest {
            let status = match self.is_young(source, *date) {
                true => CoverageStatus::Protected,
                false => CoverageStatus::Stale,
            };
            return (status, newest.copied());
        }
        let started = with_state(SnapshotState::Pending).map(|(_, copy)| copy.created_at);
        let is_pending = match started.min() {
            Some(oldest) => self.now.duration_since(oldest) <= MAX_AGE,
            None => {
                let failed = with_state(SnapshotState::Error).count() > 0;
                (self.starts_a_copy(source) && !failed) || self.waits_for_first_snapshot(source)
            }
        };
        let status = match is_pending {
            true => CoverageStatus::Pending,
            false => CoverageStatus::Unprotected,
        };
        (status, None)
    }

    /// A source's copies and their dates.
    fn copies(&self, source: &Selected) -> Vec<(Date, &Snapshot)> {
        let found = self.found.iter();
        let copies = found.filter_map(|snapshot| Some((self.date_of(source, snapshot)?, snapshot)));
        copies.collect()
    }

    /// The date of a source's copy. `None`: the snapshot is no copy of it, the date is invalid, or
    /// the copy is of a predecessor.
    fn date_of(&self, source: &Selected, snapshot: &Snapshot) -> Option<Date> {
        let (of, date) = copy_of(snapshot)?;
        let is_own = of == format!("{}/{}", source.region, source.name)
            && snapshot.kind == source.kind
            && date >= day(source.created_at)
            && snapshot.created_at >= source.created_at
            && date <= last_valid_date(self.now);
        is_own.then_some(date)
    }

    /// Whether a recovery point is at most 36 hours old.
    fn is_young(&self, source: &Selected, date: Date) -> bool {
        let is_known = self.queried.contains(&(source.region, source.name.clone()))
            && self.auto_snapshots(source).any(|(of, _)| of == date);
        let made = match is_known {
            true => midnight(date) + SNAPSHOT_TIME,
            false => midnight(date),
        };
        self.now.duration_since(made) <= MAX_AGE
    }

    /// Whether the run started a copy.
    fn starts_a_copy(&self, source: &Selected) -> bool {
        let existed = |copy: &Snapshot| self.found.iter().any(|found| found.name == copy.name);
        let snapshots = self.emulator.snapshots(self.region);
        let mut new = snapshots.iter().filter(|copy| !existed(copy));
        new.any(|copy| self.date_of(source, copy).is_some())
    }

    fn waits_for_first_snapshot(&self, source: &Selected) -> bool {
        source.auto_snapshots
            && self.now.duration_since(source.created_at) <= MAX_AGE
            && self
                .auto_snapshots(source)
                .all(|(_, status)| status == AutoSnapshotStatus::InProgress)
    }

    fn auto_snapshots(
        &self,
        source: &Selected,
    ) -> impl Iterator<Item = (Date, AutoSnapshotStatus)> {
        let snapshots = self.emulator.auto_snapshots(source.region, &source.name);
        snapshots.into_iter()
    }
}
