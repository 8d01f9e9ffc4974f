//! The events, and what each one shows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// An event to send.
pub struct Sample {
    pub name: String,
    pub about: &'static str,
    pub payload: Vec<u8>,
}

/// The files in `events/` in a didactic order, with what each one shows.
const SAMPLES: &[(&str, &str)] = &[
    (
        "job-automatic-snapshot.json",
        "One automatic snapshot, by its date, with a name that you choose",
    ),
    (
        "job-automatic-snapshot.json",
        "The same event again: the function finds the copy and makes no second one",
    ),
    ("job-manual-snapshot.json", "One manual snapshot"),
    (
        "job-latest.json",
        "The latest automatic snapshot; the copy's name contains the event's time",
    ),
    (
        "job-destinations.json",
        "One snapshot into several Regions at once",
    ),
    (
        "job-dry-run.json",
        "A dry run of two copies: reports them and changes nothing",
    ),
    (
        "job-scheduler-input.json",
        "A schedule's constant input, with its scheduled time",
    ),
    ("custom-copy.json", "A custom EventBridge event"),
    (
        "custom-copies.json",
        "A custom EventBridge event with several copies",
    ),
    (
        "schedule-rule.json",
        "A schedule (EventBridge rule): a run of the deployed policy",
    ),
    (
        "schedule-scheduler.json",
        "A schedule (EventBridge Scheduler): another run, with nothing left to do",
    ),
    (
        "job-policy.json",
        "A run of the policy in the event instead of the deployed one",
    ),
    (
        "job-policy-dry-run.json",
        "A dry run of a policy: reports what a first run would copy",
    ),
];

/// Reads the given files, or the samples if there are none.
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
        .map(|file| read(PathBuf::from(file), file.clone(), "Your own event"));
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
