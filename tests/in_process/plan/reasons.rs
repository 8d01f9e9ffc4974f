//! What a run reports about each source: status, reason, size and number of copies.

use lightsail_snapshot_copier::{
    DrillOutcome, DrillResult, Outcome, RunEvent, Size, Verdict, coverage, storage, transfer,
};
use serde_json::json;
use test_support::in_process::{InProcess, days_ago};

use super::*;

fn code(coverage: &Coverage) -> Option<ReasonCode> {
    coverage.reason.as_ref().map(|reason| reason.code)
}

/// With `web`, created some hours before noon, and its automatic snapshots of these days.
fn with_web_of(hours: i64, days: &[&str]) -> FakeAccount {
    let mut account = account("").with(&web(), days);
    let resource = account.resources.get_mut(&web()).unwrap();
    resource.created_at = Some(noon() - SignedDuration::from_hours(hours));
    account
}

#[test]
fn a_copy_that_was_started_before_the_source_was_created_belongs_to_a_predecessor() {
    for (started_before, status, newest) in [
        (4, CoverageStatus::Protected, Some(date(TODAY))),
        // Of the same UTC day.
        (6, CoverageStatus::Pending, None),
    ] {
        let account = with_web_of(5, &[]).there(
            "us-east-1",
            started(available(&web(), TODAY), started_before),
        );
        let coverage = account.coverage_of(&web());
        assert_eq!(coverage.status, status, "{coverage:?}");
        assert_eq!(coverage.newest, newest);
        assert_eq!(coverage.copies, usize::from(newest.is_some()));
    }
}

#[test]
fn todays_copy_of_a_predecessor_keeps_the_name_and_does_not_protect() {
    for state in [SnapshotState::Available, SnapshotState::Pending] {
        let of_predecessor = started(copy(&web(), date(TODAY), state), 6);
        let account = with_web_of(5, &[TODAY]).there("us-east-1", of_predecessor);
        let coverage = account.coverage_of(&web());
        assert_eq!(coverage.status, CoverageStatus::Unprotected, "{coverage:?}");
        assert!(account.steps("us-east-1").deletions.is_empty());
    }
}

#[test]
fn automatic_snapshots_that_are_off_are_the_reason_although_old_ones_are_listed() {
    let old = "2025-11-22";
    let mut account = account("").with(&web(), &[old]);
    account
        .resources
        .get_mut(&web())
        .unwrap()
        .automatic_snapshots = false;
    let pending = account.coverage_of(&web());
    assert_eq!(pending.status, CoverageStatus::Pending);
    assert_eq!(code(&pending), Some(ReasonCode::AutoSnapshotsOff));
    let stale = account.there("us-east-1", available(&web(), old));
    let stale = stale.coverage_of(&web());
    assert_eq!(stale.status, CoverageStatus::Stale);
    assert_eq!(code(&stale), Some(ReasonCode::AutoSnapshotsOff));
}

#[test]
fn each_state_of_a_copy_has_its_reason() {
    let failed = |day, hours| started(copy(&web(), date(day), SnapshotState::Error), hours);
    let pending = |hours| started(copy(&web(), date(TODAY), SnapshotState::Pending), hours);
    let unknown = copy(&web(), date(TODAY), SnapshotState::Unknown);
    let mut someone = available(&web(), TODAY);
    someone.from = Some("other".to_owned());
    let old = available(&web(), "2026-11-01");
    let (stale, unprotected) = (CoverageStatus::Stale, CoverageStatus::Unprotected);
    for (there, status, reason) in [
        (vec![failed(TODAY, 1)], unprotected, ReasonCode::CopyErrored),
        (vec![failed(TODAY, 7)], unprotected, ReasonCode::CopyErrored),
        (
            vec![failed(TODAY, 1), old.clone()],
            stale,
            ReasonCode::CopyErrored,
        ),
        (
            vec![failed(YESTERDAY, 30), old.clone()],
            stale,
            ReasonCode::CopyErrored,
        ),
        (vec![unknown], unprotected, ReasonCode::CopyErrored),
        (
            vec![pending(1)],
            CoverageStatus::Pending,
            ReasonCode::CopyInProgress,
        ),
        (vec![pending(60)], unprotected, ReasonCode::CopyInProgress),
        (
            vec![pending(1), old.clone()],
            stale,
            ReasonCode::CopyInProgress,
        ),
        (vec![someone.clone()], unprotected, ReasonCode::CopyFailed),
        (vec![someone, old], stale, ReasonCode::CopyFailed),
    ] {
        let base = account("").with(&web(), &[TODAY]);
        let account = there.iter().cloned().fold(base, |account, snapshot| {
            account.there("us-east-1", snapshot)
        });
        let coverage = account.coverage_of(&web());
        assert_eq!(coverage.status, status, "{there:?}");
        assert_eq!(code(&coverage), Some(reason), "{there:?}");
        let text = coverage.reason.unwrap().text;
        let did_not_start = reason == ReasonCode::CopyFailed;
        assert_eq!(text.contains("did not start"), did_not_start, "{text}");
    }
}

