//! The log of the process: one JSON object a line, at the level that Lambda sets, and never a secret.

use lightsail_emulator::{Fault, Operation, SECRET_ACCESS_KEY};
use local_lambda::{LocalFunction, Settings};
use serde_json::json;
use test_support::deployed::{Deployed, Outcome, SESSION_TOKEN, dated, world};

use crate::BINARY;

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
async fn a_policy_with_errors_is_logged_at_start_up() {
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
