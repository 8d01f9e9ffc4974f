//! Requests to Lightsail, and the outcomes of copies.

use jiff::Timestamp;
use lightsail_emulator::{Fault, Operation, Region, SnapshotState, world};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, dated, world, world_of_instant_copies};

use crate::BINARY;

/// The sample requests on CopySnapshot's page.
fn sample_requests() -> [Value; 2] {
    [
        json!({
            "sourceResourceName": "WordPress-1",
            "restoreDate": "2019-09-25",
            "targetSnapshotName": "CopiedAutoSnapshot-2019-09-25",
            "sourceRegion": "us-west-2",
        }),
        json!({
            "sourceSnapshotName": "WordPress-1-1569608575",
            "targetSnapshotName": "CopiedManualSnapshot-2019-09-25",
            "sourceRegion": "us-west-2",
        }),
    ]
}

#[tokio::test]
async fn the_api_pages_sample_requests_are_sent_member_for_member() {
    for request in sample_requests() {
        let mut deployed = Deployed::new(BINARY).await;
        assert_eq!(deployed.copy(&request).await["outcome"], "started");
        let calls = deployed.emulator.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].operation, Operation::CopySnapshot);
        // The Region in the signature is the one that the function runs in.
        assert_eq!(calls[0].region, Region::UsEast1);
        assert_eq!(calls[0].body, request);
    }
}

#[tokio::test]
async fn a_request_becomes_one_call_for_each_destination() {
    let latest = json!({
        "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1",
        "useLatestRestorableAutoSnapshot": true, "targetSnapshotName": "x1",
    });
    let changed = |request: &Value, name: &str, value: Value| {
        let mut request = request.clone();
        match value {
            Value::Null => {
                request.as_object_mut().unwrap().remove(name);
            }
            value => request[name] = value,
        }
        request
    };
    let dated = json!({
        "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1",
        "restoreDate": "2019-09-25", "targetSnapshotName": "x1",
    });
    let [_, manual] = sample_requests();
    let own = [Region::UsEast1].as_slice();
    for (event, body, regions) in [
        (latest.clone(), &latest, own),
        // Without `restoreDate`, the latest snapshot is the default.
        (
            changed(&latest, "useLatestRestorableAutoSnapshot", Value::Null),
            &latest,
            own,
        ),
        // `restoreDate` implies `false`, so `false` is not sent.
        (
            changed(&dated, "useLatestRestorableAutoSnapshot", false.into()),
            &dated,
            own,
        ),
        (
            changed(&dated, "destinationRegion", json!("ap-south-1")),
            &dated,
            &[Region::ApSouth1],
        ),
        // The destination may be the source Region.
        (
            changed(&dated, "destinationRegion", json!("us-west-2")),
            &dated,
            &[Region::UsWest2],
        ),
        (
            changed(
                &manual,
                "destinationRegions",
                json!(["eu-west-1", "us-west-2", "us-east-1"]),
            ),
            &manual,
            &[Region::EuWest1, Region::UsWest2, Region::UsEast1],
        ),
    ] {
        let mut deployed = Deployed::new(BINARY).await;
        let answer = deployed.answer(&event).await;
        assert_eq!(answer["summary"]["started"], regions.len(), "{event}");
        let destinations: Vec<_> = answer["copies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|copy| copy["destinationRegion"].clone())
            .collect();
        let expected: Vec<_> = regions.iter().map(|region| region.as_str()).collect();
        assert_eq!(destinations, expected, "{event}");
        let calls = deployed.emulator.calls();
        assert_eq!(calls.len(), regions.len(), "{event}");
        for region in regions {
            let call = calls.iter().find(|call| call.region == *region).unwrap();
            assert_eq!(call.body, *body, "{event}");
        }
    }
}

#[tokio::test]
async fn the_default_destination_is_the_region_that_the_function_runs_in() {
    let request =
        json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": "WordPress-1-1569608575" });
    let mut deployed = Deployed::with(BINARY, world(), &[("AWS_REGION", "ca-central-1")]).await;
    assert_eq!(
        deployed.copy(&request).await["destinationRegion"],
        "ca-central-1"
    );
    assert_eq!(deployed.emulator.calls()[0].region, Region::CaCentral1);

    // Lambda exists in this Region. Lightsail does not.
    let mut deployed = Deployed::with(BINARY, world(), &[("AWS_REGION", "me-south-1")]).await;
    let invocation = deployed.send(&request).await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "InvalidEvent");
    assert!(
        message.starts_with("destinationRegion: required"),
        "{message}"
    );
    assert_eq!(deployed.emulator.calls(), []);
    assert_eq!(
        deployed.copy(&dated("x1", "eu-west-1")).await["outcome"],
        "started"
    );
}

