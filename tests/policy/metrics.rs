//! What a run comes to as metrics: records that CloudWatch takes, with these metrics and no others.

use std::collections::BTreeMap;

use jsonschema::Validator;
use lightsail_snapshot_copier::{
    CopyResult, CopySource, Coverage, CoverageStatus, DeletionResult, ExistingCopy, Outcome,
    ReadFailure, RunResults, SnapshotCopy, SnapshotState, metric_records,
};
use serde_json::{Value, json};

use crate::fake_account::{copy_name, date, instance, noon, region, unreadable};

/// All metrics of one destination, while a source has a copy there.
pub const OF_A_DESTINATION: [&str; 8] = [
    "CopiesDeferred",
    "CopiesFailed",
    "CopiesPending",
    "CopiesStarted",
    "RecoveryPointAgeHours",
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
        },
        outcome,
        operations: Vec::new(),
        error: None,
    }
}

fn deleted(destination: &str, outcome: Outcome) -> DeletionResult {
    let source = instance("us-west-2", "web");
    let day = date("2026-01-01");
    DeletionResult {
        region: region(destination),
        copy: ExistingCopy {
            name: copy_name(&source, day),
            source,
            date: day,
            state: SnapshotState::Available,
            tagged: true,
        },
        outcome,
        operations: Vec::new(),
        error: None,
    }
}

fn covered(destination: &str, status: CoverageStatus, age_hours: Option<f64>) -> Coverage {
    Coverage {
        source: instance("us-west-2", "web"),
        destination: region(destination),
        newest: age_hours.map(|_| date("2026-11-21")),
        age_hours,
        status,
        reason: None,
    }
}

fn records_of(destinations: &[&str], results: &RunResults, throttles: u64) -> Vec<Value> {
    let destinations: Vec<_> = destinations.iter().map(|name| region(name)).collect();
    let lines = metric_records("the-request", noon(), &destinations, results, throttles);
    let records = lines.iter().map(|line| {
        assert!(!line.contains('\n'));
        serde_json::from_str(line).unwrap()
    });
    records.collect()
}

#[test]
fn each_destination_has_its_metrics_and_the_run_has_one() {
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
    let results = RunResults {
        copies: copies
            .chain([copied("eu-west-1", Outcome::Started)])
            .collect(),
        deletions: vec![
            deleted("us-east-1", Outcome::Deleted),
            deleted("us-east-1", Outcome::Failed),
            deleted("us-east-1", Outcome::Deferred),
            deleted("us-east-1", Outcome::Planned),
        ],
        coverage: vec![
            covered("us-east-1", CoverageStatus::Protected, Some(20.5)),
            covered("us-east-1", CoverageStatus::Stale, Some(70.25)),
            covered("us-east-1", CoverageStatus::Stale, None),
            covered("us-east-1", CoverageStatus::Protected, Some(3.0)),
            covered("us-east-1", CoverageStatus::Unprotected, None),
            covered("us-east-1", CoverageStatus::Unprotected, None),
            covered("us-east-1", CoverageStatus::Unprotected, None),
            covered("us-east-1", CoverageStatus::Pending, None),
            covered("eu-west-1", CoverageStatus::Pending, None),
        ],
        ..RunResults::default()
    };
    let records = records_of(&["us-east-1", "eu-west-1"], &results, 11);
    let [eu_west_1, us_east_1, run] = &records[..] else {
        panic!("{records:#?}")
    };
    for record in &records {
        assert_eq!(record["_aws"]["Timestamp"], noon().as_millisecond());
        assert_eq!(record["requestId"], "the-request");
    }
    for (record, name) in [(eu_west_1, "eu-west-1"), (us_east_1, "us-east-1")] {
        assert_eq!(record["DestinationRegion"], name);
        let directive = &record["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["DestinationRegion"]]));
        for metric in directive["Metrics"].as_array().unwrap() {
            let unit = if metric["Name"] == "RecoveryPointAgeHours" {
                "None"
            } else {
                "Count"
            };
            assert_eq!(metric["Unit"], unit);
        }
    }
    let expected = [
        ("CopiesDeferred", 3.0),
        ("CopiesFailed", 2.0),
        ("CopiesPending", 4.0),
        ("CopiesStarted", 5.0),
        ("RecoveryPointAgeHours", 70.25),
        ("SnapshotsDeleted", 1.0),
        ("SourcesStale", 2.0),
        ("SourcesUnprotected", 3.0),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(checked(us_east_1), BTreeMap::from(expected.clone()));
    assert!(expected.iter().map(|(name, _)| name).eq(OF_A_DESTINATION));
    // While no source has a copy, there is no age to tell, not an age of nothing.
    let elsewhere = checked(eu_west_1);
    assert_eq!(elsewhere.len(), 7);
    assert_eq!(elsewhere["CopiesStarted"], 1.0);
    assert_eq!(eu_west_1["RecoveryPointAgeHours"], Value::Null);

    let directive = &run["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Dimensions"], json!([[]]));
    assert_eq!(
        checked(run),
        BTreeMap::from([("ApiThrottles".to_owned(), 11.0)])
    );
}

#[test]
fn a_run_that_found_nothing_says_so_of_each_destination() {
    let records = records_of(&["us-east-1", "eu-west-1"], &RunResults::default(), 0);
    let [eu_west_1, us_east_1, run] = &records[..] else {
        panic!("{records:#?}")
    };
    assert_eq!(eu_west_1["DestinationRegion"], "eu-west-1");
    assert_eq!(us_east_1["DestinationRegion"], "us-east-1");
    for record in [eu_west_1, us_east_1] {
        let metrics = checked(record);
        assert_eq!(metrics.len(), 7);
        assert!(metrics.values().all(|value| *value == 0.0), "{metrics:?}");
    }
    assert_eq!(
        checked(run),
        BTreeMap::from([("ApiThrottles".to_owned(), 0.0)])
    );
}

#[test]
fn nothing_is_said_of_a_destination_that_may_only_look_empty() {
    let results = RunResults {
        read_failures: vec![ReadFailure {
            region: region("us-west-2"),
            operation: "GetInstances",
            source: None,
            error: unreadable(),
        }],
        ..RunResults::default()
    };
    assert_eq!(records_of(&["us-east-1"], &results, 0).len(), 1);
    // What is known is told all the same.
    let results = RunResults {
        coverage: vec![covered("us-east-1", CoverageStatus::Stale, None)],
        ..results
    };
    let records = records_of(&["us-east-1", "eu-west-1"], &results, 0);
    assert_eq!(records.len(), 2);
    assert_eq!(checked(&records[0])["SourcesStale"], 1.0);
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
