//! One seed: sources, a policy, weeks of faults, two runs without faults, and the final checks.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lightsail_emulator::world::{InstanceSnapshot, Source};
use lightsail_emulator::{
    AutoSnapshotStatus, Call, Emulator, Fault, Operation, Region, SnapshotState, SnapshotView,
    SourceKind, StatusCode, World,
};
use lightsail_snapshot_copier::{
    Deadline, Lightsail, MassDeletion, Mode, Outcome, Policy, RECOVERY_POINT_TAG, ResourceKind,
    Retention, RunResults, SOURCE_TAG, parse_policy, run_policy,
};
use serde_json::json;
use test_support::{in_process, retention_model};
use tokio::sync::Notify;

use crate::clock::Clock;

/// Counts over all seeds. They show that the faults occur.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    calls: u64,
    runs: u64,
    crashes: u64,
    overlaps: u64,
    faults: u64,
    outages: u64,
    copies_started: u64,
    copies_errored: u64,
    copies_deferred: u64,
    deletions: u64,
    sources_removed: u64,
}

impl Totals {
    /// Adds the counts of another seed.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.overlaps += other.overlaps;
        self.faults += other.faults;
        self.outages += other.outages;
        self.copies_started += other.copies_started;
        self.copies_errored += other.copies_errored;
        self.copies_deferred += other.copies_deferred;
        self.deletions += other.deletions;
        self.sources_removed += other.sources_removed;
    }

    /// Each count with its name.
    pub fn named(&self) -> [(&'static str, u64); 11] {
        [
            ("calls", self.calls),
            ("runs", self.runs),
            ("crashes", self.crashes),
            ("overlapping runs", self.overlaps),
            ("faults", self.faults),
            ("outages", self.outages),
            ("copies", self.copies_started),
            ("copies that ended in error", self.copies_errored),
            ("deferred copies", self.copies_deferred),
            ("deletions", self.deletions),
            ("removed sources", self.sources_removed),
        ]
    }
}

const HOME: [Region; 2] = [Region::UsWest2, Region::EuCentral1];
const AWAY: [Region; 3] = [Region::UsEast1, Region::EuWest1, Region::UsWest2];

/// How long before a deletion a run may have looked at the snapshot for the last time: an answer
/// and the next call, each of which takes 10 s at most.
const LAST_LOOK: SignedDuration = SignedDuration::from_secs(20);

/// The generated policy, as the function reads it and as the model does.
struct Rules {
    policy: Policy,
    keep: Option<Retention>,
    backfill: bool,
    destinations: Vec<Region>,
    room: usize,
}

impl Rules {
    fn invent(rng: &mut Rng) -> Self {
        let mut retention = serde_json::Map::new();
        if rng.u8(0..5) > 0 {
            while retention.is_empty() {
                for (rule, most) in [
                    ("keepLast", 8),
                    ("keepDaily", 12),
                    ("keepWeekly", 4),
                    ("keepMonthly", 3),
                    ("keepYearly", 2),
                ] {
                    if rng.bool() {
                        retention.insert(rule.to_owned(), json!(rng.u32(1..=most)));
                    }
                }
            }
        }
        let destinations = AWAY[..rng.usize(1..=AWAY.len())].to_vec();
        let backfill = rng.bool();
        let room = [2, 5, 60][rng.usize(0..3)];
        let mut policy = json!({
            "sources": HOME.map(|region| json!({ "region": region.as_str(), "names": ["shop-*", "data-*"] })),
            "destinations": destinations.iter().map(|region| region.as_str()).collect::<Vec<_>>(),
            "backfill": backfill,
            "maxCopiesInProgress": room,
        });
        if !retention.is_empty() {
            policy["retention"] = retention.into();
        }
        let policy = parse_policy(&policy.to_string()).expect("a valid policy");
        Self {
            keep: policy.retention,
            policy,
            backfill,
            destinations,
            room,
        }
    }
}

/// A source that the simulation has created.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct SourceKey {
    region: Region,
    name: String,
}

/// State that the emulator's hook shares with the simulation.
struct Chaos {
    rng: Rng,
    /// How many of a thousand calls go wrong.
    per_mille: u32,
    /// The Regions that are down.
    down: BTreeSet<Region>,
    /// The number of the call at which a run dies, once.
    crash_at: Option<u64>,
    faults: u64,
    errored: u64,
    clock: Clock,
    /// Whether two runs are at it.
    overlap: bool,
    /// When a snapshot was last asked for by its name and was in state `error`.
    seen_in_error: BTreeMap<(Region, String), Timestamp>,
    /// The first thing seen that must never happen.
    broken: Option<String>,
    /// Every recovery point that was ever available as a copy: destination, source, date.
    seen: BTreeSet<(Region, String, Date)>,
}

