//! Runs the fuzz targets' checks on every input in `fuzz/corpus/`, without a fuzzer.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

use test_support::checks;

/// Checks every input of a target and returns their number.
fn check_all(target: &str, check: impl Fn(&[u8])) -> usize {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let inputs = std::fs::read_dir(folder).unwrap();
    inputs
        .map(|input| {
            let path = input.unwrap().path();
            // The test harness shows this if the check fails.
            println!("{}", path.display());
            check(&std::fs::read(path).unwrap());
        })
        .count()
}

#[test]
fn payloads() {
    assert_ne!(check_all("event", checks::event::check), 0);
}

#[test]
fn policies() {
    assert_ne!(check_all("policy", checks::policy::check), 0);
}

#[test]
fn answers() {
    assert_ne!(check_all("answer", checks::answer::check), 0);
}
