//! Worlds and policies of every kind. Names, Regions and days are drawn from few, so that what
//! happens rarely happens often: names that collide, copies of one day twice, sources that are gone.

mod account;
mod drills;
mod event;

use jiff::ToSpan;
use jiff::civil::Date;
use lightsail_snapshot_copier::{
    Policy, ResourceId, ResourceKind, Retention, SnapshotState, parse_policy,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

pub use account::{account, account_listed_once};
pub use drills::account_with_drills;
pub use event::{any_json, job};

use crate::account::region;

pub const SOURCE_REGIONS: [&str; 2] = ["us-west-2", "eu-central-1"];
/// One of them is a source Region too.
pub const DESTINATIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];
/// The third becomes `shop_2E_example` in the names of its copies.
pub const NAMES: [&str; 5] = [
    "web",
    "db",
    "shop.example",
    "shop_2E_example",
    "web-us-west-2",
];

fn kind() -> impl Strategy<Value = ResourceKind> {
    select(vec![ResourceKind::Instance, ResourceKind::Disk])
}

fn source() -> impl Strategy<Value = ResourceId> {
    let name = prop_oneof![3 => Just("web"), 1 => select(&NAMES)];
    let kind = prop_oneof![3 => Just(ResourceKind::Instance), 1 => kind()];
    let parts = (select(&SOURCE_REGIONS), name, kind);
    parts.prop_map(|(of_region, name, kind)| ResourceId {
        region: region(of_region),
        name: name.into(),
        kind,
    })
}

/// How many days ago: mostly few.
fn days_ago() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0..6i64, 2 => 0..60i64, 1 => 0..1200i64]
}

fn state() -> impl Strategy<Value = SnapshotState> {
    prop_oneof![
        5 => Just(SnapshotState::Available),
        1 => Just(SnapshotState::Pending),
        1 => Just(SnapshotState::Error),
    ]
}

pub fn retention() -> impl Strategy<Value = Retention> {
    let rule = || option::of(prop_oneof![4 => 1..6u32, 1 => 1..400u32]);
    let rules = (rule(), rule(), rule(), rule(), rule());
    rules
        .prop_map(|(last, daily, weekly, monthly, yearly)| Retention {
            keep_last: last,
            keep_daily: daily,
            keep_weekly: weekly,
            keep_monthly: monthly,
            keep_yearly: yearly,
        })
        .prop_filter("at least one rule", |retention| {
            *retention != Retention::default()
        })
}

/// Dates from the newest to the oldest, some of them twice.
pub fn newest_first() -> impl Strategy<Value = Vec<Date>> {
    // Any day of the weeks around a New Year whose ISO week spans two years.
    (vec(days_ago(), 0..40), 0..20i64).prop_map(|(mut days, day)| {
        days.sort_unstable();
        let today = Date::constant(2026, 12, 27) + day.days();
        days.iter().map(|days| today - days.days()).collect()
    })
}

fn source_rule() -> impl Strategy<Value = Value> {
    let names = vec!["*", "web*", "d?", "shop.*", "[!w]*"];
    let parts = (
        select(&SOURCE_REGIONS),
        option::weighted(0.4, subsequence(names, 1..=5)),
        option::weighted(0.2, subsequence(vec!["web-1", "shop.*"], 0..=2)),
        option::weighted(0.3, subsequence(vec!["Instance", "Disk"], 1..=2)),
        option::weighted(0.3, select(vec!["dr", "*"])),
    );
    parts.prop_map(|(of_region, names, except, types, tag)| {
        let mut rule = json!({ "region": of_region });
        if let Some(names) = names {
            rule["names"] = json!(names);
        }
        if let Some(except) = except {
            rule["exceptNames"] = json!(except);
        }
        if let Some(types) = types {
            rule["types"] = json!(types);
        }
        if let Some(value) = tag {
            rule["tags"] = json!({ "backup": value });
        }
        rule
    })
}

fn policy_json() -> impl Strategy<Value = Value> {
    let parts = (
        vec(source_rule(), 1..4),
        subsequence(DESTINATIONS.to_vec(), 1..=3).prop_shuffle(),
        option::weighted(0.7, retention()),
        any::<bool>(),
        prop_oneof![3 => Just(48.0), 1 => 0.1..200.0],
        prop_oneof![1..6u32, Just(20u32)],
    );
    parts.prop_map(
        |(sources, destinations, retention, backfill, age, in_progress)| {
            let mut policy = json!({
                "sources": sources,
                "destinations": destinations,
                "backfill": backfill,
                "maxRecoveryPointAgeHours": age,
                "maxCopiesInProgress": in_progress,
            });
            if let Some(retention) = retention {
                let rules = [
                    ("keepLast", retention.keep_last),
                    ("keepDaily", retention.keep_daily),
                    ("keepWeekly", retention.keep_weekly),
                    ("keepMonthly", retention.keep_monthly),
                    ("keepYearly", retention.keep_yearly),
                ];
                let given = rules.into_iter().filter_map(|(rule, count)| {
                    let count = count?;
                    Some((rule.to_owned(), json!(count)))
                });
                policy["retention"] = Value::Object(given.collect());
            }
            policy
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    policy_json().prop_map(|json| {
        parse_policy(&json.to_string()).unwrap_or_else(|errors| panic!("{json}\n{errors}"))
    })
}
