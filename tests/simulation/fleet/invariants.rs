//! What is checked after each run.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use lightsail_emulator::{Region, SnapshotState};
use lightsail_snapshot_copier::{Coverage, CoverageStatus, MassDeletion, Outcome};

use super::sick::is_sick;
use super::sources::{Health, Source};
use super::{Fleet, Run};
use crate::copies::{copy_of, day, last_valid_date};
use crate::invariants::coverage::{MAX_AGE, Selected};
use crate::invariants::expect;

/// When a source is protected that nothing disturbs: a day has one automatic snapshot.
const ONE_DAY: SignedDuration = SignedDuration::from_hours(24);
/// The same for a source that failed before: its last failed copy waits for six hours.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_hours(30);

impl Fleet {
    /// Checks a run.
    pub(super) fn check(&mut self, run: &Run) -> Result<(), String> {
        self.count_results(run);
        let watch = self.watch.lock().unwrap();
        if let Some(problem) = &watch.broken {
            return Err(problem.clone());
        }
        let selected: Vec<Selected> = self
            .sources
            .iter()
            .map(|source| source.selected.clone())
            .collect();
        let unread = run.results.read_failures();
        let unread: Vec<&str> = unread
            .filter_map(|unread| unread.source.as_deref())
            .collect();
        let mut queried = watch.queried.clone();
        queried.retain(|(_, name)| !unread.contains(&name.as_str()));
        run.found.check_coverage(
            &self.emulator,
            &selected,
            &queried,
            &run.unread,
            &run.results.coverage(),
        )?;
        drop(watch);
        self.check_attempts(run)?;
        self.excuse(run);
        for coverage in run.results.coverage() {
            self.check_silence(coverage)?;
        }
        let mut destinations = self.destinations.iter();
        let has_time = destinations.all(|region| self.allows_one_attempt(run, *region));
        if run.mass_deletion == MassDeletion::Allowed && !self.trouble && has_time {
            self.check_nothing_is_left_to_delete()?;
        }
        Ok(())
    }

    /// Sources that had too little time for a second attempt wait for the next run.
    fn excuse(&mut self, run: &Run) {
        let destinations = self.destinations.iter();
        let excused = destinations.flat_map(|region| self.excused(run, *region));
        let excused: BTreeSet<String> = excused.collect();
        // The next run, a day later at the most, only starts the copy.
        let now = self.clock.now() + SignedDuration::from_hours(1);
        for source in &mut self.sources {
            if excused.contains(&source.selected.name) {
                source.healthy_since = now;
            }
        }
    }

    fn count_results(&mut self, run: &Run) {
        let mut watch = self.watch.lock().unwrap();
        let counts = &mut self.counts;
        counts.merge(&watch.counts.take());
        if run.mass_deletion == MassDeletion::Allowed {
            let times = watch.deletions.mass_deletions();
            counts.add("permitted mass deletions", times as u64);
        }
        for copy in run.results.copies() {
            let code = copy.error.as_ref().map(|error| error.code.as_ref());
            match (copy.outcome, code) {
                (Outcome::Started, _) => counts.count("copies"),
                (Outcome::Failed, Some("InvalidInputException")) => counts.count("refused copies"),
                (Outcome::Failed, Some("CopyErrored")) => {
                    counts.count("copies with failed Operations");
                }
                _ => {}
            }
        }
        for deletion in run.results.deletions() {
            let code = deletion.error.as_ref().map(|error| error.code.as_ref());
            match (deletion.outcome, code) {
                (Outcome::Deleted, _) => counts.count("deletions"),
                (_, Some("MassDeletion")) => counts.count("refused mass deletions"),
                (_, Some("NewestCopyMissing")) => {
                    counts.count("deletions stopped because the newest copy is gone");
                }
                _ => {}
            }
        }
        for coverage in run.results.coverage() {
            counts.count(match coverage.status {
                CoverageStatus::Protected => "status protected",
                CoverageStatus::Stale => "status stale",
                CoverageStatus::Pending => "status pending",
                CoverageStatus::Unprotected => "status unprotected",
                CoverageStatus::Unknown => "status unknown",
                CoverageStatus::Unselected => "status unselected",
            });
        }
    }

