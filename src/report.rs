//! What happened, as the answer of the invocation and as log lines.

use std::marker::PhantomData;

use aws_sdk_lightsail::primitives::DateTime;
use aws_sdk_lightsail::types::Operation;
use serde::Serialize;
use tracing::{Level, error, event, info, warn};

use crate::copy::{CopyResult, Outcome};
use crate::lightsail::{Failure, timestamp};
use crate::observe::Unread;
use crate::plan::{Coverage, Status};
use crate::region::Region;
use crate::request::{Copy, Source};
use crate::run::{DeletionResult, Done, RunResults};

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
    deletions: Option<Vec<DeletionEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Vec<CoverageEntry>>,
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

/// One deletion in an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletionEntry {
    region: Region,
    snapshot_name: String,
    #[serde(serialize_with = "outcome_name")]
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorEntry>,
}

/// How well one source is covered in one destination.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CoverageEntry {
    source_region: Region,
    source_resource_name: String,
    resource_type: &'static str,
    destination_region: Region,
    newest_recovery_point: Option<String>,
    recovery_point_age_hours: Option<f64>,
    #[serde(serialize_with = "status_name")]
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn status_name<S: serde::Serializer>(status: &Status, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(status.as_str())
}

/// Why a copy or a deletion failed or was deferred.
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

/// A time of the API's, in RFC 3339 to the millisecond.
fn rfc3339(time: &DateTime) -> Option<String> {
    timestamp(time).map(|time| format!("{time:.3}"))
}

/// Hours to the tenth, as they are reported.
fn tenths(hours: f64) -> f64 {
    (hours * 10.0).round() / 10.0
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

impl From<&DeletionResult> for DeletionEntry {
    fn from(result: &DeletionResult) -> Self {
        Self {
            region: result.region,
            snapshot_name: result.copy.name.clone(),
            outcome: result.outcome,
            error: result.error.as_ref().map(ErrorEntry::from),
        }
    }
}

impl From<&Coverage> for CoverageEntry {
    fn from(coverage: &Coverage) -> Self {
        Self {
            source_region: coverage.source.region,
            source_resource_name: coverage.source.name.clone(),
            resource_type: coverage.source.kind.as_str(),
            destination_region: coverage.destination,
            newest_recovery_point: coverage.newest.map(|date| date.to_string()),
            recovery_point_age_hours: coverage.age_hours.map(tenths),
            status: coverage.status,
            reason: coverage.reason.clone(),
        }
    }
}

impl Answer {
    /// The answer to an event with copies, in their order.
    pub fn of_copies(dry_run: bool, results: &RunResults) -> Self {
        Self {
            deletions: None,
            coverage: None,
            ..Self::of_run(dry_run, results)
        }
    }

    /// The answer to a run of a policy.
    ///
    /// If it would be larger than 200 KB, entries are left out, those first that need
    /// the least attention. Only those that stay are made: a large fleet has a hundred times more.
    pub fn of_run(dry_run: bool, results: &RunResults) -> Self {
        let mut copies =
            Draft::<_, CopyEntry>::of(&results.copies, |copy| attention_of_outcome(copy.outcome));
        let mut coverage = Draft::<_, CoverageEntry>::of(&results.coverage, |coverage| {
            attention_of_status(coverage.status)
        });
        let mut deletions = Draft::<_, DeletionEntry>::of(&results.deletions, |deletion| {
            attention_of_outcome(deletion.outcome)
        });
        let size = ENVELOPE + copies.size() + coverage.size() + deletions.size();
        let mut excess = size.saturating_sub(LARGEST_ANSWER);
        let mut omitted = Omitted::default();
        for attention in 0..=MOST_ATTENTION {
            omitted.copies += copies.leave_out(attention, &mut excess);
            omitted.coverage += coverage.leave_out(attention, &mut excess);
            omitted.deletions += deletions.leave_out(attention, &mut excess);
        }
        Self {
            dry_run,
            summary: Summary::of(results),
            copies: copies.entries(),
            deletions: Some(deletions.entries()),
            coverage: Some(coverage.entries()),
            omitted: (size > LARGEST_ANSWER).then_some(omitted),
        }
    }
}

/// The most bytes that an answer has besides its entries.
const ENVELOPE: usize = 500;

/// A list of an answer before its entries are made.
struct Draft<'a, R, E> {
    results: &'a [R],
    /// Of each entry that is not left out, how much attention it needs and its size, in bytes.
    weights: Vec<Option<(u8, usize)>>,
    entry: PhantomData<E>,
}

