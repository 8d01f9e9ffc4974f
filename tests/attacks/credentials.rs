//! Credentials that expire, are renewed, or are unavailable. The function gets them from the
//! container credentials endpoint, as in Lambda with SnapStart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan};
use lightsail_emulator::{
    ACCESS_KEY_ID, EXPIRED_SESSION_TOKEN, Fault, Operation, Running, SECRET_ACCESS_KEY, StatusCode,
};
use local_lambda::{LocalFunction, Settings};
use serde_json::json;
use test_support::deployed::{Deployed, Outcome, SESSION_TOKEN, dated};

use crate::BINARY;
use crate::server::{Server, answer_json, request, write};

const AUTHORIZATION: &str = "authorization-of-this-process";

/// The next response of the endpoint.
#[derive(Debug, Clone)]
enum Next {
    /// Credentials with this session token and an expiration in this many seconds.
    Credentials(&'static str, i64),
    /// Status 500.
    Fault,
    /// No response.
    Silence,
}

/// A container credentials endpoint that counts its requests.
struct Endpoint {
    server: Server,
    next: Arc<Mutex<Next>>,
    requests: Arc<Mutex<usize>>,
}

impl Endpoint {
    async fn start(first: Next) -> Self {
        let next = Arc::new(Mutex::new(first));
        let requests = Arc::new(Mutex::new(0));
        let (shared_next, shared_requests) = (Arc::clone(&next), Arc::clone(&requests));
        let server = Server::start(move |mut stream| {
            let (next, requests) = (Arc::clone(&shared_next), Arc::clone(&shared_requests));
            async move {
                while let Some(request) = request(&mut stream).await {
                    assert!(request.contains(AUTHORIZATION), "{request}");
                    *requests.lock().unwrap() += 1;
                    let next = next.lock().unwrap().clone();
                    match next {
                        Next::Credentials(token, seconds) => {
                            let credentials = json!({
                                "AccessKeyId": ACCESS_KEY_ID,
                                "SecretAccessKey": SECRET_ACCESS_KEY,
                                "Token": token,
                                "Expiration": (Timestamp::now() + seconds.seconds()).to_string(),
                            });
                            answer_json(&mut stream, &credentials.to_string()).await;
                        }
                        Next::Fault => {
                            let fault =
                                "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
                            write(&mut stream, fault).await;
                        }
                        Next::Silence => std::future::pending().await,
                    }
                }
            }
        })
        .await;
        Self {
            server,
            next,
            requests,
        }
    }

    fn set_next(&self, next: Next) {
        *self.next.lock().unwrap() = next;
    }

    fn take_requests(&self) -> usize {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

/// A function that gets its credentials from an endpoint.
async fn deployed(first: Next) -> (Deployed, Endpoint, Running) {
    let endpoint = Endpoint::start(first).await;
    let mut deployed = Deployed::new(BINARY).await;
    let lightsail = deployed.emulator.clone().start().await.unwrap();
    let settings = Settings::default()
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &lightsail.url())
        .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.server.url())
        .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN", AUTHORIZATION);
    deployed.function = LocalFunction::spawn(BINARY, settings).await.unwrap();
    (deployed, endpoint, lightsail)
}

const HOUR: i64 = 3600;

#[tokio::test]
async fn credentials_are_requested_once_and_cached() {
    let (mut deployed, endpoint, _lightsail) =
        deployed(Next::Credentials(SESSION_TOKEN, HOUR)).await;
    for (name, region) in [
        ("x1", "us-east-1"),
        ("x2", "eu-west-1"),
        ("x3", "us-east-1"),
    ] {
        assert_eq!(
            deployed.copy(&dated(name, region)).await["outcome"],
            "started"
        );
    }
    assert_eq!(endpoint.take_requests(), 1);
}

#[tokio::test]
async fn credentials_that_lightsail_refuses_as_expired_are_renewed_in_the_same_invocation() {
    let (mut deployed, endpoint, _lightsail) =
        deployed(Next::Credentials(SESSION_TOKEN, HOUR)).await;
    assert_eq!(
        deployed.copy(&dated("x1", "us-east-1")).await["outcome"],
        "started"
    );
    assert_eq!(endpoint.take_requests(), 1);
    // Their expiration date is an hour away.
    let refusal = Fault::error(StatusCode::BAD_REQUEST, "ExpiredTokenException", "Expired.");
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 8, refusal);
    let copies: Vec<_> = (0..8)
        .map(|index| dated(&format!("copy-{index}"), "us-east-1"))
        .collect();
    let answer = deployed.answer(&json!({ "copies": copies })).await;
    assert_eq!(answer["summary"]["started"], 8, "{answer:#}");
    assert!(endpoint.take_requests() >= 1);
    // The new credentials are cached.
    deployed.still_serves().await;
    assert_eq!(endpoint.take_requests(), 0);
}

