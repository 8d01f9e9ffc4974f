//! The emulator as a program. It serves until SIGINT or SIGTERM.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use jiff::Unit;
use lightsail_emulator::{Answered, Emulator, World};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The exit code for invalid arguments, the same as clap's.
const INVALID_ARGUMENTS: u8 = 2;

/// An Amazon Lightsail endpoint on this machine, for development and tests.
///
/// Prints its URL on standard output when it is ready, and a line for each call on standard error.
/// Sign requests with access key `emulator` and secret key `emulator`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The port of 127.0.0.1 to listen on, 0 for any free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// A JSON file with the resources at the start; without it, a demo world
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let world = match arguments.world.as_deref().map(read_world) {
        None => World::demo(),
        Some(Ok(world)) => world,
        Some(Err(message)) => {
            eprintln!("lightsail-emulator: {message}");
            return ExitCode::from(INVALID_ARGUMENTS);
        }
    };
    match run(world, arguments.port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lightsail-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read_world(path: &Path) -> Result<World, String> {
    let place = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{place}: {error}"))?;
    World::from_json(&text).map_err(|error| format!("{place}: {error}"))
}

async fn run(world: World, port: u16) -> io::Result<()> {
    // Before the URL is printed, because its reader may stop the program at once.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let emulator = Emulator::new(world);
    emulator.record_calls(false);
    emulator.on_answer(log);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let mut stdout = io::stdout();
    writeln!(stdout, "http://{}", listener.local_addr()?)?;
    stdout.flush()?;
    tokio::select! {
        () = emulator.serve(listener) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Logs how a call ended: `2026-11-22T06:12:45.890Z us-east-1 CopySnapshot 200`.
fn log(answered: &Answered) {
    let at = answered.at.round(Unit::Millisecond).unwrap_or(answered.at);
    let region = or_dash(answered.region);
    let operation = or_dash(answered.operation);
    let status = match answered.status {
        Some(status) => status.as_str().to_owned(),
        None => "closed".to_owned(),
    };
    let error = match &answered.error {
        Some(error) => format!(" {error}"),
        None => String::new(),
    };
    // The emulator keeps serving if standard error is closed.
    let _ = writeln!(io::stderr(), "{at:.3} {region} {operation} {status}{error}");
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
