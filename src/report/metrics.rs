//! The metrics of a policy run in CloudWatch's [embedded metric format]: a JSON line on standard
//! output, from which CloudWatch makes metrics without a call.
//!
//! The libraries for this format bring a hundred packages for concurrency that the end of a run does
//! not need.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::model::coverage::CoverageStatus;
use crate::model::drill::DrillOutcome;
use crate::model::event::{Event, Outcome};

/// The metrics of one run, and the line's other fields.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    function_name: &'a str,
    /// Always 1. An alarm on missing runs counts it.
    runs: usize,
    copies_started: usize,
    /// Copies and deletions left to the next run.
    deferred: usize,
    failures: usize,
    snapshots_deleted: usize,
    /// Sources whose newest copy is too old in any destination.
    sources_stale: usize,
    /// Sources that have no available copy in any one destination.
    sources_unprotected: usize,
    /// Rules of the policy that select nothing.
    rules_selecting_nothing: usize,
    api_throttles: u64,
    /// The age of the newest recovery point of the worst covered source, in hours. `None` if no
    /// copy is available.
    recovery_point_age_hours: Option<f64>,
    /// Failed drills. `None` if the policy has no drills.
    drills_failed: Option<usize>,
    /// Drill instances that the run found or started. `None` if the policy has no drills.
    drill_instances: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// Milliseconds since the Unix epoch.
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

const COUNTS: [&str; 9] = [
    "Runs",
    "CopiesStarted",
    "Deferred",
    "Failures",
    "SnapshotsDeleted",
    "SourcesStale",
    "SourcesUnprotected",
    "RulesSelectingNothing",
    "ApiThrottles",
];

const DRILL_COUNTS: [&str; 2] = ["DrillsFailed", "DrillInstances"];

/// The metrics of a run of the deployed policy, as a line of JSON. Writes zeros too, so that
/// yesterday's alarm clears.
pub fn metric_record(
    function_name: &str,
    request_id: &str,
    now: Timestamp,
    events: &[Event],
    throttles: u64,
) -> String {
    let outcomes = || {
        events.iter().filter_map(|event| match event {
            Event::CopyResult(result) => Some(result.outcome),
            Event::DeleteResult(result) => Some(result.outcome),
            _ => None,
        })
    };
    let count = |outcome| outcomes().filter(|other| *other == outcome).count();
    let coverage = || events.iter().filter_map(Event::try_as_coverage_ref);
    let sources = |status| {
        let with_status = coverage().filter(|coverage| coverage.status == status);
        let sources: BTreeSet<_> = with_status.map(|coverage| &coverage.source).collect();
        sources.len()
    };
    let tags = events.iter().filter_map(Event::try_as_tag_failed_ref);
    let tags = tags.filter(|failure| failure.is_failure).count();
    let unread = events.iter().filter_map(Event::try_as_region_unread_ref);
    let idle = events.iter().filter_map(Event::try_as_selects_nothing_ref);
    let worst_age = coverage()
        .filter(|entry| entry.status != CoverageStatus::Unselected)
        .filter_map(|entry| entry.age_hours)
        .max_by(f64::total_cmp);
    let drills = events.iter().filter_map(Event::try_as_drill_result_ref);
    let drills_failed = drills.filter(|drill| drill.outcome == DrillOutcome::Failed);
    let drill_instances = events.iter().filter_map(Event::try_as_drill_instances_ref);
    let drill_instances: Vec<usize> = drill_instances.map(|found| found.instances).collect();
    let has_drills = !drill_instances.is_empty();
    let record = Record {
        metadata: Metadata::new(now, worst_age.is_some(), has_drills),
        request_id,
        function_name,
        runs: 1,
        copies_started: count(Outcome::Started),
        deferred: count(Outcome::Deferred),
        failures: count(Outcome::Failed) + tags + unread.count(),
        snapshots_deleted: count(Outcome::Deleted),
        sources_stale: sources(CoverageStatus::Stale),
        sources_unprotected: sources(CoverageStatus::Unprotected),
        rules_selecting_nothing: idle.count(),
        api_throttles: throttles,
        recovery_point_age_hours: worst_age,
        drills_failed: has_drills.then(|| drills_failed.count()),
        drill_instances: has_drills.then(|| drill_instances.iter().sum()),
    };
    // This struct always serializes.
    serde_json::to_string(&record).unwrap_or_default()
}

impl Metadata {
    fn new(now: Timestamp, has_age: bool, has_drills: bool) -> Self {
        let count = |name| Definition {
            name,
            unit: "Count",
        };
        let drills = DRILL_COUNTS.into_iter().filter(|_| has_drills);
        let counts = COUNTS.into_iter().chain(drills);
        let mut metrics: Vec<Definition> = counts.map(count).collect();
        if has_age {
            // CloudWatch has no unit of hours.
            metrics.push(Definition {
                name: "RecoveryPointAgeHours",
                unit: "None",
            });
        }
        Self {
            timestamp: now.as_millisecond(),
            cloud_watch_metrics: [Directive {
                namespace: "LightsailSnapshotCopier",
                dimensions: [["FunctionName"]],
                metrics,
            }],
        }
    }
}
