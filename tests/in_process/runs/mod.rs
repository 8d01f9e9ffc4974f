//! Runs of a policy, from the payload to what is in Lightsail afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use lightsail_emulator::SnapshotState::{Available, Error, Pending};
use lightsail_emulator::{Call, Fault, Operation, Region, StatusCode};
use serde_json::{Value, json};
use test_support::in_process::{InProcess, Invocation, days_ago, row, seven_hours_ago};
use tokio::time::Instant;

mod copies;
mod coverage;
mod deletions;
mod drills;
mod reading;
mod tags;
mod time;

/// One instance and one disk in us-west-2; of the disk, there is no automatic snapshot of today yet.
const SHOP: &str = r#"{ "copySeconds": 60, "regions": { "us-west-2": {
    "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" }, { "date": "today-1" } ] } ],
    "disks": [ { "name": "data", "autoSnapshots": [ { "date": "today-1" } ] } ] } } }"#;

/// The emulator's automatic snapshots are made at 06:00. That of yesterday is up to 42 hours old.
const EVERYTHING: &str = r#"{ "sources": [ { "region": "us-west-2" } ],
    "destinations": ["us-east-1", "eu-west-1"], "maxRecoveryPointAgeHours": 42 }"#;

/// All of us-west-2 to us-east-1, with these members besides.
fn policy(members: &str) -> String {
    format!(
        r#"{{ "sources": [ {{ "region": "us-west-2" }} ], "destinations": ["us-east-1"] {members} }}"#
    )
}

/// The instances `web-001` and so on in us-west-2, each with an automatic snapshot of today.
fn fleet(size: usize, members: &str) -> String {
    let instance =
        |n| json!({ "name": format!("web-{n:03}"), "autoSnapshots": [ { "date": "today" } ] });
    let instances: Vec<Value> = (1..=size).map(instance).collect();
    format!(
        r#"{{ "copySeconds": 60, {members} "regions": {{ "us-west-2": {{ "instances": {} }} }} }}"#,
        json!(instances)
    )
}

/// A copy of `web` in us-west-2, as a world's JSON has it.
fn copy_of_web(date: &str) -> Value {
    json!({
        "name": format!("web-us-west-2-{date}"),
        "fromInstanceName": "web",
        "fromInstanceArn": "arn:aws:lightsail:us-west-2:123456789012:Instance/web",
        "isFromAutoSnapshot": true,
        "tags": {
            "snapshot-copier:source": "us-west-2/web",
            "snapshot-copier:recovery-point": date,
        },
    })
}

/// `web` with an automatic snapshot of today, and these snapshots in us-east-1.
fn web_with(snapshots: &[Value]) -> String {
    json!({ "copySeconds": 60, "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": { "instanceSnapshots": snapshots },
    } })
    .to_string()
}

/// The same without tags.
fn untagged_copy_of_web(date: &str) -> Value {
    let mut copy = copy_of_web(date);
    copy["tags"] = json!({});
    copy
}

/// The same in state error, and so old that it is made again.
fn errored_copy_of_web(date: &str) -> Value {
    let mut copy = copy_of_web(date);
    copy["state"] = json!("error");
    copy["createdAt"] = json!(seven_hours_ago());
    copy
}

/// The name of the copy of `web` of so many days ago.
fn name_of_web(days: i64) -> String {
    format!("web-us-west-2-{}", days_ago(days))
}

/// A function in front of `web_with`, whose policy has these members besides.
fn with_web(snapshots: &[Value], members: &str) -> InProcess {
    InProcess::new(&web_with(snapshots), Some(&policy(members)))
}

fn denied() -> Fault {
    Fault::error(
        StatusCode::FORBIDDEN,
        "AccessDeniedException",
        "You are not authorized to perform this operation.",
    )
}

/// Two source Regions, with one copy too many of each source in us-east-1.
fn two_regions() -> InProcess {
    let mut of_shop = [days_ago(0), days_ago(1)].map(|date| copy_of_web(&date));
    for copy in &mut of_shop {
        let date = copy["tags"]["snapshot-copier:recovery-point"].clone();
        let date = date.as_str().unwrap();
        *copy = json!({
            "name": format!("shop-eu-central-1-{date}"),
            "fromInstanceName": "shop",
            "tags": {
                "snapshot-copier:source": "eu-central-1/shop",
                "snapshot-copier:recovery-point": date,
            },
        });
    }
    let mut snapshots = of_shop.to_vec();
    snapshots.extend([days_ago(0), days_ago(1)].map(|date| copy_of_web(&date)));
    let world = json!({ "copySeconds": 60, "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
        "eu-central-1": { "instances": [ { "name": "shop", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": { "instanceSnapshots": snapshots } } })
    .to_string();
    InProcess::new(
        &world,
        Some(
            r#"{ "sources": [ { "region": "us-west-2", "types": ["Instance"] }, { "region": "eu-central-1", "types": ["Instance"] } ],
                 "destinations": ["us-east-1", "eu-west-1"], "retention": { "keepLast": 1 } }"#,
        ),
    )
}

const KEEP_ONE: &str = r#", "retention": { "keepLast": 1 }"#;

/// `web` with copies of today and the days before, of which retention keeps the newest.
fn with_copies(count: i64) -> InProcess {
    let copies: Vec<_> = (0..count)
        .map(|days| copy_of_web(&days_ago(days)))
        .collect();
    with_web(&copies, KEEP_ONE)
}
