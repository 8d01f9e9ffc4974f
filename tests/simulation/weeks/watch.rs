//! What is checked in each call, before it takes effect.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Call, Emulator, Operation, Region, Snapshot, SnapshotState};
use lightsail_snapshot_copier::Retention;

use crate::clock::Clock;
use crate::copies::{copy_of, kept, tagged};
use crate::invariants::deletions::Deletions;
use crate::invariants::expect;
use crate::invariants::retries::{FailedCopies, deleted_name};
use crate::statistics::Counts;

/// The longest time between the last look-up of a snapshot and its deletion: an answer and the next
/// call, each of which takes 10 s at most.
const LAST_LOOK: SignedDuration = SignedDuration::from_secs(20);

/// State that the emulator's hook shares with the scenario.
pub(super) struct Watch {
    pub(super) rng: Rng,
    /// How many of a thousand calls go wrong.
    pub(super) per_mille: u32,
    /// The Regions that are down.
    pub(super) down: BTreeSet<Region>,
    /// The number of the call at which a run crashes.
    pub(super) crash_at: Option<u64>,
    pub(super) counts: Counts,
    pub(super) deletions: Deletions,
    pub(super) failed_copies: FailedCopies,
    /// The sources whose automatic snapshots this run asked for.
    pub(super) queried: BTreeSet<(Region, String)>,
    pub(super) clock: Clock,
    /// Whether two runs overlap.
    pub(super) overlap: bool,
    /// When a look-up last found a snapshot in state `error`.
    pub(super) seen_in_error: BTreeMap<(Region, String), Timestamp>,
    /// The first thing seen that must never happen.
    pub(super) broken: Option<String>,
    /// Every recovery point that was ever available as a copy: destination, source, date.
    pub(super) seen: BTreeSet<(Region, String, Date)>,
}

impl Watch {
    /// Checks a call.
    pub(super) fn check(
        &mut self,
        emulator: &Emulator,
        keep: Option<Retention>,
        call: &Call,
    ) -> Result<(), String> {
        self.check_invariants(emulator, call)?;
        let looked_up = match call.operation {
            Operation::GetInstanceSnapshot => call.body["instanceSnapshotName"].as_str(),
            Operation::GetDiskSnapshot => call.body["diskSnapshotName"].as_str(),
            _ => None,
        };
        let name = looked_up.or(deleted_name(call));
        let Some(snapshot) = name.and_then(|name| emulator.snapshot(call.region, name)) else {
            return Ok(());
        };
        if looked_up.is_none() {
            self.remember_available(emulator, call.region);
            return self.check_deletion(emulator, keep, call.region, &snapshot);
        }
        if snapshot.state == SnapshotState::Error {
            let key = (call.region, snapshot.name);
            self.seen_in_error.insert(key, self.clock.now());
        }
        Ok(())
    }

    /// Only failed copies are deleted, and available ones that retention does not keep.
    fn check_deletion(
        &self,
        emulator: &Emulator,
        keep: Option<Retention>,
        region: Region,
        snapshot: &Snapshot,
    ) -> Result<(), String> {
        let key = (region, snapshot.name.clone());
        let just_seen_in_error = self
            .seen_in_error
            .get(&key)
            .is_some_and(|at| self.clock.now().duration_since(*at) <= LAST_LOOK);
        match snapshot.state {
            SnapshotState::Error => return Ok(()),
            // The other run has replaced a failed copy between this run's last look-up and its
            // deletion. Lightsail cannot delete a snapshot only if it has not changed. This run
            // starts the copy again at once.
            SnapshotState::Pending if self.overlap && just_seen_in_error => return Ok(()),
            _ => {}
        }
        let (source, date) = tagged(snapshot).ok_or(format!("no tags: {snapshot:?}"))?;
        let available: BTreeSet<Date> = emulator
            .snapshots(region)
            .iter()
            .filter(|other| other.state == SnapshotState::Available && other.kind == snapshot.kind)
            .filter_map(copy_of)
            .filter(|(of, _)| *of == source)
            .map(|(_, date)| date)
            .collect();
        let kept = kept(keep, &available);
        let is_expired = snapshot.state == SnapshotState::Available
            && !kept.contains(&date)
            && available.last() != Some(&date);
        expect(is_expired, || {
            format!("deletes {snapshot:?}; available are {available:?}, kept are {kept:?}")
        })
    }

    /// Checks what must hold in every run of every scenario.
    fn check_invariants(&mut self, emulator: &Emulator, call: &Call) -> Result<(), String> {
        let now = self.clock.now();
        if call.operation == Operation::GetAutoSnapshots {
            let name = call.body["resourceName"].as_str().unwrap_or_default();
            self.queried.insert((call.region, name.to_owned()));
        }
        if self.failed_copies.check(emulator, now, call)? {
            self.counts.count("replaced failed copies");
        }
        self.deletions.check(emulator, now, call)
    }

    /// Remembers the available copies of a destination.
    pub(super) fn remember_available(&mut self, emulator: &Emulator, region: Region) {
        let snapshots = emulator.snapshots(region);
        let available = snapshots
            .iter()
            .filter(|snapshot| snapshot.state == SnapshotState::Available);
        self.seen.extend(
            available
                .filter_map(copy_of)
                .map(|(source, date)| (region, source, date)),
        );
    }
}
