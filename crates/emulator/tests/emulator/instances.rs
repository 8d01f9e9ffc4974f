//! Instances and disks: hardware, firewall, attached disks, Windows; and their snapshots.

use jiff::SignedDuration;
use jiff::civil::date;
use lightsail_emulator::Operation::*;
use lightsail_emulator::{
    AutoSnapshotStatus, EditError, InstanceState, Port, Protocol, Region, world,
};
use serde_json::{Value, json};

use crate::support::InProcess;

const HERE: Region = Region::UsWest2;
const THERE: Region = Region::UsEast1;

const WORLD: &str = r#"{ "regions": { "us-west-2": {
    "instances": [
        { "name": "WordPress-1", "createdAt": "2026-01-02T03:04:05Z", "autoSnapshots": [
            { "date": "2026-11-22" },
            { "date": "2026-11-21", "fromAttachedDisks": [ { "name": "Old-Data", "path": "/dev/xvdg", "sizeInGb": 8 } ] } ] },
        { "name": "Ubuntu-1", "blueprintId": "ubuntu_22_04", "bundleId": "nano_3_0", "publicIpAddress": "203.0.113.7",
          "ports": [ { "fromPort": 22, "cidrs": [ "10.0.0.0/8" ], "cidrListAliases": [ "lightsail-connect" ] },
                     { "fromPort": 5000, "toPort": 5010, "protocol": "udp" } ] },
        { "name": "Closed-1", "ports": [], "state": "stopped" },
        { "name": "Windows-1", "blueprintId": "windows_server_2022" } ],
    "disks": [
        { "name": "Data-1", "sizeInGb": 64, "attachedTo": "WordPress-1", "path": "/dev/xvdh" },
        { "name": "Free-1", "isSystemDisk": true } ],
    "instanceSnapshots": [
        { "name": "Manual-1", "fromInstanceName": "WordPress-1" },
        { "name": "Foreign-1", "fromBlueprintId": "debian_12", "fromBundleId": "retired_1_0",
          "fromAttachedDisks": [ { "name": "D" } ] } ] } } }"#;

async fn instance(lightsail: &InProcess, name: &str) -> Value {
    let body = json!({ "instanceName": name });
    let answer = lightsail.call(HERE, GetInstance, body).await.unwrap();
    answer["instance"].clone()
}

async fn disk(lightsail: &InProcess, name: &str) -> Value {
    let body = json!({ "diskName": name });
    let answer = lightsail.call(HERE, GetDisk, body).await.unwrap();
    answer["disk"].clone()
}

async fn instance_snapshot(lightsail: &InProcess, region: Region, name: &str) -> Value {
    let body = json!({ "instanceSnapshotName": name });
    let answer = lightsail.call(region, GetInstanceSnapshot, body).await;
    answer.unwrap()["instanceSnapshot"].clone()
}

async fn copy(lightsail: &InProcess, date: &str, target: &str) -> Value {
    let body = json!({ "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1",
        "restoreDate": date, "targetSnapshotName": target });
    lightsail.call(THERE, CopySnapshot, body).await.unwrap();
    instance_snapshot(lightsail, THERE, target).await["fromAttachedDisks"].clone()
}

#[tokio::test]
async fn an_instance_has_the_hardware_of_its_bundle() {
    let lightsail = InProcess::new(WORLD);
    let wordpress = instance(&lightsail, "WordPress-1").await;
    assert_eq!(wordpress["blueprintId"], "wordpress");
    assert_eq!(wordpress["blueprintName"], "WordPress");
    assert_eq!(wordpress["bundleId"], "small_3_0");
    assert_eq!(wordpress["createdAt"], 1767323045.0);
    assert_eq!(wordpress["state"], json!({ "code": 16, "name": "running" }));
    assert_eq!(wordpress["publicIpAddress"], "198.51.100.10");
    let disks = wordpress["hardware"]["disks"].as_array().unwrap();
    assert_eq!(disks.len(), 2);
    assert_eq!(
        (&disks[0]["isSystemDisk"], &disks[0]["sizeInGb"]),
        (&json!(true), &json!(60))
    );
    assert_eq!(
        (&disks[1]["name"], &disks[1]["sizeInGb"]),
        (&json!("Data-1"), &json!(64))
    );

    let ubuntu = instance(&lightsail, "Ubuntu-1").await;
    assert_eq!(ubuntu["blueprintName"], "Ubuntu");
    assert_eq!(ubuntu["hardware"]["cpuCount"], 2);
    assert_eq!(ubuntu["hardware"]["ramSizeInGb"], 0.5);
    assert_eq!(ubuntu["hardware"]["disks"][0]["sizeInGb"], 20);
    assert_eq!(ubuntu["publicIpAddress"], "203.0.113.7");
    assert_eq!(
        ubuntu["networking"]["monthlyTransfer"]["gbPerMonthAllocated"],
        1024
    );

    let stopped = instance(&lightsail, "Closed-1").await;
    assert_eq!(stopped["state"], json!({ "code": 80, "name": "stopped" }));
    assert_eq!(stopped["publicIpAddress"], Value::Null);
}

