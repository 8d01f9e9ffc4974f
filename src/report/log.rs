//! Events as log lines.

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::Level;

use super::Response;
use crate::logging::Log;
use crate::model::coverage::CoverageStatus;
use crate::model::drill::DrillOutcome;
use crate::model::event::{Event, Outcome};

type Fields = Map<String, Value>;

/// The members of an Operation, and their keys in a log line.
const OPERATION: [(&str, &str); 11] = [
    ("id", "operationId"),
    ("operationType", "operationType"),
    ("status", "operationStatus"),
    ("isTerminal", "isTerminal"),
    ("resourceName", "resourceName"),
    ("resourceType", "resourceType"),
    ("operationDetails", "operationDetails"),
    ("createdAt", "createdAt"),
    ("statusChangedAt", "statusChangedAt"),
    ("errorCode", "errorCode"),
    ("errorDetails", "errorDetails"),
];

const LOCATION: [(&str, &str); 2] = [
    ("regionName", "locationRegion"),
    ("availabilityZone", "locationAvailabilityZone"),
];

const ERROR: [(&str, &str); 6] = [
    ("code", "errorCode"),
    ("message", "errorMessage"),
    ("retryable", "retryable"),
    ("reason", "errorReason"),
    ("tip", "errorTip"),
    ("requestId", "awsRequestId"),
];

/// Logs an event: a line for each Operation that Lightsail returned, or one line if there is none.
pub fn log_event(log: &Log, request_id: &str, event: &Event) {
    let level = level(event);
    if !log.writes(level) {
        return;
    }
    for fields in lines(event) {
        log_line(log, level, request_id, fields);
    }
}

fn log_line(log: &Log, level: Level, request_id: &str, mut fields: Fields) {
    fields.insert("requestId".to_owned(), request_id.into());
    log.write(level, fields);
}

fn level(event: &Event) -> Level {
    let of_outcome = |outcome| match outcome {
        Outcome::Failed => Level::ERROR,
        Outcome::Deferred => Level::WARN,
        _ => Level::INFO,
    };
    match event {
        Event::CopyResult(result) => of_outcome(result.outcome),
        Event::DeleteResult(result) => of_outcome(result.outcome),
        Event::DrillResult(result) => match result.outcome {
            DrillOutcome::Failed => Level::ERROR,
            DrillOutcome::Inconclusive | DrillOutcome::NotDrillable => Level::WARN,
            _ => Level::INFO,
        },
        Event::DrillInstances(_) | Event::Storage(_) => Level::INFO,
        Event::Coverage(coverage) => match coverage.status {
            CoverageStatus::Protected | CoverageStatus::Pending => Level::INFO,
            CoverageStatus::Stale
            | CoverageStatus::Unprotected
            | CoverageStatus::Unknown
            | CoverageStatus::Unselected => Level::WARN,
        },
        Event::TagFailed(failure) if failure.is_failure => Level::ERROR,
        Event::RegionUnread(_) => Level::ERROR,
        Event::TagFailed(_)
        | Event::FirewallNotStored(_)
        | Event::CopyIgnored(_)
        | Event::SelectsNothing(_) => Level::WARN,
    }
}

/// The fields of each line of an event, without the invocation's.
fn lines(event: &Event) -> Vec<Fields> {
    let mut fields = object(event);
    let operations = fields.remove("operations");
    if let Some(Value::Object(error)) = fields.remove("error") {
        insert(&mut fields, error, &ERROR);
    }
    match event {
        Event::DrillResult(result) if !result.checks.is_empty() => {
            let checks = result.checks.iter().map(ToString::to_string);
            let checks: Vec<String> = checks.collect();
            fields.insert("checks".to_owned(), checks.join("; ").into());
        }
        Event::Coverage(coverage) => {
            if let Some(verdict) = coverage.last_drill {
                fields.insert("lastDrill".to_owned(), verdict.to_string().into());
            }
            fields.retain(|_, value| !value.is_null());
        }
        Event::SelectsNothing(idle) => {
            let message = if idle.rule.starts_with("drills") {
                "no instance that the policy selects has this name; check its spelling and case"
            } else {
                "this rule selects no instance and no disk; check its names, types and tags"
            };
            fields.insert("errorMessage".to_owned(), message.into());
        }
        _ => {}
    }
    match operations {
        Some(Value::Array(operations)) if !operations.is_empty() => operations
            .into_iter()
            .map(|operation| with_operation(fields.clone(), operation))
            .collect(),
        _ => vec![fields],
    }
}

fn with_operation(fields: Fields, operation: Value) -> Fields {
    let mut line = Fields::new();
    if let Value::Object(mut operation) = operation {
        if let Some(Value::Object(location)) = operation.remove("location") {
            insert(&mut line, location, &LOCATION);
        }
        insert(&mut line, operation, &OPERATION);
    }
    // The function's own error code, if there is one, counts more than the Operation's.
    line.extend(fields);
    line
}

/// Inserts the members of an object under other keys.
fn insert(fields: &mut Fields, mut object: Fields, keys: &[(&str, &str)]) {
    for (member, key) in keys {
        if let Some(value) = object.remove(*member) {
            fields.insert((*key).to_owned(), value);
        }
    }
}

fn object(value: &impl Serialize) -> Fields {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        // Events and summaries are structs, which always serialize.
        _ => Fields::new(),
    }
}

/// Logs the end of an invocation: its duration, its number of calls, and its summary or its error
/// (type and message).
pub fn log_invocation(
    log: &Log,
    request_id: &str,
    duration_ms: u64,
    calls: u64,
    result: Result<Option<&Response>, (&str, String)>,
) {
    let mut fields = Fields::new();
    let mut insert = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    insert("event", "invocation".into());
    insert("durationMs", duration_ms.into());
    insert("calls", calls.into());
    let level = match &result {
        Ok(answer) => {
            if let Some(answer) = answer {
                insert("dryRun", answer.dry_run.into());
            }
            Level::INFO
        }
        Err((error_type, message)) => {
            insert("errorType", (*error_type).into());
            insert("errorMessage", message.as_str().into());
            Level::ERROR
        }
    };
    if let Ok(Some(answer)) = result {
        fields.extend(object(&answer.summary));
    }
    log_line(log, level, request_id, fields);
}

/// Logs that the heartbeat could not be sent. Its URL is a secret.
pub fn log_heartbeat(log: &Log, request_id: &str, error: &str) {
    let mut fields = Fields::new();
    fields.insert("event".to_owned(), "heartbeat_failed".into());
    fields.insert("errorMessage".to_owned(), error.into());
    log_line(log, Level::WARN, request_id, fields);
}
