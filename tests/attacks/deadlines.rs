//! Deadlines that are very close or already past.

use std::time::Duration;

use jiff::Timestamp;
use lightsail_emulator::{Fault, Operation, Region};
use local_lambda::Invocation;
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, TIMEOUT, dated, world, world_of_instant_copies};

use crate::BINARY;

/// One job of each kind that calls Lightsail.
fn jobs() -> Vec<Value> {
    let copies = [dated("x1", "us-east-1"), dated("x2", "eu-west-1")];
    let policy = json!({
        "sources": [{ "region": "us-west-2" }, { "region": "eu-central-1" }],
        "destinations": ["us-east-1", "eu-west-1"],
        "retention": { "keepLast": 1 },
    });
    vec![
        json!({ "copies": copies }),
        json!({ "copies": copies, "dryRun": true }),
        json!({ "policy": policy }),
        json!({ "policy": policy, "dryRun": true }),
        json!({}),
    ]
}

const DEPLOYED: &str =
    r#"{ "sources": [{ "region": "us-west-2" }], "destinations": ["us-east-1"] }"#;

/// Asserts that an invocation of this job failed, or that its dry run found failures, and that all of
/// them have the code `Timeout`.
fn assert_timed_out(invocation: &Invocation, job: &Value, what: &str) {
    if job["dryRun"] == true {
        let answer = invocation.answer();
        let lists = ["copies", "unread"].map(|list| answer[list].as_array().cloned());
        let mut failures = lists.into_iter().flatten().flatten().peekable();
        assert!(failures.peek().is_some(), "{what}: {answer:#}");
        return assert!(failures.all(|entry| entry["error"]["code"] == "Timeout"));
    }
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed", "{what}");
    assert!(message.lines().count() > 0);
    for line in message.lines() {
        assert!(line.contains("Timeout"), "{what}: {line}");
    }
}

#[tokio::test]
async fn one_second_is_enough_to_report_that_lightsail_does_not_respond() {
    for job in jobs() {
        let mut deployed = Deployed::with(BINARY, world(), &[("COPY_POLICY", DEPLOYED)]).await;
        deployed.emulator.on_call(|_| Fault::Hang);
        let second = Duration::from_secs(1);
        let invocation = deployed.function.invoke(job.to_string(), second).await;
        assert_timed_out(&invocation, &job, &job.to_string());
        deployed.emulator.on_call(|_| Fault::None);
        deployed.still_serves().await;
    }
}

/// The deadline header for a deadline this many milliseconds from now. Negative: in the past.
fn deadline(milliseconds: i64) -> String {
    (Timestamp::now().as_millisecond() + milliseconds).to_string()
}

#[tokio::test]
async fn a_deadline_within_200_ms_or_past_is_answered() {
    for milliseconds in [200, 150, 1, 0, -1, -1000] {
        let mut deployed = Deployed::with(BINARY, world(), &[("COPY_POLICY", DEPLOYED)]).await;
        deployed.emulator.on_call(|_| Fault::Hang);
        for job in jobs() {
            let what = format!("{milliseconds} ms: {job}");
            // The test waits longer than the header says, because a busy machine must not fail it.
            let header = deadline(milliseconds);
            let invocation = deployed
                .function
                .invoke_with_deadline(job.to_string(), Some(&header), TIMEOUT)
                .await;
            assert_timed_out(&invocation, &job, &what);
        }
        if milliseconds <= 150 {
            // 150 ms are reserved for the answer, so no copy was started.
            assert_eq!(deployed.calls_of(Operation::CopySnapshot), []);
        }
        deployed.emulator.on_call(|_| Fault::None);
        deployed.still_serves().await;
    }
}

#[tokio::test]
async fn an_invalid_event_is_reported_even_without_time() {
    let mut deployed = Deployed::new(BINARY).await;
    for milliseconds in [150, 1, 0, -1000] {
        for event in ["", "[]", "{\"copies\": 1}"] {
            let header = deadline(milliseconds);
            let invocation = deployed
                .function
                .invoke_with_deadline(event, Some(&header), TIMEOUT)
                .await;
            let error = invocation.error();
            assert_eq!(error.0, "InvalidEvent", "{milliseconds} ms: {event}");
        }
    }
}

#[tokio::test]
async fn a_copy_whose_response_came_too_late_is_found_by_the_retry() {
    let mut deployed = Deployed::with(BINARY, world_of_instant_copies(), &[]).await;
    // Each copy is started, and its response is lost.
    deployed
        .emulator
        .on_call(|call| match call.body.get("targetSnapshotName") {
            Some(_) => Fault::LoseAnswer,
            None => Fault::Hang,
        });
    let copies: Vec<_> = (0..8)
        .map(|n| dated(&format!("copy-{n}"), "us-east-1"))
        .collect();
    let event = json!({ "copies": copies });
    let header = deadline(400);
    let invocation = deployed
        .function
        .invoke_with_deadline(event.to_string(), Some(&header), TIMEOUT)
        .await;
    // The function cannot know that the copies exist, so they fail as retryable.
    for line in invocation.events("copy_result") {
        assert_eq!(
            (&line["outcome"], &line["retryable"]),
            (&json!("failed"), &json!(true))
        );
    }
    deployed.emulator.on_call(|_| Fault::None);
    let answer = deployed.answer(&event).await;
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 8);
    let done = ["exists", "started"].map(|outcome| answer["summary"][outcome].as_u64().unwrap());
    assert_eq!(done.iter().sum::<u64>(), 8);
}
