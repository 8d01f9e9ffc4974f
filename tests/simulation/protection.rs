//! One seed of a fleet with bad sources: does any healthy source wait for them, does any gap stay
//! hidden, and does any run delete too much?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lightsail_emulator::world::Source;
use lightsail_emulator::{
    AutoSnapshotStatus, Call, CopyBehavior, Emulator, Fault, Operation, Region, SnapshotState,
    World,
};
use lightsail_snapshot_copier::{
    CoverageStatus, Deadline, Lightsail, MassDeletion, Mode, Policy, RECOVERY_POINT_TAG,
    RunResults, SOURCE_TAG, parse_policy, run_policy,
};
use serde_json::json;
use test_support::in_process;

use crate::clock::Clock;

const HOME: Region = Region::UsWest2;
const AWAY: Region = Region::UsEast1;
const MAX_AGE: SignedDuration = SignedDuration::from_hours(48);
const DAYS: i64 = 9;

/// How often each situation occurred.
pub type Counts = BTreeMap<&'static str, u64>;

/// The available copies of each source when a run starts, and how many of them it deletes.
#[derive(Default)]
struct Deletions {
    available: BTreeMap<String, usize>,
    deleted: BTreeMap<String, usize>,
    broken: Option<String>,
}

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

    fn add_sources(&mut self) {
        let healthy = self.rng.usize(1..6);
        let failing = self.rng.usize(1..8);
        let stuck = self.rng.usize(0..2);
        for (kind, count) in [("good", healthy), ("bad", failing), ("stuck", stuck)] {
            for number in 0..count {
                let name = format!("{kind}-{number}");
                let source = Source::named(&name);
                self.emulator
                    .add_instance(HOME, &source)
                    .expect("a new name");
                self.emulator
                    .set_auto_snapshots_enabled(HOME, &name, true)
                    .expect("it exists");
                let behavior = match kind {
                    "bad" => CopyBehavior::FAILS,
                    "stuck" => CopyBehavior::takes(SignedDuration::from_hours(80)),
                    _ => CopyBehavior::default(),
                };
                self.emulator.set_copy_behavior(HOME, &name, behavior);
                self.count(match kind {
                    "good" => "healthy sources",
                    "bad" => "sources whose copies fail",
                    _ => "sources whose copies take days",
                });
                self.sources.push(name);
            }
        }
        let windows = Source {
            blueprint_id: Some("windows_server_2022".to_owned()),
            ..Source::named("windows")
        };
        self.emulator
            .add_instance(HOME, &windows)
            .expect("a new name");
        self.count("Windows instances");
        let data = Source::named("data");
        self.emulator.add_disk(HOME, &data).expect("a new name");
        self.emulator
            .attach_disk(HOME, "data", "good-0")
            .expect("both exist");
        self.count("attached disks");
    }

    /// Checks every deletion against the bound and the tags.
    fn watch_calls(&self) {
        let (emulator, deletions) = (self.emulator.clone(), self.deletions.clone());
        let mut rng = self.rng.clone();
        self.emulator.on_call(move |call: &Call| {
            if call.operation == Operation::DeleteInstanceSnapshot {
                let name = call.body["instanceSnapshotName"]
                    .as_str()
                    .unwrap_or_default();
                let mut deletions = deletions.lock().unwrap();
                if let Err(problem) = check_deletion(&emulator, call.region, name, &mut deletions) {
                    deletions.broken.get_or_insert(problem);
                }
            }
            // An Operation that Lightsail reports as failed, now and then.
            let may_fail = matches!(
                call.operation,
                Operation::TagResource | Operation::DeleteInstanceSnapshot
            );
            match may_fail && rng.u8(0..40) == 0 {
                true => Fault::operation_fails("InternalError", "not today"),
                false => Fault::None,
            }
        });
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

    fn morning(&mut self, day: i64) {
        if day == 4 {
            // The healthy source comes back under its old name.
            let source = Source::named("good-0");
            self.emulator
                .replace_source(HOME, &source)
                .expect("it exists");
            self.emulator
                .set_auto_snapshots_enabled(HOME, "good-0", true)
                .expect("it exists");
            self.emulator
                .attach_disk(HOME, "data", "good-0")
                .expect("both exist");
            self.silent_since.remove("good-0");
            self.silent_since.remove("data");
            self.count("re-created sources");
        }
        if day == 5 {
            self.retention = [1, 2][self.rng.usize(0..2)];
            self.count("changes of the retention");
        }
        let today = self.today();
        for name in &self.sources {
            self.emulator
                .add_auto_snapshot(HOME, name, today, AutoSnapshotStatus::Success)
                .expect("it exists");
            let now = self.clock.now();
            self.silent_since.entry(name.clone()).or_insert(now);
        }
    }

    /// What people do to snapshots: wrong tags, and a deleted newest copy.
    fn interfere(&mut self) {
        let copies: Vec<String> = self
            .emulator
            .snapshots(AWAY)
            .into_iter()
            .filter(|copy| copy.state == SnapshotState::Available)
            .filter(|copy| copy.name.starts_with("stuck") || copy.name.starts_with("bad"))
            .map(|copy| copy.name)
            .collect();
        if copies.is_empty() || self.rng.u8(0..6) != 0 {
            return;
        }
        let name = &copies[self.rng.usize(0..copies.len())];
        let mut tags = BTreeMap::from([(SOURCE_TAG.to_owned(), "us-west-2/good-0".to_owned())]);
        if self.rng.bool() {
            tags.insert(RECOVERY_POINT_TAG.to_owned(), "2062-01-01".to_owned());
        }
        self.emulator.set_tags(AWAY, name, tags).expect("it exists");
        self.count("wrong tags");
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

    fn check(&mut self, run: &RunResults, down: bool) -> Result<(), String> {
        let deletions = self.deletions.lock().unwrap();
        if let Some(problem) = &deletions.broken {
            return Err(problem.clone());
        }
        drop(deletions);
        let refused = |error: &str| {
            let mut deletions = run.deletions.iter();
            deletions.any(|deletion| {
                deletion
                    .error
                    .as_ref()
                    .is_some_and(|found| found.code == error)
            })
        };
        if refused("MassDeletion") {
            self.count("refused mass deletions");
        }
        if refused("InternalError") {
            self.count("failed Operations");
        }
        let now = self.clock.now();
        for coverage in &run.coverage {
            let name = &coverage.source.name;
            let is_silent = coverage.status == CoverageStatus::Pending;
            match name.as_str() {
                _ if down => expect(coverage.status == CoverageStatus::Unknown, || {
                    format!("an unread destination is not unknown: {coverage:?}")
                })?,
                "windows" => expect(coverage.status == CoverageStatus::Unprotected, || {
                    format!("a Windows instance: {coverage:?}")
                })?,
                "data" => expect(coverage.through.as_deref() == Some("good-0"), || {
                    format!("an attached disk: {coverage:?}")
                })?,
                _ => {}
            }
            if !is_silent {
                self.silent_since.insert(name.clone(), now);
            }
            let Some(since) = self.silent_since.get(name) else {
                continue;
            };
            let limit = MAX_AGE + SignedDuration::from_hours(self.between_runs);
            let silent = now.duration_since(*since);
            expect(!is_silent || silent <= limit, || {
                format!("{name} has no copy and is silent for {silent:#}: {coverage:?}")
            })?;
        }
        Ok(())
    }

    /// A healthy source has an available copy of yesterday or today, whatever the others do.
    fn check_healthy(&self) -> Result<(), String> {
        let today = self.today();
        let oldest = today - 2.days();
        for name in self.sources.iter().filter(|name| name.starts_with("good")) {
            let prefix = format!("{name}-us-west-2-");
            let snapshots = self.emulator.snapshots(AWAY);
            let dates: BTreeSet<Date> = snapshots
                .iter()
                .filter(|copy| copy.state == SnapshotState::Available)
                .filter_map(|copy| copy.name.strip_prefix(&prefix)?.parse().ok())
                .collect();
            let newest = dates.last();
            expect(newest.is_some_and(|newest| *newest >= oldest), || {
                format!("on {today}, the newest copy of {name} is of {newest:?}")
            })?;
        }
        Ok(())
    }
}

fn expect(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(problem()),
    }
}

