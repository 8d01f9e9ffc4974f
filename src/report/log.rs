//! Log lines: what happened, one JSON object a line.

use tracing::{Level, error, event, info, warn};

use super::entries::{SourceFields, tenths};
use super::response::Response;
use crate::model::failure::ApiError;
use crate::model::operation::Operation;
use crate::model::region::Region;
use crate::plan::{Coverage, CoverageStatus};
use crate::run::{
    CopyResult, DeletionResult, DrillOutcome, DrillResult, Outcome, ReadFailure, RunEvent,
    TagFailure,
};

/// Logs an event of a run. A copy or deletion gets a line for each Operation that Lightsail
/// returned, or one line if there is none.
pub fn log_event(request_id: &str, event: RunEvent<'_>) {
    match event {
        RunEvent::Copy(result) => log_copy(request_id, result),
        RunEvent::Deletion(result) => log_deletion(request_id, result),
        RunEvent::ReadFailed(failure) => log_read_failure(request_id, failure),
        RunEvent::RuleSelectsNothing { rule } => warn!(
            event = "selects_nothing",
            requestId = request_id,
            rule,
            errorMessage = if rule.starts_with("drills") {
                "no instance that the policy selects has this name; check its spelling and case"
            } else {
                "this rule selects no instance and no disk; check its names, types and tags"
            },
        ),
        RunEvent::Coverage(coverage) => log_coverage(request_id, coverage),
        RunEvent::TagFailed(failure) => log_tag_failure(request_id, failure),
        RunEvent::CopyIgnored(copy) => warn!(
            event = "copy_ignored",
            requestId = request_id,
            destinationRegion = copy.region.as_str(),
            targetSnapshotName = copy.name,
            reason = copy.reason,
        ),
        RunEvent::Drill(result) => log_drill(request_id, result),
    }
}

fn log_copy(request_id: &str, result: &CopyResult) {
    let copy = &result.copy;
    log_result(&ResultLine {
        event: "copy_result",
        request_id,
        outcome: result.outcome,
        source_region: copy.source_region,
        source: SourceFields::from(&copy.source),
        destination: copy.destination,
        target: copy.target.as_str(),
        operations: &result.operations,
        error: result.error.as_ref(),
    });
}

fn log_deletion(request_id: &str, result: &DeletionResult) {
    let source = &result.copy.source;
    log_result(&ResultLine {
        event: "delete_result",
        request_id,
        outcome: result.outcome,
        source_region: source.region,
        source: SourceFields {
            resource: Some(&source.name),
            snapshot: None,
            date: Some(result.copy.date),
            latest: None,
        },
        destination: result.region,
        target: &result.copy.name,
        operations: &result.operations,
        error: result.error.as_ref(),
    });
}

/// The fields that the lines of copies and deletions have in common.
struct ResultLine<'a> {
    event: &'static str,
    request_id: &'a str,
    outcome: Outcome,
    source_region: Region,
    source: SourceFields<'a>,
    destination: Region,
    target: &'a str,
    operations: &'a [Operation],
    error: Option<&'a ApiError>,
}

fn log_result(line: &ResultLine<'_>) {
    if line.operations.is_empty() {
        log_line(line, &Operation::default());
    }
    for operation in line.operations {
        log_line(line, operation);
    }
}

fn log_line(line: &ResultLine<'_>, operation: &Operation) {
    let location = operation.location.clone().unwrap_or_default();
    let error = line.error;
    // The macro needs a constant level.
    macro_rules! log_at {
        ($level:expr) => {
            event!(
                $level,
                event = line.event,
                requestId = line.request_id,
                outcome = <&str>::from(line.outcome),
                sourceRegion = line.source_region.as_str(),
                sourceResourceName = line.source.resource,
                sourceSnapshotName = line.source.snapshot,
                restoreDate = line.source.date.map(|date| date.to_string()),
                destinationRegion = line.destination.as_str(),
                targetSnapshotName = line.target,
                operationId = operation.id,
                operationType = operation.operation_type,
                operationStatus = operation.status,
                isTerminal = operation.is_terminal,
                resourceName = operation.resource_name,
                resourceType = operation.resource_type,
                operationDetails = operation.operation_details,
                createdAt = operation.created_at.map(|time| time.to_string()),
                statusChangedAt = operation.status_changed_at.map(|time| time.to_string()),
                locationRegion = location.region_name,
                locationAvailabilityZone = location.availability_zone,
                errorCode = error
                    .map(|error| &error.code)
                    .or(operation.error_code.as_ref()),
                errorMessage = error.map(|error| &error.message),
                errorDetails = operation.error_details,
                retryable = error.map(ApiError::retryable),
            )
        };
    }
    match line.outcome {
        Outcome::Failed => log_at!(Level::ERROR),
        Outcome::Deferred => log_at!(Level::WARN),
        _ => log_at!(Level::INFO),
    }
}