#[tokio::test]
async fn refused_credentials_are_not_cached() {
    let expired = Next::Credentials(EXPIRED_SESSION_TOKEN, HOUR);
    let (mut deployed, endpoint, _lightsail) = deployed(expired).await;
    let invocation = deployed.send(&dated("x1", "us-east-1")).await;
    let line = invocation.line_of("x1");
    assert_eq!(
        (&line["errorCode"], &line["retryable"]),
        (&json!("ExpiredTokenException"), &json!(true))
    );
    // Requested again once, not with every attempt.
    assert_eq!(endpoint.take_requests(), 2);
    endpoint.set_next(Next::Credentials(SESSION_TOKEN, HOUR));
    assert_eq!(
        deployed.copy(&dated("x1", "us-east-1")).await["outcome"],
        "started"
    );
    assert_eq!(endpoint.take_requests(), 1);
}

#[tokio::test]
async fn credentials_are_renewed_before_they_expire() {
    let (mut deployed, endpoint, _lightsail) = deployed(Next::Credentials(SESSION_TOKEN, 2)).await;
    for name in ["x1", "x2", "x3"] {
        assert_eq!(
            deployed.copy(&dated(name, "us-east-1")).await["outcome"],
            "started"
        );
        assert_eq!(endpoint.take_requests(), 1);
    }
}

#[tokio::test]
async fn unavailable_credentials_fail_the_copy_in_time() {
    let cases = [(Next::Fault, "credential"), (Next::Silence, "identity")];
    let cases = cases.map(|(next, expected)| async move {
        let (mut deployed, endpoint, _lightsail) = deployed(next.clone()).await;
        let event = dated("x1", "us-east-1").to_string();
        let invocation = deployed
            .function
            .invoke(event, Duration::from_secs(12))
            .await;
        let line = invocation.line_of("x1");
        assert_eq!(
            (&line["outcome"], &line["errorCode"], &line["retryable"]),
            (&json!("failed"), &json!("ConnectionFailure"), &json!(true))
        );
        let message = line["errorMessage"].as_str().unwrap();
        assert!(message.contains(expected), "{next:?}: {message}");
        assert_eq!(deployed.emulator.call_count(), 0);
        // The next invocation gets them, now that the endpoint works.
        endpoint.set_next(Next::Credentials(SESSION_TOKEN, HOUR));
        let copy = deployed.copy(&dated("x1", "us-east-1")).await;
        assert_eq!(copy["outcome"], "started", "{next:?}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn without_credentials_lightsail_is_not_called() {
    let mut deployed = Deployed::new(BINARY).await;
    let lightsail = deployed.emulator.clone().start().await.unwrap();
    // Lambda has no instance metadata. The SDK would wait seconds for it.
    let metadata = Server::start(|_stream| std::future::pending()).await;
    let settings = Settings::default()
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &lightsail.url())
        .variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url());
    deployed.function = LocalFunction::spawn(BINARY, settings).await.unwrap();
    let invocation = deployed.send(&dated("x1", "us-east-1")).await;
    let line = invocation.line_of("x1");
    assert_eq!(line["outcome"], "failed", "{line:#}");
    let message = line["errorMessage"].as_str().unwrap();
    assert!(message.contains("credential"), "{message}");
    // Another attempt cannot help.
    assert_eq!(line["retryable"], false);
    assert_eq!(deployed.emulator.call_count(), 0);
    assert_eq!(metadata.connections(), 0);
}
