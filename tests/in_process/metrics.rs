//! The metrics of a run: a record that CloudWatch accepts, with these metrics and no others.

use std::collections::BTreeMap;

use lightsail_emulator::{Fault, Operation, Region, StatusCode};
use lightsail_snapshot_copier::{
    ApiError, CopyResult, CopySource, Coverage, CoverageStatus, DeletionResult, IdleRule,
    NameOrigin, Outcome, ReadFailure, RunEvent, SnapshotCopy, TagFailure, metric_record,
};
use serde::Deserialize;
use serde_json::Value;
use test_support::account::{copy_name, date, instance, noon, region, unreadable};
use test_support::in_process::{InProcess, Invocation};

/// All metrics of a run, while a source has a copy.
const ALL: [&str; 10] = [
    "ApiThrottles",
    "CopiesStarted",
    "Deferred",
    "Failures",
    "RecoveryPointAgeHours",
    "RulesSelectingNothing",
    "Runs",
    "SnapshotsDeleted",
    "SourcesStale",
    "SourcesUnprotected",
];

/// A log event in CloudWatch's [embedded metric format], with no fields but these.
///
/// [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    #[serde(flatten)]
    members: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metadata {
    #[expect(dead_code, reason = "only its type counts")]
    timestamp: u64,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Directive {
    namespace: String,
    dimensions: Vec<Vec<String>>,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metric {
    name: String,
    unit: Unit,
}

/// Those of CloudWatch's units that the function uses.
#[derive(Debug, Deserialize, PartialEq)]
enum Unit {
    Count,
    None,
}

/// A record's metrics by name, after everything that CloudWatch asks of a record was checked.
#[track_caller]
fn checked(record: &Value) -> BTreeMap<String, f64> {
    let Record { metadata, members } = Record::deserialize(record).unwrap();
    let [directive] = metadata.cloud_watch_metrics.as_slice() else {
        panic!("{record:#}");
    };
    assert_eq!(directive.namespace, "LightsailSnapshotCopier");
    assert_eq!(directive.dimensions, [["FunctionName"]]);
    // What a directive refers to has to be there: strings as dimensions, numbers as metrics.
    assert!(members["FunctionName"].is_string(), "{record:#}");
    assert!((1..=100).contains(&directive.metrics.len()), "{record:#}");
    let metrics: BTreeMap<String, f64> = directive
        .metrics
        .iter()
        .map(|Metric { name, unit }| {
            let expected = match name.as_str() {
                "RecoveryPointAgeHours" => Unit::None,
                _ => Unit::Count,
            };
            assert_eq!(*unit, expected, "{name}");
            (name.clone(), members[name].as_f64().unwrap())
        })
        .collect();
    // And every number on the record is one of its metrics.
    for (name, value) in &members {
        assert!(!value.is_number() || metrics.contains_key(name), "{name}");
    }
    metrics
}

fn copied(destination: &str, outcome: Outcome) -> CopyResult {
    let source = instance("us-west-2", "web");
    let day = date("2026-11-22");
    CopyResult {
        copy: SnapshotCopy {
            source_region: source.region,
            source: CopySource::Dated {
                resource: source.name.clone(),
                date: day,
            },
            destination: region(destination),
            target: copy_name(&source, day).parse().unwrap(),
            name_origin: NameOrigin::Generated,
        },
        outcome,
        operations: Vec::new(),
        error: None,
        position: 0,
    }
}

fn deleted(destination: &str, outcome: Outcome) -> DeletionResult {
    let source = instance("us-west-2", "web");
    let day = date("2026-01-01");
    DeletionResult {
        region: region(destination),
        name: copy_name(&source, day).parse().unwrap(),
        source,
        date: day,
        outcome,
        operations: Vec::new(),
        error: None,
    }
}

fn covered(
    name: &str,
    destination: &str,
    status: CoverageStatus,
    age_hours: Option<f64>,
) -> Coverage {
    Coverage {
        source: instance("us-west-2", name),
        destination: region(destination),
        newest: age_hours.map(|_| date("2026-11-21")),
        age_hours,
        status,
        reason: None,
        through: None,
        size_gb: None,
        copies: 0,
        last_drill: None,
    }
}

fn tag_failure(error: ApiError, is_failure: bool) -> TagFailure {
    TagFailure {
        is_failure,
        region: region("us-east-1"),
        name: "web".parse().unwrap(),
        error,
    }
}

fn record(events: &[RunEvent], throttles: u64) -> Value {
    let line = metric_record("copier", "the-request", noon(), events, throttles);
    assert!(!line.contains('\n'));
    serde_json::from_str(&line).unwrap()
}

#[test]
fn one_record_counts_all_destinations() {
    let outcomes = [
        (Outcome::Started, 5),
        (Outcome::Exists, 7),
        (Outcome::Pending, 4),
        (Outcome::Planned, 7),
        (Outcome::Deferred, 3),
        (Outcome::Failed, 2),
    ];
    let copies = outcomes
        .into_iter()
        .flat_map(|(outcome, times)| (0..times).map(move |_| copied("us-east-1", outcome)));
    let copies = copies.chain([copied("eu-west-1", Outcome::Started)]);
    let deletions = [
        Outcome::Deleted,
        Outcome::Failed,
        Outcome::Deferred,
        Outcome::Planned,
    ];
    let deletions = deletions.map(|outcome| deleted("us-east-1", outcome));
    let coverage = [
        covered("a", "us-east-1", CoverageStatus::Protected, Some(20.5)),
        covered("b", "us-east-1", CoverageStatus::Stale, Some(70.25)),
        covered("b", "eu-west-1", CoverageStatus::Stale, Some(60.0)),
        covered("c", "us-east-1", CoverageStatus::Stale, Some(50.0)),
        covered("d", "us-east-1", CoverageStatus::Unprotected, None),
        covered("e", "us-east-1", CoverageStatus::Pending, None),
        covered("e", "eu-west-1", CoverageStatus::Unknown, None),
    ];
    let events: Vec<RunEvent> = copies
        .map(RunEvent::CopyResult)
        .chain(deletions.map(RunEvent::DeleteResult))
        .chain(coverage.map(RunEvent::Coverage))
        .chain([
            RunEvent::RegionUnread(ReadFailure {
                region: region("us-west-2"),
                operation: "GetInstances",
                source: None,
                error: unreadable(),
            }),
            // Another list of the same Region.
            RunEvent::RegionUnread(ReadFailure {
                region: region("us-west-2"),
                operation: "GetDisks",
                source: None,
                error: unreadable(),
            }),
            RunEvent::TagFailed(tag_failure(unreadable(), false)),
            RunEvent::TagFailed(tag_failure(
                ApiError::found("AccessDeniedException", "no".to_owned()),
                true,
            )),
            RunEvent::SelectsNothing(IdleRule {
                rule: "sources[0]".to_owned(),
            }),
            RunEvent::SelectsNothing(IdleRule {
                rule: "drills.names[0]".to_owned(),
            }),
        ])
        .collect();
    let record = record(&events, 11);
    assert_eq!(record["_aws"]["Timestamp"], noon().as_millisecond());
    assert_eq!(record["requestId"], "the-request");
    assert_eq!(record["FunctionName"], "copier");
    let expected = [
        ("ApiThrottles", 11.0),
        ("CopiesStarted", 6.0),
        ("Deferred", 4.0),
        // Two copies, a deletion, a tag that is refused, and a Region.
        ("Failures", 5.0),
        ("RecoveryPointAgeHours", 70.25),
        ("RulesSelectingNothing", 1.0),
        ("Runs", 1.0),
        ("SnapshotsDeleted", 1.0),
        // Each source counts once, in however many destinations it is stale.
        ("SourcesStale", 2.0),
        ("SourcesUnprotected", 1.0),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(checked(&record), BTreeMap::from(expected.clone()));
    assert!(expected.iter().map(|(name, _)| name).eq(ALL));
}

#[test]
fn a_run_without_findings_writes_zeros() {
    let record = record(&[], 0);
    let mut metrics = checked(&record);
    assert_eq!(metrics.remove("Runs"), Some(1.0));
    // Without an available copy there is no age.
    assert_eq!(metrics.len(), 8);
    assert!(metrics.values().all(|value| *value == 0.0), "{metrics:?}");
}

const POLICY: &str =
    r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"] }"#;

/// Two sources, and one that has no automatic snapshots; a copy takes no time.
const WORLD: &str = r#"{ "copySeconds": 0, "regions": { "us-west-2": {
    "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] }, { "name": "off" } ],
    "disks": [ { "name": "data", "autoSnapshots": [ { "date": "today" } ] } ] } } }"#;

