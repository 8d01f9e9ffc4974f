//! One seed of a fleet with bad sources: does any healthy source wait for them, does any gap stay
//! hidden, and does any run delete too much?

mod account;
mod invariants;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Emulator, Fault, Operation, Region, World};
use lightsail_snapshot_copier::{
    Deadline, Lightsail, MassDeletion, Mode, Policy, RunResults, parse_policy, run_policy,
};
use serde_json::json;
use test_support::in_process;

use self::watch::{Deletions, available_copies};
use crate::clock::Clock;

const HOME: Region = Region::UsWest2;
const AWAY: Region = Region::UsEast1;
const MAX_AGE: SignedDuration = SignedDuration::from_hours(48);
const DAYS: i64 = 9;

/// How often each situation occurred.
pub type Counts = BTreeMap<&'static str, u64>;

struct Fleet {
    emulator: Emulator,
    clock: Clock,
    rng: Rng,
    sources: Vec<String>,
    retention: u32,
    between_runs: i64,
    deletions: Arc<Mutex<Deletions>>,
    /// Since when each source is silent: no available copy, and no warning.
    silent_since: BTreeMap<String, Timestamp>,
    counts: Counts,
}

/// Simulates one seed. The error says what went wrong.
pub fn simulate(seed: u64) -> Result<Counts, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(async { Fleet::new(seed).play(seed).await })
}

impl Fleet {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let clock = Clock::at("2027-01-04T00:00:00Z".parse().expect("a time"));
        let world = World {
            copy_time: SignedDuration::from_mins(rng.i64(1..300)),
            copy_limit: 10_000,
            ..World::default()
        };
        let emulator = Emulator::with_clock(world, move || clock.now());
        emulator.record_calls(false);
        let mut fleet = Self {
            sources: Vec::new(),
            retention: rng.u32(4..9),
            between_runs: [1, 6, 24][rng.usize(0..3)],
            deletions: Arc::default(),
            silent_since: BTreeMap::new(),
            counts: Counts::new(),
            emulator,
            clock,
            rng,
        };
        fleet.add_sources();
        fleet.watch_calls();
        fleet
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
    fn policy(&self) -> Policy {
        let policy = json!({
            "sources": [{ "region": HOME.as_str() }],
            "destinations": [AWAY.as_str()],
            "retention": { "keepLast": self.retention },
            "maxCopiesInProgress": self.limit(),
        });
        parse_policy(&policy.to_string()).expect("a valid policy")
    }

    /// Just enough for the healthy sources, and for the copies that take more than three days.
    /// Lightsail gives no place back while a copy is in progress.
    fn limit(&self) -> usize {
        let count = |kind| {
            self.sources
                .iter()
                .filter(|name| name.starts_with(kind))
                .count()
        };
        count("good") + 4 * count("stuck")
    }

    async fn play(mut self, seed: u64) -> Result<Counts, String> {
        let start = self.clock.now();
        // Until each source was tried once, nobody knows which ones fail.
        let tries = self.sources.len().div_ceil(self.limit()) as i64;
        let all_tried = 48 + tries * self.between_runs;
        for hour in (0..24 * DAYS).step_by(self.between_runs as usize) {
            let time = start + SignedDuration::from_hours(hour) + SignedDuration::from_mins(30);
            self.clock.wait_until(time).await;
            if hour % 24 == 0 {
                self.morning(hour / 24);
            }
            self.interfere();
            let down = self.rng.u8(0..30) == 0;
            if down {
                for operation in Operation::LISTS {
                    self.emulator
                        .fault_always_in(AWAY, operation, Fault::internal());
                }
                self.count("Regions that cannot be read");
            }
            let run = self.run(seed ^ hour as u64).await;
            self.emulator.clear_faults_in(AWAY);
            self.check(&run, down)?;
            if hour >= all_tried {
                self.check_healthy()?;
            }
        }
        Ok(self.counts)
    }

    fn today(&self) -> Date {
        self.clock.now().to_zoned(TimeZone::UTC).date()
    }
    async fn run(&mut self, seed: u64) -> RunResults {
        self.count("runs");
        {
            let mut deletions = self.deletions.lock().unwrap();
            deletions.available = available_copies(&self.emulator);
            deletions.deleted.clear();
        }
        let config = in_process::config(&self.emulator).time_source(self.clock);
        let lightsail = Lightsail::new(config, seed);
        let mode = Mode {
            dry_run: false,
            mass_deletion: MassDeletion::Refused,
        };
        let deadline = Deadline::for_policy(Duration::from_secs(600));
        run_policy(
            &lightsail,
            &self.policy(),
            self.clock.now(),
            mode,
            deadline,
            |_| {},
        )
        .await
    }
}
