//! What is checked after each run and at the end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use lightsail_emulator::{AutoSnapshotStatus, Region, Snapshot, SnapshotState};
use lightsail_snapshot_copier::{Outcome, ResourceKind};

use super::Weeks;
use super::account::{SourceKey, id, is_selected};
use crate::copies::{copy_of, kept, tagged};
use crate::invariants::coverage::{Found, Selected};
use crate::results::Results;

impl Weeks {
    /// Checks that a run deleted nothing in a Region or of a source that it could not read.
    pub(super) fn check_results(&mut self, run: &Results) -> Result<(), String> {
        for copy in run.copies() {
            match copy.outcome {
                Outcome::Started => self.counts.count("copies"),
                Outcome::Deferred => self.counts.count("deferred copies"),
                _ => {}
            }
        }
        for deletion in run.deletions() {
            if deletion.outcome == Outcome::Deleted {
                self.counts.count("deletions");
            }
            let source = &deletion.source;
            // A Region can be source and destination. Here its lists as a source count.
            let lists = run.read_failures().any(|unread| {
                unread.region == source.region
                    && unread.operation.ends_with(match source.kind {
                        ResourceKind::Instance => "Instances",
                        ResourceKind::Disk => "Disks",
                    })
            });
            let asked = run.read_failures().any(|unread| {
                unread.region == source.region && unread.source.as_deref() == Some(&source.name)
            });
            let destination = run.read_failures().any(|unread| {
                unread.region == deletion.region
                    && unread.operation.ends_with("Snapshots")
                    && unread.source.is_none()
            });
            if lists || asked || destination {
                return Err(format!("deleted what was not read: {deletion:?}"));
            }
        }
        Ok(())
    }

    /// Checks that nothing fails in a run without faults.
    pub(super) fn check_without_faults(&mut self, run: &Results) -> Result<(), String> {
        self.check_results(run)?;
        let failed = run.copies().find(|copy| copy.outcome == Outcome::Failed);
        let undone = run
            .deletions()
            .find(|deletion| deletion.outcome != Outcome::Deleted);
        if let Some(copy) = failed {
            return Err(format!("a copy failed without a fault: {copy:?}"));
        }
        if let Some(deletion) = undone {
            return Err(format!("a deletion failed without a fault: {deletion:?}"));
        }
        if let Some(unread) = run.read_failures().next() {
            return Err(format!("unread without a fault: {unread:?}"));
        }
        Ok(())
    }

    /// The coverage of a run without faults is the contract's.
    pub(super) fn check_coverage(&mut self, found: &Found, run: &Results) -> Result<(), String> {
        let selected: Vec<Selected> = self
            .sources
            .iter()
            .filter(|(source, _)| is_selected(source))
            .map(|(source, kind)| Selected {
                region: source.region,
                name: source.name.clone(),
                kind: *kind,
                created_at: Timestamp::UNIX_EPOCH,
                auto_snapshots: true,
                attached_to: None,
            })
            .collect();
        self.counts.count("runs with checked coverage");
        let queried = &self.watch.lock().unwrap().queried;
        let unread = BTreeSet::new();
        found.check_coverage(&self.emulator, &selected, queried, &unread, &run.coverage())
    }

    pub(super) fn remember_copies(&self) {
        let mut watch = self.watch.lock().unwrap();
        for region in &self.rules.destinations {
            watch.remember_available(&self.emulator, *region);
        }
    }

    /// Checks all snapshots after the faults have stopped.
    pub(super) fn check_end_state(&self) -> Result<(), String> {
        for ((region, name), tags) in &self.foreign {
            match self.emulator.snapshot(*region, name) {
                Some(snapshot) if snapshot.tags == *tags => {}
                other => {
                    return Err(format!(
                        "{name} in {region}, a foreign snapshot, is now {other:?}"
                    ));
                }
            }
        }
        for region in Region::ALL.iter().copied() {
            let ours: Vec<_> = self
                .emulator
                .snapshots(region)
                .into_iter()
                .filter(|snapshot| !self.foreign.contains_key(&(region, snapshot.name.clone())))
                .collect();
            if !self.rules.destinations.contains(&region) {
                if !ours.is_empty() {
                    return Err(format!("{region} is no destination and has {ours:?}"));
                }
                continue;
            }
            self.check_copies(region, &ours)?;
        }
        Ok(())
    }

    /// Checks the copies in one destination.
    fn check_copies(&self, region: Region, snapshots: &[Snapshot]) -> Result<(), String> {
        let mut there: BTreeMap<(String, Date), usize> = BTreeMap::new();
        for snapshot in snapshots {
            let key = copy_of(snapshot).ok_or(format!("not a copy: {snapshot:?}"))?;
            let is_gone = !self.sources.keys().any(|source| id(source) == key.0);
            if tagged(snapshot).is_none() && !is_gone {
                return Err(format!("no tags: {snapshot:?}"));
            }
            if snapshot.state == SnapshotState::Error && !is_gone {
                return Err(format!("left in error: {snapshot:?}"));
            }
            *there.entry(key).or_default() += 1;
        }
        if let Some((key, count)) = there.iter().find(|(_, count)| **count > 1) {
            return Err(format!("{region} has {count} copies of {key:?}"));
        }
        self.check_wanted(region, &there)?;
        self.check_kept(region, &there, &self.watch.lock().unwrap().seen)
    }

    /// Checks that every recovery point that the policy wants has a copy.
    fn check_wanted(
        &self,
        region: Region,
        there: &BTreeMap<(String, Date), usize>,
    ) -> Result<(), String> {
        for source in self.sources.keys() {
            let copies: BTreeSet<Date> = there
                .keys()
                .filter(|(of, _)| *of == id(source))
                .map(|(_, date)| *date)
                .collect();
            if !is_selected(source) {
                if !copies.is_empty() {
                    return Err(format!(
                        "{source:?} is not selected and has copies of {copies:?}"
                    ));
                }
                continue;
            }
            let restorable = self.restorable(source);
            let candidates: BTreeSet<Date> = if self.rules.backfill {
                restorable
            } else {
                restorable.last().copied().into_iter().collect()
            };
            let all: BTreeSet<Date> = copies.union(&candidates).copied().collect();
            let kept = kept(self.rules.keep, &all);
            for date in candidates.intersection(&kept) {
                if !copies.contains(date) {
                    return Err(format!(
                        "{source:?} has no copy of {date} in {region}: {copies:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Checks that every copy that was ever available and that retention keeps exists.
    fn check_kept(
        &self,
        region: Region,
        there: &BTreeMap<(String, Date), usize>,
        seen: &BTreeSet<(Region, String, Date)>,
    ) -> Result<(), String> {
        let mut by_source: BTreeMap<&String, BTreeSet<Date>> = BTreeMap::new();
        for (_, source, date) in seen.iter().filter(|(at, _, _)| *at == region) {
            by_source.entry(source).or_default().insert(*date);
        }
        for (source, dates) in by_source {
            let kept = kept(self.rules.keep, &dates);
            for date in kept {
                if !there.contains_key(&(source.clone(), date)) {
                    return Err(format!(
                        "the copy of {date} of {source} in {region} is gone; there were {dates:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The dates of the automatic snapshots that can be copied.
    fn restorable(&self, source: &SourceKey) -> BTreeSet<Date> {
        self.emulator
            .auto_snapshots(source.region, &source.name)
            .into_iter()
            .filter(|(_, status)| *status == AutoSnapshotStatus::Success)
            .map(|(date, _)| date)
            .collect()
    }
}
