//! Deadlines, concurrency, and connections that grow old between invocations.

use std::time::Duration;

use lightsail_emulator::{Emulator, Fault, Operation, Region, World};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, dated, world};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::BINARY;

/// Timeouts as short as anybody would give the function.
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
async fn the_answer_leaves_before_the_deadline_even_if_nothing_ever_answers() {
    for timeout in TIMEOUTS {
        let mut deployed = Deployed::with(BINARY, roomy(), &[]).await;
        deployed.emulator.on_call(|_| Fault::Hang);
        // More than can be asked for at once, so that some are never asked for.
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
async fn a_dry_run_that_nothing_answers_ends_in_time_too() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.emulator.on_call(|_| Fault::Hang);
    let mut event = many(10, &["us-east-1"]);
    event["dryRun"] = true.into();
    let invocation = deployed
        .function
        .invoke(event.to_string(), TIMEOUTS[0])
        .await;
    assert_eq!(invocation.error().0, "CopyFailed");
    for line in invocation.events("copy_result") {
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!("Timeout"), &json!(true))
        );
    }
}

#[tokio::test]
async fn one_region_that_never_answers_leaves_the_others_their_time() {
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
async fn an_answer_that_comes_after_a_retry_with_little_time_left_is_not_lost() {
    // The first attempt is throttled for as long as there is time to spare, the last one works.
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
async fn the_last_answer_is_told_when_time_is_up_before_another_comes() {
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
async fn at_most_eight_calls_are_under_way_at_once_in_a_region() {
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
    // The look-ups of a second delivery, and of a dry run, count as well.
    for dry_run in [false, true] {
        let mut event = many(60, &["us-east-1", "eu-west-1", "ap-south-1"]);
        event["dryRun"] = dry_run.into();
        assert_eq!(deployed.answer(&event).await["summary"]["pending"], 60);
        for &region in Region::ALL {
            assert!(deployed.emulator.peak_in_flight(region) <= 8, "{region}");
        }
    }
}

/// Serves the emulator on a port that can be used again. Aborting it closes all its connections.
async fn serve(emulator: &Emulator, address: &str) -> (String, AbortHandle) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(emulator.clone().serve(listener));
    (address, task.abort_handle())
}

#[tokio::test]
async fn connections_that_were_closed_while_the_function_was_frozen_are_made_anew() {
    let emulator = Emulator::new(world());
    let (address, server) = serve(&emulator, "127.0.0.1:0").await;
    let mut deployed = Deployed::at(BINARY, &format!("http://{address}")).await;
    assert_eq!(
        deployed.copy(&dated("x1", "us-east-1")).await["outcome"],
        "started"
    );

    deployed.function.freeze().await;
    server.abort();
    // The port is free again once the server's task is gone.
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
async fn a_function_that_was_frozen_goes_on_in_the_same_process() {
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
async fn clients_are_kept_from_one_invocation_to_the_next() {
    // A server that counts connections: what comes in on one goes out to the emulator on another.
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
