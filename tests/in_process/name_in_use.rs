//! Names that are in use, from the facts that are looked up to the outcome. `plan::name_owner` has
//! the rules case by case.

use std::time::Duration;

use lightsail_emulator::{Fault, Operation, Region, SnapshotState, StatusCode, World, world};
use serde_json::{Value, json};
use test_support::deployed::{dated, world, world_of_instant_copies};
use test_support::in_process::InProcess;

const FIRST: &str = "WordPress-1-1569608575";

/// The snapshot `taken` of WordPress-1 in us-west-2.
fn taken() -> world::InstanceSnapshot {
    world::InstanceSnapshot {
        name: "taken".to_owned(),
        from_instance_name: Some("WordPress-1".to_owned()),
        from_instance_arn: Some("arn:aws:lightsail:us-west-2:123456789012:Instance/1".to_owned()),
        ..Default::default()
    }
}

fn disk_snapshot(from: &str) -> world::DiskSnapshot {
    world::DiskSnapshot {
        name: "taken".to_owned(),
        from_disk_name: Some(from.to_owned()),
        from_disk_arn: Some("arn:aws:lightsail:us-west-2:123456789012:Disk/1".to_owned()),
        ..Default::default()
    }
}

/// A copy of this source to us-east-1 as `taken`.
fn copy(field: &str, source: &str) -> Value {
    json!({ "sourceRegion": "us-west-2", field: source, "targetSnapshotName": "taken" })
}

fn manual(name: &str) -> Value {
    copy("sourceSnapshotName", name)
}

