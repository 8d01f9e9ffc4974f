//! Which step a plan takes for what it finds, case by case.

use std::collections::BTreeMap;

use lightsail_snapshot_copier::{
    AutoSnapshot, CopySource, CopyStep, Coverage, CoverageStatus, RECOVERY_POINT_TAG, ReasonCode,
    ResourceId, ResourceKind, SOURCE_TAG, Snapshot, SnapshotState,
    SnapshotState::{Available, Error, Pending},
    copy_tags, sources_to_query,
};

use test_support::account::{
    FakeAccount, copy, date, deferred_names, deleted_names, disk, instance, is_idle, made,
    made_names, point, region, tagged_names, unreadable, untagged,
};

/// All of us-west-2 to us-east-1, with these members besides.
fn policy(members: &str) -> String {
    format!(
        r#"{{ "sources": [ {{ "region": "us-west-2" }} ], "destinations": ["us-east-1"] {members} }}"#
    )
}

fn account(members: &str) -> FakeAccount {
    FakeAccount::empty(&policy(members))
}

fn web() -> ResourceId {
    instance("us-west-2", "web")
}

const TODAY: &str = "2026-11-22";
const YESTERDAY: &str = "2026-11-21";

#[test]
fn the_latest_restorable_recovery_point_is_copied() {
    let mut account = account("").with(&web(), &[YESTERDAY, "2026-11-20"]);
    let failed = AutoSnapshot {
        restorable: false,
        ..point(date(TODAY))
    };
    account
        .points
        .get_mut(&web())
        .unwrap()
        .as_mut()
        .unwrap()
        .push(failed);
    let steps = account.steps("us-east-1");
    assert_eq!(made_names(&steps), ["web-us-west-2-2026-11-21"]);
    let wanted = made(&steps)[0];
    assert_eq!(wanted.step, CopyStep::Start);
    assert_eq!(wanted.copy.source_region, region("us-west-2"));
    assert_eq!(wanted.copy.destination, region("us-east-1"));
    let pinned = CopySource::Dated {
        resource: "web".to_owned(),
        date: date(YESTERDAY),
    };
    assert_eq!(wanted.copy.source, pinned);
    assert!(steps.tags.is_empty());
    assert!(steps.deletions.is_empty());
}

#[test]
fn a_copy_that_is_there_is_left_alone() {
    for (state, step) in [(Available, CopyStep::Exists), (Pending, CopyStep::Pending)] {
        let account = account("").with(&web(), &[YESTERDAY]);
        let account = account.there("us-east-1", copy(&web(), date(YESTERDAY), state));
        let steps = account.steps("us-east-1");
        assert_eq!(steps.copies.len(), 1);
        assert_eq!(steps.copies[0].step, step);
        assert!(steps.tags.is_empty());
        assert!(steps.deletions.is_empty());
    }
}

#[test]
fn a_copy_that_failed_is_made_again() {
    for there in [
        copy(&web(), date(YESTERDAY), Error),
        untagged(&web(), date(YESTERDAY), Error),
    ] {
        let account = account("").with(&web(), &[YESTERDAY]);
        let account = account.there("us-east-1", there.clone());
        let steps = account.steps("us-east-1");
        let [wanted] = made(&steps)[..] else {
            panic!("{steps:?}")
        };
        assert!(
            matches!(&wanted.step, CopyStep::Replace(failed) if failed.name == there.name),
            "{wanted:?}"
        );
        // It is deleted where it is made again, and nowhere else.
        assert!(steps.deletions.is_empty());
        assert!(steps.tags.is_empty());
    }
}

