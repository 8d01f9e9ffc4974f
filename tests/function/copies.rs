//! Copies over HTTP: requests member for member, lost responses, and the outcomes of refusals and of
//! connections that fail.

use std::time::Duration;

use lightsail_emulator::{ACCESS_KEY_ID, Emulator, Fault, Operation, Region, SECRET_ACCESS_KEY};
use local_lambda::{Invocation, LocalFunction, Settings};
use serde_json::json;
use test_support::deployed::{
    Deployed, Outcome, dated, sample_requests, world, world_of_instant_copies,
};

use crate::BINARY;

/// Long enough for a few retries.
const SHORT: Duration = Duration::from_secs(4);

/// Checks that the copy x1 failed with this code, in the log and in the function error.
#[track_caller]
fn assert_failed(invocation: &Invocation, code: &str, retryable: bool) {
    let line = invocation.line_of("x1");
    let found = (&line["outcome"], &line["errorCode"], &line["retryable"]);
    assert_eq!(found, (&json!("failed"), &json!(code), &json!(retryable)));
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    let expected = format!(" as x1: {code}: ");
    assert!(message.contains(&expected), "{message}");
}

#[tokio::test]
async fn the_api_pages_sample_requests_are_sent_member_for_member() {
    let mut deployed = Deployed::new(BINARY).await;
    for request in sample_requests() {
        assert_eq!(deployed.copy(&request).await["outcome"], "started");
        let [call] = &deployed.emulator.take_calls()[..] else {
            panic!("one call")
        };
        assert_eq!(call.operation, Operation::CopySnapshot);
        // The Region in the signature is the one that the function runs in.
        assert_eq!(call.region, Region::UsEast1);
        assert_eq!(call.body, request);
    }
}

#[tokio::test]
async fn the_default_destination_is_the_region_of_the_environment() {
    let [request, _] = sample_requests();
    let mut deployed = Deployed::with(BINARY, world(), &[("AWS_REGION", "ca-central-1")]).await;
    let copy = deployed.copy(&request).await;
    assert_eq!(copy["destinationRegion"], "ca-central-1");
    assert_eq!(deployed.emulator.calls()[0].region, Region::CaCentral1);
    // Lambda exists in this Region. Lightsail does not.
    let mut deployed = Deployed::with(BINARY, world(), &[("AWS_REGION", "me-south-1")]).await;
    assert_eq!(deployed.send(&request).await.error().0, "InvalidEvent");
    let copy = deployed.copy(&dated("x1", "eu-west-1")).await;
    assert_eq!(copy["outcome"], "started");
}

#[tokio::test]
async fn the_endpoint_of_lightsail_comes_before_that_of_all_services() {
    let nowhere = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    let mut deployed = Deployed::with(BINARY, world(), &nowhere).await;
    let copy = deployed.copy(&dated("x1", "us-east-1")).await;
    assert_eq!(copy["outcome"], "started");
    // That of all services counts where Lightsail has none of its own.
    let running = Emulator::new(world()).start().await.unwrap();
    let settings = Settings::default()
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .variable("AWS_ENDPOINT_URL", &running.url());
    let mut function = LocalFunction::spawn(BINARY, settings).await.unwrap();
    let event = dated("x1", "us-east-1").to_string();
    let invocation = function.invoke(event, SHORT).await;
    assert_eq!(invocation.answer()["summary"]["started"], 1);
}

#[tokio::test]
async fn a_connection_that_loses_a_response_makes_no_second_copy() {
    let mut deployed = Deployed::with(BINARY, world_of_instant_copies(), &[]).await;
    for (target, fault) in [("x1", Fault::LoseAnswer), ("x2", Fault::GarbledAnswer)] {
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, fault);
        let copy = deployed.copy(&dated(target, "us-east-1")).await;
        assert_eq!(copy["outcome"], "exists");
    }
    assert_eq!(deployed.names_in(Region::UsEast1), ["x1", "x2"]);
}

#[tokio::test]
async fn a_closed_port_is_a_connection_failure() {
    // No process listens on port 1.
    let mut deployed = Deployed::at(BINARY, "http://127.0.0.1:1").await;
    let event = dated("x1", "us-east-1").to_string();
    let invocation = deployed.function.invoke(event, SHORT).await;
    assert_failed(&invocation, "ConnectionFailure", true);
}

#[tokio::test]
async fn an_endpoint_that_resets_connections_is_a_connection_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Closing a socket with unread data sends a reset.
            stream.readable().await.unwrap();
            drop(stream);
        }
    });
    let mut deployed = Deployed::at(BINARY, &url).await;
    let event = dated("x1", "us-east-1").to_string();
    let invocation = deployed.function.invoke(event, SHORT).await;
    assert_failed(&invocation, "ConnectionFailure", true);
}

#[tokio::test]
async fn expired_and_wrong_credentials_have_different_codes() {
    let expired = lightsail_emulator::EXPIRED_SESSION_TOKEN;
    for (variable, value, code, retryable) in [
        ("AWS_SESSION_TOKEN", expired, "ExpiredTokenException", true),
        (
            "AWS_ACCESS_KEY_ID",
            "AKIAIOSFODNN7EXAMPLE",
            "UnrecognizedClientException",
            false,
        ),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI",
            "InvalidSignatureException",
            false,
        ),
    ] {
        let mut deployed = Deployed::with(BINARY, world(), &[(variable, value)]).await;
        let invocation = deployed.send(&dated("x1", "us-east-1")).await;
        assert_failed(&invocation, code, retryable);
        assert_eq!(deployed.names_in(Region::UsEast1), [""; 0]);
    }
}