#[test]
fn a_disk_is_pending_only_as_long_as_its_instance_could_have_been_copied_with_it() {
    for (lacking, status) in [
        (1, CoverageStatus::Pending),
        (2, CoverageStatus::Pending),
        // The oldest copy without the disk is from before `maxRecoveryPointAgeHours`.
        (3, CoverageStatus::Unprotected),
        (30, CoverageStatus::Unprotected),
    ] {
        let (account, data) = with_attached_disk("");
        let account = (0..lacking).fold(account, |account, days| {
            let day = (date(TODAY) - days.days()).to_string();
            account.there("us-east-1", available(&web(), &day))
        });
        let coverage = account.coverage_of(&data);
        assert_eq!(coverage.status, status, "{lacking} copies lack the disk");
        assert_eq!(code(&coverage), Some(ReasonCode::DiskNotInCopy));
        assert_eq!((coverage.size_gb, coverage.copies), (Some(8), 0));
        // An older copy that contains it was made before it was detached for a while.
        let before = Snapshot {
            attached_disks: vec!["data".to_owned()],
            ..available(&web(), "2026-10-01")
        };
        let coverage = account.there("us-east-1", before).coverage_of(&data);
        assert_eq!((coverage.status, coverage.copies), (status, 1));
    }
}

#[test]
fn sizes_and_numbers_of_copies_are_those_of_the_source() {
    let account = account("")
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), TODAY))
        .there("us-east-1", available(&web(), YESTERDAY))
        .there(
            "us-east-1",
            copy(&web(), date("2026-11-20"), SnapshotState::Error),
        )
        .there(
            "us-east-1",
            available(&instance("us-west-2", "gone"), TODAY),
        );
    let coverage = account.coverage_of(&web());
    assert_eq!((coverage.size_gb, coverage.copies), (Some(40), 2));
    let json = serde_json::to_value(&coverage).unwrap();
    assert_eq!((&json["sizeGb"], &json["copies"]), (&json!(40), &json!(2)));
    assert!(json.get("reasonCode").is_none());
}

#[test]
fn what_no_rule_selects_any_more_is_unselected_once_its_copies_are_too_old() {
    for (day, expected) in [
        (TODAY, None),
        (YESTERDAY, None),
        ("2026-11-19", Some(CoverageStatus::Unselected)),
    ] {
        let policy = r#"{ "sources": [ { "region": "us-west-2", "names": ["db"] } ], "destinations": ["us-east-1", "eu-west-1"] }"#;
        let account = FakeAccount::empty(policy)
            .with(&web(), &[TODAY])
            .there("us-east-1", available(&web(), day));
        let coverage = account.coverage();
        let status = coverage.first().map(|entry| entry.status);
        assert_eq!(status, expected, "{day}");
        // Only where there are copies, and only while it exists.
        assert_eq!(coverage.len(), usize::from(expected.is_some()));
        if let Some(entry) = coverage.first() {
            assert_eq!(code(entry), Some(ReasonCode::NotSelected));
            assert_eq!((entry.copies, entry.newest), (1, Some(date(day))));
        }
        let mut gone = account;
        gone.resources.clear();
        assert!(gone.coverage().is_empty());
    }
}

