//! CopySnapshot: its rules, its answer, and the states of a copy.

use jiff::SignedDuration;
use jiff::civil::date;
use lightsail_emulator::Operation::*;
use lightsail_emulator::{
    AutoSnapshotStatus, Fault, Region, SnapshotState, SourceKind, StatusCode, World, world,
};
use serde_json::{Value, json};

use crate::support::InProcess;

const WORLD: &str = r#"{ "copySeconds": 10, "copyLimit": 2, "regions": {
    "us-west-2": {
        "instances": [
            { "name": "WordPress-1", "autoSnapshots": [
                { "date": "2026-11-22", "status": "InProgress" }, { "date": "2026-11-21" }, { "date": "2026-11-20" } ] },
            { "name": "Plain" } ],
        "disks": [ { "name": "Data-1", "sizeInGb": 64, "autoSnapshots": [ { "date": "2026-11-22" } ] } ],
        "instanceSnapshots": [
            { "name": "Manual-1", "fromInstanceName": "WordPress-1", "tags": { "a": "b" } },
            { "name": "Broken-1", "state": "error" } ],
        "diskSnapshots": [ { "name": "Manual-2", "fromDiskName": "Gone", "fromDiskArn": "arn:aws:lightsail:eu-west-1:123456789012:Disk/x" } ] },
    "us-east-1": { "instances": [ { "name": "Taken-1" } ] } } }"#;

fn latest(resource: &str, target: &str) -> Value {
    json!({ "sourceRegion": "us-west-2", "sourceResourceName": resource, "targetSnapshotName": target,
        "useLatestRestorableAutoSnapshot": true })
}

fn manual(snapshot: &str, target: &str) -> Value {
    json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": snapshot, "targetSnapshotName": target })
}

#[tokio::test]
async fn the_sample_requests_of_the_page_work() {
    let lightsail = InProcess::of(World::demo());
    let automatic = json!({ "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25",
        "targetSnapshotName": "CopiedAutoSnapshot-2019-09-25", "sourceRegion": "us-west-2" });
    let answer = lightsail
        .call(Region::UsWest2, CopySnapshot, automatic)
        .await
        .unwrap();
    let id = answer["operations"][0]["id"].as_str().unwrap();
    assert_eq!(
        answer,
        json!({ "operations": [ {
            "id": id,
            "resourceName": "CopiedAutoSnapshot-2019-09-25",
            "resourceType": "InstanceSnapshot",
            "createdAt": 1795348800.0,
            "location": { "availabilityZone": "all", "regionName": "us-west-2" },
            "isTerminal": false,
            "operationDetails": "us-west-2:WordPress-1",
            "operationType": "CopySnapshot",
            "status": "Started",
            "statusChangedAt": 1795348800.0,
        } ] })
    );
    let manual = json!({ "sourceSnapshotName": "WordPress-1-1569608575",
        "targetSnapshotName": "CopiedManualSnapshot-2019-09-25", "sourceRegion": "us-west-2" });
    let answer = lightsail
        .call(Region::UsWest2, CopySnapshot, manual)
        .await
        .unwrap();
    assert_eq!(
        answer["operations"][0]["operationDetails"],
        "us-west-2:WordPress-1-1569608575"
    );
}

