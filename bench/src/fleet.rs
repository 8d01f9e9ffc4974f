//! How the time and memory of a policy run grow with the number of sources.
//!
//! Sources in five Regions are copied to three destinations. There are three runs: the first one,
//! one with a day's new recovery points, and one with nothing to do. Each is compared with its
//! bound: the time of Lightsail's responses alone, with at most eight concurrent calls in a Region.

use std::time::Duration;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use lightsail_emulator::world::{InstanceSnapshot, Source};
use lightsail_emulator::{AutoSnapshotStatus, Call, Operation, Region};
use local_lambda::LocalFunction;
use serde_json::json;

use crate::lightsail::{self, ANSWER, AT_ONCE, Lightsail};
use crate::programs::Program;
use crate::{Error, answered, id, ms, process};

const LAMBDAS_LONGEST: Duration = Duration::from_secs(900);
const HOMES: [Region; 5] = [
    Region::UsWest2,
    Region::EuCentral1,
    Region::ApSouth1,
    Region::CaCentral1,
    Region::SaEast1,
];
const DESTINATIONS: [Region; 3] = [Region::UsEast1, Region::EuWest1, Region::ApNortheast1];

/// Three runs of a policy for each size of fleet.
pub async fn measure(function: &Program, sizes: &[usize]) -> Result<(), Error> {
    let answer = lightsail::answer_time().await;
    println!("\n## Fleets\n");
    println!(
        "A policy of five source Regions and three destinations, {} ms per response ({:.1} ms by the machine's timer), and at most {AT_ONCE} concurrent calls in a Region. The bound is the least time possible under these limits. Each size has its own process. The memory is the peak of the process so far.\n",
        ANSWER.as_millis(),
        ms(answer)
    );
    println!(
        "| sources | run | calls | time | bound | time / bound | CPU per call | peak memory |"
    );
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    idle(function, sizes, answer).await?;
    for size in sizes {
        runs(function, *size, answer).await?;
    }
    Ok(())
}

/// A first run, one with new recovery points, and one with nothing to do.
async fn runs(function: &Program, size: usize, answer: Duration) -> Result<(), Error> {
    let lightsail = fleet(size).await?;
    let mut process = start(function, &lightsail).await?;
    for run in ["first", "a new day", "nothing new"] {
        if run == "a new day" {
            for index in 0..size {
                let snapshots = AutoSnapshotStatus::Success;
                lightsail.emulator.add_auto_snapshot(
                    home(index),
                    &name(index),
                    today(),
                    snapshots,
                )?;
            }
        }
        measure_run(&mut process, &lightsail, size, run, answer).await?;
    }
    Ok(())
}

/// The most frequent run, in a new process: each source already has the copies of two days.
async fn idle(function: &Program, sizes: &[usize], answer: Duration) -> Result<(), Error> {
    for size in sizes {
        let lightsail = fleet(*size).await?;
        for index in 0..*size {
            for date in [today().checked_sub(1.day())?, today()] {
                let copy = InstanceSnapshot {
                    name: format!("{}-{}-{date}", name(index), home(index)),
                    from_instance_name: Some(name(index)),
                    tags: [
                        (
                            "snapshot-copier:source",
                            format!("{}/{}", home(index), name(index)),
                        ),
                        ("snapshot-copier:recovery-point", date.to_string()),
                    ]
                    .map(|(key, value)| (key.to_owned(), value))
                    .into(),
                    ..InstanceSnapshot::default()
                };
                for destination in DESTINATIONS {
                    lightsail
                        .emulator
                        .add_instance_snapshot(destination, &copy)?;
                }
            }
        }
        let mut process = start(function, &lightsail).await?;
        measure_run(
            &mut process,
            &lightsail,
            *size,
            "nothing new, fresh process",
            answer,
        )
        .await?;
    }
    Ok(())
}

/// An emulator with this many sources, each with yesterday's recovery point.
async fn fleet(size: usize) -> Result<Lightsail, Error> {
    let lightsail = Lightsail::start().await?;
    let yesterday = today().checked_sub(1.day())?;
    for index in 0..size {
        let source =
            Source::named(&name(index)).with_auto_snapshot(yesterday, AutoSnapshotStatus::Success);
        lightsail.emulator.add_instance(home(index), &source)?;
    }
    lightsail.answer_late();
    Ok(lightsail)
}

async fn start(function: &Program, lightsail: &Lightsail) -> Result<LocalFunction, Error> {
    let policy = json!({
        "sources": HOMES.map(|region| json!({ "region": region.as_str() })),
        "destinations": DESTINATIONS.map(Region::as_str),
        "maxCopiesInProgress": 1_000_000,
    });
    let settings = function
        .settings(lightsail.settings())
        .variable("COPY_POLICY", &policy.to_string());
    Ok(LocalFunction::spawn(&function.path, settings).await?)
}

async fn measure_run(
    function: &mut LocalFunction,
    lightsail: &Lightsail,
    size: usize,
    run: &str,
    answer: Duration,
) -> Result<(), Error> {
    let process = id(function)?;
    lightsail.emulator.take_calls();
    let before = process::processor_time(process)?;
    let invocation = function.invoke("{}", LAMBDAS_LONGEST).await;
    let used = process::processor_time(process)?.saturating_sub(before);
    let calls = lightsail.emulator.take_calls();
    let summary = &answered(&invocation)?["summary"];
    if summary["deferred"] != 0 {
        return Err(format!("the run deferred copies: {summary}").into());
    }
    let bound = bound(&calls, answer);
    println!(
        "| {size} | {run} | {} | {:.2} s | {:.2} s | {:.2} | {:.3} ms | {:.1} MB |",
        calls.len(),
        invocation.duration.as_secs_f64(),
        bound.as_secs_f64(),
        invocation.duration.as_secs_f64() / bound.as_secs_f64(),
        ms(used) / calls.len() as f64,
        process::peak_memory(process)?,
    );
    Ok(())
}

fn home(index: usize) -> Region {
    HOMES[index % HOMES.len()]
}

fn name(index: usize) -> String {
    format!("server-{index:05}")
}

fn today() -> jiff::civil::Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// The least time of the responses to these calls. Pages of a list are sequential, and independent
/// calls run eight at a time in a Region. The slowest Region counts. The phases are: lists,
/// automatic snapshots, copies, tags.
fn bound(calls: &[Call], answer: Duration) -> Duration {
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
    answer * u32::try_from(answers).unwrap_or(u32::MAX)
}
