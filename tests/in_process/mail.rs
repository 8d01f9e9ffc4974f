//! The whole text of the mailed report, for each situation a file in `mail/`.

use jiff::civil::Date;
use lightsail_snapshot_copier::{
    ApiError, CopyResult, CopySource, Coverage, CoverageStatus, DeletionResult, DestinationStorage,
    DrillOutcome, DrillResult, ErrorKind, IdleRule, NameOrigin, Outcome, ReadFailure, Reason,
    ReasonCode, RunEvent, Size, SnapshotCopy, Storage, Transfer, mail,
};

use test_support::account::{copy_name, date, disk, instance, region};

const DAY: &str = "2026-11-22";

/// The coverage of an instance in us-west-2 by its copies in us-east-1.
fn covered(name: &str, status: CoverageStatus, newest: Option<(&str, f64)>) -> Coverage {
    Coverage {
        source: instance("us-west-2", name),
        destination: region("us-east-1"),
        newest: newest.map(|(day, _)| date(day)),
        age_hours: newest.map(|(_, hours)| hours),
        status,
        reason: None,
        size_gb: Some(20),
        copies: newest.map_or(0, |_| 14),
        through: None,
        last_drill: None,
    }
}

fn protected(name: &str) -> RunEvent {
    let newest = Some((DAY, 23.4));
    RunEvent::Coverage(covered(name, CoverageStatus::Protected, newest))
}

fn because(coverage: Coverage, code: ReasonCode, text: &str) -> RunEvent {
    RunEvent::Coverage(Coverage {
        reason: Some(Reason::new(code, text)),
        ..coverage
    })
}

fn without_snapshots(name: &str) -> RunEvent {
    let coverage = covered(name, CoverageStatus::Unprotected, None);
    because(
        coverage,
        ReasonCode::AutoSnapshotsOff,
        "automatic snapshots are off",
    )
}

fn storage(gone: &[(&str, usize)]) -> RunEvent {
    let size = |copies: usize| Size {
        copies,
        at_least_gb: 20,
        at_most_gb: 20 * copies as u64,
    };
    let gone = gone.iter();
    RunEvent::Storage(DestinationStorage {
        region: region("us-east-1"),
        storage: Storage {
            total: size(28),
            gone: gone
                .map(|(name, copies)| (instance("us-west-2", name), size(*copies)))
                .collect(),
        },
        transfer: Transfer::default(),
    })
}

fn failed_copy(name: &str, destination: &str) -> RunEvent {
    let source = instance("us-west-2", name);
    let day: Date = date(DAY);
    let copy = SnapshotCopy {
        source_region: source.region,
        source: CopySource::Dated {
            resource: source.name.clone(),
            date: day,
        },
        destination: region(destination),
        target: copy_name(&source, day).parse().unwrap(),
        name_origin: NameOrigin::Generated,
    };
    let message = format!(
        "{} in {destination} is a snapshot of the instance other",
        copy.target
    );
    let error = ApiError::new(ErrorKind::NameInUse, "NameInUse", message);
    RunEvent::CopyResult(CopyResult::failed(copy, error))
}

fn drill(name: &str, outcome: DrillOutcome, code: &str, message: &str) -> RunEvent {
    RunEvent::DrillResult(Box::new(DrillResult {
        source: instance("us-west-2", name),
        destination: region("us-east-1"),
        snapshot: None,
        instance: format!("drill-{name}-{DAY}"),
        outcome,
        minutes: None,
        checks: Vec::new(),
        verdict: None,
        error: Some(ApiError::found(code, message.to_owned())),
    }))
}

fn unread(of: &str, operation: &'static str) -> RunEvent {
    let message = "You are not authorized.".to_owned();
    RunEvent::RegionUnread(ReadFailure {
        region: region(of),
        operation,
        source: None,
        error: ApiError::found("AccessDeniedException", message),
    })
}

/// The deletion of a copy of a day in October, which is part of a mass deletion.
fn refused_deletion(name: &str, day: i8) -> RunEvent {
    let (source, date) = (instance("us-west-2", name), Date::constant(2026, 10, day));
    let copy = copy_name(&source, date).parse().unwrap();
    let message =
        format!("retention would delete more than half of the available copies of {name}");
    RunEvent::DeleteResult(DeletionResult {
        region: region("us-east-1"),
        source,
        date,
        name: copy,
        outcome: Outcome::Failed,
        operations: Vec::new(),
        error: Some(ApiError::found("MassDeletion", message).into()),
    })
}

