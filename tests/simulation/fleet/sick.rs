//! Sources of which one operation fails, hangs, is slow or loses its answers, and what they must not
//! keep a run from doing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lightsail_emulator::{Call, Fault, Operation, Region, SnapshotState, SourceKind};
use lightsail_snapshot_copier::Outcome;

use super::sources::Health;
use super::{Fleet, HOME, Run};
use crate::copies::{copy_of, tagged};
use crate::invariants::expect;

/// The calls of one Region at once.
const AT_ONCE: usize = 8;
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

#[derive(Clone, Copy)]
enum Symptom {
    Fails,
    Hangs,
    IsSlow,
    LosesAnswers,
}

/// How long one attempt of each step may take.
struct Times {
    read: Duration,
    copied: Duration,
    tagged: Duration,
    pruned: Duration,
}

impl Sickness {
    pub(super) fn is_active(self, hour: i64) -> bool {
        self.spells.is_none_or(|hours| hour / hours % 2 == 0)
    }

    /// Whether a call with its fault takes its time.
    pub(super) fn waits(self) -> bool {
        matches!(self.symptom, Symptom::Hangs | Symptom::IsSlow)
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

/// Whether this is the name of a sick source or of its copy.
pub(super) fn is_sick(name: &str) -> bool {
    name.starts_with("sick-")
}

/// The source or copy that a call is about.
pub(super) fn subject(call: &Call) -> Option<&str> {
    let members = [
        "sourceResourceName",
        "resourceName",
        "instanceSnapshotName",
        "diskSnapshotName",
    ];
    members.iter().find_map(|name| call.body[*name].as_str())
}

/// The source with this name, or that the copy with this name is of.
pub(super) fn source_of(name: &str) -> &str {
    let end = name.find(&format!("-{HOME}-"));
    &name[..end.unwrap_or(name.len())]
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
        let sources = self.sources.iter();
        let sick =
            sources.filter(|source| source.sickness.is_some_and(|sick| sick.is_active(run.hour)));
        let sick = sick.count();
        if self.trouble || sick == 0 {
            return Ok(());
        }
        for region in self.destinations.clone() {
            if self.allows_one_attempt(run, region) {
                self.counts
                    .count("runs with time for one attempt of everything");
                if sick > AT_ONCE {
                    self.counts
                        .count("such runs with more sick sources than calls at once");
                }
                self.check_attempts_in(run, region)?;
            }
        }
        Ok(())
    }

    fn check_attempts_in(&self, run: &Run, region: Region) -> Result<(), String> {
        let is_here = |destination: &str| destination == region.as_str();
        let excused = self.excused(run, region);
        let is_excused = |name: &str| is_sick(name) || excused.contains(source_of(name));
        for unread in run.results.read_failures() {
            let is_excused = unread.source.as_deref().is_some_and(is_excused);
            expect(is_excused, || format!("not read: {unread:?}"))?;
        }
        for copy in run.results.copies() {
            let code = copy.error.as_ref().map_or("", |error| error.code.as_ref());
            let is_starved = ["Timeout", "ServiceException", "ConnectionFailure"].contains(&code);
            if !is_here(copy.copy.destination.as_str()) {
                continue;
            }
            expect(is_excused(copy.copy.source.name()) || !is_starved, || {
                format!("not copied: {copy:?}")
            })?;
            if code == "MaxCopiesInProgress" && excused.is_empty() {
                self.check_full(run, region)?;
            }
        }
        for deletion in run.results.deletions() {
            let is_starved =
                is_here(deletion.region.as_str()) && deletion.outcome == Outcome::Deferred;
            expect(is_excused(&deletion.source.name) || !is_starved, || {
                format!("not pruned: {deletion:?}")
            })?;
        }
        for copy in self.emulator.snapshots(region) {
            let is_ours = copy.state != SnapshotState::Error
                && !self.untouchable.contains_key(&(region, copy.name.clone()));
            let is_copy = is_ours && copy_of(&copy).is_some();
            expect(
                !is_copy || is_excused(&copy.name) || tagged(&copy).is_some(),
                || format!("not tagged: {copy:?}"),
            )?;
        }
        Ok(())
    }

    /// A copy waits for a slot only where all of them are in use.
    fn check_full(&self, run: &Run, region: Region) -> Result<(), String> {
        let before = run.pending.get(&region).copied().unwrap_or_default();
        let started = run.results.copies().filter(|copy| {
            copy.copy.destination.as_str() == region.as_str()
                && matches!(copy.outcome, Outcome::Started | Outcome::Pending)
        });
        let in_use = before + started.count();
        let limit = self.limit();
        expect(in_use >= limit, || {
            format!("copies wait in {region}, and {in_use} of {limit} slots are in use")
        })
    }

    /// The sources of which a call failed once, if the run's time does not allow two attempts of
    /// everything, or other copies took all slots in between.
    pub(super) fn excused(&self, run: &Run, region: Region) -> BTreeSet<String> {
        let Times {
            read,
            copied,
            tagged,
            pruned,
        } = self.times(run, region);
        let share = |sixteenths: u32| self.time * sixteenths / 16;
        let again = read.max(share(5)) + copied + tagged + pruned + SLACK;
        let allows_two = read * 2 + SLACK <= share(5)
            && again <= share(12)
            && again + copied + tagged <= share(14)
            && again + copied + tagged + pruned <= share(15);
        let is_full = run.results.copies().any(|copy| {
            let code = copy.error.as_ref().map(|error| error.code.as_ref());
            copy.copy.destination.as_str() == region.as_str() && code == Some("MaxCopiesInProgress")
        });
        match allows_two && !is_full {
            true => BTreeSet::new(),
            false => self.watch.lock().unwrap().sources_that_failed_once(),
        }
    }

    /// Whether a run's time allows one attempt of everything in a destination, in each phase's share of
    /// the time.
    pub(super) fn allows_one_attempt(&self, run: &Run, region: Region) -> bool {
        let times = self.times(run, region);
        let share = |sixteenths: u32| self.time * sixteenths / 16;
        let copied = times.read.max(share(5)) + times.copied + SLACK;
        let tagged = copied + times.tagged;
        times.read <= share(9)
            && copied <= share(12)
            && tagged <= share(14)
            && tagged + times.pruned <= share(15)
    }

    /// How long one attempt of everything takes in a destination: eight calls at once, each of which
    /// takes at most ten seconds.
    fn times(&self, run: &Run, region: Region) -> Times {
        let watch = self.watch.lock().unwrap();
        let longest = |region, operation, failed: Vec<&str>| {
            let waited = watch.waited.get(&(region, operation)).into_iter().flatten();
            let all: BTreeSet<&str> = waited.map(String::as_str).chain(failed).collect();
            match all.len() {
                0 => Duration::ZERO,
                count => ATTEMPT * (count.div_ceil(AT_ONCE) as u32 + 1),
            }
        };
        let results = &run.results;
        let unread = results
            .read_failures()
            .filter_map(|unread| unread.source.as_deref());
        let read = longest(HOME, Operation::GetAutoSnapshots, unread.collect());
        let is_here = |destination: &str| destination == region.as_str();
        let copies = results
            .copies()
            .filter(|copy| is_here(copy.copy.destination.as_str()) && copy.error.is_some());
        let copies = copies.map(|copy| copy.copy.source.name());
        let copied = longest(
            region,
            Operation::CopySnapshot,
            copies.filter(|name| is_sick(name)).collect(),
        );
        let tags = results
            .tag_failures()
            .filter(|tag| is_here(tag.region.as_str()));
        let tags = tags.map(|tag| tag.name.as_str());
        let tagged = longest(
            region,
            Operation::TagResource,
            tags.filter(|name| is_sick(name)).collect(),
        );
        let deletions = results
            .deletions()
            .filter(|deletion| is_here(deletion.region.as_str()) && deletion.error.is_some());
        let deletions = deletions.map(|deletion| deletion.name.as_str());
        let deletions = deletions.filter(|name| is_sick(name)).collect();
        let pruned = longest(region, Operation::DeleteInstanceSnapshot, deletions);
        Times {
            read,
            copied,
            tagged,
            pruned,
        }
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
