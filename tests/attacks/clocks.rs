//! Deadlines and clocks that are far off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Emulator, Fault, Operation, StatusCode};
use local_lambda::Ending;
use serde_json::json;
use test_support::deployed::{Deployed, Outcome, TIMEOUT, dated, world};

use crate::BINARY;

#[tokio::test]
async fn a_deadline_in_the_far_future_or_past_does_not_panic_or_hang() {
    let mut deployed = Deployed::new(BINARY).await;
    let now = Timestamp::now().as_millisecond() as u64;
    let hour = 3_600_000;
    let copy = dated("x1", "us-east-1").to_string();
    for future in [
        now + hour,
        now + 100 * 365 * 24 * hour,
        u64::MAX / 1000,
        u64::MAX,
    ] {
        let invocation = deployed
            .function
            .invoke_with_deadline(copy.clone(), Some(&future.to_string()), TIMEOUT)
            .await;
        let copied = &invocation.answer()["copies"][0];
        assert_ne!(copied["outcome"], "failed", "{future}");
    }
    for past in [0, 1, now - 1, now - hour, now - 20 * 365 * 24 * hour] {
        let invocation = deployed
            .function
            .invoke_with_deadline(copy.clone(), Some(&past.to_string()), TIMEOUT)
            .await;
        let line = invocation.line_of("x1");
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!("Timeout"), &json!(true)),
            "{past}"
        );
    }
    deployed.still_serves().await;
}

#[tokio::test]
async fn an_unreadable_deadline_ends_the_process() {
    for absurd in [
        None,
        Some(""),
        Some("-1"),
        Some("soon"),
        Some("18446744073709551616"),
    ] {
        let mut deployed = Deployed::new(BINARY).await;
        let invocation = deployed
            .function
            .invoke_with_deadline(dated("x1", "us-east-1").to_string(), absurd, TIMEOUT)
            .await;
        // Lambda reports this as a function error and starts a new process for the next event.
        assert!(
            matches!(&invocation.ending, Ending::Exited(status) if !status.success()),
            "{absurd:?}: {invocation:#?}"
        );
        assert_eq!(deployed.emulator.call_count(), 0);
    }
}

/// A function with an emulator whose clock is ahead of the real one by the returned number of hours.
async fn with_clock() -> (Deployed, Arc<AtomicI64>, lightsail_emulator::Running) {
    let ahead = Arc::new(AtomicI64::new(0));
    let hours = Arc::clone(&ahead);
    let emulator = Emulator::with_clock(world(), move || {
        Timestamp::now() + SignedDuration::from_hours(hours.load(Ordering::Relaxed))
    });
    let running = emulator.clone().start().await.unwrap();
    let mut deployed = Deployed::at(BINARY, &running.url()).await;
    deployed.emulator = emulator;
    (deployed, ahead, running)
}

#[tokio::test]
async fn calls_succeed_after_the_clock_jumps_by_hours() {
    let (mut deployed, ahead, _running) = with_clock().await;
    for (index, hours) in [0, 3, 0, -5, 7, 0].into_iter().enumerate() {
        ahead.store(hours, Ordering::Relaxed);
        // Sent at the same time, so none has learned the clock from another's response.
        let copies: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| dated(&format!("{name}-{index}"), "us-east-1"))
            .into();
        let answer = deployed
            .answer(&json!({ "copies": copies, "dryRun": true }))
            .await;
        assert_eq!(
            answer["summary"]["planned"], 4,
            "{hours} h ahead: {answer:#}"
        );
        let copy = deployed
            .copy(&dated(&format!("copy-{index}"), "eu-west-1"))
            .await;
        assert_eq!(copy["outcome"], "started", "{hours} h ahead: {copy:#}");
    }
}

#[tokio::test]
async fn calls_succeed_after_the_clock_jumps_within_an_invocation() {
    let (mut deployed, ahead, _running) = with_clock().await;
    deployed.emulator.on_call(move |call| {
        // The clock changes after each call, so the next signature has the wrong time.
        ahead.store((call.number % 2) as i64 * 4, Ordering::Relaxed);
        Fault::None
    });
    for name in ["x1", "x2", "x3", "x4", "x5", "x6"] {
        let copy = deployed.copy(&dated(name, "us-east-1")).await;
        assert_eq!(copy["outcome"], "started", "{copy:#}");
    }
}

#[tokio::test]
async fn a_second_clock_skew_refusal_fails_the_copy() {
    let mut deployed = Deployed::new(BINARY).await;
    for (code, message) in [
        ("RequestTimeTooSkewed", "The difference is too large."),
        (
            "InvalidSignatureException",
            "Signature expired: 20261122T000000Z is now earlier than 20261122T010000Z",
        ),
        (
            "InvalidSignatureException",
            "Signature not yet current: 20261122T010000Z is still later than 20261122T000000Z",
        ),
    ] {
        let refusal = Fault::error(StatusCode::FORBIDDEN, code, message);
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 2, refusal);
        let invocation = deployed.send(&dated("x1", "us-east-1")).await;
        let line = invocation.line_of("x1");
        assert_eq!(
            (&line["outcome"], &line["errorCode"], &line["retryable"]),
            (&json!("failed"), &json!(code), &json!(true))
        );
        assert_eq!(line["errorMessage"], message);
        assert_eq!(deployed.emulator.take_calls().len(), 2);
    }
    deployed.still_serves().await;
}
