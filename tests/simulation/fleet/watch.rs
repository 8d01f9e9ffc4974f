//! What is checked in each call, the calls that fail, and the copy that disappears during a run.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use lightsail_emulator::{Call, Emulator, Fault, Operation, Region, SnapshotState, StatusCode};
use lightsail_snapshot_copier::MassDeletion;

use super::sick::{Sickness, source_of, subject};
use super::sources::Health;
use super::{Fleet, SITUATIONS};
use crate::clock::Clock;
use crate::copies::tagged;
use crate::invariants::deletions::{Copies, Deletions, bound};
use crate::invariants::expect;
use crate::invariants::retries::{FailedCopies, deleted_name};
use crate::statistics::Counts;

/// State that the emulator's hook shares with the scenario.
pub(super) struct Watch {
    clock: Clock,
    rng: Rng,
    pub(super) deletions: Deletions,
    failed_copies: FailedCopies,
    /// The available snapshots that lacked a tag when the run started.
    pub(super) untagged: BTreeSet<(Region, String)>,
    /// The sources whose automatic snapshots this run asked for.
    pub(super) queried: BTreeSet<(Region, String)>,
    /// The health of each source.
    health: BTreeMap<String, Health>,
    /// The sicknesses that last.
    sick: BTreeMap<String, Sickness>,
    /// How many of a thousand calls that are not about a sick source fail once in a run, also in calm days.
    passing: u32,
    /// Those that failed so in this run.
    passed: BTreeSet<(Region, Operation, String)>,
    /// The names in this run's calls that hung or were slow.
    pub(super) waited: BTreeMap<(Region, Operation), BTreeSet<String>>,
    /// The policy's limit of copies in progress.
    limit: usize,
    trouble: bool,
    /// A newest copy that somebody deletes after this run has read its Region's lists.
    to_remove: Option<(Region, String)>,
    /// The first thing seen that must never happen.
    pub(super) broken: Option<String>,
    /// What the hook has done.
    pub(super) counts: Counts,
}

impl Watch {
    pub(super) fn new(emulator: &Emulator, clock: Clock, mut rng: Rng) -> Self {
        Self {
            passing: [0, 50, 300][rng.usize(0..3)],
            passed: BTreeSet::new(),
            deletions: Deletions::of_run(emulator, clock.now(), &[], MassDeletion::Refused),
            failed_copies: FailedCopies::default(),
            untagged: BTreeSet::new(),
            queried: BTreeSet::new(),
            health: BTreeMap::new(),
            sick: BTreeMap::new(),
            waited: BTreeMap::new(),
            limit: 0,
            trouble: false,
            to_remove: None,
            broken: None,
            counts: Counts::of(SITUATIONS),
            clock,
            rng,
        }
    }

    /// Sees a call before it takes effect, and decides its fault.
    fn call(&mut self, emulator: &Emulator, call: &Call) -> Fault {
        let is_list = Operation::LISTS.contains(&call.operation);
        let to_remove = self
            .to_remove
            .take_if(|(at, _)| *at == call.region && !is_list);
        if let Some((region, name)) = to_remove
            && emulator.remove_snapshot(region, &name).is_ok()
        {
            self.counts.count("newest copies deleted during a run");
        }
        if let Err(problem) = self.check(emulator, call) {
            self.broken.get_or_insert(problem);
        }
        self.fault(call)
    }

    fn check(&mut self, emulator: &Emulator, call: &Call) -> Result<(), String> {
        let now = self.clock.now();
        if call.operation == Operation::GetAutoSnapshots {
            let name = call.body["resourceName"].as_str().unwrap_or_default();
            self.queried.insert((call.region, name.to_owned()));
        }
        if let Some(name) = deleted_name(call) {
            let state = emulator.snapshot(call.region, name).map(|copy| copy.state);
            expect(state != Some(SnapshotState::Pending), || {
                format!("deletes {name}, which is in progress")
            })?;
            let key = (call.region, name.to_owned());
            expect(!self.untagged.contains(&key), || {
                format!("deletes {name}, which lacked a tag when the run started")
            })?;
        }
        if call.operation == Operation::CopySnapshot {
            let pending = emulator.snapshots(call.region).into_iter();
            let pending = pending.filter(|copy| copy.state == SnapshotState::Pending);
            let (pending, limit) = (pending.count(), self.limit);
            let name = call.body["targetSnapshotName"].as_str().unwrap_or_default();
            let is_new = emulator.snapshot(call.region, name).is_none();
            expect(!is_new || pending < limit, || {
                format!("starts {name}, and {pending} of {limit} copies are in progress")
            })?;
        }
        self.deletions.check(emulator, now, call)?;
        if self.failed_copies.check(emulator, now, call)? {
            self.counts.count("replaced failed copies");
        }
        Ok(())
    }