#[tokio::test]
async fn a_name_is_generated_if_the_request_has_none() {
    let longest = format!("a{}", "-".repeat(226));
    for (request, name) in [
        (
            json!({ "sourceSnapshotName": "WordPress-1-1569608575" }),
            "WordPress-1-1569608575-us-west-2".to_owned(),
        ),
        (
            json!({ "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25" }),
            "WordPress-1-us-west-2-2019-09-25".to_owned(),
        ),
        (
            json!({ "sourceResourceName": "WordPress-1" }),
            "WordPress-1-us-west-2-20261122T063000Z".to_owned(),
        ),
        (
            json!({ "sourceResourceName": "WordPress-1", "useLatestRestorableAutoSnapshot": true }),
            "WordPress-1-us-west-2-20261122T063000Z".to_owned(),
        ),
        // This instance name is not valid as a snapshot name.
        (
            json!({ "sourceResourceName": "shop.example.com", "restoreDate": "2019-09-25" }),
            "shop_2E_example_2E_com-us-west-2-2019-09-25".to_owned(),
        ),
        (
            json!({ "sourceResourceName": longest, "restoreDate": "2019-09-25" }),
            format!("{longest}-us-west-2-2019-09-25"),
        ),
    ] {
        let mut world = world();
        let source = world::Source::named(&longest)
            .with_auto_snapshot(jiff::civil::date(2019, 9, 25), Default::default());
        world
            .regions
            .get_mut(&Region::UsWest2)
            .unwrap()
            .instances
            .push(source);
        let mut deployed = Deployed::with(BINARY, world, &[]).await;
        let mut request = request;
        request["sourceRegion"] = "us-west-2".into();
        request["time"] = "2026-11-22T06:30:00Z".into();
        let copy = deployed.copy(&request).await;
        assert_eq!(copy["outcome"], "started", "{copy}");
        assert_eq!(copy["targetSnapshotName"], name);
        assert_eq!(
            deployed.emulator.calls()[0].body["targetSnapshotName"],
            name
        );
        assert_eq!(deployed.names_in(Region::UsEast1), [name]);
    }
}

#[tokio::test]
async fn resources_with_the_same_name_in_two_regions_get_different_copies() {
    let of = |region: &str| json!({ "sourceRegion": region, "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25" });
    let mut deployed = Deployed::new(BINARY).await;
    let event = json!({ "copies": [of("us-west-2"), of("eu-central-1")] });
    assert_eq!(deployed.answer(&event).await["summary"]["started"], 2);
    assert_eq!(
        deployed.names_in(Region::UsEast1),
        [
            "WordPress-1-eu-central-1-2019-09-25",
            "WordPress-1-us-west-2-2019-09-25"
        ]
    );
}

#[tokio::test]
async fn the_answer_has_all_that_lightsail_returned() {
    let mut deployed = Deployed::new(BINARY).await;
    let mut event = sample_requests()[0].clone();
    event["destinationRegion"] = "eu-west-1".into();
    let mut answer = deployed.answer(&event).await;
    let operation = &mut answer["copies"][0]["operations"][0];
    let id = operation["id"].take();
    assert!(id.as_str().is_some_and(|id| id.len() == 36), "{id}");
    for time in ["createdAt", "statusChangedAt"] {
        let time = operation[time].take();
        let text = time.as_str().unwrap();
        // RFC 3339, UTC, to the millisecond: 2026-11-22T06:12:45.890Z.
        text.parse::<Timestamp>().unwrap();
        assert_eq!(
            (text.len(), &text[19..20], &text[23..]),
            (24, ".", "Z"),
            "{text}"
        );
    }
    assert_eq!(
        answer,
        json!({
            "dryRun": false,
            "summary": { "started": 1, "exists": 0, "pending": 0, "planned": 0, "deferred": 0, "failed": 0, "deleted": 0 },
            "copies": [ {
                "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25",
                "destinationRegion": "eu-west-1", "targetSnapshotName": "CopiedAutoSnapshot-2019-09-25",
                "outcome": "started",
                "operations": [ {
                    "id": null, "operationType": "CopySnapshot", "status": "Started", "isTerminal": false,
                    "resourceName": "CopiedAutoSnapshot-2019-09-25", "resourceType": "InstanceSnapshot",
                    "operationDetails": "us-west-2:WordPress-1",
                    "createdAt": null, "statusChangedAt": null,
                    "location": { "availabilityZone": "all", "regionName": "eu-west-1" },
                } ],
            } ],
        })
    );
}

