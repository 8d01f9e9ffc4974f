//! What nobody has published about Lightsail, each with its possible answers; permissions; and access to
//! Regions.

use jiff::SignedDuration;
use lightsail_emulator::Operation::*;
use lightsail_emulator::{CopyLimitWording, Dropped, OpenFacts, Region, RegionAccess, World};
use serde_json::{Value, json};

use crate::support::{InProcess, Signer};

const HERE: Region = Region::UsWest2;
const THERE: Region = Region::UsEast1;

/// A world in which the open facts have these answers.
fn world(members: &str) -> InProcess {
    InProcess::new(&format!(
        r#"{{ "copySeconds": 60, "startSeconds": 60, {members} "regions": {{ "us-west-2": {{
            "zones": "bc",
            "instances": [ {{ "name": "Web-1", "autoSnapshots": [ {{ "date": "2026-11-20" }} ] }} ],
            "instanceSnapshots": [ {{ "name": "Manual-1", "fromInstanceName": "Web-1" }} ] }} }} }}"#
    ))
}

fn copy(name: &str) -> Value {
    json!({ "sourceRegion": "us-west-2", "sourceResourceName": "Web-1",
        "useLatestRestorableAutoSnapshot": true, "targetSnapshotName": name })
}

#[tokio::test]
async fn a_pending_copy_can_be_tagged_and_deleted_or_not() {
    let tags = json!({ "resourceName": "Copy-1", "tags": [{ "key": "k" }] });
    let delete = json!({ "instanceSnapshotName": "Copy-1" });
    let lightsail = world("");
    lightsail
        .call(THERE, CopySnapshot, copy("Copy-1"))
        .await
        .unwrap();
    lightsail
        .call(THERE, TagResource, tags.clone())
        .await
        .unwrap();
    lightsail
        .call(THERE, DeleteInstanceSnapshot, delete.clone())
        .await
        .unwrap();

    let strict =
        world(r#""open": { "pendingCopyCanBeTagged": false, "pendingCopyCanBeDeleted": false },"#);
    strict
        .call(THERE, CopySnapshot, copy("Copy-1"))
        .await
        .unwrap();
    for (operation, body) in [(TagResource, &tags), (DeleteInstanceSnapshot, &delete)] {
        let refused = strict.refusal(THERE, operation, body.clone()).await;
        assert_eq!(refused.message, "The snapshot is pending: Copy-1");
    }
    strict.advance(SignedDuration::from_secs(60));
    strict.call(THERE, TagResource, tags).await.unwrap();
    strict
        .call(THERE, DeleteInstanceSnapshot, delete)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_snapshot_that_an_instance_is_made_from_can_be_deleted_or_not() {
    let create = json!({ "instanceNames": ["New-1"], "availabilityZone": "us-west-2b",
        "bundleId": "small_3_0", "instanceSnapshotName": "Manual-1" });
    let delete = json!({ "instanceSnapshotName": "Manual-1" });
    let lightsail = world("");
    lightsail
        .call(HERE, CreateInstancesFromSnapshot, create.clone())
        .await
        .unwrap();
    lightsail
        .call(HERE, DeleteInstanceSnapshot, delete.clone())
        .await
        .unwrap();

    let strict = world(r#""open": { "snapshotInUseCanBeDeleted": false },"#);
    strict
        .call(HERE, CreateInstancesFromSnapshot, create)
        .await
        .unwrap();
    let refused = strict
        .refusal(HERE, DeleteInstanceSnapshot, delete.clone())
        .await;
    assert_eq!(refused.message, "The snapshot is in use: Manual-1");
    strict.advance(SignedDuration::from_secs(60));
    strict
        .call(HERE, DeleteInstanceSnapshot, delete)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_create_with_tags_needs_the_permission_to_tag_or_not() {
    let create = |tags: Value| {
        json!({ "instanceNames": ["New-1"], "availabilityZone": "us-west-2b",
            "bundleId": "small_3_0", "instanceSnapshotName": "Manual-1", "tags": tags })
    };
    let denied = r#""denied": [ { "operation": "TagResource", "resourceType": "Instance" } ],"#;
    let lightsail = world(denied);
    let tagged = create(json!([{ "key": "k" }]));
    let refused = lightsail
        .refusal(HERE, CreateInstancesFromSnapshot, tagged.clone())
        .await;
    assert_eq!(refused.code, "AccessDeniedException");
    assert_eq!(
        refused.message,
        "User: arn:aws:iam::123456789012:user/emulator is not authorized to perform: \
         lightsail:TagResource on resource: arn:aws:lightsail:us-west-2:123456789012:Instance/*"
    );
    // Snapshots can be tagged, and instances be made without tags.
    let tags = json!({ "resourceName": "Manual-1", "tags": [{ "key": "k" }] });
    lightsail.call(HERE, TagResource, tags).await.unwrap();
    let tags = json!({ "resourceName": "Web-1", "tags": [{ "key": "k" }] });
    let refused = lightsail.refusal(HERE, TagResource, tags).await;
    assert_eq!(refused.code, "AccessDeniedException");
    lightsail
        .call(HERE, CreateInstancesFromSnapshot, create(json!([])))
        .await
        .unwrap();

    let open = r#""open": { "createWithTagsNeedsTagResource": false },"#;
    let lenient = world(&format!("{denied} {open}"));
    lenient
        .call(HERE, CreateInstancesFromSnapshot, tagged)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_operation_can_be_denied() {
    let lightsail = world(r#""denied": [ { "operation": "GetDisks" } ],"#);
    let refused = lightsail.refusal(HERE, GetDisks, json!({})).await;
    assert!(
        refused
            .message
            .ends_with("lightsail:GetDisks on resource: *"),
        "{refused:?}"
    );
    lightsail.emulator.set_denied(Vec::new());
    lightsail.call(HERE, GetDisks, json!({})).await.unwrap();
}

#[tokio::test]
async fn the_limit_of_copies_has_several_wordings() {
    for (wording, code, words) in [
        (
            CopyLimitWording::Ec2,
            "OperationFailureException",
            "Too many snapshot copies in progress",
        ),
        (
            CopyLimitWording::Ec2Code,
            "ResourceLimitExceeded",
            "The limit is 0 for this destination",
        ),
        (
            CopyLimitWording::Maximum,
            "InvalidInputException",
            "you've reached your maximum limit",
        ),
        (
            CopyLimitWording::Quota,
            "OperationFailureException",
            "would exceed the quota",
        ),
        (
            CopyLimitWording::LimitExceeded,
            "LimitExceededException",
            "limit",
        ),
    ] {
        assert!(CopyLimitWording::ALL.contains(&wording));
        let lightsail = InProcess::of(World {
            copy_limit: 0,
            open: OpenFacts {
                copy_limit_wording: wording,
                ..OpenFacts::default()
            },
            ..World::demo()
        });
        let refused = lightsail.refusal(THERE, CopySnapshot, copy("Copy-1")).await;
        // The demo world has no Web-1.
        assert_eq!(refused.code, "NotFoundException");
        let mut body = copy("Copy-1");
        body["sourceResourceName"] = json!("WordPress-1");
        let refused = lightsail.refusal(THERE, CopySnapshot, body).await;
        assert_eq!(refused.code, code);
        assert!(refused.message.contains(words), "{refused:?}");
    }
}

#[tokio::test]
async fn the_source_that_a_copy_names_is_open() {
    for (open, region, created_at, is_auto) in [
        ("", HERE, "2026-11-22T12:00:00Z", true),
        (
            r#""open": { "copyArnRegion": "destination", "copyCreatedAt": "source", "copyIsFromAutoSnapshot": false },"#,
            THERE,
            "2026-11-20T06:00:00Z",
            false,
        ),
    ] {
        let lightsail = world(open);
        lightsail
            .call(THERE, CopySnapshot, copy("Copy-1"))
            .await
            .unwrap();
        let found = lightsail.emulator.snapshot(THERE, "Copy-1").unwrap();
        assert_eq!(found.from_region(), Some(region));
        assert_eq!(found.created_at, created_at.parse().unwrap());
        assert_eq!(found.from.is_auto_snapshot, is_auto);
    }
}

#[tokio::test]
async fn a_new_copy_can_be_missing_for_a_while() {
    let lightsail = world(r#""open": { "copyInvisibleSeconds": 5 },"#);
    lightsail
        .call(THERE, CopySnapshot, copy("Copy-1"))
        .await
        .unwrap();
    let get = json!({ "instanceSnapshotName": "Copy-1" });
    let refused = lightsail
        .refusal(THERE, GetInstanceSnapshot, get.clone())
        .await;
    assert_eq!(refused.code, "NotFoundException");
    let list = lightsail
        .call(THERE, GetInstanceSnapshots, json!({}))
        .await
        .unwrap();
    assert_eq!(list["instanceSnapshots"], json!([]));
    let again = lightsail.refusal(THERE, CopySnapshot, copy("Copy-1")).await;
    assert!(again.message.contains("already in use"));
    lightsail.advance(SignedDuration::from_secs(5));
    lightsail
        .call(THERE, GetInstanceSnapshot, get)
        .await
        .unwrap();
    let list = lightsail
        .call(THERE, GetInstanceSnapshots, json!({}))
        .await
        .unwrap();
    assert_eq!(list["instanceSnapshots"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_add_on_blocks_the_deletion_of_its_instance_or_not() {
    let delete = json!({ "instanceName": "Web-1" });
    let lenient = world(r#""open": { "addOnsBlockDeletion": false },"#);
    lenient
        .call(HERE, DeleteInstance, delete.clone())
        .await
        .unwrap();
    let lightsail = world("");
    let refused = lightsail.refusal(HERE, DeleteInstance, delete).await;
    assert_eq!(refused.code, "OperationFailureException");
    let force = json!({ "instanceName": "Web-1", "forceDeleteAddOns": true });
    lightsail.call(HERE, DeleteInstance, force).await.unwrap();
}

#[tokio::test]
async fn an_account_can_lack_a_zone() {
    let lightsail = world("");
    let body = json!({ "diskName": "Disk-1", "availabilityZone": "us-west-2a", "sizeInGb": 8 });
    let refused = lightsail.refusal(HERE, CreateDisk, body).await;
    assert_eq!(
        refused.message,
        "us-west-2a is not an Availability Zone of us-west-2."
    );
    let body = json!({ "includeAvailabilityZones": true });
    let regions = lightsail.call(HERE, GetRegions, body).await.unwrap();
    let regions = regions["regions"].as_array().unwrap();
    let here = regions
        .iter()
        .find(|region| region["name"] == "us-west-2")
        .unwrap();
    assert_eq!(here["availabilityZones"][0]["zoneName"], "us-west-2b");
}

#[tokio::test]
async fn a_region_can_be_closed_to_the_account() {
    let lightsail = InProcess::new(
        r#"{ "regions": { "ap-east-1": { "access": "notEnabled" }, "eu-south-2": { "access": "settingUp" } } }"#,
    );
    let refused = lightsail
        .refusal(Region::ApEast1, GetDisks, json!({}))
        .await;
    assert_eq!(refused.code, "UnrecognizedClientException");
    assert_eq!(
        refused.message,
        "The security token included in the request is invalid."
    );
    let refused = lightsail
        .refusal(Region::EuSouth2, GetDisks, json!({}))
        .await;
    assert_eq!(refused.code, "RegionSetupInProgressException");
    lightsail
        .emulator
        .set_region_access(Region::EuSouth2, RegionAccess::Enabled);
    lightsail
        .call(Region::EuSouth2, GetDisks, json!({}))
        .await
        .unwrap();

    let request =
        Signer::new("us-west-1", lightsail.now()).request("127.0.0.1:1", "GetDisks", "{}");
    assert_eq!(lightsail.emulator.call(request).await.unwrap_err(), Dropped);
}
