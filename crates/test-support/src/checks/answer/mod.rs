//! Responses of Lightsail or of a proxy in front of it: how the SDK decodes them and how the
//! function handles them.
//!
//! An input is lines of text. The first is one letter, the call to make (`run`). Each other line is
//! a response: HTTP status, headers and body, separated by tabs.
//!
//! ```text
//! c
//! 503
//! 200⇥x-amzn-requestid: 1|content-type: application/x-amz-json-1.1⇥{"operations": []}
//! ```
//!
//! Instead of a status there may be `io` (the connection breaks), `timeout` (connecting fails) or
//! `hang` (no response). After the last response, it is repeated.

mod properties;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lightsail_snapshot_copier::{
    CopyResult, CopySource, Deadline, Lightsail, NameOrigin, Recorder, Region, ResourceKind,
    RunEvent, Snapshot, SnapshotCopy, SnapshotName, Until, run_copies,
};
use tokio::time::Instant;

use self::properties::EVENT_TIME;
use self::wire::{Given, Wire, config};

/// Makes a call and answers it with the responses in these bytes.
pub fn check(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let Some([letter]) = lines.next() else {
        return;
    };
    let answers: Vec<Given> = lines.filter_map(Given::read).take(16).collect();
    if answers.is_empty() {
        return;
    }
    // The clock is paused, so retries wait without real time passing.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(run(
        *letter,
        &Arc::new(Wire {
            answers,
            requests: Mutex::default(),
        }),
    ));
}

const TIME: Duration = Duration::from_secs(20);

/// The upper limit of calls within `TIME`. Pauses between attempts grow to seconds.
const MOST_CALLS: usize = 50;

/// The result of an event with one copy.
async fn copy(lightsail: &Lightsail, copy: SnapshotCopy, dry_run: bool) -> CopyResult {
    let recorder = Recorder::new(&|_| {});
    let deadline = Deadline::for_copies(TIME);
    run_copies(lightsail, vec![copy], dry_run, deadline, &recorder).await;
    match recorder.into_events().pop() {
        Some(RunEvent::CopyResult(result)) => result,
        other => panic!("not the result of a copy: {other:?}"),
    }
}

async fn run(letter: u8, wire: &Arc<Wire>) {
    let lightsail = Lightsail::new(config(wire), 0);
    let region = "us-east-1".parse::<Region>().unwrap();
    let started = Instant::now();
    let deadline = started + TIME;
    let instance = ResourceKind::Instance;
    let disk = ResourceKind::Disk;
    match letter {
        b'c' => match lightsail.copy_snapshot(&dated(), deadline).await {
            Ok(operations) => wire.check_operations(&operations),
            Err(failure) => wire.check_failed_change(&failure),
        },
        b'm' => wire.check_copy(copy(&lightsail, dated(), false).await),
        b'M' => wire.check_copy(copy(&lightsail, manual(), false).await),
        b'l' => wire.check_copy(copy(&lightsail, dated(), true).await),
        b'L' => wire.check_copy(copy(&lightsail, manual(), true).await),
        b'f' => match lightsail.find_snapshot(region, "web-1", deadline).await {
            Ok(Some(snapshot)) => wire.check_snapshot(&snapshot),
            Ok(None) => wire.check_not_found(),
            Err(failure) => wire.check_failure(&failure),
        },
        b'p' => match lightsail.auto_snapshots(region, "web", deadline).await {
            Ok(_) if wire.is_unclear() => {}
            Ok(points) => {
                assert!(wire.last_list("autoSnapshots").is_some() || wire.last().has_request_id());
                assert!(points.len() <= wire.items("autoSnapshots").len());
            }
            Err(failure) => wire.check_failure(&failure),
        },
        b'i' | b'd' => {
            let (kind, list) = match letter {
                b'i' => (instance, "instances"),
                _ => (disk, "disks"),
            };
            match lightsail.resources(region, kind, deadline).await {
                Ok(resources) => {
                    let names = resources
                        .into_iter()
                        .map(|resource| resource.name.to_string());
                    wire.check_list(list, &names.collect::<Vec<_>>());
                }
                Err(failure) => wire.check_failure(&failure),
            }
        }
        b's' | b'S' => {
            let (kind, list) = match letter {
                b's' => (instance, "instanceSnapshots"),
                _ => (disk, "diskSnapshots"),
            };
            let mut names = Vec::new();
            let each = |snapshot: Snapshot| names.push(snapshot.name);
            match lightsail.snapshots(region, kind, deadline, each).await {
                Ok(()) => wire.check_list(list, &names),
                Err(failure) => wire.check_failure(&failure),
            }
        }
        b't' => {
            let tags = [(
                "snapshot-copier:source".to_owned(),
                "us-west-2/web".to_owned(),
            )];
            match lightsail.tag(region, "web-1", &tags, deadline).await {
                Ok(()) => assert!(wire.last_list("operations").is_some() || wire.is_unclear()),
                Err(failure) => wire.check_failed_change(&failure),
            }
        }
        b'x' | b'X' => {
            let (kind, until) = if letter == b'x' {
                (instance, deadline.into())
            } else {
                (disk, Until::once(deadline))
            };
            match lightsail
                .delete_snapshot(region, kind, "web-1", until)
                .await
            {
                Ok(operations) if wire.last_is_an_error() => assert_eq!(operations, []),
                Ok(operations) => wire.check_operations(&operations),
                Err(failure) => wire.check_failed_change(&failure),
            }
        }
        _ => return,
    }
    // tokio's timers round up to milliseconds.
    assert!(started.elapsed() <= TIME + Duration::from_millis(5));
    let calls = wire.requests.lock().unwrap().len();
    assert!((1..=MOST_CALLS).contains(&calls), "{calls} calls");
    assert_eq!(lightsail.take_calls(), calls as u64);
}

fn dated() -> SnapshotCopy {
    SnapshotCopy {
        source_region: "us-west-2".parse::<Region>().unwrap(),
        source: CopySource::Dated {
            resource: "web".into(),
            date: jiff::civil::date(2026, 11, 22),
        },
        destination: "us-east-1".parse::<Region>().unwrap(),
        target: "web-1".parse::<SnapshotName>().unwrap(),
        name_origin: NameOrigin::Requested {
            event_time: EVENT_TIME.parse().unwrap(),
        },
    }
}

fn manual() -> SnapshotCopy {
    SnapshotCopy {
        source: CopySource::Manual {
            snapshot: "by-hand".into(),
        },
        ..dated()
    }
}