fn situations() -> Vec<(&'static str, Vec<RunEvent>)> {
    let with_disk = Coverage {
        source: disk("us-west-2", "Data-1"),
        through: Some("Shop-1".into()),
        ..covered("", CoverageStatus::Unprotected, None)
    };
    let attached = Coverage {
        source: disk("us-west-2", "Data-2"),
        through: Some("Shop-1".into()),
        ..covered("", CoverageStatus::Protected, Some((DAY, 23.4)))
    };
    let drilled = Coverage {
        last_drill: Some("2026-11-20 passed 7m".parse().unwrap()),
        ..covered("Shop-1", CoverageStatus::Protected, Some((DAY, 23.4)))
    };
    let drill_failed = Coverage {
        last_drill: Some("2026-11-21 failed 240m".parse().unwrap()),
        ..covered("Shop-2", CoverageStatus::Protected, Some((DAY, 23.4)))
    };
    let stale = covered("Shop-2", CoverageStatus::Stale, Some(("2026-11-18", 100.0)));
    let unknown = covered("Shop-1", CoverageStatus::Unknown, None);
    let unselected = covered(
        "Old-Shop",
        CoverageStatus::Unselected,
        Some(("2026-11-01", 520.0)),
    );
    let waiting = covered("New-Shop", CoverageStatus::Pending, None);
    let refused = covered("Shop-2", CoverageStatus::Stale, Some(("2026-11-20", 60.0)));
    let windows = covered("Windows-1", CoverageStatus::Unprotected, None);
    let idle = IdleRule {
        rule: "sources[0].names[1]".to_owned(),
    };
    vec![
        (
            "all-protected",
            vec![protected("Shop-1"), protected("Shop-2"), storage(&[])],
        ),
        (
            "automatic-snapshots-off",
            vec![protected("Shop-1"), without_snapshots("Scratch-1")],
        ),
        (
            "windows",
            vec![because(
                windows,
                ReasonCode::AutoSnapshotsOff,
                "Lightsail makes no automatic snapshots of Windows instances",
            )],
        ),
        (
            "too-old",
            vec![
                protected("Shop-1"),
                because(
                    stale,
                    ReasonCode::CopyTooOld,
                    "the newest restorable automatic snapshot is of 2026-11-18",
                ),
            ],
        ),
        (
            "destination-unread",
            vec![
                unread("us-east-1", "GetInstanceSnapshots"),
                because(unknown, ReasonCode::NotRead, "us-east-1 could not be read"),
            ],
        ),
        (
            "name-in-use",
            vec![
                failed_copy("Shop-2", "us-east-1"),
                // There, the newest copy is young enough.
                failed_copy("Shop-2", "eu-west-1"),
                because(
                    refused,
                    ReasonCode::CopyFailed,
                    "the copy of 2026-11-22 did not start: NameInUse: another snapshot has its name",
                ),
            ],
        ),
        (
            "misspelt-name",
            vec![protected("Shop-1"), RunEvent::SelectsNothing(idle)],
        ),
        (
            "renamed-and-deleted",
            vec![
                protected("Shop-1"),
                because(unselected, ReasonCode::NotSelected, "no rule selects it"),
                storage(&[("Gone-1", 9)]),
            ],
        ),
        (
            "drills",
            vec![
                RunEvent::Coverage(drilled),
                RunEvent::Coverage(drill_failed),
                drill(
                    "Shop-2",
                    DrillOutcome::Failed,
                    "DrillInstanceRemains",
                    "delete it by hand",
                ),
            ],
        ),
        (
            "disks",
            vec![
                protected("Shop-1"),
                RunEvent::Coverage(attached),
                because(
                    with_disk,
                    ReasonCode::DiskNotInCopy,
                    "the newest copy of Shop-1 does not contain this disk",
                ),
            ],
        ),
        (
            "first-copies",
            vec![because(
                waiting,
                ReasonCode::CopyInProgress,
                "the first copy is in progress",
            )],
        ),
        ("nothing-selected", Vec::new()),
        (
            "source-unread",
            vec![
                unread("us-west-2", "GetInstances"),
                unread("us-west-2", "GetDisks"),
            ],
        ),
        (
            "sources-unread",
            vec![
                unread("us-west-2", "GetInstances"),
                unread("eu-west-3", "GetDisks"),
            ],
        ),
        (
            "mass-deletion",
            [protected("Shop-1"), protected("Shop-2")]
                .into_iter()
                .chain(
                    (1..=19).flat_map(|day| {
                        ["Shop-1", "Shop-2"].map(|name| refused_deletion(name, day))
                    }),
                )
                .collect(),
        ),
    ]
}

