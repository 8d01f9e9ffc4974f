//! Restore drills in the weeks of faults: the policy, what goes wrong with the instances, and what
//! must hold in every run.
//!
//! Checks connect to real sockets. An instance that answers has the address 127.0.0.1, where this
//! process listens; the others have 127.0.0.2, where nothing does.

mod account;
mod after;
mod calls;
mod days;
mod faults;
mod instances;
mod policy;
mod runs;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::LazyLock;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Instance, Operation, Region, World};
use lightsail_snapshot_copier::{DRILL_TAG, Verdict};

use self::policy::Rules;
use crate::clock::Clock;
use crate::statistics::Counts;

tokio::task_local! {
    /// The number of the run that makes a call.
    pub(super) static RUN: u64;
}

const ANSWERS_AT: &str = "127.0.0.1";
const SILENT_AT: &str = "127.0.0.2";

/// The port of [`ANSWERS_AT`] at which this process listens.
static OPEN_PORT: LazyLock<u16> = LazyLock::new(|| {
    let listener = TcpListener::bind((ANSWERS_AT, 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    port
});

/// What happens with drills.
const SITUATIONS: &[&str] = &[
    "drills started",
    "drills started in a Region of sources",
    "drills passed",
    "drills failed",
    "drills failed without an instance",
    "drills cancelled",
    "copies with attached disks not drilled",
    "names of drill instances in use",
    "bundles not available",
    "refusals for lack of capacity",
    "refusals by the quota of instances",
    "other inconclusive drills",
    "restored instances that never appear",
    "restored instances that never run",
    "restored instances that never answer",
    "restored instances that answer late",
    "drill instances of crashed runs",
    "marks of crashed runs without an instance",
    "drill instances left with a verdict by crashed runs",
    "two runs with drills at once",
    "lost answers to CreateInstancesFromSnapshot",
    "lost answers to DeleteInstance",
    "lost answers to TagResource with a verdict",
    "faults of TagResource with a verdict",
    "faults of TagResource with a mark",
    "days on which no verdict can be recorded",
    "faults of GetBundles",
    "failed Operations of drill instances",
    "throttled calls of drill instances",
    "copies deleted while they are drilled",
    "drill instances deleted by people",
    "drill instances deleted during a run",
    "verdicts removed by people",
    "servers that look like drill instances",
    "drill instances of another policy",
    "drill instances of another policy deleted",
    "other names of drills",
    "names of drills emptied",
    "drills removed from the policy",
];

/// The drills of one seed. Shared with the emulator's hook.
pub(super) struct Drills {
    pub(super) rules: Rules,
    pub(super) counts: Counts,
    /// The first thing seen that must never happen.
    pub(super) broken: Option<String>,
    rng: Rng,
    clock: Clock,
    destinations: Vec<Region>,
    /// Whether the faults have stopped. Until then, people interfere too.
    is_quiet: bool,
    /// Whether no verdict can be recorded today.
    refuses_verdicts: bool,
    /// The drill instances that were ever seen, by the last of each name.
    drills: BTreeMap<(Region, String), Drill>,
    /// The instances that were created while two runs were in progress.
    concurrent: BTreeSet<(Region, String)>,
    /// Servers that no drill made. They must not change.
    servers: BTreeMap<(Region, String), Instance>,
    runs: BTreeMap<u64, Run>,
    next_run: u64,
}

/// A drill instance.
struct Drill {
    created_at: Timestamp,
    /// When its drill ends. Another policy's run deletes it 26 hours later.
    ends_at: Timestamp,
    /// The value of its tag: `{region}/{source}`.
    source: String,
    behavior: Behavior,
    /// When it was first listed as running and answering.
    passes_since: Option<Timestamp>,
    /// When a verdict was recorded.
    concluded_at: Option<Timestamp>,
    /// Whether it was there when the Region was last looked at.
    exists: bool,
}

/// How a restored instance behaves once it runs.
enum Behavior {
    Answers,
    AnswersFrom(Timestamp),
    NeverAnswers,
}

/// A run in progress.
struct Run {
    started_at: Timestamp,
    /// Whether no other run was in progress at any time of it.
    is_alone: bool,
    /// The names of the policy's drills. `None`: it has none.
    names: Option<Vec<glob::Pattern>>,
    /// The Regions in which a call of this run failed or was slow.
    faulted: BTreeSet<Region>,
    /// The Regions in which it has begun to start drills.
    starting: BTreeSet<Region>,
    /// The instances that it created.
    created: Vec<(Region, String)>,
    /// The verdicts that it recorded, each with the instance.
    verdicts: Vec<(Region, String, Verdict)>,
}

impl Drills {
    pub(super) fn new(seed: u64, clock: Clock, destinations: &[Region]) -> Self {
        // A generator of its own: the other choices of a seed do not depend on drills.
        let mut rng = Rng::with_seed(!seed);
        Self {
            rules: Rules::random(&mut rng),
            counts: Counts::of(SITUATIONS),
            broken: None,
            rng,
            clock,
            destinations: destinations.to_vec(),
            is_quiet: false,
            refuses_verdicts: false,
            drills: BTreeMap::new(),
            concurrent: BTreeSet::new(),
            servers: BTreeMap::new(),
            runs: BTreeMap::new(),
            next_run: 0,
        }
    }

    /// The settings of the emulator that concern drills.
    pub(super) fn world(&mut self) -> World {
        World {
            start_time: SignedDuration::from_secs(self.rng.i64(10..7200)),
            deletion_time: SignedDuration::from_secs(self.rng.i64(0..600)),
            new_public_ip_address: SILENT_AT.to_owned(),
            ..World::default()
        }
    }
}

/// Whether a drill created an instance: both its full name and its tag must show that.
fn is_drill(instance: &Instance) -> bool {
    let source = instance.tags.get(DRILL_TAG);
    source
        .and_then(|source| source.split_once('/'))
        .is_some_and(|(_, source)| {
            let date = instance.name.strip_prefix(&format!("drill-{source}-"));
            date.is_some_and(|date| date.parse::<Date>().is_ok())
        })
}

/// Whether the value of a drill instance's tag names a source of this policy.
fn is_own(source: &str) -> bool {
    let source = source.split_once('/');
    source.is_some_and(|(region, name)| {
        super::HOME.iter().any(|home| home.as_str() == region) && name.starts_with("shop-")
    })
}

/// The name of the copy that a drill instance was made from.
fn copy_name(source: &str, instance: &str) -> Option<String> {
    let (region, name) = source.split_once('/')?;
    let date = instance.strip_prefix(&format!("drill-{name}-"))?;
    Some(format!("{}-{region}-{date}", name.replace('.', "_2E_")))
}

fn is_snapshot_change(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CopySnapshot | Operation::DeleteInstanceSnapshot | Operation::DeleteDiskSnapshot
    )
}
