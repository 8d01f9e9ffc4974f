//! Deadlines and concurrency of an event's copies.

use std::time::Duration;

use lightsail_emulator::{Fault, Operation, Region, SnapshotState, World};
use serde_json::{Value, json};
use test_support::deployed::{dated, world};
use test_support::in_process::InProcess;
use tokio::time::Instant;

/// The shortest plausible function timeouts.
const TIMEOUTS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(5)];

/// A function in front of an emulator without a limit of copies in progress.
fn function() -> InProcess {
    InProcess::of(
        World {
            copy_limit: 1000,
            ..world()
        },
        None,
    )
}

fn many(number: usize, destinations: &[&str]) -> Value {
    let copy = |index: usize| {
        dated(
            &format!("copy-{index}"),
            destinations[index % destinations.len()],
        )
    };
    json!({ "copies": (0..number).map(copy).collect::<Vec<_>>() })
}

#[tokio::test(start_paused = true)]
async fn a_run_without_any_response_ends_in_time() {
    for timeout in TIMEOUTS {
        for dry_run in [false, true] {
            let function = function();
            function.emulator.on_call(|_| Fault::Hang);
            // More than the concurrency limit, so some calls are never made.
            let mut event = many(30, &["us-east-1", "eu-west-1"]);
            event["dryRun"] = dry_run.into();
            let start = Instant::now();
            let run = function.invoke_for(&event.to_string(), timeout).await;
            assert!(start.elapsed() < timeout);
            assert_eq!(run.result.is_ok(), dry_run);
            let lines = run.lines("copy_result");
            assert_eq!(lines.len(), 30);
            for line in lines {
                let fields = &line["fields"];
                let found = (
                    &fields["outcome"],
                    &fields["errorCode"],
                    &fields["retryable"],
                );
                assert_eq!(found, (&json!("failed"), &json!("Timeout"), &json!(true)));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_never_responds_does_not_delay_the_others() {
    let function = function();
    function.emulator.on_call(|call| match call.region {
        Region::EuWest1 => Fault::Hang,
        _ => Fault::None,
    });
    let event = many(60, &["eu-west-1", "us-east-1", "ap-south-1"]).to_string();
    let run = function.invoke_for(&event, TIMEOUTS[1]).await;
    assert_eq!(run.error().1.lines().count(), 20);
    for region in ["us-east-1", "ap-south-1"] {
        assert_eq!(function.names(region, SnapshotState::Pending).len(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_to_a_late_retry_is_not_lost() {
    // Attempts are throttled until little time is left. The last one succeeds.
    let function = function();
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 3, Fault::throttled());
    let event = dated("x1", "us-east-1").to_string();
    let run = function.invoke_for(&event, TIMEOUTS[1]).await;
    assert_eq!(run.copy()["outcome"], "started");
}

#[tokio::test(start_paused = true)]
async fn the_last_error_is_reported_if_the_deadline_ends_the_next_attempt() {
    for (call, dry_run) in [
        (Operation::CopySnapshot, false),
        (Operation::GetInstanceSnapshot, true),
    ] {
        let function = function();
        function.emulator.fault_next(call, 1, Fault::internal());
        function.emulator.fault_next(call, 100, Fault::Hang);
        let event = json!({ "dryRun": dry_run, "copies": [dated("x1", "us-east-1")] });
        let run = function.invoke_for(&event.to_string(), TIMEOUTS[0]).await;
        let line = run.line_of("x1");
        let found = (&line["outcome"], &line["errorCode"], &line["retryable"]);
        assert_eq!(
            found,
            (&json!("failed"), &json!("ServiceException"), &json!(true))
        );
        assert_eq!(run.calls_of("us-east-1", call.as_str()).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_eight_calls_run_concurrently_in_a_region() {
    let regions = ["us-east-1", "eu-west-1", "ap-south-1"];
    let function = function();
    function
        .emulator
        .on_call(|_| Fault::None.after(Duration::from_millis(30)));
    // Look-ups of a second delivery and of a dry run have the same limit.
    for (dry_run, outcome) in [(false, "started"), (false, "pending"), (true, "pending")] {
        let mut event = many(60, &regions);
        event["dryRun"] = dry_run.into();
        let run = function.send(&event).await;
        assert_eq!(run.answer()["summary"][outcome], 60);
        for region in Region::ALL {
            let expected = if regions.contains(&region.as_str()) {
                8
            } else {
                0
            };
            let peak = function.emulator.peak_in_flight(*region);
            assert!(
                peak == expected || peak <= 8 && *region == Region::UsWest2,
                "{region}: {peak}"
            );
        }
    }
}
