//! Events: schedules, custom events and bare jobs, and those that are refused before any call.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use lightsail_emulator::World;
use lightsail_snapshot_copier::{Event, parse_event};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};
use test_support::checks;
use test_support::deployed::world;
use test_support::generate;
use test_support::in_process::InProcess;

use crate::properties::config;

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
const SAMPLES: &str = "
job-automatic-snapshot.json
    started WordPress-1 us-east-1 CopiedAutoSnapshot-2019-09-25
job-manual-snapshot.json
    started WordPress-1-1569608575 us-east-1 CopiedManualSnapshot-2019-09-25
job-latest.json
    started WordPress-1 us-east-1 WordPress-1-us-west-2-NOW
job-destinations.json
    started Data-1-1569608600 us-east-1 Data-1-1569608600-us-west-2
    started Data-1-1569608600 eu-west-1 Data-1-1569608600-us-west-2
    started Data-1-1569608600 ap-southeast-2 Data-1-1569608600-us-west-2
job-dry-run.json
    planned Data-1 eu-west-1 Data-1-us-west-2-NOW
    planned Shop-Data eu-west-1 Shop-Data-eu-central-1-NOW
job-scheduler-input.json
    started Shop-1 us-east-1 Shop-1-eu-central-1-20261122T063000Z
custom-copy.json
    started WordPress-1-1569608575 eu-west-1 WordPress-1-1569608575-us-west-2
custom-copies.json
    started WordPress-2 us-east-1 WordPress-2-us-west-2-20261122T061500Z
    started Data-1 us-east-1 Data-1-us-west-2-20261122T061500Z
    started Data-1 eu-west-1 Data-1-us-west-2-20261122T061500Z
    started Standby-1-before-upgrade us-east-2 Standby-1-before-upgrade-us-east-1
schedule-rule.json
    started WordPress-1 us-east-1 WordPress-1-us-west-2-DATE
    started WordPress-2 us-east-1 WordPress-2-us-west-2-DATE
schedule-scheduler.json
    started WordPress-1 us-east-1 WordPress-1-us-west-2-DATE
    started WordPress-2 us-east-1 WordPress-2-us-west-2-DATE
job-policy.json
    started Data-1 eu-west-1 Data-1-us-west-2-DATE
    started Data-1 us-east-1 Data-1-us-west-2-DATE
    started WordPress-1 eu-west-1 WordPress-1-us-west-2-DATE
    started WordPress-1 us-east-1 WordPress-1-us-west-2-DATE
job-policy-dry-run.json
    planned WordPress-1 ca-central-1 WordPress-1-us-west-2-2019-09-25
    planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE
    planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE
    planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE
    planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE
    planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE
    planned WordPress-1 ca-central-1 WordPress-1-us-west-2-DATE
    planned WordPress-2 ca-central-1 WordPress-2-us-west-2-DATE
";

/// Each sample event and its copies.
fn samples() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut samples: Vec<(_, Vec<_>)> = Vec::new();
    for line in SAMPLES.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("    ") {
            Some(copy) => samples.last_mut().unwrap().1.push(copy),
            None => samples.push((line, Vec::new())),
        }
    }
    samples
}

