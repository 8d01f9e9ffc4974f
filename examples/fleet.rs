//! How a policy's run grows with the fleet: `cargo run --release --example fleet -- [SOURCES …]`.
//!
//! For each size, sources in five Regions are copied to three destinations by the function's own
//! binary under the local Lambda, against the emulator, which takes 50 ms for each answer. Three
//! runs: the first, one with a day's new recovery points, one with nothing to do. Each is set
//! against its bound: the time that the answers alone take, at most eight at once in a Region.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use lightsail_emulator::world::Source;
use lightsail_emulator::{
    ACCESS_KEY_ID, AutoSnapshotStatus, Call, Emulator, Fault, Operation, Region, SECRET_ACCESS_KEY,
    World,
};
use local_lambda::{Ending, LocalFunction, Settings};
use serde_json::{Value, json};

type Error = Box<dyn std::error::Error>;

const ANSWER: Duration = Duration::from_millis(50);
const AT_ONCE: usize = 8;
const LAMBDAS_LONGEST: Duration = Duration::from_secs(900);
const HOMES: [Region; 5] = [
    Region::UsWest2,
    Region::EuCentral1,
    Region::ApSouth1,
    Region::CaCentral1,
    Region::SaEast1,
];
const DESTINATIONS: [Region; 3] = [Region::UsEast1, Region::EuWest1, Region::ApNortheast1];

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut sizes: Vec<usize> = Vec::new();
    for size in std::env::args().skip(1) {
        sizes.push(
            size.parse()
                .map_err(|_| format!("{size} is not a number of sources"))?,
        );
    }
    if sizes.is_empty() {
        sizes = vec![100, 1000];
    }
    let binary = build()?;
    println!("| sources | run | calls | time | bound | time / bound | peak memory |");
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    for size in sizes {
        measure(&binary, size).await?;
    }
    Ok(())
}

fn build() -> Result<PathBuf, Error> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--release", "--bin", "lightsail-snapshot-copier"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(std::process::Stdio::inherit())
        .output()?;
    let messages = String::from_utf8(built.stdout)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "the function was not built".into())
}

async fn measure(binary: &PathBuf, size: usize) -> Result<(), Error> {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let yesterday = today.checked_sub(1.day())?;
    let emulator = Emulator::new(World {
        copy_limit: usize::MAX,
        copy_time: jiff::SignedDuration::ZERO,
        ..World::default()
    });
    let name = |index: usize| format!("server-{index:05}");
    for index in 0..size {
        let source =
            Source::named(&name(index)).with_auto_snapshot(yesterday, AutoSnapshotStatus::Success);
        emulator.add_instance(HOMES[index % HOMES.len()], &source)?;
    }
    emulator.on_call(|_: &Call| Fault::None.after(ANSWER));
    let running = emulator.clone().start().await?;
    let policy = json!({
        "sources": HOMES.map(|region| json!({ "region": region.as_str() })),
        "destinations": DESTINATIONS.map(Region::as_str),
        "maxCopiesInProgress": 1_000_000,
    });
    let settings = Settings::default()
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &running.url())
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .variable("COPY_POLICY", &policy.to_string());
    let mut function = LocalFunction::spawn(binary, settings).await?;
    for run in ["first", "a new day", "nothing new"] {
        if run == "a new day" {
            for index in 0..size {
                let home = HOMES[index % HOMES.len()];
                emulator.add_auto_snapshot(
                    home,
                    &name(index),
                    today,
                    AutoSnapshotStatus::Success,
                )?;
            }
        }
        emulator.take_calls();
        let started = std::time::Instant::now();
        let invocation = function.invoke("{}", LAMBDAS_LONGEST).await;
        let time = started.elapsed();
        let calls = emulator.take_calls();
        match &invocation.ending {
            Ending::Answer(answer) if answer["summary"]["deferred"] == 0 => {}
            other => return Err(format!("the run did not go through: {other:?}").into()),
        }
        let bound = bound(&calls);
        println!(
            "| {size} | {run} | {} | {:.2} s | {:.2} s | {:.2} | {:.1} MB |",
            calls.len(),
            time.as_secs_f64(),
            bound.as_secs_f64(),
            time.as_secs_f64() / bound.as_secs_f64(),
            function.process_id().map_or(0.0, peak_memory_mb),
        );
    }
    Ok(())
}

/// The time that these calls' answers take at the least: pages of a list come one after the
/// other, what does not depend on each other comes eight at once in a Region, and the slowest
/// Region counts. First the lists, then the automatic snapshots, then copies, then tags.
fn bound(calls: &[Call]) -> Duration {
    let count = |region: Region, operation: Operation| {
        calls
            .iter()
            .filter(|call| call.region == region && call.operation == operation)
            .count()
    };
    let at_once = |operation| {
        let of_region = |region: &Region| count(*region, operation).div_ceil(AT_ONCE);
        Region::ALL.iter().map(of_region).max().unwrap_or(0)
    };
    let lists = |region: &Region| {
        let of_resources =
            count(*region, Operation::GetInstances).max(count(*region, Operation::GetDisks));
        let of_snapshots = count(*region, Operation::GetInstanceSnapshots)
            + count(*region, Operation::GetDiskSnapshots);
        of_resources.max(of_snapshots)
    };
    let answers = Region::ALL.iter().map(lists).max().unwrap_or(0)
        + at_once(Operation::GetAutoSnapshots)
        + at_once(Operation::CopySnapshot)
        + at_once(Operation::TagResource);
    ANSWER * u32::try_from(answers).unwrap_or(u32::MAX)
}

/// The most memory that a process has had in use, where the system tells it as Linux does.
fn peak_memory_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}
