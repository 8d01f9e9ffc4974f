//! The operations that make instances, disks, snapshots and static IP addresses, add-ons, and what the
//! console adds.

use jiff::SignedDuration;
use lightsail_emulator::Operation::{self, *};
use lightsail_emulator::{Fault, Region, SnapshotState, Tags};
use serde_json::{Value, json};

use crate::support::{InProcess, Refused};

const HERE: Region = Region::UsWest2;

const WORLD: &str = r#"{ "copySeconds": 10, "startSeconds": 10, "deletionSeconds": 10, "copyLimit": 1,
    "regions": { "us-west-2": {
        "staticIps": [ "Address-1" ], "keyPairs": [ "Key-1" ],
        "instances": [ { "name": "Web-1", "tags": { "backup": "dr" }, "autoSnapshots": [ { "date": "today" } ] },
                       { "name": "Windows-1", "blueprintId": "windows_server_2022" } ],
        "disks": [ { "name": "Data-1", "sizeInGb": 64, "tags": { "a": "b" } },
                   { "name": "Data-2", "attachedTo": "Web-1" } ] } } }"#;

async fn call(lightsail: &InProcess, operation: Operation, body: Value) -> Vec<Value> {
    let answer = lightsail.call(HERE, operation, body).await.unwrap();
    answer["operations"].as_array().unwrap().clone()
}

async fn refused(lightsail: &InProcess, operation: Operation, body: Value) -> Refused {
    lightsail.refusal(HERE, operation, body).await
}

/// The type of each Operation, its resource, its details and its status.
fn seen(operations: &[Value]) -> Vec<[&str; 4]> {
    let members = [
        "operationType",
        "resourceName",
        "operationDetails",
        "status",
    ];
    let operations = operations.iter();
    operations
        .map(|operation| members.map(|member| operation[member].as_str().unwrap_or("-")))
        .collect()
}

async fn get(lightsail: &InProcess, operation: Operation, parameter: &str, name: &str) -> Value {
    let body = json!({ parameter: name });
    lightsail.call(HERE, operation, body).await.unwrap()
}

fn instance(name: &str) -> Value {
    json!({ "instanceNames": [name], "availabilityZone": "us-west-2a", "blueprintId": "ubuntu_24_04",
        "bundleId": "nano_3_0", "tags": [{ "key": "k" }] })
}

#[tokio::test]
async fn an_instance_and_a_disk_are_made_attached_and_deleted() {
    let lightsail = InProcess::new(WORLD);
    let operations = call(&lightsail, CreateInstances, instance("New-1")).await;
    assert_eq!(
        seen(&operations),
        [["CreateInstance", "New-1", "-", "Started"]]
    );
    let disk = json!({ "diskName": "Disk-1", "availabilityZone": "us-west-2a", "sizeInGb": 8 });
    call(&lightsail, CreateDisk, disk).await;
    let attach = json!({ "diskName": "Disk-1", "instanceName": "New-1", "diskPath": "/dev/xvdf" });
    let early = refused(&lightsail, AttachDisk, attach.clone()).await;
    assert_eq!(early.code, "OperationFailureException");

    lightsail.advance(SignedDuration::from_secs(10));
    let found = get(&lightsail, GetInstance, "instanceName", "New-1").await;
    let found = &found["instance"];
    assert_eq!(found["state"]["name"], "running");
    assert_eq!(found["blueprintName"], "Ubuntu");
    assert_eq!(found["tags"], json!([{ "key": "k" }]));
    assert_eq!(found["hardware"]["disks"][0]["sizeInGb"], 20);
    let operations = call(&lightsail, AttachDisk, attach.clone()).await;
    assert_eq!(
        seen(&operations),
        [
            ["AttachDisk", "Disk-1", "New-1", "Started"],
            ["AttachDisk", "New-1", "Disk-1", "Started"]
        ]
    );
    refused(&lightsail, AttachDisk, attach).await;

    let operations = call(
        &lightsail,
        DeleteInstance,
        json!({ "instanceName": "New-1" }),
    )
    .await;
    assert_eq!(
        seen(&operations),
        [
            ["DetachDisk", "Disk-1", "New-1", "Started"],
            ["DetachDisk", "New-1", "Disk-1", "Started"],
            ["DeleteInstance", "New-1", "-", "Succeeded"]
        ]
    );
    let found = get(&lightsail, GetInstanceState, "instanceName", "New-1").await;
    assert_eq!(found["state"]["name"], "shutting-down");
    lightsail.advance(SignedDuration::from_secs(10));
    let operations = call(&lightsail, DeleteDisk, json!({ "diskName": "Disk-1" })).await;
    assert_eq!(
        seen(&operations),
        [["DeleteDisk", "Disk-1", "-", "Succeeded"]]
    );
}

