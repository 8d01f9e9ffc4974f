//! What is a copy, and what is copied.

use super::*;

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
        resource: "web".into(),
        date: date(YESTERDAY),
    };
    assert_eq!(wanted.copy.source, pinned);
    assert!(steps.tags.is_empty());
    assert!(steps.deletions.is_empty());
}

#[test]
fn an_existing_copy_is_left_alone() {
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
fn a_failed_copy_is_started_again() {
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
            matches!(&wanted.step, CopyStep::Replace(failed) if failed.copy.name.as_str() == there.name),
            "{wanted:?}"
        );
        // It is deleted where it is made again, and nowhere else.
        assert!(steps.deletions.is_empty());
        assert!(steps.tags.is_empty());
    }
}

#[test]
fn a_failed_copy_stays_until_a_slot_is_free() {
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
fn an_unwanted_failed_copy_is_deleted() {
    let account = account("")
        .with(&web(), &[TODAY])
        .there("us-east-1", copy(&web(), date("2026-10-01"), Error));
    let steps = account.steps("us-east-1");
    assert_eq!(deleted_names(&steps), ["web-us-west-2-2026-10-01"]);
    // It is the newest copy, so it stays until there is a newer one.
    let start = Some(&made(&steps)[0].copy.target);
    assert_eq!(steps.deletions[0].after.as_ref(), start);
    let account = account.there("us-east-1", available(&web(), YESTERDAY));
    let steps = account.steps("us-east-1");
    assert_eq!(deleted_names(&steps), ["web-us-west-2-2026-10-01"]);
    assert_eq!(steps.deletions[0].after, None);
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
                    account.there("us-east-1", available(&web(), day))
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

type Change<'a> = &'a dyn Fn(&mut Snapshot);

#[test]
fn a_copy_has_the_name_and_both_tags_or_the_origin() {
    let day = date(YESTERDAY);
    let no_tag = |tag| move |snapshot: &mut Snapshot| drop(snapshot.tags.remove(tag));
    let from = |name: Option<&'static str>| {
        move |snapshot: &mut Snapshot| snapshot.from = name.map(str::to_owned)
    };
    let from_region = |name: Option<&'static str>| {
        move |snapshot: &mut Snapshot| snapshot.from_region = name.map(str::to_owned)
    };
    let renamed = |snapshot: &mut Snapshot| snapshot.name = format!("nightly-{}", snapshot.name);
    let of_disk = |snapshot: &mut Snapshot| snapshot.kind = ResourceKind::Disk;
    let anonymous = |snapshot: &mut Snapshot| {
        snapshot.from = None;
        snapshot.from_region = None;
    };
    let tagged: [(Change<'_>, &str); 9] = [
        (&|_| {}, "is a copy"),
        (&no_tag(SOURCE_TAG), "gets its tags"),
        (&no_tag(RECOVERY_POINT_TAG), "gets its tags"),
        (&anonymous, "is a copy"),
        // With both tags, the ARN may name any Region.
        (&from_region(Some("us-east-1")), "is a copy"),
        (&from_region(Some("eu-west-1")), "is a copy"),
        (&from(Some("db")), "has the name"),
        (&of_disk, "has the name"),
        (&renamed, "is something else"),
    ];
    let untagged_ones: [(Change<'_>, &str); 7] = [
        (&|_| {}, "gets its tags"),
        (&from_region(None), "gets its tags"),
        // Without tags, the ARN names the Region of the source or of the copy.
        (&from_region(Some("us-east-1")), "gets its tags"),
        (&from_region(Some("eu-west-1")), "has the name"),
        (&from(Some("db")), "has the name"),
        (&from(None), "has the name"),
        (&renamed, "is something else"),
    ];
    let tagged = tagged.map(|(change, expected)| (copy(&web(), day, Available), change, expected));
    let untagged_ones = untagged_ones
        .map(|(change, expected)| (untagged(&web(), day, Available), change, expected));
    for (mut snapshot, change, expected) in tagged.into_iter().chain(untagged_ones) {
        change(&mut snapshot);
        let account = account(r#", "retention": { "keepLast": 1 }"#).with(&web(), &[YESTERDAY]);
        let steps = account
            .there("us-east-1", snapshot.clone())
            .steps("us-east-1");
        let found = match &steps.copies[0].step {
            CopyStep::Exists if steps.tags.is_empty() => "is a copy",
            CopyStep::Exists => "gets its tags",
            CopyStep::NameInUse(_) => "has the name",
            CopyStep::Start => "is something else",
            step => panic!("{step:?}"),
        };
        assert_eq!(found, expected, "{snapshot:?}");
        assert!(steps.deletions.is_empty(), "{snapshot:?}");
        for tagged in &steps.tags {
            let [(_, source), (_, date)] = copy_tags(&tagged.source, tagged.date);
            assert_eq!(
                (source.as_str(), date.as_str()),
                ("us-west-2/web", YESTERDAY)
            );
        }
    }
}

#[test]
fn an_older_copy_without_tags_is_tagged_too() {
    for state in [Available, Pending] {
        let account = account("")
            .with(&web(), &[TODAY])
            .there("us-east-1", available(&web(), TODAY))
            .there("us-east-1", untagged(&web(), date("2026-08-01"), state));
        let steps = account.steps("us-east-1");
        assert_eq!(tagged_names(&steps), ["web-us-west-2-2026-08-01"]);
        assert_eq!(steps.tags[0].pending, state == Pending);
    }
}

#[test]
fn a_copy_lacks_its_firewall_if_an_older_one_of_its_server_has_it() {
    let with_firewall = |date| {
        let mut copy = available(&web(), date);
        let ports = ("snapshot-copier:ports".to_owned(), "tcp:22".to_owned());
        copy.tags.extend([ports]);
        copy
    };
    let mut account = account(r#", "retention": { "keepLast": 5 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), TODAY))
        .there("us-east-1", with_firewall(YESTERDAY))
        .there("us-east-1", available(&web(), "2026-11-20"))
        .there("us-east-1", untagged(&web(), date("2026-11-19"), Available))
        .there("us-east-1", with_firewall("2026-11-18"))
        .there("us-east-1", available(&web(), "2026-11-17"));
    let steps = account.steps("us-east-1");
    let lacking = [
        "web-us-west-2-2026-11-19",
        "web-us-west-2-2026-11-22",
        "web-us-west-2-2026-11-20",
    ];
    assert_eq!(tagged_names(&steps), lacking);
    let own: Vec<bool> = steps.tags.iter().map(|copy| copy.lacks_own).collect();
    assert_eq!(own, [true, false, false]);

    // What is deleted needs none.
    account.policy.retention.as_mut().unwrap().keep_last = Some(2);
    assert_eq!(tagged_names(&account.steps("us-east-1")), lacking[..2]);

    // A firewall of today is not that of a server with the same name before.
    let created_at = Some("2026-11-22T00:00:00Z".parse().unwrap());
    account.resources.get_mut(&web()).unwrap().created_at = created_at;
    assert_eq!(tagged_names(&account.steps("us-east-1")), lacking[..1]);
}

#[test]
fn characters_that_a_snapshot_name_cannot_have_are_escaped() {
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
        .there("us-west-2", available(&web(), YESTERDAY));
    assert_eq!(made(&account.steps("us-east-1")).len(), 1);
    assert_eq!(made(&account.steps("us-west-2")).len(), 0);
    assert_eq!(made(&account.steps("eu-west-1")).len(), 1);
}

#[test]
fn a_recovery_point_in_the_future_is_ignored() {
    let account = account(r#", "retention": { "keepLast": 1 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), "2062-01-01"))
        .there("us-east-1", available(&web(), "2026-11-20"));
    let plan = account.plan();
    let steps = &plan.destinations[&region("us-east-1")];
    assert_eq!(made_names(steps), ["web-us-west-2-2026-11-22"]);
    assert!(deleted_names(steps).is_empty());
    assert_eq!(plan.ignored.len(), 1);
    assert_eq!(plan.ignored[0].name.as_str(), "web-us-west-2-2062-01-01");
    let coverage = account.coverage_of(&web());
    assert_eq!(coverage.newest, Some(date("2026-11-20")));
    // Tomorrow can be a time zone, a later day cannot.
    let tomorrow = account.there("us-east-1", available(&web(), "2026-11-23"));
    assert_eq!(tomorrow.plan().ignored, plan.ignored);
    let coverage = tomorrow.coverage_of(&web());
    assert_eq!(coverage.newest, Some(date("2026-11-23")));
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
