//! The message of a function error.

use super::response::MAX_BYTES;
use crate::model::drill::DrillOutcome;
use crate::model::event::{DeletionResult, Event, Outcome, TagFailure};

/// The longest line in characters. Lightsail's messages have no limit.
const LINE_CHARS: usize = 2_000;

/// Room for the last line, which counts the others.
const LAST_LINE_BYTES: usize = 100;

/// Whether a run failed only because drills did. Copies are as they should be.
pub fn only_drills_failed(events: &[Event]) -> bool {
    let mut failures = events.iter().filter(|event| line(event).is_some());
    failures.all(|event| matches!(event, Event::DrillResult(_)))
}

/// The message of the function error that an invocation ends in: one line for each failure, in the
/// order of `rank`. `None` if nothing failed. In JSON it has the size limit of an answer. Lines
/// beyond that are dropped and counted.
pub fn failure_message(events: &[Event]) -> Option<String> {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| rank(event));
    let mut message = String::new();
    let mut bytes = LAST_LINE_BYTES;
    let mut omitted = 0;
    for line in events.into_iter().filter_map(line) {
        let line = one_line(&line);
        bytes += json_bytes(&line);
        if bytes > MAX_BYTES {
            omitted += 1;
            continue;
        }
        if !message.is_empty() {
            message.push('\n');
        }
        message.push_str(&line);
    }
    if omitted > 0 {
        message.push_str(&format!("\n… and {omitted} more, all of them in the log"));
    }
    (!message.is_empty()).then_some(message)
}

/// Copies first, in the order of their event. Drills last, because they are not backups.
fn rank(event: &Event) -> (u8, usize) {
    match event {
        Event::CopyResult(result) => (0, result.position),
        Event::DeleteResult(_) => (1, 0),
        Event::TagFailed(_) => (2, 0),
        Event::DrillResult(_) => (4, 0),
        _ => (3, 0),
    }
}

/// What failed. `None` if an event is no failure.
pub(super) fn line(event: &Event) -> Option<String> {
    match event {
        Event::CopyResult(result) if result.outcome == Outcome::Failed => {
            let (copy, error) = (&result.copy, result.error.as_ref()?);
            Some(format!(
                "CopySnapshot of {} from {} to {} as {}: {error}",
                copy.source.name(),
                copy.source_region,
                copy.destination,
                copy.target
            ))
        }
        Event::DeleteResult(result) if result.outcome == Outcome::Failed => {
            let error = result.error.as_ref()?;
            let DeletionResult { name, region, .. } = result;
            Some(format!("deletion of {name} in {region}: {error}"))
        }
        Event::TagFailed(failure) if failure.is_failure => {
            let TagFailure { name, region, .. } = failure;
            let error = &failure.error;
            Some(format!("TagResource of {name} in {region}: {error}"))
        }
        Event::RegionUnread(failure) => {
            let (region, operation) = (failure.region, failure.operation);
            let of_source = failure.source.as_ref();
            let of_source = of_source.map(|source| format!(" of {source}"));
            Some(format!(
                "{region} could not be read: {operation}{}: {}",
                of_source.unwrap_or_default(),
                failure.error
            ))
        }
        Event::DrillResult(result) if result.outcome == DrillOutcome::Failed => {
            let (source, error) = (&result.source, result.error.as_ref()?);
            Some(format!(
                "drill of {} from {} in {} as {}: {error}",
                source.name, source.region, result.destination, result.instance
            ))
        }
        _ => None,
    }
}

/// A failure's line. A message of Lightsail may have several lines and any length.
pub(super) fn one_line(text: &str) -> String {
    let mut line = text.lines().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LINE_CHARS) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The size of a line in a JSON string: with escapes and its line break (in place of the
/// quotation marks).
fn json_bytes(line: &str) -> usize {
    // A string always serializes.
    serde_json::to_string(line).map_or(0, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::copy::{CopySource, NameOrigin, SnapshotCopy};
    use crate::model::event::CopyResult;
    use crate::model::failure::ApiError;

    fn copy_result(number: usize, outcome: Outcome, name_length: usize) -> CopyResult {
        let error = ApiError::found("NotFoundException", "There is no such thing.".repeat(3));
        let name = format!("copy-{number}-{}", "n".repeat(name_length));
        let copy = SnapshotCopy {
            source_region: "us-west-2".parse().unwrap(),
            source: CopySource::Latest {
                resource: "r".repeat(name_length).into(),
            },
            destination: "us-east-1".parse().unwrap(),
            target: name.parse().unwrap(),
            name_origin: NameOrigin::Generated,
        };
        CopyResult {
            error: (outcome == Outcome::Failed).then(|| error.into()),
            ..CopyResult::new(copy, outcome)
        }
    }

    #[test]
    fn a_failure_has_a_line_even_if_its_message_has_more() {
        let mut failed = copy_result(1, Outcome::Failed, 3);
        let error = ApiError::found("SomeException", "One.\r\nTwo.\nThree.");
        failed.error = Some(error.into());
        let started = Event::CopyResult(copy_result(2, Outcome::Started, 3));
        assert_eq!(
            failure_message(&[Event::CopyResult(failed), started.clone()]).unwrap(),
            "CopySnapshot of rrr from us-west-2 to us-east-1 as copy-1-nnn: SomeException: One. Two. Three."
        );
        assert_eq!(failure_message(&[started]), None);
    }

    #[test]
    fn failures_beyond_what_lambda_carries_are_counted() {
        let copies = (0..5000).map(|n| copy_result(n, Outcome::Failed, 100));
        let events: Vec<_> = copies.map(Event::CopyResult).collect();
        let message = failure_message(&events).unwrap();
        assert!(json_bytes(&message) <= MAX_BYTES);
        assert!(message.len() > MAX_BYTES - 1000);
        let shown = message.lines().count() - 1;
        let last = format!("… and {} more, all of them in the log", 5000 - shown);
        assert_eq!(message.lines().last(), Some(last.as_str()));
    }

    #[test]
    fn the_limit_counts_escapes() {
        let failed = |n| {
            let mut result = copy_result(n, Outcome::Failed, 3);
            let error = ApiError::found("SomeException", "\u{1}".repeat(100_000));
            result.error = Some(error.into());
            Event::CopyResult(result)
        };
        for count in [1, 1000] {
            let events: Vec<_> = (0..count).map(failed).collect();
            let message = failure_message(&events).unwrap();
            assert!(
                json_bytes(&message) <= MAX_BYTES,
                "{}",
                json_bytes(&message)
            );
            let first = message.lines().next().unwrap();
            let prefix =
                "CopySnapshot of rrr from us-west-2 to us-east-1 as copy-0-nnn: SomeException: ";
            assert!(first.starts_with(prefix), "{first}");
        }
    }
}
