//! Instructions, counted by valgrind's callgrind. They do not depend on the load of the machine. The
//! counts include the program and all libraries, but not the kernel.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use local_lambda::LocalFunction;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::lightsail::{self, Lightsail};
use crate::programs::Program;
use crate::{Error, TIMEOUT, answered, id};

/// How many copies are made after the first one.
const FURTHER: u32 = 20;

/// Counts for each program.
pub async fn measure(programs: &[&Program]) -> Result<(), Error> {
    println!("\n## Instructions\n");
    let valgrind = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !valgrind.is_ok_and(|status| status.success()) {
        println!("Not counted: valgrind is not installed.");
        return Ok(());
    }
    println!(
        "Counted by callgrind, in user space: the start until the first request for an event; the first copy, including its connection; and the mean of {FURTHER} further copies. The empty `lambda_runtime` and the hello-world make no request. The program with one HTTPS request does not sign it.\n"
    );
    println!("| | start | first copy | each further copy |");
    println!("| --- | ---: | ---: | ---: |");
    for program in programs {
        let start = count(program, 0).await?;
        let first = count(program, 1).await?;
        let all = count(program, 1 + FURTHER).await?;
        println!(
            "| {} | {:.2} M | {:.2} M | {:.3} M |",
            program.name,
            start / 1e6,
            (first - start) / 1e6,
            (all - first) / f64::from(FURTHER) / 1e6
        );
    }
    Ok(())
}

/// The instructions of a process that makes this many copies, one after the other.
async fn count(program: &Program, copies: u32) -> Result<f64, Error> {
    let lightsail = Lightsail::with_source().await?;
    let folder = TempDir::new()?;
    let out = folder.path().join("callgrind.out");
    let settings = lightsail
        .settings()
        .argument("--tool=callgrind")
        .argument(format!("--callgrind-out-file={}", out.display()))
        .argument(&program.path);
    let mut function = LocalFunction::spawn("valgrind", settings).await?;
    for number in 0..copies {
        let event = lightsail::copy(&format!("copy-{number}")).to_string();
        answered(&function.invoke(event, TIMEOUT).await)?;
    }
    let process = id(&function)?.to_string();
    // Callgrind writes its file when the process receives SIGTERM.
    Command::new("kill").arg(process).status()?;
    written(&out).await
}

/// The total in callgrind's file, once it is written.
async fn written(file: &Path) -> Result<f64, Error> {
    for _ in 0..200 {
        let text = fs::read_to_string(file).unwrap_or_default();
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        if let Some(total) = total {
            return Ok(total.trim().parse()?);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err("callgrind wrote no total".into())
}
