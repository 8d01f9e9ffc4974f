//! Builds the function and starts it with the emulator.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lightsail_emulator::{
    ACCESS_KEY_ID, Emulator, Region, Running, SECRET_ACCESS_KEY, SnapshotState, World,
};
use local_lambda::{LocalFunction, Settings};
use serde_json::Value;

use crate::Error;

/// A running emulator. Dropping it stops the server.
pub struct Lightsail {
    pub emulator: Emulator,
    pub running: Running,
}

/// Builds the function and returns the path of its binary.
///
/// The command also names the example, so that Cargo selects the same features of all libraries and
/// reuses what it has already built.
pub fn build() -> Result<PathBuf, Error> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let name = env!("CARGO_PKG_NAME");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--bin", name, "--example", "local"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit());
    // `cargo run` sets variables about this package. Some build scripts would treat them as a change
    // and run again.
    for (name, _) in std::env::vars_os() {
        let about_package = |name: &str| {
            ["CARGO_PKG_", "CARGO_MANIFEST_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        };
        if name.to_str().is_some_and(about_package) {
            command.env_remove(name);
        }
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let built = command.output()?;
    if !built.status.success() {
        return Err("the build of the function failed".into());
    }
    let messages = String::from_utf8(built.stdout)?;
    let mut artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    artifacts
        .next()
        .ok_or_else(|| "cargo did not report the path of the function's binary".into())
}

/// Starts the emulator, and a function that calls it.
pub async fn start(
    binary: &Path,
    world: World,
    policy: Option<&str>,
) -> Result<(LocalFunction, Lightsail), Error> {
    let emulator = Emulator::new(world);
    let running = emulator.clone().start().await?;
    let mut settings = Settings::default()
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &running.url());
    if let Some(policy) = policy {
        settings = settings.variable("COPY_POLICY", policy);
    }
    let function = LocalFunction::spawn(binary, settings).await?;
    Ok((function, Lightsail { emulator, running }))
}

/// Waits until no copy is in progress.
pub async fn wait_for_copies(emulator: &Emulator) {
    let in_progress = |region: &Region| {
        let snapshots = emulator.snapshots(*region);
        snapshots.iter().any(|s| s.state == SnapshotState::Pending)
    };
    while Region::ALL.iter().any(in_progress) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
