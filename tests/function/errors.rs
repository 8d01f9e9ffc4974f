//! Errors as Lightsail answers them: with a finer `code` beside the exception's name, and without
//! the header.

use std::time::Duration;

use lightsail_emulator::{Fault, Operation, Region, StatusCode, World};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, dated};

use crate::BINARY;

fn error(name: &str, code: &str, message: &str) -> Fault {
    let body = json!({
        "__type": name, "code": code, "message": message,
        "docs": "https://docs.aws.amazon.com/lightsail/", "tip": "Check the name.",
    });
    Fault::answer(
        StatusCode::BAD_REQUEST,
        "application/x-amz-json-1.1",
        body.to_string(),
    )
}

fn does_not_exist() -> Fault {
    error("NotFoundException", "DoesNotExist", "It does not exist.")
}

fn name_exists() -> Fault {
    let message = "Some names are already in use: x1";
    error("InvalidInputException", "NameExists", message)
}

/// A job that runs a policy for one source.
fn policy(name: &str) -> Value {
    json!({ "policy": {
        "sources": [ { "region": "us-west-2", "names": [name] } ],
        "destinations": ["us-east-1"],
        "retention": { "keepLast": 1 },
    } })
}

#[tokio::test]
async fn a_dry_run_plans_a_copy_whose_name_is_free() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.emulator.on_call(|call| {
        let asked = ["instanceSnapshotName", "diskSnapshotName"].map(|name| &call.body[name]);
        match asked.contains(&&json!("x1")) {
            true => does_not_exist(),
            false => Fault::None,
        }
    });
    let source = |field: &str, name: &str| json!({ "dryRun": true, "sourceRegion": "us-west-2", field: name, "targetSnapshotName": "x1" });
    let mut dated = dated("x1", "us-east-1");
    dated["dryRun"] = true.into();
    for event in [
        dated,
        source("sourceResourceName", "WordPress-1"),
        source("sourceSnapshotName", "WordPress-1-1569608575"),
    ] {
        let copy = deployed.copy(&event).await;
        assert_eq!(copy["outcome"], "planned", "{copy:#}");
    }
}

/// A disk whose copy of 2019-09-25 failed, and older copies, of which one goes while the run works.
const DISK: &str = r#"{ "copySeconds": 0, "regions": {
    "us-west-2": { "disks": [ { "name": "Data-1", "autoSnapshots": [ { "date": "2019-09-25" } ] } ] },
    "us-east-1": { "diskSnapshots": [ COPIES ] } } }"#;

fn disk_copies() -> World {
    let copies = [
        ("20", "available"),
        ("21", "available"),
        ("22", "available"),
        ("23", "available"),
        ("25", "error"),
    ]
    .map(|(day, state)| {
        let date = format!("2019-09-{day}");
        let copy = json!({
            "name": format!("Data-1-us-west-2-{date}"), "fromDiskName": "Data-1", "state": state,
            "createdAt": format!("{date}T06:00:00Z"),
            "tags": { "snapshot-copier:source": "us-west-2/Data-1", "snapshot-copier:recovery-point": date },
        });
        copy.to_string()
    });
    World::from_json(&DISK.replace("COPIES", &copies.join(","))).unwrap()
}

#[tokio::test]
async fn a_disks_copies_are_pruned_and_replaced() {
    let mut deployed = Deployed::with(BINARY, disk_copies(), &[]).await;
    deployed.emulator.on_call(|call| match call.operation {
        Operation::GetInstanceSnapshot => does_not_exist(),
        Operation::DeleteDiskSnapshot
            if call.body["diskSnapshotName"] == "Data-1-us-west-2-2019-09-20" =>
        {
            does_not_exist()
        }
        _ => Fault::None,
    });
    let answer = deployed.answer(&policy("Data-1")).await;
    let outcomes = ["started", "deferred", "failed", "deleted"];
    let counts = outcomes.map(|outcome| answer["summary"][outcome].as_u64().unwrap());
    assert_eq!(counts, [1, 0, 0, 4], "{answer:#}");
    let mut left = deployed.names_in(Region::UsEast1);
    left.retain(|name| name != "Data-1-us-west-2-2019-09-20");
    let expected = ["23", "25"].map(|day| format!("Data-1-us-west-2-2019-09-{day}"));
    left.sort();
    assert_eq!(left, expected);
}

