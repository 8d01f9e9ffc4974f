//! The plan of drills: which copies are restored, and the next step of each drill.

use lightsail_snapshot_copier::{
    DRILL_STARTED_TAG, DRILLED_TAG, DrillInstance, DrillPlan, DrillStep, Hardware, InstanceState,
    InstanceStatus, Inventory, Resource,
};

use super::*;

fn account(drills: &str) -> FakeAccount {
    FakeAccount::empty(&format!(
        r#"{{ "sources": [ {{ "region": "us-west-2", "names": ["web*", "db"] }} ], "destinations": ["us-east-1"],
              "drills": {drills} }}"#
    ))
}

fn drilled(source: &ResourceId, day: &str, verdict: &str) -> Snapshot {
    let mut copy = available(source, day);
    copy.tags.insert(DRILLED_TAG.to_owned(), verdict.to_owned());
    copy
}

/// A copy of which a drill started so many minutes before noon.
fn started(source: &ResourceId, day: &str, minutes_ago: i64) -> Snapshot {
    let started_at = noon() - SignedDuration::from_mins(minutes_ago);
    let mut copy = available(source, day);
    let tag = (DRILL_STARTED_TAG.to_owned(), started_at.to_string());
    copy.tags.extend([tag]);
    copy
}

fn status(state: InstanceState) -> InstanceStatus {
    InstanceStatus {
        state,
        public_address: Some("192.0.2.1".to_owned()),
        hardware: None,
    }
}

/// A drill instance that was created some minutes before noon and may live for four hours.
fn drill_instance(source: &ResourceId, day: &str, minutes_ago: i64) -> DrillInstance {
    let created_at = noon() - SignedDuration::from_mins(minutes_ago);
    DrillInstance {
        source: source.clone(),
        date: date(day),
        name: format!("drill-{}-{day}", source.name),
        created_at: Some(created_at),
        expires_at: Some(created_at + SignedDuration::from_hours(4)),
        status: status(InstanceState::Running),
    }
}

