//! Deadlines, concurrency, and connections that are idle between invocations.

use std::time::Duration;

use lightsail_emulator::{Emulator, Fault, Operation, Region, World};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, dated, world};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::BINARY;

/// The shortest plausible function timeouts.
const TIMEOUTS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(5)];

/// A world without a limit of copies in progress.
fn roomy() -> World {
    World {
        copy_limit: 1000,
        ..world()
    }
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

#[tokio::test]
async fn the_answer_is_sent_before_the_deadline_if_lightsail_never_responds() {
    for timeout in TIMEOUTS {
        let mut deployed = Deployed::with(BINARY, roomy(), &[]).await;
        deployed.emulator.on_call(|_| Fault::Hang);
        // More than the concurrency limit, so some calls are never made.
        let event = many(30, &["us-east-1", "eu-west-1"]).to_string();
        let invocation = deployed.function.invoke(event, timeout).await;
        // An answer after the deadline would be `Ending::TimedOut`.
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "CopyFailed");
        assert_eq!(message.lines().count(), 30);
        for line in invocation.events("copy_result") {
            assert_eq!(
                (&line["outcome"], &line["errorCode"]),
                (&json!("failed"), &json!("Timeout"))
            );
            assert_eq!(line["retryable"], true);
        }
        assert_eq!(invocation.events("copy_result").len(), 30);
        deployed.emulator.on_call(|_| Fault::None);
        deployed.still_serves().await;
    }
}

#[tokio::test]
async fn a_dry_run_without_any_response_ends_in_time() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.emulator.on_call(|_| Fault::Hang);
    let mut event = many(10, &["us-east-1"]);
    event["dryRun"] = true.into();
    let invocation = deployed
        .function
        .invoke(event.to_string(), TIMEOUTS[0])
        .await;
    let answer = invocation.answer();
    assert_eq!(answer["summary"]["failed"], 10);
    for copy in answer["copies"].as_array().unwrap() {
        let error = &copy["error"];
        assert_eq!(
            (&error["code"], &error["retryable"]),
            (&json!("Timeout"), &json!(true))
        );
    }
}

#[tokio::test]
async fn a_region_that_never_responds_does_not_delay_the_others() {
    let mut deployed = Deployed::with(BINARY, roomy(), &[]).await;
    deployed.emulator.on_call(|call| match call.region {
        Region::EuWest1 => Fault::Hang,
        _ => Fault::None,
    });
    let event = many(60, &["eu-west-1", "us-east-1", "ap-south-1"]).to_string();
    let invocation = deployed.function.invoke(event, TIMEOUTS[1]).await;
    assert_eq!(invocation.error().1.lines().count(), 20);
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 20);
    assert_eq!(deployed.names_in(Region::ApSouth1).len(), 20);
}

#[tokio::test]
async fn a_response_to_a_late_retry_is_not_lost() {
    // Attempts are throttled until little time is left. The last one succeeds.
    let mut deployed = Deployed::new(BINARY).await;
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 3, Fault::throttled());
    let event = dated("x1", "us-east-1").to_string();
    let invocation = deployed
        .function
        .invoke(event, Duration::from_secs(5))
        .await;
    assert_eq!(invocation.answer()["summary"]["started"], 1);
}

#[tokio::test]
async fn the_last_error_is_reported_if_the_deadline_ends_the_next_attempt() {
    for (call, dry_run) in [
        (Operation::CopySnapshot, false),
        (Operation::GetInstanceSnapshot, true),
    ] {
        let mut deployed = Deployed::new(BINARY).await;
        deployed.emulator.fault_next(call, 1, Fault::internal());
        deployed.emulator.fault_next(call, 100, Fault::Hang);
        let mut event = dated("x1", "us-east-1");
        if dry_run {
            event = json!({ "dryRun": true, "copies": [event] });
        }
        let invocation = deployed
            .function
            .invoke(event.to_string(), TIMEOUTS[0])
            .await;
        let line = invocation.line_of("x1");
        assert_eq!(
            (&line["outcome"], &line["errorCode"], &line["retryable"]),
            (&json!("failed"), &json!("ServiceException"), &json!(true))
        );
        assert_eq!(deployed.calls_of(call).len(), 2);
    }
}

#[tokio::test]
async fn at_most_eight_calls_run_concurrently_in_a_region() {
    let mut deployed = Deployed::with(BINARY, roomy(), &[]).await;
    deployed
        .emulator
        .on_call(|_| Fault::None.after(Duration::from_millis(30)));
    let answer = deployed
        .answer(&many(60, &["us-east-1", "eu-west-1", "ap-south-1"]))
        .await;
    assert_eq!(answer["summary"]["started"], 60);
    for region in [Region::UsEast1, Region::EuWest1, Region::ApSouth1] {
        assert_eq!(deployed.emulator.peak_in_flight(region), 8, "{region}");
    }
    // Lookups of a second delivery and of a dry run have the same limit.
    for dry_run in [false, true] {
        let mut event = many(60, &["us-east-1", "eu-west-1", "ap-south-1"]);
        event["dryRun"] = dry_run.into();
        assert_eq!(deployed.answer(&event).await["summary"]["pending"], 60);
        for &region in Region::ALL {
            assert!(deployed.emulator.peak_in_flight(region) <= 8, "{region}");
        }
    }
}

/// Serves the emulator on a port that can be reused. Aborting the task closes all its connections.
async fn serve(emulator: &Emulator, address: &str) -> (String, AbortHandle) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(emulator.clone().serve(listener));
    (address, task.abort_handle())
}

#[tokio::test]
async fn connections_closed_while_the_function_was_frozen_are_opened_again() {
    let emulator = Emulator::new(world());
    let (address, server) = serve(&emulator, "127.0.0.1:0").await;
    let mut deployed = Deployed::at(BINARY, &format!("http://{address}")).await;
    assert_eq!(
        deployed.copy(&dated("x1", "us-east-1")).await["outcome"],
        "started"
    );

    deployed.function.freeze().await;
    server.abort();
    // The port is free once the server's task has ended.
    while !server.is_finished() {
        tokio::task::yield_now().await;
    }
    let (_, _server) = serve(&emulator, &address).await;

    assert_eq!(
        deployed.copy(&dated("x2", "us-east-1")).await["outcome"],
        "started"
    );
    let calls: Vec<_> = emulator
        .calls()
        .iter()
        .map(|call| call.body["targetSnapshotName"].clone())
        .collect();
    assert_eq!(calls, ["x1", "x2"]);
}

#[tokio::test]
async fn a_frozen_function_resumes_in_the_same_process() {
    let mut deployed = Deployed::new(BINARY).await;
    for target in ["x1", "x2", "x3"] {
        assert_eq!(
            deployed.copy(&dated(target, "us-east-1")).await["outcome"],
            "started"
        );
        deployed.function.freeze().await;
    }
    deployed.still_serves().await;
}

#[tokio::test]
async fn connections_are_reused_across_invocations() {
    // A forwarding server in front of the emulator that counts connections.
    let mut deployed = Deployed::new(BINARY).await;
    let emulator = deployed.emulator.clone();
    let (address, _server) = serve(&emulator, "127.0.0.1:0").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (connected, mut connections) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            connected.send(()).unwrap();
            let address = address.clone();
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(address).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    deployed = Deployed::at(BINARY, &url).await;
    for target in ["x1", "x2", "x3"] {
        assert_eq!(
            deployed.copy(&dated(target, "us-east-1")).await["outcome"],
            "started"
        );
    }
    let mut count = 0;
    while connections.try_recv().is_ok() {
        count += 1;
    }
    assert_eq!(count, 1);
}
