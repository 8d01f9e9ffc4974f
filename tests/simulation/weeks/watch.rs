//! What is checked in each call.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Call, Emulator, Operation, Region, SnapshotState};
use lightsail_snapshot_copier::Retention;

use crate::clock::Clock;
use crate::copies::{copy_of, kept, tagged};
use crate::invariants::deletions::Deletions;
use crate::invariants::retries::FailedCopies;
use crate::statistics::Counts;

/// How long before a deletion a run may have looked at the snapshot for the last time: an answer
/// and the next call, each of which takes 10 s at most.
const LAST_LOOK: SignedDuration = SignedDuration::from_secs(20);

/// State that the emulator's hook shares with the simulation.
pub(super) struct Chaos {
    pub(super) rng: Rng,
    /// How many of a thousand calls go wrong.
    pub(super) per_mille: u32,
    /// The Regions that are down.
    pub(super) down: BTreeSet<Region>,
    /// The number of the call at which a run dies, once.
    pub(super) crash_at: Option<u64>,
    pub(super) counts: Counts,
    pub(super) deletions: Deletions,
    pub(super) failed_copies: FailedCopies,
    /// The sources whose automatic snapshots this run asked for.
    pub(super) queried: BTreeSet<(Region, String)>,
    pub(super) clock: Clock,
    /// Whether two runs are at it.
    pub(super) overlap: bool,
    /// When a snapshot was last asked for by its name and was in state `error`.
    pub(super) seen_in_error: BTreeMap<(Region, String), Timestamp>,
    /// The first thing seen that must never happen.
    pub(super) broken: Option<String>,
    /// Every recovery point that was ever available as a copy: destination, source, date.
    pub(super) seen: BTreeSet<(Region, String, Date)>,
}

impl Chaos {
    /// Looks at what is about to happen: some things must never be asked for.
    pub(super) fn watch(&mut self, emulator: &Emulator, keep: Option<Retention>, call: &Call) {
        if let Err(problem) = self.check(emulator, call) {
            self.broken.get_or_insert(problem);
        }
        let name = match call.operation {
            Operation::DeleteInstanceSnapshot => call.body.get("instanceSnapshotName"),
            Operation::GetInstanceSnapshot => call.body.get("instanceSnapshotName"),
            Operation::DeleteDiskSnapshot => call.body.get("diskSnapshotName"),
            Operation::GetDiskSnapshot => call.body.get("diskSnapshotName"),
            _ => return,
        };
        let name = name.and_then(|name| name.as_str()).unwrap_or_default();
        let Some(snapshot) = emulator.snapshot(call.region, name) else {
            return;
        };
        let key = (call.region, name.to_owned());
        if call.operation.as_str().starts_with("Get") {
            if snapshot.state == SnapshotState::Error {
                self.seen_in_error.insert(key, self.clock.now());
            }
            return;
        }
        self.see(emulator, call.region);
        let Some((source, date)) = tagged(&snapshot) else {
            self.broken
                .get_or_insert(format!("deletes {snapshot:?}, which has no tags"));
            return;
        };
        if snapshot.state == SnapshotState::Error {
            return;
        }
        let just_seen_in_error = self
            .seen_in_error
            .get(&key)
            .is_some_and(|at| self.clock.now().duration_since(*at) <= LAST_LOOK);
        if snapshot.state == SnapshotState::Pending && self.overlap && just_seen_in_error {
            // A failed copy that the other run has made again between this run's last look and
            // its deletion. There is no way to delete a snapshot only if it has not changed; this
            // run makes it again at once.
            return;
        }
        let available: BTreeSet<Date> = emulator
            .snapshots(call.region)
            .iter()
            .filter(|other| other.state == SnapshotState::Available && other.kind == snapshot.kind)
            .filter_map(copy_of)
            .filter(|(of, _)| *of == source)
            .map(|(_, date)| date)
            .collect();
        let kept = kept(keep, &available);
        if snapshot.state != SnapshotState::Available
            || kept.contains(&date)
            || available.last() == Some(&date)
        {
            self.broken.get_or_insert(format!(
                "deletes {snapshot:?}; available are {available:?}, kept are {kept:?}"
            ));
        }
    }

    /// Checks what must hold in every run of every scenario.
    fn check(&mut self, emulator: &Emulator, call: &Call) -> Result<(), String> {
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

    /// Remembers which copies are available.
    pub(super) fn see(&mut self, emulator: &Emulator, region: Region) {
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
