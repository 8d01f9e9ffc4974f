//! A week of nightly policy runs: each makes new copies, and retention deletes old ones.
//!
//! The function uses the real clock, so the days are the last seven. Before each run, the emulator
//! gets the automatic snapshots of that night.

use std::path::Path;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use lightsail_emulator::world::{RegionWorld, Source};
use lightsail_emulator::{AutoSnapshotStatus, Emulator, Region, World};
use local_lambda::Ending;
use serde_json::{Value, json};

use crate::{Error, TIMEOUT, machine, show};

const SOURCE: Region = Region::UsWest2;
const DESTINATION: Region = Region::EuWest1;
const DAYS: i32 = 7;
const KEPT: usize = 3;

pub async fn run(binary: &Path) -> Result<(), Error> {
    let policy = json!({
        "sources": [{ "region": SOURCE, "tags": { "backup": "dr" } }],
        "destinations": [DESTINATION],
        "retention": { "keepLast": KEPT },
        // The first of these days is a week ago.
        "maxRecoveryPointAgeHours": 240,
    });
    show::heading("A week of nightly runs of a policy");
    println!("  {policy}\n");
    println!(
        "  WordPress-1 and Data-1 have automatic snapshots. Forgotten-1 has them switched off."
    );

    let (mut function, lightsail) =
        machine::start(binary, world(), Some(&policy.to_string())).await?;
    let emulator = &lightsail.emulator;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    for days_ago in (0..DAYS).rev() {
        let night = today.checked_sub(days_ago.days())?;
        for source in ["WordPress-1", "Data-1"] {
            emulator.add_auto_snapshot(SOURCE, source, night, AutoSnapshotStatus::Success)?;
        }
        let answer = match function.invoke("{}", TIMEOUT).await.ending {
            Ending::Answer(answer) => answer,
            other => return Err(format!("the run of {night} ended with {other:?}").into()),
        };
        machine::wait_for_copies(emulator).await;
        print_day(night, &answer, emulator);
    }
    let kept = show::copies_in(emulator, DESTINATION).len();
    // The next night's run deletes the oldest copies, so each source still has one more.
    if kept != 2 * (KEPT + 1) {
        return Err(format!("after a week there are {kept} copies").into());
    }
    Ok(())
}

fn world() -> World {
    let source = |name| Source {
        auto_snapshots: Some(Vec::new()),
        ..Source::named(name).with_tag("backup", "dr")
    };
    let region = RegionWorld {
        instances: vec![
            source("WordPress-1"),
            Source::named("Forgotten-1").with_tag("backup", "dr"),
        ],
        disks: vec![source("Data-1")],
        ..RegionWorld::default()
    };
    World {
        copy_time: SignedDuration::from_millis(50),
        regions: [(SOURCE, region)].into(),
        ..World::default()
    }
}

fn print_day(night: Date, answer: &Value, emulator: &Emulator) {
    let summary = &answer["summary"];
    println!(
        "\n  {night}  started {}, deleted {}",
        summary["started"], summary["deleted"]
    );
    for coverage in answer["coverage"].as_array().into_iter().flatten() {
        let name = coverage["sourceResourceName"].as_str().unwrap_or_default();
        let copies = show::copies_in(emulator, DESTINATION);
        let dates: Vec<_> = copies
            .iter()
            .filter(|copy| copy.from_name.as_deref() == Some(name))
            .filter_map(|copy| copy.name.get(copy.name.len().checked_sub(5)?..))
            .collect();
        let reason = coverage["reason"].as_str().unwrap_or_default();
        println!(
            "    {name:<12} {:<12} {}{reason}",
            coverage["status"].as_str().unwrap_or_default(),
            dates.join("  "),
        );
    }
}
