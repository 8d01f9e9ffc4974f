//! Events: schedules, custom events and bare jobs, and those that are refused before any call.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lightsail_emulator::{Operation, Region, World};
use local_lambda::Ending;
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, TIMEOUT, world, world_of_instant_copies};

use crate::BINARY;

/// The deployed policy of tests that need one.
const POLICY: &str = r#"{
    "sources": [ { "region": "us-west-2", "names": ["WordPress-*"] } ],
    "destinations": ["us-east-1"]
}"#;

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("events")
        .join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The result of each sample event in the demo world: outcome, source, destination and target of
/// each copy. `DATE` stands for the day of an automatic snapshot, which the demo world counts from
/// today. `NOW` stands for the time of the event.
const SAMPLES: &[(&str, &[&str])] = &[
    (
        "job-automatic-snapshot.json",
        &["started WordPress-1 us-east-1 CopiedAutoSnapshot-2019-09-25"],
    ),
    (
        "job-manual-snapshot.json",
        &["started WordPress-1-1569608575 us-east-1 CopiedManualSnapshot-2019-09-25"],
    ),
    (
        "job-latest.json",
        &["started WordPress-1 us-east-1 WordPress-1-us-west-2-NOW"],
    ),
    (
        "job-destinations.json",
        &[
            "started Data-1-1569608600 us-east-1 Data-1-1569608600-us-west-2",
            "started Data-1-1569608600 eu-west-1 Data-1-1569608600-us-west-2",
            "started Data-1-1569608600 ap-southeast-2 Data-1-1569608600-us-west-2",
        ],
    ),
    (
        "job-dry-run.json",
        &[
            "planned Data-1 eu-west-1 Data-1-us-west-2-NOW",
            "planned Shop-Data eu-west-1 Shop-Data-eu-central-1-NOW",
        ],
    ),
    (
        "job-scheduler-input.json",
        &["started Shop-1 us-east-1 Shop-1-eu-central-1-20261122T063000Z"],
    ),
    (
        "custom-copy.json",
        &["started WordPress-1-1569608575 eu-west-1 WordPress-1-1569608575-us-west-2"],
    ),
    (
        "custom-copies.json",
        &[
            "started WordPress-2 us-east-1 WordPress-2-us-west-2-20261122T061500Z",
            "started Data-1 us-east-1 Data-1-us-west-2-20261122T061500Z",
            "started Data-1 eu-west-1 Data-1-us-west-2-20261122T061500Z",
            "started Standby-1-before-upgrade us-east-2 Standby-1-before-upgrade-us-east-1",
        ],
    ),
    (
        "schedule-rule.json",
        &[
            "started WordPress-1 us-east-1 WordPress-1-us-west-2-DATE",
            "started WordPress-2 us-east-1 WordPress-2-us-west-2-DATE",
        ],
    ),
    (
        "schedule-scheduler.json",
        &[
            "started WordPress-1 us-east-1 WordPress-1-us-west-2-DATE",
            "started WordPress-2 us-east-1 WordPress-2-us-west-2-DATE",
        ],
    ),
    (
        "job-policy.json",
        &[
            "started Data-1 eu-west-1 Data-1-us-west-2-DATE",
            "started Data-1 us-east-1 Data-1-us-west-2-DATE",
            "started WordPress-1 eu-west-1 WordPress-1-us-west-2-DATE",
            "started WordPress-1 us-east-1 WordPress-1-us-west-2-DATE",
        ],
    ),
    (
        "job-policy-dry-run.json",
        &[
            "planned WordPress-1 ca-central-1 WordPress-1-us-west-2-2019-09-25",
            "planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE",
            "planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE",
            "planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE",
            "planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE",
            "planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE",
            "planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE",
            "planned WordPress-2 ca-central-1 WordPress-2-us-west-2-DATE",
        ],
    ),
];

#[tokio::test]
async fn every_sample_event_does_what_its_name_says() {
    for (file, expected) in SAMPLES {
        let mut deployed = Deployed::with(BINARY, World::demo(), &[("COPY_POLICY", POLICY)]).await;
        let answer = deployed.answer(&sample(file)).await;
        let mut copies: Vec<_> = answer["copies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|copy| copy_in_words(copy, expected))
            .collect();
        if file.contains("policy") || file.contains("schedule") {
            // A run orders copies by urgency, which this test does not check.
            copies.sort();
        }
        assert_eq!(copies, *expected, "{file}");
        let started = copies.iter().filter(|copy| copy.starts_with("started"));
        let made = deployed.calls_of(Operation::CopySnapshot).len();
        assert_eq!(made, started.count(), "{file}");
    }
}

/// A copy in the form of `SAMPLES`.
fn copy_in_words(copy: &Value, expected: &[&str]) -> String {
    let text = |name: &str| copy[name].as_str().unwrap_or_default();
    let source = [text("sourceResourceName"), text("sourceSnapshotName")].concat();
    let mut target = text("targetSnapshotName").to_owned();
    if !expected.iter().any(|line| line.ends_with(&target)) {
        let of_day = copy["restoreDate"].as_str();
        target = match of_day.and_then(|date| target.strip_suffix(date)) {
            Some(prefix) => format!("{prefix}DATE"),
            None => format!("{}NOW", without_instant(&target)),
        };
    }
    format!(
        "{} {source} {} {target}",
        text("outcome"),
        text("destinationRegion")
    )
}

/// A name without the time at its end, such as `20261122T063000Z`.
fn without_instant(name: &str) -> &str {
    let (rest, instant) = name.split_at(name.len() - 16);
    let form: String = instant
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(form, "99999999T999999Z", "{name}");
    rest
}

#[test]
fn every_sample_event_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let files: BTreeSet<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let in_table: BTreeSet<_> = SAMPLES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(files, in_table);
}

