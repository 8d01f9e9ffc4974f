//! How well each source is covered.

use super::*;

#[track_caller]
fn assert_covered(
    account: &FakeAccount,
    status: CoverageStatus,
    newest: Option<&str>,
    age_hours: Option<f64>,
) {
    let coverage = only_coverage(account);
    assert_eq!(coverage.status, status, "{coverage:?}");
    assert_eq!(coverage.newest, newest.map(date));
    assert_eq!(coverage.age_hours, age_hours);
}

#[track_caller]
fn assert_reason(account: &FakeAccount, code: Option<ReasonCode>, text: &str) {
    let reason = only_coverage(account).reason;
    assert_eq!(reason.as_ref().map(|reason| reason.code), code);
    assert_eq!(reason.map_or(String::new(), |reason| reason.text), text);
}

#[test]
fn a_young_copy_protects() {
    // The age counts from when the automatic snapshot was made: 06:00 yesterday.
    let account = account("").with(&web(), &[YESTERDAY]);
    let account = account.there("us-east-1", available(&web(), YESTERDAY));
    assert_covered(
        &account,
        CoverageStatus::Protected,
        Some(YESTERDAY),
        Some(30.0),
    );
    assert_reason(&account, None, "");
}

#[test]
fn the_age_of_an_unknown_automatic_snapshot_counts_from_midnight() {
    let account = account("").with(&web(), &[]);
    let account = account.there("us-east-1", available(&web(), YESTERDAY));
    assert_covered(
        &account,
        CoverageStatus::Protected,
        Some(YESTERDAY),
        Some(36.0),
    );
}

#[test]
fn the_age_may_be_as_high_as_the_policy_says() {
    let account = |limit: &str| {
        account(&format!(r#", "maxRecoveryPointAgeHours": {limit}"#))
            .with(&web(), &[YESTERDAY])
            .there("us-east-1", available(&web(), YESTERDAY))
    };
    assert_covered(
        &account("30"),
        CoverageStatus::Protected,
        Some(YESTERDAY),
        Some(30.0),
    );
    assert_covered(
        &account("29.9"),
        CoverageStatus::Stale,
        Some(YESTERDAY),
        Some(30.0),
    );
    assert_reason(
        &account("29.9"),
        Some(ReasonCode::CopyTooOld),
        "the newest restorable automatic snapshot is of 2026-11-21",
    );
}

#[test]
fn only_available_copies_protect() {
    let account = account("").with(&web(), &[TODAY]);
    let pending = account.clone();
    let pending = pending.there("us-east-1", copy(&web(), date(TODAY), Pending));
    assert_covered(&pending, CoverageStatus::Pending, None, None);
    let failed = account.there("us-east-1", copy(&web(), date(TODAY), Error));
    assert_covered(&failed, CoverageStatus::Unprotected, None, None);
}

#[test]
fn a_first_copy_on_its_way_is_pending() {
    let account = account("").with(&web(), &[TODAY]);
    assert_covered(&account, CoverageStatus::Pending, None, None);
    let code = Some(ReasonCode::CopyInProgress);
    assert_reason(&account, code, "this run starts the first copy");
}

#[test]
fn a_first_copy_that_will_be_too_old_is_pending_and_then_stale() {
    let account = account("").with(&web(), &["2026-11-10"]);
    assert_covered(&account, CoverageStatus::Pending, None, None);
    let account = account.there("us-east-1", available(&web(), "2026-11-10"));
    assert_eq!(only_coverage(&account).status, CoverageStatus::Stale);
    assert_reason(
        &account,
        Some(ReasonCode::CopyTooOld),
        "the newest restorable automatic snapshot is of 2026-11-10",
    );
}

#[test]
fn an_old_copy_stays_stale_until_the_new_one_is_there() {
    let account = account("")
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), "2026-11-15"));
    assert_covered(
        &account,
        CoverageStatus::Stale,
        Some("2026-11-15"),
        Some(180.0),
    );
    let code = Some(ReasonCode::CopyInProgress);
    assert_reason(&account, code, "this run starts the copy of 2026-11-22");
}

