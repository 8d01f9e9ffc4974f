//! One seed of a fleet with bad sources: does any healthy source wait for them, does any gap stay
//! hidden, and does any run delete too much?
//!
//! Days of trouble and calm days alternate. In trouble, Regions cannot be read, Operations fail, and
//! people change and delete snapshots. A day after the trouble, every healthy source is protected.
//! Bad sources stay bad in calm days, until they recover.

mod account;
mod invariants;
mod people;
mod sick;
mod sources;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Emulator, Fault, Operation, Region, Tags, World};
use lightsail_snapshot_copier::{
    Deadline, Lightsail, MassDeletion, Mode, Policy, RunEvent, parse_policy, run_policy,
};
use serde_json::json;
use test_support::in_process;

use self::sources::{Health, Source};
use self::watch::Watch;
use crate::clock::Clock;
use crate::copies::day;
use crate::invariants::coverage::Found;
use crate::results::Results;
use crate::statistics::Counts;

const HOME: Region = Region::UsWest2;
const DESTINATIONS: [Region; 2] = [Region::UsEast1, Region::EuWest1];
const DAYS: i64 = 12;
/// The last days are calm.
const CALM_DAYS: i64 = 3;
/// The first run is after the first automatic snapshots, which are made at 06:00.
const START: &str = "2027-01-04T06:30:00Z";

/// How late tokio's timer can be.
const TIMER: Duration = Duration::from_millis(5);

/// What happens in this scenario.
pub const SITUATIONS: &[&str] = &[
    "runs",
    "calls",
    "copies",
    "deletions",
    "healthy sources",
    "sources whose copies fail",
    "sources whose copies take days",
    "sources whose copies are refused",
    "sources whose copy Operations fail",
    "sources that recovered",
    "sick sources when queried",
    "sick sources when copied",
    "sick sources when tagged",
    "sick sources when pruned",
    "sick sources that answer 500",
    "sick sources that hang",
    "sick sources that are slow",
    "sick sources that lose answers",
    "faults that pass beside sick sources",
    "runs with time for one attempt of everything",
    "such runs with more sick sources than calls at once",
    "Windows instances",
    "instances without automatic snapshots",
    "new sources",
    "re-created sources",
    "disks attached at the start",
    "disks attached later",
    "changes of the retention",
    "refused copies",
    "copies with failed Operations",
    "replaced failed copies",
    "failed Operations of tags and deletions",
    "Regions that cannot be read",
    "recovery points in the future",
    "tags with another source",
    "half-tagged copies",
    "foreign snapshots with this function's tags",
    "disk snapshots in state unknown",
    "copies deleted by somebody",
    "newest copies deleted during a run",
    "deletions stopped because the newest copy is gone",
    "refused mass deletions",
    "permitted mass deletions",
    "healthy sources checked a day after the trouble",
    "recovered sources checked",
    "status protected",
    "status stale",
    "status pending",
    "status unprotected",
    "status unknown",
];

struct Fleet {
    emulator: Emulator,
    clock: Clock,
    rng: Rng,
    destinations: Vec<Region>,
    sources: Vec<Source>,
    retention: u32,
    /// Hours.
    between_runs: i64,
    /// How long a run may take.
    time: Duration,
    /// Whether the policy leaves room for the copies of bad sources too.
    is_roomy: bool,
    /// Whether this is a day of trouble, and since when it is calm otherwise.
    trouble: bool,
    calm_since: Timestamp,
    /// The day of the next change between trouble and calm.
    next_change: i64,
    /// The hour of the run that may delete most copies.
    permitted_hour: i64,
    watch: Arc<Mutex<Watch>>,
    /// Since when each source is silent in each destination: no available copy, and no warning.
    silent_since: BTreeMap<(Region, String), Timestamp>,
    /// The tags of snapshots that no run may change or delete.
    untouchable: BTreeMap<(Region, String), Tags>,
    counts: Counts,
}

/// One run: what the emulator had before, and the results.
struct Run {
    hour: i64,
    found: Found,
    /// The copies in progress before it, by destination.
    pending: BTreeMap<Region, usize>,
    results: Results,
    unread: BTreeSet<Region>,
    mass_deletion: MassDeletion,
}

/// Simulates one seed. The error says what went wrong.
pub fn simulate(seed: u64, verbose: bool) -> Result<Counts, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(async { Fleet::new(seed).run_seed(seed, verbose).await })
}

