//! Situations that a test can cause: slow and failing copies, failed operations, unreadable Regions,
//! late lookups, forgotten operations, changed and removed snapshots.

use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::Operation::*;
use lightsail_emulator::{CopyBehavior, Fault, Operation, Region, SnapshotState, Tags};
use serde_json::{Value, json};

use crate::support::InProcess;

const HERE: Region = Region::UsWest2;
const THERE: Region = Region::UsEast1;

const WORLD: &str = r#"{ "copySeconds": 10, "regions": { "us-west-2": {
    "instances": [ { "name": "WordPress-1", "autoSnapshots": [ { "date": "today" } ] },
                   { "name": "WordPress-2", "autoSnapshots": [ { "date": "today" } ] } ],
    "instanceSnapshots": [ { "name": "Manual-1", "fromInstanceName": "WordPress-1", "tags": { "a": "1" } },
                           { "name": "Broken-1", "state": "error" } ],
    "diskSnapshots": [ { "name": "Disk-1", "state": "unknown" }, { "name": "Disk-2" } ] } } }"#;

fn latest(resource: &str, target: &str) -> Value {
    json!({ "sourceRegion": "us-west-2", "sourceResourceName": resource, "targetSnapshotName": target,
        "useLatestRestorableAutoSnapshot": true })
}

fn manual(target: &str) -> Value {
    json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": "Manual-1", "targetSnapshotName": target })
}

async fn copy(lightsail: &InProcess, body: Value) -> Value {
    let answer = lightsail.call(THERE, CopySnapshot, body).await.unwrap();
    answer["operations"][0].clone()
}

fn state(lightsail: &InProcess, name: &str) -> SnapshotState {
    lightsail.emulator.snapshot(THERE, name).unwrap().state
}

#[tokio::test]
async fn one_copy_can_take_long_or_for_ever() {
    let lightsail = InProcess::new(WORLD);
    let slow = Fault::CopyTakes(SignedDuration::from_hours(30));
    lightsail.emulator.fault_next(CopySnapshot, 1, slow);
    copy(&lightsail, latest("WordPress-1", "Slow-1")).await;
    let endless = Fault::CopyTakes(SignedDuration::MAX);
    lightsail.emulator.fault_next(CopySnapshot, 1, endless);
    copy(&lightsail, latest("WordPress-1", "Endless-1")).await;
    copy(&lightsail, latest("WordPress-1", "Normal-1")).await;
    lightsail.advance(SignedDuration::from_hours(29));
    let states = |names: [&str; 3]| names.map(|name| state(&lightsail, name));
    use SnapshotState::{Available, Pending};
    let names = ["Slow-1", "Endless-1", "Normal-1"];
    assert_eq!(states(names), [Pending, Pending, Available]);
    lightsail.advance(SignedDuration::from_hours(24 * 365));
    assert_eq!(states(names), [Available, Pending, Available]);
}

#[tokio::test]
async fn all_copies_of_a_source_can_fail() {
    let lightsail = InProcess::new(WORLD);
    lightsail
        .emulator
        .set_copy_behavior(HERE, "WordPress-1", CopyBehavior::FAILS);
    for target in ["Copy-1", "Copy-2"] {
        let operation = copy(&lightsail, latest("WordPress-1", target)).await;
        assert_eq!(operation["status"], "Started");
        lightsail.advance(SignedDuration::from_secs(10));
        assert_eq!(state(&lightsail, target), SnapshotState::Error);
    }
    copy(&lightsail, latest("WordPress-2", "Copy-3")).await;
    copy(&lightsail, manual("Copy-4")).await;
    lightsail
        .emulator
        .set_copy_behavior(HERE, "WordPress-1", CopyBehavior::NEVER_ENDS);
    copy(&lightsail, latest("WordPress-1", "Copy-5")).await;
    lightsail
        .emulator
        .set_copy_behavior(HERE, "WordPress-1", CopyBehavior::default());
    copy(&lightsail, latest("WordPress-1", "Copy-6")).await;
    lightsail.advance(SignedDuration::from_secs(10));
    assert_eq!(state(&lightsail, "Copy-3"), SnapshotState::Available);
    assert_eq!(state(&lightsail, "Copy-4"), SnapshotState::Available);
    assert_eq!(state(&lightsail, "Copy-5"), SnapshotState::Pending);
    assert_eq!(state(&lightsail, "Copy-6"), SnapshotState::Available);
}

