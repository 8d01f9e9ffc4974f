//! Creating, firewalling and deleting instances and disks.

use crate::support::InProcess;
use jiff::SignedDuration;
use lightsail_emulator::{Fault, InstanceState, Operation, Port, Region};
use serde_json::{Value, json};

const WEST: Region = Region::UsWest2;

fn deployed() -> InProcess {
    InProcess::new(
        r#"{ "startSeconds": 60, "deletionSeconds": 30, "regions": { "us-west-2": {
            "instanceQuota": 3, "inactiveBundles": ["medium_3_0"],
            "instances": [ { "name": "Old-1" } ],
            "instanceSnapshots": [
                { "name": "Shop-copy", "fromInstanceName": "Shop", "fromBundleId": "small_3_0",
                  "fromAttachedDisks": [ { "name": "Data", "path": "/dev/xvdf", "sizeInGb": 64 } ] },
                { "name": "Plain-copy", "fromInstanceName": "Plain" },
                { "name": "Pending-copy", "state": "pending" },
                { "name": "Windows-copy", "fromBlueprintId": "windows_server_2022" } ],
            "diskSnapshots": [ { "name": "Disk-copy", "sizeInGb": 64 } ] } } }"#,
    )
}

fn create(name: &str, snapshot: &str) -> Value {
    json!({ "instanceNames": [name], "availabilityZone": "us-west-2b", "bundleId": "small_3_0",
            "instanceSnapshotName": snapshot, "tags": [{ "key": "restored", "value": snapshot }] })
}

