//! Sources of which one operation fails, hangs, is slow or loses its answers, and what they must not
//! keep a run from doing.

use std::collections::BTreeMap;
use std::time::Duration;

use lightsail_emulator::{Call, Fault, Operation, Region, SnapshotState, SourceKind};
use lightsail_snapshot_copier::Outcome;

use super::sources::Health;
use super::{Fleet, HOME, Run};
use crate::copies::{copy_of, tagged};
use crate::invariants::expect;

/// The calls of one Region at once.
const AT_ONCE: u32 = 8;
const ATTEMPT: Duration = Duration::from_secs(10);
/// Pauses, look-ups of copies whose answers were lost, and the attempts of others.
const SLACK: Duration = Duration::from_secs(10);

/// What is wrong with a source.
#[derive(Clone, Copy)]
pub(super) struct Sickness {
    operation: Operation,
    symptom: Symptom,
    /// How many hours it lasts, and then does not. `None`: it is permanent.
    spells: Option<i64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Symptom {
    Fails,
    Hangs,
    IsSlow,
    LosesAnswers,
}

impl Sickness {
    pub(super) fn is_active(self, hour: i64) -> bool {
        self.spells.is_none_or(|hours| hour / hours % 2 == 0)
    }

    /// The fault of a call about its source.
    pub(super) fn fault(self, call: &Call) -> Option<Fault> {
        let operation = match call.operation {
            Operation::DeleteDiskSnapshot => Operation::DeleteInstanceSnapshot,
            other => other,
        };
        (operation == self.operation).then(|| match self.symptom {
            Symptom::Fails => Fault::internal(),
            Symptom::Hangs => Fault::Hang,
            Symptom::IsSlow => Fault::None.after(Duration::from_secs(9)),
            Symptom::LosesAnswers => Fault::LoseAnswer,
        })
    }
}

/// The source that a call is about.
pub(super) fn subject(call: &Call) -> Option<&str> {
    let members = [
        "sourceResourceName",
        "resourceName",
        "instanceSnapshotName",
        "diskSnapshotName",
    ];
    let name = members.iter().find_map(|name| call.body[*name].as_str())?;
    name.split(&format!("-{HOME}-")).next()
}

impl Fleet {
    /// Adds sources of which one operation does not work, more of them where runs are rare.
    pub(super) fn add_sick_sources(&mut self) {
        let most = match self.between_runs {
            1 => 4,
            _ => 26,
        };
        // Many of them have the same sickness.
        let same = self.rng.bool().then(|| self.any_sickness());
        for number in 0..self.rng.usize(0..=most) {
            let name = format!("sick-{number}");
            self.create(SourceKind::Instance, &name, Health::Sick, None);
            let sickness = match same {
                Some(same) if self.rng.u8(0..4) > 0 => same,
                _ => self.any_sickness(),
            };
            self.source(&name).sickness = Some(sickness);
        }
    }

    fn any_sickness(&mut self) -> Sickness {
        let (operation, situation) = [
            (Operation::GetAutoSnapshots, "sick sources when queried"),
            (Operation::CopySnapshot, "sick sources when copied"),
            (Operation::TagResource, "sick sources when tagged"),
            (
                Operation::DeleteInstanceSnapshot,
                "sick sources when pruned",
            ),
        ][self.rng.usize(0..4)];
        self.counts.count(situation);
        let (symptom, situation) = [
            (Symptom::Fails, "sick sources that answer 500"),
            (Symptom::Hangs, "sick sources that hang"),
            (Symptom::IsSlow, "sick sources that are slow"),
            (Symptom::LosesAnswers, "sick sources that lose answers"),
        ][self.rng.usize(0..4)];
        self.counts.count(situation);
        Sickness {
            operation,
            symptom,
            spells: self.rng.bool().then(|| self.rng.i64(5..60)),
        }
    }

