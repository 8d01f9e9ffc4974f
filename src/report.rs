//! What happened, as the answer of the invocation and as log lines.

use aws_sdk_lightsail::primitives::DateTime;
use aws_sdk_lightsail::types::Operation;
use jiff::{Timestamp, Unit};
use serde::Serialize;
use tracing::{Level, event};

use crate::lightsail::Failure;
use crate::request::{Copy, Source};
use crate::run::{CopyResult, Outcome};

/// The largest answer, in bytes. Lambda's destinations for asynchronous invocations carry
/// 256 KB, of which the event that caused the answer takes its part.
const LARGEST_ANSWER: usize = 200_000;

/// The largest message of a function error, in bytes.
const LARGEST_MESSAGE: usize = 100_000;

/// What an invocation answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    dry_run: bool,
    summary: Summary,
    copies: Vec<CopyEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<Omitted>,
}

/// How many of each outcome there are.
#[derive(Debug, Default, Serialize)]
struct Summary {
    started: usize,
    exists: usize,
    pending: usize,
    planned: usize,
    deferred: usize,
    failed: usize,
    deleted: usize,
}

/// How many entries were left out of an answer to keep it small enough.
#[derive(Debug, Default, Serialize)]
struct Omitted {
    copies: usize,
    coverage: usize,
    deletions: usize,
}

/// One copy in an answer. The request's members stand as they are sent to Lightsail.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CopyEntry {
    source_region: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_snapshot_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_latest_restorable_auto_snapshot: Option<bool>,
    destination_region: &'static str,
    target_snapshot_name: String,
    #[serde(serialize_with = "outcome_name")]
    outcome: Outcome,
    operations: Vec<OperationEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorEntry>,
}

fn outcome_name<S: serde::Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(outcome.as_str())
}

/// An [Operation] with every member that Lightsail returned, under its API name; times in
/// RFC 3339, UTC, milliseconds.
///
/// [Operation]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Operation.html
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_terminal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_changed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region_name: Option<String>,
}

/// Why a copy failed.
#[derive(Debug, Serialize)]
struct ErrorEntry {
    code: String,
    message: String,
    retryable: bool,
}

impl From<&Failure> for ErrorEntry {
    fn from(failure: &Failure) -> Self {
        Self {
            code: failure.code.clone(),
            message: failure.message.clone(),
            retryable: failure.retryable(),
        }
    }
}

impl From<&Operation> for OperationEntry {
    fn from(operation: &Operation) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Self {
            id: operation.id.clone(),
            operation_type: text(operation.operation_type.as_ref().map(|v| v.as_str())),
            status: text(operation.status.as_ref().map(|v| v.as_str())),
            is_terminal: operation.is_terminal,
            resource_name: operation.resource_name.clone(),
            resource_type: text(operation.resource_type.as_ref().map(|v| v.as_str())),
            operation_details: operation.operation_details.clone(),
            created_at: operation.created_at.as_ref().and_then(rfc3339),
            status_changed_at: operation.status_changed_at.as_ref().and_then(rfc3339),
            location: operation.location.as_ref().map(|location| LocationEntry {
                availability_zone: location.availability_zone.clone(),
                region_name: text(location.region_name.as_ref().map(|v| v.as_str())),
            }),
            error_code: operation.error_code.clone(),
            error_details: operation.error_details.clone(),
        }
    }
}

/// A time of the API's, in RFC 3339 to the millisecond. The API sends seconds as a floating-point
/// number, so what is below a millisecond is noise, and is rounded rather than cut.
fn rfc3339(time: &DateTime) -> Option<String> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    let time = Timestamp::new(time.secs(), nanoseconds).ok()?;
    let rounded = time.round(Unit::Millisecond).ok()?;
    Some(format!("{rounded:.3}"))
}

/// The members of a copy's source, as they are sent to Lightsail.
struct SourceMembers<'a> {
    resource: Option<&'a str>,
    snapshot: Option<&'a str>,
    date: Option<String>,
    latest: Option<bool>,
}

impl<'a> SourceMembers<'a> {
    fn of(source: &'a Source) -> Self {
        let (resource, snapshot, date, latest) = match source {
            Source::Manual { snapshot } => (None, Some(snapshot), None, None),
            Source::Dated { resource, date } => (Some(resource), None, Some(date), None),
            Source::Latest { resource } => (Some(resource), None, None, Some(true)),
        };
        Self {
            resource: resource.map(String::as_str),
            snapshot: snapshot.map(String::as_str),
            date: date.map(ToString::to_string),
            latest,
        }
    }
}

impl From<&CopyResult> for CopyEntry {
    fn from(result: &CopyResult) -> Self {
        let copy = &result.copy;
        let source = SourceMembers::of(&copy.source);
        Self {
            source_region: copy.source_region.as_str(),
            source_resource_name: source.resource.map(str::to_owned),
            source_snapshot_name: source.snapshot.map(str::to_owned),
            restore_date: source.date,
            use_latest_restorable_auto_snapshot: source.latest,
            destination_region: copy.destination.as_str(),
            target_snapshot_name: copy.target.to_string(),
            outcome: result.outcome,
            operations: result.operations.iter().map(OperationEntry::from).collect(),
            error: result.error.as_ref().map(ErrorEntry::from),
        }
    }
}