#[tokio::test]
async fn the_answer_has_every_member_of_every_operation() {
    // The times are those of the API page's sample responses.
    let returned = json!({ "operations": [
        { "id": "0710de23-b848-4146-887d-ec12093c049d", "createdAt": 1.56961336589E9, "statusChangedAt": 1.569613921044E9,
          "errorCode": "E-1", "errorDetails": "what went wrong", "isTerminal": true, "status": "Succeeded",
          "location": { "availabilityZone": "us-east-1a", "regionName": "us-east-1" }, "operationDetails": "us-west-2:WordPress-1",
          "operationType": "CopySnapshot", "resourceName": "x1", "resourceType": "InstanceSnapshot" },
        { "id": "second" },
    ] });
    let mut deployed = Deployed::new(BINARY).await;
    let body = returned.to_string();
    let fault = Fault::answer(
        lightsail_emulator::StatusCode::OK,
        "application/x-amz-json-1.1",
        body,
    );
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 1, fault);
    let copy = deployed.copy(&dated("x1", "us-east-1")).await;
    assert_eq!(copy["outcome"], "started");
    let mut expected = returned["operations"].clone();
    expected[0]["createdAt"] = "2019-09-27T19:42:45.890Z".into();
    expected[0]["statusChangedAt"] = "2019-09-27T19:52:01.044Z".into();
    assert_eq!(copy["operations"], expected);
}

#[tokio::test]
async fn the_answer_repeats_the_request_fields_as_sent() {
    let own = [
        "sourceRegion",
        "sourceResourceName",
        "sourceSnapshotName",
        "restoreDate",
        "useLatestRestorableAutoSnapshot",
        "targetSnapshotName",
    ];
    let event = json!({ "copies": [
        { "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1" },
        { "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-24", "useLatestRestorableAutoSnapshot": false },
        { "sourceRegion": "us-west-2", "sourceSnapshotName": "Data-1-1569608600", "destinationRegions": ["us-west-2"] },
    ] });
    let mut deployed = Deployed::new(BINARY).await;
    let answer = deployed.answer(&event).await;
    let calls = deployed.emulator.calls();
    for copy in answer["copies"].as_array().unwrap() {
        let came_back: Value = own
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), copy.get(name)?.clone())))
            .collect();
        assert!(calls.iter().any(|call| call.body == came_back), "{copy:#}");
    }
}

