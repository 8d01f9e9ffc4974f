//! Which copies are deleted, and which never.

use super::*;

#[test]
fn without_retention_nothing_is_deleted_for_its_age() {
    let mut account = account("").with(&web(), &[TODAY]);
    for text in [TODAY, "2020-01-01", "2010-01-01"] {
        account = account.there("us-east-1", available(&web(), text));
    }
    assert!(account.steps("us-east-1").deletions.is_empty());
}

#[test]
fn what_retention_does_not_keep_is_deleted() {
    let mut account = account(r#", "retention": { "keepLast": 1 }"#).with(&web(), &[TODAY]);
    for text in [TODAY, YESTERDAY, "2026-11-20"] {
        account = account.there("us-east-1", available(&web(), text));
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
fn a_copy_in_progress_expires_no_other() {
    let account = account(r#", "retention": { "keepLast": 1 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", copy(&web(), date(TODAY), Pending))
        .there("us-east-1", available(&web(), YESTERDAY));
    assert!(account.steps("us-east-1").deletions.is_empty());
}

#[test]
fn a_copy_that_this_run_starts_expires_no_other() {
    let account = account(r#", "retention": { "keepLast": 1 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), YESTERDAY));
    let steps = account.steps("us-east-1");
    assert_eq!(made(&steps).len(), 1);
    assert!(steps.deletions.is_empty());
}

#[test]
fn copies_of_a_source_that_is_gone_are_kept_under_the_same_rules() {
    let there = |account: FakeAccount| {
        let mut account = account;
        for text in ["2026-09-03", "2026-09-02", "2026-09-01"] {
            account = account.there("us-east-1", available(&web(), text));
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
        account = account.there("us-east-1", available(&web(), text));
    }
    account = account.there("us-east-1", untagged(&web(), date("2026-09-01"), Available));
    assert!(is_idle(&account.steps("us-east-1")));
    assert_eq!(only_coverage(&account).status, CoverageStatus::Unselected);
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
            .there("us-east-1", available(&web(), text))
            .there("eu-west-1", available(&web(), text));
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

/// An attached disk is no source. Its rule still selects it, so its retention goes on.
#[test]
fn copies_of_a_disk_from_before_it_was_attached_follow_retention() {
    let (mut account, data) = with_attached_disk(r#", "retention": { "keepLast": 2 }"#);
    for day in [YESTERDAY, "2026-11-20", "2026-11-19"] {
        let copy = available(&data, day);
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

/// An account with this many available copies, of which retention keeps some.
fn with_copies(count: i64, keep: usize) -> FakeAccount {
    let mut account =
        account(&format!(r#", "retention": {{ "keepLast": {keep} }}"#)).with(&web(), &[TODAY]);
    account.mass_deletion = MassDeletion::Refused;
    (0..count).fold(account, |account, days| {
        let day = date(TODAY) - days.days();
        account.there("us-east-1", copy(&web(), day, Available))
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
        let failed = copy(&web(), date(TODAY) - days.days(), Error);
        account = account.there("us-east-1", failed);
    }
    let steps = account.steps("us-east-1");
    assert_eq!(deleted_names(&steps).len(), 3 + 5);
}
