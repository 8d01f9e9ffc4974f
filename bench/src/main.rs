//! Measures the function side by side with comparable programs, and prints Markdown. Run it with
//! `scripts/bench.sh`, which installs what it needs.
//!
//! The arguments select parts: `cold`, `warm`, `instructions`, `fleet`, `soak`, `builds`.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod builds;
mod cold;
mod fleet;
mod instructions;
mod lightsail;
mod process;
mod programs;
mod soak;
mod warm;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use local_lambda::{Ending, Invocation, LocalFunction};
use serde_json::Value;

type Error = Box<dyn std::error::Error>;

/// The time limit of an invocation.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let python: PathBuf = arguments
        .next()
        .ok_or("the path of Python is missing; run scripts/bench.sh")?
        .into();
    let mut parts: Vec<String> = arguments.collect();
    if parts.is_empty() {
        parts = ["cold", "warm", "instructions", "fleet", "soak", "builds"]
            .map(str::to_owned)
            .into();
    }
    let function = programs::function()?;
    let floor = programs::floor()?;
    let wire = programs::wire()?;
    let hello = programs::hello()?;
    let sdk_defaults = programs::sdk_defaults()?;
    let boto3 = programs::boto3(&python);
    println!("# Benchmarks\n\n{}", machine());
    for part in &parts {
        match part.as_str() {
            "cold" => cold::measure(&[&function, &floor, &hello, &sdk_defaults, &boto3]).await?,
            "warm" => warm::measure(&[&function, &floor, &wire, &sdk_defaults, &boto3]).await?,
            "instructions" => {
                instructions::measure(&[&function, &floor, &hello, &wire, &sdk_defaults]).await?
            }
            "builds" => builds::measure()?,
            "soak" => soak::measure(&function).await?,
            "fleet" => fleet::measure(&function, &[100, 1_000, 10_000]).await?,
            other => return Err(format!("unknown part: {other}").into()),
        }
    }
    Ok(())
}

/// The date, commit and machine of the measurement.
fn machine() -> String {
    let output_of = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok();
        let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
        text.unwrap_or_default().trim().to_owned()
    };
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("an unknown processor");
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "Measured by `scripts/bench.sh` on {} at {}: {count} × {model}, Linux {}, {}.",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        output_of("git", &["describe", "--always", "--dirty"]),
        output_of("uname", &["-r"]),
        output_of("rustc", &["--version"]),
    )
}

/// The id of a function's process.
fn id(function: &LocalFunction) -> Result<u32, Error> {
    function
        .process_id()
        .ok_or_else(|| "the function's process ended".into())
}

/// The answer of an invocation, or an error if it failed.
fn answered(invocation: &Invocation) -> Result<&Value, Error> {
    match &invocation.ending {
        Ending::Answer(answer) => Ok(answer),
        other => Err(format!("an invocation failed: {other:?}").into()),
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The median, or NaN without figures.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
