//! The message of a function error.

use crate::run::{CopyResult, DeletionResult, Outcome, ReadFailure, RunResults, TagFailure};

/// The longest message of a function error, in bytes.
const MAX_BYTES: usize = 100_000;

/// The message of the function error that an invocation ends in: one line for each failure.
/// `None` if nothing failed.
pub fn failure_message(results: &RunResults) -> Option<String> {
    let copies = results.copies.iter().filter_map(copy_line);
    let deletions = results.deletions.iter().filter_map(deletion_line);
    let reads = results.read_failures.iter().map(read_line);
    let tags = results.tag_failures.iter().filter_map(tag_line);
    let mut message = String::new();
    let mut omitted = 0;
    for line in copies.chain(deletions).chain(tags).chain(reads) {
        // A message of Lightsail may have several lines. A failure has one.
        let line = line.lines().collect::<Vec<_>>().join(" ");
        if message.len() + line.len() > MAX_BYTES {
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
        assert!(message.len() < MAX_BYTES + 100);
        let shown = message.lines().count() - 1;
        let last = format!("… and {} more, all of them in the log", 5000 - shown);
        assert_eq!(message.lines().last(), Some(last.as_str()));
    }
}
