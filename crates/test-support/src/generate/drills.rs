//! Accounts with drills.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lightsail_snapshot_copier::{
    DRILL_STARTED_TAG, DRILLED_TAG, DrillInstance, Drills, InstanceState, InstanceStatus,
    ResourceId, ResourceKind, utc_date,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{DESTINATIONS, account_listed_once, days_ago, source};
use crate::account::{FakeAccount, region};

/// An instance that a drill created. Its name has a source and a day, like those of copies, so that some
/// of them belong together.
fn drill_instance(now: Timestamp) -> impl Strategy<Value = DrillInstance> {
    let states = vec![
        InstanceState::Pending,
        InstanceState::Running,
        InstanceState::Stopped,
        InstanceState::Ending,
    ];
    let minutes = || prop_oneof![3 => 0..300i64, 1 => 0..4000i64];
    let parts = (
        source(),
        days_ago(),
        select(states),
        option::weighted(0.9, minutes()),
        option::weighted(0.9, minutes()),
    );
    parts.prop_map(move |(source, days_ago, state, age, left)| {
        let source = ResourceId {
            kind: ResourceKind::Instance,
            ..source
        };
        let day = utc_date(now) - days_ago.days();
        DrillInstance {
            name: format!("drill-{}-{day}", source.name),
            created_at: age.map(|minutes| now - SignedDuration::from_mins(minutes)),
            // Half of them have expired.
            expires_at: left.map(|minutes| now + SignedDuration::from_mins(150 - minutes)),
            status: InstanceStatus {
                state,
                public_address: None,
                hardware: None,
            },
            date: day,
            source,
        }
    })
}

fn drills() -> impl Strategy<Value = Drills> {
    let globs = vec!["*", "web*", "d?", "shop.*", "shop_2E_example"];
    let parts = (
        subsequence(globs, 0..=3),
        prop_oneof![1..10u32, 1..365u32],
        1..=5usize,
        1..=24u32,
    );
    parts.prop_map(|(names, every_days, at_once, max_hours)| Drills {
        names: names
            .into_iter()
            .map(|glob| glob.parse().unwrap())
            .collect(),
        every_days,
        at_once,
        max_hours,
        checks: Vec::new(),
    })
}

/// A verdict as text: of a day in the past, today or in the future.
fn verdict(today: Date) -> impl Strategy<Value = String> {
    let days = prop_oneof![4 => 0..40i64, 1 => -3..0i64];
    (days, select(vec!["passed", "failed"]))
        .prop_map(move |(days, outcome)| format!("{} {outcome} 7m", today - days.days()))
}

/// A mark as text: of a drill that started in the past or, by a wrong clock, in the future.
fn mark(now: Timestamp) -> impl Strategy<Value = String> {
    let minutes = prop_oneof![4 => 0..2000i64, 1 => -4000..0i64];
    prop_oneof![
        4 => minutes.prop_map(move |minutes| (now - SignedDuration::from_mins(minutes)).to_string()),
        1 => Just("-".to_owned()),
    ]
}

/// An account whose policy has drills. Instances of drills exist, and copies have marks and verdicts.
pub fn account_with_drills() -> impl Strategy<Value = FakeAccount> {
    let account = account_listed_once().prop_flat_map(|account| {
        let today = utc_date(account.now);
        let verdicts = vec(option::weighted(0.3, verdict(today)), 75);
        let marks = vec(option::weighted(0.1, mark(account.now)), 75);
        let instances = vec(vec(drill_instance(account.now), 0..6), 3);
        (Just(account), drills(), instances, (verdicts, marks))
    });
    account.prop_map(|(mut account, drills, instances, (verdicts, marks))| {
        account.policy.drills = Some(drills);
        for (name, instances) in DESTINATIONS.into_iter().zip(instances) {
            let mut names = BTreeSet::new();
            let instances = instances.into_iter();
            let unique = instances.filter(|instance| names.insert(instance.name.clone()));
            account
                .drill_instances
                .insert(region(name), unique.collect());
        }
        let snapshots = account.snapshots.values_mut().flatten();
        for (snapshot, (verdict, mark)) in snapshots.zip(verdicts.into_iter().zip(marks)) {
            let verdict = verdict.map(|verdict| (DRILLED_TAG.to_owned(), verdict));
            let mark = mark.map(|mark| (DRILL_STARTED_TAG.to_owned(), mark));
            snapshot.tags.extend(verdict.into_iter().chain(mark));
        }
        account
    })
}
