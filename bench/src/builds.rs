//! How long it takes to build the function: from nothing, and when only its own code is built again.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::Error;

/// Builds in a folder of its own. What is compiled is on this machine already.
pub fn measure() -> Result<(), Error> {
    println!("\n## Building\n");
    println!(
        "`cargo build` of the function, its dependencies downloaded already: from nothing, and after `src/lib.rs` was touched.\n"
    );
    println!("| | from nothing | after a touch |");
    println!("| --- | ---: | ---: |");
    for (name, arguments) in [
        ("for development", &[][..]),
        ("as it is deployed", &["--release"]),
    ] {
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
        false => Err("the function was not built".into()),
    }
}