impl Answer {
    /// The answer for these results, in their order.
    pub fn new(dry_run: bool, results: &[CopyResult]) -> Self {
        let mut summary = Summary::default();
        for result in results {
            *match result.outcome {
                Outcome::Started => &mut summary.started,
                Outcome::Exists => &mut summary.exists,
                Outcome::Pending => &mut summary.pending,
                Outcome::Planned => &mut summary.planned,
                Outcome::Failed => &mut summary.failed,
            } += 1;
        }
        let mut answer = Self {
            dry_run,
            summary,
            copies: results.iter().map(CopyEntry::from).collect(),
            omitted: None,
        };
        answer.shorten();
        answer
    }

    /// Leaves entries out, those first that need the least attention, until what is left is
    /// small enough.
    fn shorten(&mut self) {
        let attention = [
            Outcome::Exists,
            Outcome::Planned,
            Outcome::Started,
            Outcome::Pending,
            Outcome::Failed,
        ];
        let mut size = serialized_size(self);
        for needs_least in attention {
            if size <= LARGEST_ANSWER {
                return;
            }
            // Room for `omitted` itself.
            let largest = LARGEST_ANSWER - 100;
            let mut omitted = 0;
            self.copies.retain(|entry| {
                let omit = size > largest && entry.outcome == needs_least;
                if omit {
                    size -= serialized_size(entry) + 1;
                    omitted += 1;
                }
                !omit
            });
            self.omitted.get_or_insert_default().copies += omitted;
        }
    }
}

fn serialized_size(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len())
}

/// The message of the function error that an invocation ends in: one line for each failure.
/// `None` if nothing failed.
pub fn failures(results: &[CopyResult]) -> Option<String> {
    let mut message = String::new();
    let mut left_out = 0;
    for result in results {
        let Some(error) = &result.error else { continue };
        let Copy {
            source_region,
            source,
            destination,
            target,
        } = &result.copy;
        let line = format!(
            "CopySnapshot of {} from {source_region} to {destination} as {target}: {error}",
            source.name(),
        );
        if message.len() + line.len() > LARGEST_MESSAGE {
            left_out += 1;
            continue;
        }
        if !message.is_empty() {
            message.push('\n');
        }
        message.push_str(&line);
    }
    if left_out > 0 {
        message.push_str(&format!("\n… and {left_out} more, all of them in the log"));
    }
    (!message.is_empty()).then_some(message)
}

/// Logs a copy's result: a line for each Operation that Lightsail returned, or one line if there is none.
pub fn log_copy(request_id: &str, result: &CopyResult) {
    if result.operations.is_empty() {
        log_line(request_id, result, None);
    }
    for operation in &result.operations {
        log_line(request_id, result, Some(operation));
    }
}

fn log_line(request_id: &str, result: &CopyResult, operation: Option<&Operation>) {
    let copy = &result.copy;
    let source = SourceMembers::of(&copy.source);
    let operation = operation.map(OperationEntry::from);
    let operation = operation.as_ref();
    let location = operation.and_then(|operation| operation.location.as_ref());
    let error = result.error.as_ref();
    // `tracing` wants the level to be a constant.
    macro_rules! line {
        ($level:expr) => {
            event!(
                $level,
                event = "copy_result",
                requestId = request_id,
                outcome = result.outcome.as_str(),
                sourceRegion = copy.source_region.as_str(),
                sourceResourceName = source.resource,
                sourceSnapshotName = source.snapshot,
                restoreDate = source.date,
                destinationRegion = copy.destination.as_str(),
                targetSnapshotName = copy.target.as_str(),
                operationId = operation.and_then(|o| o.id.as_deref()),
                operationType = operation.and_then(|o| o.operation_type.as_deref()),
                operationStatus = operation.and_then(|o| o.status.as_deref()),
                isTerminal = operation.and_then(|o| o.is_terminal),
                resourceName = operation.and_then(|o| o.resource_name.as_deref()),
                resourceType = operation.and_then(|o| o.resource_type.as_deref()),
                operationDetails = operation.and_then(|o| o.operation_details.as_deref()),
                createdAt = operation.and_then(|o| o.created_at.as_deref()),
                statusChangedAt = operation.and_then(|o| o.status_changed_at.as_deref()),
                locationRegion = location.and_then(|l| l.region_name.as_deref()),
                locationAvailabilityZone = location.and_then(|l| l.availability_zone.as_deref()),
                errorCode = error
                    .map(|e| e.code.as_str())
                    .or(operation.and_then(|o| o.error_code.as_deref())),
                errorMessage = error.map(|e| e.message.as_str()),
                errorDetails = operation.and_then(|o| o.error_details.as_deref()),
                retryable = error.map(Failure::retryable),
            )
        };
    }
    match result.outcome {
        Outcome::Failed => line!(Level::ERROR),
        _ => line!(Level::INFO),
    }
}