#[test]
fn each_situation_has_its_text() {
    for (name, events) in situations() {
        let mail = mail(&events);
        let actual = format!(
            "{}\nattention: {}\n\n{}",
            mail.subject, mail.attention, mail.text
        );
        let path = format!(
            "{}/tests/in_process/mail/{name}.txt",
            env!("CARGO_MANIFEST_DIR")
        );
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(actual, expected, "{path}");
    }
}

#[test]
fn a_report_of_a_large_fleet_has_its_limits() {
    let mut events: Vec<_> = (0..5000)
        .map(|n| without_snapshots(&format!("{}-{n}", "n".repeat(60))))
        .collect();
    events.extend((0..5000).map(|n| protected(&format!("{}-p{n}", "n".repeat(60)))));
    events.extend((0..5000).map(|n| failed_copy(&format!("{}-f{n}", "n".repeat(60)), "us-east-1")));
    let mail = mail(&events);
    assert!(mail.text.len() <= 60_000, "{}", mail.text.len());
    assert!(mail.subject.is_ascii() && mail.subject.len() <= 100);
    assert_eq!(
        mail.subject,
        "Lightsail backups: 5000 of 10000 servers need attention"
    );
    // The table is short, and what needs attention is whole as far as it fits.
    assert!(mail.text.ends_with("... the rest is in the log\n"));
    let events: Vec<_> = (0..60)
        .map(|n| without_snapshots(&format!("Shop-{n}")))
        .chain((0..60).map(|n| protected(&format!("Good-{n}"))))
        .collect();
    let text = self::mail(&events).text;
    assert_eq!(text.matches("- Shop-").count(), 60);
    assert!(text.contains("and 10 more"), "{text}");
}

#[test]
fn control_characters_of_messages_stay_out_of_a_report() {
    let message = "one\r\ntwo\u{1b}[31m three";
    let events = [drill(
        "Shop-1",
        DrillOutcome::Failed,
        "ChecksFailed",
        message,
    )];
    let text = mail(&events).text;
    assert!(text.contains("one two"), "{text}");
    assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
}

#[test]
fn an_outcome_that_is_no_failure_is_not_reported() {
    let RunEvent::CopyResult(failed) = failed_copy("Shop-1", "us-east-1") else {
        unreachable!()
    };
    let deferred = CopyResult {
        outcome: Outcome::Deferred,
        ..failed
    };
    let events = [protected("Shop-1"), RunEvent::CopyResult(deferred)];
    assert_eq!(mail(&events).attention, 0);
}

#[test]
fn names_in_commands_are_quoted_for_a_shell() {
    for (name, word) in [
        ("Shop_1.de", "Shop_1.de"),
        ("my shop", "'my shop'"),
        ("$(reboot)`reboot`", "'$(reboot)`reboot`'"),
        ("it's \"it\"", r#"'it'\''s "it"'"#),
        ("one\ntwo\u{1b}", r"'one\ntwo\u{1b}'"),
    ] {
        let unselected = covered(name, CoverageStatus::Unselected, Some((DAY, 520.0)));
        let text = mail(&[without_snapshots(name), RunEvent::Coverage(unselected)]).text;
        let command = format!(" --resource-name {word} --add-on-request ");
        assert!(text.contains(&command), "{text}");
        let of_source = match word.strip_prefix('\'') {
            Some(quoted) => format!(" --source 'us-west-2/{quoted}\n"),
            None => format!(" --source us-west-2/{word}\n"),
        };
        assert!(text.contains(&of_source), "{text}");
        assert!(!text.contains("\ntwo"), "{text}");
    }
}