/// What a step is: `check`, or the outcome, the code of the error, and what is done.
fn described(step: &DrillStep) -> String {
    match step {
        DrillStep::Start { bundle, .. } => format!("start {bundle}"),
        DrillStep::Check { is_last: true, .. } => "last check".to_owned(),
        DrillStep::Check { .. } => "check".to_owned(),
        DrillStep::Conclude(conclusion) => {
            let outcome: &str = conclusion.outcome.into();
            let code = conclusion
                .error
                .as_ref()
                .map(|error| error.code.to_string());
            let verdict = conclusion.verdict.map(|verdict| verdict.to_string());
            let clears = conclusion.clears_mark && verdict.is_none();
            let words = [
                Some(outcome.to_owned()),
                code,
                verdict,
                clears.then(|| "clear".to_owned()),
                conclusion.deletes_instance.then(|| "delete".to_owned()),
            ];
            words.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

fn plan_of(account: &FakeAccount) -> DrillPlan {
    account.drills("us-east-1")
}

/// The names of the instances that may start, in order.
fn due(account: &FakeAccount) -> Vec<String> {
    let due = plan_of(account).others.into_iter();
    due.filter(|drill| matches!(drill.step, DrillStep::Start { .. }))
        .map(|drill| drill.instance)
        .collect()
}

/// The steps of all drills: what to do, and for which instance.
fn steps(account: &FakeAccount) -> Vec<(String, String)> {
    let plan = plan_of(account);
    let drills = plan.ended.iter().chain(&plan.others);
    drills
        .map(|drill| (drill.instance.clone(), described(&drill.step)))
        .collect()
}

/// The next step of the drill with this instance. `None`: another policy takes care of it.
fn step(account: &FakeAccount, drill: DrillInstance) -> Option<String> {
    let mut account = account.clone();
    let name = drill.name.clone();
    account
        .drill_instances
        .insert(region("us-east-1"), vec![drill]);
    let mut steps = steps(&account).into_iter();
    steps.find(|(of, _)| *of == name).map(|(_, step)| step)
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
    let first = plan_of(&account).others.remove(0);
    assert_eq!(first.snapshot.unwrap().as_str(), "db-us-west-2-2026-11-21");
    assert_eq!(described(&first.step), "start nano_3_0");
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
        let due = plan_of(&account).others;
        let snapshots = account.snapshots.get_mut(&region("us-east-1")).unwrap();
        let kept = snapshots.len().min(3 * sources.len());
        snapshots.drain(..snapshots.len() - kept);
        for drill in due.into_iter().take(2) {
            let name = drill.snapshot.unwrap();
            let copy = snapshots.iter_mut().find(|copy| copy.name == name.as_str());
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
        .with(&test_support::account::disk("us-west-2", "web"), &[TODAY]);
    assert!(due(&account).is_empty());
    // The copy of a predecessor with the same name.
    let mut account = there(available(&web(), YESTERDAY));
    let resource = account.resources.get_mut(&web()).unwrap();
    resource.created_at = Some(noon() - SignedDuration::from_hours(1));
    assert!(due(&account).is_empty());
}

#[test]
fn copies_with_attached_disks_or_without_ipv4_are_not_drillable() {
    let with_disk = Snapshot {
        attached_disks: vec!["data".to_owned()],
        ..available(&web(), TODAY)
    };
    let ipv6_only = Snapshot {
        bundle: Some("nano_ipv6_3_0".to_owned()),
        ..available(&web(), TODAY)
    };
    let step = |copy| {
        let account = account(r#"{ "names": ["web"] }"#).with(&web(), &[TODAY]);
        account.there("us-east-1", copy)
    };
    let name = || "drill-web-2026-11-22".to_owned();
    for (copy, expected) in [
        (with_disk, "notDrillable AttachedDisks"),
        (ipv6_only, "notDrillable NoIpv4Address"),
    ] {
        assert_eq!(steps(&step(copy)), [(name(), expected.to_owned())]);
    }
    // The same where only the source shows it.
    let mut account = step(available(&web(), TODAY));
    let hardware = Hardware {
        cpus: 2,
        ram_mib: 512,
        disk_gb: 20,
        is_windows: false,
        ipv4_addresses: 0,
    };
    account.resources.get_mut(&web()).unwrap().instance = Some(InstanceStatus {
        hardware: Some(hardware),
        ..status(InstanceState::Running)
    });
    let expected = "notDrillable NoIpv4Address".to_owned();
    assert_eq!(steps(&account), [(name(), expected)]);
}

#[test]
fn a_started_drill_without_an_instance_waits_for_it_and_has_failed_at_max_hours() {
    let web2 = instance("us-west-2", "web-2");
    let base = account(r#"{ "names": ["*"], "everyDays": 1, "atOnce": 2 }"#)
        .with(&web(), &[TODAY])
        .with(&web2, &[TODAY])
        .there("us-east-1", available(&web2, TODAY));
    for (minutes, expected, slots) in [
        (0, "waiting", 1),
        (239, "waiting", 1),
        (240, "failed NoInstance 2026-11-22 failed 240m", 2),
        (3000, "failed NoInstance 2026-11-22 failed 3000m", 2),
    ] {
        // The source has a newer copy, which no drill restores meanwhile.
        let account = base
            .clone()
            .there("us-east-1", started(&web(), YESTERDAY, minutes))
            .there("us-east-1", available(&web(), TODAY));
        let plan = plan_of(&account);
        let expected = [
            ("drill-web-2026-11-21".to_owned(), expected.to_owned()),
            (
                "drill-web-2-2026-11-22".to_owned(),
                "start nano_3_0".to_owned(),
            ),
        ];
        assert_eq!(steps(&account), expected);
        assert_eq!(plan.slots, slots, "{minutes}");
        assert_eq!(plan.ended.len(), usize::from(slots == 2));
    }
}

#[test]
fn a_mark_counts_until_a_verdict_or_a_drill_without_one() {
    let account = |copy| {
        let account = account(r#"{ "names": ["web"] }"#).with(&web(), &[TODAY]);
        account.there("us-east-1", copy)
    };
    let marked = |mark: &str, verdict: Option<&str>| {
        let mut copy = available(&web(), TODAY);
        let mark = (DRILL_STARTED_TAG.to_owned(), mark.to_owned());
        let verdict = verdict.map(|verdict| (DRILLED_TAG.to_owned(), verdict.to_owned()));
        copy.tags
            .extend([Some(mark), verdict].into_iter().flatten());
        let steps = steps(&account(copy)).into_iter();
        steps.map(|(_, step)| step).collect::<Vec<_>>()
    };
    let started = "2026-11-20T10:00:00Z";
    // The verdict of this drill, of the copy's drill before it, and none.
    assert_eq!(marked(started, Some("2026-11-20 passed 7m")), [""; 0]);
    let failed = ["failed NoInstance 2026-11-22 failed 3000m"];
    assert_eq!(marked(started, Some("2026-11-19 passed 7m")), failed);
    assert_eq!(marked(started, None), failed);
    // It ended without a verdict, or the clock was wrong.
    for mark in ["-", "", "2062-11-20T10:00:00Z"] {
        assert_eq!(marked(mark, None), ["start nano_3_0"], "{mark}");
    }
    // The policy does not ask for the drill any more.
    let mut account = account(self::started(&web(), TODAY, 300));
    account.policy.drills.as_mut().unwrap().names.clear();
    assert_eq!(steps(&account), []);
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
    assert_eq!(due(&account), ["drill-web-2026-11-22"]);
    assert_eq!(plan_of(&account).others[0].source, web());
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
    let step = |instance: &str, step: &str| (instance.to_owned(), step.to_owned());
    assert_eq!(
        steps(&account),
        [
            step("drill-web-2026-11-21", "check"),
            step("drill-web-2-2026-11-22", "start nano_3_0")
        ]
    );
}

/// An instance as Lightsail lists it, with the tag of a drill.
fn listed(name: &str, source: &str) -> Resource {
    let tag = ("snapshot-copier:drill".to_owned(), source.to_owned());
    Resource {
        name: name.into(),
        tags: BTreeMap::from([tag]),
        created_at: Some(noon()),
        automatic_snapshots: false,
        is_windows: false,
        ports: None,
        size_gb: Some(40),
        attached_to: None,
        instance: Some(status(InstanceState::Running)),
    }
}

#[test]
fn an_instance_that_the_list_shows_twice_is_one_drill() {
    let mut inventory = Inventory::default();
    let us_east_1 = region("us-east-1");
    let twice = vec![listed("drill-web-2026-11-22", "us-west-2/web"); 2];
    inventory.add_resources(us_east_1, ResourceKind::Instance, twice);
    let drills = &inventory.drill_instances[&us_east_1];
    assert_eq!(drills.len(), 1);
    assert_eq!(drills[0].source, web());
}

#[test]
fn only_the_tag_and_the_full_name_together_make_a_drill_instance() {
    for (name, source) in [
        ("drill-web-2026-11-22", "us-west-2/web-2"),
        ("drill-web-2-2026-11-22", "us-west-2/web"),
        ("drill-web-2026-11-31", "us-west-2/web"),
        ("drill-web-2026-11-22-restored", "us-west-2/web"),
        ("drill-web", "us-west-2/web"),
        ("web", "us-west-2/web"),
        ("drill-web-2026-11-22", "moon/web"),
        ("drill-web-2026-11-22", "web"),
        ("drill-web-2026-11-22", ""),
    ] {
        let instance = DrillInstance::from_resource(&listed(name, source));
        assert_eq!(instance, None, "{name} {source}");
    }
}

#[test]
fn each_drill_has_one_next_step() {
    let account = account(r#"{ "names": ["web"], "maxHours": 4 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), TODAY));
    for (state, minutes, expected) in [
        (InstanceState::Pending, 10, "waiting"),
        (InstanceState::Running, 10, "check"),
        (InstanceState::Running, 239, "check"),
        (InstanceState::Running, 240, "last check"),
        (InstanceState::Running, 9999, "last check"),
        (InstanceState::Stopped, 10, "waiting"),
        (
            InstanceState::Pending,
            240,
            "failed NotRunning 2026-11-22 failed 240m delete",
        ),
        (
            InstanceState::Stopped,
            241,
            "failed NotRunning 2026-11-22 failed 241m delete",
        ),
        (InstanceState::Ending, 10, "waiting"),
        (InstanceState::Ending, 999, "waiting"),
        // 26 hours after the drill ended.
        (InstanceState::Ending, 1800, "failed DrillInstanceRemains"),
    ] {
        let drill = DrillInstance {
            status: status(state),
            ..drill_instance(&web(), TODAY, minutes)
        };
        assert_eq!(step(&account, drill).as_deref(), Some(expected));
    }
    // The policy's `maxHours` counts, too, and a source that is deleted meanwhile changes nothing.
    let mut account = account;
    account.policy.drills.as_mut().unwrap().max_hours = 3;
    account.resources.clear();
    for (minutes, expected) in [(179, "check"), (180, "last check")] {
        let drill = drill_instance(&web(), TODAY, minutes);
        assert_eq!(step(&account, drill).as_deref(), Some(expected));
    }
}

#[test]
fn an_instance_is_deleted_once_its_verdict_is_recorded() {
    let base = account(r#"{ "names": ["web"], "everyDays": 1 }"#).with(&web(), &[TODAY]);
    for (verdict, expected) in [
        ("2026-11-22 passed 7m", "waiting delete"),
        ("2026-11-22 failed 7m", "waiting delete"),
        // From a clock that was wrong.
        ("2026-11-24 passed 7m", "check"),
        // The copy's drill before this one.
        ("2026-11-21 passed 7m", "check"),
        ("nonsense", "check"),
    ] {
        let account = base
            .clone()
            .there("us-east-1", drilled(&web(), TODAY, verdict));
        let step = step(&account, drill_instance(&web(), TODAY, 10));
        assert_eq!(step.as_deref(), Some(expected), "{verdict}");
    }
}

#[test]
fn a_policy_without_names_deletes_its_drills_immediately() {
    let account = account(r#"{ "names": [] }"#).with(&web(), &[TODAY]);
    let drill = || drill_instance(&web(), TODAY, 1);
    let deleted = Some("inconclusive DrillCancelled delete".to_owned());
    assert_eq!(step(&account, drill()), deleted);
    let account = account.there("us-east-1", started(&web(), TODAY, 1));
    let cleared = Some("inconclusive DrillCancelled clear delete".to_owned());
    assert_eq!(step(&account, drill()), cleared);
}

#[test]
fn a_drill_of_another_policy_has_26_hours_to_be_deleted_after_it_expired() {
    const EXPIRED: i64 = 4 * 60;
    const DAY: i64 = 24 * 60;
    const LATER: i64 = 26 * 60;
    let deleted = Some("inconclusive DrillCancelled delete".to_owned());
    // The other policy selects other sources.
    let other = instance("eu-west-3", "web");
    for names in ["[]", r#"["web"]"#] {
        let account = account(&format!(r#"{{ "names": {names} }}"#)).with(&web(), &[TODAY]);
        let step = |minutes| step(&account, drill_instance(&other, TODAY, minutes));
        assert_eq!(step(EXPIRED + LATER - 1), None);
        assert_eq!(step(EXPIRED + LATER), deleted);
        // A tag that was changed by hand does not keep an instance for ever, nor does a missing one.
        for expires_at in ["2062-01-01T00:00:00Z".parse().ok(), None] {
            let with_age = |minutes| DrillInstance {
                expires_at,
                ..drill_instance(&other, TODAY, minutes)
            };
            let step = |minutes| self::step(&account, with_age(minutes));
            assert_eq!(step(DAY + LATER - 1), None);
            assert_eq!(step(DAY + LATER), deleted);
        }
    }
}

/// The source is gone or could not be read, so its tags are not known. The drill may be of this policy.
#[test]
fn a_drill_of_a_source_whose_tags_are_not_known_ends_when_it_expires() {
    let policy = r#"{ "sources": [ { "region": "us-west-2", "names": ["web"], "tags": { "backup": "*" } } ],
        "destinations": ["us-east-1"], "drills": { "names": ["*"], "maxHours": 1 } }"#;
    let account = FakeAccount::empty(policy);
    let step = |source: &str, minutes| {
        let source = instance("us-west-2", source);
        step(&account, drill_instance(&source, TODAY, minutes))
    };
    assert_eq!(step("web", 239), None);
    let deleted = Some("inconclusive DrillCancelled delete".to_owned());
    assert_eq!(step("web", 240), deleted);
    // No rule can have selected this one.
    assert_eq!(step("db", 240), None);
}

#[test]
fn a_drill_that_the_policy_does_not_name_any_more_ends_when_it_expires() {
    let account = account(r#"{ "names": ["db"], "maxHours": 1 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", started(&web(), TODAY, 1));
    let cleared = Some("inconclusive DrillCancelled clear delete".to_owned());
    let expires = |hours: i64| Some(noon() + SignedDuration::from_hours(hours));
    for (minutes, expires_at, expected) in [
        (239, expires(1), None),
        (240, expires(0), cleared.clone()),
        // A tag that was changed by hand, or is missing.
        (1439, expires(1000), None),
        (1440, expires(1000), cleared.clone()),
        (1440, None, cleared.clone()),
    ] {
        let drill = DrillInstance {
            expires_at,
            ..drill_instance(&web(), TODAY, minutes)
        };
        assert_eq!(step(&account, drill), expected, "{minutes} {expires_at:?}");
    }
    let ending = DrillInstance {
        status: status(InstanceState::Ending),
        ..drill_instance(&web(), TODAY, 30 * 60)
    };
    let remains = Some("failed DrillInstanceRemains".to_owned());
    assert_eq!(step(&account, ending), remains);
}