#[test]
fn a_copy_that_failed_stays_until_there_is_room_to_make_it_again() {
    let account = account(r#", "maxCopiesInProgress": 1"#)
        .with(&web(), &[YESTERDAY])
        .there("us-east-1", copy(&web(), date(YESTERDAY), Error))
        .there(
            "us-east-1",
            copy(&instance("eu-west-1", "other"), date(TODAY), Pending),
        );
    let steps = account.steps("us-east-1");
    assert_eq!(deferred_names(&steps), ["web-us-west-2-2026-11-21"]);
    assert!(steps.deletions.is_empty());
}

#[test]
fn a_copy_that_failed_and_is_not_wanted_any_more_is_deleted() {
    let account = account("")
        .with(&web(), &[TODAY])
        .there("us-east-1", copy(&web(), date("2026-10-01"), Error));
    let steps = account.steps("us-east-1");
    assert_eq!(deleted_names(&steps), ["web-us-west-2-2026-10-01"]);
}

/// A person's own snapshot of a server that was restored in the console: it has the tags of the copy
/// that the server was made from.
fn inherited(name: &str, day: &str, state: SnapshotState) -> Snapshot {
    Snapshot {
        name: name.to_owned(),
        ..copy(&web(), date(day), state)
    }
}

#[test]
fn a_snapshot_with_both_tags_and_another_name_is_no_copy() {
    let days = [YESTERDAY, "2026-11-20", "2026-11-19"];
    for name in [
        "web-1-1",
        "web-us-west-2-2026-11-18",
        "web-us-east-1-2026-11-22",
    ] {
        for day in [TODAY, YESTERDAY, "2026-08-01"] {
            for state in [Available, Pending, Error] {
                let account = account(r#", "retention": { "keepLast": 2 }"#)
                    .with(&web(), &[TODAY])
                    .there("us-east-1", inherited(name, day, state));
                let account = days.iter().fold(account, |account, day| {
                    account.there("us-east-1", copy(&web(), date(day), Available))
                });
                let steps = account.steps("us-east-1");
                let case = format!("{name} {day} {state:?}");
                assert_eq!(made_names(&steps), ["web-us-west-2-2026-11-22"], "{case}");
                assert_eq!(
                    deleted_names(&steps),
                    ["web-us-west-2-2026-11-19"],
                    "{case}"
                );
                assert!(steps.tags.is_empty(), "{case}");
            }
        }
    }
}

#[test]
fn a_snapshot_whose_tags_contradict_its_name_keeps_the_name() {
    let account = account("").with(&web(), &[TODAY]).there(
        "us-east-1",
        inherited("web-us-west-2-2026-11-22", YESTERDAY, Available),
    );
    let steps = account.steps("us-east-1");
    let [planned] = &steps.copies[..] else {
        panic!("{steps:?}")
    };
    let owner = "a snapshot of the instance web in us-west-2, tagged us-west-2/web of 2026-11-21";
    assert_eq!(planned.step, CopyStep::NameInUse(owner.to_owned()));
    assert!(steps.tags.is_empty() && steps.deletions.is_empty());
}

#[test]
fn a_resource_of_another_kind_can_have_the_name_of_a_copy() {
    let name = "web-us-west-2-2026-11-22";
    for (other, what) in [
        (instance("us-east-1", name), "the instance"),
        (disk("us-east-1", name), "the disk"),
    ] {
        let policy = r#"{ "sources": [ { "regions": ["us-west-2", "us-east-1"] } ], "destinations": ["us-east-1"] }"#;
        let account = FakeAccount::empty(policy)
            .with(&web(), &[TODAY])
            .with(&other, &[]);
        let step = &account.steps("us-east-1").copies[0].step;
        assert_eq!(*step, CopyStep::NameInUse(format!("{what} {name}")));
    }
}

#[test]
fn a_snapshot_that_is_listed_twice_counts_in_its_better_state() {
    for (first, second) in [(Error, Available), (Available, Error)] {
        let account = account(r#", "retention": { "keepLast": 1 }"#)
            .with(&web(), &[YESTERDAY])
            .there("us-east-1", copy(&web(), date(YESTERDAY), first))
            .there("us-east-1", copy(&web(), date(YESTERDAY), second));
        let steps = account.steps("us-east-1");
        assert_eq!(steps.copies[0].step, CopyStep::Exists);
        assert!(steps.deletions.is_empty(), "{:?}", steps.deletions);
    }
}

#[test]
fn a_copy_without_tags_counts_and_is_tagged() {
    let with_one_tag = |tag: &str| {
        let mut snapshot = copy(&web(), date(YESTERDAY), Available);
        snapshot.tags.remove(tag);
        snapshot
    };
    let without_origin_region = Snapshot {
        from_region: None,
        ..untagged(&web(), date(YESTERDAY), Available)
    };
    for there in [
        untagged(&web(), date(YESTERDAY), Available),
        with_one_tag(SOURCE_TAG),
        with_one_tag(RECOVERY_POINT_TAG),
        without_origin_region,
    ] {
        let account = account("").with(&web(), &[YESTERDAY]);
        let account = account.there("us-east-1", there);
        let steps = account.steps("us-east-1");
        assert_eq!(steps.copies[0].step, CopyStep::Exists);
        assert_eq!(tagged_names(&steps), ["web-us-west-2-2026-11-21"]);
        let tagged = &steps.tags[0];
        assert_eq!(
            copy_tags(&tagged.source, tagged.date),
            [
                (
                    "snapshot-copier:source".to_owned(),
                    "us-west-2/web".to_owned()
                ),
                (
                    "snapshot-copier:recovery-point".to_owned(),
                    YESTERDAY.to_owned()
                ),
            ]
        );
    }
}

#[test]
fn an_older_copy_without_tags_is_tagged_too() {
    let account = account("")
        .with(&web(), &[TODAY])
        .there("us-east-1", copy(&web(), date(TODAY), Available))
        .there("us-east-1", untagged(&web(), date("2026-08-01"), Available));
    assert_eq!(
        tagged_names(&account.steps("us-east-1")),
        ["web-us-west-2-2026-08-01"]
    );
}

#[test]
fn what_only_looks_like_a_copy_is_not_one() {
    let other_origin = Snapshot {
        from: Some("db".to_owned()),
        ..untagged(&web(), date(YESTERDAY), Available)
    };
    let other_region = Snapshot {
        from_region: Some("eu-west-1".to_owned()),
        ..untagged(&web(), date(YESTERDAY), Available)
    };
    let other_name = Snapshot {
        name: "nightly-us-west-2-2026-11-21".to_owned(),
        ..untagged(&web(), date(YESTERDAY), Available)
    };
    let no_origin = Snapshot {
        from: None,
        ..untagged(&web(), date(YESTERDAY), Available)
    };
    let a_disk = Snapshot {
        kind: ResourceKind::Disk,
        ..copy(&web(), date(YESTERDAY), Available)
    };
    let tagged_as_web = Snapshot {
        from: Some("db".to_owned()),
        ..copy(&web(), date(YESTERDAY), Available)
    };
    for there in [
        other_origin,
        other_region,
        other_name,
        no_origin,
        a_disk,
        tagged_as_web,
    ] {
        let account = account(r#", "retention": { "keepLast": 1 }"#).with(&web(), &[YESTERDAY]);
        let account = account.there("us-east-1", there.clone());
        let steps = account.steps("us-east-1");
        let [wanted] = &steps.copies[..] else {
            panic!("{steps:?}")
        };
        let has_the_name = there.name == "web-us-west-2-2026-11-21";
        match &wanted.step {
            CopyStep::NameInUse(_) => assert!(has_the_name, "{there:?}"),
            step => assert!(!has_the_name && *step == CopyStep::Start, "{there:?}"),
        }
        assert!(steps.tags.is_empty(), "{there:?}");
        assert!(steps.deletions.is_empty(), "{there:?}");
    }
}

#[test]
fn a_tagged_copy_counts_without_an_origin() {
    let anonymous = Snapshot {
        from: None,
        from_region: None,
        ..copy(&web(), date(YESTERDAY), Available)
    };
    let account = account("")
        .with(&web(), &[YESTERDAY])
        .there("us-east-1", anonymous);
    let steps = account.steps("us-east-1");
    assert_eq!(steps.copies[0].step, CopyStep::Exists);
}

#[test]
fn names_that_a_snapshot_cannot_have_are_written_out() {
    let source = disk("us-west-2", "shop.example");
    let mut account = account("").with(&source, &[YESTERDAY]);
    assert_eq!(
        made_names(&account.steps("us-east-1")),
        ["shop_2E_example-us-west-2-2026-11-21"]
    );
    // And are recognised without tags.
    let plan = account.plan();
    account.apply(&plan, Available, false);
    let steps = account.steps("us-east-1");
    assert_eq!(steps.copies[0].step, CopyStep::Exists);
    assert_eq!(tagged_names(&steps).len(), 1);
}

#[test]
fn each_destination_has_its_own_steps() {
    let account = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "us-west-2", "eu-west-1"] }"#,
    );
    let account = account
        .with(&web(), &[YESTERDAY])
        .there("us-west-2", copy(&web(), date(YESTERDAY), Available));
    assert_eq!(made(&account.steps("us-east-1")).len(), 1);
    assert_eq!(made(&account.steps("us-west-2")).len(), 0);
    assert_eq!(made(&account.steps("eu-west-1")).len(), 1);
}

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
        .there("us-east-1", copy(&web(), date("2026-11-20"), Available));
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
fn a_recovery_point_older_than_all_that_is_kept_is_not_copied() {
    let account = account(r#", "retention": { "keepLast": 1 }"#)
        .with(&web(), &["2026-11-18"])
        .there("us-east-1", copy(&web(), date("2026-11-20"), Available));
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
            "e-only-failed-us-west-2-2026-11-22"
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
fn anybodys_copies_in_progress_take_up_room() {
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
fn without_retention_nothing_is_deleted_for_its_age() {
    let mut account = account("").with(&web(), &[TODAY]);
    for text in [TODAY, "2020-01-01", "2010-01-01"] {
        account = account.there("us-east-1", copy(&web(), date(text), Available));
    }
    assert!(account.steps("us-east-1").deletions.is_empty());
}

#[test]
fn what_retention_does_not_keep_is_deleted() {
    let mut account = account(r#", "retention": { "keepLast": 1 }"#).with(&web(), &[TODAY]);
    for text in [TODAY, YESTERDAY, "2026-11-20"] {
        account = account.there("us-east-1", copy(&web(), date(text), Available));
    }
    account = account.there("us-east-1", untagged(&web(), date("2026-11-19"), Available));
    let steps = account.steps("us-east-1");
    assert_eq!(
        deleted_names(&steps),
        ["web-us-west-2-2026-11-21", "web-us-west-2-2026-11-20"]
    );
    // What had no tags has them first.
    assert_eq!(tagged_names(&steps), ["web-us-west-2-2026-11-19"]);
}

#[test]
fn a_copy_in_progress_replaces_nothing_yet() {
    let account = account(r#", "retention": { "keepLast": 1 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", copy(&web(), date(TODAY), Pending))
        .there("us-east-1", copy(&web(), date(YESTERDAY), Available));
    assert!(account.steps("us-east-1").deletions.is_empty());
}

#[test]
fn a_copy_that_is_only_about_to_be_made_replaces_nothing_yet() {
    let account = account(r#", "retention": { "keepLast": 1 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", copy(&web(), date(YESTERDAY), Available));
    let steps = account.steps("us-east-1");
    assert_eq!(made(&steps).len(), 1);
    assert!(steps.deletions.is_empty());
}

#[test]
fn copies_of_a_source_that_is_gone_are_kept_under_the_same_rules() {
    let there = |account: FakeAccount| {
        let mut account = account;
        for text in ["2026-09-03", "2026-09-02", "2026-09-01"] {
            account = account.there("us-east-1", copy(&web(), date(text), Available));
        }
        account.steps("us-east-1")
    };
    let steps = there(account(r#", "retention": { "keepLast": 2 }"#));
    assert_eq!(deleted_names(&steps), ["web-us-west-2-2026-09-01"]);
    // Not by a rule that asks for tags: nobody knows those of a source that is gone.
    let steps = there(FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2", "tags": { "backup": "*" } } ],
             "destinations": ["us-east-1"], "retention": { "keepLast": 2 } }"#,
    ));
    assert!(steps.deletions.is_empty());
    // Nor where the source is there, and is another policy's.
    let other = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2", "names": ["db"] } ],
             "destinations": ["us-east-1"], "retention": { "keepLast": 2 } }"#,
    );
    assert!(there(other.with(&web(), &[TODAY])).deletions.is_empty());
}

#[test]
fn a_source_that_is_not_selected_is_left_alone() {
    let mut account = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2", "tags": { "backup": "dr" } }, { "region": "us-west-2", "names": ["db*"] } ],
             "destinations": ["us-east-1"], "retention": { "keepLast": 1 } }"#,
    )
    .with(&web(), &[TODAY]);
    for text in ["2026-09-03", "2026-09-02"] {
        account = account.there("us-east-1", copy(&web(), date(text), Available));
    }
    account = account.there("us-east-1", untagged(&web(), date("2026-09-01"), Available));
    assert!(is_idle(&account.steps("us-east-1")));
    assert_eq!(coverage(&account).status, CoverageStatus::Unselected);
    // With the tag it is a source.
    let tags = &mut account.resources.get_mut(&web()).unwrap().tags;
    tags.insert("backup".to_owned(), "dr".to_owned());
    let steps = account.steps("us-east-1");
    assert_eq!(deleted_names(&steps), ["web-us-west-2-2026-09-02"]);
    assert_eq!(made(&steps).len(), 1);
}

/// Two copies too many of `web`, which the retention would delete.
fn account_to_prune() -> FakeAccount {
    let mut account = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2" }, { "region": "eu-central-1" } ],
             "destinations": ["us-east-1", "eu-west-1"], "retention": { "keepLast": 1 } }"#,
    )
    .with(&web(), &[YESTERDAY]);
    for text in [YESTERDAY, "2026-11-20", "2026-11-19"] {
        account = account
            .there("us-east-1", copy(&web(), date(text), Available))
            .there("eu-west-1", copy(&web(), date(text), Available));
    }
    assert_eq!(account.steps("us-east-1").deletions.len(), 2);
    assert_eq!(account.steps("eu-west-1").deletions.len(), 2);
    account
}

#[test]
fn nothing_is_deleted_of_a_region_that_was_not_read() {
    let mut account = account_to_prune();
    account
        .unread
        .insert((region("us-west-2"), ResourceKind::Instance));
    let plan = account.plan();
    for steps in plan.destinations.values() {
        assert!(is_idle(steps), "{steps:?}");
    }
    // Its disks were not read, its instances were: the Region was not read completely.
    let mut account = account_to_prune();
    account
        .unread
        .insert((region("us-west-2"), ResourceKind::Disk));
    assert_eq!(account.steps("us-east-1").deletions, []);
}

#[test]
fn nothing_is_deleted_of_a_source_that_was_not_read() {
    let mut account = account_to_prune();
    account.points.insert(web(), Err(unreadable()));
    let plan = account.plan();
    for steps in plan.destinations.values() {
        assert!(is_idle(steps), "{steps:?}");
    }
}

#[test]
fn nothing_is_done_in_a_destination_that_was_not_read() {
    let mut account = account_to_prune();
    account.unread_destinations.insert(region("us-east-1"));
    let plan = account.plan();
    assert_eq!(
        plan.destinations.keys().collect::<Vec<_>>(),
        [&region("eu-west-1")]
    );
    assert_eq!(account.steps("eu-west-1").deletions.len(), 2);
}

#[test]
fn sources_are_asked_until_todays_copy_is_everywhere() {
    let asked =
        |account: &FakeAccount| sources_to_query(&account.policy, &account.observed(), account.now);
    let account = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"] }"#,
    )
    .with(&web(), &[TODAY]);
    assert_eq!(asked(&account), [web()]);
    let account = account.there("us-east-1", copy(&web(), date(TODAY), Available));
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
fn a_destination_that_was_not_read_keeps_nobody_asking() {
    let mut account = FakeAccount::empty(
        r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"] }"#,
    )
    .with(&web(), &[TODAY])
    .there("us-east-1", copy(&web(), date(TODAY), Available));
    account.unread_destinations.insert(region("eu-west-1"));
    assert!(sources_to_query(&account.policy, &account.observed(), account.now).is_empty());
    account.unread_destinations.insert(region("us-east-1"));
    assert!(sources_to_query(&account.policy, &account.observed(), account.now).is_empty());
}

/// The coverage of the one source in the one destination.
fn coverage(account: &FakeAccount) -> Coverage {
    let [coverage] = &account.coverage()[..] else {
        panic!("{:?}", account.coverage())
    };
    coverage.clone()
}

#[track_caller]
fn assert_covered(
    account: &FakeAccount,
    status: CoverageStatus,
    newest: Option<&str>,
    age_hours: Option<f64>,
) {
    let coverage = coverage(account);
    assert_eq!(coverage.status, status, "{coverage:?}");
    assert_eq!(coverage.newest, newest.map(date));
    assert_eq!(coverage.age_hours, age_hours);
}

#[track_caller]
fn assert_reason(account: &FakeAccount, code: Option<ReasonCode>, text: &str) {
    let reason = coverage(account).reason;
    assert_eq!(reason.as_ref().map(|reason| reason.code), code);
    assert_eq!(reason.map_or(String::new(), |reason| reason.text), text);
}

#[test]
fn a_young_copy_protects() {
    // The age counts from when the automatic snapshot was made: 06:00 yesterday.
    let account = account("").with(&web(), &[YESTERDAY]);
    let account = account.there("us-east-1", copy(&web(), date(YESTERDAY), Available));
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
    let account = account.there("us-east-1", copy(&web(), date(YESTERDAY), Available));
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
            .there("us-east-1", copy(&web(), date(YESTERDAY), Available))
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
    let account = account.there("us-east-1", copy(&web(), date("2026-11-10"), Available));
    assert_eq!(coverage(&account).status, CoverageStatus::Stale);
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
        .there("us-east-1", copy(&web(), date("2026-11-15"), Available));
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
    account
        .resources
        .get_mut(&web())
        .unwrap()
        .automatic_snapshots = false;
    assert_covered(&account, CoverageStatus::Unprotected, None, None);
    let code = Some(ReasonCode::AutoSnapshotsOff);
    assert_reason(&account, code, "automatic snapshots are off");
    // With a copy from before, it is only stale, and the reason is the same.
    let account = account.there("us-east-1", copy(&web(), date("2026-11-15"), Available));
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
    let coverage = coverage(&account);
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
    let with_copy = with_copy.there("us-east-1", copy(&web(), date(YESTERDAY), Available));
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
fn tags_decide_whatever_region_the_arn_of_the_origin_names() {
    for from_region in ["us-west-2", "us-east-1", "eu-west-1"] {
        let snapshot = Snapshot {
            from_region: Some(from_region.to_owned()),
            ..copy(&web(), date(YESTERDAY), Available)
        };
        let account = account("").with(&web(), &[YESTERDAY]);
        let steps = account.there("us-east-1", snapshot).steps("us-east-1");
        assert_eq!(steps.copies[0].step, CopyStep::Exists, "{from_region}");
    }
}

#[test]
fn without_tags_the_arn_names_the_region_of_the_source_or_of_the_copy() {
    for (from_region, is_copy) in [
        ("us-west-2", true),
        ("us-east-1", true),
        ("eu-west-1", false),
    ] {
        let snapshot = Snapshot {
            from_region: Some(from_region.to_owned()),
            ..untagged(&web(), date(YESTERDAY), Available)
        };
        let account = account("").with(&web(), &[YESTERDAY]);
        let steps = account.there("us-east-1", snapshot).steps("us-east-1");
        let exists = steps.copies[0].step == CopyStep::Exists;
        assert_eq!(exists, is_copy, "{from_region}");
    }
}
