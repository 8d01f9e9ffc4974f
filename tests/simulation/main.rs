//! A policy's runs through weeks of simulated time, with everything going wrong on the way.
//!
//! The function's own observe, plan and run, over the AWS SDK, talk to the emulator in process.
//! Time is virtual, every choice comes from one seed, so a seed that fails fails again. Throttling,
//! faults, lost and garbled answers, copies that end in `error`, limits, crashes between any two
//! calls, overlapping runs, Regions that are down for days, sources that come and go, automatic
//! snapshots that rotate out: all of it for some weeks. Then the faults stop, and two runs later
//! everything that the policy wants is there exactly once, nothing that retention keeps is gone,
//! and nothing of anybody else's was touched.
//!
//! `SIMULATION_SEEDS=5000 cargo test --test simulation` goes through more seeds,
//! `SIMULATION_SEED=42 cargo test --test simulation -- --nocapture` replays one and prints its steps.

mod clock;
mod copies;
mod fleet;
mod statistics;
mod weeks;

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds a plain `cargo test` goes through.
const SEEDS: u64 = 150;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
    )
}

#[test]
fn no_backup_is_lost_whatever_goes_wrong() {
    if let Some(seed) = number("SIMULATION_SEED") {
        if let Err(problem) = weeks::simulate(seed, true) {
            panic!("seed {seed}: {problem}");
        }
        return;
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let totals = std::sync::Mutex::new(statistics::Totals::default());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..std::thread::available_parallelism().map_or(1, usize::from))
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds {
                            return;
                        }
                        match weeks::simulate(seed, false) {
                            Ok(counts) => totals.lock().unwrap().add(&counts),
                            Err(problem) => {
                                next.store(seeds, Ordering::Relaxed);
                                panic!("seed {seed}: {problem}\nreplay: SIMULATION_SEED={seed} cargo test --test simulation -- --nocapture");
                            }
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let totals = totals.lock().unwrap();
    println!("{seeds} seeds: {totals:?}");
    // A simulation in which nothing happens proves nothing.
    for (what, count) in totals.named() {
        assert!(count > 0, "no {what} in {seeds} seeds");
    }
}

/// A tenth of the seeds, because each runs a fleet for nine days, many of them hour by hour.
#[test]
fn no_source_starves_and_no_gap_stays_hidden() {
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS) / 10;
    let only = number("SIMULATION_SEED");
    let mut totals = fleet::Counts::new();
    for seed in only.map_or(0..seeds, |seed| seed..seed + 1) {
        let counts = fleet::simulate(seed);
        let counts = counts.unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
        for (what, count) in counts {
            *totals.entry(what).or_default() += count;
        }
    }
    println!("{seeds} seeds of a fleet with bad sources: {totals:?}");
    if only.is_none() {
        assert_eq!(totals.len(), 12, "a situation did not occur: {totals:?}");
    }
}