struct Simulation {
    emulator: Emulator,
    clock: Clock,
    rules: Rules,
    rng: Rng,
    chaos: Arc<Mutex<Chaos>>,
    crash: Arc<Notify>,
    sources: BTreeMap<SourceKey, SourceKind>,
    foreign: BTreeMap<(Region, String), BTreeMap<String, String>>,
    copy_time: Duration,
    mass_deletion: MassDeletion,
    totals: Totals,
    verbose: bool,
}

/// Simulates one seed. The error says what went wrong.
pub fn simulate(seed: u64, verbose: bool) -> Result<Totals, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(async { Simulation::new(seed, verbose).play(seed).await })
}

impl Simulation {
    fn new(seed: u64, verbose: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rules = Rules::invent(&mut rng);
        let start = "2027-01-04T00:00:00Z".parse().expect("a time");
        let clock = Clock::at(start);
        let copy_time = Duration::from_secs(rng.u64(30..20_000));
        let world = World {
            copy_time: copy_time.try_into().expect("a few hours"),
            copy_limit: 10_000,
            page_size: rng.usize(1..8),
            ..World::default()
        };
        let emulator = Emulator::with_clock(world, move || clock.now());
        emulator.record_calls(false);
        let chaos = Arc::new(Mutex::new(Chaos {
            rng: rng.fork(),
            per_mille: rng.u32(0..250),
            down: BTreeSet::new(),
            crash_at: None,
            faults: 0,
            errored: 0,
            clock,
            overlap: false,
            seen_in_error: BTreeMap::new(),
            broken: None,
            seen: BTreeSet::new(),
        }));
        let crash = Arc::new(Notify::new());
        let hook = {
            let (emulator, chaos, crash) = (emulator.clone(), chaos.clone(), crash.clone());
            let keep = rules.keep;
            move |call: &Call| {
                let mut chaos = chaos.lock().unwrap();
                chaos.watch(&emulator, keep, call);
                chaos.decide(call, &crash)
            }
        };
        emulator.on_call(hook);
        Self {
            emulator,
            clock,
            rules,
            rng,
            chaos,
            crash,
            sources: BTreeMap::new(),
            foreign: BTreeMap::new(),
            copy_time,
            mass_deletion: MassDeletion::Refused,
            totals: Totals::default(),
            verbose,
        }
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            println!("{} {}", self.clock.now(), what());
        }
    }

    async fn play(mut self, seed: u64) -> Result<Totals, String> {
        self.say(|| format!("{:?}", self.rules.policy));
        for _ in 0..self.rng.usize(1..4) {
            self.new_source();
        }
        let mut day = Date::constant(2027, 1, 4);
        for _ in 0..self.rng.usize(10..24) {
            self.morning(day);
            self.run_of_the_day(seed).await?;
            self.see_copies();
            day = day.saturating_add(1.day());
            self.clock.wait_until(midnight(day)).await;
        }
        self.say(|| "the faults stop".to_owned());
        // Weeks of failed deletions can leave more to delete than a run may delete by itself.
        self.mass_deletion = MassDeletion::Allowed;
        {
            let mut chaos = self.chaos.lock().unwrap();
            chaos.per_mille = 0;
            chaos.down.clear();
            chaos.crash_at = None;
        }
        // Two runs, or as many more as the room for copies at once makes necessary, each when the
        // copies of the one before are made.
        self.morning(day);
        self.clock
            .wait_until(midnight(day) + SignedDuration::from_mins(390))
            .await;
        let wanted = self.sources.len() * if self.rules.backfill { 7 } else { 1 };
        for _ in 0..2 + wanted / self.rules.room {
            let run = self.run(seed).await;
            self.quiet(&run)?;
            self.see_copies();
            tokio::time::sleep(self.copy_time).await;
        }
        self.see_copies();
        self.reckon()?;
        let chaos = self.chaos.lock().unwrap();
        self.totals.calls = self.emulator.call_count();
        self.totals.faults = chaos.faults;
        self.totals.copies_errored = chaos.errored;
        match &chaos.broken {
            Some(broken) => Err(broken.clone()),
            None => Ok(self.totals.clone()),
        }
    }

    fn new_source(&mut self) {
        let region = HOME[self.rng.usize(0..HOME.len())];
        let disk = self.rng.bool();
        let number = self.rng.u32(1..6);
        let name = match (disk, self.rng.u8(0..6)) {
            // Not selected by the policy.
            (_, 0) => format!("other-{number}"),
            (true, _) => format!("data-{number}"),
            (false, 1) => format!("shop-{number}.example.com"),
            (false, _) => format!("shop-{number}"),
        };
        let source = Source::named(&name);
        let added = if disk {
            self.emulator.add_disk(region, &source)
        } else {
            self.emulator.add_instance(region, &source)
        };
        if added.is_ok() {
            self.say(|| format!("{name} in {region} is made"));
            let kind = if disk {
                SourceKind::Disk
            } else {
                SourceKind::Instance
            };
            self.emulator
                .set_auto_snapshots_enabled(region, &name, true)
                .expect("it is there");
            self.sources.insert(SourceKey { region, name }, kind);
        }
    }

    /// What happens in the account before the day's run.
    fn morning(&mut self, day: Date) {
        let faults = self.chaos.lock().unwrap().per_mille > 0;
        if self.rng.u8(0..6) == 0 && self.sources.len() < 6 {
            self.new_source();
        }
        if self.rng.u8(0..12) == 0 && self.sources.len() > 1 {
            let keys: Vec<_> = self.sources.keys().cloned().collect();
            let key = keys[self.rng.usize(0..keys.len())].clone();
            self.say(|| format!("{} in {} is deleted", key.name, key.region));
            match self.sources.remove(&key) {
                Some(SourceKind::Disk) => self.emulator.remove_disk(key.region, &key.name),
                _ => self.emulator.remove_instance(key.region, &key.name),
            }
            .expect("it is there");
            self.totals.sources_removed += 1;
        }
        if self.rng.u8(0..4) == 0 {
            let region = AWAY[self.rng.usize(0..AWAY.len())];
            let name = format!("manual-{}", self.rng.u32(0..1000));
            let snapshot = InstanceSnapshot {
                name: name.clone(),
                from_instance_name: Some("shop-1".to_owned()),
                from_instance_arn: Some(
                    "arn:aws:lightsail:us-west-2:111122223333:Instance/somebody-elses".to_owned(),
                ),
                tags: [("owner".to_owned(), "somebody".to_owned())].into(),
                state: [SnapshotState::Available, SnapshotState::Error][self.rng.usize(0..2)],
                ..InstanceSnapshot::default()
            };
            if self
                .emulator
                .add_instance_snapshot(region, &snapshot)
                .is_ok()
            {
                self.foreign.insert((region, name), snapshot.tags);
            }
        }
        for key in self.sources.keys() {
            // What was in progress or failed yesterday stays so; most succeed.
            let status = match self.rng.u8(0..20) {
                0 if faults => AutoSnapshotStatus::Failed,
                1 if faults => AutoSnapshotStatus::InProgress,
                2 => continue,
                _ => AutoSnapshotStatus::Success,
            };
            self.emulator
                .add_auto_snapshot(key.region, &key.name, day, status)
                .expect("it is there");
        }
        if faults {
            let mut chaos = self.chaos.lock().unwrap();
            for region in HOME.into_iter().chain(AWAY) {
                if chaos.rng.u8(0..12) == 0 && chaos.down.insert(region) {
                    self.totals.outages += 1;
                } else if chaos.rng.u8(0..3) == 0 {
                    chaos.down.remove(&region);
                }
            }
        }
    }

    async fn run_of_the_day(&mut self, seed: u64) -> Result<(), String> {
        let minute = self.rng.i64(361..1200);
        let today = self.clock.now();
        self.clock
            .wait_until(today + SignedDuration::from_mins(minute))
            .await;
        match self.rng.u8(0..8) {
            0 => {
                self.say(|| "two runs at once".to_owned());
                self.totals.overlaps += 1;
                let first = self.prepare(seed);
                let second = self.prepare(seed + 1);
                self.chaos.lock().unwrap().overlap = true;
                let (one, two) = tokio::join!(first, second);
                self.chaos.lock().unwrap().overlap = false;
                self.took(&one)?;
                self.took(&two)?;
            }
            1 => {
                let number = self.emulator.call_count() + self.rng.u64(1..40);
                self.chaos.lock().unwrap().crash_at = Some(number);
                let crash = self.crash.clone();
                let run = self.prepare(seed);
                let crashed = tokio::select! {
                    // In order: a random one would not come from the seed.
                    biased;
                    () = crash.notified() => true,
                    _ = run => false,
                };
                self.chaos.lock().unwrap().crash_at = None;
                if crashed {
                    self.say(|| "the run dies".to_owned());
                    self.totals.crashes += 1;
                }
            }
            _ => {
                let run = self.run(seed).await;
                self.took(&run)?;
            }
        }
        Ok(())
    }

    /// A run, not begun yet.
    fn prepare(&mut self, seed: u64) -> impl Future<Output = RunResults> + use<> {
        self.totals.runs += 1;
        let config = in_process::config(&self.emulator).time_source(self.clock);
        let lightsail = Lightsail::new(config, seed ^ self.totals.runs);
        let policy = self.rules.policy.clone();
        let time = Duration::from_secs(self.rng.u64(20..900));
        let clock = self.clock;
        let verbose = self.verbose;
        let mass_deletion = self.mass_deletion;
        async move {
            let steps = Cell::new(0);
            let results = run_policy(
                &lightsail,
                &policy,
                clock.now(),
                Mode {
                    dry_run: false,
                    mass_deletion,
                },
                Deadline::for_policy(time),
                |done| {
                    steps.set(steps.get() + 1);
                    if verbose {
                        println!("{} {done:?}", clock.now());
                    }
                },
            )
            .await;
            let reported = results.copies.len() + results.deletions.len() + results.coverage.len();
            assert!(steps.get() >= reported, "a step was not reported");
            results
        }
    }

    async fn run(&mut self, seed: u64) -> RunResults {
        self.prepare(seed).await
    }

    /// What a run says must fit what it may do.
    fn took(&mut self, run: &RunResults) -> Result<(), String> {
        for copy in &run.copies {
            match copy.outcome {
                Outcome::Started => self.totals.copies_started += 1,
                Outcome::Deferred => self.totals.copies_deferred += 1,
                _ => {}
            }
        }
        for deletion in &run.deletions {
            self.totals.deletions += u64::from(deletion.outcome == Outcome::Deleted);
            let source = &deletion.copy.source;
            // A Region can be source and destination: only what was read of it as a source counts.
            let lists = run.read_failures.iter().any(|unread| {
                unread.region == source.region
                    && unread.operation.ends_with(match source.kind {
                        ResourceKind::Instance => "Instances",
                        ResourceKind::Disk => "Disks",
                    })
            });
            let asked = run.read_failures.iter().any(|unread| {
                unread.region == source.region && unread.source.as_deref() == Some(&source.name)
            });
            let destination = run.read_failures.iter().any(|unread| {
                unread.region == deletion.region
                    && unread.operation.ends_with("Snapshots")
                    && unread.source.is_none()
            });
            if lists || asked || destination {
                return Err(format!("deleted what could not be read: {deletion:?}"));
            }
        }
        Ok(())
    }

    /// A run without faults fails nothing.
    fn quiet(&mut self, run: &RunResults) -> Result<(), String> {
        self.took(run)?;
        let failed = run
            .copies
            .iter()
            .find(|copy| copy.outcome == Outcome::Failed);
        let undone = run
            .deletions
            .iter()
            .find(|deletion| deletion.outcome != Outcome::Deleted);
        if let Some(copy) = failed {
            return Err(format!("a copy failed without a fault: {copy:?}"));
        }
        if let Some(deletion) = undone {
            return Err(format!("a deletion failed without a fault: {deletion:?}"));
        }
        if let Some(unread) = run.read_failures.first() {
            return Err(format!("unread without a fault: {unread:?}"));
        }
        Ok(())
    }

    fn see_copies(&self) {
        let mut chaos = self.chaos.lock().unwrap();
        for region in &self.rules.destinations {
            chaos.see(&self.emulator, *region);
        }
    }

    /// The reckoning, after the faults have stopped.
    fn reckon(&self) -> Result<(), String> {
        let chaos = self.chaos.lock().unwrap();
        for ((region, name), tags) in &self.foreign {
            match self.emulator.snapshot(*region, name) {
                Some(snapshot) if snapshot.tags == *tags => {}
                other => return Err(format!("{name} in {region}, somebody else's, is {other:?}")),
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
            let mut there: BTreeMap<(String, Date), usize> = BTreeMap::new();
            for snapshot in &ours {
                let key = copy_of(snapshot).ok_or(format!("not a copy: {snapshot:?}"))?;
                let gone = !self.sources.keys().any(|source| id(source) == key.0);
                if tagged(snapshot).is_none() && !gone {
                    return Err(format!("without tags: {snapshot:?}"));
                }
                if snapshot.state == SnapshotState::Error && !gone {
                    return Err(format!("left in error: {snapshot:?}"));
                }
                *there.entry(key).or_default() += 1;
            }
            if let Some((key, count)) = there.iter().find(|(_, count)| **count > 1) {
                return Err(format!("{key:?} is there {count} times in {region}"));
            }
            self.check_wanted(region, &there)?;
            self.check_kept(region, &there, &chaos.seen)?;
        }
        Ok(())
    }

    /// Every recovery point that the policy wants is there.
    fn check_wanted(
        &self,
        region: Region,
        there: &BTreeMap<(String, Date), usize>,
    ) -> Result<(), String> {
        for source in self.sources.keys() {
            let selected = source.name.starts_with("shop-") || source.name.starts_with("data-");
            let copies: BTreeSet<Date> = there
                .keys()
                .filter(|(of, _)| *of == id(source))
                .map(|(_, date)| *date)
                .collect();
            if !selected {
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

    /// Every copy that was ever available and that retention keeps is there.
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

    /// The automatic snapshots that can be restored, as GetAutoSnapshots has them.
    fn restorable(&self, source: &SourceKey) -> BTreeSet<Date> {
        self.emulator
            .auto_snapshots(source.region, &source.name)
            .into_iter()
            .filter(|(_, status)| *status == AutoSnapshotStatus::Success)
            .map(|(date, _)| date)
            .collect()
    }
}

impl Chaos {
    /// Looks at what is about to happen: some things must never be asked for.
    fn watch(&mut self, emulator: &Emulator, keep: Option<Retention>, call: &Call) {
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

    /// Remembers which copies are available.
    fn see(&mut self, emulator: &Emulator, region: Region) {
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

    fn decide(&mut self, call: &Call, crash: &Notify) -> Fault {
        if self.crash_at.is_some_and(|at| call.number >= at) {
            self.crash_at = None;
            crash.notify_one();
            // Whether the last call had its effect is a coin's toss.
            return if self.rng.bool() {
                Fault::Hang
            } else {
                Fault::LoseAnswer
            };
        }
        if self.down.contains(&call.region) {
            self.faults += 1;
            return match self.rng.u8(0..3) {
                0 => Fault::internal(),
                1 => Fault::Drop,
                _ => Fault::Hang,
            };
        }
        if self.rng.u32(0..1000) >= self.per_mille {
            return Fault::None;
        }
        self.faults += 1;
        let refused = |code, message| Fault::error(StatusCode::BAD_REQUEST, code, message);
        match self.rng.u8(0..10) {
            0 => Fault::throttled(),
            1 => Fault::internal(),
            2 => Fault::LoseAnswer,
            3 => Fault::Drop,
            4 => Fault::None.after(Duration::from_millis(self.rng.u64(1..30_000))),
            5 => Fault::Hang,
            6 => Fault::GarbledAnswer,
            7 => Fault::answer(StatusCode::BAD_GATEWAY, "text/html", "<html>no</html>"),
            8 if call.operation == Operation::CopySnapshot => {
                self.errored += 1;
                Fault::CopyFails
            }
            9 if call.operation == Operation::CopySnapshot => refused(
                "InvalidInputException",
                "Too many snapshot copies in progress. The limit is 5 for this destination region.",
            ),
            _ => refused("AccessDeniedException", "not today"),
        }
    }
}

/// The dates that retention keeps, by the model: all of them, where there is none.
fn kept(keep: Option<Retention>, dates: &BTreeSet<Date>) -> BTreeSet<Date> {
    let newest_first: Vec<Date> = dates.iter().rev().copied().collect();
    let keeps = keep.map(|keep| retention_model::keeps(&keep, &newest_first));
    let keeps = keeps.unwrap_or_else(|| vec![true; dates.len()]);
    let kept = newest_first.into_iter().zip(keeps);
    kept.filter_map(|(date, keep)| keep.then_some(date))
        .collect()
}

/// What a snapshot, which is nobody else's, is a copy of: by its tags, or by origin and name where
/// a run died before it set them.
fn copy_of(snapshot: &SnapshotView) -> Option<(String, Date)> {
    tagged(snapshot).or_else(|| {
        let source = format!("{}/{}", snapshot.from_region?, snapshot.from_name.as_ref()?);
        let date = snapshot.name.get(snapshot.name.len().checked_sub(10)?..)?;
        Some((source, date.parse().ok()?))
    })
}

/// The source and date in a snapshot's tags.
fn tagged(snapshot: &SnapshotView) -> Option<(String, Date)> {
    let source = snapshot.tags.get(SOURCE_TAG)?;
    let date = snapshot.tags.get(RECOVERY_POINT_TAG)?;
    Some((source.clone(), date.parse().ok()?))
}

fn id(source: &SourceKey) -> String {
    format!("{}/{}", source.region, source.name)
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).expect("a day").timestamp()
}
