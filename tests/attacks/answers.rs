//! Bytes that are no answer of Lightsail's: too slow, too long, cut short, or somebody else's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, dated};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::BINARY;
use crate::server::{Server, answer_json, request, write};

/// Long enough for every attempt at what is answered at once.
const SHORT: Duration = Duration::from_secs(5);

/// The memory that no answer may bring the function above, where the system tells it as Linux
/// does. It has 256 MB in Lambda.
const MOST_MEMORY_KB: u64 = 150_000;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n";

/// An answer that accepts a copy.
const ACCEPTED: &str = r#"{"operations":[{"id":"0710de23-1f0b-4d5c-8f6a-000000000000","operationType":"CopySnapshot","status":"Started"}]}"#;

/// What is wrong with an answer.
#[derive(Debug, Clone)]
enum Wrong {
    /// These bytes, and then silence.
    Silence(String),
    /// These bytes, and then the end.
    End(String),
    /// These bytes, and then those again and again, at once.
    Flood(String, String),
    /// These bytes, and then those again and again, a few each second.
    Drip(String, String),
}

async fn do_wrong(mut stream: TcpStream, wrong: Arc<Wrong>) {
    while request(&mut stream).await.is_some() {
        match &*wrong {
            Wrong::Silence(first) => {
                write(&mut stream, first).await;
            }
            Wrong::End(first) => return write(&mut stream, first).await,
            Wrong::Flood(first, more) => {
                write(&mut stream, first).await;
                let more = more.repeat(64 * 1024 / more.len());
                flood(&mut stream, &more, Duration::ZERO).await;
                return;
            }
            Wrong::Drip(first, more) => {
                write(&mut stream, first).await;
                return flood(&mut stream, more, Duration::from_millis(50)).await;
            }
        }
    }
}

/// Writes the same again and again until the client goes away.
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

/// What Lightsail never does, what it is, and the code that the copy fails with.
fn wrongs() -> Vec<(&'static str, Wrong, &'static str)> {
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let length = ACCEPTED.len();
    vec![
        (
            "a head that drips and never ends",
            Wrong::Drip("HTTP/1.1 200 OK\r\nx-filler: ".to_owned(), "x".to_owned()),
            "Timeout",
        ),
        (
            "a body that drips and never ends",
            Wrong::Drip(with_length(1_000_000, "{"), " ".to_owned()),
            "Timeout",
        ),
        (
            "chunks that drip and never end",
            Wrong::Drip(chunked.clone(), "1\r\n \r\n".to_owned()),
            "Timeout",
        ),
        (
            "a body that is shorter than it says, and silence",
            Wrong::Silence(with_length(length + 10, ACCEPTED)),
            "Timeout",
        ),
        (
            "a body that is shorter than it says, and the end",
            Wrong::End(with_length(length + 10, ACCEPTED)),
            "ConnectionFailure",
        ),
        (
            "a body that is longer than it says",
            Wrong::Silence(with_length(length - 10, ACCEPTED)),
            "ConnectionFailure",
        ),
        (
            "two lengths",
            Wrong::Silence(format!("{HEAD}content-length: 5\r\ncontent-length: 7\r\n\r\n{{}}   ")),
            "ConnectionFailure",
        ),
        (
            "chunks that are none",
            Wrong::Silence(format!("{chunked}these are no chunks\r\n")),
            "ConnectionFailure",
        ),
        (
            "gigabytes in chunks",
            Wrong::Flood(chunked, chunk),
            "ConnectionFailure",
        ),
        (
            "gigabytes as announced",
            Wrong::Flood(with_length(10_000_000_000, "{"), " ".to_owned()),
            "ConnectionFailure",
        ),
        (
            "gigabytes until the end of the connection",
            Wrong::Flood("HTTP/1.0 200 OK\r\n\r\n{".to_owned(), " ".to_owned()),
            "ConnectionFailure",
        ),
        (
            "a header of gigabytes",
            Wrong::Flood("HTTP/1.1 200 OK\r\nx-filler: ".to_owned(), "x".to_owned()),
            "ConnectionFailure",
        ),
        (
            "headers without end",
            Wrong::Flood("HTTP/1.1 200 OK\r\n".to_owned(), "x-filler: x\r\n".to_owned()),
            "ConnectionFailure",
        ),
        (
            "continue, continue, continue",
            Wrong::Drip(String::new(), "HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
            "Timeout",
        ),
        (
            "early hints by the thousand",
            Wrong::Drip(
                String::new(),
                "HTTP/1.1 103 Early Hints\r\nlink: </>; rel=preload\r\n\r\n".repeat(1000),
            ),
            "Timeout",
        ),
        (
            "another protocol from here on",
            Wrong::Silence(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
                    .to_owned(),
            ),
            "ConnectionFailure",
        ),
        (
            "another protocol from the start",
            Wrong::Silence("SSH-2.0-OpenSSH_9.9\r\n".to_owned()),
            "ConnectionFailure",
        ),
        (
            "nothing, as announced",
            Wrong::Silence("HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
            "ConnectionFailure",
        ),
        (
            "an encoding that was not asked for",
            Wrong::Silence(format!(
                "{HEAD}content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\u{1f}\u{8}\u{8}\0"
            )),
            "ConnectionFailure",
        ),
        (
            "a hundred thousand brackets",
            Wrong::Silence(with_length(
                100_010,
                &format!("{{\"other\": {}", "[".repeat(100_000)),
            )),
            "ConnectionFailure",
        ),
    ]
}

/// The most memory that a function has had in use; `None` where the system does not tell it.
fn peak_memory_kb(deployed: &Deployed) -> Option<u64> {
    let process = deployed.function.process_id()?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure_in_time_and_takes_no_memory() {
    let cases = wrongs().into_iter().map(|(what, wrong, code)| async move {
        let wrong = Arc::new(wrong);
        let server = Server::start(move |stream| do_wrong(stream, Arc::clone(&wrong))).await;
        let mut deployed = Deployed::at(BINARY, server.url()).await;
        let event = dated("x1", "us-east-1").to_string();
        let invocation = deployed.function.invoke(event, SHORT).await;
        let line = invocation.line_of("x1");
        assert_eq!(line["outcome"], "failed", "{what}");
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(true)),
            "{what}: {line:#}"
        );
        if let Some(memory) = peak_memory_kb(&deployed) {
            assert!(memory < MOST_MEMORY_KB, "{what}: {memory} kB");
        }
    });
    join_all(cases).await;
}

#[tokio::test]
async fn an_answer_in_an_old_version_of_http_is_an_answer() {
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
async fn nobody_is_followed_elsewhere_with_a_signed_request() {
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
async fn the_largest_page_that_lightsail_could_send_is_read() {
    // Ten megabytes of instances, far more than a page of Lightsail's has.
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
