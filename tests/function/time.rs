//! The deadline, and connections that are idle between invocations.

use std::time::Duration;

use lightsail_emulator::{Emulator, Fault};
use test_support::deployed::{Deployed, Outcome, dated, world};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::BINARY;

#[tokio::test]
async fn the_answer_is_sent_before_the_deadline_if_lightsail_never_responds() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.emulator.on_call(|_| Fault::Hang);
    let event = dated("x1", "us-east-1").to_string();
    let timeout = Duration::from_secs(2);
    // An answer after the deadline would be `Ending::TimedOut`.
    let invocation = deployed.function.invoke(event, timeout).await;
    assert_eq!(invocation.error().0, "CopyFailed");
    assert_eq!(invocation.line_of("x1")["errorCode"], "Timeout");
    deployed.emulator.on_call(|_| Fault::None);
    deployed.still_serves().await;
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
