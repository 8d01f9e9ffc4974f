//! Runs of the real binary, as Lambda starts it, with the emulator on a port.

use lightsail_emulator::{Call, Fault, Operation, Region, World};
use local_lambda::Ending;
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, TIMEOUT};

use crate::BINARY;
use crate::metrics::{ALL, checked};
use test_support::in_process::stay_within_a_day;

const POLICY: &str = r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"],
    "retention": { "keepLast": 1 } }"#;

/// Two sources, and one that has no automatic snapshots; a copy takes no time.
const WORLD: &str = r#"{ "copySeconds": 0, "regions": { "us-west-2": {
    "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] }, { "name": "off" } ],
    "disks": [ { "name": "data", "autoSnapshots": [ { "date": "today" } ] } ] } } }"#;

/// The function and an emulator with these sources.
async fn deployed(world: &str, policy: Option<&str>) -> Deployed {
    stay_within_a_day();
    let variables: Vec<_> = policy
        .map(|json| ("COPY_POLICY", json))
        .into_iter()
        .collect();
    Deployed::with(BINARY, World::from_json(world).unwrap(), &variables).await
}

/// Invokes the function: the ending, and the log lines as JSON.
async fn run(deployed: &mut Deployed, payload: &str) -> (Ending, Vec<Value>) {
    let invocation = deployed.function.invoke(payload.to_owned(), TIMEOUT).await;
    let lines = invocation.lines();
    (invocation.ending, lines)
}

#[track_caller]
fn answer(ending: Ending) -> Value {
    match ending {
        Ending::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// The metric records among the log lines.
fn records(lines: &[Value]) -> Vec<&Value> {
    lines
        .iter()
        .filter(|line| line["_aws"] != Value::Null)
        .collect()
}

#[tokio::test]
async fn a_schedule_runs_the_policy_of_the_environment() {
    let mut deployed = deployed(WORLD, Some(POLICY)).await;
    let (ending, lines) = run(
        &mut deployed,
        include_str!("../../events/schedule-scheduler.json"),
    )
    .await;
    let first = answer(ending);
    assert_eq!(first["summary"]["started"], 4);
    assert_eq!(first["coverage"].as_array().unwrap().len(), 6);
    let events = lines.iter().map(|line| line["fields"]["event"].as_str());
    let count = |event| events.clone().filter(|e| *e == Some(event)).count();
    assert_eq!(count("copy_result"), 4);
    assert_eq!(count("coverage"), 6);
    assert_eq!(count("invocation"), 1);
    for line in lines
        .iter()
        .filter(|line| line["fields"]["event"] == "coverage")
    {
        let off = line["fields"]["sourceResourceName"] == "off";
        assert_eq!(line["level"], if off { "WARN" } else { "INFO" });
    }

    deployed.emulator.take_calls();
    let (ending, lines) = run(&mut deployed, "{}").await;
    assert_eq!(answer(ending)["summary"]["exists"], 4);
    let operation = |call: &Call| call.operation.as_str();
    let calls = deployed.emulator.take_calls();
    let changes = calls
        .iter()
        .map(operation)
        .filter(|o| !o.starts_with("Get"));
    assert_eq!(changes.count(), 0);
    // Only the source without a copy of today is asked.
    let asked: Vec<&Call> = calls
        .iter()
        .filter(|call| call.operation == Operation::GetAutoSnapshots)
        .collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].body, json!({ "resourceName": "off" }));

    let records = records(&lines);
    let [record] = records[..] else {
        panic!("{records:#?}")
    };
    let metrics = checked(record);
    assert!(metrics.keys().map(String::as_str).eq(ALL));
    assert_eq!(record["FunctionName"], "local");
    assert_eq!(metrics["Runs"], 1.0);
    assert_eq!(metrics["SourcesUnprotected"], 1.0);
    assert_eq!(metrics["CopiesStarted"], 0.0);
    assert!(metrics["RecoveryPointAgeHours"] < 24.0);
}