#[tokio::test]
async fn a_snapshot_is_pending_is_no_copy_and_contains_the_attached_disks() {
    let lightsail = InProcess::new(WORLD);
    let body = json!({ "instanceName": "Web-1", "instanceSnapshotName": "Web-1-a" });
    let operations = call(&lightsail, CreateInstanceSnapshot, body.clone()).await;
    assert_eq!(
        seen(&operations),
        [
            ["CreateInstanceSnapshot", "Web-1-a", "Web-1", "Started"],
            ["CreateInstanceSnapshot", "Web-1", "Web-1-a", "Started"]
        ]
    );
    let again = refused(&lightsail, CreateInstanceSnapshot, body).await;
    assert_eq!(again.message, "Some names are already in use: Web-1-a");
    let found = lightsail.emulator.snapshot(HERE, "Web-1-a").unwrap();
    assert_eq!(
        (found.state, &found.tags),
        (SnapshotState::Pending, &Tags::new())
    );
    assert!(found.from.has_disk("Data-2"));
    // The limit is one copy.
    let copy = json!({ "sourceRegion": "us-west-2", "sourceResourceName": "Web-1",
        "useLatestRestorableAutoSnapshot": true, "targetSnapshotName": "Copy-1" });
    call(&lightsail, CopySnapshot, copy).await;
    lightsail.advance(SignedDuration::from_secs(10));
    let found = lightsail.emulator.snapshot(HERE, "Web-1-a").unwrap();
    assert_eq!(found.state, SnapshotState::Available);

    let body =
        json!({ "diskName": "Data-1", "diskSnapshotName": "Data-1-a", "tags": [{ "key": "k" }] });
    call(&lightsail, CreateDiskSnapshot, body).await;
    lightsail.advance(SignedDuration::from_secs(10));
    let found = get(&lightsail, GetDiskSnapshot, "diskSnapshotName", "Data-1-a").await;
    let found = &found["diskSnapshot"];
    assert_eq!(
        (
            &found["state"],
            &found["fromDiskName"],
            &found["sizeInGb"],
            &found["tags"]
        ),
        (
            &json!("completed"),
            &json!("Data-1"),
            &json!(64),
            &json!([{ "key": "k" }])
        )
    );
}

#[tokio::test]
async fn a_failed_operation_makes_nothing() {
    let lightsail = InProcess::new(WORLD);
    let snapshot = json!({ "instanceName": "Web-1", "instanceSnapshotName": "New-2" });
    for (operation, body) in [
        (CreateInstances, instance("New-1")),
        (CreateInstanceSnapshot, snapshot),
        (AllocateStaticIp, json!({ "staticIpName": "New-3" })),
    ] {
        let fault = Fault::operation_fails("Broken", "It broke.");
        lightsail.emulator.fault_next(operation, 1, fault);
        let operations = call(&lightsail, operation, body.clone()).await;
        assert_eq!(operations[0]["status"], "Failed");
        // The name is still free.
        let operations = call(&lightsail, operation, body).await;
        assert_ne!(operations[0]["status"], "Failed");
    }
}

#[tokio::test]
async fn all_kinds_of_resources_share_their_names() {
    let lightsail = InProcess::new(WORLD);
    let operations = call(
        &lightsail,
        AllocateStaticIp,
        json!({ "staticIpName": "Address-2" }),
    )
    .await;
    assert_eq!(
        seen(&operations),
        [["AllocateStaticIp", "Address-2", "-", "Succeeded"]]
    );
    for name in ["Address-1", "Address-2", "Key-1", "Web-1", "Data-1"] {
        for (operation, body) in [
            (CreateInstances, instance(name)),
            (AllocateStaticIp, json!({ "staticIpName": name })),
            (
                CreateInstanceSnapshot,
                json!({ "instanceName": "Web-1", "instanceSnapshotName": name }),
            ),
            (
                CopySnapshot,
                json!({ "sourceRegion": "us-west-2", "sourceResourceName": "Web-1",
                    "useLatestRestorableAutoSnapshot": true, "targetSnapshotName": name }),
            ),
        ] {
            let error = refused(&lightsail, operation, body).await;
            assert_eq!(error.code, "InvalidInputException");
            assert_eq!(
                error.message,
                format!("Some names are already in use: {name}")
            );
        }
    }
    call(
        &lightsail,
        ReleaseStaticIp,
        json!({ "staticIpName": "Address-2" }),
    )
    .await;
    call(
        &lightsail,
        AllocateStaticIp,
        json!({ "staticIpName": "Address-2" }),
    )
    .await;
}