    fn fault(&mut self, call: &Call) -> Fault {
        let name = subject(call).unwrap_or_default();
        if let Some(sickness) = self.sick.get(source_of(name))
            && let Some(fault) = sickness.fault(call)
        {
            if sickness.waits() {
                let waited = self
                    .waited
                    .entry((call.region, call.operation))
                    .or_default();
                waited.insert(name.to_owned());
            }
            return fault;
        }
        if let Some(fault) = self.passing_fault(call) {
            return fault;
        }
        let health = match call.operation {
            Operation::CopySnapshot => call.body["sourceResourceName"].as_str(),
            _ => None,
        };
        let health = health.and_then(|name| self.health.get(name));
        match (call.operation, health) {
            (_, Some(Health::Refused)) => Fault::error(
                StatusCode::BAD_REQUEST,
                "InvalidInputException",
                "Snapshots of this resource cannot be copied.",
            ),
            (_, Some(Health::OperationFails)) => Fault::operation_fails("InternalError", "no copy"),
            (
                Operation::TagResource
                | Operation::DeleteInstanceSnapshot
                | Operation::DeleteDiskSnapshot,
                _,
            ) if self.trouble && self.rng.u8(0..10) == 0 => {
                self.counts.count("failed Operations of tags and deletions");
                Fault::operation_fails("InternalError", "not today")
            }
            _ => Fault::None,
        }
    }

    pub(super) fn sources_that_failed_once(&self) -> BTreeSet<String> {
        let subjects = self.passed.iter().map(|(_, _, subject)| subject);
        subjects
            .map(|subject| source_of(subject).to_owned())
            .collect()
    }

    /// A fault of a call that works when it is made again.
    fn passing_fault(&mut self, call: &Call) -> Option<Fault> {
        // The checks of the coverage read the copies when the run starts.
        let reads_copies = [Operation::GetInstanceSnapshots, Operation::GetDiskSnapshots];
        if reads_copies.contains(&call.operation) || self.rng.u32(0..1000) >= self.passing {
            return None;
        }
        let about = subject(call).or(call.body["pageToken"].as_str());
        let about = about.unwrap_or_default().to_owned();
        let is_first = self.passed.insert((call.region, call.operation, about));
        is_first.then(|| {
            if !self.sick.is_empty() {
                self.counts.count("faults that pass beside sick sources");
            }
            // The deletion of a failed copy is not repeated without an answer.
            let kinds = if deleted_name(call).is_some() { 2 } else { 5 };
            match self.rng.u8(0..kinds) {
                0 => Fault::throttled(),
                1 => Fault::internal(),
                2 => Fault::Drop,
                3 => Fault::GarbledAnswer,
                _ => Fault::LoseAnswer,
            }
        })
    }
}

impl Fleet {
    /// Installs the hook that sees every call.
    pub(super) fn watch_calls(&self) {
        let (emulator, watch) = (self.emulator.clone(), self.watch.clone());
        self.emulator
            .on_call(move |call: &Call| watch.lock().unwrap().call(&emulator, call));
    }

    /// Prepares the watch for a run that starts now.
    pub(super) fn start_watching(&mut self, hour: i64, mass_deletion: MassDeletion) {
        let (now, destinations) = (self.clock.now(), &self.destinations);
        let deletions = Deletions::of_run(&self.emulator, now, destinations, mass_deletion);
        let newest = match self.trouble && self.rng.bool() {
            true => self.expiring(&deletions),
            false => None,
        };
        let limit = self.limit();
        let mut watch = self.watch.lock().unwrap();
        watch.limit = limit;
        watch.waited.clear();
        watch.passed.clear();
        watch.to_remove = newest.and_then(|(region, copies)| {
            let newest = copies.into_iter().max_by_key(|(_, date)| *date)?;
            Some((region, newest.0))
        });
        watch.deletions = deletions;
        watch.untagged = self.untagged();
        watch.queried.clear();
        watch.trouble = self.trouble;
        let sources = self.sources.iter();
        watch.health = sources
            .map(|source| (source.selected.name.clone(), source.health))
            .collect();
        let sick = self.sources.iter().filter_map(|source| {
            let sickness = source.sickness.filter(|sick| sick.is_active(hour))?;
            Some((source.selected.name.clone(), sickness))
        });
        watch.sick = sick.collect();
    }

    /// The available copies of a source of which the next run deletes some. It refuses a mass
    /// deletion.
    pub(super) fn expiring(&mut self, deletions: &Deletions) -> Option<(Region, Copies)> {
        let copies = deletions.available().iter();
        let expiring: Vec<_> = copies
            .filter(|(_, copies)| {
                let expired = copies.len().saturating_sub(self.retention as usize);
                (1..=bound(copies.len())).contains(&expired)
            })
            .collect();
        let index = self.rng.usize(0..expiring.len().max(1));
        let ((region, ..), copies) = expiring.get(index)?;
        Some((*region, (*copies).clone()))
    }

    fn untagged(&self) -> BTreeSet<(Region, String)> {
        let mut untagged = BTreeSet::new();
        for region in &self.destinations {
            let snapshots = self.emulator.snapshots(*region).into_iter();
            let found = snapshots
                .filter(|copy| copy.state == SnapshotState::Available && tagged(copy).is_none());
            untagged.extend(found.map(|copy| (*region, copy.name)));
        }
        untagged
    }
}
