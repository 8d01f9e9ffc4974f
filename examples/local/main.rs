//! The whole product on this machine: `cargo run --example local [-- FILE…]`.
//!
//! Builds the function, starts it as Lambda would, gives it an emulated Lightsail with a small
//! demo world, and sends it the events in `events/` (or those in the files that you name) one by
//! one. For each you see the event, the function's log lines as they come, and its answer; at the
//! end, the copies that there are then. Then a week of nightly runs of a policy goes by.
//!
//! Nothing leaves this machine, and no AWS account or credentials are needed. The program ends
//! with an error if something did not go as it should.
//!
//! - `samples`: which events there are, and what each one shows.
//! - `machine`: the function's binary, the emulator, and what connects the two.
//! - `week`: a policy at work, day after day.
//! - `show`: how all of it is printed.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::SignedDuration;
use lightsail_emulator::World;
use local_lambda::Ending;

mod machine;
mod samples;
mod show;
mod week;

type Error = Box<dyn std::error::Error>;

/// The policy that is deployed with the function: what a schedule runs.
const DEPLOYED_POLICY: &str = include_str!("policy.json");

/// The function's timeout in Lambda.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    match run(&files).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("\n{failed} of them did not go as they should.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends all events; how many did not go as they should.
async fn run(files: &[String]) -> Result<usize, Error> {
    let binary = machine::build()?;
    let failed = send_events(&binary, files).await?;
    if files.is_empty() {
        week::run(&binary).await?;
    }
    Ok(failed)
}

async fn send_events(binary: &Path, files: &[String]) -> Result<usize, Error> {
    let samples = samples::load(files)?;
    // Long enough that an event sent twice finds its copy still being made.
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
    machine::copies_are_made(&lightsail.emulator).await;
    show::copies(&lightsail.emulator);
    Ok(failed)
}
