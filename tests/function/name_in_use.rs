//! Names that are in use: which snapshots count as the copy that an event asks for.

use lightsail_emulator::{Fault, Operation, Region, StatusCode, World, world};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, world, world_of_instant_copies};

use crate::BINARY;

/// A snapshot of WordPress-1 in us-west-2.
fn snapshot(name: &str) -> world::InstanceSnapshot {
    world::InstanceSnapshot {
        name: name.to_owned(),
        from_instance_name: Some("WordPress-1".to_owned()),
        from_instance_arn: Some(arn("us-west-2")),
        ..Default::default()
    }
}

fn arn(region: &str) -> String {
    format!("arn:aws:lightsail:{region}:123456789012:Instance/1")
}

/// The outcome or error code of an event with one copy to us-east-1. Checks that a dry run and a
/// run agree.
async fn outcome(deployed: &mut Deployed, event: &Value) -> String {
    let mut results = Vec::new();
    for dry_run in [true, false] {
        let mut event = event.clone();
        event["dryRun"] = dry_run.into();
        let invocation = deployed.send(&event).await;
        let lines = invocation.events("copy_result");
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        let result = if line["outcome"] == "failed" {
            assert_eq!(line["retryable"], false, "{line:#}");
            &line["errorCode"]
        } else {
            &line["outcome"]
        };
        results.push(result.as_str().unwrap().to_owned());
    }
    assert_eq!(results[0], results[1], "a dry run reports what a run does");
    results.remove(0)
}

/// The outcome or error code of an event if this snapshot has the target name.
async fn outcome_with(snapshot: &world::InstanceSnapshot, event: &Value) -> String {
    let mut deployed = Deployed::new(BINARY).await;
    deployed
        .emulator
        .add_instance_snapshot(Region::UsEast1, snapshot)
        .unwrap();
    outcome(&mut deployed, event).await
}

#[tokio::test]
async fn a_fixed_name_counts_as_the_copy_of_one_event_only() {
    let latest = json!({ "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1" });
    let mut dated = latest.clone();
    dated["restoreDate"] = "2019-09-25".into();
    for (created_at, name, of_latest, of_dated) in [
        ("2019-09-25T00:30:00Z", "nightly", "exists", "exists"),
        ("2019-09-25T00:29:59Z", "nightly", "NameInUse", "NameInUse"),
        // Only the automatic snapshot of that day can have been copied under this name.
        (
            "2019-09-24T06:30:00Z",
            "x-2019-09-25",
            "NameInUse",
            "exists",
        ),
    ] {
        let snapshot = world::InstanceSnapshot {
            created_at: Some(created_at.parse().unwrap()),
            ..snapshot(name)
        };
        for (event, expected) in [(&latest, of_latest), (&dated, of_dated)] {
            let mut event = event.clone();
            event["time"] = "2019-09-25T06:30:00Z".into();
            event["targetSnapshotName"] = name.into();
            let outcome = outcome_with(&snapshot, &event).await;
            assert_eq!(outcome, expected, "{created_at} {event}");
        }
    }
}

#[tokio::test]
async fn the_copy_of_a_disk_is_not_the_copy_of_an_instance_with_the_same_name() {
    let mut deployed = Deployed::new(BINARY).await;
    let of_disk = world::DiskSnapshot {
        name: "taken".to_owned(),
        from_disk_name: Some("WordPress-1".to_owned()),
        from_disk_arn: Some("arn:aws:lightsail:us-west-2:123456789012:Disk/1".to_owned()),
        ..Default::default()
    };
    deployed
        .emulator
        .add_disk_snapshot(Region::UsEast1, &of_disk)
        .unwrap();
    for source in [
        json!({ "sourceResourceName": "WordPress-1" }),
        json!({ "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25" }),
        json!({ "sourceSnapshotName": "WordPress-1-1569608575" }),
    ] {
        let mut event = source;
        event["sourceRegion"] = "us-west-2".into();
        event["targetSnapshotName"] = "taken".into();
        assert_eq!(outcome(&mut deployed, &event).await, "NameInUse", "{event}");
    }
}

#[tokio::test]
async fn both_tags_count_only_on_the_name_of_a_policys_copy() {
    let policy_name = "WordPress-1-us-west-2-2019-09-25";
    let mut event = json!({
        "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25",
        "time": "2019-09-25T06:30:00Z",
    });
    for (name, date, expected) in [
        (policy_name, "2019-09-25", "exists"),
        (policy_name, "2019-09-24", "NameInUse"),
        // Made in the console: the snapshot has the tags of its server.
        ("nightly", "2019-09-24", "exists"),
    ] {
        event["targetSnapshotName"] = name.into();
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let snapshot = world::InstanceSnapshot {
            created_at: Some("2019-09-25T06:00:00Z".parse().unwrap()),
            tags: [
                tag("snapshot-copier:source", "us-west-2/WordPress-1"),
                tag("snapshot-copier:recovery-point", date),
            ]
            .into(),
            ..snapshot(name)
        };
        let outcome = outcome_with(&snapshot, &event).await;
        assert_eq!(outcome, expected, "{name} {date}");
    }
}

