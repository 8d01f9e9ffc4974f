//! What a policy's run comes to, as metrics in CloudWatch's [embedded metric format]: JSON lines
//! on standard output, from which CloudWatch makes metrics without a call.
//!
//! Every metric of every destination is billed, so there are no others than these. Figures of
//! single sources are in the log lines.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::region::Region;
use crate::plan::CoverageStatus;

use crate::run::{Outcome, RunResults};

const NAMESPACE: &str = "LightsailSnapshotCopier";
const DESTINATION: &str = "DestinationRegion";

/// The metrics of one destination.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationMetrics {
    /// Copies that Lightsail accepted in this run.
    copies_started: usize,
    /// Copies that were being made already.
    copies_pending: usize,
    /// Copies left to the next run.
    copies_deferred: usize,
    /// Copies that failed.
    copies_failed: usize,
    /// Copies that retention did not keep, and that were deleted.
    snapshots_deleted: usize,
    /// Sources whose newest copy is too old.
    sources_stale: usize,
    /// Sources that have no copy and can have none.
    sources_unprotected: usize,
    /// The age of the worst covered source's newest recovery point, in hours; absent while no
    /// source has a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_point_age_hours: Option<f64>,
}

/// The metrics of a run as a whole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RunMetrics {
    /// Answers of Lightsail's that said "too many requests".
    api_throttles: u64,
}

/// One line in the embedded metric format.
#[derive(Debug, Serialize)]
struct Record<'a, M> {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    #[serde(rename = "DestinationRegion", skip_serializing_if = "Option::is_none")]
    destination: Option<Region>,
    #[serde(flatten)]
    metrics: M,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// Milliseconds since the Unix epoch.
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [Vec<&'static str>; 1],
    metrics: Vec<Definition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

/// The lines that say what a run of a policy with these destinations came to: one for each
/// destination, and one for the run.
pub fn metric_records(
    request_id: &str,
    now: Timestamp,
    destinations: &[Region],
    results: &RunResults,
    throttles: u64,
) -> Vec<String> {
    // Where there is nothing to tell, that is told, and an alarm of yesterday's ends. Unless
    // something could not be read: then nothing may be all that was seen.
    let known = match results.read_failures.is_empty() {
        true => destinations,
        false => &[],
    };
    let mut destinations: BTreeMap<Region, DestinationMetrics> = known
        .iter()
        .map(|region| (*region, DestinationMetrics::default()))
        .collect();
    for copy in &results.copies {
        let metrics = destinations.entry(copy.copy.destination).or_default();
        match copy.outcome {
            Outcome::Started => metrics.copies_started += 1,
            Outcome::Pending => metrics.copies_pending += 1,
            Outcome::Deferred => metrics.copies_deferred += 1,
            Outcome::Failed => metrics.copies_failed += 1,
            Outcome::Exists | Outcome::Planned | Outcome::Deleted => {}
        }
    }
    for deletion in &results.deletions {
        let metrics = destinations.entry(deletion.region).or_default();
        if deletion.outcome == Outcome::Deleted {
            metrics.snapshots_deleted += 1;
        }
    }
    for coverage in &results.coverage {
        let metrics = destinations.entry(coverage.destination).or_default();
        match coverage.status {
            CoverageStatus::Stale => metrics.sources_stale += 1,
            CoverageStatus::Unprotected => metrics.sources_unprotected += 1,
            CoverageStatus::Protected | CoverageStatus::Pending => {}
        }
        if let Some(age) = coverage.age_hours {
            let worst = metrics.recovery_point_age_hours.get_or_insert(age);
            *worst = worst.max(age);
        }
    }
    let timestamp = now.as_millisecond();
    let of_destinations = destinations.into_iter().filter_map(|(region, metrics)| {
        let mut definitions: Vec<Definition> = [
            "CopiesStarted",
            "CopiesPending",
            "CopiesDeferred",
            "CopiesFailed",
            "SnapshotsDeleted",
            "SourcesStale",
            "SourcesUnprotected",
        ]
        .map(|name| Definition {
            name,
            unit: "Count",
        })
        .into();
        if metrics.recovery_point_age_hours.is_some() {
            // CloudWatch has no unit of hours.
            definitions.push(Definition {
                name: "RecoveryPointAgeHours",
                unit: "None",
            });
        }
        serde_json::to_string(&Record {
            metadata: Metadata::new(timestamp, vec![DESTINATION], definitions),
            request_id,
            destination: Some(region),
            metrics,
        })
        .ok()
    });
    let api_throttles = Definition {
        name: "ApiThrottles",
        unit: "Count",
    };
    let of_run = serde_json::to_string(&Record {
        metadata: Metadata::new(timestamp, Vec::new(), vec![api_throttles]),
        request_id,
        destination: None,
        metrics: RunMetrics {
            api_throttles: throttles,
        },
    });
    of_destinations.chain(of_run.ok()).collect()
}

impl Metadata {
    fn new(timestamp: i64, dimensions: Vec<&'static str>, metrics: Vec<Definition>) -> Self {
        Self {
            timestamp,
            cloud_watch_metrics: [Directive {
                namespace: NAMESPACE,
                dimensions: [dimensions],
                metrics,
            }],
        }
    }
}