#[tokio::test]
async fn the_rules_of_the_page_are_checked() {
    let lightsail = InProcess::new(WORLD);
    let good = latest("WordPress-1", "Copy-1");
    let with = |changes: Value| {
        let mut body = good.clone();
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let long = "a".repeat(256);
    for (body, expected) in [
        (
            with(json!({ "sourceRegion": null })),
            "sourceRegion is required",
        ),
        (
            with(json!({ "sourceRegion": "us-west-9" })),
            "a Lightsail Region",
        ),
        (
            with(json!({ "targetSnapshotName": null })),
            "targetSnapshotName is required",
        ),
        (
            with(json!({ "targetSnapshotName": "" })),
            "targetSnapshotName is required",
        ),
        (
            with(json!({ "targetSnapshotName": "a" })),
            "not a valid targetSnapshotName",
        ),
        (
            with(json!({ "targetSnapshotName": "-ab" })),
            "not a valid targetSnapshotName",
        ),
        (
            with(json!({ "targetSnapshotName": "ab-" })),
            "not a valid targetSnapshotName",
        ),
        (
            with(json!({ "targetSnapshotName": "a.b" })),
            "not a valid targetSnapshotName",
        ),
        (
            with(json!({ "targetSnapshotName": "äö" })),
            "not a valid targetSnapshotName",
        ),
        (
            with(json!({ "targetSnapshotName": long })),
            "not a valid targetSnapshotName",
        ),
        (
            with(json!({ "restoreDate": "2026-11-21" })),
            "mutually exclusive",
        ),
        (
            with(json!({ "restoreDate": "21.11.2026", "useLatestRestorableAutoSnapshot": null })),
            "YYYY-MM-DD",
        ),
        (
            with(json!({ "restoreDate": "2026-02-29", "useLatestRestorableAutoSnapshot": null })),
            "YYYY-MM-DD",
        ),
        (
            with(json!({ "useLatestRestorableAutoSnapshot": null })),
            "takes either restoreDate",
        ),
        (
            with(json!({ "useLatestRestorableAutoSnapshot": false })),
            "takes either restoreDate",
        ),
        (
            with(json!({ "sourceSnapshotName": "Manual-1" })),
            "mutually exclusive",
        ),
        (
            with(json!({ "sourceResourceName": null })),
            "Either sourceSnapshotName or",
        ),
        (
            with(json!({ "sourceResourceName": null, "sourceSnapshotName": "Manual-1" })),
            "only for copying an automatic snapshot",
        ),
        (
            with(json!({ "targetSnapshotName": "Taken-1" })),
            "Some names are already in use: Taken-1",
        ),
    ] {
        let refused = lightsail
            .refusal(Region::UsEast1, CopySnapshot, body.clone())
            .await;
        assert_eq!(
            (refused.status, &*refused.code),
            (400, "InvalidInputException"),
            "{body}"
        );
        assert!(
            refused.message.contains(expected),
            "{body}: {}",
            refused.message
        );
    }
    for body in [
        with(json!({ "sourceRegion": 1 })),
        with(json!({ "useLatestRestorableAutoSnapshot": "true" })),
        with(json!({ "restoreDate": 20261121 })),
        json!([]),
    ] {
        let refused = lightsail
            .refusal(Region::UsEast1, CopySnapshot, body.clone())
            .await;
        assert_eq!(
            (refused.status, &*refused.code),
            (400, "SerializationException"),
            "{body}"
        );
    }
    for body in [
        latest("Nowhere", "Copy-1"),
        latest("Plain", "Copy-1"),
        with(json!({ "restoreDate": "2026-11-22", "useLatestRestorableAutoSnapshot": false })),
        with(json!({ "restoreDate": "2026-11-01", "useLatestRestorableAutoSnapshot": false })),
        with(json!({ "sourceRegion": "us-east-1" })),
        manual("Nowhere", "Copy-1"),
        manual("WordPress-1", "Copy-1"),
    ] {
        let refused = lightsail
            .refusal(Region::UsEast1, CopySnapshot, body.clone())
            .await;
        assert_eq!(
            (refused.status, &*refused.code),
            (400, "NotFoundException"),
            "{body}"
        );
        assert!(
            refused.message.contains("does not exist: "),
            "{}",
            refused.message
        );
    }
    let refused = lightsail
        .refusal(Region::UsEast1, CopySnapshot, manual("Broken-1", "Copy-1"))
        .await;
    assert_eq!(refused.code, "OperationFailureException");
    assert_eq!(lightsail.emulator.snapshots(Region::UsEast1), []);

    lightsail
        .call(Region::UsEast1, CopySnapshot, good)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_name_is_unique_in_its_region() {
    let lightsail = InProcess::new(WORLD);
    for name in ["WordPress-1", "Data-1", "Manual-1", "Manual-2"] {
        let refused = lightsail
            .refusal(Region::UsWest2, CopySnapshot, latest("Data-1", name))
            .await;
        assert_eq!(refused.code, "InvalidInputException");
        assert_eq!(
            refused.message,
            format!("Some names are already in use: {name}")
        );
    }
    let again = latest("Data-1", "Copy-1");
    lightsail
        .call(Region::UsEast1, CopySnapshot, again.clone())
        .await
        .unwrap();
    let refused = lightsail
        .refusal(Region::UsEast1, CopySnapshot, again)
        .await;
    assert_eq!(refused.message, "Some names are already in use: Copy-1");
}

#[tokio::test]
async fn a_copy_is_pending_for_a_while_and_then_available() {
    let lightsail = InProcess::new(WORLD);
    lightsail
        .call(
            Region::UsEast1,
            CopySnapshot,
            latest("WordPress-1", "Copy-1"),
        )
        .await
        .unwrap();
    let body = json!({ "sourceRegion": "us-west-2", "sourceResourceName": "Data-1", "targetSnapshotName": "Copy-2",
        "restoreDate": "2026-11-22", "useLatestRestorableAutoSnapshot": false });
    let answer = lightsail
        .call(Region::UsEast1, CopySnapshot, body)
        .await
        .unwrap();
    assert_eq!(answer["operations"][0]["resourceType"], "DiskSnapshot");
    let operation = json!({ "operationId": answer["operations"][0]["id"] });

    for (waited, state, disk_state, progress, status, changed_at) in [
        (0, "pending", "pending", "0%", "Started", 1795348800.0),
        (4, "pending", "pending", "40%", "Started", 1795348800.0),
        (9, "pending", "pending", "90%", "Started", 1795348800.0),
        (
            10,
            "available",
            "completed",
            "100%",
            "Succeeded",
            1795348810.0,
        ),
        (
            60,
            "available",
            "completed",
            "100%",
            "Succeeded",
            1795348810.0,
        ),
    ] {
        let elapsed = lightsail.now().as_second() - 1795348800;
        lightsail.advance(SignedDuration::from_secs(waited - elapsed));

        let answer = lightsail
            .call(
                Region::UsEast1,
                GetInstanceSnapshot,
                json!({ "instanceSnapshotName": "Copy-1" }),
            )
            .await
            .unwrap();
        let copy = &answer["instanceSnapshot"];
        assert_eq!(copy["state"], state);
        assert_eq!(copy["progress"], Value::Null);
        assert_eq!(copy["fromInstanceName"], "WordPress-1");
        let arn = copy["fromInstanceArn"].as_str().unwrap();
        assert!(arn.starts_with("arn:aws:lightsail:us-west-2:123456789012:Instance/"));
        assert_eq!(copy["isFromAutoSnapshot"], true);
        assert_eq!(copy["createdAt"], 1795348800.0);
        assert_eq!(copy["tags"], json!([]));

        let answer = lightsail
            .call(
                Region::UsEast1,
                GetDiskSnapshot,
                json!({ "diskSnapshotName": "Copy-2" }),
            )
            .await
            .unwrap();
        let copy = &answer["diskSnapshot"];
        assert_eq!(copy["state"], disk_state);
        assert_eq!(copy["progress"], progress);
        assert_eq!(copy["fromDiskName"], "Data-1");
        assert_eq!(copy["sizeInGb"], 64);

        let answer = lightsail
            .call(Region::UsEast1, GetOperation, operation.clone())
            .await
            .unwrap();
        assert_eq!(answer["operation"]["status"], status);
        assert_eq!(answer["operation"]["isTerminal"], status != "Started");
        assert_eq!(answer["operation"]["createdAt"], 1795348800.0);
        assert_eq!(answer["operation"]["statusChangedAt"], changed_at);
    }
}

#[tokio::test]
async fn a_copy_of_a_manual_snapshot_is_a_snapshot_of_the_same_source() {
    let lightsail = InProcess::new(WORLD);
    lightsail
        .call(Region::EuWest2, CopySnapshot, manual("Manual-1", "Copy-1"))
        .await
        .unwrap();
    lightsail
        .call(Region::EuWest2, CopySnapshot, manual("Manual-2", "Copy-2"))
        .await
        .unwrap();
    let [instance, disk] = &lightsail.emulator.snapshots(Region::EuWest2)[..] else {
        panic!("two copies");
    };
    assert_eq!(instance.kind, SourceKind::Instance);
    assert_eq!(instance.from.name.as_deref(), Some("WordPress-1"));
    assert_eq!(instance.from_region(), Some(Region::UsWest2));
    assert!(!instance.from.is_auto_snapshot);
    assert!(instance.tags.is_empty());
    assert_eq!(disk.kind, SourceKind::Disk);
    assert_eq!(disk.from.name.as_deref(), Some("Gone"));
    assert_eq!(disk.from_region(), Some(Region::EuWest1));
}

#[tokio::test]
async fn a_copy_outlives_its_source() {
    let lightsail = InProcess::new(WORLD);
    lightsail
        .call(Region::UsEast1, CopySnapshot, latest("Data-1", "Copy-1"))
        .await
        .unwrap();
    lightsail
        .emulator
        .remove_disk(Region::UsWest2, "Data-1")
        .unwrap();
    lightsail.advance(SignedDuration::from_secs(10));
    let copy = lightsail
        .emulator
        .snapshot(Region::UsEast1, "Copy-1")
        .unwrap();
    assert_eq!(copy.state, SnapshotState::Available);
}

#[tokio::test]
async fn copies_in_progress_are_limited_in_each_destination() {
    let lightsail = InProcess::new(WORLD);
    let copy = |target: &str| latest("WordPress-1", target);
    for target in ["Copy-1", "Copy-2"] {
        lightsail
            .call(Region::UsEast1, CopySnapshot, copy(target))
            .await
            .unwrap();
    }
    let refused = lightsail
        .refusal(Region::UsEast1, CopySnapshot, copy("Copy-3"))
        .await;
    assert_eq!(
        (refused.status, &*refused.code),
        (400, "OperationFailureException")
    );
    assert_eq!(
        refused.message,
        "Too many snapshot copies in progress. The limit is 2 for this destination region."
    );
    lightsail
        .call(Region::UsEast2, CopySnapshot, copy("Copy-3"))
        .await
        .unwrap();

    lightsail
        .call(
            Region::UsEast1,
            DeleteInstanceSnapshot,
            json!({ "instanceSnapshotName": "Copy-1" }),
        )
        .await
        .unwrap();
    lightsail
        .call(Region::UsEast1, CopySnapshot, copy("Copy-3"))
        .await
        .unwrap();
    lightsail
        .refusal(Region::UsEast1, CopySnapshot, copy("Copy-4"))
        .await;

    lightsail.advance(SignedDuration::from_secs(10));
    lightsail
        .call(Region::UsEast1, CopySnapshot, copy("Copy-4"))
        .await
        .unwrap();

    let other = world::DiskSnapshot {
        name: "Other-1".to_owned(),
        state: SnapshotState::Pending,
        ..Default::default()
    };
    lightsail
        .emulator
        .add_disk_snapshot(Region::UsEast1, &other)
        .unwrap();
    lightsail
        .refusal(Region::UsEast1, CopySnapshot, copy("Copy-5"))
        .await;
}

#[tokio::test]
async fn a_copy_can_fail() {
    let lightsail = InProcess::new(WORLD);
    lightsail
        .emulator
        .fault_next(CopySnapshot, 1, Fault::CopyFails);
    let answer = lightsail
        .call(Region::UsEast1, CopySnapshot, latest("Data-1", "Copy-1"))
        .await
        .unwrap();
    let state = || {
        lightsail
            .emulator
            .snapshot(Region::UsEast1, "Copy-1")
            .unwrap()
            .state
    };
    assert_eq!(state(), SnapshotState::Pending);
    lightsail.advance(SignedDuration::from_secs(10));
    assert_eq!(state(), SnapshotState::Error);
    let id = &answer["operations"][0]["id"];
    let answer = lightsail
        .call(Region::UsEast1, GetOperation, json!({ "operationId": id }))
        .await
        .unwrap();
    assert_eq!(answer["operation"]["status"], "Failed");
    assert_eq!(answer["operation"]["isTerminal"], true);
    assert_eq!(answer["operation"]["errorCode"], "CopyFailed");
    assert!(answer["operation"]["errorDetails"].is_string());
}

#[tokio::test]
async fn a_copy_deleted_in_progress_ends_its_operation() {
    let lightsail = InProcess::new(WORLD);
    let answer = lightsail
        .call(Region::UsEast1, CopySnapshot, latest("Data-1", "Copy-1"))
        .await
        .unwrap();
    let operation = json!({ "operationId": answer["operations"][0]["id"] });
    lightsail.advance(SignedDuration::from_secs(3));
    let deletion = json!({ "diskSnapshotName": "Copy-1" });
    lightsail
        .call(Region::UsEast1, DeleteDiskSnapshot, deletion)
        .await
        .unwrap();
    lightsail.advance(SignedDuration::from_secs(60));
    let answer = lightsail
        .call(Region::UsEast1, GetOperation, operation)
        .await
        .unwrap();
    assert_eq!(answer["operation"]["status"], "Failed");
    assert_eq!(answer["operation"]["errorCode"], "SnapshotDeleted");
    assert_eq!(answer["operation"]["statusChangedAt"], 1795348803.0);
}

#[tokio::test]
async fn seven_automatic_snapshots_are_kept() {
    let lightsail = InProcess::new(WORLD);
    let dates = || async {
        let body = json!({ "resourceName": "Data-1" });
        let answer = lightsail
            .call(Region::UsWest2, GetAutoSnapshots, body)
            .await
            .unwrap();
        let list = answer["autoSnapshots"].as_array().unwrap().clone();
        list.iter()
            .map(|one| one["date"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for day in 23..=29 {
        lightsail
            .emulator
            .add_auto_snapshot(
                Region::UsWest2,
                "Data-1",
                date(2026, 11, day),
                AutoSnapshotStatus::InProgress,
            )
            .unwrap();
    }
    assert_eq!(
        dates().await,
        [
            "2026-11-29",
            "2026-11-28",
            "2026-11-27",
            "2026-11-26",
            "2026-11-25",
            "2026-11-24",
            "2026-11-23"
        ]
    );
    lightsail
        .refusal(Region::UsEast1, CopySnapshot, latest("Data-1", "Copy-1"))
        .await;
    lightsail
        .emulator
        .add_auto_snapshot(
            Region::UsWest2,
            "Data-1",
            date(2026, 11, 29),
            AutoSnapshotStatus::Success,
        )
        .unwrap();
    assert_eq!(dates().await.len(), 7);
    lightsail
        .call(Region::UsEast1, CopySnapshot, latest("Data-1", "Copy-1"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_same_calls_give_the_same_answers() {
    let run = || async {
        let lightsail = InProcess::new(WORLD);
        let copy = latest("Data-1", "Copy-1");
        let first = lightsail
            .call(Region::UsEast1, CopySnapshot, copy)
            .await
            .unwrap();
        let list = lightsail
            .call(Region::UsEast1, GetDiskSnapshots, json!({}))
            .await
            .unwrap();
        (first, list)
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test]
async fn an_error_can_have_any_code() {
    let lightsail = InProcess::new(WORLD);
    let fault = Fault::error(
        StatusCode::SERVICE_UNAVAILABLE,
        "ServiceUnavailable",
        "later",
    );
    lightsail
        .emulator
        .fault_next_in(Region::UsEast1, CopySnapshot, 1, fault);
    let copy = latest("Data-1", "Copy-1");
    lightsail
        .call(Region::EuWest1, CopySnapshot, copy.clone())
        .await
        .unwrap();
    let refused = lightsail
        .refusal(Region::UsEast1, CopySnapshot, copy.clone())
        .await;
    assert_eq!(
        (refused.status, &*refused.code),
        (503, "ServiceUnavailable")
    );
    lightsail
        .call(Region::UsEast1, CopySnapshot, copy)
        .await
        .unwrap();
}
