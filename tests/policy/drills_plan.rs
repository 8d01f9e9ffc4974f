//! The plan of drills: which copies are restored, and the next step of each drill.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lightsail_snapshot_copier::{
    DRILLED_TAG, DrillInstance, DrillPlan, DrillStep, InstanceState, InstanceStatus, Inventory,
    Resource, ResourceId, ResourceKind, Snapshot, SnapshotState,
};

use crate::fake_account::{FakeAccount, copy, date, instance, noon, region};

const TODAY: &str = "2026-11-22";
const YESTERDAY: &str = "2026-11-21";

fn account(drills: &str) -> FakeAccount {
    FakeAccount::empty(&format!(
        r#"{{ "sources": [ {{ "region": "us-west-2", "names": ["web*", "db"] }} ], "destinations": ["us-east-1"],
              "drills": {drills} }}"#
    ))
}

fn web() -> ResourceId {
    instance("us-west-2", "web")
}

fn available(source: &ResourceId, day: &str) -> Snapshot {
    copy(source, date(day), SnapshotState::Available)
}

fn drilled(source: &ResourceId, day: &str, verdict: &str) -> Snapshot {
    let mut copy = available(source, day);
    copy.tags.insert(DRILLED_TAG.to_owned(), verdict.to_owned());
    copy
}

/// A drill instance that was created some minutes before noon and may live for four hours.
fn drill_instance(source: &ResourceId, day: &str, minutes_ago: i64) -> DrillInstance {
    let created_at = noon() - SignedDuration::from_mins(minutes_ago);
    DrillInstance {
        source: Some(source.clone()),
        name: format!("drill-{}-{day}", source.name),
        created_at: Some(created_at),
        expires_at: Some(created_at + SignedDuration::from_hours(4)),
        state: InstanceState::Running,
        address: Some("192.0.2.1".to_owned()),
    }
}

fn plan_of(account: &FakeAccount) -> DrillPlan {
    account.steps("us-east-1").drills
}

/// The names of the instances that may start, in order.
fn due(account: &FakeAccount) -> Vec<String> {
    let due = plan_of(account).due.into_iter();
    due.map(|drill| drill.instance).collect()
}

/// The next step of the only drill in progress.
fn step(account: &FakeAccount, drill: DrillInstance) -> Option<DrillStep> {
    let mut account = account.clone();
    account
        .drill_instances
        .insert(region("us-east-1"), vec![drill]);
    let mut steps = plan_of(&account).in_progress.into_iter();
    steps.next().map(|drill| drill.step)
}

#[test]
fn the_source_with_the_oldest_drill_is_first_and_never_drilled_ones_before() {
    let [web, web2, db] = ["web", "web-2", "db"].map(|name| instance("us-west-2", name));
    let base = account(r#"{ "names": ["*"], "everyDays": 10 }"#);
    let account = [&web, &web2, &db]
        .into_iter()
        .fold(base, |account, source| account.with(source, &[TODAY]))
        .there("us-east-1", available(&web, TODAY))
        .there(
            "us-east-1",
            drilled(&web, "2026-11-01", "2026-11-02 passed 7m"),
        )
        .there(
            "us-east-1",
            drilled(&web2, "2026-11-01", "2026-11-01 failed 240m"),
        )
        .there("us-east-1", available(&db, YESTERDAY));
    assert_eq!(
        due(&account),
        [
            "drill-db-2026-11-21",
            "drill-web-2-2026-11-01",
            "drill-web-2026-11-22"
        ]
    );
    assert_eq!(plan_of(&account).slots, 1);
    let first = plan_of(&account).due.remove(0);
    assert_eq!(first.snapshot.as_deref(), Some("db-us-west-2-2026-11-21"));
    let bundle = Some("nano_3_0".to_owned());
    assert_eq!(first.step, DrillStep::Start { bundle });
}

#[test]
fn every_source_has_its_turn_even_if_verdicts_are_lost_with_their_copies() {
    let sources: Vec<ResourceId> = (0..10)
        .map(|number| instance("us-west-2", &format!("web-{number}")))
        .collect();
    let mut account = sources
        .iter()
        .fold(account(r#"{ "names": ["*"] }"#), |account, source| {
            account.with(source, &[])
        });
    let mut drilled = Vec::new();
    for _ in 0..10 {
        account = account.days_later(1);
        let today = account.today();
        for source in &sources {
            account = account.there("us-east-1", copy(source, today, SnapshotState::Available));
        }
        // Retention keeps three days, and there is time for two drills a day.
        let due = plan_of(&account).due;
        let snapshots = account.snapshots.get_mut(&region("us-east-1")).unwrap();
        let kept = snapshots.len().min(3 * sources.len());
        snapshots.drain(..snapshots.len() - kept);
        for drill in due.into_iter().take(2) {
            let name = drill.snapshot.unwrap();
            let copy = snapshots.iter_mut().find(|copy| copy.name == name);
            let verdict = format!("{today} passed 7m");
            copy.unwrap().tags.insert(DRILLED_TAG.to_owned(), verdict);
            drilled.push(drill.source);
        }
    }
    assert_eq!(drilled, [sources.clone(), sources].concat());
}

#[test]
fn a_source_is_due_so_many_days_after_its_last_drill() {
    for (every_days, is_due) in [(1, true), (5, true), (6, false), (365, false)] {
        let account = account(&format!(
            r#"{{ "names": ["web"], "everyDays": {every_days} }}"#
        ))
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), TODAY))
        .there(
            "us-east-1",
            drilled(&web(), "2026-11-10", "2026-11-17 failed 9m"),
        );
        assert_eq!(!due(&account).is_empty(), is_due, "{every_days}");
    }
}