#[test]
fn a_source_without_automatic_snapshots_is_unprotected() {
    let mut account = account("").with(&web(), &[]);
    assert_covered(&account, CoverageStatus::Unprotected, None, None);
    let code = Some(ReasonCode::NoneRestorable);
    assert_reason(&account, code, "no automatic snapshot is restorable");
    // One of the future cannot be, nor is its copy one.
    let future = self::account("")
        .with(&web(), &["2026-12-22"])
        .there("us-east-1", available(&web(), "2026-12-22"));
    assert_covered(&future, CoverageStatus::Unprotected, None, None);
    assert_reason(&future, code, "no automatic snapshot is restorable");
    account
        .resources
        .get_mut(&web())
        .unwrap()
        .automatic_snapshots = false;
    assert_covered(&account, CoverageStatus::Unprotected, None, None);
    let code = Some(ReasonCode::AutoSnapshotsOff);
    assert_reason(&account, code, "automatic snapshots are off");
    // With a copy from before, it is only stale, and the reason is the same.
    let account = account.there("us-east-1", available(&web(), "2026-11-15"));
    assert_covered(
        &account,
        CoverageStatus::Stale,
        Some("2026-11-15"),
        Some(180.0),
    );
    assert_reason(&account, code, "automatic snapshots are off");
}

#[test]
fn a_source_whose_copies_names_are_too_long_is_unprotected() {
    let source = instance("us-west-2", &"w".repeat(240));
    let account = account("").with(&source, &[TODAY]);
    assert!(account.steps("us-east-1").copies.is_empty());
    let coverage = only_coverage(&account);
    assert_eq!(coverage.status, CoverageStatus::Unprotected);
    let reason = coverage.reason.unwrap();
    assert_eq!(reason.code, ReasonCode::CopyFailed);
    let expected = "261 characters, more than 255";
    assert!(reason.text.contains(expected), "{reason:?}");
}

#[test]
fn a_source_that_cannot_be_read_is_unprotected_and_a_destination_is_unknown() {
    let mut account = account("").with(&web(), &[]);
    account.points.insert(web(), Err(unreadable()));
    assert_covered(&account, CoverageStatus::Unprotected, None, None);
    assert_reason(
        &account,
        Some(ReasonCode::NotRead),
        "its automatic snapshots could not be read: ServiceException: no answer",
    );
    // A copy that is young enough is one all the same.
    let with_copy = account.clone();
    let with_copy = with_copy.there("us-east-1", available(&web(), YESTERDAY));
    assert_covered(
        &with_copy,
        CoverageStatus::Protected,
        Some(YESTERDAY),
        Some(36.0),
    );
    account.unread_destinations.insert(region("us-east-1"));
    assert_covered(&account, CoverageStatus::Unknown, None, None);
    let code = Some(ReasonCode::NotRead);
    assert_reason(&account, code, "us-east-1 could not be read");
}

#[test]
fn coverage_is_by_source_and_then_by_destination() {
    let account = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2" }, { "region": "eu-central-1" } ],
             "destinations": ["us-east-1", "eu-west-1"] }"#,
    )
    .with(&web(), &[])
    .with(&disk("us-west-2", "data"), &[])
    .with(&instance("eu-central-1", "z"), &[]);
    let coverage = account.coverage();
    let entries: Vec<String> = coverage
        .iter()
        .map(|entry| {
            let ResourceId { region, name, kind } = &entry.source;
            format!(
                "{region} {name} {} {}",
                <&str>::from(kind),
                entry.destination
            )
        })
        .collect();
    assert_eq!(
        entries,
        [
            "eu-central-1 z Instance us-east-1",
            "eu-central-1 z Instance eu-west-1",
            "us-west-2 data Disk us-east-1",
            "us-west-2 data Disk eu-west-1",
            "us-west-2 web Instance us-east-1",
            "us-west-2 web Instance eu-west-1",
        ]
    );
}