/// The number of available copies by the value of their source tag.
fn available_copies(emulator: &Emulator) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for snapshot in emulator.snapshots(AWAY) {
        if let Some(source) = snapshot.tags.get(SOURCE_TAG)
            && snapshot.state == SnapshotState::Available
        {
            *counts.entry(source.clone()).or_default() += 1;
        }
    }
    counts
}

/// A deleted copy has both tags, is not the newest available one, and is within the bound.
fn check_deletion(
    emulator: &Emulator,
    region: Region,
    name: &str,
    deletions: &mut Deletions,
) -> Result<(), String> {
    let Some(snapshot) = emulator.snapshot(region, name) else {
        return Ok(());
    };
    let tags = (
        snapshot.tags.get(SOURCE_TAG),
        snapshot.tags.get(RECOVERY_POINT_TAG),
    );
    let (Some(source), Some(date)) = tags else {
        return Err(format!("deletes {name}, which lacks a tag"));
    };
    if snapshot.state != SnapshotState::Available {
        return Ok(());
    }
    let has_newer = emulator.snapshots(region).iter().any(|other| {
        other.state == SnapshotState::Available
            && other.tags.get(SOURCE_TAG) == Some(source)
            && other
                .tags
                .get(RECOVERY_POINT_TAG)
                .is_some_and(|other| other > date)
    });
    expect(has_newer, || format!("deletes {name}, the newest copy"))?;
    let deleted = deletions.deleted.entry(source.clone()).or_default();
    *deleted += 1;
    let available = deletions.available.get(source).copied().unwrap_or_default();
    let deleted = *deleted;
    expect(deleted <= 3.max(available / 2), || {
        format!("deletes {deleted} of {available} copies of {source}")
    })
}
