//! Log lines: one JSON object each, one for every result, and never a secret.

use jiff::Timestamp;
use lightsail_emulator::{Fault, Operation, SECRET_ACCESS_KEY, StatusCode};
use local_lambda::{Invocation, LocalFunction, Settings};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, SESSION_TOKEN, dated, world};

use crate::BINARY;

/// The complete log line of a copy.
fn whole_line_of(invocation: &Invocation, target: &str) -> Value {
    let of_copy = |line: &Value| line["fields"]["targetSnapshotName"] == target;
    let mut lines: Vec<_> = invocation.lines().into_iter().filter(of_copy).collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

#[tokio::test]
async fn an_operation_is_a_line_with_all_twelve_members() {
    let mut deployed = Deployed::new(BINARY).await;
    let returned = json!({ "operations": [ {
        "id": "0710de23-b848-4146-887d-ec12093c049d", "operationType": "CopySnapshot", "status": "Started",
        "isTerminal": false, "resourceName": "x1", "resourceType": "InstanceSnapshot",
        "operationDetails": "us-west-2:WordPress-1", "createdAt": 1.56961336589E9, "statusChangedAt": 1.569613921044E9,
        "location": { "availabilityZone": "all", "regionName": "us-east-1" },
        "errorCode": "E-1", "errorDetails": "what went wrong",
    } ] });
    let fault = Fault::answer(
        StatusCode::OK,
        "application/x-amz-json-1.1",
        returned.to_string(),
    );
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 1, fault);
    let invocation = deployed.send(&dated("x1", "us-east-1")).await;
    let line = whole_line_of(&invocation, "x1");
    assert_eq!(line["level"], "INFO");
    line["timestamp"]
        .as_str()
        .unwrap()
        .parse::<Timestamp>()
        .unwrap();
    assert_eq!(
        line["fields"],
        json!({
            "event": "copy_result", "requestId": invocation.request_id, "outcome": "started",
            "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "restoreDate": "2019-09-25",
            "destinationRegion": "us-east-1", "targetSnapshotName": "x1",
            "operationId": "0710de23-b848-4146-887d-ec12093c049d", "operationType": "CopySnapshot",
            "operationStatus": "Started", "isTerminal": false,
            "resourceName": "x1", "resourceType": "InstanceSnapshot", "operationDetails": "us-west-2:WordPress-1",
            "createdAt": "2019-09-27T19:42:45.890Z", "statusChangedAt": "2019-09-27T19:52:01.044Z",
            "locationRegion": "us-east-1", "locationAvailabilityZone": "all",
            "errorCode": "E-1", "errorDetails": "what went wrong",
        })
    );
}

#[tokio::test]
async fn every_operation_of_a_copy_has_a_line() {
    let mut deployed = Deployed::new(BINARY).await;
    let returned = json!({ "operations": [ { "id": "first" }, { "id": "second" } ] });
    let fault = Fault::answer(
        StatusCode::OK,
        "application/x-amz-json-1.1",
        returned.to_string(),
    );
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 1, fault);
    let invocation = deployed.send(&dated("x1", "us-east-1")).await;
    let ids: Vec<_> = invocation
        .events("copy_result")
        .iter()
        .map(|line| line["operationId"].clone())
        .collect();
    assert_eq!(ids, ["first", "second"]);
}

#[tokio::test]
async fn a_copy_without_an_operation_has_a_line_too() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.copy(&dated("x1", "us-east-1")).await;
    let manual = json!({
        "sourceRegion": "us-west-2", "sourceSnapshotName": "Data-1-1569608600", "targetSnapshotName": "x2", "dryRun": true,
    });
    for (event, target, outcome, source) in [
        (
            dated("x1", "us-east-1"),
            "x1",
            "pending",
            ("sourceResourceName", "WordPress-1"),
        ),
        (
            manual,
            "x2",
            "planned",
            ("sourceSnapshotName", "Data-1-1569608600"),
        ),
    ] {
        let invocation = deployed.send(&event).await;
        let line = whole_line_of(&invocation, target);
        assert_eq!(line["level"], "INFO");
        let fields = &line["fields"];
        assert_eq!(fields["event"], "copy_result");
        assert_eq!(fields["requestId"], invocation.request_id.as_str());
        assert_eq!(fields["outcome"], outcome);
        assert_eq!(fields[source.0], source.1);
        assert_eq!(fields["sourceRegion"], "us-west-2");
        assert_eq!(fields["destinationRegion"], "us-east-1");
        for absent in [
            "operationId",
            "operationStatus",
            "errorCode",
            "errorMessage",
        ] {
            assert_eq!(fields.get(absent), None, "{absent}");
        }
    }
}

#[tokio::test]
async fn a_failure_is_an_error_with_code_and_message() {
    let mut deployed = Deployed::new(BINARY).await;
    let mut event = dated("x1", "us-east-1");
    event["sourceResourceName"] = "Missing-1".into();
    let invocation = deployed.send(&event).await;
    let line = whole_line_of(&invocation, "x1");
    assert_eq!(line["level"], "ERROR");
    let fields = &line["fields"];
    assert_eq!(fields["outcome"], "failed");
    assert_eq!(fields["errorCode"], "NotFoundException");
    assert_eq!(
        fields["errorMessage"],
        "The Instance or Disk does not exist: Missing-1"
    );
    assert_eq!(fields["requestId"], invocation.request_id.as_str());
}