/// The metrics of a run that wrote one record.
#[track_caller]
fn written(run: &Invocation) -> BTreeMap<String, f64> {
    let mut records = run.log.iter().filter(|line| line["_aws"] != Value::Null);
    let record = records.next().unwrap();
    assert_eq!(records.next(), None);
    assert_eq!(record["FunctionName"], "local");
    checked(record)
}

#[tokio::test(start_paused = true)]
async fn each_run_of_the_deployed_policy_writes_its_metrics() {
    let function = InProcess::new(WORLD, Some(POLICY));
    let throttled = Fault::throttled();
    function
        .emulator
        .fault_next_in(Region::UsWest2, Operation::GetDisks, 2, throttled);
    let metrics = written(&function.run().await);
    assert_eq!(
        (metrics["ApiThrottles"], metrics["CopiesStarted"]),
        (2.0, 4.0)
    );
    let metrics = written(&function.run().await);
    assert!(metrics.keys().map(String::as_str).eq(ALL));
    assert_eq!(
        (metrics["ApiThrottles"], metrics["CopiesStarted"]),
        (0.0, 0.0)
    );
    assert_eq!((metrics["Runs"], metrics["SourcesUnprotected"]), (1.0, 1.0));
    assert!(metrics["RecoveryPointAgeHours"] < 24.0);
    // A run that fails, too.
    let denied = Fault::error(StatusCode::FORBIDDEN, "AccessDeniedException", "no");
    function
        .emulator
        .fault_next_in(Region::UsWest2, Operation::GetDisks, 1, denied);
    let run = function.run().await;
    assert_eq!(run.error().0, "CopyFailed");
    assert_eq!(written(&run)["Failures"], 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_policy_in_an_event_and_a_dry_run_write_no_metrics() {
    for event in [
        format!(r#"{{ "policy": {POLICY} }}"#),
        r#"{ "dryRun": true }"#.to_owned(),
    ] {
        let run = InProcess::new(WORLD, Some(POLICY)).invoke(&event).await;
        run.answer();
        assert!(
            run.log.iter().all(|line| line["_aws"] == Value::Null),
            "{event}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_selects_nothing_has_metrics() {
    let policy = r#"{ "sources": [ { "region": "us-west-2", "names": ["nobody"] } ], "destinations": ["us-east-1"] }"#;
    let metrics = written(&InProcess::new(WORLD, Some(policy)).run().await);
    assert_eq!(
        (metrics["SourcesStale"], metrics["RulesSelectingNothing"]),
        (0.0, 1.0)
    );
}

#[tokio::test(start_paused = true)]
async fn drills_write_two_more_metrics() {
    // It never ran, and its time is over.
    let world = r#"{ "copySeconds": 0, "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": { "instances": [ { "name": "drill-web-2026-11-22", "state": "stopped",
            "createdAt": "2026-11-22T06:00:00Z", "tags": {
                "snapshot-copier:drill": "us-west-2/web",
                "snapshot-copier:drill-expires": "2026-11-22T10:00:00Z" } } ] } } }"#;
    let policy = r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"],
        "drills": { "names": ["web"] } }"#;
    let run = InProcess::new(world, Some(policy)).run().await;
    assert_eq!(run.error().0, "DrillFailed");
    let metrics = written(&run);
    assert_eq!(
        (metrics["DrillsFailed"], metrics["DrillInstances"]),
        (1.0, 1.0)
    );
    // The copies are as they should be.
    assert_eq!((metrics["Failures"], metrics["CopiesStarted"]), (0.0, 1.0));
}
