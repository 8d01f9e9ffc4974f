//! Copy requests: the calls that they become, and their results in answer and log.

use std::time::Duration;

use jiff::Timestamp;
use lightsail_emulator::{Fault, Operation, Region, SnapshotState, StatusCode, World, world};
use serde_json::{Value, json};
use test_support::deployed::{dated, sample_requests, world, world_of_instant_copies};
use test_support::in_process::InProcess;

fn function() -> InProcess {
    InProcess::of(world(), None)
}

fn names_in(function: &InProcess, region: Region) -> Vec<String> {
    let snapshots = function.emulator.snapshots(region).into_iter();
    snapshots.map(|snapshot| snapshot.name).collect()
}

/// An answer of Lightsail that says success.
fn answer(body: &Value) -> Fault {
    let json = "application/x-amz-json-1.1";
    Fault::answer(StatusCode::OK, json, body.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_request_becomes_one_call_for_each_destination() {
    let [dated, manual] = sample_requests();
    let latest = json!({
        "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1",
        "useLatestRestorableAutoSnapshot": true, "targetSnapshotName": "x1",
    });
    let by_default = json!({
        "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "targetSnapshotName": "x1",
    });
    let with = |request: &Value, name: &str, value: Value| {
        let mut request = request.clone();
        request[name] = value;
        request
    };
    let own = ["us-east-1"].as_slice();
    let many = json!(["eu-west-1", "us-west-2", "us-east-1"]);
    for (event, body, regions) in [
        (dated.clone(), &dated, own),
        (manual.clone(), &manual, own),
        (latest.clone(), &latest, own),
        // Without `restoreDate`, the latest snapshot is the default.
        (by_default, &latest, own),
        // `restoreDate` implies `false`, so `false` is not sent.
        (
            with(&dated, "useLatestRestorableAutoSnapshot", json!(false)),
            &dated,
            own,
        ),
        (
            with(&dated, "destinationRegion", json!("ap-south-1")),
            &dated,
            &["ap-south-1"],
        ),
        // The destination may be the source Region.
        (
            with(&dated, "destinationRegion", json!("us-west-2")),
            &dated,
            &["us-west-2"],
        ),
        (
            with(&manual, "destinationRegions", many),
            &manual,
            &["eu-west-1", "us-west-2", "us-east-1"],
        ),
    ] {
        let run = function().send(&event).await;
        assert_eq!(run.answer()["summary"]["started"], regions.len(), "{event}");
        let destinations = run.rows("copies", &["destinationRegion"]).concat();
        assert_eq!(destinations, regions, "{event}");
        assert_eq!(run.calls.len(), regions.len(), "{event}");
        for region in regions {
            assert_eq!(run.calls_of(region, "CopySnapshot"), [body], "{event}");
        }
        // The answer repeats the fields as they were sent.
        for copy in run.answer()["copies"].as_array().unwrap() {
            for (name, value) in body.as_object().unwrap() {
                assert_eq!(copy[name], *value, "{name} of {event}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_default_destination_is_the_region_that_the_function_runs_in() {
    let [request, _] = sample_requests();
    let mut function = function();
    function.function.region = "ca-central-1".parse().ok();
    let run = function.send(&request).await;
    assert_eq!(run.copy()["destinationRegion"], "ca-central-1");
    assert_eq!(run.calls[0].region, Region::CaCentral1);
    // Lambda exists in some Regions that Lightsail does not exist in.
    function.function.region = None;
    let run = function.send(&request).await;
    assert_eq!(run.error().0, "InvalidEvent");
    assert!(run.error().1.starts_with("destinationRegion: required"));
    assert!(run.calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_name_is_generated_if_the_request_has_none() {
    let longest = format!("a{}", "-".repeat(226));
    let longest_name = format!("{longest}-us-west-2-2019-09-25");
    for (field, source, date, name) in [
        (
            "sourceSnapshotName",
            "WordPress-1-1569608575",
            None,
            "WordPress-1-1569608575-us-west-2",
        ),
        (
            "sourceResourceName",
            "WordPress-1",
            Some("2019-09-25"),
            "WordPress-1-us-west-2-2019-09-25",
        ),
        (
            "sourceResourceName",
            "WordPress-1",
            None,
            "WordPress-1-us-west-2-20261122T063000Z",
        ),
        // This instance name is not valid as a snapshot name.
        (
            "sourceResourceName",
            "shop.example.com",
            Some("2019-09-25"),
            "shop_2E_example_2E_com-us-west-2-2019-09-25",
        ),
        (
            "sourceResourceName",
            &longest,
            Some("2019-09-25"),
            &longest_name,
        ),
    ] {
        let function = function();
        let longest = world::Source::named(&longest)
            .with_auto_snapshot(jiff::civil::date(2019, 9, 25), Default::default());
        function
            .emulator
            .add_instance(Region::UsWest2, &longest)
            .unwrap();
        let mut event =
            json!({ "sourceRegion": "us-west-2", field: source, "time": "2026-11-22T06:30:00Z" });
        if let Some(date) = date {
            event["restoreDate"] = date.into();
        }
        let run = function.send(&event).await;
        assert_eq!(run.copy()["outcome"], "started", "{event}");
        assert_eq!(run.copy()["targetSnapshotName"], name);
        assert_eq!(run.calls[0].body["targetSnapshotName"], name);
        assert_eq!(names_in(&function, Region::UsEast1), [name]);
    }
}

#[tokio::test(start_paused = true)]
async fn resources_with_the_same_name_in_two_regions_get_different_copies() {
    let of = |region: &str| json!({ "sourceRegion": region, "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25" });
    let function = function();
    let event = json!({ "copies": [of("us-west-2"), of("eu-central-1")] });
    assert_eq!(
        function.send(&event).await.answer()["summary"]["started"],
        2
    );
    assert_eq!(
        names_in(&function, Region::UsEast1),
        [
            "WordPress-1-eu-central-1-2019-09-25",
            "WordPress-1-us-west-2-2019-09-25"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_answer_has_all_that_lightsail_returned() {
    let mut event = sample_requests()[0].clone();
    event["destinationRegion"] = "eu-west-1".into();
    let run = function().send(&event).await;
    let mut answer = run.answer().clone();
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

#[tokio::test(start_paused = true)]
async fn answer_and_log_have_every_member_of_every_operation() {
    // The times are those of the API page's sample responses.
    let returned = json!({ "operations": [
        { "id": "0710de23-b848-4146-887d-ec12093c049d", "createdAt": 1.56961336589E9, "statusChangedAt": 1.569613921044E9,
          "errorCode": "E-1", "errorDetails": "what went wrong", "isTerminal": true, "status": "Succeeded",
          "location": { "availabilityZone": "us-east-1a", "regionName": "us-east-1" }, "operationDetails": "us-west-2:WordPress-1",
          "operationType": "CopySnapshot", "resourceName": "x1", "resourceType": "InstanceSnapshot" },
        { "id": "second" },
    ] });
    let function = function();
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, answer(&returned));
    let run = function.send(&dated("x1", "us-east-1")).await;
    assert_eq!(run.copy()["outcome"], "started");
    let mut expected = returned["operations"].clone();
    expected[0]["createdAt"] = "2019-09-27T19:42:45.890Z".into();
    expected[0]["statusChangedAt"] = "2019-09-27T19:52:01.044Z".into();
    assert_eq!(run.copy()["operations"], expected);
    let [first, second] = run.lines("copy_result")[..] else {
        panic!("{:#?}", run.log)
    };
    assert_eq!(first["level"], "INFO");
    first["timestamp"]
        .as_str()
        .unwrap()
        .parse::<Timestamp>()
        .unwrap();
    assert_eq!(
        first["fields"],
        json!({
            "event": "copy_result", "requestId": "4b6a0b6e-0000-4000-8000-000000000001", "outcome": "started",
            "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25",
            "destinationRegion": "us-east-1", "targetSnapshotName": "x1",
            "operationId": "0710de23-b848-4146-887d-ec12093c049d", "operationType": "CopySnapshot",
            "operationStatus": "Succeeded", "isTerminal": true,
            "resourceName": "x1", "resourceType": "InstanceSnapshot", "operationDetails": "us-west-2:WordPress-1",
            "createdAt": "2019-09-27T19:42:45.890Z", "statusChangedAt": "2019-09-27T19:52:01.044Z",
            "locationRegion": "us-east-1", "locationAvailabilityZone": "us-east-1a",
            "errorCode": "E-1", "errorDetails": "what went wrong",
        })
    );
    assert_eq!(second["fields"]["operationId"], "second");
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_an_operation_has_a_line_too() {
    let function = function();
    function.send(&dated("x1", "us-east-1")).await;
    let planned = json!({
        "sourceRegion": "us-west-2", "sourceSnapshotName": "Data-1-1569608600", "targetSnapshotName": "x2", "dryRun": true,
    });
    for (event, outcome, field) in [
        (dated("x1", "us-east-1"), "pending", "sourceResourceName"),
        (planned, "planned", "sourceSnapshotName"),
    ] {
        let run = function.send(&event).await;
        let [line] = run.lines("copy_result")[..] else {
            panic!("{:#?}", run.log)
        };
        assert_eq!(
            (&line["level"], &line["fields"]["outcome"]),
            (&json!("INFO"), &json!(outcome))
        );
        for field in [field, "sourceRegion", "targetSnapshotName"] {
            assert_eq!(line["fields"][field], event[field]);
        }
        assert_eq!(line["fields"]["destinationRegion"], "us-east-1");
        for absent in [
            "operationId",
            "operationStatus",
            "errorCode",
            "errorMessage",
        ] {
            assert_eq!(line["fields"].get(absent), None, "{absent}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_has_the_order_of_the_event() {
    let targets: Vec<_> = (0..40).map(|number| format!("copy-{number}")).collect();
    let regions = ["us-east-1", "eu-west-1", "ap-south-1"].iter().cycle();
    let requests = targets.iter().zip(regions);
    let requests: Vec<_> = requests
        .map(|(target, region)| dated(target, region))
        .collect();
    let function = InProcess::of(
        World {
            copy_limit: 100,
            ..world()
        },
        None,
    );
    // The first requests get the last responses.
    function.emulator.on_call(|call| {
        Fault::None.after(Duration::from_millis(if call.number <= 8 {
            200
        } else {
            0
        }))
    });
    let run = function.send(&json!({ "copies": requests })).await;
    assert_eq!(
        run.rows("copies", &["targetSnapshotName"]).concat(),
        targets
    );
    assert_eq!(run.answer()["summary"]["started"], 40);
}

#[tokio::test(start_paused = true)]
async fn an_event_delivered_twice_makes_one_copy() {
    for (world, second) in [(world(), "pending"), (world_of_instant_copies(), "exists")] {
        let function = InProcess::of(world, None);
        let event = json!({ "time": "2026-11-22T06:30:00Z", "copies": [
            { "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1" },
            { "sourceRegion": "us-west-2", "sourceResourceName": "Data-1", "restoreDate": "2019-09-25" },
            { "sourceRegion": "us-west-2", "sourceSnapshotName": "WordPress-1-1569608575" },
            { "sourceRegion": "us-west-2", "sourceSnapshotName": "Data-1-1569608600" },
        ] });
        assert_eq!(
            function.send(&event).await.answer()["summary"]["started"],
            4
        );
        let names = names_in(&function, Region::UsEast1);
        let run = function.send(&event).await;
        let expected = [second, "[]", "-"];
        assert_eq!(
            run.rows("copies", &["outcome", "operations", "error"]),
            [expected; 4]
        );
        assert_eq!(names_in(&function, Region::UsEast1), names);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing_and_reports_what_a_run_would_do() {
    let function = function();
    let request = |(name, value, date): (&str, &str, Option<&str>)| {
        let target = format!("copy-of-{value}");
        let mut request =
            json!({ "sourceRegion": "us-west-2", name: value, "targetSnapshotName": target });
        if let Some(date) = date {
            request["restoreDate"] = date.into();
        }
        request
    };
    let good = [
        ("sourceResourceName", "WordPress-1", None),
        ("sourceResourceName", "Data-1", Some("2019-09-25")),
        ("sourceSnapshotName", "WordPress-1-1569608575", None),
        ("sourceSnapshotName", "Data-1-1569608600", None),
    ];
    let event = json!({ "dryRun": true, "copies": good.map(request) });
    let run = function.send(&event).await;
    assert_eq!(run.answer()["dryRun"], true);
    assert_eq!(
        run.rows("copies", &["outcome", "operations"]),
        [["planned", "[]"]; 4]
    );
    assert_eq!(run.changes(), [""; 0]);
    // The answer says which copies a run could not make.
    let bad = [
        ("sourceResourceName", "Bare-1", None),
        ("sourceResourceName", "Missing-1", None),
        ("sourceResourceName", "WordPress-1", Some("2019-09-26")),
        ("sourceResourceName", "Data-1", Some("2019-09-01")),
        ("sourceSnapshotName", "Missing-2", None),
    ];
    let event = json!({ "dryRun": true, "copies": bad.map(request) });
    let run = function.send(&event).await;
    assert_eq!(run.answer()["summary"]["failed"], 5);
    for line in run.lines("copy_result") {
        let fields = &line["fields"];
        assert_eq!(
            (&fields["errorCode"], &fields["retryable"]),
            (&json!("NotFoundException"), &json!(false))
        );
    }
    assert_eq!(run.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_manual_snapshot_that_is_not_available_cannot_be_copied() {
    for state in [SnapshotState::Pending, SnapshotState::Error] {
        let function = function();
        let instance = world::InstanceSnapshot {
            name: "web".to_owned(),
            state,
            ..Default::default()
        };
        let disk = world::DiskSnapshot {
            name: "data".to_owned(),
            state,
            ..Default::default()
        };
        function
            .emulator
            .add_instance_snapshot(Region::UsWest2, &instance)
            .unwrap();
        function
            .emulator
            .add_disk_snapshot(Region::UsWest2, &disk)
            .unwrap();
        // The dry run reports what the run does.
        for (name, dry_run) in [
            ("web", true),
            ("web", false),
            ("data", true),
            ("data", false),
        ] {
            let event = json!({
                "sourceRegion": "us-west-2", "sourceSnapshotName": name, "targetSnapshotName": "x1", "dryRun": dry_run,
            });
            let run = function.send(&event).await;
            assert_eq!(run.result.is_ok(), dry_run, "{event}");
            let line = run.line_of("x1");
            assert_eq!(line["outcome"], "failed", "{event}");
            assert_eq!(line["errorCode"], "OperationFailureException", "{event}");
            assert_eq!(line["retryable"], false, "{event}");
        }
        assert_eq!(names_in(&function, Region::UsEast1), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_too_large_error_message_is_cut_and_refers_to_the_log() {
    let request = |number| {
        let target = format!("{}-{number}", "n".repeat(200));
        json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": "Missing-1", "targetSnapshotName": target })
    };
    let requests: Vec<_> = (0..650).map(request).collect();
    let run = function().send(&json!({ "copies": requests })).await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(serde_json::to_string(message).unwrap().len() <= 200_000);
    let last = message.lines().last().unwrap();
    assert!(last.contains("more, all of them in the log"), "{last}");
    assert_eq!(run.lines("copy_result").len(), 650);
}
