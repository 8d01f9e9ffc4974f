//! No source starves, no gap stays hidden, and nothing is deleted by mistake.

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use lightsail_emulator::{Operation, Region as EmulatorRegion};
use lightsail_snapshot_copier::{
    AutoSnapshot, CopyStep, CoverageStatus, MassDeletion, ResourceId, Snapshot, SnapshotState,
    sources_to_query,
};
use serde_json::json;

use test_support::account::{
    FakeAccount, copy, date, deleted_names, disk, instance, made, made_names, noon, region,
};
use test_support::in_process::InProcess;

const TODAY: &str = "2026-11-22";
const YESTERDAY: &str = "2026-11-21";

fn account(members: &str) -> FakeAccount {
    FakeAccount::empty(&format!(
        r#"{{ "sources": [ {{ "region": "us-west-2" }} ], "destinations": ["us-east-1"] {members} }}"#
    ))
}

fn web() -> ResourceId {
    instance("us-west-2", "web")
}

fn status(account: &FakeAccount, source: &ResourceId) -> CoverageStatus {
    account.coverage_of(source).status
}

/// A copy that was started some hours before noon.
fn started(source: &ResourceId, day: &str, state: SnapshotState, hours_ago: i64) -> Snapshot {
    Snapshot {
        created_at: Some(noon() - SignedDuration::from_hours(hours_ago)),
        ..copy(source, date(day), state)
    }
}

/// Runs a policy for some days. Copies of `bad-…` sources end in `error`, the others succeed.
/// Returns the longest time in hours that a good source's newest available copy was old.
fn run_with_bad_sources(mut account: FakeAccount, days: i64, hours_between_runs: i64) -> f64 {
    let mut worst: f64 = 0.0;
    for hour in (0..24 * days).step_by(hours_between_runs as usize) {
        account.now = noon() + SignedDuration::from_hours(hour);
        let today = account.today();
        for points in account.points.values_mut() {
            *points = Ok(vec![snapshot_of(today)]);
        }
        let plan = account.plan();
        account.apply(&plan, SnapshotState::Pending, true);
        for snapshot in account.snapshots.values_mut().flatten() {
            if snapshot.state == SnapshotState::Pending {
                let bad = snapshot.name.starts_with("bad");
                snapshot.state = match bad {
                    true => SnapshotState::Error,
                    false => SnapshotState::Available,
                };
            }
        }
        if hour >= 48 {
            let ages = account.coverage().into_iter();
            let good = ages.filter(|entry| entry.source.name.starts_with("good"));
            worst = good
                .map(|entry| entry.age_hours.unwrap_or(f64::INFINITY))
                .fold(worst, f64::max);
        }
    }
    worst
}

fn snapshot_of(day: Date) -> AutoSnapshot {
    AutoSnapshot {
        date: day,
        created_at: None,
        restorable: true,
        in_progress: false,
    }
}

fn good_and_bad(members: &str, good: usize, bad: usize) -> FakeAccount {
    let names = (0..good).map(|n| format!("good-{n}"));
    let names = names.chain((0..bad).map(|n| format!("bad-{n}")));
    names.fold(account(members), |account, name| {
        account.with(&instance("us-west-2", &name), &[TODAY])
    })
}