    /// No source without an available copy is silent for longer than the maximum age.
    fn check_silence(&mut self, coverage: &Coverage) -> Result<(), String> {
        let now = self.clock.now();
        let name = &coverage.source.name;
        let destinations = self.destinations.iter().copied();
        let mut destinations =
            destinations.filter(|region| region.as_str() == coverage.destination.as_str());
        let key = (destinations.next().expect("it is one"), name.to_string());
        let is_silent = coverage.status == CoverageStatus::Pending;
        if !is_silent {
            self.silent_since.insert(key, now);
            return Ok(());
        }
        let since = *self.silent_since.entry(key).or_insert(now);
        // A copy starts minutes after its run, if calls are throttled.
        let late = SignedDuration::from_mins(15);
        let limit = MAX_AGE + SignedDuration::from_hours(self.between_runs) + late;
        let silent = now.duration_since(since);
        expect(silent <= limit, || {
            format!("{name} has no copy and is silent for {silent:#}: {coverage:?}")
        })
    }

    /// A permitted run on a calm day deletes all that retention does not keep.
    fn check_nothing_is_left_to_delete(&self) -> Result<(), String> {
        let watch = self.watch.lock().unwrap();
        for ((region, _, source), copies) in watch.deletions.available() {
            if source.split('/').nth(1).is_some_and(is_sick) {
                continue;
            }
            let snapshots = copies.keys();
            let left: BTreeSet<&String> = snapshots
                .filter(|name| {
                    // A copy that lacked a tag when the run started survives it.
                    let key = (*region, (*name).clone());
                    let exists = self.emulator.snapshot(*region, name).is_some();
                    exists && !watch.untagged.contains(&key)
                })
                .collect();
            expect(left.len() <= self.retention as usize, || {
                let kept = self.retention;
                format!("of {source} in {region}, {left:?} are left, and {kept} are to be kept")
            })?;
        }
        Ok(())
    }

    /// Whatever the others do, the newest copy of each healthy source is of today's or yesterday's
    /// automatic snapshot, a day after the last trouble. A source that recovers waits for six hours
    /// more, if there is room for its copy.
    pub(super) fn check_healthy(&mut self) -> Result<(), String> {
        if self.trouble {
            return Ok(());
        }
        let now = self.clock.now();
        for source in &self.sources {
            let (wait, situation) = match source.health {
                Health::Good => (ONE_DAY, "healthy sources checked a day after the trouble"),
                Health::Recovered if self.is_roomy => (AFTER_FAILURE, "recovered sources checked"),
                _ => continue,
            };
            let since = source.healthy_since.max(self.calm_since);
            if now.duration_since(since) < wait {
                continue;
            }
            for region in &self.destinations {
                self.check_newest(*region, source)?;
            }
            self.counts.count(situation);
        }
        Ok(())
    }

    fn check_newest(&self, region: Region, source: &Source) -> Result<(), String> {
        let Selected {
            name,
            kind,
            created_at,
            ..
        } = &source.selected;
        let today = self.today();
        let of_source = format!("{}/{name}", source.selected.region);
        let valid = day(*created_at)..=last_valid_date(self.clock.now());
        let snapshots = self.emulator.snapshots(region).into_iter();
        let newest: Option<Date> = snapshots
            .filter(|copy| copy.state == SnapshotState::Available && copy.kind == *kind)
            .filter_map(|copy| copy_of(&copy))
            .filter(|(source, date)| *source == of_source && valid.contains(date))
            .map(|(_, date)| date)
            .max();
        expect(
            newest.is_some_and(|newest| newest >= today - 1.days()),
            || {
                format!(
                    "at {}, the newest copy of {name} in {region} is of {newest:?}",
                    self.clock.now()
                )
            },
        )
    }

    /// Foreign snapshots and those with wrong tags are as people left them.
    pub(super) fn check_untouchable(&self) -> Result<(), String> {
        for ((region, name), tags) in &self.untouchable {
            let found = self.emulator.snapshot(*region, name);
            let found = found.map(|snapshot| snapshot.tags);
            expect(found.as_ref() == Some(tags), || {
                format!("{name} in {region} had the tags {tags:?}, and now {found:?}")
            })?;
        }
        Ok(())
    }
}
