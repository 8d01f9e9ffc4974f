//! Responses that are too slow, too long, truncated, or not from Lightsail.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, dated};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::BINARY;
use crate::server::{Server, answer_json, request, write};

/// Enough for several attempts if the server responds at once.
const SHORT: Duration = Duration::from_secs(3);

/// The limit of the function's peak memory, in kB. In Lambda the function has 256 MB. The limit is
/// checked only on systems with `/proc`.
const MOST_MEMORY_KB: u64 = 150_000;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n";

/// A response that accepts a copy.
const ACCEPTED: &str = r#"{"operations":[{"id":"0710de23-1f0b-4d5c-8f6a-000000000000","operationType":"CopySnapshot","status":"Started"}]}"#;

/// What is wrong with a response.
#[derive(Debug, Clone)]
enum BadResponse {
    /// Sends these bytes, then nothing.
    Silence(String),
    /// Sends these bytes, then closes the connection.
    End(String),
    /// Sends the first text, then the second again and again without a pause.
    Flood(String, String),
    /// Sends the first text, then the second again and again with pauses.
    Drip(String, String),
}

async fn respond(mut stream: TcpStream, bad: Arc<BadResponse>) {
    while request(&mut stream).await.is_some() {
        match &*bad {
            BadResponse::Silence(first) => {
                write(&mut stream, first).await;
            }
            BadResponse::End(first) => return write(&mut stream, first).await,
            BadResponse::Flood(first, more) => {
                write(&mut stream, first).await;
                let more = more.repeat(64 * 1024 / more.len());
                flood(&mut stream, &more, Duration::ZERO).await;
                return;
            }
            BadResponse::Drip(first, more) => {
                write(&mut stream, first).await;
                return flood(&mut stream, more, Duration::from_millis(50)).await;
            }
        }
    }
}

