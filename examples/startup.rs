//! How large the function's binary is, and how long it takes to start:
//! `cargo run --example startup -- target/release/lightsail-snapshot-copier`.
//!
//! Starts the binary some times as Lambda would, and measures until it asks for its first event.
//! In Lambda, loading the binary comes on top, and a share of a processor in place of a whole one:
//! what counts there is `initDurationMs` in the log.

use std::time::{Duration, Instant};

use local_lambda::{LocalFunction, Settings};

const STARTS: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let binary = std::env::args().nth(1).ok_or("which binary?")?;
    let mut times = Vec::new();
    let mut memory_kb = 0;
    for _ in 0..STARTS {
        let settings = Settings::default()
            .variable("AWS_ACCESS_KEY_ID", "emulator")
            .variable("AWS_SECRET_ACCESS_KEY", "emulator");
        let started = Instant::now();
        let function = LocalFunction::spawn(&binary, settings).await?;
        times.push(started.elapsed());
        memory_kb = function.process_id().map_or(0, resident_kb).max(memory_kb);
    }
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!("size      {} bytes", std::fs::metadata(&binary)?.len());
    println!(
        "start-up  {:.1} ms (median of {STARTS}), {:.1} ms at best",
        ms(times[STARTS / 2]),
        ms(times[0])
    );
    println!("memory    {memory_kb} kB resident when it waits for its first event");
    Ok(())
}

/// The memory that a process has in use, where the system tells it as Linux does; otherwise 0.
fn resident_kb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