async fn state_of(lightsail: &InProcess, name: &str) -> String {
    let body = json!({ "instanceName": name });
    let found = lightsail
        .call(WEST, Operation::GetInstanceState, body)
        .await
        .unwrap();
    found["state"]["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_instance_starts_with_its_disks_and_default_firewall() {
    let lightsail = deployed();
    let mut body = create("Shop", "Shop-copy");
    body["attachedDiskMapping"] =
        json!({ "Shop": [{ "originalDiskPath": "/dev/xvdf", "newDiskName": "Shop-data" }] });
    let answer = lightsail
        .call(WEST, Operation::CreateInstancesFromSnapshot, body)
        .await
        .unwrap();
    let operation = &answer["operations"][0];
    assert_eq!(operation["operationType"], "CreateInstancesFromSnapshot");
    assert_eq!(
        (&operation["status"], &operation["isTerminal"]),
        (&json!("Started"), &json!(false))
    );
    assert_eq!(state_of(&lightsail, "Shop").await, "pending");
    let id = operation["id"].clone();

    lightsail.advance(SignedDuration::from_secs(60));
    let body = json!({ "instanceName": "Shop" });
    let found = lightsail
        .call(WEST, Operation::GetInstance, body)
        .await
        .unwrap();
    let instance = &found["instance"];
    assert_eq!(instance["state"], json!({ "code": 16, "name": "running" }));
    assert_eq!(instance["publicIpAddress"], "198.51.100.10");
    assert_eq!(instance["location"]["availabilityZone"], "us-west-2b");
    assert_eq!(
        instance["tags"],
        json!([{ "key": "restored", "value": "Shop-copy" }])
    );
    assert_eq!(instance["hardware"]["disks"][1]["name"], "Shop-data");
    let body = json!({ "operationId": id });
    let found = lightsail
        .call(WEST, Operation::GetOperation, body)
        .await
        .unwrap();
    assert_eq!(found["operation"]["status"], "Succeeded");

    let view = &lightsail.emulator.instances(WEST)[1];
    assert_eq!(view.ports, [Port::tcp(22), Port::tcp(80), Port::tcp(443)]);
    let disk = &lightsail.emulator.disks(WEST)[0];
    assert_eq!((disk.size_in_gb, disk.tags.len()), (64, 0));
    assert_eq!(disk.attached_to.as_deref(), Some("Shop"));
}

#[tokio::test]
async fn disks_without_a_mapping_get_a_name() {
    let lightsail = deployed();
    let body = create("Shop", "Shop-copy");
    lightsail
        .call(WEST, Operation::CreateInstancesFromSnapshot, body)
        .await
        .unwrap();
    assert_eq!(lightsail.emulator.disks(WEST)[0].name, "Shop-Data");
}

#[tokio::test]
async fn a_creation_is_refused_for_a_wrong_request() {
    let lightsail = deployed();
    let good = || create("New", "Shop-copy");
    let with = |member: &str, value: Value| {
        let mut body = good();
        body[member] = value;
        body
    };
    let disks = |maps: Value| with("attachedDiskMapping", json!({ "New": maps }));
    for (body, code, message) in [
        (
            with("instanceNames", json!([])),
            "InvalidInputException",
            "instanceNames is required",
        ),
        (
            with("availabilityZone", json!("us-east-1a")),
            "InvalidInputException",
            "not an Availability Zone of us-west-2",
        ),
        (
            with("bundleId", json!("medium_3_0")),
            "InvalidInputException",
            "bundle is not available",
        ),
        (
            with("bundleId", json!("small_2_0")),
            "InvalidInputException",
            "bundle is not available",
        ),
        (
            with("bundleId", json!("nano_3_0")),
            "InvalidInputException",
            "disk is smaller",
        ),
        (
            with("bundleId", json!("small_win_3_0")),
            "InvalidInputException",
            "does not support the platform",
        ),
        (
            with("instanceSnapshotName", json!("Disk-copy")),
            "NotFoundException",
            "does not exist: Disk-copy",
        ),
        (
            with("instanceSnapshotName", json!("Pending-copy")),
            "OperationFailureException",
            "not available",
        ),
        (
            with("instanceNames", json!(["Old-1"])),
            "InvalidInputException",
            "already in use: Old-1",
        ),
        (
            with("instanceNames", json!(["A-1", "A-1"])),
            "InvalidInputException",
            "uses a name twice: A-1",
        ),
        (
            disks(json!([{ "originalDiskPath": "/dev/xvdz", "newDiskName": "D-1" }])),
            "InvalidInputException",
            "no disk with this path",
        ),
        (
            disks(json!([{ "originalDiskPath": "/dev/xvdf", "newDiskName": "Old-1" }])),
            "InvalidInputException",
            "already in use: Old-1",
        ),
        (
            with("instanceNames", json!(["A-1", "A-2", "A-3"])),
            "InvalidInputException",
            "maximum limit of Lightsail Instances : 3",
        ),
    ] {
        let refused = lightsail
            .refusal(WEST, Operation::CreateInstancesFromSnapshot, body)
            .await;
        assert_eq!(refused.code, code, "{refused:?}");
        assert!(refused.message.contains(message), "{refused:?}");
    }
    assert_eq!(lightsail.emulator.instances(WEST).len(), 1);
    lightsail
        .emulator
        .set_bundle_active(WEST, "medium_3_0", true);
    lightsail
        .call(
            WEST,
            Operation::CreateInstancesFromSnapshot,
            with("bundleId", json!("medium_3_0")),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn creations_have_faults() {
    let lightsail = deployed();
    let operation = Operation::CreateInstancesFromSnapshot;
    lightsail
        .emulator
        .fault_next(operation, 1, Fault::insufficient_capacity());
    let refused = lightsail
        .refusal(WEST, operation, create("New", "Plain-copy"))
        .await;
    assert_eq!(refused.code, "InsufficientInstanceCapacity");

    lightsail
        .emulator
        .fault_next(operation, 1, Fault::operation_fails("Failed", "Broken"));
    let answer = lightsail
        .call(WEST, operation, create("New", "Plain-copy"))
        .await
        .unwrap();
    assert_eq!(answer["operations"][0]["status"], "Failed");
    assert_eq!(lightsail.emulator.instances(WEST).len(), 1);

    lightsail
        .emulator
        .fault_next(operation, 1, Fault::StartTakes(SignedDuration::MAX));
    lightsail
        .call(WEST, operation, create("New", "Plain-copy"))
        .await
        .unwrap();
    lightsail.advance(SignedDuration::from_hours(1000));
    assert_eq!(state_of(&lightsail, "New").await, "pending");
}

#[tokio::test]
async fn a_disk_is_created_from_a_snapshot() {
    let lightsail = deployed();
    let body = |size: u32| {
        json!({ "diskName": "Data", "diskSnapshotName": "Disk-copy",
                "availabilityZone": "us-west-2a", "sizeInGb": size, "tags": [{ "key": "k" }] })
    };
    let refused = lightsail
        .refusal(WEST, Operation::CreateDiskFromSnapshot, body(32))
        .await;
    assert!(refused.message.contains("at least 64"), "{refused:?}");
    lightsail
        .call(WEST, Operation::CreateDiskFromSnapshot, body(80))
        .await
        .unwrap();
    let name = json!({ "diskName": "Data" });
    let state = async || {
        let found = lightsail.call(WEST, Operation::GetDisk, name.clone()).await;
        found.unwrap()["disk"]["state"].clone()
    };
    assert_eq!(state().await, "pending");
    lightsail.advance(SignedDuration::from_secs(60));
    assert_eq!(state().await, "available");
    let refused = lightsail
        .refusal(WEST, Operation::CreateDiskFromSnapshot, body(80))
        .await;
    assert!(refused.message.contains("in use: Data"), "{refused:?}");
}

#[tokio::test]
async fn a_firewall_is_replaced() {
    let lightsail = deployed();
    let put = |ports: Value| json!({ "instanceName": "Old-1", "portInfos": ports });
    let ports = json!([
        { "fromPort": 22, "toPort": 22, "protocol": "tcp", "cidrListAliases": ["lightsail-connect"] },
        { "fromPort": 5000, "toPort": 5010, "protocol": "udp", "cidrs": ["10.0.0.0/8"], "ipv6Cidrs": ["2001:db8::/32"] },
        { "fromPort": 8, "toPort": -1, "protocol": "icmp" },
    ]);
    let answer = lightsail
        .call(WEST, Operation::PutInstancePublicPorts, put(ports))
        .await
        .unwrap();
    assert_eq!(
        answer["operation"]["operationType"],
        "PutInstancePublicPorts"
    );
    assert_eq!(answer["operation"]["status"], "Succeeded");
    let name = json!({ "instanceName": "Old-1" });
    let found = lightsail
        .call(WEST, Operation::GetInstancePortStates, name)
        .await
        .unwrap();
    let found = found["portStates"].as_array().unwrap();
    assert_eq!(found[0]["cidrListAliases"], json!(["lightsail-connect"]));
    assert_eq!(found[1]["ipv6Cidrs"], json!(["2001:db8::/32"]));
    assert_eq!(
        (&found[2]["cidrs"], &found[2]["state"]),
        (&json!(["0.0.0.0/0"]), &json!("open"))
    );

    for bad in [
        json!([{ "fromPort": 2, "toPort": 1, "protocol": "tcp" }]),
        json!([{ "fromPort": 1, "toPort": 1, "protocol": "tcp", "cidrs": ["10.0.0.0/40"] }]),
        json!([{ "fromPort": 1, "toPort": 1, "protocol": "tcp", "ipv6Cidrs": ["10.0.0.0/8"] }]),
        json!([{ "fromPort": 1, "toPort": 1, "protocol": "tcp", "cidrListAliases": ["home"] }]),
    ] {
        let refused = lightsail
            .refusal(WEST, Operation::PutInstancePublicPorts, put(bad))
            .await;
        assert_eq!(refused.code, "InvalidInputException");
    }
    lightsail
        .call(WEST, Operation::PutInstancePublicPorts, put(json!([])))
        .await
        .unwrap();
    assert_eq!(lightsail.emulator.instances(WEST)[0].ports, []);

    let body = create("New", "Plain-copy");
    lightsail
        .call(WEST, Operation::CreateInstancesFromSnapshot, body)
        .await
        .unwrap();
    let body = json!({ "instanceName": "New", "portInfos": [] });
    let refused = lightsail
        .refusal(WEST, Operation::PutInstancePublicPorts, body)
        .await;
    assert!(refused.message.contains("is starting"), "{refused:?}");
}

#[tokio::test]
async fn bundles_are_those_of_the_region() {
    let lightsail = deployed();
    let ids = async |region, body| {
        let found = lightsail.call(region, Operation::GetBundles, body).await;
        let found = found.unwrap();
        let bundles = found["bundles"].as_array().unwrap().iter();
        bundles
            .map(|bundle| bundle["bundleId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let offered = ids(WEST, json!({})).await;
    assert!(offered.contains(&"small_3_0".to_owned()));
    assert!(!offered.contains(&"medium_3_0".to_owned()));
    assert!(!offered.contains(&"small_2_0".to_owned()));
    let elsewhere = ids(Region::UsEast1, json!({})).await;
    assert!(elsewhere.contains(&"medium_3_0".to_owned()));

    let all = json!({ "includeInactive": true });
    let found = lightsail
        .call(WEST, Operation::GetBundles, all)
        .await
        .unwrap();
    let bundles = found["bundles"].as_array().unwrap();
    let medium = bundles
        .iter()
        .find(|bundle| bundle["bundleId"] == "medium_3_0")
        .unwrap();
    assert_eq!(
        *medium,
        json!({ "price": 24.0, "cpuCount": 2, "diskSizeInGb": 80, "bundleId": "medium_3_0",
                "instanceType": "medium", "isActive": false, "name": "Medium", "power": 2000,
                "ramSizeInGb": 4.0, "transferPerMonthInGb": 4096,
                "supportedPlatforms": ["LINUX_UNIX"], "supportedAppCategories": [],
                "publicIpv4AddressCount": 1 })
    );
}

#[tokio::test]
async fn a_deleted_instance_remains_for_a_while() {
    let lightsail = deployed();
    let body = create("Shop", "Shop-copy");
    lightsail
        .call(WEST, Operation::CreateInstancesFromSnapshot, body)
        .await
        .unwrap();
    let disk = json!({ "diskName": "Shop-Data" });
    let refused = lightsail
        .refusal(WEST, Operation::DeleteDisk, disk.clone())
        .await;
    assert!(refused.message.contains("is attached"), "{refused:?}");

    let instance = json!({ "instanceName": "Shop" });
    let answer = lightsail
        .call(WEST, Operation::DeleteInstance, instance.clone())
        .await
        .unwrap();
    assert_eq!(answer["operations"][0]["status"], "Started");
    assert_eq!(state_of(&lightsail, "Shop").await, "shutting-down");
    let refused = lightsail
        .refusal(WEST, Operation::DeleteInstance, instance.clone())
        .await;
    assert_eq!(refused.code, "OperationFailureException");

    lightsail.advance(SignedDuration::from_secs(30));
    let refused = lightsail
        .refusal(WEST, Operation::DeleteInstance, instance)
        .await;
    assert_eq!(refused.code, "NotFoundException");
    assert_eq!(lightsail.emulator.instances(WEST).len(), 1);
    let view = &lightsail.emulator.disks(WEST)[0];
    assert_eq!(view.attached_to, None);

    lightsail
        .call(WEST, Operation::DeleteDisk, disk)
        .await
        .unwrap();
    lightsail.advance(SignedDuration::from_secs(30));
    assert_eq!(lightsail.emulator.disks(WEST), []);
}

#[tokio::test]
async fn a_running_instance_has_a_public_address() {
    let lightsail = deployed();
    let address = "127.0.0.2";
    lightsail
        .emulator
        .set_public_ip_address(WEST, "Old-1", address)
        .unwrap();
    let body = json!({ "instanceName": "Old-1" });
    let found = lightsail
        .call(WEST, Operation::GetInstance, body)
        .await
        .unwrap();
    assert_eq!(found["instance"]["publicIpAddress"], address);
    assert_eq!(
        lightsail.emulator.instances(WEST)[0].state,
        InstanceState::Running
    );
}

#[tokio::test]
async fn a_quota_can_be_raised() {
    let lightsail = deployed();
    lightsail.emulator.set_instance_quota(WEST, Some(1));
    let operation = Operation::CreateInstancesFromSnapshot;
    let refused = lightsail
        .refusal(WEST, operation, create("New", "Plain-copy"))
        .await;
    assert!(refused.message.contains("maximum limit"), "{refused:?}");
    lightsail.emulator.set_instance_quota(WEST, None);
    lightsail
        .call(WEST, operation, create("New", "Plain-copy"))
        .await
        .unwrap();
}
