//! The warm path: single copies in a running process, and many copies in one event.

use std::time::Duration;

use lightsail_emulator::{Call, Operation};
use local_lambda::{Invocation, LocalFunction};
use serde_json::json;

use crate::lightsail::{self, ANSWER, AT_ONCE, Lightsail};
use crate::programs::Program;
use crate::{Error, TIMEOUT, answered, id, median, ms, process};

/// Invocations of one copy each, and the uncounted ones before them.
const INVOCATIONS: u32 = 1_000;
const BEFORE: u32 = 50;

const DESTINATIONS: [&str; 4] = ["us-east-1", "eu-west-1", "ap-northeast-1", "us-west-2"];

/// Measures single copies by each program, and many at once by the first.
pub async fn measure(programs: &[&Program]) -> Result<(), Error> {
    single(programs).await?;
    match programs.first() {
        Some(function) => many(function).await,
        None => Ok(()),
    }
}

async fn single(programs: &[&Program]) -> Result<(), Error> {
    println!("\n## Copies, one after the other\n");
    println!(
        "{INVOCATIONS} invocations of one copy each in a running process: the median duration, and the mean processor time, including TLS and the Runtime API. The empty `lambda_runtime` only uses the Runtime API. The program with one HTTPS request, which it does not sign, shows the cost of TLS and HTTP.\n"
    );
    println!("| | duration | CPU | connections | peak memory |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for program in programs {
        let lightsail = Lightsail::with_source().await?;
        let mut function =
            LocalFunction::spawn(&program.path, program.settings(lightsail.settings())).await?;
        let process = id(&function)?;
        let mut durations = Vec::new();
        let mut before = Duration::ZERO;
        for number in 0..BEFORE + INVOCATIONS {
            if number == BEFORE {
                durations.clear();
                before = process::processor_time(process)?;
            }
            let event = lightsail::copy(&format!("copy-{number}")).to_string();
            let invocation = function.invoke(event, TIMEOUT).await;
            answered(&invocation)?;
            durations.push(invocation.duration);
        }
        let used = process::processor_time(process)?.saturating_sub(before) / INVOCATIONS;
        println!(
            "| {} | {:.2} ms | {:.3} ms | {} | {:.1} MB |",
            program.name,
            median(durations.into_iter().map(ms)),
            ms(used),
            lightsail.take_connections(),
            process::peak_memory(process)?,
        );
    }
    Ok(())
}

async fn many(function: &Program) -> Result<(), Error> {
    let answer = lightsail::answer_time().await;
    println!("\n## Many copies at once\n");
    println!(
        "One event, with its copies spread over four destinations, {} ms per response ({:.1} ms by the machine's timer), and at most {AT_ONCE} concurrent calls in a Region. The bound is the least time possible under these limits. Each size has its own process. The second event reuses the connections of the first.\n",
        ANSWER.as_millis(),
        ms(answer)
    );
    println!(
        "| copies | event | calls | time | bound | time / bound | CPU per copy | new connections | peak memory |"
    );
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for copies in [4, 200, 2_000] {
        let lightsail = Lightsail::with_source().await?;
        lightsail.answer_late();
        let settings = function.settings(lightsail.settings());
        let mut process = LocalFunction::spawn(&function.path, settings).await?;
        let id = id(&process)?;
        for event in ["first", "second"] {
            lightsail.emulator.take_calls();
            let before = process::processor_time(id)?;
            let invocation = invoke(&mut process, event, copies).await?;
            let used = process::processor_time(id)?.saturating_sub(before);
            let summary = &answered(&invocation)?["summary"];
            if summary["started"] != copies {
                return Err(format!("not all copies were started: {summary}").into());
            }
            let calls = lightsail.emulator.take_calls();
            let bound = bound(&calls, answer);
            println!(
                "| {copies} | {event} | {} | {:.0} ms | {:.0} ms | {:.2} | {:.3} ms | {} | {:.1} MB |",
                calls.len(),
                ms(invocation.duration),
                ms(bound),
                invocation.duration.as_secs_f64() / bound.as_secs_f64(),
                ms(used) / copies as f64,
                lightsail.take_connections(),
                process::peak_memory(id)?,
            );
        }
    }
    Ok(())
}

async fn invoke(
    function: &mut LocalFunction,
    event: &str,
    copies: usize,
) -> Result<Invocation, Error> {
    let requests: Vec<_> = (0..copies / DESTINATIONS.len())
        .map(|number| {
            let mut request = lightsail::copy(&format!("{event}-{number}"));
            if let Some(fields) = request.as_object_mut() {
                fields.remove("destinationRegion");
                fields.insert("destinationRegions".to_owned(), json!(DESTINATIONS));
            }
            request
        })
        .collect();
    let event = json!({ "copies": requests }).to_string();
    Ok(function.invoke(event, TIMEOUT).await)
}

/// The least time of the responses to these calls, with the function's limit of concurrent calls in
/// each Region and all Regions in parallel.
fn bound(calls: &[Call], answer: Duration) -> Duration {
    let of_operation = |region: &str, operation| {
        let calls = calls
            .iter()
            .filter(|call| call.region.as_str() == region && call.operation == operation);
        calls.count().div_ceil(AT_ONCE)
    };
    let rounds = DESTINATIONS
        .iter()
        .map(|region| of_operation(region, Operation::CopySnapshot));
    answer * u32::try_from(rounds.max().unwrap_or(0)).unwrap_or(u32::MAX)
}
