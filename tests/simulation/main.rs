//! A policy's runs through simulated time, with everything going wrong on the way.
//!
//! The function's own observe, plan and run, over the AWS SDK, talk to the emulator in process.
//! Time is virtual, every choice comes from one seed, so a seed that fails fails again.
//!
//! There are two scenarios:
//!
//! - `weeks`: throttling, faults, lost and garbled answers, copies that end in `error`, limits,
//!   crashes between any two calls, overlapping runs, Regions that are down for days, sources that
//!   come and go, automatic snapshots that rotate out. Then the faults stop, and two runs later
//!   everything that the policy wants is there exactly once, nothing that retention keeps is gone,
//!   and nothing of anybody else's was touched. Half of the seeds have restore drills, of instances
//!   that start, answer or never do. Then every source gets its verdict, and no drill instance
//!   remains.
//! - `fleet`: healthy sources beside bad ones, people who change and delete snapshots, another
//!   retention. No healthy source waits for a bad one, no gap stays hidden.
//!
//! `invariants` has what must hold in every run of both.
//!
//! `SIMULATION_SEEDS=5000 cargo test --test simulation` goes through more seeds,
//! `SIMULATION_SEED=42 cargo test --test simulation -- --nocapture` replays one and prints its steps.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod clock;
mod copies;
mod fleet;
mod invariants;
mod results;
mod statistics;
mod weeks;

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use statistics::Counts;

/// How many seeds a plain `cargo test` goes through: some 40 seconds on two processors.
const SEEDS: u64 = 20;

/// In so many seeds, every situation occurs.
const COMPLETE: u64 = 150;

/// Simulates one seed, and prints its steps if it is verbose.
type Scenario = fn(seed: u64, verbose: bool) -> Result<Counts, String>;

#[test]
fn no_backup_is_lost_whatever_goes_wrong() {
    run("weeks of faults", weeks::simulate, weeks::SITUATIONS, 1);
}

/// A tenth of the seeds, because each runs a fleet for twelve days, many of them hour by hour.
#[test]
fn no_source_starves_and_no_gap_stays_hidden() {
    run(
        "a fleet with bad sources",
        fleet::simulate,
        fleet::SITUATIONS,
        10,
    );
}

/// Simulates a scenario with the seeds that the environment asks for, divided by `share`.
fn run(name: &str, scenario: Scenario, situations: &[&'static str], share: u64) {
    if let Some(seed) = number("SIMULATION_SEED") {
        let counts = scenario(seed, true);
        let counts = counts.unwrap_or_else(|problem| panic!("seed {seed} of {name}: {problem}"));
        println!("seed {seed} of {name}:{counts}");
        return;
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let totals = totals(name, scenario, Counts::of(situations), seeds / share);
    println!("{} seeds of {name}:{totals}", seeds / share);
    // A simulation in which nothing happens proves nothing.
    let missing = totals.missing();
    assert!(
        seeds < COMPLETE || missing.is_empty(),
        "never in {name}: {missing:?}"
    );
}

/// Simulates all seeds, on all processors.
fn totals(name: &str, scenario: Scenario, none: Counts, seeds: u64) -> Counts {
    let next = AtomicU64::new(0);
    let totals = Mutex::new(none);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            match scenario(seed, false) {
                Ok(counts) => totals.lock().unwrap().merge(&counts),
                Err(problem) => {
                    next.store(seeds, Ordering::Relaxed);
                    panic!(
                        "seed {seed} of {name}: {problem}\nreplay: SIMULATION_SEED={seed} cargo test --test simulation -- --nocapture"
                    );
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    totals.into_inner().unwrap()
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
    )
}