fn log_coverage(request_id: &str, coverage: &Coverage) {
    macro_rules! log_at {
        ($level:expr) => {
            event!(
                $level,
                event = "coverage",
                requestId = request_id,
                sourceRegion = coverage.source.region.as_str(),
                sourceResourceName = coverage.source.name,
                resourceType = <&str>::from(coverage.source.kind),
                destinationRegion = coverage.destination.as_str(),
                newestRecoveryPoint = coverage.newest.map(|date| date.to_string()),
                recoveryPointAgeHours = coverage.age_hours.map(tenths),
                status = <&str>::from(coverage.status),
                reason = coverage.reason,
                through = coverage.through,
                lastDrill = coverage.last_drill.map(|verdict| verdict.to_string()),
            )
        };
    }
    match coverage.status {
        CoverageStatus::Protected | CoverageStatus::Pending => log_at!(Level::INFO),
        CoverageStatus::Stale | CoverageStatus::Unprotected | CoverageStatus::Unknown => {
            log_at!(Level::WARN)
        }
    }
}

fn log_drill(request_id: &str, result: &DrillResult) {
    let error = result.error.as_ref();
    let checks = result.checks.iter().map(ToString::to_string);
    let checks: Vec<String> = checks.collect();
    macro_rules! log_at {
        ($level:expr) => {
            event!(
                $level,
                event = "drill_result",
                requestId = request_id,
                outcome = <&str>::from(result.outcome),
                sourceRegion = result.source.region.as_str(),
                sourceResourceName = result.source.name,
                destinationRegion = result.destination.as_str(),
                snapshotName = result.snapshot,
                instanceName = result.instance,
                minutes = result.minutes,
                checks = (!checks.is_empty()).then(|| checks.join("; ")),
                errorCode = error.map(|error| &error.code),
                errorMessage = error.map(|error| &error.message),
                retryable = error.map(ApiError::retryable),
            )
        };
    }
    match result.outcome {
        DrillOutcome::Failed => log_at!(Level::ERROR),
        DrillOutcome::Inconclusive | DrillOutcome::NotDrillable => log_at!(Level::WARN),
        _ => log_at!(Level::INFO),
    }
}

/// A tag that may be set later is a warning. The next run sets it.
fn log_tag_failure(request_id: &str, failure: &TagFailure) {
    macro_rules! log_at {
        ($level:expr) => {
            event!(
                $level,
                event = "tag_failed",
                requestId = request_id,
                destinationRegion = failure.region.as_str(),
                targetSnapshotName = failure.name,
                errorCode = failure.error.code,
                errorMessage = failure.error.message,
                retryable = failure.error.retryable(),
            )
        };
    }
    if failure.is_final() {
        log_at!(Level::ERROR);
    } else {
        log_at!(Level::WARN);
    }
}

fn log_read_failure(request_id: &str, failure: &ReadFailure) {
    error!(
        event = "region_unread",
        requestId = request_id,
        region = failure.region.as_str(),
        operation = failure.operation,
        sourceResourceName = failure.source,
        errorCode = failure.error.code,
        errorMessage = failure.error.message,
        retryable = failure.error.retryable(),
    );
}

/// Logs the end of an invocation: its duration, its number of calls, and its summary or its
/// error (type and message).
pub fn log_invocation(
    request_id: &str,
    duration_ms: u64,
    calls: u64,
    result: Result<&Response, (&str, String)>,
) {
    match result {
        Ok(Response {
            dry_run, summary, ..
        }) => info!(
            event = "invocation",
            requestId = request_id,
            durationMs = duration_ms,
            calls,
            dryRun = dry_run,
            started = summary.started,
            exists = summary.exists,
            pending = summary.pending,
            planned = summary.planned,
            deferred = summary.deferred,
            deleted = summary.deleted,
        ),
        Err((error_type, error_message)) => error!(
            event = "invocation",
            requestId = request_id,
            durationMs = duration_ms,
            calls,
            errorType = error_type,
            errorMessage = error_message,
        ),
    }
}
