//! A week of nightly policy runs: each makes new copies, retention deletes old ones, and drills
//! restore two copies.
//!
//! The function uses the real clock, so the days are the last seven. Before each run, the emulator
//! gets the automatic snapshots of that night.

use std::net::TcpListener;
use std::path::Path;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use lightsail_emulator::world::{RegionWorld, Source};
use lightsail_emulator::{AutoSnapshotStatus, Emulator, InstanceState, Region, World};
use local_lambda::{Ending, Invocation};
use serde_json::{Value, json};

use crate::{Error, TIMEOUT, machine, show};

const SOURCE: Region = Region::UsWest2;
const DESTINATION: Region = Region::EuWest1;
const DAYS: i32 = 7;
const KEPT: usize = 5;

/// Instances with this address accept connections, those with the other one do not.
const ANSWERING: &str = "127.0.0.1";
const SILENT: &str = "127.0.0.2";

/// The server whose copies do not work.
const BROKEN: &str = "WordPress-2";

pub async fn run(binary: &Path) -> Result<(), Error> {
    let server = TcpListener::bind((ANSWERING, 0))?;
    let policy = json!({
        "sources": [{ "region": SOURCE, "tags": { "backup": "dr" } }],
        "destinations": [DESTINATION],
        "retention": { "keepLast": KEPT },
        // The first of these days is a week ago.
        "maxRecoveryPointAgeHours": 240,
        "drills": {
            "names": ["WordPress-*"],
            "atOnce": 2,
            "checks": [{ "port": server.local_addr()?.port() }],
        },
    });
    show::heading("A week of nightly runs of a policy");
    show::print_json(&policy);
    say!(
        "\n  Forgotten-1 has automatic snapshots switched off. Copies of {BROKEN} start and do not answer.\n  \
         Each night: what the run did, and for each source its coverage and the dates of its copies."
    );

    let (mut function, lightsail) =
        machine::start(binary, world(), Some(&policy.to_string())).await?;
    let emulator = &lightsail.emulator;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let mut verdicts = Vec::new();
    for days_ago in (0..DAYS).rev() {
        let night = today.checked_sub(days_ago.days())?;
        for source in ["WordPress-1", BROKEN, "Data-1"] {
            emulator.add_auto_snapshot(SOURCE, source, night, AutoSnapshotStatus::Success)?;
        }
        let run = function.invoke("{}", TIMEOUT).await;
        let lines = log_lines(&run, night)?;
        machine::wait_for_copies(emulator).await;
        print_day(night, &lines, emulator);
        for drill in of_event(&lines, "drill_result") {
            if let Some(verdict @ ("passed" | "failed")) = drill["outcome"].as_str() {
                verdicts.push(format!("{} {verdict}", text(drill, "sourceResourceName")));
            }
        }
        until_next_night(emulator).await?;
    }
    let kept = show::copies_in(emulator, DESTINATION).len();
    // The next night's run deletes the oldest copies, so each source still has one more.
    if kept != 3 * (KEPT + 1) {
        return Err(format!("after a week there are {kept} copies").into());
    }
    if verdicts != ["WordPress-1 passed", "WordPress-2 failed"] {
        return Err(format!("the drills ended as {verdicts:?}").into());
    }
    match emulator.instances(DESTINATION).as_slice() {
        [] => Ok(()),
        left => Err(format!("the drills left {left:?}").into()),
    }
}

fn world() -> World {
    let source = |name| Source {
        auto_snapshots: Some(Vec::new()),
        ..Source::named(name).with_tag("backup", "dr")
    };
    let region = RegionWorld {
        instances: vec![
            source("WordPress-1"),
            source(BROKEN),
            Source::named("Forgotten-1").with_tag("backup", "dr"),
        ],
        disks: vec![source("Data-1")],
        ..RegionWorld::default()
    };
    World {
        copy_time: SignedDuration::from_millis(50),
        start_time: SignedDuration::ZERO,
        deletion_time: SignedDuration::ZERO,
        new_public_ip_address: ANSWERING.to_owned(),
        regions: [(SOURCE, region)].into(),
        ..World::default()
    }
}

/// The fields of a run's log lines. Only a failed drill may make a run fail.
fn log_lines(run: &Invocation, night: Date) -> Result<Vec<Value>, Error> {
    match &run.ending {
        Ending::Answer(_) => {}
        Ending::Error { error_type, .. } if error_type == "DrillFailed" => {}
        other => return Err(format!("the run of {night} ended with {other:?}").into()),
    }
    let lines = run.log.iter();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.map(|mut line| line["fields"].take()).collect())
}

fn of_event<'a>(lines: &'a [Value], event: &'static str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["event"] == event)
}

fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

fn print_day(night: Date, lines: &[Value], emulator: &Emulator) {
    let count = |event, outcome| {
        let results = of_event(lines, event);
        results.filter(|line| line["outcome"] == outcome).count()
    };
    say!(
        "\n  {night}  started {}, deleted {}",
        count("copy_result", "started"),
        count("delete_result", "deleted")
    );
    let copies = show::copies_in(emulator, DESTINATION);
    for coverage in of_event(lines, "coverage") {
        let name = text(coverage, "sourceResourceName");
        let mut notes: Vec<_> = copies
            .iter()
            .filter(|copy| copy.from.name.as_deref() == Some(name))
            .filter_map(|copy| copy.name.get(copy.name.len().checked_sub(5)?..))
            .collect();
        notes.extend(coverage["reason"].as_str());
        say!(
            "    {name:<12} {:<12} {}",
            text(coverage, "status"),
            notes.join("  "),
        );
    }
    for drill in of_event(lines, "drill_result") {
        let result = format!(
            "{} {} {}",
            text(drill, "instanceName"),
            text(drill, "outcome"),
            text(drill, "errorMessage"),
        );
        say!("    {}", result.trim_end());
    }
}

/// Lets a day pass for the drill instances, whose checks go on for four hours.
async fn until_next_night(emulator: &Emulator) -> Result<(), Error> {
    for instance in emulator.instances(DESTINATION) {
        let is_running = instance.state == InstanceState::Running;
        if is_running && instance.name.contains(BROKEN) {
            emulator.set_public_ip_address(DESTINATION, &instance.name, SILENT)?;
        }
        let a_day_ago = Timestamp::now() - 24.hours();
        emulator.set_instance_created_at(DESTINATION, &instance.name, a_day_ago)?;
    }
    Ok(())
}
