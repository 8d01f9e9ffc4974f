//! The mailed report and the heartbeat, with a server in place of SNS and of the heartbeat's service.

use std::sync::{Arc, Mutex};

use lightsail_emulator::{Fault, Operation, Region, StatusCode, World};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, world};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::BINARY;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";

/// The requests that a server got. It answers each with the same status and body.
struct Received {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Received {
    async fn start(status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let text = loop {
                    stream.read_buf(&mut bytes).await.unwrap();
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if is_whole(&text) {
                        break text;
                    }
                };
                received.lock().unwrap().push(text);
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\nx-amzn-requestid: 7d9f\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, requests }
    }

    async fn sns() -> Self {
        let body = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>";
        Self::start("200 OK", body).await
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    body.len() >= length.unwrap_or(0)
}

async fn deployed(variables: &[(&str, &str)]) -> Deployed {
    let policy = json!({ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"] });
    let policy = policy.to_string();
    let variables: Vec<_> = variables
        .iter()
        .copied()
        .chain([("COPY_POLICY", &*policy)])
        .collect();
    Deployed::with(BINARY, world(), &variables).await
}

fn report(frequency: &str) -> Value {
    json!({ "report": frequency, "time": "2026-11-23T07:00:00Z" })
}

#[tokio::test]
async fn a_daily_report_reaches_the_topic_and_changes_nothing() {
    let sns = Received::sns().await;
    let variables = [
        ("REPORT_TOPIC_ARN", TOPIC),
        ("AWS_ENDPOINT_URL_SNS", &sns.url),
    ];
    let mut deployed = deployed(&variables).await;
    let invocation = deployed.send(&report("daily")).await;
    let answer = &invocation.answer()["report"];
    assert_eq!(answer["sent"], true);
    let subject = answer["subject"].as_str().unwrap();
    assert!(subject.starts_with("Lightsail backups: "), "{subject}");
    let [request] = &sns.take()[..] else {
        panic!("one request")
    };
    assert!(request.contains("Action=Publish"), "{request}");
    assert!(request.contains("arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Aalarms"));
    assert!(
        request.contains("Subject=Lightsail%20backups%3A%20"),
        "{request}"
    );
    // The topic's Region signs the request, not the function's.
    assert!(request.contains("/eu-west-1/sns/aws4_request"), "{request}");
    let operations = deployed.emulator.take_calls();
    assert!(!operations.is_empty());
    for call in operations {
        assert!(call.operation.as_str().starts_with("Get"), "{call:?}");
    }
    // Runs write metrics, reports do not.
    let has_metrics = |line: &Value| line.get("_aws").is_some();
    assert!(!invocation.lines().iter().any(has_metrics));
}

#[tokio::test]
async fn a_weekly_report_comes_on_the_monday_of_the_event() {
    let sns = Received::sns().await;
    let world = r#"{ "regions": { "us-west-2": { "instances": [
        { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] } } }"#;
    let policy = json!({ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"] });
    let variables = [
        ("COPY_POLICY", &*policy.to_string()),
        ("REPORT_TOPIC_ARN", TOPIC),
        ("AWS_ENDPOINT_URL_SNS", &sns.url),
    ];
    let mut deployed = Deployed::with(BINARY, World::from_json(world).unwrap(), &variables).await;
    for (time, sent) in [
        ("2026-11-22T07:00:00Z", false),
        // 07:00 on Monday in Auckland.
        ("2026-11-22T18:00:00Z", true),
        ("2026-11-24T07:00:00Z", false),
    ] {
        let answer = deployed
            .answer(&json!({ "report": "weekly", "time": time }))
            .await;
        assert_eq!(answer["report"]["attention"], 0, "{answer}");
        assert_eq!(answer["report"]["sent"], sent, "{time}");
        assert_eq!(sns.take().len(), usize::from(sent), "{time}");
    }
}

#[tokio::test]
async fn nothing_is_sent_in_a_dry_run_or_without_a_topic() {
    let sns = Received::sns().await;
    let with_topic = [
        ("REPORT_TOPIC_ARN", TOPIC),
        ("AWS_ENDPOINT_URL_SNS", &*sns.url),
    ];
    let without = [("AWS_ENDPOINT_URL_SNS", &*sns.url)];
    for (variables, event) in [
        (
            &with_topic[..],
            json!({ "report": "daily", "dryRun": true }),
        ),
        (&without[..], report("daily")),
    ] {
        let mut deployed = deployed(variables).await;
        let answer = deployed.answer(&event).await;
        assert_eq!(answer["report"]["sent"], false);
        assert!(answer["report"]["attention"].is_u64());
    }
    assert_eq!(sns.take(), [""; 0]);
}

#[tokio::test]
async fn a_refused_report_is_a_function_error() {
    let body = "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>No.</Message></Error></ErrorResponse>";
    let sns = Received::start("403 Forbidden", body).await;
    let other = Received::start("403 Forbidden", "<html>No.</html>").await;
    for (url, expected) in [
        (&*sns.url, "AuthorizationError: No. (request 7d9f)"),
        (&*other.url, "HTTP status 403, and not an answer of SNS"),
        ("http://127.0.0.1:1", "dispatch failure: "),
    ] {
        let variables = [("REPORT_TOPIC_ARN", TOPIC), ("AWS_ENDPOINT_URL_SNS", url)];
        let mut deployed = deployed(&variables).await;
        let invocation = deployed.send(&report("daily")).await;
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "ReportFailed");
        let expected = format!("the report could not be sent to {TOPIC}: {expected}");
        assert!(message.starts_with(&expected), "{message}");
        assert!(!message.contains(['{', '<']), "{message}");
    }
}

#[tokio::test]
async fn a_run_of_the_deployed_policy_sends_the_heartbeat() {
    let service = Received::start("200 OK", "OK").await;
    let secret = format!("{}/ping/secret", service.url);
    let mut deployed = deployed(&[("HEARTBEAT_URL", &secret)]).await;
    deployed.send(&json!({})).await.answer();
    let requests = service.take();
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].starts_with("GET /ping/secret HTTP/1.1"),
        "{requests:?}"
    );
    for event in [
        json!({ "dryRun": true }),
        json!({ "policy": { "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"] } }),
        report("daily"),
    ] {
        deployed.send(&event).await.answer();
    }
    assert_eq!(service.take(), [""; 0]);
    let log = deployed.function.log().await.join("\n");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn a_run_that_fails_sends_no_heartbeat() {
    let service = Received::start("200 OK", "OK").await;
    let mut deployed = deployed(&[("HEARTBEAT_URL", &service.url)]).await;
    deployed.emulator.fault_next_in(
        Region::UsEast1,
        Operation::GetInstanceSnapshots,
        1,
        Fault::error(StatusCode::BAD_REQUEST, "AccessDeniedException", "No."),
    );
    let invocation = deployed.send(&json!({})).await;
    assert_eq!(invocation.error().0, "CopyFailed");
    assert_eq!(service.take(), [""; 0]);
}

#[tokio::test]
async fn a_failed_heartbeat_is_a_warning_without_its_url() {
    for (status, expected) in [("404 Not Found", "404"), ("", "no connection")] {
        let service = Received::start(status, "").await;
        let url = match status {
            "" => "http://127.0.0.1:1/secret".to_owned(),
            _ => format!("{}/secret", service.url),
        };
        let mut deployed = deployed(&[("HEARTBEAT_URL", &url)]).await;
        let invocation = deployed.send(&json!({})).await;
        invocation.answer();
        let events = invocation.events("heartbeat_failed");
        assert_eq!(events.len(), 1);
        let message = events[0]["errorMessage"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
        let log = deployed.function.log().await.join("\n");
        assert!(!log.contains("secret"), "{log}");
    }
}