#[test]
fn the_verdicts_of_a_run_are_in_its_coverage() {
    let account = account("")
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), TODAY));
    let verdict: Verdict = "2026-11-22 passed 7m".parse().unwrap();
    let drill = DrillResult {
        source: web(),
        destination: region("us-east-1"),
        snapshot: None,
        instance: "drill-web-2026-11-22".to_owned(),
        outcome: DrillOutcome::Passed,
        minutes: Some(7),
        checks: Vec::new(),
        verdict: Some(verdict),
        error: None,
    };
    let events = [RunEvent::DrillResult(drill.into())];
    let covered = coverage(&account.policy, &account.observed(), account.now, &events);
    assert_eq!(covered[0].last_drill, Some(verdict));
    let mut unread = account;
    unread.unread_destinations.insert(region("us-east-1"));
    let covered = coverage(&unread.policy, &unread.observed(), unread.now, &events);
    assert_eq!(covered[0].status, CoverageStatus::Unknown);
    assert_eq!(covered[0].last_drill, Some(verdict));
}

#[tokio::test(start_paused = true)]
async fn an_unselected_source_is_a_warning_and_counts_in_no_metric() {
    let day = days_ago(5);
    let world = json!({ "regions": {
        "us-west-2": { "instances": [ { "name": "web" }, { "name": "db", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": { "instanceSnapshots": [ {
            "name": format!("web-us-west-2-{day}"), "fromInstanceName": "web",
            "fromInstanceArn": "arn:aws:lightsail:us-west-2:123456789012:Instance/web",
            "tags": { "snapshot-copier:source": "us-west-2/web", "snapshot-copier:recovery-point": day },
        } ] },
    } });
    let policy = r#"{ "sources": [ { "region": "us-west-2", "names": ["db"] } ], "destinations": ["us-east-1"] }"#;
    let run = InProcess::new(&world.to_string(), Some(policy)).run().await;
    let members = [
        "sourceResourceName",
        "status",
        "reasonCode",
        "sizeGb",
        "copies",
    ];
    assert_eq!(
        run.rows("coverage", &members),
        [
            ["db", "pending", "CopyInProgress", "60", "0"],
            ["web", "unselected", "NotSelected", "60", "1"],
        ]
    );
    let lines = run.lines("coverage");
    let line = lines
        .iter()
        .find(|line| line["fields"]["status"] == "unselected");
    assert_eq!(line.unwrap()["level"], "WARN");
    let metrics = run
        .log
        .iter()
        .find(|line| line.get("_aws").is_some())
        .unwrap();
    assert_eq!(
        (&metrics["SourcesStale"], &metrics["SourcesUnprotected"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(metrics.get("RecoveryPointAgeHours"), None);
}

#[test]
fn storage_is_bounded_by_the_newest_copies_and_by_all_of_them() {
    let of_size = |source: &ResourceId, day: &str, size_gb| Snapshot {
        size_gb,
        ..available(source, day)
    };
    let gone = instance("us-west-2", "gone");
    let unread = instance("eu-central-1", "unread");
    let account = account("")
        .with(&web(), &[TODAY])
        .there("us-east-1", of_size(&web(), TODAY, 40))
        .there("us-east-1", of_size(&web(), YESTERDAY, 30))
        .there("us-east-1", of_size(&gone, "2026-11-01", 20))
        .there("us-east-1", of_size(&gone, "2026-10-01", 20))
        // Nobody can say whether it is gone.
        .there("us-east-1", of_size(&unread, "2026-11-01", 5))
        .there(
            "us-east-1",
            copy(&web(), date("2026-11-20"), SnapshotState::Error),
        );
    let stored = storage(&account.observed());
    let stored = &stored[&region("us-east-1")];
    let size = |copies, at_least_gb, at_most_gb| Size {
        copies,
        at_least_gb,
        at_most_gb,
    };
    assert_eq!(stored.total, size(5, 65, 115));
    assert_eq!(stored.gone, [(gone, size(2, 20, 40))].into());
}

#[test]
fn the_transfer_of_a_dry_run_is_the_size_of_its_planned_copies() {
    let data = disk("us-west-2", "data");
    let mut account = account("")
        .with(&web(), &[TODAY])
        .with(&data, &[TODAY])
        .with(&instance("us-west-2", "db"), &[TODAY]);
    account.resources.get_mut(&data).unwrap().size_gb = Some(8);
    let mut events = account.events();
    for event in &mut events {
        let RunEvent::CopyResult(result) = event else {
            panic!("{event:?}")
        };
        let is_planned = result.copy.source.name() != "db";
        result.outcome = [Outcome::Deferred, Outcome::Planned][usize::from(is_planned)];
    }
    let transfer = transfer(&account.observed(), &events);
    assert_eq!(
        serde_json::to_value(&transfer).unwrap(),
        json!({ "us-east-1": { "copies": 2, "gigabytes": 48 } })
    );
}