#[tokio::test]
async fn an_instance_has_a_firewall() {
    let lightsail = InProcess::new(WORLD);
    let ports = |instance: &Value| instance["networking"]["ports"].clone();
    assert_eq!(
        ports(&instance(&lightsail, "Ubuntu-1").await),
        json!([
            { "fromPort": 22, "toPort": 22, "protocol": "tcp", "accessFrom": "Custom", "accessType": "public",
              "commonName": "", "accessDirection": "inbound", "cidrs": ["10.0.0.0/8"], "ipv6Cidrs": [],
              "cidrListAliases": ["lightsail-connect"] },
            { "fromPort": 5000, "toPort": 5010, "protocol": "udp", "accessFrom": "Anywhere (0.0.0.0/0)",
              "accessType": "public", "commonName": "", "accessDirection": "inbound", "cidrs": ["0.0.0.0/0"],
              "ipv6Cidrs": ["::/0"], "cidrListAliases": [] },
        ])
    );
    assert_eq!(ports(&instance(&lightsail, "Closed-1").await), json!([]));
    let open: Vec<_> = ports(&instance(&lightsail, "WordPress-1").await)
        .as_array()
        .unwrap()
        .iter()
        .map(|port| port["fromPort"].as_u64().unwrap())
        .collect();
    assert_eq!(open, [22, 80, 443]);

    let ping = Port {
        to_port: -1,
        protocol: Protocol::Icmp,
        ..Port::tcp(8)
    };
    lightsail
        .emulator
        .set_ports(HERE, "Closed-1", vec![ping])
        .unwrap();
    let port = &ports(&instance(&lightsail, "Closed-1").await)[0];
    assert_eq!(
        (&port["protocol"], &port["toPort"]),
        (&json!("icmp"), &json!(-1))
    );
    assert!(
        lightsail
            .emulator
            .set_ports(HERE, "Data-1", vec![])
            .is_err()
    );
}

#[tokio::test]
async fn a_disk_shows_where_it_is_attached() {
    let lightsail = InProcess::new(WORLD);
    let data = disk(&lightsail, "Data-1").await;
    assert_eq!(data["attachedTo"], "WordPress-1");
    assert_eq!(data["isAttached"], true);
    assert_eq!(data["path"], "/dev/xvdh");
    assert_eq!(data["state"], "in-use");
    assert_eq!(data["isSystemDisk"], false);
    let free = disk(&lightsail, "Free-1").await;
    assert_eq!(free["attachedTo"], Value::Null);
    assert_eq!(free["isAttached"], false);
    assert_eq!(free["path"], Value::Null);
    assert_eq!(free["state"], "available");
    assert_eq!(free["isSystemDisk"], true);

    let emulator = &lightsail.emulator;
    emulator.attach_disk(HERE, "Free-1", "Ubuntu-1").unwrap();
    assert_eq!(disk(&lightsail, "Free-1").await["attachedTo"], "Ubuntu-1");
    emulator.detach_disk(HERE, "Free-1").unwrap();
    assert_eq!(disk(&lightsail, "Free-1").await["isAttached"], false);
    assert!(emulator.attach_disk(HERE, "Free-1", "Data-1").is_err());
    emulator.remove_instance(HERE, "WordPress-1").unwrap();
    assert_eq!(disk(&lightsail, "Data-1").await["isAttached"], false);
    let lost = world::Source {
        attached_to: Some("Nowhere".to_owned()),
        ..world::Source::named("Lost")
    };
    assert!(emulator.add_disk(HERE, &lost).is_err());
}

#[tokio::test]
async fn snapshots_contain_the_disks_attached_when_they_were_made() {
    let lightsail = InProcess::new(WORLD);
    let names = |disks: &Value| {
        let disks = disks.as_array().unwrap().iter();
        disks
            .map(|disk| disk["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let expected = json!([{ "name": "Data-1", "sizeInGb": 64, "isSystemDisk": false, "iops": 192,
        "path": "/dev/xvdh", "attachedTo": "WordPress-1", "isAttached": true }]);
    assert_eq!(copy(&lightsail, "2026-11-22", "Copy-22").await, expected);
    assert_eq!(
        names(&copy(&lightsail, "2026-11-21", "Copy-21").await),
        ["Old-Data"]
    );
    assert_eq!(
        instance_snapshot(&lightsail, HERE, "Manual-1").await["fromAttachedDisks"],
        expected
    );

    let emulator = &lightsail.emulator;
    emulator.detach_disk(HERE, "Data-1").unwrap();
    emulator.attach_disk(HERE, "Free-1", "WordPress-1").unwrap();
    let add = |day| {
        let status = AutoSnapshotStatus::Success;
        emulator.add_auto_snapshot(HERE, "WordPress-1", date(2026, 11, day), status)
    };
    add(22).unwrap();
    add(23).unwrap();
    assert_eq!(
        names(&copy(&lightsail, "2026-11-22", "Copy-22b").await),
        ["Data-1"]
    );
    assert_eq!(
        names(&copy(&lightsail, "2026-11-23", "Copy-23").await),
        ["Free-1"]
    );
    let view = emulator.snapshot(THERE, "Copy-23").unwrap();
    assert!(view.from.has_disk("Free-1") && view.from.attached_disks.len() == 1);

    let body = json!({ "resourceName": "WordPress-1" });
    let answer = lightsail.call(HERE, GetAutoSnapshots, body).await.unwrap();
    assert_eq!(
        answer["autoSnapshots"][0]["fromAttachedDisks"],
        json!([{ "path": "/dev/xvdf", "sizeInGb": 40 }])
    );

    // The copy of a copy contains the same disks.
    lightsail.advance(SignedDuration::from_mins(1));
    let body = json!({ "sourceRegion": "us-east-1", "sourceSnapshotName": "Copy-22", "targetSnapshotName": "Again" });
    lightsail
        .call(Region::EuWest1, CopySnapshot, body)
        .await
        .unwrap();
    let again = instance_snapshot(&lightsail, Region::EuWest1, "Again").await;
    assert_eq!(again["fromAttachedDisks"], expected);
}

