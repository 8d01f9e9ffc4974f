//! Lists that never end, and responses without the list.

use std::time::Duration;

use lightsail_emulator::{Fault, Operation, StatusCode};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome};

use crate::BINARY;
use crate::server::{Server, answer_json, request};

fn policy() -> Value {
    json!({ "policy": {
        "sources": [{ "region": "us-west-2" }],
        "destinations": ["us-east-1"],
        "retention": { "keepLast": 1 },
    } })
}

fn page(body: &Value) -> Fault {
    Fault::answer(
        StatusCode::OK,
        "application/x-amz-json-1.1",
        body.to_string(),
    )
}

const LISTS: [(Operation, &str); 4] = [
    (Operation::GetInstances, "instances"),
    (Operation::GetDisks, "disks"),
    (Operation::GetInstanceSnapshots, "instanceSnapshots"),
    (Operation::GetDiskSnapshots, "diskSnapshots"),
];

#[tokio::test]
async fn a_list_with_a_repeated_page_token_fails_at_once() {
    for (operation, member) in LISTS {
        for tokens in [&["a"][..], &["a", "b", "c"]] {
            let mut deployed = Deployed::new(BINARY).await;
            deployed.emulator.on_call(move |call| {
                if call.operation != operation {
                    return Fault::None;
                }
                let requested = call.body["pageToken"].as_str();
                let last = tokens.iter().position(|token| Some(*token) == requested);
                let next = tokens[last.map_or(0, |last| (last + 1) % tokens.len())];
                page(&json!({ member: [], "nextPageToken": next }))
            });
            let invocation = deployed.send(&policy()).await;
            let (error_type, message) = invocation.error();
            assert_eq!(error_type, "CopyFailed");
            let expected = format!("{operation}");
            assert!(
                message
                    .lines()
                    .any(|line| line.contains(&expected) && line.contains("starts again")),
                "{message}"
            );
            assert_eq!(deployed.calls_of(operation).len(), tokens.len() + 1);
        }
    }
}

#[tokio::test]
async fn a_list_that_never_ends_fails_in_time() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.emulator.record_calls(false);
    deployed.emulator.on_call(|call| match call.operation {
        Operation::GetInstances => {
            page(&json!({ "instances": [], "nextPageToken": call.number.to_string() }))
        }
        _ => Fault::None,
    });
    let event = policy().to_string();
    let invocation = deployed
        .function
        .invoke(event, Duration::from_secs(5))
        .await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(
        message.contains("GetInstances") && message.contains("Timeout"),
        "{message}"
    );
    deployed.emulator.on_call(|_| Fault::None);
    deployed.still_serves().await;
}

#[tokio::test]
async fn a_response_without_the_list_and_a_request_id_is_a_failure() {
    for (operation, _) in LISTS {
        let server = Server::start(move |mut stream| async move {
            while let Some(request) = request(&mut stream).await {
                let lists = r#"{"instances":[{"name":"web"}],"disks":[],"instanceSnapshots":[],"diskSnapshots":[],"autoSnapshots":[]}"#;
                let is_operation = request.contains(&format!(".{operation}\r"));
                answer_json(&mut stream, if is_operation { "{}" } else { lists }).await;
            }
        })
        .await;
        let mut deployed = Deployed::at(BINARY, server.url()).await;
        let invocation = deployed.send(&policy()).await;
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "CopyFailed");
        assert!(
            message
                .lines()
                .any(|line| line.contains(&operation.to_string())
                    && line.contains("ConnectionFailure")),
            "{operation}: {message}"
        );
    }
}