#[tokio::test]
async fn an_operation_can_fail_without_effect() {
    let lightsail = InProcess::new(WORLD);
    let emulator = &lightsail.emulator;
    for (region, operation, body, resource) in [
        (THERE, CopySnapshot, manual("Copy-1"), "Copy-1"),
        (
            HERE,
            TagResource,
            json!({ "resourceName": "Manual-1", "tags": [{ "key": "b" }] }),
            "Manual-1",
        ),
        (
            HERE,
            UntagResource,
            json!({ "resourceName": "Manual-1", "tagKeys": ["a"] }),
            "Manual-1",
        ),
        (
            HERE,
            DeleteInstanceSnapshot,
            json!({ "instanceSnapshotName": "Manual-1" }),
            "Manual-1",
        ),
        (
            HERE,
            DeleteDiskSnapshot,
            json!({ "diskSnapshotName": "Disk-2" }),
            "Disk-2",
        ),
    ] {
        let fault = Fault::operation_fails("InternalError", "Try again.");
        emulator.fault_next(operation, 1, fault);
        let answer = lightsail.call(region, operation, body).await.unwrap();
        let failed = &answer["operations"][0];
        assert_eq!(failed["operationType"], operation.as_str());
        assert_eq!(failed["resourceName"], resource);
        assert_eq!(
            (&failed["status"], &failed["isTerminal"]),
            (&json!("Failed"), &json!(true))
        );
        assert_eq!(failed["errorCode"], "InternalError");
        assert_eq!(failed["errorDetails"], "Try again.");
        let body = json!({ "operationId": failed["id"] });
        let later = lightsail.call(region, GetOperation, body).await.unwrap();
        assert_eq!(&later["operation"], failed);
    }
    assert_eq!(emulator.snapshots(THERE), []);
    let tags = Tags::from([("a".to_owned(), "1".to_owned())]);
    assert_eq!(emulator.snapshot(HERE, "Manual-1").unwrap().tags, tags);
    assert!(emulator.snapshot(HERE, "Disk-2").is_some());

    // Invalid calls are still refused, and operations that change nothing are not affected.
    emulator.fault_next(CopySnapshot, 1, Fault::operation_fails("X", "x"));
    let refused = lightsail
        .refusal(THERE, CopySnapshot, latest("Nowhere", "Copy-1"))
        .await;
    assert_eq!(refused.code, "NotFoundException");
    emulator.fault_next(GetInstances, 1, Fault::operation_fails("X", "x"));
    lightsail.call(HERE, GetInstances, json!({})).await.unwrap();
}

