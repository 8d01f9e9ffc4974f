//! Which sources are asked, which of their recovery points are copied, and in which order.

use super::*;

#[test]
fn without_backfill_older_recovery_points_are_not_copied() {
    let account = account("").with(&web(), &[TODAY, YESTERDAY, "2026-11-20"]);
    assert_eq!(
        made_names(&account.steps("us-east-1")),
        ["web-us-west-2-2026-11-22"]
    );
}

#[test]
fn backfill_copies_what_is_missing_oldest_first() {
    let account = account(r#", "backfill": true"#)
        .with(&web(), &[TODAY, YESTERDAY, "2026-11-20", "2026-11-19"])
        .there("us-east-1", available(&web(), "2026-11-20"));
    assert_eq!(
        made_names(&account.steps("us-east-1")),
        [
            "web-us-west-2-2026-11-19",
            "web-us-west-2-2026-11-21",
            "web-us-west-2-2026-11-22"
        ]
    );
}

#[test]
fn backfill_copies_only_what_retention_keeps() {
    let account = account(r#", "backfill": true, "retention": { "keepLast": 2, "keepWeekly": 2 }"#)
        .with(
            &web(),
            &[
                TODAY,
                YESTERDAY,
                "2026-11-20",
                "2026-11-17",
                "2026-11-15",
                "2026-11-14",
            ],
        );
    assert_eq!(
        made_names(&account.steps("us-east-1")),
        [
            "web-us-west-2-2026-11-15",
            "web-us-west-2-2026-11-21",
            "web-us-west-2-2026-11-22"
        ]
    );
}

#[test]
fn a_recovery_point_that_retention_would_delete_is_not_copied() {
    let account = account(r#", "retention": { "keepLast": 1 }"#)
        .with(&web(), &["2026-11-18"])
        .there("us-east-1", available(&web(), "2026-11-20"));
    let steps = account.steps("us-east-1");
    assert!(steps.copies.is_empty(), "{:?}", steps.copies);
}

#[test]
fn the_worst_covered_sources_go_first() {
    let source = |name| instance("us-west-2", name);
    let account = account(r#", "maxCopiesInProgress": 3"#)
        .with(&source("a-yesterday"), &[TODAY])
        .with(&source("b-never"), &[TODAY])
        .with(&source("c-last-week"), &[TODAY])
        .with(&source("d-never"), &[TODAY])
        .with(&source("a-failed-today"), &[TODAY])
        .with(&source("e-only-failed"), &[TODAY])
        .there(
            "us-east-1",
            copy(&source("a-yesterday"), date(YESTERDAY), Available),
        )
        .there(
            "us-east-1",
            copy(&source("c-last-week"), date("2026-11-15"), Available),
        )
        .there(
            "us-east-1",
            copy(&source("e-only-failed"), date(YESTERDAY), Error),
        )
        .there(
            "us-east-1",
            copy(&source("a-failed-today"), date(TODAY), Error),
        );
    let steps = account.steps("us-east-1");
    assert_eq!(
        made_names(&steps),
        [
            "b-never-us-west-2-2026-11-22",
            "d-never-us-west-2-2026-11-22",
            "c-last-week-us-west-2-2026-11-22"
        ]
    );
    assert_eq!(
        deferred_names(&steps),
        [
            "a-yesterday-us-west-2-2026-11-22",
            "e-only-failed-us-west-2-2026-11-22",
            "a-failed-today-us-west-2-2026-11-22"
        ]
    );
}

#[test]
fn sources_that_are_alike_take_turns() {
    let source = |name| instance("us-west-2", name);
    let account = account(r#", "backfill": true, "maxCopiesInProgress": 3"#)
        .with(&source("a"), &[TODAY, YESTERDAY])
        .with(&source("b"), &[TODAY, YESTERDAY])
        .with(&source("c"), &[TODAY]);
    let steps = account.steps("us-east-1");
    assert_eq!(
        made_names(&steps),
        [
            "a-us-west-2-2026-11-21",
            "b-us-west-2-2026-11-21",
            "c-us-west-2-2026-11-22"
        ]
    );
    assert_eq!(
        deferred_names(&steps),
        ["a-us-west-2-2026-11-22", "b-us-west-2-2026-11-22"]
    );
}

#[test]
fn all_copies_in_progress_take_slots() {
    let somebodys = |name: &str| Snapshot {
        name: name.to_owned(),
        tags: BTreeMap::new(),
        from: None,
        from_region: None,
        ..copy(&web(), date(TODAY), Pending)
    };
    let account = account(r#", "maxCopiesInProgress": 2"#)
        .with(&web(), &[TODAY])
        .with(&disk("us-west-2", "data"), &[TODAY])
        .there("us-east-1", somebodys("one"));
    assert_eq!(made(&account.steps("us-east-1")).len(), 1);
    let account = account
        .there("us-east-1", somebodys("two"))
        .there("us-east-1", somebodys("three"));
    let steps = account.steps("us-east-1");
    assert_eq!(made(&steps).len(), 0);
    assert_eq!(deferred_names(&steps).len(), 2);
}

#[test]
fn sources_are_queried_until_todays_copy_is_in_each_destination() {
    let asked =
        |account: &FakeAccount| sources_to_query(&account.policy, &account.observed(), account.now);
    let account = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"] }"#,
    )
    .with(&web(), &[TODAY]);
    assert_eq!(asked(&account), [web()]);
    let account = account.there("us-east-1", available(&web(), TODAY));
    assert_eq!(asked(&account), [web()]);
    let mut account = account.there("eu-west-1", copy(&web(), date(TODAY), Error));
    assert_eq!(asked(&account), [web()]);
    account.snapshots.insert(
        region("eu-west-1"),
        vec![untagged(&web(), date(TODAY), Pending)],
    );
    assert_eq!(asked(&account), []);
    // Tomorrow there is something newer to ask for.
    assert_eq!(asked(&account.days_later(1)), [web()]);
}

#[test]
fn no_source_is_queried_for_a_destination_that_was_not_read() {
    let mut account = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"] }"#,
    )
    .with(&web(), &[TODAY])
    .there("us-east-1", available(&web(), TODAY));
    account.unread_destinations.insert(region("eu-west-1"));
    assert!(sources_to_query(&account.policy, &account.observed(), account.now).is_empty());
    account.unread_destinations.insert(region("us-east-1"));
    assert!(sources_to_query(&account.policy, &account.observed(), account.now).is_empty());
}

#[test]
fn the_worst_covered_sources_are_queried_first() {
    let sources = ["a", "b", "c"].map(|name| instance("us-west-2", name));
    let account = sources.iter().fold(account(""), |account, source| {
        account.with(source, &[TODAY])
    });
    let account = account
        .there("us-east-1", available(&sources[0], YESTERDAY))
        .there("us-east-1", available(&sources[1], "2026-11-01"));
    let queried = sources_to_query(&account.policy, &account.observed(), noon());
    let names: Vec<_> = queried.iter().map(|source| &*source.name).collect();
    assert_eq!(names, ["c", "b", "a"]);
}

#[test]
fn backfill_fills_a_gap_although_todays_copy_exists() {
    let days = [TODAY, YESTERDAY, "2026-11-20"];
    let gap = |members: &str| {
        account(members)
            .with(&web(), &days)
            .there("us-east-1", available(&web(), TODAY))
            .there("us-east-1", available(&web(), "2026-11-20"))
    };
    let with_backfill = gap(r#", "backfill": true"#);
    assert_eq!(
        made_names(&with_backfill.steps("us-east-1")),
        ["web-us-west-2-2026-11-21"]
    );
    let without = gap("");
    assert!(made(&without.steps("us-east-1")).is_empty());
    assert!(sources_to_query(&without.policy, &without.observed(), noon()).is_empty());
    // A source has no automatic snapshots of the days before it was created.
    for (created_at, expected) in [
        ("2026-11-21T23:59:59Z", vec![web()]),
        ("2026-11-22T00:00:00Z", vec![]),
    ] {
        let mut account = with_backfill.clone();
        let resource = account.resources.get_mut(&web()).unwrap();
        resource.created_at = created_at.parse().ok();
        let queried = sources_to_query(&account.policy, &account.observed(), noon());
        assert_eq!(queried, expected, "{created_at}");
    }
    // Retention would not keep the missing day, so nobody asks for it.
    let not_kept = gap(r#", "backfill": true, "retention": { "keepLast": 1 }"#);
    assert!(sources_to_query(&not_kept.policy, &not_kept.observed(), noon()).is_empty());
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
        account.apply(&plan, Pending, true);
        for snapshot in account.snapshots.values_mut().flatten() {
            if snapshot.state == Pending {
                let bad = snapshot.name.starts_with("bad");
                snapshot.state = match bad {
                    true => Error,
                    false => Available,
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
        let failed = started(copy(source, date(YESTERDAY), Error), 24);
        account.with(source, &[TODAY]).there("us-east-1", failed)
    });
    for day in 0..2 {
        account.now = noon() + SignedDuration::from_hours(24 * day);
        let today = account.today();
        for points in account.points.values_mut() {
            *points = Ok(vec![snapshot_of(today)]);
        }
        let plan = account.plan();
        account.apply(&plan, Error, true);
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
    for hour in 0..=18 {
        account.now = "2026-11-22T00:00:00Z".parse().unwrap();
        account.now += hour.hours();
        let plan = account.plan();
        starts += made(&plan.destinations[&region("us-east-1")]).len();
        account.apply(&plan, Error, true);
    }
    assert_eq!(starts, 4);
}
