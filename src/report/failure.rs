//! The message of a function error.

use super::response::MAX_BYTES;
use crate::run::{
    CopyResult, DeletionResult, DrillOutcome, DrillResult, Outcome, ReadFailure, RunResults,
    TagFailure,
};

/// The longest line in characters. Lightsail's messages have no limit.
const LINE_CHARS: usize = 2_000;

/// Room for the last line, which counts the others.
const LAST_LINE_BYTES: usize = 100;

/// Whether a run failed only because drills did. Copies are as they should be.
pub fn only_drills_failed(results: &RunResults) -> bool {
    results.read_failures.is_empty()
        && results
            .copies
            .iter()
            .all(|result| result.outcome != Outcome::Failed)
        && results
            .deletions
            .iter()
            .all(|result| result.outcome != Outcome::Failed)
        && !results.tag_failures.iter().any(TagFailure::is_final)
}

/// The message of the function error that an invocation ends in: one line for each failure.
/// `None` if nothing failed. In JSON it has the size limit of an answer. Lines beyond that are
/// dropped and counted.
pub fn failure_message(results: &RunResults) -> Option<String> {
    let copies = results.copies.iter().filter_map(copy_line);
    let deletions = results.deletions.iter().filter_map(deletion_line);
    let reads = results.read_failures.iter().map(read_line);
    let tags = results.tag_failures.iter().filter_map(tag_line);
    let drills = results.drills.iter().flatten().filter_map(drill_line);
    let mut message = String::new();
    let mut bytes = LAST_LINE_BYTES;
    let mut omitted = 0;
    for line in copies
        .chain(deletions)
        .chain(tags)
        .chain(reads)
        .chain(drills)
    {
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

/// A failure's line. A message of Lightsail may have several lines and any length.
fn one_line(text: &str) -> String {
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

fn copy_line(result: &CopyResult) -> Option<String> {
    let error = result.error.as_ref()?;
    let copy = &result.copy;
    (result.outcome == Outcome::Failed).then(|| {
        format!(
            "CopySnapshot of {} from {} to {} as {}: {error}",
            copy.source.name(),
            copy.source_region,
            copy.destination,
            copy.target
        )
    })
}

fn deletion_line(result: &DeletionResult) -> Option<String> {
    let error = result.error.as_ref()?;
    (result.outcome == Outcome::Failed).then(|| {
        format!(
            "deletion of {} in {}: {error}",
            result.copy.name, result.region
        )
    })
}

fn tag_line(failure: &TagFailure) -> Option<String> {
    let TagFailure {
        region,
        name,
        error,
    } = failure;
    let is_final = failure.is_final();
    is_final.then(|| format!("TagResource of {name} in {region}: {error}"))
}

fn drill_line(result: &DrillResult) -> Option<String> {
    let error = result.error.as_ref()?;
    (result.outcome == DrillOutcome::Failed).then(|| {
        let source = &result.source;
        format!(
            "drill of {} from {} in {} as {}: {error}",
            source.name, source.region, result.destination, result.instance
        )
    })
}

fn read_line(failure: &ReadFailure) -> String {
    let ReadFailure {
        region,
        operation,
        error,
        ..
    } = failure;
    match &failure.source {
        Some(source) => format!("{region} could not be read: {operation} of {source}: {error}"),
        None => format!("{region} could not be read: {operation}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::copy::{CopySource, NameOrigin, SnapshotCopy};
    use crate::model::failure::ApiError;

    fn copy_result(number: usize, outcome: Outcome, name_length: usize) -> CopyResult {
        let error = ApiError::found("NotFoundException", "There is no such thing.".repeat(3));
        let name = format!("copy-{number}-{}", "n".repeat(name_length));
        let copy = SnapshotCopy {
            source_region: "us-west-2".parse().unwrap(),
            source: CopySource::Latest {
                resource: "r".repeat(name_length),
            },
            destination: "us-east-1".parse().unwrap(),
            target: name.parse().unwrap(),
            name_origin: NameOrigin::Generated,
        };
        CopyResult {
            error: (outcome == Outcome::Failed).then_some(error),
            ..CopyResult::new(copy, outcome)
        }
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
        results.copies[0].error = Some(ApiError::found(
            "SomeException",
            "One.\r\nTwo.\nThree.".to_owned(),
        ));
        assert_eq!(
            failure_message(&results).unwrap(),
            "CopySnapshot of rrr from us-west-2 to us-east-1 as copy-1-nnn: SomeException: One. Two. Three."
        );
        results.copies.remove(0);
        assert_eq!(failure_message(&results), None);
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
        let message = failure_message(&results).unwrap();
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
            result.error = Some(ApiError::found("SomeException", "\u{1}".repeat(100_000)));
            result
        };
        for count in [1, 1000] {
            let results = RunResults {
                copies: (0..count).map(failed).collect(),
                ..RunResults::default()
            };
            let message = failure_message(&results).unwrap();
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
