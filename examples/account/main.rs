//! Checks in your own account how Lightsail behaves where nobody has published it:
//! `cargo run --example account -- --from us-west-2 --to us-east-1`.
//!
//! Asks an emulator first, and prints what it would create, what that costs, and which facts it settles.
//! With `--yes` it asks Lightsail, prints each answer beside the emulator's, writes all answers to a
//! file, and removes what it made. It also does that after an error, a panic or an interruption. What a
//! killed run left behind, the next one removes first.
//!
//! - `facts`: how each fact is asked.
//! - `calls`: sends the calls and keeps the answers.
//! - `leftovers`: removes what was made.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::FutureExt;
use lightsail_emulator::{Emulator, RegionAccess, World};
use lightsail_snapshot_copier::{Region, sdk_config};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use calls::{Call, Check, PREFIX, TAG};

mod calls;
mod facts;
mod leftovers;
#[cfg(test)]
mod tests;

type Error = Box<dyn std::error::Error>;

const USAGE: &str = "\
usage: cargo run --example account -- --from REGION --to ANOTHER-REGION [option]...
  --instance  also create two of the smallest instances
  --limit     also start 25 copies at once; until they end, other copies to that Region may be refused
  --yes       do it; without it, only say what would be done
  --remove    only remove what an earlier run left behind
Credentials are those of the environment or the container, as in CloudShell. With a profile:
  eval \"$(aws configure export-credentials --format env)\"";

const REPORT: &str = "account-answers.json";

/// Lists name everything in the account, and bundles fill pages.
const NOT_WRITTEN: [&str; 5] = [
    "GetInstances",
    "GetDisks",
    "GetInstanceSnapshots",
    "GetDiskSnapshots",
    "GetBundles",
];

/// At most, in cents a month, at the prices of the USA: 8 GB of disk, or 20 GB of the smallest instance.
const CENTS_A_MONTH: [(&str, f64); 7] = [
    ("CreateDisk", 80.0),
    ("CreateDiskFromSnapshot", 80.0),
    ("CreateDiskSnapshot", 40.0),
    ("CopySnapshot", 100.0),
    ("CreateInstances", 500.0),
    ("CreateInstancesFromSnapshot", 500.0),
    ("CreateInstanceSnapshot", 100.0),
];

#[derive(Debug, Clone, Default)]
struct Options {
    from: Option<Region>,
    to: Option<Region>,
    instance: bool,
    limit: bool,
    yes: bool,
    remove: bool,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Error> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut region = || arguments.next().unwrap_or_default().parse::<Region>();
            match &*argument {
                "--from" => options.from = Some(region()?),
                "--to" => options.to = Some(region()?),
                "--instance" => options.instance = true,
                "--limit" => options.limit = true,
                "--yes" => options.yes = true,
                "--remove" => options.remove = true,
                _ => return Err(format!("unknown argument {argument:?}").into()),
            }
        }
        match options.from.zip(options.to) {
            Some((from, to)) if from != to => Ok(options),
            _ => Err("--from and --to must be two different Regions".into()),
        }
    }

    fn regions(&self) -> (Region, Region) {
        self.from.zip(self.to).expect("they were checked")
    }
}

