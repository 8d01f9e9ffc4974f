//! Nobody reads what the function writes.
//!
//! A shell starts the function with the standard output that a test wants, and becomes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lightsail_emulator::{ACCESS_KEY_ID, Running, SECRET_ACCESS_KEY};
use local_lambda::{Ending, LocalFunction, Settings};
use serde_json::json;
use test_support::deployed::{Deployed, Outcome, TIMEOUT, dated, world};

use crate::BINARY;

/// A program that does `script`, in which `$function` is the function's binary.
fn program(name: &str, script: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("output-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let text = format!("#!/bin/sh\nfunction='{BINARY}'\n{script}\n");
    // Another process writes it: a file that this one has open, or one that it is just starting
    // for another test, cannot be executed.
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
async fn a_log_that_nobody_takes_is_no_reason_not_to_copy() {
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
        // A policy's metrics go the same way.
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

/// Lambda sees to it that what a function writes is read. Should it stop, the function waits with
/// its next line: a copy that is in no log would be worse than an invocation that ends as timed
/// out, which Lambda logs, counts and tries again, and which has lost nothing.
#[tokio::test]
async fn a_log_that_is_stuck_ends_in_lambdas_timeout_and_loses_nothing() {
    let stuck = r#"cd "${0%/*}"; mkfifo pipe; exec 3<>pipe; head -c 65536 /dev/zero >&3; exec "$function" >&3"#;
    let (mut stuck, lightsail) = deployed("stuck", stuck).await;
    let event = dated("x1", "us-east-1");
    let invocation = stuck
        .function
        .invoke(event.to_string(), Duration::from_secs(2))
        .await;
    assert_eq!(invocation.ending, Ending::TimedOut);
    assert_eq!(stuck.function.process_id(), None);
    // The next process, which Lambda starts for the retry, finds what was done.
    let settings = Settings::default()
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &lightsail.url())
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
    let mut next = LocalFunction::spawn(BINARY, settings).await.unwrap();
    let answer = next.invoke(event.to_string(), TIMEOUT).await.answer();
    assert_eq!(answer["copies"][0]["outcome"], "pending");
}