#[tokio::test(start_paused = true)]
async fn every_sample_event_does_what_its_name_says() {
    for (file, expected) in samples() {
        let function = InProcess::of(World::demo(), Some(POLICY));
        let run = function.send(&sample(file)).await;
        let copies = run.answer()["copies"].as_array().unwrap().iter();
        let mut copies: Vec<_> = copies.map(|copy| copy_in_words(copy, &expected)).collect();
        if file.contains("policy") || file.contains("schedule") {
            // A run orders copies by urgency, which this test does not check.
            copies.sort();
        }
        assert_eq!(copies, expected, "{file}");
        let started = copies.iter().filter(|copy| copy.starts_with("started"));
        let calls = run.calls.iter();
        let made = calls.filter(|call| call.operation.as_str() == "CopySnapshot");
        assert_eq!(made.count(), started.count(), "{file}");
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
    let (outcome, destination) = (text("outcome"), text("destinationRegion"));
    format!("{outcome} {source} {destination} {target}")
}

/// A name without the time at its end, such as `20261122T063000Z`.
fn without_instant(name: &str) -> &str {
    let (rest, instant) = name.split_at(name.len() - 16);
    let is_digit = |c: char| c.is_ascii_digit();
    assert_eq!(instant.replace(is_digit, "9"), "99999999T999999Z", "{name}");
    rest
}

#[test]
fn every_sample_event_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let files: BTreeSet<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let in_table = samples().into_iter().map(|(file, _)| file.to_owned());
    assert_eq!(files, in_table.collect());
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

#[tokio::test(start_paused = true)]
async fn a_run_of_the_deployed_policy_runs_it() {
    for event in runs_of_the_deployed_policy() {
        let function = InProcess::of(world(), Some(POLICY));
        let run = function.send(&event).await;
        let dry_run = [&event["dryRun"], &event["detail"]["dryRun"]].contains(&&Value::Bool(true));
        assert_eq!(run.answer()["dryRun"], dry_run, "{event}");
        let outcome = if dry_run { "planned" } else { "started" };
        assert_eq!(run.copy()["outcome"], outcome, "{event}");
        let copy = function.snapshot("us-east-1", "WordPress-1-us-west-2-2019-09-25");
        assert_eq!(copy.is_none(), dry_run, "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_of_the_deployed_policy_fails_without_a_valid_one() {
    let wrong = r#"{ "sources": [], "destinations": ["us-east-1", "mars-1"], "keep": 7 }"#;
    for (policy, expected, message) in [
        (None, "NoPolicy", &[][..]),
        (
            Some(wrong),
            "InvalidPolicy",
            &["sources: ", "destinations[1]: ", "keep: unknown field"],
        ),
    ] {
        let function = InProcess::of(world(), policy);
        for event in runs_of_the_deployed_policy() {
            let run = function.send(&event).await;
            assert_eq!(run.error().0, expected, "{event}");
            for part in message {
                assert!(run.error().1.contains(part), "{part}: {:?}", run.error());
            }
            assert!(run.calls.is_empty(), "{event}");
        }
        // A job's own policy and an event's copies do not need it.
        let policy: Value = serde_json::from_str(POLICY).unwrap();
        let run = function.send(&json!({ "policy": policy })).await;
        assert_eq!(run.copy()["outcome"], "started");
        let request = request_with(&json!({ "targetSnapshotName": "x1" }));
        assert_eq!(function.send(&request).await.copy()["outcome"], "started");
    }
}

#[tokio::test(start_paused = true)]
async fn a_jobs_policy_replaces_the_deployed_one() {
    let function = InProcess::of(world(), Some(POLICY));
    let only_disks = json!({
        "sources": [ { "region": "us-west-2", "types": ["Disk"] } ], "destinations": ["eu-west-1"],
    });
    let job = json!({ "policy": only_disks, "dryRun": true });
    let run = function.send(&job).await;
    assert_eq!(run.copy()["outcome"], "planned");
    assert_eq!(run.changes(), [""; 0]);
    let run = function.send(&json!({ "policy": only_disks })).await;
    assert_eq!(run.copy()["sourceResourceName"], "Data-1");
    assert_eq!(run.copy()["destinationRegion"], "eu-west-1");
    // In a custom event too.
    let event =
        json!({ "detail-type": "Copy", "source": "shop", "detail": { "policy": only_disks } });
    assert_eq!(function.send(&event).await.copy()["outcome"], "pending");
}

fn read(event: &Value) -> Result<Event, String> {
    let now: Timestamp = "2026-11-22T06:12:45Z".parse().unwrap();
    let event = parse_event(event.to_string().as_bytes(), now, "us-east-1".parse().ok());
    event.map_err(|errors| errors.to_string())
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_event_is_part_of_a_latest_copys_name() {
    let request =
        json!({ "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "dryRun": true });
    let copies = json!({ "copies": [{ "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1" }], "dryRun": true });
    let custom = |detail: &Value| json!({ "detail-type": "Copy", "source": "com.example", "detail": detail });
    let at = |mut event: Value, time: &str| {
        event["time"] = time.into();
        event
    };
    let function = InProcess::of(world(), None);
    for (event, expected) in [
        (
            at(custom(&request), "2026-11-22T06:12:45Z"),
            "20261122T061245Z",
        ),
        (
            at(custom(&copies), "2026-11-22T06:12:45Z"),
            "20261122T061245Z",
        ),
        (
            at(request.clone(), "2026-11-22T06:30:00Z"),
            "20261122T063000Z",
        ),
        (
            at(request.clone(), "2026-11-22T07:30:00.123+01:00"),
            "20261122T063000Z",
        ),
        (at(copies, "2026-12-31T23:59:59Z"), "20261231T235959Z"),
    ] {
        let run = function.send(&event).await;
        let expected = format!("WordPress-1-us-west-2-{expected}");
        assert_eq!(run.copy()["targetSnapshotName"], expected, "{event}");
    }
    // Without a time, an event's time is now.
    for event in [custom(&request), request] {
        let run = function.send(&event).await;
        let name = run.copy()["targetSnapshotName"].as_str().unwrap();
        assert_eq!(without_instant(name), "WordPress-1-us-west-2-");
    }
}

/// A copy request with some fields changed or added. `"LEFT OUT"` removes a field.
fn request_with(changes: &Value) -> Value {
    let mut request = json!({
        "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25",
    });
    let members = request.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value == "LEFT OUT" {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    request
}

/// The lines of a table: JSON, and the start of the message about it.
fn table(text: &str) -> impl Iterator<Item = (Value, &str)> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| {
        let (json, message) = line.split_once(" => ").unwrap();
        let json = json.replace("REQUEST", &request_with(&json!({})).to_string());
        let json = json.replace(
            "CUSTOM",
            r#""detail-type": "Copy", "source": "com.example""#,
        );
        let json = json.replace(
            "SCHEDULE",
            r#""detail-type": "Scheduled Event", "source": "aws.events""#,
        );
        let json = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        (json, message)
    })
}

/// Changes of a request that break each of its rules.
const BROKEN_REQUESTS: &str = r#"
{"sourceRegion": "LEFT OUT"} => sourceRegion: required
{"sourceRegion": "us-west-9"} => sourceRegion: "us-west-9" is not a Lightsail Region
{"sourceRegion": "US-WEST-2"} => sourceRegion: "US-WEST-2" is not a Lightsail Region
{"sourceRegion": 2} => sourceRegion: expected a string, found 2
{"sourceRegion": null} => sourceRegion: expected a string, found null
{"sourceResourceName": "LEFT OUT", "restoreDate": "LEFT OUT"} => sourceResourceName: required
{"sourceResourceName": ""} => sourceResourceName: empty
{"sourceResourceName": ["WordPress-1"]} => sourceResourceName: expected a string, found a list
{"sourceSnapshotName": "s1"} => sourceSnapshotName: give either
{"sourceResourceName": "LEFT OUT", "restoreDate": "LEFT OUT", "sourceSnapshotName": ""} => sourceSnapshotName: empty
{"sourceResourceName": "LEFT OUT", "restoreDate": "LEFT OUT", "sourceSnapshotName": true} => sourceSnapshotName: expected a string, found true
{"sourceResourceName": "LEFT OUT", "sourceSnapshotName": "s1"} => restoreDate: only for an automatic snapshot
{"sourceResourceName": "LEFT OUT", "restoreDate": "LEFT OUT", "sourceSnapshotName": "s1", "useLatestRestorableAutoSnapshot": true} => useLatestRestorableAutoSnapshot: only for an automatic snapshot
{"restoreDate": "2026-02-30"} => restoreDate: 2026-02-30 is not a date
{"restoreDate": "2025-02-29"} => restoreDate: 2025-02-29 is not a date
{"restoreDate": "22.11.2026"} => restoreDate: expected a date as YYYY-MM-DD
{"restoreDate": "2026-11-22T06:00:00Z"} => restoreDate: expected a date as YYYY-MM-DD
{"restoreDate": "20261122"} => restoreDate: expected a date as YYYY-MM-DD
{"restoreDate": 20261122} => restoreDate: expected a string, found 20261122
{"useLatestRestorableAutoSnapshot": true} => restoreDate: not together with useLatestRestorableAutoSnapshot
{"restoreDate": "LEFT OUT", "useLatestRestorableAutoSnapshot": false} => restoreDate: required where useLatestRestorableAutoSnapshot is false
{"useLatestRestorableAutoSnapshot": "true"} => useLatestRestorableAutoSnapshot: expected true or false, found the string "true"
{"targetSnapshotName": "a"} => targetSnapshotName: "a" has 1 characters
{"targetSnapshotName": ""} => targetSnapshotName: "" has 0 characters
{"targetSnapshotName": "-ab"} => targetSnapshotName: "-ab" is not a snapshot name
{"targetSnapshotName": "ab-"} => targetSnapshotName: "ab-" is not a snapshot name
{"targetSnapshotName": "a.b"} => targetSnapshotName: "a.b" is not a snapshot name
{"targetSnapshotName": "größe"} => targetSnapshotName: "größe" is not a snapshot name
{"targetSnapshotName": "ab\n"} => targetSnapshotName: "ab\n" is not a snapshot name
{"targetSnapshotName": "AAAA"} => targetSnapshotName: "aaaa
{"sourceResourceName": "AAAA"} => targetSnapshotName: the generated name
{"destinationRegion": "moon-1"} => destinationRegion: "moon-1" is not a Lightsail Region
{"destinationRegion": ["us-east-1"]} => destinationRegion: expected a string, found a list
{"destinationRegions": []} => destinationRegions: empty
{"destinationRegions": "us-east-1"} => destinationRegions: expected a list, found the string
{"destinationRegions": ["us-east-1", "moon-1"]} => destinationRegions[1]: "moon-1" is not a Lightsail Region
{"destinationRegions": ["us-east-1", 7]} => destinationRegions[1]: expected a string, found 7
{"destinationRegions": ["us-east-1", "us-east-1"]} => destinationRegions[1]: duplicate
{"destinationRegion": "us-east-1", "destinationRegions": ["eu-west-1"]} => destinationRegions: give either destinationRegion or destinationRegions
{"restoredate": "2019-09-25"} => restoredate: unknown field
{"sourceResourceName": "LEFT OUT", "restoreDate": "LEFT OUT", "sourceSnapshotName": "s1", "targetSnapshotName": "s1", "destinationRegion": "us-west-2"} => targetSnapshotName: the copy would be the source itself
"#;

#[test]
fn every_broken_rule_of_a_request_is_named_by_its_path() {
    let good = request_with(&json!({ "targetSnapshotName": "of-its-own" }));
    let broken = BROKEN_REQUESTS.replace("AAAA", &"a".repeat(256));
    for (changes, expected) in table(&broken) {
        let request = request_with(&changes);
        let custom = json!({ "detail-type": "Copy", "source": "com.example", "detail": request });
        let second = json!({ "copies": [good, request] });
        for (event, prefix) in [
            (&request, ""),
            (&custom, "detail."),
            (&second, "copies[1]."),
        ] {
            let errors = read(event).unwrap_err();
            let expected = format!("{prefix}{expected}");
            assert!(
                errors.starts_with(&expected),
                "{expected:?} of {event}: {errors}"
            );
            assert_eq!(errors.lines().count(), 1, "one error, one line: {errors}");
        }
    }
}

const INVALID_JOBS: &str = r#"
[] => expected an object, found a list
[REQUEST] => expected an object, found a list
"copy" => expected an object, found the string "copy"
7 => expected an object, found 7
true => expected an object, found true
{"copies": []} => copies: empty
{"copies": null} => copies: expected a list, found null
{"copies": REQUEST} => copies: expected a list, found an object
{"copies": [null]} => copies[0]: expected an object, found null
{"copies": [REQUEST, "x"]} => copies[1]: expected an object, found the string
{"copies": [REQUEST], "sourceRegion": "us-west-2"} => sourceRegion: unknown field
{"copies": [{"dryRun": true}]} => copies[0].dryRun: unknown field
{"copies": [{"time": "2026-11-22T06:30:00Z"}]} => copies[0].time: unknown field
{"copies": [REQUEST], "dryRun": 1} => dryRun: expected true or false, found 1
{"dryRun": "yes"} => dryRun: expected true or false, found the string "yes"
{"time": "yesterday"} => time: expected a time as 2026-11-22T06:00:00Z
{"time": "20261122T060000Z"} => time: expected a time as 2026-11-22T06:00:00Z (RFC 3339), found "20261122T060000Z"
{"time": 1763792400} => time: expected a string, found 1763792400
{"copies": [REQUEST], "allowMassDeletion": true} => allowMassDeletion: only for a policy run
{"allowMassDeletion": "yes"} => allowMassDeletion: expected true or false, found the string "yes"
{"dryrun": true} => dryrun: unknown field; did you mean dryRun?
{"policy": null} => policy: expected an object, found null
{"policy": {}, "copies": [REQUEST]} => copies: give either policy or copies, not both
{"policy": {"sources": [{"region": "us-west-2", "name": "x"}]}} => policy.sources[0].name: unknown field
{"policy": {"retention": {"keepLast": -1}}} => policy.retention.keepLast: expected a whole number
{"report": "hourly"} => report: expected weekly or daily
{"report": "daily", "copies": []} => copies
{"report": "daily", "allowMassDeletion": true} => allowMassDeletion
{CUSTOM, "detail": []} => detail: expected an object, found a list
{CUSTOM, "detail": "{}"} => detail: expected an object, found the string
{CUSTOM, "detail": {"time": "2026-11-22T06:30:00Z"}} => detail.time: unknown field
{CUSTOM, "detail": {"copies": [REQUEST, {"sourceRegion": "us-west-2"}]}} => detail.copies[1].sourceResourceName: required
{CUSTOM, "detail": {"policy": {"sources": []}}} => detail.policy.sources: empty
{CUSTOM} => detail: required
{CUSTOM, "detail": {}, "dryRun": true} => dryRun: belongs inside detail: detail.dryRun
{CUSTOM, "detail": REQUEST, "time": "noon"} => time: expected a time as 2026-11-22T06:00:00Z (RFC 3339), found "noon"
{"detail-type": "Copy", "detail": REQUEST} => source: required
{"source": "com.example", "detail": REQUEST} => detail-type: required
{"detail-type": 7, "source": "com.example", "detail": REQUEST} => detail-type: invalid type: integer `7`, expected a string
{SCHEDULE, "detail": REQUEST} => detail: expected an empty object, because a schedule runs the deployed policy
{SCHEDULE, "detail": "{\"a\": 1}"} => detail: expected an empty object, because a schedule runs the deployed policy
{SCHEDULE, "detail": []} => detail: expected an empty object, because a schedule runs the deployed policy
{SCHEDULE, "detail": {}, "dryRun": true} => dryRun: belongs inside detail: detail.dryRun
{"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": {}, "dryRun": true} => dryRun: belongs inside detail: detail.dryRun
{"copies": [{"sourceRegion": "us-west-2", "sourceSnapshotName": "s1", "targetSnapshotName": "x1"}, {"sourceRegion": "us-west-2", "sourceSnapshotName": "s2", "targetSnapshotName": "x2"}, {"sourceRegion": "us-west-2", "sourceSnapshotName": "s3", "targetSnapshotName": "x1"}]} => copies[2].targetSnapshotName: copies[0] already asks for x1 in us-east-1
"#;

#[test]
fn invalid_jobs_are_refused_with_their_paths() {
    for (event, expected) in table(INVALID_JOBS) {
        let errors = read(&event).unwrap_err();
        let found = errors.lines().any(|line| line.starts_with(expected));
        assert!(found, "{expected:?} of {event}: {errors}");
    }
}

#[test]
fn all_errors_of_an_event_are_reported_together() {
    for (event, expected) in [
        (
            json!({
                "dryRun": "perhaps",
                "copies": [
                    { "sourceRegion": "us-west-2", "sourceResourceName": "a", "colour": "red" },
                    { "sourceRegion": "atlantis", "sourceResourceName": "b", "restoreDate": "2026-02-30" },
                    { "sourceSnapshotName": "c", "destinationRegions": ["us-east-1", "us-east-1"] },
                ],
                "verbose": true,
            }),
            "dryRun copies[0].colour copies[1].sourceRegion copies[1].restoreDate copies[2].sourceRegion copies[2].destinationRegions[1] verbose",
        ),
        (
            json!({
                "detail-type": "Copy", "source": "com.example", "sourceRegion": "us-west-2",
                "detail": { "sourceResourceName": "WordPress-1", "restoreDate": "2026-02-30" },
            }),
            "sourceRegion detail.sourceRegion detail.restoreDate",
        ),
    ] {
        let errors = read(&event).unwrap_err();
        let paths = errors.lines().map(|line| line.split(": ").next().unwrap());
        assert_eq!(paths.collect::<Vec<_>>().join(" "), expected);
    }
}

#[test]
fn one_name_in_two_destinations_is_two_copies() {
    let request = |destination: &str| {
        request_with(&json!({ "targetSnapshotName": "x1", "destinationRegion": destination }))
    };
    let event = json!({ "copies": [request("us-east-1"), request("eu-west-1")] });
    assert!(read(&event).is_ok());
}

/// The events of other services, as they arrive when a function is wired up wrongly.
const FOREIGN_EVENTS: [(&str, &str); 8] = [
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

#[test]
fn events_of_other_services_are_refused() {
    for (service, event) in FOREIGN_EVENTS {
        let errors = read(&serde_json::from_str(event).unwrap()).unwrap_err();
        assert!(errors.contains("unknown field"), "{service}: {errors}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_makes_no_call() {
    let function = InProcess::of(world(), Some(POLICY));
    let run = function.send(&json!({ "sourceRegion": "us-west-2" })).await;
    assert_eq!(run.error().0, "InvalidEvent");
    assert!(run.calls.is_empty());
    let [line] = &run.log[..] else {
        panic!("{:#?}", run.log)
    };
    assert_eq!(
        (&line["level"], &line["fields"]["errorType"]),
        (&json!("ERROR"), &json!("InvalidEvent"))
    );
    assert_eq!(line["fields"]["errorMessage"], run.error().1);
}

proptest! {
    #![proptest_config(config())]

    /// The properties of the fuzz target, for jobs most of which keep the rules.
    #[test]
    fn any_event_is_refused_with_reasons_or_read_by_the_rules(event in prop_oneof![generate::any_json(), generate::job()]) {
        checks::event::check(event.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_are_refused_or_read(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        checks::event::check(&payload);
    }

    #[test]
    fn an_event_is_read_the_same_in_an_envelope_and_without(job in prop_oneof![generate::any_json(), generate::job()]) {
        prop_assume!(["time", "detail", "detail-type"].iter().all(|name| job.get(name).is_none()));
        let event = json!({ "detail-type": "Copy", "source": "com.example", "detail": job });
        prop_assert_eq!(read(&event).ok(), read(&job).ok());
    }

    #[test]
    fn an_unknown_field_is_never_let_pass(mut job in generate::job(), at in any::<prop::sample::Index>()) {
        prop_assume!(job.get("detail").is_none() && job.get("detail-type").is_none());
        // In one of the requests, or else beside the other fields.
        let place = match job.get_mut("copies") {
            Some(Value::Array(requests)) if !requests.is_empty() => {
                at.get_mut(requests.as_mut_slice())
            }
            _ => &mut job,
        };
        prop_assume!(place.is_object());
        place["colour"] = json!("red");
        let errors = read(&job).unwrap_err();
        prop_assert!(errors.contains("colour: unknown field"), "{}", errors);
    }
}

#[test]
fn the_generated_jobs_are_worth_testing_with() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let job = generate::job();
    let jobs = (0..500).map(|_| job.new_tree(&mut runner).unwrap().current());
    let good = jobs.filter(|job| read(job).is_ok()).count();
    assert!((100..400).contains(&good), "{good}");
}