#[tokio::test]
async fn instance_snapshots_name_blueprint_and_bundle() {
    let lightsail = InProcess::new(WORLD);
    let foreign = instance_snapshot(&lightsail, HERE, "Foreign-1").await;
    assert_eq!(foreign["fromBlueprintId"], "debian_12");
    assert_eq!(foreign["fromBundleId"], "retired_1_0");
    assert_eq!(foreign["fromAttachedDisks"][0]["name"], "D");
    lightsail
        .emulator
        .set_auto_snapshots_enabled(HERE, "Ubuntu-1", true)
        .unwrap();
    let status = AutoSnapshotStatus::Success;
    lightsail
        .emulator
        .add_auto_snapshot(HERE, "Ubuntu-1", date(2026, 11, 22), status)
        .unwrap();
    let body = json!({ "sourceRegion": "us-west-2", "sourceResourceName": "Ubuntu-1",
        "useLatestRestorableAutoSnapshot": true, "targetSnapshotName": "Copy-1" });
    lightsail.call(THERE, CopySnapshot, body).await.unwrap();
    let copy = instance_snapshot(&lightsail, THERE, "Copy-1").await;
    assert_eq!(copy["fromBlueprintId"], "ubuntu_22_04");
    assert_eq!(copy["fromBundleId"], "nano_3_0");
    assert_eq!(copy["sizeInGb"], 20);
}

#[tokio::test]
async fn windows_instances_have_no_automatic_snapshots() {
    let lightsail = InProcess::new(WORLD);
    let windows = instance(&lightsail, "Windows-1").await;
    assert_eq!(windows["addOns"], json!([]));
    assert_eq!(windows["username"], "Administrator");
    assert_eq!(windows["bundleId"], "small_win_3_0");
    assert_eq!(windows["networking"]["ports"][1]["fromPort"], 3389);
    let emulator = &lightsail.emulator;
    let refused = EditError::WindowsInstance {
        region: HERE,
        name: "Windows-1".to_owned(),
    };
    assert_eq!(
        emulator.set_auto_snapshots_enabled(HERE, "Windows-1", true),
        Err(refused.clone())
    );
    let status = AutoSnapshotStatus::Success;
    assert_eq!(
        emulator.add_auto_snapshot(HERE, "Windows-1", date(2026, 11, 22), status),
        Err(refused)
    );
    let body = json!({ "resourceName": "Windows-1" });
    let answer = lightsail.call(HERE, GetAutoSnapshots, body).await.unwrap();
    assert_eq!(answer["autoSnapshots"], json!([]));
}

#[tokio::test]
async fn a_source_can_be_created_again_under_its_name() {
    let lightsail = InProcess::new(WORLD);
    let old = instance(&lightsail, "WordPress-1").await;
    let new = world::Source {
        auto_snapshots: Some(Vec::new()),
        state: InstanceState::Pending,
        ..world::Source::named("WordPress-1")
    };
    lightsail.emulator.replace_source(HERE, &new).unwrap();
    let found = instance(&lightsail, "WordPress-1").await;
    assert_ne!(found["arn"], old["arn"]);
    assert_eq!(found["createdAt"], lightsail.now().as_second() as f64);
    assert_eq!(found["state"], json!({ "code": 0, "name": "pending" }));
    assert_eq!(lightsail.emulator.auto_snapshots(HERE, "WordPress-1"), []);
    let manual = instance_snapshot(&lightsail, HERE, "Manual-1").await;
    assert_eq!(manual["fromInstanceArn"], old["arn"]);
    let missing = world::Source::named("Nowhere");
    assert!(lightsail.emulator.replace_source(HERE, &missing).is_err());
    let huge = world::Source {
        bundle_id: Some("huge".to_owned()),
        ..world::Source::named("Huge-1")
    };
    assert_eq!(
        lightsail.emulator.add_instance(HERE, &huge),
        Err(EditError::UnknownBundle("huge".to_owned()))
    );
}