#[test]
fn a_verdict_from_the_future_does_not_count() {
    let account = account(r#"{ "names": ["web"] }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), YESTERDAY))
        .there("us-east-1", drilled(&web(), TODAY, "2062-11-22 passed 7m"));
    assert_eq!(due(&account), ["drill-web-2026-11-22"]);
    assert_eq!(account.coverage()[0].last_drill, None);
}

#[test]
fn what_cannot_be_drilled_is_not_due() {
    let base = || account(r#"{ "names": ["web"] }"#);
    let there = |snapshot| base().with(&web(), &[TODAY]).there("us-east-1", snapshot);
    assert_eq!(due(&there(available(&web(), TODAY))).len(), 1);
    for state in [SnapshotState::Pending, SnapshotState::Error] {
        assert!(due(&there(copy(&web(), date(TODAY), state))).is_empty());
    }
    // Another name, a deleted source, a disk.
    let db = instance("us-west-2", "db");
    let account = base()
        .with(&db, &[TODAY])
        .there("us-east-1", available(&db, TODAY))
        .there("us-east-1", available(&web(), TODAY))
        .with(&crate::fake_account::disk("us-west-2", "web"), &[TODAY]);
    assert!(due(&account).is_empty());
    // The copy of a predecessor with the same name.
    let mut account = there(available(&web(), YESTERDAY));
    let resource = account.resources.get_mut(&web()).unwrap();
    resource.created_at = Some(noon() - SignedDuration::from_hours(1));
    assert!(due(&account).is_empty());
}

#[test]
fn a_copy_with_attached_disks_is_not_drillable() {
    let with_disk = Snapshot {
        attached_disks: vec!["data".to_owned()],
        ..available(&web(), TODAY)
    };
    let account = account(r#"{ "names": ["web"] }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", with_disk);
    assert_eq!(plan_of(&account).due[0].step, DrillStep::NotDrillable);
}

#[test]
fn sources_with_the_same_name_have_drills_after_each_other() {
    let twin = instance("eu-west-3", "web");
    let account = FakeAccount::empty(
        r#"{ "sources": [ { "regions": ["us-west-2", "eu-west-3"] } ], "destinations": ["us-east-1"],
             "drills": { "names": ["*"], "atOnce": 2 } }"#,
    )
    .with(&web(), &[TODAY])
    .with(&twin, &[TODAY])
    .there("us-east-1", available(&web(), TODAY))
    .there("us-east-1", drilled(&twin, TODAY, "2026-09-01 passed 7m"));
    let due = plan_of(&account).due;
    let sources: Vec<_> = due.iter().map(|drill| &drill.source).collect();
    assert_eq!(sources, [&web()]);
}

#[test]
fn drill_instances_take_slots_and_their_sources_wait() {
    let web2 = instance("us-west-2", "web-2");
    let mut account = account(r#"{ "names": ["*"], "atOnce": 3 }"#)
        .with(&web(), &[TODAY])
        .with(&web2, &[TODAY])
        .there("us-east-1", available(&web(), TODAY))
        .there("us-east-1", available(&web2, TODAY));
    // One of them belongs to another policy.
    let other = instance("eu-west-3", "other");
    let drills = vec![
        drill_instance(&web(), YESTERDAY, 10),
        drill_instance(&other, TODAY, 10),
    ];
    account.drill_instances.insert(region("us-east-1"), drills);
    let plan = plan_of(&account);
    assert_eq!((plan.slots, plan.instances), (1, 2));
    assert_eq!(due(&account), ["drill-web-2-2026-11-22"]);
    assert_eq!(plan.in_progress.len(), 1);
}

#[test]
fn an_instance_that_the_list_shows_twice_is_one_drill() {
    let tag = (
        "snapshot-copier:drill".to_owned(),
        "us-west-2/web".to_owned(),
    );
    let listed = Resource {
        name: "drill-web-2026-11-22".to_owned(),
        tags: BTreeMap::from([tag]),
        created_at: Some(noon()),
        automatic_snapshots: false,
        is_windows: false,
        ports: None,
        size_gb: Some(40),
        attached_to: None,
        instance: Some(InstanceStatus {
            state: InstanceState::Running,
            public_address: None,
        }),
    };
    let mut inventory = Inventory::default();
    let us_east_1 = region("us-east-1");
    let twice = vec![listed.clone(), listed];
    inventory.add_resources(us_east_1, ResourceKind::Instance, twice);
    let drills = &inventory.drill_instances[&us_east_1];
    assert_eq!(drills.len(), 1);
    assert_eq!(drills[0].source, Some(web()));
}

#[test]
fn each_drill_has_one_next_step() {
    let account = account(r#"{ "names": ["web"], "maxHours": 4 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), TODAY));
    let in_state = |state, minutes| DrillInstance {
        state,
        ..drill_instance(&web(), TODAY, minutes)
    };
    let check = |minutes, is_last| DrillStep::Check {
        address: Some("192.0.2.1".to_owned()),
        minutes,
        is_last,
    };
    for (state, minutes, expected) in [
        (InstanceState::Pending, 10, DrillStep::Wait),
        (InstanceState::Running, 10, check(10, false)),
        (InstanceState::Running, 239, check(239, false)),
        (InstanceState::Running, 240, check(240, true)),
        (InstanceState::Running, 9999, check(9999, true)),
        (InstanceState::Stopped, 10, DrillStep::Wait),
        (
            InstanceState::Pending,
            240,
            DrillStep::Fail { minutes: 240 },
        ),
        (
            InstanceState::Stopped,
            241,
            DrillStep::Fail { minutes: 241 },
        ),
        (InstanceState::Ending, 10, DrillStep::Wait),
        (InstanceState::Ending, 999, DrillStep::Wait),
    ] {
        assert_eq!(step(&account, in_state(state, minutes)), Some(expected));
    }
}

#[test]
fn an_instance_is_deleted_once_its_verdict_is_recorded() {
    let base = account(r#"{ "names": ["web"], "everyDays": 1 }"#).with(&web(), &[TODAY]);
    let deleted = DrillStep::Delete {
        is_cancelled: false,
    };
    for (verdict, is_recorded) in [
        ("2026-11-22 passed 7m", true),
        ("2026-11-22 failed 7m", true),
        // From a clock that was wrong.
        ("2026-11-24 passed 7m", false),
        // The copy's drill before this one.
        ("2026-11-21 passed 7m", false),
        ("nonsense", false),
    ] {
        let account = base
            .clone()
            .there("us-east-1", drilled(&web(), TODAY, verdict));
        let step = step(&account, drill_instance(&web(), TODAY, 10));
        assert_eq!(step == Some(deleted.clone()), is_recorded, "{verdict}");
    }
}

#[test]
fn a_drill_that_nobody_wants_is_deleted_at_once_and_another_policys_when_it_expires() {
    let cancelled = Some(DrillStep::Delete { is_cancelled: true });
    let other = instance("eu-west-3", "web");
    for names in ["[]", r#"["db"]"#] {
        let account = account(&format!(r#"{{ "names": {names} }}"#)).with(&web(), &[TODAY]);
        assert_eq!(step(&account, drill_instance(&web(), TODAY, 1)), cancelled);
        assert_eq!(step(&account, drill_instance(&other, TODAY, 239)), None);
        assert_eq!(
            step(&account, drill_instance(&other, TODAY, 241)),
            cancelled
        );
    }
    let account = account(r#"{ "names": ["web"] }"#);
    // A tag that was changed by hand does not keep an instance for ever, nor does a missing one.
    for expires_at in ["2062-01-01T00:00:00Z".parse().ok(), None] {
        let with_age = |minutes| DrillInstance {
            expires_at,
            ..drill_instance(&other, TODAY, minutes)
        };
        assert_eq!(step(&account, with_age(24 * 60 - 1)), None);
        assert_eq!(step(&account, with_age(24 * 60)), cancelled);
    }
}

#[test]
fn an_instance_whose_tag_names_no_source_is_deleted_when_it_expires() {
    let account = account(r#"{ "names": ["*"] }"#).with(&web(), &[TODAY]);
    let garbled = |minutes, expires_at| DrillInstance {
        source: None,
        expires_at,
        ..drill_instance(&web(), TODAY, minutes)
    };
    let cancelled = Some(DrillStep::Delete { is_cancelled: true });
    let day = 24 * 60;
    assert_eq!(step(&account, garbled(day - 1, None)), None);
    assert_eq!(step(&account, garbled(day, None)), cancelled);
    assert_eq!(step(&account, garbled(1, Some(noon()))), cancelled);
}