#[tokio::test]
async fn an_invalid_event_is_an_error_line_with_its_mistakes() {
    let mut deployed = Deployed::new(BINARY).await;
    let invocation = deployed.send(&json!({ "sourceRegion": "us-west-2" })).await;
    let lines = invocation.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["level"], "ERROR");
    assert_eq!(lines[0]["fields"]["errorType"], "InvalidEvent");
    assert_eq!(
        lines[0]["fields"]["requestId"],
        invocation.request_id.as_str()
    );
    assert_eq!(lines[0]["fields"]["errorMessage"], invocation.error().1);
}

#[tokio::test]
async fn each_invocations_lines_carry_its_own_request_id() {
    let mut deployed = Deployed::new(BINARY).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let invocation = deployed.send(&dated("x1", "us-east-1")).await;
        for line in invocation.lines() {
            assert_eq!(
                line["fields"]["requestId"],
                invocation.request_id.as_str(),
                "{line:#}"
            );
        }
        ids.push(invocation.request_id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

/// Lambda's log levels, and which lines each one keeps.
#[tokio::test]
async fn lambdas_log_level_is_respected() {
    for (variables, info, error) in [
        (&[("AWS_LAMBDA_LOG_LEVEL", "INFO")][..], true, true),
        (&[("AWS_LAMBDA_LOG_LEVEL", "info")], true, true),
        (&[("AWS_LAMBDA_LOG_LEVEL", "WARN")], false, true),
        (&[("AWS_LAMBDA_LOG_LEVEL", "ERROR")], false, true),
        (&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")], false, true),
        (&[("RUST_LOG", "warn")], false, true),
        (&[("RUST_LOG", "off")], false, false),
        // Lambda's setting takes precedence.
        (
            &[("AWS_LAMBDA_LOG_LEVEL", "INFO"), ("RUST_LOG", "error")],
            true,
            true,
        ),
        (&[("AWS_LAMBDA_LOG_LEVEL", "nonsense")], true, true),
        (&[], true, true),
    ] {
        let mut deployed = Deployed::with(BINARY, world(), variables).await;
        let started = deployed.send(&dated("x1", "us-east-1")).await;
        assert_eq!(
            !started.events("copy_result").is_empty(),
            info,
            "{variables:?}"
        );
        let mut failing = dated("x2", "us-east-1");
        failing["sourceResourceName"] = "Missing-1".into();
        let failed = deployed.send(&failing).await;
        assert_eq!(
            !failed.events("copy_result").is_empty(),
            error,
            "{variables:?}"
        );
    }
}

#[tokio::test]
async fn no_credential_token_or_signature_is_written_at_any_level() {
    // The emulator's secret is a word that other log lines may contain. So the test searches for the
    // session token, the parts of a signature, and the names of secrets.
    assert_eq!(SECRET_ACCESS_KEY, "emulator");
    for variables in [
        [("AWS_LAMBDA_LOG_LEVEL", "TRACE"), ("RUST_LOG", "trace")],
        [("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("RUST_LOG", "debug")],
        [
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("RUST_LOG", "trace,aws=trace,hyper=trace"),
        ],
    ] {
        let mut deployed = Deployed::with(BINARY, world(), &variables).await;
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, Fault::LoseAnswer);
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, Fault::throttled());
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, Fault::GarbledAnswer);
        let mut missing = dated("x2", "us-east-1");
        missing["sourceResourceName"] = "Missing-1".into();
        let invocation = deployed
            .send(&json!({ "copies": [dated("x1", "us-east-1"), missing] }))
            .await;
        assert!(!invocation.log.is_empty());
        // Each line is one JSON object at these levels too.
        assert_eq!(invocation.lines().len(), invocation.log.len());
        let mut written = invocation.log.join("\n");
        written.push_str(&deployed.function.stderr().await.join("\n"));
        let written = written.to_ascii_lowercase();
        for secret in [
            SESSION_TOKEN,
            "Signature=",
            "AWS4-HMAC",
            "Credential=",
            "X-Amz-Security-Token",
            "secret_access_key",
            "SecretAccessKey",
            "Authorization",
        ] {
            assert!(
                !written.contains(&secret.to_ascii_lowercase()),
                "{secret}: {written}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_is_written_to_standard_error() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.copy(&dated("x1", "us-east-1")).await;
    deployed
        .function
        .invoke("not json", test_support::deployed::TIMEOUT)
        .await;
    assert_eq!(deployed.function.stderr().await, [""; 0]);
}

#[tokio::test]
async fn a_policy_with_mistakes_is_logged_at_start_up() {
    let policy = r#"{ "sources": [] }"#;
    let mut deployed = Deployed::with(BINARY, world(), &[("COPY_POLICY", policy)]).await;
    let mut lines = deployed.function.log().await;
    lines.retain(|line| line.contains("invalid_policy"));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("destinations: required"), "{}", lines[0]);
}

#[tokio::test]
async fn outside_lambda_the_program_fails_with_an_explanation() {
    let program = tokio::process::Command::new(BINARY)
        .env_clear()
        .output()
        .await
        .unwrap();
    assert!(!program.status.success());
    let said = String::from_utf8_lossy(&program.stderr).into_owned();
    assert!(said.contains("AWS_LAMBDA_RUNTIME_API"), "{said}");
    // In Lambda, a minimal environment is enough to start.
    LocalFunction::spawn(BINARY, Settings::default())
        .await
        .unwrap();
}
