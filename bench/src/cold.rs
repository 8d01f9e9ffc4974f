//! The cold path: from a process's start to its first copy.

use std::time::Duration;

use local_lambda::LocalFunction;

use crate::lightsail::{self, Lightsail};
use crate::process::{self, Limit};
use crate::programs::Program;
use crate::{Error, TIMEOUT, answered, id, median, ms};

/// How often each program is started. Each round starts every program once, so that changes of the
/// machine's speed affect all of them. The order is random, so that no program always runs after
/// the largest one, which leaves the processor's caches cold.
const STARTS: usize = 41;
/// The same with a limited processor, which is slower.
const LIMITED_STARTS: usize = 5;

/// The measurements of one start.
#[derive(Default)]
struct Start {
    /// From the process's start until it asks for its first event.
    start: Duration,
    start_processor: Duration,
    /// From the first event until its answer.
    first: Duration,
    first_processor: Duration,
    peak_memory: f64,
}

/// Starts all programs in rounds, and prints the times of their starts and first copies.
pub async fn measure(programs: &[&Program]) -> Result<(), Error> {
    let lightsail = Lightsail::with_source().await?;
    let mut starts: Vec<Vec<Start>> = programs.iter().map(|_| Vec::new()).collect();
    let mut limited: Vec<Vec<Duration>> = programs.iter().map(|_| Vec::new()).collect();
    // Each copy has a new name.
    let mut targets = (0..).map(|number| format!("copy-{number}"));
    let mut target = || targets.next().unwrap_or_default();
    let mut turns: Vec<_> = (0..programs.len()).collect();
    let mut order = fastrand::Rng::with_seed(0);
    for _ in 0..STARTS {
        order.shuffle(&mut turns);
        for &turn in &turns {
            starts[turn].push(start(programs[turn], &lightsail, &target()).await?);
        }
    }
    let limit = Limit::of_128_mb();
    if let Ok(limit) = &limit {
        for _ in 0..LIMITED_STARTS {
            for (program, limited) in programs.iter().zip(&mut limited) {
                let mut function =
                    LocalFunction::spawn(&program.path, program.settings(lightsail.settings()))
                        .await?;
                limit.hold(id(&function)?)?;
                limited.push(first_copy(&mut function, &target()).await?);
            }
        }
    }

    println!("\n## Cold starts\n");
    println!(
        "Medians of {STARTS} starts (with 7 % of a processor, of {LIMITED_STARTS}), the programs in a new random order each round. The copy is made over TLS, with the system's certificates and one more. The empty `lambda_runtime` and the hello-world make no request.\n"
    );
    println!(
        "| | start | its CPU | first copy | its CPU | both | first copy at 7 % CPU | peak memory | binary | in a zip |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut figures = Vec::new();
    for ((program, starts), limited) in programs.iter().zip(&starts).zip(&mut limited) {
        let of = |what: fn(&Start) -> Duration| median(starts.iter().map(what).map(ms));
        let memory = median(starts.iter().map(|start| start.peak_memory));
        let both = of(|start| start.start + start.first);
        let slow = match limited.is_empty() {
            true => "not measured".to_owned(),
            false => format!("{:.0} ms", median(limited.iter().copied().map(ms))),
        };
        let sizes = match program.sizes()? {
            Some((binary, zip)) => format!("{binary:.2} MB | {zip:.2} MB"),
            None => "| ".to_owned(),
        };
        println!(
            "| {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {both:.1} ms | {slow} | {memory:.1} MB | {sizes} |",
            program.name,
            of(|start| start.start),
            of(|start| start.start_processor),
            of(|start| start.first),
            of(|start| start.first_processor),
        );
        figures.push((program.name, of(|start| start.start), both, memory));
    }
    if let Err(error) = limit {
        println!("\nThis machine cannot limit the processor: {error}.");
    }
    let Some(((_, start, both, memory), others)) = figures.split_first() else {
        return Ok(());
    };
    println!(
        "\n| {} relative to | start | start and first copy | peak memory |",
        programs[0].name
    );
    println!("| --- | ---: | ---: | ---: |");
    for (name, others_start, others_both, others_memory) in others {
        println!(
            "| {name} | {:.2} | {:.3} | {:.2} |",
            start / others_start,
            both / others_both,
            memory / others_memory
        );
    }
    Ok(())
}

async fn start(program: &Program, lightsail: &Lightsail, target: &str) -> Result<Start, Error> {
    let started = std::time::Instant::now();
    let mut function =
        LocalFunction::spawn(&program.path, program.settings(lightsail.settings())).await?;
    let start = started.elapsed();
    let process = id(&function)?;
    let start_processor = process::processor_time(process)?;
    let first = first_copy(&mut function, target).await?;
    Ok(Start {
        start,
        start_processor,
        first,
        first_processor: process::processor_time(process)?.saturating_sub(start_processor),
        peak_memory: process::peak_memory(process)?,
    })
}

async fn first_copy(function: &mut LocalFunction, target: &str) -> Result<Duration, Error> {
    let event = lightsail::copy(target).to_string();
    let invocation = function.invoke(event, TIMEOUT).await;
    answered(&invocation)?;
    Ok(invocation.duration)
}