/// The outcome or error code of an event with one copy. Checks that a dry run and a run agree.
async fn outcome(function: &InProcess, event: &Value) -> String {
    let mut outcomes = Vec::new();
    for dry_run in [true, false] {
        let mut event = event.clone();
        event["dryRun"] = dry_run.into();
        let run = function.send(&event).await;
        let line = run.line_of("taken");
        let outcome = if line["outcome"] == "failed" {
            assert_eq!(line["retryable"], false, "{line:#}");
            assert_eq!(run.result.is_ok(), dry_run);
            &line["errorCode"]
        } else {
            &line["outcome"]
        };
        outcomes.push(outcome.as_str().unwrap().to_owned());
    }
    assert_eq!(
        outcomes[0], outcomes[1],
        "a dry run reports what a run does"
    );
    outcomes.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_with_the_target_name_counts_only_as_a_copy_of_this_source() {
    let of = |name: &str| world::InstanceSnapshot {
        from_instance_name: Some(name.to_owned()),
        ..taken()
    };
    let in_state = |state| world::InstanceSnapshot { state, ..taken() };
    for (snapshot, expected) in [
        (taken(), "exists"),
        (in_state(SnapshotState::Pending), "pending"),
        (in_state(SnapshotState::Error), "CopyErrored"),
        (of("WordPress-2"), "NameInUse"),
    ] {
        for event in [copy("sourceResourceName", "WordPress-1"), manual(FIRST)] {
            let function = InProcess::of(world(), None);
            function
                .emulator
                .add_instance_snapshot(Region::UsEast1, &snapshot)
                .unwrap();
            assert_eq!(
                outcome(&function, &event).await,
                expected,
                "{snapshot:?} {event}"
            );
            assert_eq!(function.emulator.snapshots(Region::UsEast1).len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn copies_of_disks_and_of_instances_are_different() {
    for (from, event, expected) in [
        ("Data-1", copy("sourceResourceName", "Data-1"), "exists"),
        ("Data-2", copy("sourceResourceName", "Data-1"), "NameInUse"),
        (
            "WordPress-1",
            copy("sourceResourceName", "WordPress-1"),
            "NameInUse",
        ),
        ("WordPress-1", manual(FIRST), "NameInUse"),
    ] {
        let function = InProcess::of(world(), None);
        function
            .emulator
            .add_disk_snapshot(Region::UsEast1, &disk_snapshot(from))
            .unwrap();
        assert_eq!(outcome(&function, &event).await, expected, "{from} {event}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_requested_name_counts_as_the_copy_of_one_event_only() {
    for (created_at, expected) in [
        ("2019-09-25T00:30:00Z", "exists"),
        ("2019-09-25T00:29:59Z", "NameInUse"),
    ] {
        let function = InProcess::of(world(), None);
        let snapshot = world::InstanceSnapshot {
            created_at: created_at.parse().ok(),
            ..taken()
        };
        function
            .emulator
            .add_instance_snapshot(Region::UsEast1, &snapshot)
            .unwrap();
        let mut event = copy("sourceResourceName", "WordPress-1");
        event["time"] = "2019-09-25T06:30:00Z".into();
        assert_eq!(outcome(&function, &event).await, expected, "{created_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_older_than_its_manual_snapshot_is_the_copy_of_another_one() {
    let function = InProcess::of(world(), None);
    let at = |name: &str, time: &str| world::InstanceSnapshot {
        name: name.to_owned(),
        created_at: time.parse().ok(),
        ..taken()
    };
    let copy = at("taken", "2019-09-18T06:30:00Z");
    // Somebody deleted the snapshot and made it again under its name.
    let again = at("before-update", "2019-09-25T06:00:00Z");
    function
        .emulator
        .add_instance_snapshot(Region::UsEast1, &copy)
        .unwrap();
    function
        .emulator
        .add_instance_snapshot(Region::UsWest2, &again)
        .unwrap();
    assert_eq!(
        outcome(&function, &manual("before-update")).await,
        "NameInUse"
    );
}

/// Two manual snapshots of one instance, the first one copied as `taken`.
async fn two_manual_snapshots() -> InProcess {
    let function = InProcess::of(
        World {
            page_size: 1,
            ..world_of_instant_copies()
        },
        None,
    );
    let second = world::InstanceSnapshot {
        name: "second".to_owned(),
        from_instance_arn: None,
        ..taken()
    };
    function
        .emulator
        .add_instance_snapshot(Region::UsWest2, &second)
        .unwrap();
    assert_eq!(
        function.send(&manual(FIRST)).await.copy()["outcome"],
        "started"
    );
    function
}

#[tokio::test(start_paused = true)]
async fn the_operation_distinguishes_two_manual_snapshots_of_one_instance() {
    let function = two_manual_snapshots().await;
    assert_eq!(outcome(&function, &manual(FIRST)).await, "exists");
    assert_eq!(outcome(&function, &manual("second")).await, "NameInUse");
    let run = function.send(&manual("second")).await;
    let expected = format!("taken in us-east-1 is a copy of us-west-2:{FIRST}");
    assert!(run.error().1.ends_with(&expected), "{:?}", run.error());
}

#[tokio::test(start_paused = true)]
async fn the_newest_copy_operation_that_did_not_fail_names_the_copied_snapshot() {
    let operation = |kind: &str, source: &str, status: &str, time: f64| {
        json!({
            "operationType": kind, "operationDetails": format!("us-west-2:{source}"),
            "status": status, "createdAt": time,
        })
    };
    let copied = |source: &str, time| operation("CopySnapshot", source, "Succeeded", time);
    let not_found = json!({ "__type": "NotFoundException", "message": "None." });
    for (status, body, expected) in [
        (
            200,
            json!({ "operations": [copied(FIRST, 1.0), copied("second", 2.0)] }),
            "exists",
        ),
        (
            200,
            json!({ "operations": [copied(FIRST, 2.0), copied("second", 1.0)] }),
            "NameInUse",
        ),
        // Without an operation, the origin decides.
        (200, json!({ "operations": [] }), "exists"),
        (400, not_found, "exists"),
        (
            200,
            json!({ "operations": [
                operation("TagResource", "x", "Succeeded", 1.0), operation("CopySnapshot", "x", "Failed", 2.0),
            ] }),
            "exists",
        ),
    ] {
        let function = two_manual_snapshots().await;
        let status = StatusCode::from_u16(status).unwrap();
        let fault = Fault::answer(status, "application/x-amz-json-1.1", body.to_string());
        function
            .emulator
            .fault_next(Operation::GetOperationsForResource, 2, fault);
        assert_eq!(
            outcome(&function, &manual("second")).await,
            expected,
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_lookup_fails_the_copy_with_the_lookups_error() {
    let latest = copy("sourceResourceName", "WordPress-1");
    let refused = |code: &str| Fault::error(StatusCode::BAD_REQUEST, code, "No.");
    for (call, event, fault, code, retryable) in [
        (
            Operation::GetAutoSnapshots,
            &latest,
            refused("AccessDeniedException"),
            "AccessDeniedException",
            false,
        ),
        (
            Operation::GetOperationsForResource,
            &manual(FIRST),
            refused("AccessDeniedException"),
            "AccessDeniedException",
            false,
        ),
        (
            Operation::GetInstanceSnapshot,
            &latest,
            refused("AccessDeniedException"),
            "AccessDeniedException",
            false,
        ),
        (
            Operation::GetInstanceSnapshot,
            &latest,
            refused("ThrottlingException"),
            "ThrottlingException",
            true,
        ),
        (
            Operation::GetInstanceSnapshot,
            &latest,
            Fault::Hang,
            "Timeout",
            true,
        ),
    ] {
        let function = InProcess::of(world(), None);
        assert_eq!(function.send(event).await.copy()["outcome"], "started");
        function.emulator.fault_next(call, 1000, fault);
        let payload = event.to_string();
        let run = function.invoke_for(&payload, Duration::from_secs(20)).await;
        let line = run.failed_line("taken");
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(retryable)),
            "{call}"
        );
    }
}

fn not_found() -> Fault {
    Fault::error(
        StatusCode::BAD_REQUEST,
        "NotFoundException",
        "The snapshot does not exist: x1",
    )
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_not_visible_yet_is_looked_up_again() {
    for (world, expected) in [(world(), "pending"), (world_of_instant_copies(), "exists")] {
        let function = InProcess::of(world, None);
        function.send(&dated("x1", "us-east-1")).await;
        function
            .emulator
            .fault_next(Operation::GetInstanceSnapshot, 3, not_found());
        let run = function.send(&dated("x1", "us-east-1")).await;
        assert_eq!(run.copy()["outcome"], expected);
        assert_eq!(run.calls_of("us-east-1", "GetInstanceSnapshot").len(), 4);
        assert_eq!(run.calls_of("us-east-1", "CopySnapshot").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_snapshot_has_is_looked_up_until_the_deadline() {
    // The name of an instance; and one whose look-ups end without a response.
    for (target, not_found_first) in [("Standby-1", false), ("x1", true)] {
        let function = InProcess::of(world(), None);
        if not_found_first {
            function.send(&dated(target, "us-east-1")).await;
            let call = Operation::GetInstanceSnapshot;
            function.emulator.fault_next(call, 2, not_found());
            function.emulator.fault_next(call, 1000, Fault::Hang);
        }
        let event = dated(target, "us-east-1").to_string();
        let run = function.invoke_for(&event, Duration::from_secs(20)).await;
        let line = run.failed_line(target);
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!("NameInUse"), &json!(true))
        );
        let message = line["errorMessage"].as_str().unwrap();
        assert!(
            message.starts_with("no snapshot with that name is found"),
            "{message}"
        );
        assert!(
            run.calls_of("us-east-1", "GetInstanceSnapshot").len() >= 3,
            "{target}"
        );
    }
}