#[tokio::test]
async fn a_copy_that_is_older_than_its_manual_snapshot_is_the_copy_of_another_one() {
    let mut deployed = Deployed::new(BINARY).await;
    let at = |name: &str, time: &str| world::InstanceSnapshot {
        created_at: Some(time.parse().unwrap()),
        ..snapshot(name)
    };
    let emulator = &deployed.emulator;
    let copy = at("weekly", "2019-09-18T06:30:00Z");
    emulator
        .add_instance_snapshot(Region::UsEast1, &copy)
        .unwrap();
    // Somebody deleted the snapshot and made it again under its name.
    let again = at("before-update", "2019-09-25T06:00:00Z");
    emulator
        .add_instance_snapshot(Region::UsWest2, &again)
        .unwrap();
    let event = manual("before-update");
    assert_eq!(outcome(&mut deployed, &event).await, "NameInUse");
}

fn manual(name: &str) -> Value {
    json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": name, "targetSnapshotName": "weekly" })
}

/// Two manual snapshots of one instance, the first one copied as `weekly`.
async fn two_manual_snapshots() -> Deployed {
    let world = World {
        page_size: 1,
        ..world_of_instant_copies()
    };
    let mut deployed = Deployed::with(BINARY, world, &[]).await;
    let second = world::InstanceSnapshot {
        from_instance_arn: None,
        ..snapshot("WordPress-1-second")
    };
    deployed
        .emulator
        .add_instance_snapshot(Region::UsWest2, &second)
        .unwrap();
    let copy = deployed.copy(&manual("WordPress-1-1569608575")).await;
    assert_eq!(copy["outcome"], "started");
    deployed
}

#[tokio::test]
async fn the_operation_distinguishes_two_manual_snapshots_of_one_instance() {
    let mut deployed = two_manual_snapshots().await;
    let first = manual("WordPress-1-1569608575");
    let second = manual("WordPress-1-second");
    assert_eq!(outcome(&mut deployed, &first).await, "exists");
    assert_eq!(outcome(&mut deployed, &second).await, "NameInUse");
    let invocation = deployed.send(&second).await;
    let (_, message) = invocation.error();
    let expected = "weekly in us-east-1 is a copy of us-west-2:WordPress-1-1569608575";
    assert!(message.ends_with(expected), "{message}");
}

#[tokio::test]
async fn a_copy_of_a_manual_snapshot_without_an_operation_is_identified_by_its_origin() {
    let mut deployed = two_manual_snapshots().await;
    let json = "application/x-amz-json-1.1";
    for (status, body) in [
        (200, "{\"operations\": []}"),
        (
            400,
            "{\"__type\": \"NotFoundException\", \"message\": \"None.\"}",
        ),
        // Only a CopySnapshot operation that did not fail names the copied snapshot.
        (
            200,
            "{\"operations\": [
                { \"operationType\": \"TagResource\", \"operationDetails\": \"x\", \"status\": \"Succeeded\" },
                { \"operationType\": \"CopySnapshot\", \"operationDetails\": \"us-west-2:x\", \"status\": \"Failed\" } ]}",
        ),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let fault = Fault::answer(status, json, body);
        let call = Operation::GetOperationsForResource;
        deployed.emulator.fault_next(call, 2, fault);
        let event = manual("WordPress-1-second");
        assert_eq!(outcome(&mut deployed, &event).await, "exists", "{body}");
    }
}

#[tokio::test]
async fn the_newest_copy_operation_names_the_copied_snapshot() {
    let mut deployed = two_manual_snapshots().await;
    let operation = |source: &str, time: f64| {
        json!({
            "operationType": "CopySnapshot", "operationDetails": format!("us-west-2:{source}"),
            "status": "Succeeded", "createdAt": time,
        })
    };
    let first = "WordPress-1-1569608575";
    let second = "WordPress-1-second";
    for (times, expected) in [([1.0, 2.0], "exists"), ([2.0, 1.0], "NameInUse")] {
        let [of_first, of_second] = times;
        let operations = [operation(first, of_first), operation(second, of_second)];
        let body = json!({ "operations": operations }).to_string();
        let fault = Fault::answer(StatusCode::OK, "application/x-amz-json-1.1", body);
        let call = Operation::GetOperationsForResource;
        deployed.emulator.fault_next(call, 2, fault);
        assert_eq!(outcome(&mut deployed, &manual(second)).await, expected);
    }
}

#[tokio::test]
async fn a_failed_lookup_fails_the_copy_with_the_lookups_error() {
    let cases = [
        (
            Operation::GetAutoSnapshots,
            json!({ "sourceResourceName": "WordPress-1" }),
        ),
        (
            Operation::GetOperationsForResource,
            json!({ "sourceSnapshotName": "WordPress-1-1569608575" }),
        ),
    ];
    for (call, mut event) in cases {
        let mut deployed = Deployed::with(BINARY, world(), &[]).await;
        event["sourceRegion"] = "us-west-2".into();
        event["targetSnapshotName"] = "taken".into();
        let copy = deployed.copy(&event).await;
        assert_eq!(copy["outcome"], "started");
        let fault = Fault::error(StatusCode::BAD_REQUEST, "AccessDeniedException", "No.");
        deployed.emulator.fault_next(call, 1, fault);
        let invocation = deployed.send(&event).await;
        let line = invocation.line_of("taken");
        assert_eq!(line["errorCode"], "AccessDeniedException", "{call}");
        assert_eq!(line["retryable"], false);
    }
}
