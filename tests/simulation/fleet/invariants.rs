//! What is checked after each run.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use lightsail_emulator::SnapshotState;
use lightsail_snapshot_copier::{CoverageStatus, RunResults};

use super::{AWAY, Fleet, MAX_AGE};

impl Fleet {
    pub(super) fn check(&mut self, run: &RunResults, down: bool) -> Result<(), String> {
        let deletions = self.deletions.lock().unwrap();
        if let Some(problem) = &deletions.broken {
            return Err(problem.clone());
        }
        drop(deletions);
        let refused = |error: &str| {
            let mut deletions = run.deletions.iter();
            deletions.any(|deletion| {
                deletion
                    .error
                    .as_ref()
                    .is_some_and(|found| found.code == error)
            })
        };
        if refused("MassDeletion") {
            self.count("refused mass deletions");
        }
        if refused("InternalError") {
            self.count("failed Operations");
        }
        let now = self.clock.now();
        for coverage in &run.coverage {
            let name = &coverage.source.name;
            let is_silent = coverage.status == CoverageStatus::Pending;
            match name.as_str() {
                _ if down => expect(coverage.status == CoverageStatus::Unknown, || {
                    format!("an unread destination is not unknown: {coverage:?}")
                })?,
                "windows" => expect(coverage.status == CoverageStatus::Unprotected, || {
                    format!("a Windows instance: {coverage:?}")
                })?,
                "data" => expect(coverage.through.as_deref() == Some("good-0"), || {
                    format!("an attached disk: {coverage:?}")
                })?,
                _ => {}
            }
            if !is_silent {
                self.silent_since.insert(name.clone(), now);
            }
            let Some(since) = self.silent_since.get(name) else {
                continue;
            };
            let limit = MAX_AGE + SignedDuration::from_hours(self.between_runs);
            let silent = now.duration_since(*since);
            expect(!is_silent || silent <= limit, || {
                format!("{name} has no copy and is silent for {silent:#}: {coverage:?}")
            })?;
        }
        Ok(())
    }

    /// A healthy source has an available copy of yesterday or today, whatever the others do.
    pub(super) fn check_healthy(&self) -> Result<(), String> {
        let today = self.today();
        let oldest = today - 2.days();
        for name in self.sources.iter().filter(|name| name.starts_with("good")) {
            let prefix = format!("{name}-us-west-2-");
            let snapshots = self.emulator.snapshots(AWAY);
            let dates: BTreeSet<Date> = snapshots
                .iter()
                .filter(|copy| copy.state == SnapshotState::Available)
                .filter_map(|copy| copy.name.strip_prefix(&prefix)?.parse().ok())
                .collect();
            let newest = dates.last();
            expect(newest.is_some_and(|newest| *newest >= oldest), || {
                format!("on {today}, the newest copy of {name} is of {newest:?}")
            })?;
        }
        Ok(())
    }
}

pub(super) fn expect(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(problem()),
    }
}