#[tokio::test]
async fn a_policy_in_an_event_writes_no_metrics() {
    let mut deployed = deployed(WORLD, Some(POLICY)).await;
    let event = format!(r#"{{ "policy": {POLICY} }}"#);
    let (ending, lines) = run(&mut deployed, &event).await;
    assert_eq!(answer(ending)["summary"]["started"], 4);
    assert_eq!(records(&lines).len(), 0);
}

#[tokio::test]
async fn throttling_is_counted() {
    let mut deployed = deployed(WORLD, Some(POLICY)).await;
    deployed
        .emulator
        .fault_next_in(Region::UsWest2, Operation::GetDisks, 2, Fault::throttled());
    let (ending, lines) = run(&mut deployed, "{}").await;
    assert_eq!(answer(ending)["summary"]["started"], 4);
    let throttles = records(&lines)
        .into_iter()
        .filter_map(|record| record["ApiThrottles"].as_u64());
    assert_eq!(throttles.collect::<Vec<_>>(), [2]);
    // The next run's are its own.
    let (_, lines) = run(&mut deployed, "{}").await;
    let throttles = records(&lines)
        .into_iter()
        .filter_map(|record| record["ApiThrottles"].as_u64());
    assert_eq!(throttles.collect::<Vec<_>>(), [0]);
}

#[tokio::test]
async fn a_policy_that_selects_nothing_has_metrics() {
    let policy = r#"{ "sources": [ { "region": "us-west-2", "names": ["nobody"] } ], "destinations": ["us-east-1"] }"#;
    let mut deployed = deployed(WORLD, Some(policy)).await;
    let (ending, lines) = run(&mut deployed, "{}").await;
    assert_eq!(answer(ending)["coverage"], serde_json::json!([]));
    let records = records(&lines);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["SourcesStale"], 0);
    assert_eq!(records[0]["RulesSelectingNothing"], 1);
}

#[tokio::test]
async fn a_dry_run_writes_no_metrics() {
    let mut deployed = deployed(WORLD, Some(POLICY)).await;
    let (ending, lines) = run(&mut deployed, r#"{ "dryRun": true }"#).await;
    assert_eq!(answer(ending)["summary"]["planned"], 4);
    assert_eq!(records(&lines).len(), 0);
    assert!(deployed.emulator.snapshots(Region::UsEast1).is_empty());
}

#[tokio::test]
async fn a_region_that_cannot_be_read_is_a_function_error() {
    let mut deployed = deployed(WORLD, Some(POLICY)).await;
    let denied = Fault::error(
        lightsail_emulator::StatusCode::FORBIDDEN,
        "AccessDeniedException",
        "no",
    );
    deployed
        .emulator
        .fault_next_in(Region::UsWest2, Operation::GetDisks, 1, denied);
    let (ending, lines) = run(&mut deployed, "{}").await;
    assert_eq!(
        ending,
        Ending::Error {
            error_type: "CopyFailed".to_owned(),
            error_message: "us-west-2 could not be read: GetDisks: AccessDeniedException: no"
                .to_owned(),
        }
    );
    // Instances were copied all the same, and the metrics say so.
    assert_eq!(deployed.emulator.snapshots(Region::UsEast1).len(), 1);
    assert_eq!(records(&lines).len(), 1);
}

#[tokio::test]
async fn a_policy_with_mistakes_is_told_at_the_start_and_by_each_run() {
    let mut deployed = deployed(WORLD, Some(r#"{ "sources": [] }"#)).await;
    let mistakes = "sources: empty: at least one is needed\ndestinations: required";
    let (ending, _) = run(&mut deployed, "{}").await;
    assert_eq!(
        ending,
        Ending::Error {
            error_type: "InvalidPolicy".to_owned(),
            error_message: mistakes.to_owned(),
        }
    );
    let payload = format!(r#"{{ "policy": {POLICY} }}"#);
    let (ending, _) = run(&mut deployed, &payload).await;
    assert_eq!(answer(ending)["summary"]["started"], 4);
}

#[tokio::test]
async fn drills_write_two_more_metrics() {
    // It never ran, and its time is over.
    let world = r#"{ "copySeconds": 0, "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": { "instances": [ { "name": "drill-web-2026-11-22", "state": "stopped",
            "createdAt": "2026-11-22T06:00:00Z", "tags": {
                "snapshot-copier:drill": "us-west-2/web",
                "snapshot-copier:drill-expires": "2026-11-22T10:00:00Z" } } ] } } }"#;
    let policy = r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"],
        "drills": { "names": ["web"] } }"#;
    let mut deployed = deployed(world, Some(policy)).await;
    let (ending, lines) = run(&mut deployed, "{}").await;
    match ending {
        Ending::Error { error_type, .. } => assert_eq!(error_type, "DrillFailed"),
        other => panic!("{other:?}"),
    }
    let records = records(&lines);
    let [record] = records[..] else {
        panic!("{records:#?}")
    };
    let metrics = checked(record);
    assert_eq!(metrics["DrillsFailed"], 1.0);
    assert_eq!(metrics["DrillInstances"], 1.0);
    // The copies are as they should be.
    assert_eq!(metrics["Failures"], 0.0);
    assert_eq!(metrics["CopiesStarted"], 1.0);
}