impl<'a, R, E: From<&'a R> + Serialize> Draft<'a, R, E> {
    fn of(results: &'a [R], attention: impl Fn(&R) -> u8) -> Self {
        // Each with the comma after it.
        let weight = |result| (attention(result), serialized_size(&E::from(result)) + 1);
        Self {
            results,
            weights: results.iter().map(weight).map(Some).collect(),
            entry: PhantomData,
        }
    }

    fn size(&self) -> usize {
        self.weights.iter().flatten().map(|(_, size)| size).sum()
    }

    /// Leaves out entries that need so much attention, until there is no `excess` of bytes left;
    /// how many.
    fn leave_out(&mut self, attention: u8, excess: &mut usize) -> usize {
        let mut left_out = 0;
        for weight in &mut self.weights {
            if let Some((_, size)) = weight.take_if(|(a, _)| *a == attention && *excess > 0) {
                *excess = excess.saturating_sub(size);
                left_out += 1;
            }
        }
        left_out
    }

    fn entries(self) -> Vec<E> {
        let stay = self.results.iter().zip(self.weights);
        stay.filter_map(|(result, weight)| weight.map(|_| E::from(result)))
            .collect()
    }
}

impl Summary {
    fn of(results: &RunResults) -> Self {
        let mut summary = Self::default();
        for copy in &results.copies {
            summary.count(copy.outcome);
        }
        for deletion in &results.deletions {
            // Of deletions, only those that were done have a place in it.
            if deletion.outcome == Outcome::Deleted {
                summary.count(Outcome::Deleted);
            }
        }
        summary
    }

    fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Started => &mut self.started,
            Outcome::Exists => &mut self.exists,
            Outcome::Pending => &mut self.pending,
            Outcome::Planned => &mut self.planned,
            Outcome::Deferred => &mut self.deferred,
            Outcome::Deleted => &mut self.deleted,
            Outcome::Failed => &mut self.failed,
        } += 1;
    }
}

/// How much attention an entry of an answer needs, from 0 to this.
const MOST_ATTENTION: u8 = 3;

fn attention_of_outcome(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Exists => 0,
        Outcome::Started | Outcome::Pending | Outcome::Planned | Outcome::Deleted => 1,
        Outcome::Deferred => 2,
        Outcome::Failed => MOST_ATTENTION,
    }
}

fn attention_of_status(status: Status) -> u8 {
    match status {
        Status::Protected => 0,
        Status::Pending => 1,
        Status::Stale => 2,
        Status::Unprotected => MOST_ATTENTION,
    }
}

fn serialized_size(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len())
}