#[tokio::test]
async fn a_region_can_be_unreadable_for_a_while() {
    let lightsail = InProcess::new(WORLD);
    let emulator = &lightsail.emulator;
    for operation in Operation::LISTS {
        emulator.fault_always_in(HERE, operation, Fault::internal());
    }
    emulator.fault_next(GetDisks, 1, Fault::throttled());
    let refused = lightsail.refusal(HERE, GetDisks, json!({})).await;
    assert_eq!(refused.code, "ThrottlingException");
    for operation in Operation::LISTS {
        for _ in 0..3 {
            let refused = lightsail.refusal(HERE, operation, json!({})).await;
            assert_eq!(refused.code, "ServiceException");
        }
        lightsail.call(THERE, operation, json!({})).await.unwrap();
    }
    let body = json!({ "resourceName": "WordPress-1" });
    lightsail.call(HERE, GetAutoSnapshots, body).await.unwrap();
    emulator.clear_faults_in(HERE);
    for operation in Operation::LISTS {
        lightsail.call(HERE, operation, json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn operations_can_be_forgotten() {
    let lightsail = InProcess::new(WORLD);
    copy(&lightsail, manual("Copy-1")).await;
    let body = json!({ "resourceName": "Copy-1" });
    let of_copy = || lightsail.call(THERE, GetOperationsForResource, body.clone());
    let found = of_copy().await.unwrap();
    assert_eq!(
        found["operations"][0]["operationDetails"],
        "us-west-2:Manual-1"
    );
    lightsail.emulator.forget_operations(THERE);
    assert_eq!(of_copy().await.unwrap()["operations"], json!([]));
    let body = json!({ "operationId": found["operations"][0]["id"] });
    let refused = lightsail.refusal(THERE, GetOperation, body).await;
    assert_eq!(refused.code, "NotFoundException");
    lightsail.advance(SignedDuration::from_secs(10));
    assert_eq!(state(&lightsail, "Copy-1"), SnapshotState::Available);
}

#[tokio::test]
async fn a_lookup_can_find_a_snapshot_late() {
    let lightsail = InProcess::new(WORLD);
    lightsail.emulator.hide_snapshot(THERE, "Copy-1", 2);
    let body = json!({ "instanceSnapshotName": "Copy-1" });
    // Lookups of a snapshot that does not exist do not count.
    lightsail
        .refusal(THERE, GetInstanceSnapshot, body.clone())
        .await;
    copy(&lightsail, manual("Copy-1")).await;
    for _ in 0..2 {
        let refused = lightsail
            .refusal(THERE, GetInstanceSnapshot, body.clone())
            .await;
        assert_eq!(refused.code, "NotFoundException");
        let refused = lightsail
            .refusal(THERE, CopySnapshot, manual("Copy-1"))
            .await;
        assert_eq!(refused.message, "Some names are already in use: Copy-1");
    }
    let found = lightsail
        .call(THERE, GetInstanceSnapshot, body)
        .await
        .unwrap();
    assert_eq!(found["instanceSnapshot"]["name"], "Copy-1");
    lightsail.emulator.hide_snapshot(HERE, "Disk-2", 1);
    let body = json!({ "diskSnapshotName": "Disk-2" });
    lightsail.refusal(HERE, GetDiskSnapshot, body.clone()).await;
    lightsail.call(HERE, GetDiskSnapshot, body).await.unwrap();
}

#[tokio::test]
async fn snapshots_can_be_in_any_state() {
    let lightsail = InProcess::new(WORLD);
    let list = lightsail
        .call(HERE, GetDiskSnapshots, json!({}))
        .await
        .unwrap();
    let disk = &list["diskSnapshots"][0];
    assert_eq!(
        (&disk["state"], &disk["progress"]),
        (&json!("unknown"), &json!("0%"))
    );
    let body = json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": "Disk-1", "targetSnapshotName": "Copy-1" });
    let refused = lightsail.refusal(THERE, CopySnapshot, body).await;
    assert_eq!(refused.code, "OperationFailureException");
    let body = json!({ "instanceSnapshotName": "Broken-1" });
    let answer = lightsail
        .call(HERE, GetInstanceSnapshot, body)
        .await
        .unwrap();
    assert_eq!(answer["instanceSnapshot"]["state"], "error");

    copy(&lightsail, manual("Copy-2")).await;
    let created_at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let emulator = &lightsail.emulator;
    emulator
        .set_snapshot_state(THERE, "Copy-2", SnapshotState::Error)
        .unwrap();
    emulator
        .set_snapshot_created_at(THERE, "Copy-2", created_at)
        .unwrap();
    let body = json!({ "instanceSnapshotName": "Copy-2" });
    let answer = lightsail
        .call(THERE, GetInstanceSnapshot, body)
        .await
        .unwrap();
    assert_eq!(answer["instanceSnapshot"]["state"], "error");
    assert_eq!(answer["instanceSnapshot"]["createdAt"], 1767323045.0);
    let error = emulator.set_snapshot_state(THERE, "Nowhere", SnapshotState::Error);
    assert!(error.is_err());
}

#[tokio::test]
async fn somebody_can_remove_a_snapshot() {
    let lightsail = InProcess::new(WORLD);
    let started = copy(&lightsail, manual("Copy-1")).await;
    let emulator = &lightsail.emulator;
    emulator.remove_snapshot(THERE, "Copy-1").unwrap();
    let body = json!({ "instanceSnapshotName": "Copy-1" });
    let refused = lightsail.refusal(THERE, GetInstanceSnapshot, body).await;
    assert_eq!(refused.code, "NotFoundException");
    let body = json!({ "operationId": started["id"] });
    let answer = lightsail.call(THERE, GetOperation, body).await.unwrap();
    assert_eq!(answer["operation"]["status"], "Failed");
    assert!(emulator.remove_snapshot(THERE, "Copy-1").is_err());
}

#[tokio::test]
async fn the_source_arn_can_name_the_destination() {
    for (setting, expected) in [("source", HERE), ("destination", THERE)] {
        let world = WORLD.replacen(
            '{',
            &format!(r#"{{ "open": {{ "copyArnRegion": "{setting}" }},"#),
            1,
        );
        let lightsail = InProcess::new(&world);
        copy(&lightsail, manual("Copy-1")).await;
        copy(&lightsail, latest("WordPress-2", "Copy-2")).await;
        for copy in lightsail.emulator.snapshots(THERE) {
            assert_eq!(copy.from_region(), Some(expected));
        }
    }
}