#[test]
fn sources_that_always_fail_do_not_starve_the_others() {
    for (members, good, bad, hours) in [
        ("", 5, 20, 1),
        ("", 5, 20, 24),
        (r#", "maxCopiesInProgress": 2"#, 4, 4, 1),
        (r#", "maxCopiesInProgress": 2"#, 2, 4, 24),
    ] {
        let worst = run_with_bad_sources(good_and_bad(members, good, bad), 8, hours);
        assert!(
            worst <= 48.0,
            "{good} good, {bad} bad, every {hours} h: {worst} h"
        );
    }
}

#[test]
fn a_source_that_failed_once_does_not_wait_for_sources_that_always_fail() {
    let sources = ["bad-0", "bad-1", "bad-2", "web"].map(|name| instance("us-west-2", name));
    let base = account(r#", "maxCopiesInProgress": 2"#);
    let mut account = sources.iter().fold(base, |account, source| {
        let failed = started(source, YESTERDAY, SnapshotState::Error, 24);
        account.with(source, &[TODAY]).there("us-east-1", failed)
    });
    for day in 0..2 {
        account.now = noon() + SignedDuration::from_hours(24 * day);
        let today = account.today();
        for points in account.points.values_mut() {
            *points = Ok(vec![snapshot_of(today)]);
        }
        let plan = account.plan();
        account.apply(&plan, SnapshotState::Error, true);
        let started = made(&plan.destinations[&region("us-east-1")]);
        if started.iter().any(|copy| copy.source == web()) {
            return;
        }
    }
    panic!("two runs with two slots did not try each of four sources");
}

#[test]
fn a_failed_copy_is_started_again_after_six_hours() {
    let mut account = account("").with(&web(), &[TODAY]);
    let mut starts = 0;
    for hour in 0..24 {
        account.now = "2026-11-22T00:00:00Z".parse().unwrap();
        account.now += hour.hours();
        let plan = account.plan();
        starts += made(&plan.destinations[&region("us-east-1")]).len();
        account.apply(&plan, SnapshotState::Error, true);
    }
    assert_eq!(starts, 4);
}

#[test]
fn a_first_copy_is_pending_for_a_limited_time() {
    let source = web();
    let base = account("").with(&source, &[TODAY]);
    let pending = |hours| started(&source, TODAY, SnapshotState::Pending, hours);
    let with = |snapshot| status(&base.clone().there("us-east-1", snapshot), &source);
    assert_eq!(with(pending(35)), CoverageStatus::Pending);
    assert_eq!(with(pending(37)), CoverageStatus::Unprotected);
    let failed = started(&source, TODAY, SnapshotState::Error, 1);
    assert_eq!(with(failed), CoverageStatus::Unprotected);
    let failed = started(&source, TODAY, SnapshotState::Error, 7);
    assert_eq!(with(failed), CoverageStatus::Unprotected);
    // An older copy in progress counts, not the newest.
    let both = base.there("us-east-1", pending(1)).there(
        "us-east-1",
        started(&source, YESTERDAY, SnapshotState::Pending, 50),
    );
    assert_eq!(status(&both, &source), CoverageStatus::Unprotected);
}

#[test]
fn a_first_copy_without_a_slot_is_unprotected() {
    let other = instance("eu-west-1", "other");
    let full = account(r#", "maxCopiesInProgress": 1"#)
        .with(&web(), &[TODAY])
        .there(
            "us-east-1",
            copy(&other, date(TODAY), SnapshotState::Pending),
        );
    let coverage = full.coverage_of(&web());
    assert_eq!(coverage.status, CoverageStatus::Unprotected);
    assert!(coverage.reason.unwrap().text.contains("waits for room"));
}

#[test]
fn backfill_fills_a_gap_although_todays_copy_exists() {
    let days = [TODAY, YESTERDAY, "2026-11-20"];
    let gap = |members: &str| {
        account(members)
            .with(&web(), &days)
            .there(
                "us-east-1",
                copy(&web(), date(TODAY), SnapshotState::Available),
            )
            .there(
                "us-east-1",
                copy(&web(), date("2026-11-20"), SnapshotState::Available),
            )
    };
    let with_backfill = gap(r#", "backfill": true"#);
    assert_eq!(
        made_names(&with_backfill.steps("us-east-1")),
        ["web-us-west-2-2026-11-21"]
    );
    let without = gap("");
    assert!(made(&without.steps("us-east-1")).is_empty());
    assert!(sources_to_query(&without.policy, &without.observed(), noon()).is_empty());
    // Retention would not keep the missing day, so nobody asks for it.
    let not_kept = gap(r#", "backfill": true, "retention": { "keepLast": 1 }"#);
    assert!(sources_to_query(&not_kept.policy, &not_kept.observed(), noon()).is_empty());
}

#[test]
fn the_worst_covered_sources_are_queried_first() {
    let sources = ["a", "b", "c"].map(|name| instance("us-west-2", name));
    let account = sources.iter().fold(account(""), |account, source| {
        account.with(source, &[TODAY])
    });
    let account = account
        .there(
            "us-east-1",
            copy(&sources[0], date(YESTERDAY), SnapshotState::Available),
        )
        .there(
            "us-east-1",
            copy(&sources[1], date("2026-11-01"), SnapshotState::Available),
        );
    let queried = sources_to_query(&account.policy, &account.observed(), noon());
    let names: Vec<_> = queried.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["c", "b", "a"]);
}

/// An account with an instance and a disk that is attached to it and has no automatic snapshots.
/// Its policy has these members besides.
fn with_attached_disk(members: &str) -> (FakeAccount, ResourceId) {
    let data = disk("us-west-2", "data");
    let mut account = account(members).with(&web(), &[TODAY]).with(&data, &[]);
    let resource = account.resources.get_mut(&data).unwrap();
    resource.automatic_snapshots = false;
    resource.attached_to = Some("web".to_owned());
    (account, data)
}

#[test]
fn an_attached_disk_is_covered_through_its_instance() {
    let (account, data) = with_attached_disk("");
    let copy_with = |disks: &[&str], day: &str| Snapshot {
        attached_disks: disks.iter().map(|name| (*name).to_owned()).collect(),
        ..copy(&web(), date(day), SnapshotState::Available)
    };
    for (snapshot, expected) in [
        (Some(copy_with(&["data"], TODAY)), CoverageStatus::Protected),
        (
            Some(copy_with(&["data"], "2026-11-01")),
            CoverageStatus::Stale,
        ),
        (Some(copy_with(&[], TODAY)), CoverageStatus::Pending),
        (
            Some(copy_with(&[], "2026-11-01")),
            CoverageStatus::Unprotected,
        ),
        (None, CoverageStatus::Pending),
    ] {
        let account = snapshot
            .iter()
            .cloned()
            .fold(account.clone(), |account, snapshot| {
                account.there("us-east-1", snapshot)
            });
        let coverage = account.coverage_of(&data);
        assert_eq!(coverage.status, expected, "{snapshot:?}");
        assert_eq!(coverage.through.as_deref(), Some("web"));
        let plan = account.steps("us-east-1");
        assert!(plan.copies.iter().all(|planned| planned.source != data));
    }
}

/// An attached disk is no source. Its rule still selects it, so its retention goes on.
#[test]
fn copies_of_a_disk_from_before_it_was_attached_follow_retention() {
    let (mut account, data) = with_attached_disk(r#", "retention": { "keepLast": 2 }"#);
    for day in [YESTERDAY, "2026-11-20", "2026-11-19"] {
        let copy = copy(&data, date(day), SnapshotState::Available);
        account = account.there("us-east-1", copy);
    }
    let deleted = |account: &FakeAccount| {
        let steps = account.steps("us-east-1");
        let names = deleted_names(&steps).into_iter().map(str::to_owned);
        names.collect::<Vec<_>>()
    };
    assert_eq!(deleted(&account), ["data-us-west-2-2026-11-19"]);
    // If no rule selects the disk any more, its copies stay.
    account.policy.sources[0].names = Some(vec!["web".parse().unwrap()]);
    assert!(deleted(&account).is_empty());
}

#[test]
fn a_disk_is_its_own_source_unless_a_selected_instance_contains_it() {
    let (mut own_snapshots, data) = with_attached_disk("");
    own_snapshots
        .resources
        .get_mut(&data)
        .unwrap()
        .automatic_snapshots = true;
    assert_eq!(own_snapshots.coverage_of(&data).through, None);
    let (mut disks_only, data) = with_attached_disk("");
    disks_only.policy = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2", "types": ["Disk"] } ], "destinations": ["us-east-1"] }"#,
    )
    .policy;
    let coverage = disks_only.coverage_of(&data);
    assert_eq!(
        (coverage.through, coverage.status),
        (None, CoverageStatus::Unprotected)
    );
}

#[test]
fn the_reason_names_what_prevents_copies() {
    let mut windows = account("").with(&web(), &[]);
    let resource = windows.resources.get_mut(&web()).unwrap();
    resource.automatic_snapshots = false;
    resource.is_windows = true;
    let coverage = windows.coverage_of(&web());
    assert_eq!(coverage.status, CoverageStatus::Unprotected);
    assert!(coverage.reason.unwrap().text.contains("Windows"));
}

#[test]
fn a_new_source_is_pending_until_its_first_automatic_snapshot() {
    let created = |hours: i64, points: &[&str]| {
        let mut account = account("").with(&web(), points);
        let resource = account.resources.get_mut(&web()).unwrap();
        resource.created_at = Some(noon() - SignedDuration::from_hours(hours));
        account
    };
    assert_eq!(status(&created(35, &[]), &web()), CoverageStatus::Pending);
    assert_eq!(
        status(&created(37, &[]), &web()),
        CoverageStatus::Unprotected
    );
    let mut off = created(1, &[]);
    off.resources.get_mut(&web()).unwrap().automatic_snapshots = false;
    assert_eq!(status(&off, &web()), CoverageStatus::Unprotected);
}

#[test]
fn copies_of_a_predecessor_do_not_protect() {
    let mut account = account("").with(&web(), &[TODAY]).there(
        "us-east-1",
        copy(&web(), date(YESTERDAY), SnapshotState::Available),
    );
    assert_eq!(status(&account, &web()), CoverageStatus::Protected);
    account.resources.get_mut(&web()).unwrap().created_at = Some(noon());
    let coverage = account.coverage_of(&web());
    assert_eq!(coverage.status, CoverageStatus::Pending);
    assert_eq!(coverage.newest, None);
}

#[test]
fn a_recovery_point_in_the_future_is_ignored() {
    let account = account(r#", "retention": { "keepLast": 1 }"#)
        .with(&web(), &[TODAY])
        .there(
            "us-east-1",
            copy(&web(), date("2062-01-01"), SnapshotState::Available),
        )
        .there(
            "us-east-1",
            copy(&web(), date("2026-11-20"), SnapshotState::Available),
        );
    let plan = account.plan();
    let steps = &plan.destinations[&region("us-east-1")];
    assert_eq!(made_names(steps), ["web-us-west-2-2026-11-22"]);
    assert!(deleted_names(steps).is_empty());
    assert_eq!(plan.ignored.len(), 1);
    assert_eq!(plan.ignored[0].name, "web-us-west-2-2062-01-01");
    let coverage = account.coverage_of(&web());
    assert_eq!(coverage.newest, Some(date("2026-11-20")));
    // Tomorrow can be a time zone, a later day cannot.
    let points = ["2026-11-24", "2026-11-21"];
    let dated_late = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"] }"#,
    )
    .with(&web(), &points);
    let steps = dated_late.steps("us-east-1");
    assert_eq!(made_names(&steps), ["web-us-west-2-2026-11-21"]);
}

#[test]
fn a_disk_snapshot_in_state_unknown_is_neither_available_nor_in_progress() {
    let data = disk("us-west-2", "data");
    let account = account("").with(&data, &[TODAY]).there(
        "us-east-1",
        copy(&data, date(TODAY), SnapshotState::Unknown),
    );
    let plan = account.plan();
    let steps = &plan.destinations[&region("us-east-1")];
    assert!(matches!(steps.copies[0].step, CopyStep::Wait { .. }));
    assert!(steps.deletions.is_empty());
    assert_eq!(plan.ignored.len(), 1);
    assert_eq!(status(&account, &data), CoverageStatus::Unprotected);
}

/// An account with this many available copies, of which retention keeps some.
fn with_copies(count: i64, keep: usize) -> FakeAccount {
    let mut account =
        account(&format!(r#", "retention": {{ "keepLast": {keep} }}"#)).with(&web(), &[TODAY]);
    account.mass_deletion = MassDeletion::Refused;
    (0..count).fold(account, |account, days| {
        let day = date(TODAY) - days.days();
        account.there("us-east-1", copy(&web(), day, SnapshotState::Available))
    })
}

#[test]
fn a_run_deletes_at_most_three_or_half_of_a_sources_copies() {
    for (count, keep, allowed) in [
        (4, 1, true),
        (5, 1, false),
        (6, 3, true),
        (6, 2, false),
        (7, 4, true),
        (7, 3, false),
        (20, 10, true),
        (20, 9, false),
    ] {
        let mut account = with_copies(count, keep);
        let deletions = account.steps("us-east-1").deletions;
        assert_eq!(deletions.len(), count as usize - keep, "{count} {keep}");
        let refused = deletions.iter().filter(|deletion| deletion.refused).count();
        let expected = if allowed { 0 } else { deletions.len() };
        assert_eq!(refused, expected, "{count} {keep}");
        account.mass_deletion = MassDeletion::Allowed;
        assert_eq!(
            deleted_names(&account.steps("us-east-1")).len(),
            deletions.len()
        );
    }
}

#[test]
fn failed_copies_do_not_count_as_a_mass_deletion() {
    let mut account = with_copies(4, 1);
    for days in 10..15 {
        let failed = copy(&web(), date(TODAY) - days.days(), SnapshotState::Error);
        account = account.there("us-east-1", failed);
    }
    let steps = account.steps("us-east-1");
    assert_eq!(deleted_names(&steps).len(), 3 + 5);
}

const WORLD_POLICY: &str = r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"], "retention": { "keepLast": 1 } }"#;

/// The source `web` with copies of today and the given number of days before.
fn function_with_copies(days: i64) -> (InProcess, Vec<String>) {
    let today = lightsail_snapshot_copier::utc_date(jiff::Timestamp::now());
    let names: Vec<String> = (0..days)
        .map(|ago| format!("web-us-west-2-{}", today - ago.days()))
        .collect();
    let snapshots: Vec<_> = (0..days)
        .map(|ago| {
            let day = (today - ago.days()).to_string();
            json!({
                "name": format!("web-us-west-2-{day}"), "fromInstanceName": "web",
                "tags": { "snapshot-copier:source": "us-west-2/web", "snapshot-copier:recovery-point": day },
            })
        })
        .collect();
    let world = json!({ "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": { "instanceSnapshots": snapshots },
    } });
    (
        InProcess::new(&world.to_string(), Some(WORLD_POLICY)),
        names,
    )
}

#[tokio::test(start_paused = true)]
async fn if_the_newest_copy_disappears_the_others_stay() {
    let (function, names) = function_with_copies(4);
    function
        .emulator
        .hide_snapshot(EmulatorRegion::UsEast1, &names[0], 100);
    let run = function.run().await;
    assert_eq!(run.changes(), [""; 0]);
    let answer = run.answer();
    assert_eq!(answer["summary"]["deferred"], 3);
    for deletion in answer["deletions"].as_array().unwrap() {
        assert_eq!(deletion["outcome"], "deferred");
        assert_eq!(deletion["error"]["code"], "NewestCopyMissing");
    }
}

/// The newest copy is available when the copies are listed, and another state is found right before
/// the deletions.
#[tokio::test(start_paused = true)]
async fn if_the_newest_copy_is_not_available_any_more_the_others_stay() {
    for state in ["pending", "error", "unknown"] {
        let (function, names) = function_with_copies(4);
        let newest = json!({ "instanceSnapshot": {
            "name": names[0], "state": state, "fromInstanceName": "web",
        } });
        function.emulator.fault_always_in(
            EmulatorRegion::UsEast1,
            Operation::GetInstanceSnapshot,
            lightsail_emulator::Fault::answer(
                lightsail_emulator::StatusCode::OK,
                "application/x-amz-json-1.1",
                newest.to_string(),
            ),
        );
        let run = function.run().await;
        assert_eq!(run.changes(), [""; 0], "{state}");
        for deletion in run.rows("deletions", &["outcome", "error"]) {
            assert_eq!(deletion[0], "deferred", "{state}");
            assert!(deletion[1].contains("NewestCopyMissing"), "{deletion:?}");
        }
        assert_eq!(run.answer()["summary"]["deferred"], 3, "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mass_deletion_needs_permission_and_a_dry_run_answers_it() {
    let (function, _) = function_with_copies(6);
    let dry = function.invoke(r#"{ "dryRun": true }"#).await;
    let deletions = dry.answer()["deletions"].as_array().unwrap();
    assert_eq!(deletions.len(), 5);
    for deletion in deletions {
        let found = (&deletion["outcome"], &deletion["error"]["code"]);
        assert_eq!(found, (&json!("failed"), &json!("MassDeletion")));
    }
    assert_eq!(dry.answer()["summary"]["failed"], 5);
    let run = function.invoke("{}").await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert_eq!(message.lines().count(), 5, "{message}");
    assert!(message.contains("MassDeletion") && message.contains("allowMassDeletion"));
    for run in [&dry, &run] {
        assert_eq!(run.changes(), [""; 0]);
    }
    let allowed = function
        .invoke(r#"{ "dryRun": true, "allowMassDeletion": true }"#)
        .await;
    assert_eq!(allowed.answer()["deletions"].as_array().unwrap().len(), 5);
    let allowed = function.invoke(r#"{ "allowMassDeletion": true }"#).await;
    assert_eq!(allowed.answer()["summary"]["deleted"], 5);
}

#[tokio::test(start_paused = true)]
async fn throttled_deletions_count_as_deferred() {
    let (function, _) = function_with_copies(3);
    function.emulator.fault_always_in(
        EmulatorRegion::UsEast1,
        Operation::DeleteInstanceSnapshot,
        lightsail_emulator::Fault::throttled(),
    );
    let run = function.run().await;
    assert_eq!(run.answer()["summary"]["deferred"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_or_tag_whose_operation_failed_fails() {
    let (function, names) = function_with_copies(3);
    let failed = || lightsail_emulator::Fault::operation_fails("InternalError", "no");
    function.emulator.fault_always_in(
        EmulatorRegion::UsEast1,
        Operation::DeleteInstanceSnapshot,
        failed(),
    );
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(
        message.contains("deletion of") && message.contains("InternalError"),
        "{message}"
    );
    for name in &names {
        assert!(function.snapshot("us-east-1", name).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_copy_that_lightsail_refuses_is_unprotected() {
    let world = json!({ "copyLimit": 0, "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
    } });
    let function = InProcess::new(&world.to_string(), Some(WORLD_POLICY));
    let run = function.run().await;
    assert_eq!(run.rows("copies", &["outcome"]), [["deferred"]]);
    assert_eq!(run.rows("coverage", &["status"]), [["unprotected"]]);
}

#[tokio::test(start_paused = true)]
async fn a_first_copy_is_pending_that_gets_the_slot_of_a_refused_one() {
    let source = |name: &str| json!({ "name": name, "autoSnapshots": [ { "date": "today" } ] });
    let world = json!({ "regions": {
        "us-west-2": { "instances": [source("a-refused"), source("web")] },
    } });
    let policy = r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"],
        "maxCopiesInProgress": 1 }"#;
    let function = InProcess::new(&world.to_string(), Some(policy));
    let refused = lightsail_emulator::Fault::error(
        lightsail_emulator::StatusCode::BAD_REQUEST,
        "NotFoundException",
        "The Instance does not exist: a-refused",
    );
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, refused);
    let run = function.run().await;
    assert_eq!(
        run.rows("copies", &["outcome"]),
        [["deferred"], ["started"]]
    );
    let coverage = run.rows("coverage", &["sourceResourceName", "status"]);
    assert_eq!(coverage, [["a-refused", "unprotected"], ["web", "pending"]]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_disappears_during_the_run_is_deferred() {
    let (function, _) = function_with_copies(0);
    function.emulator.fault_next(
        Operation::CopySnapshot,
        1,
        lightsail_emulator::Fault::error(
            lightsail_emulator::StatusCode::BAD_REQUEST,
            "NotFoundException",
            "The Instance does not exist: web",
        ),
    );
    let run = function.run().await;
    assert_eq!(run.rows("copies", &["outcome"]), [["deferred"]]);
}
