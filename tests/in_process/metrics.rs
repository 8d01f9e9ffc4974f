//! The metrics of a run: a record that CloudWatch accepts, with these metrics and no others.

use std::collections::BTreeMap;

use jsonschema::Validator;
use lightsail_snapshot_copier::{
    ApiError, CopyResult, CopySource, Coverage, CoverageStatus, DeletionResult, IdleRule,
    NameOrigin, Outcome, ReadFailure, RunEvent, SnapshotCopy, TagFailure, metric_record,
};
use serde_json::{Value, json};

use test_support::account::{copy_name, date, instance, noon, region, unreadable};

/// All metrics of a run, while a source has a copy.
pub const ALL: [&str; 10] = [
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

fn validator() -> Validator {
    let schema = include_str!("embedded-metric-format.schema.json");
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
}

/// A record's metrics by name, after everything that CloudWatch asks of a record was checked.
#[track_caller]
pub fn checked(record: &Value) -> BTreeMap<String, f64> {
    let errors: Vec<String> = validator()
        .iter_errors(record)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{record:#}");
    let directives = record["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert_eq!(directives.len(), 1);
    let directive = &directives[0];
    assert_eq!(directive["Namespace"], "LightsailSnapshotCopier");
    // What a directive refers to has to be there: strings as dimensions, numbers as metrics.
    for dimension in directive["Dimensions"].as_array().unwrap() {
        for name in dimension.as_array().unwrap() {
            assert!(record[name.as_str().unwrap()].is_string(), "{record:#}");
        }
    }
    let metrics = directive["Metrics"].as_array().unwrap();
    let metrics: BTreeMap<String, f64> = metrics
        .iter()
        .map(|metric| {
            let name = metric["Name"].as_str().unwrap();
            (name.to_owned(), record[name].as_f64().unwrap())
        })
        .collect();
    // And every number on the record is one of its metrics.
    for (name, value) in record.as_object().unwrap() {
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
        name: copy_name(&source, day),
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
        name: "web".to_owned(),
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
            RunEvent::TagFailed(tag_failure(unreadable(), false)),
            RunEvent::TagFailed(tag_failure(
                ApiError::found("AccessDeniedException", "no".to_owned()),
                true,
            )),
            RunEvent::SelectsNothing(IdleRule {
                rule: "sources[0]".to_owned(),
            }),
        ])
        .collect();
    let record = record(&events, 11);
    assert_eq!(record["_aws"]["Timestamp"], noon().as_millisecond());
    assert_eq!(record["requestId"], "the-request");
    assert_eq!(record["FunctionName"], "copier");
    let directive = &record["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Dimensions"], json!([["FunctionName"]]));
    for metric in directive["Metrics"].as_array().unwrap() {
        let unit = match metric["Name"].as_str() {
            Some("RecoveryPointAgeHours") => "None",
            _ => "Count",
        };
        assert_eq!(metric["Unit"], unit);
    }
    let expected = [
        ("ApiThrottles", 11.0),
        ("CopiesStarted", 6.0),
        ("Deferred", 4.0),
        // Two copies, a deletion, a tag that is refused for good, and a Region.
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

#[test]
fn the_schema_refuses_what_cloudwatch_does_not_take() {
    let record =
        |directive: Value| json!({ "_aws": { "Timestamp": 1, "CloudWatchMetrics": [directive] } });
    let validator = validator();
    let metric = json!([{ "Name": "a", "Unit": "Count" }]);
    assert!(validator.is_valid(&record(
        json!({ "Namespace": "n", "Dimensions": [[]], "Metrics": metric })
    )));
    for wrong in [
        json!({ "Namespace": "n", "Dimensions": [], "Metrics": metric }),
        json!({ "Namespace": "", "Dimensions": [[]], "Metrics": metric }),
        json!({ "Namespace": "n", "Dimensions": [vec!["d"; 31]], "Metrics": metric }),
        json!({ "Namespace": "n", "Dimensions": ["d"], "Metrics": metric }),
        json!({ "Namespace": "n", "Dimensions": [[]], "Metrics": [{ "Name": "a", "Unit": "Hours" }] }),
        json!({ "Namespace": "n", "Dimensions": [[]], "Metrics": [{ "Unit": "Count" }] }),
        json!({ "Namespace": "n", "Metrics": metric }),
    ] {
        assert!(!validator.is_valid(&record(wrong.clone())), "{wrong}");
    }
    assert!(
        !validator.is_valid(&json!({ "_aws": { "Timestamp": "now", "CloudWatchMetrics": [] } }))
    );
    assert!(!validator.is_valid(&json!({})));
}