fn main() -> ExitCode {
    let options = Options::read(std::env::args().skip(1));
    let Ok(options) = options.inspect_err(|error| eprintln!("{error}\n{USAGE}")) else {
        return ExitCode::from(2);
    };
    match carry_out(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(options: &Options) -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (from, to) = options.regions();
    let check = runtime.block_on(async { Check::new((&sdk_config().await).into(), from, to) });
    if options.remove {
        let removed = runtime.block_on(leftovers::remove(&check, Duration::ZERO))?;
        println!("removed {removed} leftovers");
        return Ok(());
    }
    println!("The facts, and what the emulator answers:");
    let emulated = emulated(options)?;
    print_plan(&emulated);
    if !options.yes {
        println!("Nothing was done. --yes does it.");
        return Ok(());
    }
    println!("What Lightsail answers:");
    let ended = runtime.block_on(run(&check, options, interrupted()));
    println!("\n{}", comparison(&check, &emulated));
    std::fs::write(REPORT, report(&check, &emulated))?;
    println!("All answers are in {REPORT}. Read it before you send it to anybody.");
    ended
}

/// Asks all facts until `stop`, and removes what was made, before and after.
async fn run(
    check: &Check,
    options: &Options,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let removed = leftovers::remove(check, Duration::ZERO).await?;
    println!("  (removed {removed} leftovers of earlier runs)");
    let asked = AssertUnwindSafe(facts::ask(check, options)).catch_unwind();
    let ended = tokio::select! {
        asked = asked => asked.unwrap_or_else(|_| Err("the check panicked".into())),
        () = stop => Err("interrupted".into()),
    };
    println!("  (removing what was made, which takes some minutes)");
    let removed = leftovers::remove(check, leftovers::QUIET).await;
    let removed =
        removed.map_err(|error| format!("run it again with --remove, because {error}"))?;
    println!("  (removed {removed} things, nothing is left)");
    ended
}

/// Ends at Ctrl-C, or with the terminal or the machine.
async fn interrupted() {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let mut signals = kinds.map(|kind| signal(kind).expect("signals can be listened to"));
    let signals = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(signals).await;
}

/// The same check of an emulator, in virtual time.
fn emulated(options: &Options) -> Result<Check, Error> {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build()?;
    runtime.block_on(async {
        let config = test_support::in_process::config(&emulator(World::default()));
        let (from, to) = options.regions();
        let check = Check::new(config, from, to);
        facts::ask(&check, options).await?;
        Ok(check)
    })
}

/// An emulator in tokio's time, of an account that has not enabled one of the Regions.
fn emulator(mut world: World) -> Emulator {
    let closed = world
        .regions
        .entry(lightsail_emulator::Region::ApEast1)
        .or_default();
    closed.access = Some(RegionAccess::NotEnabled);
    world.copy_time = jiff::SignedDuration::from_secs(10);
    let (started, at) = (Instant::now(), jiff::Timestamp::now());
    Emulator::with_clock(world, move || at + started.elapsed())
}

/// Prints what the emulator was asked to make, which Lightsail will be asked too.
fn print_plan(emulated: &Check) {
    let prices = BTreeMap::from(CENTS_A_MONTH);
    let mut made = BTreeMap::<_, u32>::new();
    let calls = emulated.log.since(0);
    for call in calls.iter().filter(|call| call.is_accepted()) {
        if prices.contains_key(&*call.operation) {
            *made.entry((&*call.operation, &*call.region)).or_default() += 1;
        }
    }
    println!("\nIt creates, under names that start with {PREFIX}, tagged {TAG}:");
    let mut cents_a_month = 0.0;
    for ((operation, region), count) in made {
        println!("  {count:>2} x {operation} in {region}");
        cents_a_month += prices[operation] * f64::from(count);
    }
    let cents = (cents_a_month / 730.0).ceil();
    println!(
        "At the prices of the USA, that costs at most {cents} cents for each hour until it is removed.\n"
    );
}

/// Each fact as Lightsail and as the emulator shows it.
fn facts(check: &Check, emulated: &Check) -> Vec<Value> {
    let twins = emulated.facts();
    let facts = check.facts().into_iter().map(|fact| {
        let twin = twins.iter().find(|twin| twin.name == fact.name);
        let emulator = twin.map(|twin| &twin.answer);
        json!({ "fact": fact.name, "option": fact.option, "lightsail": fact.answer, "emulator": emulator })
    });
    facts.collect()
}

fn comparison(check: &Check, emulated: &Check) -> String {
    let facts = facts(check, emulated).into_iter().map(|fact| {
        let text = |member: &str| fact[member].as_str().unwrap_or("-").to_owned();
        let (name, option) = (text("fact"), text("option"));
        let (service, emulator) = (text("lightsail"), text("emulator"));
        match service == emulator {
            true => format!("= {name} [{option}]\n    both:      {service}\n"),
            false => {
                format!(
                    "! {name} [{option}]\n    Lightsail: {service}\n    emulator:  {emulator}\n"
                )
            }
        }
    });
    facts.collect()
}

/// All facts and answers, as JSON that does not identify the account.
fn report(check: &Check, emulated: &Check) -> String {
    let mut calls: Vec<Call> = check.log.since(0);
    calls.retain(|call| !NOT_WRITTEN.contains(&&*call.operation));
    // Look-ups that wait for something.
    calls.dedup();
    let calls: Vec<_> = calls
        .iter()
        .map(|call| check.masked(&json!(call)))
        .collect();
    let report = json!({ "facts": facts(check, emulated), "calls": calls });
    format!("{report:#}\n")
}

/// The keys of the tags of a resource.
fn tag_keys(item: &Value) -> Vec<&str> {
    let tags = item["tags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| tag["key"].as_str()).collect()
}