#[tokio::test]
async fn a_lost_answer_and_then_a_name_in_use_is_this_copy() {
    let mut deployed = Deployed::new(BINARY).await;
    let copy = Operation::CopySnapshot;
    deployed.emulator.fault_next(copy, 1, Fault::LoseAnswer);
    deployed.emulator.fault_next(copy, 1, name_exists());
    // Lightsail does not show the copy yet.
    for operation in [Operation::GetInstanceSnapshot, Operation::GetDiskSnapshot] {
        deployed.emulator.fault_next(operation, 2, does_not_exist());
    }
    let copy = deployed.copy(&dated("x1", "us-east-1")).await;
    assert_eq!(copy["outcome"], "pending", "{copy:#}");
    assert_eq!(deployed.names_in(Region::UsEast1), ["x1"]);
}

#[tokio::test]
async fn a_source_that_is_deleted_during_a_run_is_deferred() {
    for operation in [Operation::CopySnapshot, Operation::GetAutoSnapshots] {
        let mut deployed = Deployed::new(BINARY).await;
        deployed.emulator.fault_next(operation, 1, does_not_exist());
        let answer = deployed.answer(&policy("WordPress-1")).await;
        assert_eq!(answer["summary"]["failed"], 0, "{operation:?} {answer:#}");
        assert_eq!(answer["summary"]["started"], 0, "{operation:?} {answer:#}");
    }
}

#[tokio::test]
async fn log_and_answer_have_what_lightsail_said() {
    let mut deployed = Deployed::new(BINARY).await;
    let copy = Operation::CopySnapshot;
    deployed.emulator.fault_next(copy, 1, does_not_exist());
    let invocation = deployed.send(&policy("WordPress-1")).await;
    let error = invocation.answer()["copies"][0]["error"].clone();
    let request_id = error["requestId"].as_str().unwrap();
    assert_eq!(
        error,
        json!({
            "code": "NotFoundException", "message": "It does not exist.", "retryable": false,
            "reason": "DoesNotExist", "tip": "Check the name.", "requestId": request_id,
        })
    );
    let [line] = invocation.events("copy_result").try_into().unwrap();
    for (key, value) in [
        ("errorCode", "NotFoundException"),
        ("errorReason", "DoesNotExist"),
        ("errorTip", "Check the name."),
        ("awsRequestId", request_id),
    ] {
        assert_eq!(line[key], value, "{line:#}");
    }
    assert_ne!(line["requestId"], request_id);
}

#[tokio::test]
async fn a_limit_in_any_wording_defers_a_policys_copies() {
    for (name, message) in [
        (
            "InvalidInputException",
            "Sorry, you've reached your maximum limit of Lightsail copies : 5. Please try again later.",
        ),
        (
            "OperationFailureException",
            "The request would exceed the quota of copies.",
        ),
        ("LimitExceededException", "Not now."),
        ("ResourceLimitExceeded", ""),
    ] {
        let mut deployed = Deployed::new(BINARY).await;
        let fault = error(name, "CannotCopy", message);
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, fault);
        let answer = deployed.answer(&policy("WordPress-1")).await;
        let copy = &answer["copies"][0];
        assert_eq!(copy["outcome"], "deferred", "{name}: {answer:#}");
        assert_eq!(copy["error"]["retryable"], true, "{name}");
        assert_eq!(copy["error"]["code"], name);
        assert_eq!(deployed.calls_of(Operation::CopySnapshot).len(), 1);
    }
}

#[tokio::test]
async fn a_region_that_is_not_enabled_says_how_to_enable_it() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.emulator.on_call(|call| {
        if call.region != Region::ApSoutheast3 {
            return Fault::None;
        }
        let message = "The security token included in the request is invalid.";
        error("UnrecognizedClientException", "UnrecognizedClient", message)
    });
    let mut event = policy("WordPress-1");
    event["policy"]["destinations"] = json!(["us-east-1", "ap-southeast-3"]);
    let invocation = deployed.send(&event).await;
    let (_, message) = invocation.error();
    assert_eq!(message.lines().count(), 1, "{message}");
    let remedy = "aws account enable-region --region-name ap-southeast-3";
    assert!(message.contains(remedy), "{message}");
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 1);
}

#[tokio::test]
async fn a_region_without_an_endpoint_is_named_in_the_message() {
    // No process listens on port 1.
    let mut deployed = Deployed::at(BINARY, "http://127.0.0.1:1").await;
    let event = dated("x1", "us-west-1").to_string();
    let time = Duration::from_secs(4);
    let line = deployed.function.invoke(event, time).await.line_of("x1");
    assert_eq!(line["errorCode"], "ConnectionFailure", "{line:#}");
    let message = line["errorMessage"].as_str().unwrap();
    let expected = "Lightsail has no endpoint in us-west-1: ";
    assert!(message.starts_with(expected), "{message}");
}
