//! Connections that broke while the function was frozen, without a FIN or RST packet.

use std::time::Duration;

use futures_util::future::join_all;
use lightsail_emulator::{Emulator, Fault, Running, World};
use local_lambda::Invocation;
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, dated, world};

use crate::BINARY;
use crate::server::Gateway;

/// A common function timeout.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(30);

fn copies(name: &str, number: usize) -> Value {
    let copies = (0..number).map(|index| dated(&format!("{name}-{index}"), "us-east-1"));
    json!({ "copies": copies.collect::<Vec<_>>() })
}

/// The number of requests of an invocation, with retries.
fn attempts(invocation: &Invocation) -> u64 {
    invocation.events("invocation")[0]["calls"]
        .as_u64()
        .unwrap()
}

/// A function with 8 idle connections to a Region, which is the maximum.
async fn with_idle_connections() -> (Deployed, Gateway, Running) {
    let roomy = World {
        copy_limit: 1000,
        ..world()
    };
    let emulator = Emulator::new(roomy);
    emulator.on_call(|_| Fault::None.after(Duration::from_millis(50)));
    let running = emulator.clone().start().await.unwrap();
    let gateway = Gateway::to(&running).await;
    let mut deployed = Deployed::at(BINARY, gateway.url()).await;
    deployed.emulator = emulator;
    let invocation = deployed
        .function
        .invoke(copies("before", 40).to_string(), FUNCTION_TIMEOUT)
        .await;
    assert_eq!(invocation.answer()["summary"]["started"], 40);
    assert_eq!(gateway.connections(), 8);
    (deployed, gateway, running)
}

/// Connections that are lost during a long freeze.
async fn lose_in_a_freeze() {
    let (mut deployed, gateway, _running) = with_idle_connections().await;
    deployed.function.freeze().await;
    gateway.forget();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let invocation = deployed
        .function
        .invoke(copies("after", 20).to_string(), FUNCTION_TIMEOUT)
        .await;
    assert_eq!(invocation.answer()["summary"]["started"], 20);
    assert_eq!(attempts(&invocation), 20);
    deployed.still_serves().await;
}

/// Connections that are lost between two invocations without a freeze.
async fn lose_without_a_freeze(number: usize) {
    let (mut deployed, gateway, _running) = with_idle_connections().await;
    gateway.forget();
    let event = copies("after", number).to_string();
    let invocation = deployed.function.invoke(event, FUNCTION_TIMEOUT).await;
    assert_eq!(invocation.answer()["summary"]["started"], number);
    // With a single copy, the second attempt opens a new connection: the other idle ones have been
    // discarded by then.
    assert_eq!(attempts(&invocation), 2 * number as u64);
}

/// All of them wait, so they run at once.
#[tokio::test]
async fn lost_connections_cause_no_retries_after_a_freeze_and_else_one_per_call() {
    let without_a_freeze = [8, 1].map(lose_without_a_freeze);
    tokio::join!(lose_in_a_freeze(), join_all(without_a_freeze));
}
