//! One seed: sources, a policy, weeks of faults, two runs without faults, and the final checks.

mod account;
mod drills;
mod faults;
mod invariants;
mod policy;
mod runs;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use lightsail_emulator::{Call, Emulator, Region, SourceKind, World};
use lightsail_snapshot_copier::{Deadline, Lightsail, MassDeletion, Mode, RunEvent, run_policy};
use test_support::in_process;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::account::SourceKey;
use self::drills::{Drills, RUN};
use self::policy::Rules;
use self::watch::Watch;
use crate::clock::Clock;
use crate::copies::midnight;
use crate::invariants::coverage::Found;
use crate::invariants::deletions::Deletions;
use crate::invariants::retries::FailedCopies;
use crate::results::Results;
use crate::statistics::Counts;

const HOME: [Region; 2] = [Region::UsWest2, Region::EuCentral1];
const AWAY: [Region; 3] = [Region::UsEast1, Region::EuWest1, Region::UsWest2];

/// How late tokio's timer can be.
const TIMER: Duration = Duration::from_millis(5);

/// What happens in this scenario.
pub const SITUATIONS: &[&str] = &[
    "runs",
    "calls",
    "faults",
    "outages",
    "crashes",
    "overlapping runs",
    "copies",
    "copies that ended in error",
    "copies with failed Operations",
    "replaced failed copies",
    "deferred copies",
    "deletions",
    "failed Operations of tags and deletions",
    "removed sources",
    "foreign snapshots",
    "foreign snapshots with this function's tags",
    "runs with checked coverage",
];

struct Weeks {
    emulator: Emulator,
    clock: Clock,
    rules: Rules,
    rng: Rng,
    watch: Arc<Mutex<Watch>>,
    crash: Arc<Notify>,
    drills: Arc<Mutex<Drills>>,
    sources: BTreeMap<SourceKey, SourceKind>,
    foreign: BTreeMap<(Region, String), BTreeMap<String, String>>,
    copy_time: Duration,
    mass_deletion: MassDeletion,
    counts: Counts,
    verbose: bool,
}

/// Simulates one seed. The error says what went wrong.
pub fn simulate(seed: u64, verbose: bool) -> Result<Counts, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(async { Weeks::new(seed, verbose).run_seed(seed).await })
}

impl Weeks {
    fn new(seed: u64, verbose: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rules = Rules::random(&mut rng);
        let start = "2027-01-04T00:00:00Z".parse().expect("a time");
        let clock = Clock::at(start);
        let copy_time = Duration::from_secs(rng.u64(30..20_000));
        let mut drills = Drills::new(seed, clock, &rules.destinations);
        let world = World {
            copy_time: copy_time.try_into().expect("a few hours"),
            copy_limit: 10_000,
            page_size: rng.usize(1..8),
            ..drills.world()
        };
        let emulator = Emulator::with_clock(world, move || clock.now());
        emulator.record_calls(false);
        let watch = Arc::new(Mutex::new(Watch {
            rng: rng.fork(),
            per_mille: rng.u32(0..250),
            down: BTreeSet::new(),
            crash_at: None,
            counts: Counts::of(SITUATIONS),
            deletions: Deletions::of_run(&emulator, start, &[], MassDeletion::Refused),
            failed_copies: FailedCopies::default(),
            queried: BTreeSet::new(),
            clock,
            overlap: false,
            seen_in_error: BTreeMap::new(),
            broken: None,
            seen: BTreeSet::new(),
        }));
        let crash = Arc::new(Notify::new());
        let drills = Arc::new(Mutex::new(drills));
        let hook = {
            let (emulator, watch, crash) = (emulator.clone(), watch.clone(), crash.clone());
            let (keep, drills) = (rules.keep, drills.clone());
            move |call: &Call| {
                let mut watch = watch.lock().unwrap();
                if let Err(problem) = watch.check(&emulator, keep, call) {
                    watch.broken.get_or_insert(problem);
                }
                let mut drills = drills.lock().unwrap();
                if watch.crash_at.is_some() && drills.crashes_at(call) {
                    watch.crash_at = Some(call.number);
                }
                let fault = watch.fault(call, &crash);
                drills.call(&emulator, call, fault)
            }
        };
        emulator.on_call(hook);
        Self {
            emulator,
            clock,
            rules,
            rng,
            watch,
            crash,
            drills,
            sources: BTreeMap::new(),
            foreign: BTreeMap::new(),
            copy_time,
            mass_deletion: MassDeletion::Refused,
            counts: Counts::of(SITUATIONS),
            verbose,
        }
    }

