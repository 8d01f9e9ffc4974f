//! Standard output that is closed, full or blocked.
//!
//! A shell script redirects standard output and then replaces itself with the function (`exec`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lightsail_emulator::{ACCESS_KEY_ID, Running, SECRET_ACCESS_KEY};
use local_lambda::{Ending, LocalFunction, Settings};
use serde_json::json;
use test_support::deployed::{Deployed, Outcome, TIMEOUT, dated, world};

use crate::BINARY;

/// A program that runs `script`. In it, `$function` is the path of the function's binary.
fn program(name: &str, script: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("output-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let text = format!("#!/bin/sh\nfunction='{BINARY}'\n{script}\n");
    // Another process writes the file. If this process wrote it, a child that another test starts
    // at the same time could inherit the open file, and executing it would fail with ETXTBSY.
    let written = Command::new("sh")
        .args([
            "-c",
            "printf %s \"$1\" >function && chmod +x function",
            "sh",
            &text,
        ])
        .current_dir(&folder)
        .status();
    assert!(written.unwrap().success());
    folder.join("function")
}

async fn deployed(name: &str, script: &str) -> (Deployed, Running) {
    let mut deployed = Deployed::with(BINARY, world(), &[]).await;
    let lightsail = deployed.emulator.clone().start().await.unwrap();
    let settings = Settings::default()
        .variable("PATH", "/usr/local/bin:/usr/bin:/bin")
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &lightsail.url())
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
    deployed.function = LocalFunction::spawn(program(name, script), settings)
        .await
        .unwrap();
    (deployed, lightsail)
}

#[tokio::test]
async fn copies_are_made_if_the_log_cannot_be_written() {
    let mut outputs = vec![
        ("closed", "exec \"$function\" >&-"),
        ("both-closed", "exec \"$function\" >&- 2>&-"),
        (
            "reader-gone",
            r#"cd "${0%/*}"; mkfifo pipe; (exec <pipe) & exec "$function" >pipe"#,
        ),
        (
            "both-readers-gone",
            r#"cd "${0%/*}"; mkfifo pipe; (exec <pipe) & exec "$function" >pipe 2>&1"#,
        ),
    ];
    if Path::new("/dev/full").exists() {
        outputs.push(("full", "exec \"$function\" >/dev/full"));
        outputs.push(("both-full", "exec \"$function\" >/dev/full 2>&1"));
    }
    for (name, script) in outputs {
        let (mut deployed, _lightsail) = deployed(name, script).await;
        for target in ["x1", "x2"] {
            let copy = deployed.copy(&dated(target, "us-east-1")).await;
            assert_eq!(copy["outcome"], "started", "{name}");
        }
        // The metrics of a policy run also go to standard output.
        let policy = json!({ "policy": {
            "sources": [{ "region": "us-west-2", "names": ["Data-*"] }], "destinations": ["us-east-1"],
        } });
        assert_eq!(
            deployed.answer(&policy).await["summary"]["started"],
            1,
            "{name}"
        );
        let refused = deployed.send(&json!({ "copies": [] })).await;
        assert_eq!(refused.error().0, "InvalidEvent", "{name}");
        deployed.still_serves().await;
    }
}

/// Lambda reads a function's output. If it stops reading, the function blocks on its next line and
/// times out. Lambda logs, counts and retries a timeout, and the retry finds the copies. A copy
/// without a log line would be worse.
#[tokio::test]
async fn a_blocked_log_ends_in_a_timeout_and_the_retry_finds_the_copy() {
    let stuck = r#"cd "${0%/*}"; mkfifo pipe; exec 3<>pipe; head -c 65536 /dev/zero >&3; exec "$function" >&3"#;
    let (mut stuck, lightsail) = deployed("stuck", stuck).await;
    let event = dated("x1", "us-east-1");
    let invocation = stuck
        .function
        .invoke(event.to_string(), Duration::from_secs(2))
        .await;
    assert_eq!(invocation.ending, Ending::TimedOut);
    assert_eq!(stuck.function.process_id(), None);
    // Lambda starts a new process for the retry. It finds the copy.
    let settings = Settings::default()
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &lightsail.url())
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
    let mut next = LocalFunction::spawn(BINARY, settings).await.unwrap();
    let answer = next.invoke(event.to_string(), TIMEOUT).await.answer();
    assert_eq!(answer["copies"][0]["outcome"], "pending");
}
