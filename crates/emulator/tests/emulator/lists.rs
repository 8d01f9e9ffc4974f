//! Lists, single resources, operations, tags, deletions, Regions.

use lightsail_emulator::Operation::*;
use lightsail_emulator::{Operation, Region, Tags, world};
use serde_json::{Value, json};

use crate::support::InProcess;

const WORLD: &str = r#"{ "pageSize": 2, "regions": { "us-west-2": {
    "instances": [
        { "name": "a1", "tags": { "backup": "dr", "env": "" }, "autoSnapshots": [
            { "date": "today-2", "createdAt": "2026-11-20T07:30:00.5Z" }, { "date": "today", "status": "InProgress" } ] },
        { "name": "b1" }, { "name": "c1", "autoSnapshots": [] }, { "name": "d1" }, { "name": "e1" } ],
    "disks": [ { "name": "a2", "sizeInGb": 64, "autoSnapshots": [] } ],
    "instanceSnapshots": [ { "name": "s1", "fromInstanceName": "a1" }, { "name": "s2" }, { "name": "s3" } ],
    "diskSnapshots": [ { "name": "t1", "fromDiskName": "a2", "state": "completed" }, { "name": "t2", "state": "pending" } ] } } }"#;

const HERE: Region = Region::UsWest2;

/// The names in a list, and the token of the next page.
async fn page(
    lightsail: &InProcess,
    operation: Operation,
    list: &str,
    token: Option<&str>,
) -> (Vec<String>, Option<String>) {
    let body = token.map_or(json!({}), |token| json!({ "pageToken": token }));
    let answer = lightsail.call(HERE, operation, body).await.unwrap();
    let items = answer[list].as_array().unwrap();
    let names = items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned());
    let token = answer["nextPageToken"].as_str().map(str::to_owned);
    (names.collect(), token)
}