impl Fleet {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let clock = Clock::at(START.parse().expect("a time"));
        let world = World {
            copy_time: SignedDuration::from_mins(rng.i64(1..300)),
            copy_limit: 10_000,
            page_size: rng.usize(1..30),
            ..World::default()
        };
        let emulator = Emulator::with_clock(world, move || clock.now());
        emulator.record_calls(false);
        let watch = Watch::new(&emulator, clock, rng.fork());
        let between_runs = [1, 6, 24][rng.usize(0..3)];
        // Sick sources are tried again until the end, so frequent runs are short.
        let times = match between_runs {
            1 => 2,
            _ => 4,
        };
        let mut fleet = Self {
            destinations: DESTINATIONS[..rng.usize(1..=DESTINATIONS.len())].to_vec(),
            sources: Vec::new(),
            retention: rng.u32(4..9),
            between_runs,
            time: Duration::from_secs([60, 120, 300, 600][rng.usize(0..times)]),
            is_roomy: rng.bool(),
            trouble: rng.bool(),
            calm_since: clock.now(),
            next_change: rng.i64(1..4),
            permitted_hour: 24 * rng.i64(7..DAYS),
            watch: Arc::new(Mutex::new(watch)),
            silent_since: BTreeMap::new(),
            untouchable: BTreeMap::new(),
            counts: Counts::of(SITUATIONS),
            emulator,
            clock,
            rng,
        };
        fleet.add_sources();
        fleet.watch_calls();
        fleet
    }

    fn policy(&self) -> Policy {
        let policy = json!({
            "sources": [{ "region": HOME.as_str() }],
            "destinations": self.destinations.iter().map(|region| region.as_str()).collect::<Vec<_>>(),
            "retention": { "keepLast": self.retention },
            "maxCopiesInProgress": self.limit(),
        });
        parse_policy(&policy.to_string()).expect("a valid policy")
    }

    async fn run_seed(mut self, seed: u64, verbose: bool) -> Result<Counts, String> {
        let start = self.clock.now();
        // Until each source was tried once, nobody knows which ones fail.
        let sources = self.sources.iter();
        let sources = sources.filter(|source| source.health != Health::NoSnapshots);
        let tries = sources.count().div_ceil(self.limit()) as i64;
        let all_tried = 48 + tries * self.between_runs;
        for hour in (0..24 * DAYS).step_by(self.between_runs as usize) {
            self.clock
                .wait_until(start + SignedDuration::from_hours(hour))
                .await;
            if hour % 24 == 0 {
                self.start_day(hour / 24);
            }
            self.change_sources(hour);
            let down = self.interfere();
            let run = self.run(seed ^ hour as u64, hour, down, verbose).await;
            self.check(&run)?;
            if hour >= all_tried {
                self.check_healthy()?;
            }
        }
        self.check_untouchable()?;
        self.counts.add("calls", self.emulator.call_count());
        Ok(self.counts)
    }

    fn today(&self) -> Date {
        day(self.clock.now())
    }

    async fn run(&mut self, seed: u64, hour: i64, down: Option<Region>, verbose: bool) -> Run {
        self.counts.count("runs");
        let now = self.clock.now();
        let mass_deletion = match hour == self.permitted_hour {
            true => MassDeletion::Allowed,
            false => MassDeletion::Refused,
        };
        for operation in Operation::LISTS {
            if let Some(region) = down {
                self.emulator
                    .fault_always_in(region, operation, Fault::internal());
            }
        }
        let found = Found::before_run(&self.emulator, now, &self.destinations);
        let pending = self.pending();
        self.start_watching(hour, mass_deletion);
        let config = in_process::config(&self.emulator).time_source(self.clock);
        let lightsail = Lightsail::new(config, seed);
        let mode = Mode {
            dry_run: false,
            mass_deletion,
        };
        let deadline = Deadline::for_policy(self.time);
        let policy = self.policy();
        let clock = self.clock;
        let print = move |event: &RunEvent| {
            if verbose {
                println!("{} {event:?}", clock.now());
            }
        };
        let events = run_policy(&lightsail, &policy, now, mode, deadline, &print).await;
        if let Some(region) = down {
            self.emulator.clear_faults_in(region);
        }
        let took = self.clock.now().duration_since(now).unsigned_abs();
        assert!(took <= self.time + TIMER, "a run took {took:?}");
        Run {
            hour,
            found,
            pending,
            results: Results { events },
            unread: down.into_iter().collect(),
            mass_deletion,
        }
    }
}