    fn log(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            println!("{} {}", self.clock.now(), what());
        }
    }

    async fn run_seed(mut self, seed: u64) -> Result<Counts, String> {
        self.log(|| format!("{:?}", self.rules.policy));
        for _ in 0..self.rng.usize(1..4) {
            self.new_source();
        }
        let mut day = Date::constant(2027, 1, 4);
        for _ in 0..self.rng.usize(10..24) {
            self.change_drills(day);
            self.start_day(day);
            self.run_of_the_day(seed).await?;
            self.more_runs(seed).await?;
            self.remember_copies();
            day = day.saturating_add(1.day());
            self.clock.wait_until(midnight(day)).await;
        }
        self.log(|| "the faults stop".to_owned());
        // Weeks of failed deletions can leave more to delete than a run may delete by itself.
        self.mass_deletion = MassDeletion::Allowed;
        {
            let mut watch = self.watch.lock().unwrap();
            watch.per_mille = 0;
            watch.down.clear();
            watch.crash_at = None;
        }
        self.drills.lock().unwrap().stop_faults(&self.emulator);
        // Two runs, and more if the policy's limit needs them. Each starts after the copies of the
        // previous one have ended.
        self.start_day(day);
        self.clock
            .wait_until(midnight(day) + SignedDuration::from_mins(390))
            .await;
        let wanted = self.sources.len() * if self.rules.backfill { 7 } else { 1 };
        for _ in 0..2 + wanted / self.rules.room {
            let destinations = &self.rules.destinations;
            let found = Found::before_run(&self.emulator, self.clock.now(), destinations);
            let run = self.run(seed).await;
            self.check_without_faults(&run)?;
            self.check_coverage(&found, &run)?;
            self.remember_copies();
            tokio::time::sleep(self.copy_time).await;
        }
        self.remember_copies();
        self.check_end_state()?;
        self.end_drills(seed, day).await?;
        let watch = self.watch.lock().unwrap();
        self.counts.merge(&watch.counts);
        self.counts.merge(&self.drills.lock().unwrap().counts);
        self.counts.add("calls", self.emulator.call_count());
        match &watch.broken {
            Some(broken) => Err(broken.clone()),
            None => Ok(self.counts.clone()),
        }
    }

    /// A run that starts so long after it is awaited.
    fn prepare(&mut self, seed: u64, after: Duration) -> impl Future<Output = Results> + use<> {
        self.counts.count("runs");
        let config = in_process::config(&self.emulator).time_source(self.clock);
        let lightsail = Lightsail::new(config, seed ^ self.counts.get("runs"));
        let policy = self.rules.policy.clone();
        let (emulator, drills) = (self.emulator.clone(), self.drills.clone());
        let number = drills.lock().unwrap().start_run(&policy, after);
        let time = Duration::from_secs(self.rng.u64(20..900));
        let clock = self.clock;
        let verbose = self.verbose;
        let mass_deletion = self.mass_deletion;
        RUN.scope(number, async move {
            tokio::time::sleep(after).await;
            let started = Instant::now();
            let steps = AtomicUsize::new(0);
            let log = |event: &RunEvent| {
                steps.fetch_add(1, Ordering::Relaxed);
                if verbose {
                    println!("{} {event:?}", clock.now());
                }
            };
            let events = run_policy(
                &lightsail,
                &policy,
                clock.now(),
                Mode {
                    dry_run: false,
                    mass_deletion,
                },
                Deadline::for_policy(time),
                &log,
            )
            .await;
            let took = started.elapsed();
            assert!(took <= time + TIMER, "a run took {took:?} of {time:?}");
            let logged = steps.into_inner();
            assert_eq!(logged, events.len(), "a step was not reported");
            let results = Results { events };
            drills.lock().unwrap().end_run(&emulator, number, &results);
            results
        })
    }

    async fn run(&mut self, seed: u64) -> Results {
        self.watch_run(self.mass_deletion);
        self.prepare(seed, Duration::ZERO).await
    }

    /// Starts to watch one run, or two at once.
    fn watch_run(&self, mass_deletion: MassDeletion) {
        let now = self.clock.now();
        let destinations = &self.rules.destinations;
        let mut watch = self.watch.lock().unwrap();
        watch.deletions = Deletions::of_run(&self.emulator, now, destinations, mass_deletion);
        watch.queried.clear();
    }
}
