//! Payloads: each is refused with all its errors, or parsed into the job that it describes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lightsail_snapshot_copier::{
    CopySource, Event, Job, NameOrigin, Region, SnapshotCopy, ValidationErrors, parse_event,
    parse_policy,
};
use serde_json::{Map, Value, json};

/// Parses any bytes as a payload, in a Region that Lightsail has and in one that it does not have.
pub fn check(payload: &[u8]) {
    let here = read(payload, "us-east-1".parse::<Region>().ok());
    let elsewhere = read(payload, None);
    match (&here, elsewhere) {
        // Only the default destination may be missing.
        (_, Ok(event)) => assert_eq!(here, Ok(event)),
        (Err(here), Err(elsewhere)) => assert!(elsewhere.len() >= here.len()),
        (Ok(_), Err(elsewhere)) => {
            for line in elsewhere.to_string().lines() {
                assert!(
                    line.contains("required, because") || line.starts_with('…'),
                    "{line}"
                );
            }
        }
    }
    if let Ok(event) = &here {
        check_event(payload, event);
    }
}

fn read(payload: &[u8], region: Option<Region>) -> Result<Event, ValidationErrors> {
    let now: Timestamp = "2026-11-22T06:12:45Z".parse().unwrap();
    let read = parse_event(payload, now, region);
    assert_eq!(read, parse_event(payload, now, region));
    if let Err(errors) = &read {
        check_errors(errors);
    }
    read
}

/// The message is short and has one line for each error.
pub fn check_errors(errors: &ValidationErrors) {
    assert!(!errors.is_empty());
    let text = errors.to_string();
    let shown = errors.len().min(50);
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!(
        lines.len(),
        shown + usize::from(errors.len() > 50),
        "{text}"
    );
    for line in lines {
        assert!(line.len() < 2000, "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.chars().any(char::is_alphabetic), "{line:?}");
    }
}

/// The event as if all names were generated.
fn without_name_origins(mut event: Event) -> Event {
    if let Job::Copies(copies) = &mut event.job {
        for copy in copies {
            copy.name_origin = NameOrigin::Generated;
        }
    }
    event
}

fn check_event(payload: &[u8], event: &Event) {
    let document: Value = serde_json::from_slice(payload).unwrap();
    let envelope = document.get("detail-type").is_some();
    let job = if envelope {
        &document["detail"]
    } else {
        &document
    };
    // A requested dry run must never become a real run.
    assert_eq!(job.get("dryRun") == Some(&json!(true)), event.dry_run);
    assert!(!envelope || document.get("dryRun").is_none());
    let allows = job.get("allowMassDeletion");
    assert_eq!(allows == Some(&json!(true)), event.allow_mass_deletion);
    assert!(allows.is_none() || !matches!(event.job, Job::Copies(_)));
    match &event.job {
        Job::DeployedPolicy => {
            for other in ["copies", "policy", "sourceRegion", "targetSnapshotName"] {
                assert_eq!(job.get(other), None);
            }
        }
        Job::Report(..) => assert!(matches!(job["report"].as_str(), Some("daily" | "weekly"))),
        Job::Policy(policy) => {
            assert_eq!(
                parse_policy(&job["policy"].to_string()).as_ref(),
                Ok(&**policy)
            );
        }
        Job::Copies(copies) => {
            check_copies(copies);
            let as_job = json!({
                "copies": copies.iter().map(request).collect::<Vec<_>>(),
                "dryRun": event.dry_run,
            });
            let again = read(as_job.to_string().as_bytes(), None);
            assert_eq!(
                again.map(without_name_origins).as_ref(),
                Ok(&without_name_origins(event.clone()))
            );
        }
    }
    if !envelope && job.get("time").is_none() {
        let event_bus = json!({ "detail-type": "Copy", "source": "com.example", "detail": job });
        let read = read(
            event_bus.to_string().as_bytes(),
            "us-east-1".parse::<Region>().ok(),
        );
        assert_eq!(read.as_ref(), Ok(event));
    }
}

fn check_copies(copies: &[SnapshotCopy]) {
    assert!(!copies.is_empty());
    let mut taken = BTreeSet::new();
    for copy in copies {
        let target = copy.target.as_str();
        assert!((2..=255).contains(&target.len()), "{target}");
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(target.chars().all(|c| word(c) || c == '-'), "{target}");
        assert!(
            target.starts_with(word) && target.ends_with(word),
            "{target}"
        );
        assert!(!copy.source.name().trim().is_empty());
        assert!(taken.insert((copy.destination, target)), "{target} twice");
        let itself =
            matches!(&copy.source, CopySource::Manual { snapshot } if **snapshot == *target);
        assert!(
            !itself || copy.source_region != copy.destination,
            "{target}"
        );
    }
}

/// The request for this copy with every optional field set.
fn request(copy: &SnapshotCopy) -> Value {
    let mut request = Map::new();
    let mut field = |name: &str, value: &str| request.insert(name.to_owned(), value.into());
    field("sourceRegion", copy.source_region.as_str());
    field("destinationRegion", copy.destination.as_str());
    field("targetSnapshotName", copy.target.as_str());
    match &copy.source {
        CopySource::Manual { snapshot } => field("sourceSnapshotName", snapshot),
        CopySource::Latest { resource } => field("sourceResourceName", resource),
        CopySource::Dated { resource, date } => {
            field("restoreDate", &date.to_string());
            field("sourceResourceName", resource)
        }
    };
    Value::Object(request)
}
