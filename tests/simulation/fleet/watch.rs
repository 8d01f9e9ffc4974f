//! What is checked in each call, the calls that fail, and the copy that disappears during a run.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use lightsail_emulator::{Call, Emulator, Fault, Operation, Region, SnapshotState, StatusCode};
use lightsail_snapshot_copier::MassDeletion;

use super::sources::Health;
use super::{Fleet, SITUATIONS};
use crate::clock::Clock;
use crate::invariants::deletions::Deletions;
use crate::invariants::expect;
use crate::invariants::retries::{FailedCopies, deleted_name};
use crate::statistics::Counts;

/// State that the emulator's hook shares with the scenario.
pub(super) struct Watch {
    clock: Clock,
    rng: Rng,
    pub(super) deletions: Deletions,
    failed_copies: FailedCopies,
    /// The sources whose automatic snapshots this run asked for.
    pub(super) queried: BTreeSet<(Region, String)>,
    /// The health of each source.
    health: BTreeMap<String, Health>,
    trouble: bool,
    /// A newest copy that somebody deletes after this run has read its Region's lists.
    to_remove: Option<(Region, String)>,
    /// The first thing seen that must never happen.
    pub(super) broken: Option<String>,
    /// What the hook has done.
    pub(super) counts: Counts,
}

impl Watch {
    pub(super) fn new(emulator: &Emulator, clock: Clock, rng: Rng) -> Self {
        Self {
            deletions: Deletions::of_run(emulator, clock.now(), &[], MassDeletion::Refused),
            failed_copies: FailedCopies::default(),
            queried: BTreeSet::new(),
            health: BTreeMap::new(),
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
        }
        self.deletions.check(emulator, now, call)?;
        if self.failed_copies.check(emulator, now, call)? {
            self.counts.count("replaced failed copies");
        }
        Ok(())
    }

    fn fault(&mut self, call: &Call) -> Fault {
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
}

impl Fleet {
    /// Installs the hook that sees every call.
    pub(super) fn watch_calls(&self) {
        let (emulator, watch) = (self.emulator.clone(), self.watch.clone());
        self.emulator
            .on_call(move |call: &Call| watch.lock().unwrap().call(&emulator, call));
    }

    /// Prepares the watch for a run that starts now.
    pub(super) fn start_watching(&mut self, mass_deletion: MassDeletion) {
        let now = self.clock.now();
        let mut watch = self.watch.lock().unwrap();
        watch.deletions = Deletions::of_run(&self.emulator, now, &self.destinations, mass_deletion);
        watch.queried.clear();
        watch.trouble = self.trouble;
        let health = self.sources.iter();
        watch.health = health
            .map(|source| (source.selected.name.clone(), source.health))
            .collect();
        watch.to_remove = None;
        if self.trouble && self.rng.bool() {
            // Of a source of which this run deletes copies.
            let mut available = watch.deletions.available().iter();
            let found = available.find(|(_, copies)| copies.len() > self.retention as usize);
            watch.to_remove = found.and_then(|((region, ..), copies)| {
                let newest = copies.iter().max_by_key(|(_, date)| **date)?;
                Some((*region, newest.0.clone()))
            });
        }
    }
}
