//! The whole product on this machine: `cargo run --example local [-- --all | FILE…]`.
//!
//! Builds the function, starts it as Lambda does with an emulated Lightsail, and simulates a week of
//! nightly policy runs. With `--all` it also sends the events in `events/` one by one, and with files
//! only those. For each event it prints the event, the log lines and the answer, and in the end all
//! copies.
//!
//! Nothing leaves this machine, and no AWS account or credentials are needed. The program fails if
//! any result is unexpected.
//!
//! - `samples`: the events, and what each one shows.
//! - `machine`: builds the function and starts it with the emulator.
//! - `week`: a week of nightly policy runs.
//! - `show`: prints the output.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::SignedDuration;
use lightsail_emulator::World;
use local_lambda::Ending;

mod machine;
mod samples;
#[macro_use]
mod show;
mod week;

type Error = Box<dyn std::error::Error>;

/// The deployed policy, which a schedule runs.
const DEPLOYED_POLICY: &str = include_str!("policy.json");

const USAGE: &str = "usage: cargo run --example local [-- --all | FILE…]";

/// The function's timeout in Lambda.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            say!("\n{failed} of the events failed.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows what the arguments ask for, and returns how many events failed.
async fn run(arguments: &[String]) -> Result<usize, Error> {
    match arguments {
        [help] if help == "--help" => {
            say!("{USAGE}");
            return Ok(0);
        }
        [all] if all == "--all" => {}
        files => {
            if let Some(option) = files.iter().find(|file| file.starts_with('-')) {
                return Err(format!("cannot use {option} here; {USAGE}").into());
            }
        }
    }
    let binary = machine::build()?;
    match arguments {
        [] => {
            week::run(&binary).await?;
            say!("\nEvents, log lines and answers: cargo run --example local -- --all");
            Ok(0)
        }
        [all] if all == "--all" => {
            week::run(&binary).await?;
            send_events(&binary, &[]).await
        }
        files => send_events(&binary, files).await,
    }
}

async fn send_events(binary: &Path, files: &[String]) -> Result<usize, Error> {
    let samples = samples::load(files)?;
    // Long enough that an event sent twice finds its copy in progress.
    let world = World {
        copy_time: SignedDuration::from_millis(500),
        ..World::demo()
    };
    let (mut function, lightsail) = machine::start(binary, world, Some(DEPLOYED_POLICY)).await?;
    function.follow(show::log_line);
    show::machine(binary, &lightsail);
    let mut failed = 0;
    for (index, sample) in samples.iter().enumerate() {
        show::sample(index + 1, samples.len(), sample);
        let invocation = function.invoke(sample.payload.clone(), TIMEOUT).await;
        show::ending(&invocation.ending);
        if !matches!(invocation.ending, Ending::Answer(_)) {
            failed += 1;
        }
    }
    machine::wait_for_copies(&lightsail.emulator).await;
    show::copies(&lightsail.emulator);
    Ok(failed)
}
