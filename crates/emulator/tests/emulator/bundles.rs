//! Bundles: their ids by Region, their prices, and what an instance needs of its bundle.

use lightsail_emulator::Operation::*;
use lightsail_emulator::Region;
use serde_json::{Value, json};

use crate::support::InProcess;

const WORLD: &str = r#"{ "startSeconds": 10, "regions": {
    "us-west-2": { "instanceSnapshots": [ { "name": "Small", "sizeInGb": 20 }, { "name": "Large", "sizeInGb": 80 } ] },
    "ap-southeast-2": { "instances": [ { "name": "Web" } ], "instanceSnapshots": [ { "name": "Small", "sizeInGb": 20 } ] } } }"#;

async fn bundles(lightsail: &InProcess, region: Region, body: Value) -> Vec<Value> {
    let answer = lightsail.call(region, GetBundles, body).await.unwrap();
    answer["bundles"].as_array().unwrap().clone()
}

fn restore(snapshot: &str, zone: &str, bundle: &str, addresses: Option<&str>) -> Value {
    let mut body = json!({ "instanceNames": ["New-1"], "availabilityZone": zone, "bundleId": bundle,
        "instanceSnapshotName": snapshot });
    if let Some(addresses) = addresses {
        body["ipAddressType"] = json!(addresses);
    }
    body
}

#[tokio::test]
async fn each_region_has_its_own_ids_for_the_same_hardware() {
    let lightsail = InProcess::new(WORLD);
    for (region, id) in [
        (Region::UsEast1, "small_3_0"),
        (Region::ApSouth1, "small_3_1"),
        (Region::SaEast1, "small_3_1"),
        (Region::ApSoutheast2, "small_3_2"),
    ] {
        let found = bundles(&lightsail, region, json!({})).await;
        let small = found.iter().find(|bundle| bundle["bundleId"] == id);
        assert_eq!(small.unwrap()["price"], 12.0, "{region}");
        let suffix = &id["small".len()..];
        assert!(found.iter().all(
            |bundle| bundle["bundleId"].as_str().unwrap().ends_with(suffix)
                && bundle["isActive"] == true
        ));
    }
    let instance = &lightsail.emulator.instances(Region::ApSoutheast2)[0];
    assert_eq!(instance.bundle_id, "small_3_2");
    let body = restore("Small", "ap-southeast-2a", "small_3_0", None);
    let refused = lightsail
        .refusal(Region::ApSoutheast2, CreateInstancesFromSnapshot, body)
        .await;
    assert!(refused.message.contains("not available in this Region"));
}

#[tokio::test]
async fn the_generation_before_is_inactive() {
    let lightsail = InProcess::new(WORLD);
    let all = json!({ "includeInactive": true });
    let found = bundles(&lightsail, Region::UsEast1, all).await;
    let old = found.iter().find(|bundle| bundle["bundleId"] == "nano_2_0");
    let old = old.unwrap();
    assert_eq!(
        (&old["isActive"], &old["price"]),
        (&json!(false), &json!(3.5))
    );
}

#[tokio::test]
async fn a_bundle_has_room_for_the_snapshot() {
    let lightsail = InProcess::new(WORLD);
    let body = restore("Large", "us-west-2a", "small_3_0", None);
    let refused = lightsail
        .refusal(Region::UsWest2, CreateInstancesFromSnapshot, body)
        .await;
    assert!(
        refused
            .message
            .contains("disk is smaller than the snapshot, 80 GB")
    );
    let body = restore("Large", "us-west-2a", "4xlarge_3_0", None);
    let created = lightsail.call(Region::UsWest2, CreateInstancesFromSnapshot, body);
    created.await.unwrap();
}

#[tokio::test]
async fn an_ipv6_only_bundle_needs_the_address_type_ipv6() {
    let lightsail = InProcess::new(WORLD);
    let found = bundles(&lightsail, Region::UsWest2, json!({})).await;
    for bundle in &found {
        let is_ipv6_only = bundle["bundleId"].as_str().unwrap().contains("_ipv6_");
        assert_eq!(
            bundle["publicIpv4AddressCount"] == 0,
            is_ipv6_only,
            "{bundle}"
        );
    }
    for (bundle, addresses) in [
        ("nano_ipv6_3_0", None),
        ("nano_ipv6_3_0", Some("dualstack")),
        ("nano_3_0", Some("ipv6")),
    ] {
        let body = restore("Small", "us-west-2a", bundle, addresses);
        let refused = lightsail
            .refusal(Region::UsWest2, CreateInstancesFromSnapshot, body)
            .await;
        assert!(refused.message.contains("IP address type"), "{refused:?}");
    }
    let body = restore("Small", "us-west-2a", "nano_ipv6_3_0", Some("ipv6"));
    let created = lightsail.call(Region::UsWest2, CreateInstancesFromSnapshot, body);
    created.await.unwrap();
    lightsail.advance(jiff::SignedDuration::from_secs(60));
    let body = json!({ "instanceName": "New-1" });
    let answer = lightsail.call(Region::UsWest2, GetInstance, body).await;
    let instance = &answer.unwrap()["instance"];
    assert_eq!(instance["ipAddressType"], "ipv6");
    assert_eq!(instance["publicIpAddress"], Value::Null);
    assert_eq!(instance["ipv6Addresses"].as_array().unwrap().len(), 1);
}