/// Every event that asks for a run of the deployed policy.
fn runs_of_the_deployed_policy() -> Vec<Value> {
    let custom =
        |detail: Value| json!({ "detail-type": "Run", "source": "com.example", "detail": detail });
    vec![
        sample("schedule-rule.json"),
        sample("schedule-scheduler.json"),
        json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} }),
        json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": null }),
        json!({}),
        Value::Null,
        json!({ "dryRun": true }),
        json!({ "time": "2026-11-22T06:30:00Z" }),
        json!({ "time": "2026-11-22T06:30:00Z", "dryRun": false }),
        custom(json!({})),
        custom(Value::Null),
        custom(json!({ "dryRun": true })),
    ]
}

#[tokio::test]
async fn a_run_of_the_deployed_policy_fails_without_one() {
    let mut deployed = Deployed::new(BINARY).await;
    for event in runs_of_the_deployed_policy() {
        let invocation = deployed.send(&event).await;
        let (error_type, _) = invocation.error();
        assert_eq!(error_type, "NoPolicy", "{event}");
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

#[tokio::test]
async fn a_run_of_the_deployed_policy_runs_it() {
    for event in runs_of_the_deployed_policy() {
        let mut deployed = Deployed::with(BINARY, world(), &[("COPY_POLICY", POLICY)]).await;
        let answer = deployed.answer(&event).await;
        let dry_run = [&event["dryRun"], &event["detail"]["dryRun"]].contains(&&Value::Bool(true));
        assert_eq!(answer["dryRun"], dry_run, "{event}");
        let outcome = if dry_run { "planned" } else { "started" };
        assert_eq!(answer["copies"][0]["outcome"], outcome, "{event}");
        let copies = deployed.names_in(Region::UsEast1);
        let expected: &[_] = if dry_run {
            &[]
        } else {
            &["WordPress-1-us-west-2-2019-09-25"]
        };
        assert_eq!(copies, expected, "{event}");
    }
}

#[tokio::test]
async fn a_deployed_policy_with_mistakes_stops_only_its_own_runs() {
    let policy = r#"{ "sources": [], "destinations": ["us-east-1", "mars-1"], "keep": 7 }"#;
    let mut deployed = Deployed::with(BINARY, world(), &[("COPY_POLICY", policy)]).await;
    for event in runs_of_the_deployed_policy() {
        let invocation = deployed.send(&event).await;
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "InvalidPolicy", "{event}");
        for part in [
            "sources: ",
            "destinations[1]: \"mars-1\"",
            "keep: unknown field",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

#[tokio::test]
async fn a_policy_in_the_event_replaces_the_deployed_one() {
    let mut deployed = Deployed::with(BINARY, world(), &[("COPY_POLICY", POLICY)]).await;
    let job = json!({ "policy": {
        "sources": [ { "region": "us-west-2", "types": ["Disk"] } ], "destinations": ["eu-west-1"],
    } });
    let answer = deployed.answer(&job).await;
    assert_eq!(answer["summary"]["started"], 1);
    assert_eq!(
        deployed.names_in(Region::EuWest1),
        ["Data-1-us-west-2-2019-09-25"]
    );
    assert_eq!(deployed.names_in(Region::UsEast1), [""; 0]);
}

#[tokio::test]
async fn a_source_rule_can_have_several_regions() {
    let mut deployed = Deployed::new(BINARY).await;
    let job = json!({ "policy": {
        "sources": [ { "regions": ["us-west-2", "eu-central-1"], "names": ["WordPress-*"] } ],
        "destinations": ["eu-west-1"],
    } });
    let answer = deployed.answer(&job).await;
    assert_eq!(answer["summary"]["started"], 2);
    assert_eq!(
        deployed.names_in(Region::EuWest1),
        [
            "WordPress-1-eu-central-1-2019-09-25",
            "WordPress-1-us-west-2-2019-09-25"
        ]
    );
}

#[tokio::test]
async fn retention_counts_of_0_delete_nothing() {
    let mut deployed = Deployed::with(BINARY, world_of_instant_copies(), &[]).await;
    let job = |retention: Value, backfill: bool| {
        json!({ "policy": {
            "sources": [ { "region": "us-west-2", "names": ["WordPress-1"], "types": ["Instance"] } ],
            "destinations": ["us-east-1"], "backfill": backfill, "retention": retention,
        } })
    };
    let answer = deployed.answer(&job(json!({ "keepLast": 2 }), true)).await;
    assert_eq!(answer["summary"]["started"], 2);
    let disabled = json!({ "keepLast": 0, "keepDaily": 0, "keepYearly": 0 });
    let answer = deployed.answer(&job(disabled, false)).await;
    assert_eq!(answer["deletions"], json!([]));
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 2);
    // A rule with a count deletes the other copy.
    let answer = deployed
        .answer(&job(json!({ "keepLast": 1, "keepDaily": 0 }), false))
        .await;
    assert_eq!(answer["summary"]["deleted"], 1);
}

#[tokio::test]
async fn the_time_of_an_event_is_part_of_a_latest_copys_name() {
    let request = json!({ "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1" });
    let with = |name: &str, value: Value| {
        let mut request = request.clone();
        request[name] = value;
        request
    };
    let custom = |time: Value, detail: &Value| {
        let mut event = json!({ "detail-type": "Copy", "source": "com.example", "detail": detail });
        if !time.is_null() {
            event["time"] = time;
        }
        event
    };
    let mut deployed = Deployed::new(BINARY).await;
    for (event, expected) in [
        (
            custom(json!("2026-11-22T06:12:45Z"), &request),
            "20261122T061245Z",
        ),
        (
            custom(
                json!("2026-11-22T06:12:45Z"),
                &json!({ "copies": [request] }),
            ),
            "20261122T061245Z",
        ),
        (
            with("time", json!("2026-11-22T06:30:00Z")),
            "20261122T063000Z",
        ),
        (
            with("time", json!("2026-11-22T07:30:00.123+01:00")),
            "20261122T063000Z",
        ),
        (
            json!({ "time": "2026-12-31T23:59:59Z", "copies": [request] }),
            "20261231T235959Z",
        ),
    ] {
        let mut event = event;
        // A dry run, so that the same name can be requested again.
        match event.get_mut("detail") {
            Some(detail) => detail["dryRun"] = true.into(),
            None => event["dryRun"] = true.into(),
        }
        let copy = deployed.copy(&event).await;
        let expected = format!("WordPress-1-us-west-2-{expected}");
        assert_eq!(copy["targetSnapshotName"], expected, "{event}");
    }
    // Without a time, an event's time is now.
    for event in [request.clone(), custom(Value::Null, &request)] {
        let copy = deployed.copy(&event).await;
        let name = copy["targetSnapshotName"].as_str().unwrap();
        assert_eq!(without_instant(name), "WordPress-1-us-west-2-");
    }
}

/// A copy request with some fields changed or added. `LEFT OUT` removes a field.
fn request_with(changes: &[(&str, Value)]) -> Value {
    let mut request = json!({
        "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25",
    });
    let members = request.as_object_mut().unwrap();
    for (name, value) in changes {
        if *value == json!("LEFT OUT") {
            members.remove(*name);
        } else {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    request
}

/// A request that breaks each rule of a copy request, and the start of its message.
fn broken_requests() -> Vec<(Value, &'static str)> {
    let left_out = || json!("LEFT OUT");
    let manual = |changes: &[(&str, Value)]| {
        let mut all = vec![
            ("sourceResourceName", left_out()),
            ("restoreDate", left_out()),
            ("sourceSnapshotName", json!("WordPress-1-1569608575")),
        ];
        all.extend_from_slice(changes);
        request_with(&all)
    };
    vec![
        (
            request_with(&[("sourceRegion", left_out())]),
            "sourceRegion: required",
        ),
        (
            request_with(&[("sourceRegion", json!("us-west-9"))]),
            "sourceRegion: \"us-west-9\" is not a Lightsail Region",
        ),
        (
            request_with(&[("sourceRegion", json!("US-WEST-2"))]),
            "sourceRegion: \"US-WEST-2\" is not a Lightsail Region",
        ),
        (
            request_with(&[("sourceRegion", json!(2))]),
            "sourceRegion: expected a string, found 2",
        ),
        (
            request_with(&[("sourceRegion", Value::Null)]),
            "sourceRegion: expected a string, found null",
        ),
        (
            request_with(&[
                ("sourceResourceName", left_out()),
                ("restoreDate", left_out()),
            ]),
            "sourceResourceName: required",
        ),
        (
            request_with(&[("sourceResourceName", json!(""))]),
            "sourceResourceName: empty",
        ),
        (
            request_with(&[("sourceResourceName", json!(["WordPress-1"]))]),
            "sourceResourceName: expected a string, found a list",
        ),
        (
            request_with(&[("sourceSnapshotName", json!("WordPress-1-1569608575"))]),
            "sourceSnapshotName: give either",
        ),
        (
            manual(&[("sourceSnapshotName", json!(""))]),
            "sourceSnapshotName: empty",
        ),
        (
            manual(&[("sourceSnapshotName", json!(true))]),
            "sourceSnapshotName: expected a string, found true",
        ),
        (
            manual(&[("restoreDate", json!("2019-09-25"))]),
            "restoreDate: only for an automatic snapshot",
        ),
        (
            manual(&[("useLatestRestorableAutoSnapshot", json!(true))]),
            "useLatestRestorableAutoSnapshot: only for an automatic snapshot",
        ),
        (
            request_with(&[("restoreDate", json!("2026-02-30"))]),
            "restoreDate: 2026-02-30 is not a date",
        ),
        (
            request_with(&[("restoreDate", json!("2025-02-29"))]),
            "restoreDate: 2025-02-29 is not a date",
        ),
        (
            request_with(&[("restoreDate", json!("22.11.2026"))]),
            "restoreDate: expected a date as YYYY-MM-DD",
        ),
        (
            request_with(&[("restoreDate", json!("2026-11-22T06:00:00Z"))]),
            "restoreDate: expected a date as YYYY-MM-DD",
        ),
        (
            request_with(&[("restoreDate", json!("20261122"))]),
            "restoreDate: expected a date as YYYY-MM-DD",
        ),
        (
            request_with(&[("restoreDate", json!(20261122))]),
            "restoreDate: expected a string, found 20261122",
        ),
        (
            request_with(&[("useLatestRestorableAutoSnapshot", json!(true))]),
            "restoreDate: not together with useLatestRestorableAutoSnapshot",
        ),
        (
            request_with(&[
                ("restoreDate", left_out()),
                ("useLatestRestorableAutoSnapshot", json!(false)),
            ]),
            "restoreDate: required where useLatestRestorableAutoSnapshot is false",
        ),
        (
            request_with(&[("useLatestRestorableAutoSnapshot", json!("true"))]),
            "useLatestRestorableAutoSnapshot: expected true or false, found the string \"true\"",
        ),
        (
            request_with(&[("targetSnapshotName", json!("a"))]),
            "targetSnapshotName: \"a\" has 1 characters",
        ),
        (
            request_with(&[("targetSnapshotName", json!(""))]),
            "targetSnapshotName: \"\" has 0 characters",
        ),
        (
            request_with(&[("targetSnapshotName", json!("-ab"))]),
            "targetSnapshotName: \"-ab\" is not a snapshot name",
        ),
        (
            request_with(&[("targetSnapshotName", json!("ab-"))]),
            "targetSnapshotName: \"ab-\" is not a snapshot name",
        ),
        (
            request_with(&[("targetSnapshotName", json!("a.b"))]),
            "targetSnapshotName: \"a.b\" is not a snapshot name",
        ),
        (
            request_with(&[("targetSnapshotName", json!("größe"))]),
            "targetSnapshotName: \"größe\" is not a snapshot name",
        ),
        (
            request_with(&[("targetSnapshotName", json!("ab\n"))]),
            "targetSnapshotName: \"ab\\n\" is not a snapshot name",
        ),
        (
            request_with(&[("targetSnapshotName", json!("a".repeat(256)))]),
            "targetSnapshotName: \"aaaa",
        ),
        (
            request_with(&[("sourceResourceName", json!("a".repeat(240)))]),
            "targetSnapshotName: the generated name",
        ),
        (
            request_with(&[("destinationRegion", json!("moon-1"))]),
            "destinationRegion: \"moon-1\" is not a Lightsail Region",
        ),
        (
            request_with(&[("destinationRegion", json!(["us-east-1"]))]),
            "destinationRegion: expected a string, found a list",
        ),
        (
            request_with(&[("destinationRegions", json!([]))]),
            "destinationRegions: empty",
        ),
        (
            request_with(&[("destinationRegions", json!("us-east-1"))]),
            "destinationRegions: expected a list, found the string",
        ),
        (
            request_with(&[("destinationRegions", json!(["us-east-1", "moon-1"]))]),
            "destinationRegions[1]: \"moon-1\" is not a Lightsail Region",
        ),
        (
            request_with(&[("destinationRegions", json!(["us-east-1", 7]))]),
            "destinationRegions[1]: expected a string, found 7",
        ),
        (
            request_with(&[("destinationRegions", json!(["us-east-1", "us-east-1"]))]),
            "destinationRegions[1]: duplicate",
        ),
        (
            request_with(&[
                ("destinationRegion", json!("us-east-1")),
                ("destinationRegions", json!(["eu-west-1"])),
            ]),
            "destinationRegions: give either destinationRegion or destinationRegions",
        ),
        (
            request_with(&[("restoredate", json!("2019-09-25"))]),
            "restoredate: unknown field",
        ),
        (
            manual(&[
                ("targetSnapshotName", json!("WordPress-1-1569608575")),
                ("destinationRegion", json!("us-west-2")),
            ]),
            "targetSnapshotName: the copy would be the source itself",
        ),
    ]
}

#[tokio::test]
async fn every_broken_rule_of_a_request_is_named_by_its_path() {
    let mut deployed = Deployed::new(BINARY).await;
    let good = request_with(&[("targetSnapshotName", json!("of-its-own"))]);
    for (request, expected) in broken_requests() {
        let custom = json!({ "detail-type": "Copy", "source": "com.example", "detail": request });
        let second = json!({ "copies": [good, request] });
        for (event, prefix) in [
            (request.clone(), ""),
            (custom, "detail."),
            (second, "copies[1]."),
        ] {
            let invocation = deployed.send(&event).await;
            let (error_type, message) = invocation.error();
            assert_eq!(error_type, "InvalidEvent", "{event}");
            let expected = format!("{prefix}{expected}");
            let lines: Vec<_> = message.lines().collect();
            assert!(
                lines[0].starts_with(&expected),
                "{expected:?} of {event}: {message}"
            );
            assert_eq!(
                lines.len(),
                1,
                "one mistake, one line, of {event}: {message}"
            );
        }
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

#[tokio::test]
async fn invalid_jobs_are_refused_with_their_paths() {
    let request = request_with(&[]);
    let custom =
        |detail: Value| json!({ "detail-type": "Copy", "source": "com.example", "detail": detail });
    let schedule = |detail: Value| json!({ "detail-type": "Scheduled Event", "source": "aws.events", "detail": detail });
    let with = |name: &str, value: Value| request_with(&[(name, value)]);
    let mut deployed = Deployed::new(BINARY).await;
    for (event, expected) in [
        (json!([]), "expected an object, found a list"),
        (json!([request]), "expected an object, found a list"),
        (
            json!("copy"),
            "expected an object, found the string \"copy\"",
        ),
        (json!(7), "expected an object, found 7"),
        (json!(true), "expected an object, found true"),
        (json!({ "copies": [] }), "copies: empty"),
        (
            json!({ "copies": null }),
            "copies: expected a list, found null",
        ),
        (
            json!({ "copies": request }),
            "copies: expected a list, found an object",
        ),
        (
            json!({ "copies": [null] }),
            "copies[0]: expected an object, found null",
        ),
        (
            json!({ "copies": [request, "x"] }),
            "copies[1]: expected an object, found the string",
        ),
        (
            json!({ "copies": [request], "sourceRegion": "us-west-2" }),
            "sourceRegion: unknown field",
        ),
        (
            json!({ "copies": [with("dryRun", json!(true))] }),
            "copies[0].dryRun: unknown field",
        ),
        (
            json!({ "copies": [with("time", json!("2026-11-22T06:30:00Z"))] }),
            "copies[0].time: unknown field",
        ),
        (
            json!({ "copies": [request], "dryRun": 1 }),
            "dryRun: expected true or false, found 1",
        ),
        (
            with("dryRun", json!("yes")),
            "dryRun: expected true or false, found the string \"yes\"",
        ),
        (
            with("time", json!("yesterday")),
            "time: expected a time as 2026-11-22T06:00:00Z",
        ),
        (
            with("time", json!("20261122T060000Z")),
            "time: expected a time as 2026-11-22T06:00:00Z (RFC 3339), found \"20261122T060000Z\"",
        ),
        (
            with("time", json!(1763792400)),
            "time: expected a string, found 1763792400",
        ),
        (
            with("allowMassDeletion", json!(true)),
            "allowMassDeletion: only for a policy run",
        ),
        (
            json!({ "copies": [request], "allowMassDeletion": true }),
            "allowMassDeletion: only for a policy run",
        ),
        (
            json!({ "allowMassDeletion": "yes" }),
            "allowMassDeletion: expected true or false, found the string \"yes\"",
        ),
        (
            json!({ "dryrun": true }),
            "dryrun: unknown field; did you mean dryRun?",
        ),
        (
            json!({ "policy": null }),
            "policy: expected an object, found null",
        ),
        (
            json!({ "policy": {}, "copies": [request] }),
            "copies: give either policy or copies, not both",
        ),
        (
            json!({ "policy": { "sources": [ { "region": "us-west-2", "name": "x" } ], "destinations": ["us-east-1"] } }),
            "policy.sources[0].name: unknown field",
        ),
        (
            custom(json!([])),
            "detail: expected an object, found a list",
        ),
        (
            custom(json!("{}")),
            "detail: expected an object, found the string",
        ),
        (
            custom(with("time", json!("2026-11-22T06:30:00Z"))),
            "detail.time: unknown field",
        ),
        (
            custom(json!({ "copies": [request, { "sourceRegion": "us-west-2" }] })),
            "detail.copies[1].sourceResourceName: required",
        ),
        (
            custom(json!({ "policy": { "sources": [], "destinations": ["us-east-1"] } })),
            "detail.policy.sources: empty",
        ),
        (
            json!({ "detail-type": "Copy", "source": "com.example" }),
            "detail: required",
        ),
        (
            json!({ "detail-type": "Copy", "detail": request }),
            "source: required",
        ),
        (
            json!({ "source": "com.example", "detail": request }),
            "detail-type: required",
        ),
        (
            json!({ "detail-type": 7, "source": "com.example", "detail": request }),
            "detail-type: invalid type: integer `7`, expected a string",
        ),
        (
            json!({ "detail-type": "Copy", "source": "com.example", "detail": request, "time": "noon" }),
            "time: expected a time as 2026-11-22T06:00:00Z (RFC 3339), found \"noon\"",
        ),
        (
            schedule(request.clone()),
            "detail: expected an empty object, because a schedule runs the deployed policy",
        ),
        (
            schedule(json!("{\"a\": 1}")),
            "detail: expected an empty object, because a schedule runs the deployed policy",
        ),
        (
            schedule(json!([])),
            "detail: expected an empty object, because a schedule runs the deployed policy",
        ),
    ] {
        let invocation = deployed.send(&event).await;
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "InvalidEvent", "{event}");
        let found = message.lines().any(|line| line.starts_with(expected));
        assert!(found, "{expected:?} of {event}: {message}");
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

#[tokio::test]
async fn job_fields_beside_detail_are_refused() {
    let mut deployed = Deployed::with(BINARY, world(), &[("COPY_POLICY", POLICY)]).await;
    for (detail_type, source) in [
        ("Run", "com.example"),
        ("Scheduled Event", "aws.events"),
        ("Scheduled Event", "aws.scheduler"),
    ] {
        let event = json!({
            "detail-type": detail_type, "source": source, "detail": {}, "dryRun": true,
        });
        let invocation = deployed.send(&event).await;
        let expected = (
            "InvalidEvent",
            "dryRun: belongs inside detail: detail.dryRun",
        );
        assert_eq!(invocation.error(), expected, "{event}");
    }
    let event = json!({
        "detail-type": "Copy", "source": "com.example", "sourceRegion": "us-west-2",
        "detail": { "sourceResourceName": "WordPress-1", "restoreDate": "2026-02-30" },
    });
    let invocation = deployed.send(&event).await;
    let (_, message) = invocation.error();
    assert_eq!(
        message.lines().collect::<Vec<_>>(),
        [
            "sourceRegion: belongs inside detail: detail.sourceRegion",
            "detail.sourceRegion: required",
            "detail.restoreDate: 2026-02-30 is not a date",
        ]
    );
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

#[tokio::test]
async fn all_mistakes_of_an_event_are_reported_together() {
    let event = json!({
        "dryRun": "perhaps",
        "copies": [
            { "sourceRegion": "us-west-2", "sourceResourceName": "a", "colour": "red" },
            { "sourceRegion": "atlantis", "sourceResourceName": "b", "restoreDate": "2026-02-30" },
            { "sourceSnapshotName": "c", "destinationRegions": ["us-east-1", "us-east-1"] },
        ],
        "verbose": true,
    });
    let mut deployed = Deployed::new(BINARY).await;
    let invocation = deployed.send(&event).await;
    let (_, message) = invocation.error();
    let paths: Vec<_> = message
        .lines()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "dryRun",
            "copies[0].colour",
            "copies[1].sourceRegion",
            "copies[1].restoreDate",
            "copies[2].sourceRegion",
            "copies[2].destinationRegions[1]",
            "verbose",
        ]
    );
    assert_eq!(deployed.emulator.calls(), []);
}

#[tokio::test]
async fn two_requests_for_the_same_target_are_a_mistake() {
    let mut deployed = Deployed::new(BINARY).await;
    let named = |target: &str, destination: &str| {
        request_with(&[
            ("targetSnapshotName", json!(target)),
            ("destinationRegion", json!(destination)),
        ])
    };
    let event = json!({ "copies": [named("x1", "us-east-1"), named("x2", "us-east-1"), named("x1", "us-east-1")] });
    let invocation = deployed.send(&event).await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "InvalidEvent");
    assert_eq!(
        message,
        "copies[2].targetSnapshotName: copies[0] already asks for x1 in us-east-1"
    );
    assert_eq!(deployed.emulator.calls(), []);
    // The same name in two destinations is two copies.
    let event = json!({ "copies": [named("x1", "us-east-1"), named("x1", "eu-west-1")] });
    assert_eq!(deployed.answer(&event).await["summary"]["started"], 2);
}

#[tokio::test]
async fn payloads_that_are_not_json_are_refused_and_the_next_event_is_served() {
    let mut deployed = Deployed::new(BINARY).await;
    let deep = [b"[".repeat(500_000), b"]".repeat(500_000)].concat();
    let deep_job = [
        br#"{"copies":"#.repeat(1000),
        b"1".to_vec(),
        b"}".repeat(1000),
    ]
    .concat();
    let large = format!("{{\"padding\": \"{}\"}}", "x".repeat(2_000_000)).into_bytes();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "the payload is empty"),
        (b" \n ".to_vec(), "the payload is empty"),
        (
            b"sourceRegion=us-west-2".to_vec(),
            "the payload is not JSON",
        ),
        (
            b"{\"sourceRegion\": \"us-west-2\"".to_vec(),
            "the payload is not JSON",
        ),
        (b"{} {}".to_vec(), "the payload is not JSON"),
        (
            b"{\"sourceRegion\": \"\xff\xfe\"}".to_vec(),
            "the payload is not JSON",
        ),
        (b"\xff".to_vec(), "the payload is not JSON"),
        (b"\0".to_vec(), "the payload is not JSON"),
        (b"<html></html>".to_vec(), "the payload is not JSON"),
        (b"NaN".to_vec(), "the payload is not JSON"),
        (b"{\"a\": 1e999}".to_vec(), "the payload is not JSON"),
        (b"{\"a\": \"\\ud800\"}".to_vec(), "the payload is not JSON"),
        (deep, "the payload is not JSON"),
        (deep_job, "the payload is not JSON"),
        (large, "sourceRegion: required"),
        // It is ambiguous which one counts.
        (
            b"{\"dryRun\": true, \"dryRun\": false}".to_vec(),
            "duplicate field \"dryRun\"",
        ),
    ];
    for (payload, expected) in cases {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(40)]).into_owned();
        let invocation = deployed.function.invoke(payload, TIMEOUT).await;
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "InvalidEvent", "{shown}");
        assert!(message.starts_with(expected), "{shown}: {message}");
        // Messages have a size limit.
        assert!(message.len() < 20_000, "{shown}");
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

/// The largest payload that Lambda delivers, in bytes.
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// The largest payload that the function reads.
const MAX_READ: usize = 3 * 1024 * 1024;

/// The limit of peak memory, in bytes. The function is deployed with 256 MB.
const MAX_MEMORY: u64 = 160_000_000;

/// A payload of the largest size that is read: `element`, at most so many times, as often as it fits
/// between `before` and `after`.
fn filled(before: &str, most: usize, element: impl Fn(usize) -> String, after: &str) -> Vec<u8> {
    let mut payload = before.to_owned();
    for index in 0..most {
        let element = element(index);
        if payload.len() + element.len() + after.len() >= MAX_READ {
            break;
        }
        payload.push_str(&element);
        payload.push(',');
    }
    payload.pop();
    payload.push_str(after);
    payload.into_bytes()
}

/// Payloads that need the most memory or time to read, and how the message about each begins. A
/// document has at most 100,000 values.
fn large_payloads() -> Vec<(Vec<u8>, &'static str)> {
    let same = |before: &str, most: usize, element: &'static str, after: &str| {
        filled(before, most, |_| element.to_owned(), after)
    };
    let field = |n| format!("\"f{n}\":0");
    let copies = r#"{"copies":["#;
    let nested = r#"{"a":{"b":{"c":{"d":{"e":{"f":0}}}}}}"#;
    let policy = |names: &str| {
        format!(
            r#"{{"policy":{{"destinations":["us-east-1"],"sources":[{{"region":"us-west-2","names":{names}"#
        )
    };
    let rule = format!(
        r#"{{"region":"us-west-2","names":["{}"],"tags":{{"a":"b"}}}}"#,
        "?".repeat(2950)
    );
    let too_many = "too large: more than 100000 values";
    let too_long = "policy.sources: the names of sources and drills have more than";
    vec![
        (same(copies, 99_000, "1", "]}"), "copies: 99000"),
        (same(copies, 49_000, "[1]", "]}"), "copies: 49000"),
        (same(copies, 49_000, r#"{"b":0}"#, "]}"), "copies: 49000"),
        (same(copies, 14_000, nested, "]}"), "copies: 14000"),
        (same(copies, usize::MAX, "{}", "]}"), too_many),
        (same("[", usize::MAX, "[]", "]"), too_many),
        (
            same(r#"{"a":["#, 49_000, r#"{"b":0}"#, "]}"),
            "sourceRegion: required",
        ),
        (filled("{", 99_000, field, "}"), "sourceRegion: required"),
        (filled(r#"{"detail":{"#, usize::MAX, field, "}}"), too_many),
        (same("{", usize::MAX, r#""a":1"#, "}"), "duplicate field"),
        (
            filled(
                r#"{"policy":{"destinations":["us-east-1"],"sources":["#,
                1000,
                |_| rule.clone(),
                "]}}",
            ),
            too_long,
        ),
        (
            format!(r#"{}["{}"]}}]}}}}"#, policy(""), "?".repeat(MAX_READ - 200)).into_bytes(),
            too_long,
        ),
        (
            format!(
                r#"{}["a"]}}],"drills":{{"names":["{}"]}}}}}}"#,
                policy(""),
                "?".repeat(MAX_READ - 200)
            )
            .into_bytes(),
            too_long,
        ),
        (
            format!(r#"{{"sourceRegion":"{}"}}"#, "\\u0001".repeat(500_000)).into_bytes(),
            "sourceRegion: ",
        ),
        (
            format!(
                r#"{{"sourceRegion":"us-west-2","sourceResourceName":"{}"}}"#,
                "ß".repeat(1_500_000)
            )
            .into_bytes(),
            "targetSnapshotName: the generated name",
        ),
        (b"[".repeat(MAX_READ), "the payload is not JSON"),
        (
            b"[".repeat(MAX_PAYLOAD),
            "the payload is too large: more than 3145728 bytes",
        ),
        (
            b"\x01".repeat(MAX_PAYLOAD),
            "the payload is too large: more than 3145728 bytes",
        ),
        (b"\xff".repeat(MAX_PAYLOAD), "the payload is not JSON"),
    ]
}

/// The peak memory of a process, in bytes.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn large_payloads_are_answered_within_160_mb() {
    let mut deployed = Deployed::new(BINARY).await;
    for (payload, expected) in large_payloads() {
        assert!(payload.len() <= MAX_PAYLOAD);
        let shown = String::from_utf8_lossy(&payload[..60]).into_owned();
        let invocation = deployed.function.invoke(payload, TIMEOUT).await;
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "InvalidEvent", "{shown}");
        assert!(message.starts_with(expected), "{shown}: {message}");
        assert!(message.len() < 20_000, "{shown}");
        let memory = peak_memory(deployed.function.process_id().unwrap());
        assert!(memory <= MAX_MEMORY, "{memory} bytes after {shown}");
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

#[tokio::test]
async fn lists_beyond_the_limits_are_refused() {
    let copies = |requests: usize, destinations: &[&str]| {
        let request = |n| {
            json!({
                "sourceRegion": "us-west-2", "sourceSnapshotName": format!("s{n}"),
                "destinationRegions": destinations,
            })
        };
        json!({ "copies": (0..requests).map(request).collect::<Vec<_>>() })
    };
    let names: Vec<_> = (0..1001).map(|n| format!("web-{n}")).collect();
    let mut deployed = Deployed::new(BINARY).await;
    for (event, expected) in [
        (
            copies(10_001, &["us-east-1"]),
            "copies: 10001 elements; at most 10000 are allowed",
        ),
        (
            copies(5_001, &["us-east-1", "eu-west-1"]),
            "copies: more than 10000 copies; each destination counts",
        ),
        (
            json!({ "policy": {
                "sources": [ { "region": "us-west-2", "names": names } ], "destinations": ["us-east-1"],
            } }),
            "policy.sources[0].names: 1001 elements; at most 1000 are allowed",
        ),
    ] {
        let invocation = deployed.send(&event).await;
        assert_eq!(invocation.error(), ("InvalidEvent", expected));
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

/// The events of other services, as they arrive when a function is wired up wrongly.
const FOREIGN_EVENTS: &[(&str, &str)] = &[
    (
        "S3",
        r#"{"Records":[{"eventVersion":"2.0","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"1970-01-01T00:00:00.000Z",
            "eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"example-bucket"},"object":{"key":"test%2Fkey","size":1024}}}]}"#,
    ),
    (
        "SNS",
        r#"{"Records":[{"EventSource":"aws:sns","EventVersion":"1.0","EventSubscriptionArn":"arn:aws:sns:us-east-1::ExampleTopic",
            "Sns":{"Type":"Notification","MessageId":"95df01b4","Subject":"example subject","Message":"{}","Timestamp":"1970-01-01T00:00:00.000Z"}}]}"#,
    ),
    (
        "SQS",
        r#"{"Records":[{"messageId":"19dd0b57","receiptHandle":"MessageReceiptHandle","body":"{}","attributes":{"ApproximateReceiveCount":"1"},
            "eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:MyQueue","awsRegion":"us-east-1"}]}"#,
    ),
    (
        "API Gateway",
        r#"{"body":"e30=","resource":"/{proxy+}","path":"/path/to/resource","httpMethod":"POST","isBase64Encoded":true,
            "headers":{"Host":"1234567890.execute-api.us-east-1.amazonaws.com"},"requestContext":{"stage":"prod","requestId":"c6af9ac6"}}"#,
    ),
    (
        "API Gateway HTTP",
        r#"{"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"","headers":{},"body":"{}",
            "requestContext":{"http":{"method":"POST","path":"/"},"requestId":"id","time":"12/Mar/2020:19:03:58 +0000"},"isBase64Encoded":false}"#,
    ),
    (
        "DynamoDB Streams",
        r#"{"Records":[{"eventID":"c4ca4238","eventName":"INSERT","eventSource":"aws:dynamodb","dynamodb":{"Keys":{"Id":{"N":"101"}}}}]}"#,
    ),
    (
        "CloudWatch Logs",
        r#"{"awslogs":{"data":"H4sIAAAAAAAAAHWPwQqCQBCGX0Xm7EFt"}}"#,
    ),
    (
        "an AWS service's EventBridge event",
        r#"{"version":"0","id":"7bf73129","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"123456789012",
            "time":"2026-11-22T06:30:00Z","region":"us-east-1","resources":[],"detail":{"instance-id":"i-abcd1111","state":"pending"}}"#,
    ),
];

#[tokio::test]
async fn events_of_other_services_are_refused() {
    let mut deployed = Deployed::new(BINARY).await;
    for (service, event) in FOREIGN_EVENTS {
        let event: Value = serde_json::from_str(event).unwrap();
        let invocation = deployed.send(&event).await;
        let Ending::Error {
            error_type,
            error_message,
        } = &invocation.ending
        else {
            panic!("{service}: {:?}", invocation.ending);
        };
        assert_eq!(error_type, "InvalidEvent", "{service}");
        assert!(
            error_message.contains("unknown field"),
            "{service}: {error_message}"
        );
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}
