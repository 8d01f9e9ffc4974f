//! Policy runs from outside: calls, answers, log lines and metrics.

use std::time::Duration;

use lightsail_emulator::{Fault, Operation, Region, StatusCode, World};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, world, world_of_instant_copies};

use crate::BINARY;

/// All sources of us-west-2, into two Regions.
fn policy() -> Value {
    json!({ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"] })
}

async fn deployed(world: World, policy: &Value) -> Deployed {
    Deployed::with(BINARY, world, &[("COPY_POLICY", &policy.to_string())]).await
}

fn refused(code: &str) -> Fault {
    Fault::error(StatusCode::BAD_REQUEST, code, "No, and this is why.")
}

#[tokio::test]
async fn a_run_copies_the_latest_automatic_snapshot_of_each_source_and_tags_the_copies() {
    let mut deployed = deployed(world(), &policy()).await;
    let answer = deployed.answer(&json!({})).await;
    assert_eq!(answer["summary"]["started"], 6);
    for region in [Region::UsEast1, Region::EuWest1] {
        assert_eq!(
            deployed.names_in(region),
            [
                "Data-1-us-west-2-2019-09-25",
                "WordPress-1-us-west-2-2019-09-25",
                "shop_2E_example_2E_com-us-west-2-2019-09-25",
            ]
        );
        let copy = deployed
            .emulator
            .snapshot(region, "WordPress-1-us-west-2-2019-09-25")
            .unwrap();
        let tags: Vec<_> = copy
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            tags,
            [
                "snapshot-copier:ports=tcp:22 tcp:80 tcp:443",
                "snapshot-copier:recovery-point=2019-09-25",
                "snapshot-copier:source=us-west-2/WordPress-1"
            ]
        );
    }
    for call in deployed.calls_of(Operation::CopySnapshot) {
        assert_eq!(
            call.body["restoreDate"], "2019-09-25",
            "the call names the date"
        );
    }
}

#[tokio::test]
async fn a_second_run_makes_no_second_copy() {
    for (world, outcome) in [(world(), "pending"), (world_of_instant_copies(), "exists")] {
        let mut deployed = deployed(world, &policy()).await;
        deployed.answer(&json!({})).await;
        deployed.emulator.take_calls();
        let answer = deployed.answer(&json!({})).await;
        assert_eq!(answer["summary"][outcome], 6, "{answer:#}");
        for call in deployed.emulator.calls() {
            let name = format!("{:?}", call.operation);
            assert!(name.starts_with("Get"), "{name}");
        }
    }
}

#[tokio::test]
async fn every_selected_source_is_covered_in_the_answer_and_the_log() {
    let mut deployed = deployed(world_of_instant_copies(), &policy()).await;
    deployed.answer(&json!({})).await;
    let invocation = deployed.send(&json!({})).await;
    let answer = invocation.answer();
    let coverage = answer["coverage"].as_array().unwrap();
    // Four sources in two destinations. Their recovery points are from 2019, so they are stale.
    assert_eq!(coverage.len(), 8);
    for entry in coverage {
        match entry["sourceResourceName"].as_str().unwrap() {
            "Bare-1" => {
                assert_eq!(
                    (&entry["status"], &entry["newestRecoveryPoint"]),
                    (&json!("unprotected"), &Value::Null)
                );
                assert_eq!(entry["reason"], "automatic snapshots are off");
            }
            _ => {
                assert_eq!(
                    (&entry["status"], &entry["newestRecoveryPoint"]),
                    (&json!("stale"), &json!("2019-09-25"))
                );
                assert!(entry["recoveryPointAgeHours"].as_f64().unwrap() > 48.0);
            }
        }
    }
    let lines: Vec<_> = invocation
        .lines()
        .into_iter()
        .filter(|line| line["fields"]["event"] == "coverage")
        .collect();
    assert_eq!(lines.len(), 8);
    assert!(
        lines.iter().all(|line| line["level"] == "WARN"),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn copies_beyond_lightsails_limit_are_deferred_and_the_next_run_makes_them() {
    let mut deployed = deployed(world_of_instant_copies(), &policy()).await;
    let limit = "Too many snapshot copies in progress. The limit is 5 for this destination region.";
    deployed
        .emulator
        .on_call(move |call| match (call.region, call.operation) {
            (Region::UsEast1, Operation::CopySnapshot) => {
                Fault::error(StatusCode::BAD_REQUEST, "ResourceLimitExceeded", limit)
            }
            _ => Fault::None,
        });
    let invocation = deployed.send(&json!({})).await;
    let answer = invocation.answer();
    let summary = &answer["summary"];
    assert_eq!(
        (&summary["deferred"], &summary["started"]),
        (&json!(3), &json!(3))
    );
    let mut deferred = invocation.lines();
    deferred.retain(|line| line["fields"]["outcome"] == "deferred");
    assert_eq!(deferred.len(), 3);
    for line in deferred {
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["fields"]["errorCode"], "ResourceLimitExceeded");
        assert_eq!(line["fields"]["retryable"], true);
    }
    deployed.emulator.on_call(|_| Fault::None);
    let answer = deployed.answer(&json!({})).await;
    let summary = &answer["summary"];
    assert_eq!(
        (&summary["started"], &summary["exists"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 3);
}

#[tokio::test]
async fn copies_beyond_the_policys_limit_are_deferred() {
    let mut policy = policy();
    policy["maxCopiesInProgress"] = 2.into();
    let mut deployed = deployed(world(), &policy).await;
    let answer = deployed.answer(&json!({})).await;
    assert_eq!(
        (
            &answer["summary"]["started"],
            &answer["summary"]["deferred"]
        ),
        (&json!(4), &json!(2))
    );
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 2);
    assert_eq!(deployed.names_in(Region::EuWest1).len(), 2);
}

#[tokio::test]
async fn a_region_that_cannot_be_read_fails_the_run_after_everything_else_was_done() {
    let mut deployed = deployed(world(), &policy()).await;
    deployed.emulator.fault_next_in(
        Region::EuWest1,
        Operation::GetInstanceSnapshots,
        1,
        refused("AccessDeniedException"),
    );
    let invocation = deployed.send(&json!({})).await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    assert_eq!(
        message,
        "eu-west-1 could not be read: GetInstanceSnapshots: AccessDeniedException: No, and this is why."
    );
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 3);
}

#[tokio::test]
async fn a_dry_run_of_a_policy_changes_nothing() {
    let mut deployed = deployed(world(), &policy()).await;
    let invocation = deployed.send(&json!({ "dryRun": true })).await;
    let answer = invocation.answer();
    assert_eq!(
        (&answer["dryRun"], &answer["summary"]["planned"]),
        (&json!(true), &json!(6))
    );
    for call in deployed.emulator.calls() {
        let name = format!("{:?}", call.operation);
        assert!(name.starts_with("Get"), "{name}");
    }
}

#[tokio::test]
async fn retention_deletes_old_copies_and_never_the_newest() {
    let mut policy = policy();
    policy["destinations"] = json!(["us-east-1"]);
    policy["retention"] = json!({ "keepLast": 1 });
    let mut deployed = deployed(world_of_instant_copies(), &policy).await;
    deployed.answer(&json!({})).await;
    let date = jiff::civil::date(2019, 9, 27);
    deployed
        .emulator
        .add_auto_snapshot(Region::UsWest2, "WordPress-1", date, Default::default())
        .unwrap();
    deployed.answer(&json!({})).await;
    let invocation = deployed.send(&json!({})).await;
    let answer = invocation.answer();
    assert_eq!(answer["summary"]["deleted"], 1);
    assert_eq!(
        answer["deletions"],
        json!([ { "region": "us-east-1", "snapshotName": "WordPress-1-us-west-2-2019-09-25", "outcome": "deleted" } ])
    );
    let line = invocation.events("delete_result");
    assert_eq!(line.len(), 1);
    assert_eq!(
        (&line[0]["outcome"], &line[0]["operationType"]),
        (&json!("deleted"), &json!("DeleteInstanceSnapshot"))
    );
    assert_eq!(
        deployed.names_in(Region::UsEast1),
        [
            "Data-1-us-west-2-2019-09-25",
            "WordPress-1-us-west-2-2019-09-27",
            "shop_2E_example_2E_com-us-west-2-2019-09-25",
        ]
    );
}

#[tokio::test]
async fn a_run_without_any_response_ends_in_time() {
    let mut deployed = deployed(world(), &policy()).await;
    deployed.emulator.on_call(|_| Fault::Hang);
    let invocation = deployed.function.invoke("{}", Duration::from_secs(3)).await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(
        message
            .lines()
            .all(|line| line.contains("could not be read")),
        "{message}"
    );
}

#[tokio::test]
async fn copies_without_enough_time_are_deferred() {
    let mut deployed = deployed(world(), &policy()).await;
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 1000, Fault::Hang);
    let invocation = deployed.function.invoke("{}", Duration::from_secs(3)).await;
    assert_eq!(invocation.answer()["summary"]["deferred"], 6);
}

#[tokio::test]
async fn a_run_writes_its_metrics_in_cloudwatchs_embedded_format() {
    let mut deployed = deployed(world(), &policy()).await;
    let invocation = deployed.send(&json!({})).await;
    let records: Vec<_> = invocation
        .lines()
        .into_iter()
        .filter(|line| line.get("_aws").is_some())
        .collect();
    assert_eq!(records.len(), 1);
    for record in &records {
        assert!(record["_aws"]["Timestamp"].is_i64());
        let directive = &record["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "LightsailSnapshotCopier");
        // Each named metric and dimension is a member of the record.
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(
                record[metric["Name"].as_str().unwrap()].is_number(),
                "{metric}"
            );
        }
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(
                record[dimension.as_str().unwrap()].is_string(),
                "{dimension}"
            );
        }
    }
    assert_eq!(records[0]["SourcesUnprotected"], 1);
    assert_eq!(records[0]["ApiThrottles"], 0);
}
