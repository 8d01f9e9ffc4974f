//! Which events there are, and what each one shows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// An event to send.
pub struct Sample {
    pub name: String,
    pub about: &'static str,
    pub payload: Vec<u8>,
}

/// The files in `events/`, in the order that tells the most, with what each one shows.
const SAMPLES: &[(&str, &str)] = &[
    (
        "job-automatic-snapshot.json",
        "One automatic snapshot, by its date, under a name of your own",
    ),
    (
        "job-automatic-snapshot.json",
        "The same again: the copy is found, and not made a second time",
    ),
    ("job-manual-snapshot.json", "One manual snapshot"),
    (
        "job-latest.json",
        "The latest automatic snapshot; the copy's name is made from the event's time",
    ),
    (
        "job-destinations.json",
        "One snapshot into several Regions at once",
    ),
    (
        "job-dry-run.json",
        "A dry run of two copies: what would be done, and nothing is",
    ),
    (
        "job-scheduler-input.json",
        "A schedule's constant input, with the time that it was due",
    ),
    ("custom-copy.json", "An EventBridge event of your own"),
    (
        "custom-copies.json",
        "An EventBridge event of your own with several copies",
    ),
    (
        "schedule-rule.json",
        "A schedule (EventBridge rule): a run of the deployed policy",
    ),
    (
        "schedule-scheduler.json",
        "A schedule (EventBridge Scheduler): another run, which finds nothing left to do",
    ),
    (
        "job-policy.json",
        "A run of the policy in the event, in place of the deployed one",
    ),
    (
        "job-policy-dry-run.json",
        "A dry run of a policy: what a first run would copy",
    ),
];

/// Reads the given files, or without any the samples.
pub fn load(files: &[String]) -> Result<Vec<Sample>, Error> {
    if files.is_empty() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
        return SAMPLES
            .iter()
            .map(|(file, about)| read(folder.join(file), format!("events/{file}"), about))
            .collect();
    }
    let own = files
        .iter()
        .map(|file| read(PathBuf::from(file), file.clone(), "An event of your own"));
    own.collect()
}

fn read(path: PathBuf, name: String, about: &'static str) -> Result<Sample, Error> {
    let payload = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Sample {
        name,
        about,
        payload,
    })
}