/// The message of the function error that an invocation ends in: one line for each failure.
/// `None` if nothing failed.
pub fn failures(results: &RunResults) -> Option<String> {
    let copies = results.copies.iter().filter_map(|result| {
        let Copy {
            source_region,
            source,
            destination,
            target,
        } = &result.copy;
        let error = result.error.as_ref()?;
        (result.outcome == Outcome::Failed).then(|| {
            format!(
                "CopySnapshot of {} from {source_region} to {destination} as {target}: {error}",
                source.name(),
            )
        })
    });
    let deletions = results.deletions.iter().filter_map(|result| {
        let error = result.error.as_ref()?;
        (result.outcome == Outcome::Failed).then(|| {
            format!(
                "deletion of {} in {}: {error}",
                result.copy.name, result.region
            )
        })
    });
    let unread = results.unread.iter().map(|unread| {
        let of = match &unread.source {
            Some(source) => format!(" of {source}"),
            None => String::new(),
        };
        format!(
            "{} could not be read: {}{of}: {}",
            unread.region, unread.operation, unread.failure
        )
    });
    let mut message = String::new();
    let mut left_out = 0;
    for line in copies.chain(deletions).chain(unread) {
        // A message of Lightsail's may have several lines; a failure has one.
        let line = line.lines().collect::<Vec<_>>().join(" ");
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

/// Logs one thing done or found. A copy or deletion makes a line for each Operation that Lightsail returned, or one line if there is none.
pub fn log(request_id: &str, done: Done<'_>) {
    match done {
        Done::Copy(result) => {
            let copy = &result.copy;
            log_result(&ResultLine {
                event: "copy_result",
                request_id,
                outcome: result.outcome,
                source_region: copy.source_region,
                source: SourceMembers::of(&copy.source),
                destination: copy.destination,
                target: copy.target.as_str(),
                operations: &result.operations,
                error: result.error.as_ref(),
            });
        }
        Done::Deletion(result) => {
            let source = &result.copy.source;
            log_result(&ResultLine {
                event: "delete_result",
                request_id,
                outcome: result.outcome,
                source_region: source.region,
                source: SourceMembers {
                    resource: Some(&source.name),
                    snapshot: None,
                    date: Some(result.copy.date.to_string()),
                    latest: None,
                },
                destination: result.region,
                target: &result.copy.name,
                operations: &result.operations,
                error: result.error.as_ref(),
            });
        }
        Done::Unread(unread) => log_unread(request_id, unread),
        Done::SelectsNothing { rule } => warn!(
            event = "selects_nothing",
            requestId = request_id,
            rule = format!("sources[{rule}]"),
            errorMessage = "this rule of the policy selects no instance and no disk; check its names, types and tags",
        ),
        Done::Coverage(coverage) => log_coverage(request_id, coverage),
        Done::Untagged {
            region,
            name,
            failure,
        } => warn!(
            event = "tag_failed",
            requestId = request_id,
            destinationRegion = region.as_str(),
            targetSnapshotName = name,
            errorCode = failure.code,
            errorMessage = failure.message,
        ),
    }
}

/// What the log lines of a copy or a deletion say.
struct ResultLine<'a> {
    event: &'static str,
    request_id: &'a str,
    outcome: Outcome,
    source_region: Region,
    source: SourceMembers<'a>,
    destination: Region,
    target: &'a str,
    operations: &'a [Operation],
    error: Option<&'a Failure>,
}

fn log_result(line: &ResultLine<'_>) {
    if line.operations.is_empty() {
        log_line(line, None);
    }
    for operation in line.operations {
        log_line(line, Some(&OperationEntry::from(operation)));
    }
}

fn log_line(line: &ResultLine<'_>, operation: Option<&OperationEntry>) {
    let location = operation.and_then(|operation| operation.location.as_ref());
    let error = line.error;
    // `tracing` wants the level to be a constant.
    macro_rules! log_at {
        ($level:expr) => {
            event!(
                $level,
                event = line.event,
                requestId = line.request_id,
                outcome = line.outcome.as_str(),
                sourceRegion = line.source_region.as_str(),
                sourceResourceName = line.source.resource,
                sourceSnapshotName = line.source.snapshot,
                restoreDate = line.source.date,
                destinationRegion = line.destination.as_str(),
                targetSnapshotName = line.target,
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
    match line.outcome {
        Outcome::Failed => log_at!(Level::ERROR),
        Outcome::Deferred => log_at!(Level::WARN),
        _ => log_at!(Level::INFO),
    }
}

fn log_coverage(request_id: &str, coverage: &Coverage) {
    let newest = coverage.newest.map(|date| date.to_string());
    macro_rules! log_at {
        ($level:expr) => {
            event!(
                $level,
                event = "coverage",
                requestId = request_id,
                sourceRegion = coverage.source.region.as_str(),
                sourceResourceName = coverage.source.name,
                resourceType = coverage.source.kind.as_str(),
                destinationRegion = coverage.destination.as_str(),
                newestRecoveryPoint = newest,
                recoveryPointAgeHours = coverage.age_hours.map(tenths),
                status = coverage.status.as_str(),
                reason = coverage.reason,
            )
        };
    }
    match coverage.status {
        Status::Protected | Status::Pending => log_at!(Level::INFO),
        Status::Stale | Status::Unprotected => log_at!(Level::WARN),
    }
}

fn log_unread(request_id: &str, unread: &Unread) {
    error!(
        event = "region_unread",
        requestId = request_id,
        region = unread.region.as_str(),
        operation = unread.operation,
        sourceResourceName = unread.source,
        errorCode = unread.failure.code,
        errorMessage = unread.failure.message,
        retryable = unread.failure.retryable(),
    );
}

/// Logs that an invocation is over, and how: its run time and, where it went through, its summary.
pub fn log_invocation(
    request_id: &str,
    duration_ms: u64,
    calls: u64,
    result: Result<&Answer, (&str, &str)>,
) {
    match result {
        Ok(Answer {
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::lightsail::ResourceKind;
    use crate::plan::{ExistingCopy, SourceId};
    use crate::request::SnapshotName;

    const OUTCOMES: [Outcome; 5] = [
        Outcome::Started,
        Outcome::Exists,
        Outcome::Pending,
        Outcome::Planned,
        Outcome::Failed,
    ];

    fn region(name: &str) -> Region {
        Region::parse(name).unwrap()
    }

    fn copy_result(number: usize, outcome: Outcome, name_length: usize) -> CopyResult {
        let error = Failure::found("NotFoundException", "There is no such thing.".repeat(3));
        CopyResult {
            copy: Copy {
                source_region: region("us-west-2"),
                source: Source::Latest {
                    resource: "r".repeat(name_length),
                },
                destination: region("us-east-1"),
                target: SnapshotName::parse(&format!("copy-{number}-{}", "n".repeat(name_length)))
                    .unwrap(),
            },
            outcome,
            operations: match outcome {
                Outcome::Started => vec![
                    Operation::builder()
                        .id("o".repeat(36))
                        .is_terminal(false)
                        .build(),
                ],
                _ => Vec::new(),
            },
            error: (outcome == Outcome::Failed).then_some(error),
        }
    }

    fn answer_of(copies: Vec<CopyResult>) -> Value {
        let results = RunResults {
            copies,
            ..RunResults::default()
        };
        let answer = Answer::of_copies(false, &results);
        let json = serde_json::to_string(&answer).unwrap();
        assert!(json.len() <= LARGEST_ANSWER, "{}", json.len());
        serde_json::from_str(&json).unwrap()
    }

    fn in_copies(answer: &Value, outcome: &str) -> usize {
        let copies = answer["copies"].as_array().unwrap();
        copies
            .iter()
            .filter(|copy| copy["outcome"] == outcome)
            .count()
    }

    #[test]
    fn an_answer_that_fits_is_whole() {
        let results: Vec<_> = (0..50)
            .map(|n| copy_result(n, Outcome::Exists, 10))
            .collect();
        let answer = answer_of(results);
        assert_eq!(in_copies(&answer, "exists"), 50);
        assert_eq!(answer.get("omitted"), None);
        assert_eq!(answer.get("coverage"), None);
    }

    #[test]
    fn what_needs_no_attention_is_left_out_first() {
        let mut results: Vec<_> = (0..2000)
            .map(|n| copy_result(n, Outcome::Exists, 20))
            .collect();
        results.extend((2000..2100).map(|n| copy_result(n, Outcome::Pending, 20)));
        let answer = answer_of(results);
        assert_eq!(in_copies(&answer, "pending"), 100);
        let shown = in_copies(&answer, "exists");
        assert!(shown > 0);
        assert_eq!(answer["omitted"]["copies"], 2000 - shown);
        assert_eq!(answer["summary"]["exists"], 2000);
        // What is left stands in the order of the event.
        let copies = answer["copies"].as_array().unwrap();
        assert_eq!(copies.last().unwrap()["outcome"], "pending");
    }

    #[test]
    fn a_runs_answer_is_shortened_over_all_its_lists() {
        let source = |number: usize| SourceId {
            region: region("us-west-2"),
            kind: ResourceKind::Instance,
            name: format!("{}-{number}", "n".repeat(50)),
        };
        let run = RunResults {
            copies: (0..500)
                .map(|n| copy_result(n, Outcome::Exists, 50))
                .collect(),
            deletions: (0..500)
                .map(|n| DeletionResult {
                    region: region("us-east-1"),
                    copy: ExistingCopy {
                        source: source(n),
                        date: jiff::civil::date(2026, 11, 22),
                        name: source(n).name,
                        state: crate::lightsail::SnapshotState::Available,
                        tagged: true,
                    },
                    outcome: if n == 7 {
                        Outcome::Deferred
                    } else {
                        Outcome::Deleted
                    },
                    operations: Vec::new(),
                    error: None,
                })
                .collect(),
            coverage: (0..1000)
                .map(|n| Coverage {
                    source: source(n),
                    destination: region("us-east-1"),
                    newest: None,
                    age_hours: Some(23.449),
                    status: if n == 7 {
                        Status::Stale
                    } else {
                        Status::Protected
                    },
                    reason: None,
                })
                .collect(),
            ..RunResults::default()
        };
        let json = serde_json::to_value(Answer::of_run(false, &run)).unwrap();
        assert!(json.to_string().len() <= LARGEST_ANSWER);
        let left = |list: &str| json[list].as_array().unwrap().len() as u64;
        let omitted = |list: &str| json["omitted"][list].as_u64().unwrap();
        assert_eq!(left("copies") + omitted("copies"), 500);
        assert_eq!(left("deletions") + omitted("deletions"), 500);
        assert_eq!(left("coverage") + omitted("coverage"), 1000);
        let stale = json["coverage"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["status"] == "stale");
        assert_eq!(stale.unwrap()["recoveryPointAgeHours"], 23.4);
        let deferred = json["deletions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["outcome"] == "deferred");
        assert!(deferred.is_some());
        assert_eq!(json["summary"]["deleted"], 499);
    }

    #[test]
    fn a_failure_has_a_line_even_if_its_message_has_more() {
        let mut results = RunResults {
            copies: vec![
                copy_result(1, Outcome::Failed, 3),
                copy_result(2, Outcome::Started, 3),
            ],
            ..RunResults::default()
        };
        results.copies[0].error = Some(Failure::found(
            "SomeException",
            "One.\r\nTwo.\nThree.".to_owned(),
        ));
        assert_eq!(
            failures(&results).unwrap(),
            "CopySnapshot of rrr from us-west-2 to us-east-1 as copy-1-nnn: SomeException: One. Two. Three."
        );
        results.copies.remove(0);
        assert_eq!(failures(&results), None);
    }

    #[test]
    fn failures_beyond_what_lambda_carries_are_counted() {
        let copies = (0..5000)
            .map(|n| copy_result(n, Outcome::Failed, 100))
            .collect();
        let results = RunResults {
            copies,
            ..RunResults::default()
        };
        let message = failures(&results).unwrap();
        assert!(message.len() < LARGEST_MESSAGE + 100);
        let shown = message.lines().count() - 1;
        let last = format!("… and {} more, all of them in the log", 5000 - shown);
        assert_eq!(message.lines().last(), Some(last.as_str()));
    }

    #[test]
    fn times_have_milliseconds_always() {
        let time = DateTime::from_secs(1_569_613_365);
        assert_eq!(rfc3339(&time).as_deref(), Some("2019-09-27T19:42:45.000Z"));
        assert!(rfc3339(&time).unwrap().parse::<Timestamp>().is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_answer_fits_and_counts_what_it_leaves_out(
            outcomes in proptest::collection::vec(proptest::sample::select(OUTCOMES.to_vec()), 0..1500),
            name_length in 1usize..200,
        ) {
            let results: Vec<_> = outcomes
                .iter()
                .enumerate()
                .map(|(number, outcome)| copy_result(number, *outcome, name_length))
                .collect();
            let answer = answer_of(results);
            let shown = answer["copies"].as_array().unwrap().len() as u64;
            let omitted = answer["omitted"]["copies"].as_u64().unwrap_or_default();
            prop_assert_eq!(shown + omitted, outcomes.len() as u64);
            for outcome in OUTCOMES {
                let count = outcomes.iter().filter(|o| **o == outcome).count();
                prop_assert_eq!(&answer["summary"][outcome.as_str()], count);
            }
        }
    }
}
