//! The entries of an answer.

use jiff::civil::Date;
use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::model::Excerpt;
use crate::model::copy::CopySource;
use crate::model::drill::Check;
use crate::model::failure::ApiError;
use crate::model::operation::Operation;
use crate::model::region::Region;
use crate::model::resource::ResourceKind;
use crate::model::snapshot_name::SnapshotName;
use crate::model::verdict::Verdict;
use crate::plan::{Coverage, CoverageStatus};
use crate::run::{CheckResult, CopyResult, DeletionResult, DrillOutcome, DrillResult, Outcome};

/// One copy. The request's fields are those sent to Lightsail.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CopyEntry<'a> {
    source_region: Region,
    source_resource_name: Option<&'a str>,
    source_snapshot_name: Option<&'a str>,
    restore_date: Option<Date>,
    use_latest_restorable_auto_snapshot: Option<bool>,
    destination_region: Region,
    target_snapshot_name: &'a SnapshotName,
    outcome: Outcome,
    operations: &'a [Operation],
    error: Option<ErrorEntry<'a>>,
}

/// One deletion.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeletionEntry<'a> {
    region: Region,
    snapshot_name: &'a str,
    outcome: Outcome,
    error: Option<ErrorEntry<'a>>,
}

/// The coverage of one source in one destination.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CoverageEntry<'a> {
    source_region: Region,
    source_resource_name: &'a str,
    resource_type: ResourceKind,
    destination_region: Region,
    newest_recovery_point: Option<Date>,
    recovery_point_age_hours: Option<f64>,
    status: CoverageStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_drill: Option<Verdict>,
}

/// The step of a drill.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DrillEntry<'a> {
    source_region: Region,
    source_resource_name: &'a str,
    destination_region: Region,
    snapshot_name: Option<&'a str>,
    instance_name: &'a str,
    outcome: DrillOutcome,
    minutes: Option<u64>,
    checks: Option<Vec<CheckEntry<'a>>>,
    error: Option<ErrorEntry<'a>>,
}

/// One check of a drill instance.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckEntry<'a> {
    port: Option<u16>,
    url: Option<String>,
    passed: bool,
    message: Option<&'a str>,
}

/// Why a copy or deletion failed or was deferred.
#[derive(Serialize)]
struct ErrorEntry<'a> {
    code: &'a str,
    message: &'a str,
    retryable: bool,
}

impl<'a> From<&'a ApiError> for ErrorEntry<'a> {
    fn from(error: &'a ApiError) -> Self {
        Self {
            code: &error.code,
            message: &error.message,
            retryable: error.retryable(),
        }
    }
}

/// A copy's source as the fields that are sent to Lightsail.
pub(super) struct SourceFields<'a> {
    pub(super) resource: Option<&'a str>,
    pub(super) snapshot: Option<&'a str>,
    pub(super) date: Option<Date>,
    pub(super) latest: Option<bool>,
}

impl<'a> From<&'a CopySource> for SourceFields<'a> {
    fn from(source: &'a CopySource) -> Self {
        let (resource, snapshot, date, latest) = match source {
            CopySource::Manual { snapshot } => (None, Some(snapshot), None, None),
            CopySource::Dated { resource, date } => (Some(resource), None, Some(*date), None),
            CopySource::Latest { resource } => (Some(resource), None, None, Some(true)),
        };
        Self {
            resource: resource.map(String::as_str),
            snapshot: snapshot.map(String::as_str),
            date,
            latest,
        }
    }
}

impl<'a> From<&'a CopyResult> for CopyEntry<'a> {
    fn from(result: &'a CopyResult) -> Self {
        let copy = &result.copy;
        let source = SourceFields::from(&copy.source);
        Self {
            source_region: copy.source_region,
            source_resource_name: source.resource,
            source_snapshot_name: source.snapshot,
            restore_date: source.date,
            use_latest_restorable_auto_snapshot: source.latest,
            destination_region: copy.destination,
            target_snapshot_name: &copy.target,
            outcome: result.outcome,
            operations: &result.operations,
            error: result.error.as_ref().map(ErrorEntry::from),
        }
    }
}

impl<'a> From<&'a DeletionResult> for DeletionEntry<'a> {
    fn from(result: &'a DeletionResult) -> Self {
        Self {
            region: result.region,
            snapshot_name: &result.copy.name,
            outcome: result.outcome,
            error: result.error.as_ref().map(ErrorEntry::from),
        }
    }
}

impl<'a> From<&'a Coverage> for CoverageEntry<'a> {
    fn from(coverage: &'a Coverage) -> Self {
        Self {
            source_region: coverage.source.region,
            source_resource_name: &coverage.source.name,
            resource_type: coverage.source.kind,
            destination_region: coverage.destination,
            newest_recovery_point: coverage.newest,
            recovery_point_age_hours: coverage.age_hours.map(tenths),
            status: coverage.status,
            reason: coverage.reason.as_deref(),
            through: coverage.through.as_deref(),
            last_drill: coverage.last_drill,
        }
    }
}

impl<'a> From<&'a DrillResult> for DrillEntry<'a> {
    fn from(result: &'a DrillResult) -> Self {
        let checks: Vec<_> = result.checks.iter().map(CheckEntry::from).collect();
        Self {
            source_region: result.source.region,
            source_resource_name: &result.source.name,
            destination_region: result.destination,
            snapshot_name: result.snapshot.as_deref(),
            instance_name: &result.instance,
            outcome: result.outcome,
            minutes: result.minutes,
            checks: (!checks.is_empty()).then_some(checks),
            error: result.error.as_ref().map(ErrorEntry::from),
        }
    }
}

impl<'a> From<&'a CheckResult> for CheckEntry<'a> {
    fn from(result: &'a CheckResult) -> Self {
        let (port, url) = match &result.check {
            Check::Port(port) => (Some(*port), None),
            Check::Http(check) => (None, Some(Excerpt(&check.url).to_string())),
        };
        Self {
            port,
            url,
            passed: result.error.is_none(),
            message: result.error.as_deref(),
        }
    }
}

/// Hours, rounded to tenths for reports.
pub(super) fn tenths(hours: f64) -> f64 {
    (hours * 10.0).round() / 10.0
}