    /// Every healthy source is read, copied, tagged and pruned in each run whose time allows one attempt
    /// of everything.
    pub(super) fn check_attempts(&mut self, run: &Run) -> Result<(), String> {
        let active = self.active_sicknesses(run.hour);
        if self.trouble || active.is_empty() || !self.allows_one_attempt(run.hour) {
            return Ok(());
        }
        self.counts
            .count("runs with time for one attempt of everything");
        if active.len() > AT_ONCE as usize {
            self.counts
                .count("such runs with more sick sources than calls at once");
        }
        let is_healthy = |name: &str| !name.starts_with("sick-");
        for unread in run.results.read_failures() {
            let is_sick = unread
                .source
                .as_deref()
                .is_some_and(|name| !is_healthy(name));
            expect(is_sick, || format!("not read: {unread:?}"))?;
        }
        for copy in run.results.copies() {
            let code = copy.error.as_ref().map_or("", |error| error.code.as_str());
            let is_starved = ["Timeout", "ServiceException", "ConnectionFailure"].contains(&code);
            expect(!is_healthy(copy.copy.source.name()) || !is_starved, || {
                format!("not copied: {copy:?}")
            })?;
            if code == "MaxCopiesInProgress" {
                self.check_full(run, copy.copy.destination.as_str())?;
            }
        }
        for deletion in run.results.deletions() {
            let is_starved = deletion.outcome == Outcome::Deferred;
            expect(!is_healthy(&deletion.source.name) || !is_starved, || {
                format!("not pruned: {deletion:?}")
            })?;
        }
        for region in &self.destinations {
            for snapshot in self.emulator.snapshots(*region) {
                let is_ours = !self
                    .untouchable
                    .contains_key(&(*region, snapshot.name.clone()));
                let is_wanted = copy_of(&snapshot)
                    .is_some_and(|(source, _)| source.split('/').nth(1).is_some_and(is_healthy));
                expect(
                    !is_ours || !is_wanted || tagged(&snapshot).is_some(),
                    || format!("not tagged: {snapshot:?}"),
                )?;
            }
        }
        Ok(())
    }

    /// A copy waits for a slot only where all of them are in use.
    fn check_full(&self, run: &Run, destination: &str) -> Result<(), String> {
        let mut destinations = self.destinations.iter();
        let region = destinations.find(|region| region.as_str() == destination);
        let region = *region.expect("it is one");
        let before = run.pending.get(&region).copied().unwrap_or_default();
        let started = run.results.copies().filter(|copy| {
            copy.copy.destination.as_str() == destination
                && matches!(copy.outcome, Outcome::Started | Outcome::Pending)
        });
        let in_use = before + started.count();
        let limit = self.limit();
        expect(in_use >= limit, || {
            format!("copies wait in {region}, and {in_use} of {limit} slots are in use")
        })
    }

    fn active_sicknesses(&self, hour: i64) -> Vec<Sickness> {
        let sources = self.sources.iter();
        let sicknesses = sources.filter_map(|source| source.sickness);
        sicknesses.filter(|sick| sick.is_active(hour)).collect()
    }

    /// Whether a run's time allows one attempt of everything: eight calls at once, each of which takes
    /// at most ten seconds, in each phase's share of the time.
    fn allows_one_attempt(&self, hour: i64) -> bool {
        let sick = self.active_sicknesses(hour);
        let longest = |operation: Operation| {
            let sick = sick.iter().filter(|sick| sick.operation == operation);
            let waiting =
                sick.filter(|sick| matches!(sick.symptom, Symptom::Hangs | Symptom::IsSlow));
            match waiting.count() as u32 {
                0 => Duration::ZERO,
                count => ATTEMPT * (count.div_ceil(AT_ONCE) + 1),
            }
        };
        let share = |sixteenths: u32| self.time * sixteenths / 16;
        let read = longest(Operation::GetAutoSnapshots);
        let copied = read.max(share(5)) + longest(Operation::CopySnapshot) + SLACK;
        let tagged = copied + longest(Operation::TagResource);
        let pruned = tagged + longest(Operation::DeleteInstanceSnapshot);
        read <= share(9) && copied <= share(12) && tagged <= share(14) && pruned <= share(15)
    }

    /// The copies in progress in each destination.
    pub(super) fn pending(&self) -> BTreeMap<Region, usize> {
        let count = |region: &Region| {
            let snapshots = self.emulator.snapshots(*region).into_iter();
            let pending = snapshots.filter(|copy| copy.state == SnapshotState::Pending);
            (*region, pending.count())
        };
        self.destinations.iter().map(count).collect()
    }
}