#[tokio::test]
async fn lists_come_in_pages() {
    let lightsail = InProcess::new(WORLD);
    for (operation, list, expected) in [
        (
            GetInstances,
            "instances",
            vec!["a1", "b1", "c1", "d1", "e1"],
        ),
        (GetDisks, "disks", vec!["a2"]),
        (
            GetInstanceSnapshots,
            "instanceSnapshots",
            vec!["s1", "s2", "s3"],
        ),
        (GetDiskSnapshots, "diskSnapshots", vec!["t1", "t2"]),
    ] {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let (names, next) = page(&lightsail, operation, list, token.as_deref()).await;
            assert!(names.len() <= 2);
            found.extend(names);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn pages_have_no_gaps_when_items_come_and_go() {
    let lightsail = InProcess::new(WORLD);
    let (names, token) = page(&lightsail, GetInstances, "instances", None).await;
    assert_eq!(names, ["a1", "b1"]);
    lightsail.emulator.remove_instance(HERE, "b1").unwrap();
    lightsail.emulator.remove_instance(HERE, "d1").unwrap();
    lightsail
        .emulator
        .add_instance(HERE, &world::Source::named("a0"))
        .unwrap();
    lightsail
        .emulator
        .add_instance(HERE, &world::Source::named("c0"))
        .unwrap();
    let (names, token) = page(&lightsail, GetInstances, "instances", token.as_deref()).await;
    assert_eq!(names, ["c0", "c1"]);
    let (names, token) = page(&lightsail, GetInstances, "instances", token.as_deref()).await;
    assert_eq!(names, ["e1"]);
    assert_eq!(token, None);
}

#[tokio::test]
async fn a_bad_page_token_is_refused() {
    let lightsail = InProcess::new(WORLD);
    let (_, token) = page(&lightsail, GetInstances, "instances", None).await;
    for (operation, token) in [(GetInstances, "nonsense"), (GetDisks, &token.unwrap())] {
        let refused = lightsail
            .refusal(HERE, operation, json!({ "pageToken": token }))
            .await;
        assert_eq!(refused.code, "InvalidInputException");
    }
}

#[tokio::test]
async fn an_instance_and_a_disk_have_the_members_of_the_api() {
    let lightsail = InProcess::new(WORLD);
    let answer = lightsail
        .call(HERE, GetInstance, json!({ "instanceName": "a1" }))
        .await
        .unwrap();
    let instance = &answer["instance"];
    assert_eq!(instance["resourceType"], "Instance");
    assert_eq!(
        instance["location"],
        json!({ "availabilityZone": "us-west-2a", "regionName": "us-west-2" })
    );
    assert_eq!(
        instance["tags"],
        json!([{ "key": "backup", "value": "dr" }, { "key": "env" }])
    );
    let enabled =
        json!([{ "name": "AutoSnapshot", "status": "Enabled", "snapshotTimeOfDay": "06:00" }]);
    let disabled = json!([{ "name": "AutoSnapshot", "status": "Disabled" }]);
    assert_eq!(instance["addOns"], enabled);
    for (name, expected) in [("b1", &disabled), ("c1", &enabled)] {
        let answer = lightsail
            .call(HERE, GetInstance, json!({ "instanceName": name }))
            .await
            .unwrap();
        assert_eq!(&answer["instance"]["addOns"], expected);
    }
    let answer = lightsail
        .call(HERE, GetDisk, json!({ "diskName": "a2" }))
        .await
        .unwrap();
    assert_eq!(answer["disk"]["resourceType"], "Disk");
    assert_eq!(answer["disk"]["sizeInGb"], 64);
    assert_eq!(answer["disk"]["addOns"], enabled);
    lightsail
        .emulator
        .set_auto_snapshots_enabled(HERE, "a2", false)
        .unwrap();
    let answer = lightsail
        .call(HERE, GetDisk, json!({ "diskName": "a2" }))
        .await
        .unwrap();
    assert_eq!(answer["disk"]["addOns"], disabled);
}

#[tokio::test]
async fn automatic_snapshots_come_newest_first() {
    let lightsail = InProcess::new(WORLD);
    let answer = lightsail
        .call(HERE, GetAutoSnapshots, json!({ "resourceName": "a1" }))
        .await
        .unwrap();
    assert_eq!(
        answer,
        json!({ "resourceName": "a1", "resourceType": "Instance", "autoSnapshots": [
            { "date": "2026-11-22", "createdAt": 1795327200.0, "status": "InProgress", "fromAttachedDisks": [] },
            { "date": "2026-11-20", "createdAt": 1795159800.5, "status": "Success", "fromAttachedDisks": [] },
        ] })
    );
    for (name, resource_type) in [("b1", "Instance"), ("a2", "Disk")] {
        let answer = lightsail
            .call(HERE, GetAutoSnapshots, json!({ "resourceName": name }))
            .await
            .unwrap();
        let expected =
            json!({ "resourceName": name, "resourceType": resource_type, "autoSnapshots": [] });
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn missing_resources_are_not_found() {
    let lightsail = InProcess::new(WORLD);
    for (operation, body, message) in [
        (
            GetInstance,
            json!({ "instanceName": "zz" }),
            "The Instance does not exist: zz",
        ),
        (
            GetInstance,
            json!({ "instanceName": "a2" }),
            "The Instance does not exist: a2",
        ),
        (
            GetDisk,
            json!({ "diskName": "a1" }),
            "The Disk does not exist: a1",
        ),
        (
            GetAutoSnapshots,
            json!({ "resourceName": "s1" }),
            "does not exist: s1",
        ),
        (
            GetInstanceSnapshot,
            json!({ "instanceSnapshotName": "t1" }),
            "The InstanceSnapshot does not exist: t1",
        ),
        (
            GetDiskSnapshot,
            json!({ "diskSnapshotName": "s1" }),
            "The DiskSnapshot does not exist: s1",
        ),
        (
            DeleteInstanceSnapshot,
            json!({ "instanceSnapshotName": "t1" }),
            "does not exist: t1",
        ),
        (
            DeleteDiskSnapshot,
            json!({ "diskSnapshotName": "a2" }),
            "does not exist: a2",
        ),
        (
            GetOperation,
            json!({ "operationId": "zz" }),
            "The Operation does not exist: zz",
        ),
        (
            TagResource,
            json!({ "resourceName": "zz", "tags": [{ "key": "k" }] }),
            "The resource does not exist: zz",
        ),
        (
            UntagResource,
            json!({ "resourceName": "zz", "tagKeys": ["k"] }),
            "does not exist: zz",
        ),
    ] {
        let refused = lightsail.refusal(HERE, operation, body).await;
        assert_eq!((refused.status, &*refused.code), (400, "NotFoundException"));
        assert!(refused.message.contains(message), "{}", refused.message);
    }
}

#[tokio::test]
async fn required_parameters_are_required() {
    let lightsail = InProcess::new(WORLD);
    for operation in [
        DeleteDiskSnapshot,
        DeleteInstanceSnapshot,
        GetAutoSnapshots,
        GetDisk,
        GetDiskSnapshot,
        GetInstance,
        GetInstanceSnapshot,
        GetOperation,
        GetOperationsForResource,
        TagResource,
        UntagResource,
    ] {
        let refused = lightsail.refusal(HERE, operation, json!({})).await;
        assert_eq!(refused.code, "InvalidInputException", "{operation}");
        assert!(
            refused.message.ends_with("is required."),
            "{}",
            refused.message
        );
    }
    for (operation, member) in [
        (GetDisk, "diskName"),
        (GetDisks, "pageToken"),
        (TagResource, "tags"),
    ] {
        let refused = lightsail
            .refusal(HERE, operation, json!({ member: 7 }))
            .await;
        assert_eq!(refused.code, "SerializationException", "{operation}");
    }
}

#[tokio::test]
async fn tags_are_added_changed_and_removed() {
    let lightsail = InProcess::new(WORLD);
    let tags = |name: &'static str| {
        let lightsail = &lightsail;
        async move {
            let answer = lightsail
                .call(HERE, GetInstance, json!({ "instanceName": name }))
                .await
                .unwrap();
            answer["instance"].clone()
        }
    };
    let arn = tags("a1").await["arn"].clone();
    let body = json!({ "resourceName": "a1", "resourceArn": arn,
        "tags": [{ "key": "backup", "value": "no" }, { "key": "owner", "value": "me" }] });
    let answer = lightsail.call(HERE, TagResource, body).await.unwrap();
    let operation = &answer["operations"][0];
    assert_eq!(operation["operationType"], "TagResource");
    assert_eq!(operation["status"], "Succeeded");
    assert_eq!(operation["isTerminal"], true);
    assert_eq!(operation["resourceType"], "Instance");
    assert_eq!(
        tags("a1").await["tags"],
        json!([{ "key": "backup", "value": "no" }, { "key": "env" }, { "key": "owner", "value": "me" }])
    );
    let body = json!({ "resourceName": "a1", "tagKeys": ["env", "backup", "nothing"] });
    lightsail.call(HERE, UntagResource, body).await.unwrap();
    assert_eq!(
        tags("a1").await["tags"],
        json!([{ "key": "owner", "value": "me" }])
    );

    let body = json!({ "resourceName": "t1", "tags": [{ "key": "k", "value": "v" }] });
    lightsail.call(HERE, TagResource, body).await.unwrap();
    let expected = Tags::from([("k".to_owned(), "v".to_owned())]);
    assert_eq!(
        lightsail.emulator.snapshot(HERE, "t1").unwrap().tags,
        expected
    );
    lightsail
        .emulator
        .set_tags(HERE, "t1", Tags::new())
        .unwrap();
    assert_eq!(
        lightsail.emulator.snapshot(HERE, "t1").unwrap().tags,
        Tags::new()
    );
}

#[tokio::test]
async fn tags_have_limits() {
    let lightsail = InProcess::new(WORLD);
    let many: Vec<Value> = (0..51).map(|n| json!({ "key": format!("k{n}") })).collect();
    for tags in [
        json!([]),
        json!([{ "value": "v" }]),
        json!([{ "key": "" }]),
        json!([{ "key": "k".repeat(129) }]),
        json!([{ "key": "a,b" }]),
        json!([{ "key": "AWS:x" }]),
        json!([{ "key": "k", "value": "10.0.0.0/8;" }]),
        json!([{ "key": "k", "value": "v".repeat(257) }]),
        json!(many),
    ] {
        let refused = lightsail
            .refusal(
                HERE,
                TagResource,
                json!({ "resourceName": "b1", "tags": tags }),
            )
            .await;
        assert_eq!(refused.code, "InvalidInputException");
    }
    let body = json!({ "resourceName": "b1", "resourceArn": "arn:aws:lightsail:us-west-2:1:Instance/x",
        "tags": [{ "key": "k" }] });
    let refused = lightsail.refusal(HERE, TagResource, body).await;
    assert_eq!(refused.code, "NotFoundException");
    let all_characters = json!([{ "key": "a Z0+-=._:/@", "value": "a Z0+-=._:/@" }]);
    let body = json!({ "resourceName": "c1", "tags": all_characters });
    lightsail.call(HERE, TagResource, body).await.unwrap();
    let body = json!({ "resourceName": "b1", "tags": many[..50] });
    lightsail.call(HERE, TagResource, body).await.unwrap();
}

#[tokio::test]
async fn a_deletion_takes_effect_at_once() {
    let lightsail = InProcess::new(WORLD);
    for (operation, parameter, name, resource_type) in [
        (
            DeleteInstanceSnapshot,
            "instanceSnapshotName",
            "s2",
            "InstanceSnapshot",
        ),
        (DeleteDiskSnapshot, "diskSnapshotName", "t2", "DiskSnapshot"),
    ] {
        let body = json!({ parameter: name });
        let answer = lightsail.call(HERE, operation, body.clone()).await.unwrap();
        let done = &answer["operations"][0];
        assert_eq!(done["operationType"], operation.as_str());
        assert_eq!(done["resourceName"], name);
        assert_eq!(done["resourceType"], resource_type);
        assert_eq!(done["status"], "Succeeded");
        assert_eq!(done["isTerminal"], true);
        assert_eq!(lightsail.emulator.snapshot(HERE, name), None);
        lightsail.refusal(HERE, operation, body).await;
    }
}

#[tokio::test]
async fn operations_are_found_by_id_and_by_resource() {
    let lightsail = InProcess::new(WORLD);
    let mut ids = Vec::new();
    for key in ["k1", "k2", "k3"] {
        let body = json!({ "resourceName": "s1", "tags": [{ "key": key }] });
        let answer = lightsail.call(HERE, TagResource, body).await.unwrap();
        ids.push(answer["operations"][0]["id"].as_str().unwrap().to_owned());
    }
    let body = json!({ "resourceName": "a1", "tags": [{ "key": "k" }] });
    lightsail.call(HERE, TagResource, body).await.unwrap();

    let body = json!({ "operationId": ids[1] });
    let answer = lightsail
        .call(HERE, GetOperation, body.clone())
        .await
        .unwrap();
    assert_eq!(answer["operation"]["id"], ids[1]);
    let refused = lightsail.refusal(Region::UsEast1, GetOperation, body).await;
    assert_eq!(refused.code, "NotFoundException");

    let body = json!({ "resourceName": "s1" });
    let first = lightsail
        .call(HERE, GetOperationsForResource, body)
        .await
        .unwrap();
    let body = json!({ "resourceName": "s1", "pageToken": first["nextPageToken"] });
    let second = lightsail
        .call(HERE, GetOperationsForResource, body)
        .await
        .unwrap();
    assert_eq!(second["nextPageToken"], Value::Null);
    let found = [&first, &second].map(|page| page["operations"].as_array().unwrap().clone());
    let found: Vec<_> = found.concat().iter().map(|one| one["id"].clone()).collect();
    ids.reverse();
    assert_eq!(found, ids);
}

#[tokio::test]
async fn every_region_is_listed() {
    let lightsail = InProcess::new(WORLD);
    let answer = lightsail
        .call(Region::SaEast1, GetRegions, json!({}))
        .await
        .unwrap();
    let regions = answer["regions"].as_array().unwrap();
    // us-west-1 has no endpoint.
    assert_eq!(regions.len(), Region::ALL.len() - 1);
    assert!(regions.iter().all(|region| region["name"] != "us-west-1"));
    let ohio = regions
        .iter()
        .find(|region| region["name"] == "us-east-2")
        .unwrap();
    assert_eq!(ohio["displayName"], "Ohio");
    assert_eq!(ohio["continentCode"], "NA");
    assert_eq!(ohio["availabilityZones"], json!([]));

    let body = json!({ "includeAvailabilityZones": true });
    let answer = lightsail
        .call(Region::SaEast1, GetRegions, body)
        .await
        .unwrap();
    let zones = answer["regions"][0]["availabilityZones"]
        .as_array()
        .unwrap();
    assert_eq!(
        zones[0],
        json!({ "zoneName": "us-east-1a", "state": "available" })
    );
}

#[tokio::test]
async fn contradictory_edits_are_refused() {
    let lightsail = InProcess::new(WORLD);
    let emulator = &lightsail.emulator;
    let named = world::Source::named("s1").with_tag("a", "b");
    assert_eq!(
        emulator.add_disk(HERE, &named).unwrap_err().to_string(),
        "us-west-2 already has a resource named \"s1\""
    );
    emulator.add_disk(Region::UsEast1, &named).unwrap();
    assert!(emulator.remove_instance(Region::UsEast1, "s1").is_err());
    emulator.remove_disk(Region::UsEast1, "s1").unwrap();
    let error = emulator.set_tags(Region::UsEast1, "s1", Tags::new());
    assert_eq!(
        error.unwrap_err().to_string(),
        "us-east-1 has no such resource: \"s1\""
    );
}
