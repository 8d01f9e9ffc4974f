//! Build times of the function: a full build, and a rebuild of its own code.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::Error;

/// Builds in a new target folder. The sources of the dependencies are already on this machine.
pub fn measure() -> Result<(), Error> {
    println!("\n## Building\n");
    println!(
        "`cargo build` of the function, with downloaded dependencies: a full build, and a rebuild after a change of `src/lib.rs`.\n"
    );
    println!("| | full build | rebuild |");
    println!("| --- | ---: | ---: |");
    for (name, arguments) in [("debug", &[][..]), ("release", &["--release"])] {
        let folder = TempDir::new()?;
        let cold = build(folder.path(), arguments)?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/lib.rs");
        fs::File::open(source)?.set_modified(SystemTime::now())?;
        let warm = build(folder.path(), arguments)?;
        println!(
            "| {name} | {:.0} s | {:.0} s |",
            cold.as_secs_f64(),
            warm.as_secs_f64()
        );
    }
    Ok(())
}

fn build(target: &Path, arguments: &[&str]) -> Result<Duration, Error> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let started = Instant::now();
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--bin",
            "lightsail-snapshot-copier",
        ])
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("CARGO_TARGET_DIR", target)
        .status()?;
    match status.success() {
        true => Ok(started.elapsed()),
        false => Err("the build of the function failed".into()),
    }
}