#[tokio::test]
async fn the_answer_has_the_order_of_the_event() {
    let targets: Vec<_> = (0..40).map(|number| format!("copy-{number}")).collect();
    let requests: Vec<_> = targets
        .iter()
        .enumerate()
        .map(|(index, target)| dated(target, ["us-east-1", "eu-west-1", "ap-south-1"][index % 3]))
        .collect();
    let mut deployed = Deployed::with(
        BINARY,
        lightsail_emulator::World {
            copy_limit: 100,
            ..world()
        },
        &[],
    )
    .await;
    // The first requests get the last responses.
    deployed.emulator.on_call(|call| {
        let first = call.number <= 8;
        Fault::None.after(std::time::Duration::from_millis(if first {
            200
        } else {
            0
        }))
    });
    let answer = deployed.answer(&json!({ "copies": requests })).await;
    let answered: Vec<_> = answer["copies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| copy["targetSnapshotName"].clone())
        .collect();
    assert_eq!(answered, targets);
    assert_eq!(answer["summary"]["started"], 40);
}

#[tokio::test]
async fn an_event_delivered_twice_makes_one_copy() {
    for (world, second) in [(world(), "pending"), (world_of_instant_copies(), "exists")] {
        let mut deployed = Deployed::with(BINARY, world, &[]).await;
        let event = json!({ "time": "2026-11-22T06:30:00Z", "copies": [
            { "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1" },
            { "sourceRegion": "us-west-2", "sourceResourceName": "Data-1", "restoreDate": "2019-09-25" },
            { "sourceRegion": "us-west-2", "sourceSnapshotName": "WordPress-1-1569608575" },
            { "sourceRegion": "us-west-2", "sourceSnapshotName": "Data-1-1569608600" },
        ] });
        assert_eq!(deployed.answer(&event).await["summary"]["started"], 4);
        let names = deployed.names_in(Region::UsEast1);
        let answer = deployed.answer(&event).await;
        assert_eq!(answer["summary"][second], 4, "{answer:#}");
        for copy in answer["copies"].as_array().unwrap() {
            assert_eq!(copy["outcome"], second);
            assert_eq!(copy["operations"], json!([]));
            assert_eq!(copy.get("error"), None);
        }
        assert_eq!(deployed.names_in(Region::UsEast1), names);
    }
}

/// Snapshots that already have the target name, and the outcome or error code of a copy of
/// WordPress-1 in us-west-2 under that name.
fn taken_names() -> Vec<(&'static str, world::InstanceSnapshot, &'static str)> {
    let arn = |region: &str| format!("arn:aws:lightsail:{region}:123456789012:Instance/1");
    let snapshot = |from: Option<&str>, region: Option<&str>, state| world::InstanceSnapshot {
        name: "taken".to_owned(),
        from_instance_name: from.map(str::to_owned),
        from_instance_arn: region.map(arn),
        state,
        ..Default::default()
    };
    let mine = Some("WordPress-1");
    let home = Some("us-west-2");
    vec![
        (
            "a copy of this source",
            snapshot(mine, home, SnapshotState::Available),
            "exists",
        ),
        (
            "a pending copy of this source",
            snapshot(mine, home, SnapshotState::Pending),
            "pending",
        ),
        (
            "a failed copy of this source",
            snapshot(mine, home, SnapshotState::Error),
            "CopyErrored",
        ),
        (
            "a copy without a source Region",
            snapshot(mine, None, SnapshotState::Available),
            "exists",
        ),
        (
            "a copy of another instance",
            snapshot(Some("WordPress-2"), home, SnapshotState::Available),
            "NameInUse",
        ),
        (
            "a pending copy of another instance",
            snapshot(Some("WordPress-2"), home, SnapshotState::Pending),
            "NameInUse",
        ),
        (
            "a copy of an instance with that name in another Region",
            snapshot(mine, Some("eu-central-1"), SnapshotState::Available),
            "NameInUse",
        ),
        (
            "a snapshot of unknown origin",
            snapshot(None, None, SnapshotState::Available),
            "NameInUse",
        ),
    ]
}

#[tokio::test]
async fn a_snapshot_with_the_target_name_counts_only_as_a_copy_of_this_source() {
    for (what, snapshot, expected) in taken_names() {
        for dry_run in [false, true] {
            let mut deployed = Deployed::new(BINARY).await;
            deployed
                .emulator
                .add_instance_snapshot(Region::UsEast1, &snapshot)
                .unwrap();
            let mut event = dated("taken", "us-east-1");
            event["dryRun"] = dry_run.into();
            let invocation = deployed.send(&event).await;
            let line = invocation.line_of("taken");
            if ["exists", "pending"].contains(&expected) {
                assert_eq!(
                    invocation.answer()["copies"][0]["outcome"],
                    expected,
                    "{what}"
                );
                assert_eq!(line["outcome"], expected, "{what}");
            } else {
                if dry_run {
                    let copy = &invocation.answer()["copies"][0];
                    assert_eq!(copy["error"]["code"], expected, "{what}");
                } else {
                    let (error_type, message) = invocation.error();
                    assert_eq!(error_type, "CopyFailed", "{what}");
                    let expected_start = format!(
                        "CopySnapshot of WordPress-1 from us-west-2 to us-east-1 as taken: {expected}: "
                    );
                    assert!(message.starts_with(&expected_start), "{what}: {message}");
                }
                assert_eq!(
                    (&line["outcome"], &line["errorCode"]),
                    (&json!("failed"), &json!(expected)),
                    "{what}"
                );
                assert_eq!(line["retryable"], false, "{what}");
            }
            assert_eq!(deployed.names_in(Region::UsEast1), ["taken"]);
        }
    }
}

#[tokio::test]
async fn the_name_of_another_kind_of_resource_is_in_use() {
    let mut deployed = Deployed::new(BINARY).await;
    // The look-ups are repeated until the deadline, because a snapshot may not be visible yet.
    let event = dated("Standby-1", "us-east-1").to_string();
    let short = std::time::Duration::from_secs(4);
    let invocation = deployed.function.invoke(event, short).await;
    let line = invocation.line_of("Standby-1");
    assert_eq!(line["errorCode"], "NameInUse");
    assert_eq!(line["retryable"], true);
    assert_eq!(invocation.error().0, "CopyFailed");
    let look_ups = deployed.calls_of(Operation::GetDiskSnapshot).len();
    assert!(look_ups >= 3, "{look_ups}");
}

#[tokio::test]
async fn a_disk_copy_is_identified_by_its_disk() {
    let request = json!({
        "sourceRegion": "us-west-2", "sourceResourceName": "Data-1", "restoreDate": "2019-09-25",
        "targetSnapshotName": "taken",
    });
    for (from, expected) in [("Data-1", "exists"), ("Data-2", "failed")] {
        let mut deployed = Deployed::new(BINARY).await;
        let snapshot = world::DiskSnapshot {
            name: "taken".to_owned(),
            from_disk_name: Some(from.to_owned()),
            from_disk_arn: Some("arn:aws:lightsail:us-west-2:123456789012:Disk/1".to_owned()),
            ..Default::default()
        };
        deployed
            .emulator
            .add_disk_snapshot(Region::UsEast1, &snapshot)
            .unwrap();
        let invocation = deployed.send(&request).await;
        assert_eq!(invocation.line_of("taken")["outcome"], expected);
    }
}

#[tokio::test]
async fn a_copy_of_a_manual_snapshot_is_identified_by_the_snapshots_source() {
    let request = json!({
        "sourceRegion": "us-west-2", "sourceSnapshotName": "WordPress-1-1569608575", "targetSnapshotName": "taken",
    });
    for (what, snapshot, expected) in taken_names() {
        let mut deployed = Deployed::new(BINARY).await;
        deployed
            .emulator
            .add_instance_snapshot(Region::UsEast1, &snapshot)
            .unwrap();
        let invocation = deployed.send(&request).await;
        let line = invocation.line_of("taken");
        let found = if line["outcome"] == "failed" {
            &line["errorCode"]
        } else {
            &line["outcome"]
        };
        assert_eq!(found, expected, "{what}");
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_reports_what_a_run_would_do() {
    let mut deployed = Deployed::new(BINARY).await;
    let request = |name: &str, value: &str, date: Option<&str>| {
        let mut request = json!({ "sourceRegion": "us-west-2", "targetSnapshotName": format!("copy-of-{value}").replace('.', "-") });
        request[name] = value.into();
        if let Some(date) = date {
            request["restoreDate"] = date.into();
        }
        request
    };
    let good = [
        request("sourceResourceName", "WordPress-1", None),
        request("sourceResourceName", "Data-1", Some("2019-09-25")),
        request("sourceSnapshotName", "WordPress-1-1569608575", None),
        request("sourceSnapshotName", "Data-1-1569608600", None),
    ];
    let answer = deployed
        .answer(&json!({ "dryRun": true, "copies": good }))
        .await;
    assert_eq!(answer["dryRun"], true);
    assert_eq!(answer["summary"]["planned"], 4);
    for copy in answer["copies"].as_array().unwrap() {
        assert_eq!(
            (&copy["outcome"], &copy["operations"]),
            (&json!("planned"), &json!([]))
        );
    }
    // The answer says which copies a run could not make.
    let bad = [
        request("sourceResourceName", "Bare-1", None),
        request("sourceResourceName", "Missing-1", None),
        request("sourceResourceName", "WordPress-1", Some("2019-09-26")),
        request("sourceResourceName", "Data-1", Some("2019-09-01")),
        request("sourceSnapshotName", "Missing-2", None),
    ];
    let invocation = deployed
        .send(&json!({ "dryRun": true, "copies": bad }))
        .await;
    assert_eq!(invocation.answer()["summary"]["failed"], 5);
    for line in invocation.events("copy_result") {
        assert_eq!(line["errorCode"], "NotFoundException", "{line:#}");
        assert_eq!(line["retryable"], false);
    }
    let changing: Vec<_> = deployed.emulator.calls();
    let changing = changing
        .iter()
        .filter(|call| !format!("{:?}", call.operation).starts_with("Get"));
    assert_eq!(changing.count(), 0);
    assert_eq!(deployed.names_in(Region::UsEast1), [""; 0]);
}

#[tokio::test]
async fn a_dry_run_fails_for_a_manual_snapshot_that_is_not_available() {
    for (kind, state) in [
        ("instance", SnapshotState::Pending),
        ("instance", SnapshotState::Error),
        ("disk", SnapshotState::Pending),
        ("disk", SnapshotState::Error),
    ] {
        let mut deployed = Deployed::new(BINARY).await;
        let name = "unfinished".to_owned();
        let emulator = &deployed.emulator;
        let added = if kind == "instance" {
            let snapshot = world::InstanceSnapshot {
                name,
                state,
                ..Default::default()
            };
            emulator.add_instance_snapshot(Region::UsWest2, &snapshot)
        } else {
            let snapshot = world::DiskSnapshot {
                name,
                state,
                ..Default::default()
            };
            emulator.add_disk_snapshot(Region::UsWest2, &snapshot)
        };
        added.unwrap();
        let mut event = json!({
            "sourceRegion": "us-west-2", "sourceSnapshotName": "unfinished", "targetSnapshotName": "x1",
        });
        // The dry run reports what the run does.
        for dry_run in [true, false] {
            event["dryRun"] = dry_run.into();
            let invocation = deployed.send(&event).await;
            if dry_run {
                assert_eq!(invocation.answer()["copies"][0]["outcome"], "failed");
            } else {
                assert_eq!(invocation.error().0, "CopyFailed");
            }
            let line = invocation.line_of("x1");
            assert_eq!(line["errorCode"], "OperationFailureException", "{line:#}");
            assert_eq!(line["retryable"], false);
        }
        assert_eq!(deployed.names_in(Region::UsEast1), [""; 0]);
    }
}

#[tokio::test]
async fn a_too_large_answer_omits_copies_that_exist_first() {
    let mut deployed = Deployed::with(
        BINARY,
        lightsail_emulator::World {
            copy_limit: 1000,
            ..world_of_instant_copies()
        },
        &[],
    )
    .await;
    let long = |number: usize| format!("{}-{number}", "n".repeat(200));
    let requests = |numbers: std::ops::Range<usize>| -> Vec<Value> {
        numbers
            .map(|number| dated(&long(number), "us-east-1"))
            .collect()
    };
    // All existing copies are omitted before any started one.
    deployed
        .answer(&json!({ "copies": requests(0..150) }))
        .await;
    let invocation = deployed.send(&json!({ "copies": requests(0..450) })).await;
    let answer = invocation.answer();
    assert!(answer.to_string().len() <= 200_000);
    assert_eq!(
        (&answer["summary"]["exists"], &answer["summary"]["started"]),
        (&json!(150), &json!(300))
    );
    let shown = answer["copies"].as_array().unwrap();
    let omitted = answer["omitted"]["copies"].as_u64().unwrap();
    assert_eq!(shown.len() as u64 + omitted, 450);
    assert!(shown.iter().all(|copy| copy["outcome"] == "started"));
    assert_eq!(
        (
            &answer["omitted"]["coverage"],
            &answer["omitted"]["deletions"]
        ),
        (&json!(0), &json!(0))
    );
    // The log has all copies.
    assert_eq!(invocation.events("copy_result").len(), 450);
}

#[tokio::test]
async fn a_too_large_error_message_is_cut_and_refers_to_the_log() {
    let mut deployed = Deployed::new(BINARY).await;
    let requests: Vec<_> = (0..900)
        .map(|number| {
            let mut request = dated(&format!("{}-{number}", "n".repeat(200)), "us-east-1");
            request["sourceResourceName"] = "Missing-1".into();
            request
        })
        .collect();
    let invocation = deployed.send(&json!({ "copies": requests })).await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(serde_json::to_string(message).unwrap().len() <= 200_000);
    let last = message.lines().last().unwrap();
    assert!(last.contains("more, all of them in the log"), "{last}");
    assert_eq!(invocation.events("copy_result").len(), 900);
}