/// Writes the text again and again until the client disconnects.
async fn flood(stream: &mut TcpStream, text: &str, pause: Duration) {
    use tokio::io::AsyncWriteExt;
    while stream.write_all(text.as_bytes()).await.is_ok() {
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

fn with_length(length: usize, body: &str) -> String {
    format!("{HEAD}content-length: {length}\r\n\r\n{body}")
}

/// Each bad response with a description and the error code of the copy.
fn bad_responses() -> Vec<(&'static str, BadResponse, &'static str)> {
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let length = ACCEPTED.len();
    vec![
        (
            "a head that drips and never ends",
            BadResponse::Drip("HTTP/1.1 200 OK\r\nx-filler: ".to_owned(), "x".to_owned()),
            "Timeout",
        ),
        (
            "a body that drips and never ends",
            BadResponse::Drip(with_length(1_000_000, "{"), " ".to_owned()),
            "Timeout",
        ),
        (
            "chunks that drip and never end",
            BadResponse::Drip(chunked.clone(), "1\r\n \r\n".to_owned()),
            "Timeout",
        ),
        (
            "a body shorter than its content-length, then nothing",
            BadResponse::Silence(with_length(length + 10, ACCEPTED)),
            "Timeout",
        ),
        (
            "a body shorter than its content-length, then a closed connection",
            BadResponse::End(with_length(length + 10, ACCEPTED)),
            "ConnectionFailure",
        ),
        (
            "a body longer than its content-length",
            BadResponse::Silence(with_length(length - 10, ACCEPTED)),
            "ConnectionFailure",
        ),
        (
            "two content-length headers",
            BadResponse::Silence(format!("{HEAD}content-length: 5\r\ncontent-length: 7\r\n\r\n{{}}   ")),
            "ConnectionFailure",
        ),
        (
            "invalid chunks",
            BadResponse::Silence(format!("{chunked}these are no chunks\r\n")),
            "ConnectionFailure",
        ),
        (
            "gigabytes in chunks",
            BadResponse::Flood(chunked, chunk),
            "ConnectionFailure",
        ),
        (
            "gigabytes with a matching content-length",
            BadResponse::Flood(with_length(10_000_000_000, "{"), " ".to_owned()),
            "ConnectionFailure",
        ),
        (
            "gigabytes without a length",
            BadResponse::Flood("HTTP/1.0 200 OK\r\n\r\n{".to_owned(), " ".to_owned()),
            "ConnectionFailure",
        ),
        (
            "a header of gigabytes",
            BadResponse::Flood("HTTP/1.1 200 OK\r\nx-filler: ".to_owned(), "x".to_owned()),
            "ConnectionFailure",
        ),
        (
            "an endless number of headers",
            BadResponse::Flood("HTTP/1.1 200 OK\r\n".to_owned(), "x-filler: x\r\n".to_owned()),
            "ConnectionFailure",
        ),
        (
            "endless 100 Continue responses",
            BadResponse::Drip(String::new(), "HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
            "Timeout",
        ),
        (
            "endless 103 Early Hints responses",
            BadResponse::Drip(
                String::new(),
                "HTTP/1.1 103 Early Hints\r\nlink: </>; rel=preload\r\n\r\n".repeat(1000),
            ),
            "Timeout",
        ),
        (
            "101 Switching Protocols",
            BadResponse::Silence(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
                    .to_owned(),
            ),
            "ConnectionFailure",
        ),
        (
            "an SSH server",
            BadResponse::Silence("SSH-2.0-OpenSSH_9.9\r\n".to_owned()),
            "ConnectionFailure",
        ),
        (
            "204 No Content",
            BadResponse::Silence("HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
            "ConnectionFailure",
        ),
        (
            "a content encoding that was not requested",
            BadResponse::Silence(format!(
                "{HEAD}content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\u{1f}\u{8}\u{8}\0"
            )),
            "ConnectionFailure",
        ),
        (
            "JSON with a nesting depth of 100,000",
            BadResponse::Silence(with_length(
                100_010,
                &format!("{{\"other\": {}", "[".repeat(100_000)),
            )),
            "ConnectionFailure",
        ),
    ]
}

/// The function's peak memory in kB, or `None` on systems without `/proc`.
fn peak_memory_kb(deployed: &Deployed) -> Option<u64> {
    let process = deployed.function.process_id()?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn bad_responses_fail_the_copy_in_time_and_within_the_memory_limit() {
    // A flood takes processor time until its limit, so it gets the machine for itself.
    let is_flood = |bad: &BadResponse| matches!(bad, BadResponse::Flood(..));
    let (floods, others): (Vec<_>, Vec<_>) = bad_responses()
        .into_iter()
        .partition(|(_, bad, _)| is_flood(bad));
    let others = others.into_iter();
    join_all(others.map(|(what, bad, code)| check_bad_response(what, bad, code))).await;
    for (what, bad, code) in floods {
        check_bad_response(what, bad, code).await;
    }
}

async fn check_bad_response(what: &str, bad: BadResponse, code: &str) {
    // A slow machine may not read a flood up to the limit before the deadline.
    let may_time_out = matches!(bad, BadResponse::Flood(..));
    let bad = Arc::new(bad);
    let server = Server::start(move |stream| respond(stream, Arc::clone(&bad))).await;
    let mut deployed = Deployed::at(BINARY, server.url()).await;
    let event = dated("x1", "us-east-1").to_string();
    let invocation = deployed.function.invoke(event, SHORT).await;
    let line = invocation.line_of("x1");
    assert_eq!(line["outcome"], "failed", "{what}");
    let error = &line["errorCode"];
    let is_expected = error == code || (may_time_out && error == "Timeout");
    assert!(is_expected && line["retryable"] == true, "{what}: {line:#}");
    if let Some(memory) = peak_memory_kb(&deployed) {
        assert!(memory < MOST_MEMORY_KB, "{what}: {memory} kB");
    }
}

#[tokio::test]
async fn an_http_1_0_response_is_accepted() {
    let server = Server::start(|mut stream| async move {
        request(&mut stream).await;
        let head = HEAD.replace("1.1 200", "1.0 200");
        write(&mut stream, format!("{head}\r\n{ACCEPTED}")).await;
    })
    .await;
    let mut deployed = Deployed::at(BINARY, server.url()).await;
    assert_eq!(
        deployed.copy(&dated("x1", "us-east-1")).await["outcome"],
        "started"
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(|mut stream| async move {
        request(&mut stream).await;
        answer_json(&mut stream, ACCEPTED).await;
    })
    .await;
    let to = elsewhere.url().to_owned();
    let cases = [301, 302, 303, 307, 308].map(|status| {
        let to = to.clone();
        async move {
            let server = Server::start(move |mut stream| {
                let redirect = format!(
                    "HTTP/1.1 {status} Elsewhere\r\nlocation: {to}/\r\ncontent-length: 0\r\n\r\n"
                );
                async move {
                    while request(&mut stream).await.is_some() {
                        write(&mut stream, &redirect).await;
                    }
                }
            })
            .await;
            let mut deployed = Deployed::at(BINARY, server.url()).await;
            let event = dated("x1", "us-east-1").to_string();
            let invocation = deployed.function.invoke(event, SHORT).await;
            let line = invocation.line_of("x1");
            assert_eq!(
                (&line["errorCode"], &line["retryable"]),
                (&json!("ConnectionFailure"), &json!(true)),
                "{status}: {line:#}"
            );
        }
    });
    join_all(cases).await;
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_page_of_ten_megabytes_is_read() {
    // Far more than a page of Lightsail has.
    let instance = |index: usize| -> Value {
        json!({ "name": format!("server-{index}"), "resourceType": "Instance", "supportCode": "x".repeat(1000) })
    };
    let page = json!({ "instances": (0..10_000).map(instance).collect::<Vec<_>>() }).to_string();
    assert!(page.len() > 10_000_000);
    let page = Arc::new(page);
    let server = Server::start(move |mut stream| {
        let page = Arc::clone(&page);
        async move {
            while let Some(request) = request(&mut stream).await {
                if request.contains("GetInstances\r") {
                    answer_json(&mut stream, &page).await;
                } else {
                    let empty = r#"{"disks":[],"instanceSnapshots":[],"diskSnapshots":[],"autoSnapshots":[]}"#;
                    answer_json(&mut stream, empty).await;
                }
            }
        }
    })
    .await;
    let mut deployed = Deployed::at(BINARY, server.url()).await;
    let policy = json!({
        "sources": [{ "region": "us-west-2", "names": ["server-77"] }],
        "destinations": ["us-east-1"],
    });
    let answer = deployed.answer(&json!({ "policy": policy })).await;
    assert_eq!(
        answer["coverage"][0]["sourceResourceName"], "server-77",
        "{answer:#}"
    );
    if let Some(memory) = peak_memory_kb(&deployed) {
        assert!(memory < MOST_MEMORY_KB, "{memory} kB");
    }
}
