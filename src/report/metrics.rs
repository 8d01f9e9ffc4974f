//! The metrics of a policy run in CloudWatch's [embedded metric format]: a JSON line on standard
//! output, from which CloudWatch makes metrics without a call.
//!
//! The libraries for this format bring a hundred packages for concurrency that the end of a run does
//! not need.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::coverage::CoverageStatus;
use crate::model::drill::DrillOutcome;
use crate::model::event::{Event, Outcome};

/// The metrics of a run of the deployed policy, as a line of JSON. Writes zeros too, so that
/// yesterday's alarm clears.
pub fn metric_record(
    function_name: &str,
    request_id: &str,
    now: Timestamp,
    events: &[Event],
    throttles: u64,
) -> String {
    let metrics = metrics(events, throttles);
    let definitions = metrics.iter().map(|(name, value)| {
        // CloudWatch has no unit of hours.
        let unit = if value.is_f64() { "None" } else { "Count" };
        json!({ "Name": name, "Unit": unit })
    });
    let metadata = json!({
        "Timestamp": now.as_millisecond(),
        "CloudWatchMetrics": [{
            "Namespace": "LightsailSnapshotCopier",
            "Dimensions": [["FunctionName"]],
            "Metrics": definitions.collect::<Vec<_>>(),
        }],
    });
    let others = [
        ("_aws", metadata),
        ("requestId", request_id.into()),
        ("FunctionName", function_name.into()),
    ];
    let members = others.into_iter().chain(metrics);
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Value::Object(Map::from_iter(members)).to_string()
}

/// The value of each metric.
fn metrics(events: &[Event], throttles: u64) -> Vec<(&'static str, Value)> {
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
    // Several lists of a Region can fail.
    let unread: BTreeSet<_> = unread.map(|it| (it.region, &it.source)).collect();
    let idle = events.iter().filter_map(Event::try_as_selects_nothing_ref);
    // The names of drills are no rules.
    let idle = idle.filter(|idle| idle.rule.starts_with("sources["));
    let worst_age = coverage()
        .filter(|entry| entry.status != CoverageStatus::Unselected)
        .filter_map(|entry| entry.age_hours)
        .max_by(f64::total_cmp);
    let mut metrics = vec![
        // An alarm on missing runs counts it.
        ("Runs", 1.into()),
        ("CopiesStarted", count(Outcome::Started).into()),
        ("Deferred", count(Outcome::Deferred).into()),
        (
            "Failures",
            (count(Outcome::Failed) + tags + unread.len()).into(),
        ),
        ("SnapshotsDeleted", count(Outcome::Deleted).into()),
        ("SourcesStale", sources(CoverageStatus::Stale).into()),
        (
            "SourcesUnprotected",
            sources(CoverageStatus::Unprotected).into(),
        ),
        ("RulesSelectingNothing", idle.count().into()),
        ("ApiThrottles", throttles.into()),
    ];
    // Without an available copy there is no age.
    metrics.extend(worst_age.map(|hours| ("RecoveryPointAgeHours", hours.into())));
    metrics.extend(drill_metrics(events).into_iter().flatten());
    metrics
}

/// The metrics of drills. `None` if the run has none.
fn drill_metrics(events: &[Event]) -> Option<[(&'static str, Value); 2]> {
    let instances = events.iter().filter_map(Event::try_as_drill_instances_ref);
    let instances = instances.map(|found| found.instances);
    let instances = instances.reduce(|all, more| all + more)?;
    let results = events.iter().filter_map(Event::try_as_drill_result_ref);
    let failed = results.filter(|drill| drill.outcome == DrillOutcome::Failed);
    Some([
        ("DrillsFailed", failed.count().into()),
        ("DrillInstances", instances.into()),
    ])
}