#[test]
fn a_first_copy_is_pending_for_a_limited_time() {
    let source = web();
    let base = account("").with(&source, &[TODAY]);
    let pending = |hours| started(copy(&source, date(TODAY), Pending), hours);
    let with = |snapshot| status(&base.clone().there("us-east-1", snapshot), &source);
    assert_eq!(with(pending(36)), CoverageStatus::Pending);
    assert_eq!(with(pending(37)), CoverageStatus::Unprotected);
    let failed = started(copy(&source, date(TODAY), Error), 1);
    assert_eq!(with(failed), CoverageStatus::Unprotected);
    let failed = started(copy(&source, date(TODAY), Error), 7);
    assert_eq!(with(failed), CoverageStatus::Unprotected);
    // An older copy in progress counts, not the newest.
    let both = base.there("us-east-1", pending(1)).there(
        "us-east-1",
        started(copy(&source, date(YESTERDAY), Pending), 50),
    );
    assert_eq!(status(&both, &source), CoverageStatus::Unprotected);
}

#[test]
fn a_first_copy_without_a_slot_is_unprotected() {
    let other = instance("eu-west-1", "other");
    let full = account(r#", "maxCopiesInProgress": 1"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", copy(&other, date(TODAY), Pending));
    let coverage = full.coverage_of(&web());
    assert_eq!(coverage.status, CoverageStatus::Unprotected);
    assert!(coverage.reason.unwrap().text.contains("waits for room"));
}

#[test]
fn an_attached_disk_is_covered_through_its_instance() {
    let (account, data) = with_attached_disk("");
    let copy_with = |disks: &[&str], day: &str| Snapshot {
        attached_disks: disks.iter().map(|name| (*name).to_owned()).collect(),
        ..available(&web(), day)
    };
    let old = "2026-11-01";
    for (snapshot, expected, newest) in [
        (
            Some(copy_with(&["data"], TODAY)),
            CoverageStatus::Protected,
            Some(TODAY),
        ),
        (
            Some(copy_with(&["data"], old)),
            CoverageStatus::Stale,
            Some(old),
        ),
        (Some(copy_with(&[], TODAY)), CoverageStatus::Pending, None),
        (Some(copy_with(&[], old)), CoverageStatus::Unprotected, None),
        (None, CoverageStatus::Pending, None),
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
        assert_eq!(coverage.newest, newest.map(date));
        assert_eq!(coverage.age_hours.is_some(), newest.is_some());
        let plan = account.steps("us-east-1");
        assert!(plan.copies.iter().all(|planned| planned.source != data));
    }
}

#[test]
fn a_drill_of_an_instance_proves_nothing_of_its_attached_disks() {
    let (account, data) = with_attached_disk("");
    let mut drilled = available(&web(), TODAY);
    let verdict = "2026-11-22 passed 7m";
    let tag = ("snapshot-copier:drilled".to_owned(), verdict.to_owned());
    drilled.tags.extend([tag]);
    drilled.attached_disks = vec!["data".to_owned()];
    let account = account.there("us-east-1", drilled);
    let last_drill = account.coverage_of(&web()).last_drill.unwrap();
    assert_eq!(last_drill.to_string(), verdict);
    assert_eq!(account.coverage_of(&data).last_drill, None);
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
    assert_eq!(status(&created(36, &[]), &web()), CoverageStatus::Pending);
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
    let mut account = account("")
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), YESTERDAY));
    assert_eq!(status(&account, &web()), CoverageStatus::Protected);
    account.resources.get_mut(&web()).unwrap().created_at = Some(noon());
    let coverage = account.coverage_of(&web());
    assert_eq!(coverage.status, CoverageStatus::Pending);
    assert_eq!(coverage.newest, None);
}