#[tokio::test]
async fn names_have_rules() {
    let lightsail = InProcess::new(WORLD);
    let long = "a".repeat(256);
    for name in ["a", "-ab", "ab_", "a b", "a,b", "\u{e4}b", &long] {
        let error = refused(
            &lightsail,
            AllocateStaticIp,
            json!({ "staticIpName": name }),
        )
        .await;
        assert!(
            error.message.contains("must have 2 to 255"),
            "{name}: {error:?}"
        );
    }
    for name in ["a1", "a-b_c.d", &long[1..]] {
        call(
            &lightsail,
            AllocateStaticIp,
            json!({ "staticIpName": name }),
        )
        .await;
    }
}

#[tokio::test]
async fn the_add_on_can_be_switched_and_keeps_what_it_made() {
    let lightsail = InProcess::new(WORLD);
    let request = |name: &str, hour: &str| {
        json!({ "resourceName": name, "addOnRequest": { "addOnType": "AutoSnapshot",
            "autoSnapshotAddOnRequest": { "snapshotTimeOfDay": hour } } })
    };
    let operations = call(&lightsail, EnableAddOn, request("Data-1", "22:00")).await;
    assert_eq!(
        seen(&operations),
        [["EnableAddOn", "Data-1", "-", "Succeeded"]]
    );
    let found = get(&lightsail, GetDisk, "diskName", "Data-1").await;
    assert_eq!(
        found["disk"]["addOns"],
        json!([{ "name": "AutoSnapshot", "status": "Enabled", "snapshotTimeOfDay": "22:00" }])
    );
    let windows = refused(&lightsail, EnableAddOn, request("Windows-1", "22:00")).await;
    assert_eq!(windows.code, "OperationFailureException");
    let hour = refused(&lightsail, EnableAddOn, request("Data-1", "22:30")).await;
    assert_eq!(hour.code, "InvalidInputException");

    let off = json!({ "resourceName": "Web-1", "addOnType": "AutoSnapshot" });
    call(&lightsail, DisableAddOn, off).await;
    let found = get(&lightsail, GetAutoSnapshots, "resourceName", "Web-1").await;
    assert_eq!(found["autoSnapshots"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_console_copies_tags_to_snapshots_and_from_snapshots() {
    let lightsail = InProcess::new(WORLD);
    let emulator = &lightsail.emulator;
    emulator
        .snapshot_in_console(HERE, "Web-1", "Web-1-b")
        .unwrap();
    emulator
        .snapshot_in_console(HERE, "Data-1", "Data-1-b")
        .unwrap();
    let tags = Tags::from([("backup".to_owned(), "dr".to_owned())]);
    assert_eq!(emulator.snapshot(HERE, "Web-1-b").unwrap().tags, tags);
    lightsail.advance(SignedDuration::from_secs(10));
    emulator
        .restore_in_console(HERE, "Web-1-b", "Web-2")
        .unwrap();
    emulator
        .restore_in_console(HERE, "Data-1-b", "Data-9")
        .unwrap();
    let instances = emulator.instances(HERE);
    let restored = instances
        .iter()
        .find(|found| found.name == "Web-2")
        .unwrap();
    assert_eq!((&restored.tags, &*restored.bundle_id), (&tags, "small_3_0"));
    let disks = emulator.disks(HERE);
    let restored = disks.iter().find(|found| found.name == "Data-9").unwrap();
    assert_eq!((restored.size_in_gb, &*restored.tags["a"]), (64, "b"));
    assert_eq!(emulator.call_count(), 0);
    let used = emulator.restore_in_console(HERE, "Web-1-b", "Web-1");
    assert_eq!(used.unwrap_err().reason.as_deref(), Some("NameExists"));
    assert!(
        emulator
            .snapshot_in_console(HERE, "Nowhere-1", "x1")
            .is_err()
    );
}
