//! Worlds and policies of every kind. Names, Regions and days are drawn from few, so that what
//! happens rarely happens often: names that collide, copies of one day twice, sources that are gone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lightsail_snapshot_copier::{
    ApiError, AutoSnapshot, DRILL_STARTED_TAG, DRILLED_TAG, DrillInstance, Drills, InstanceState,
    InstanceStatus, Policy, RECOVERY_POINT_TAG, Resource, ResourceId, ResourceKind, Retention,
    SOURCE_TAG, Snapshot, SnapshotState, parse_policy, utc_date,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::account::{FakeAccount, copy, region, resource, unreadable};

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
        name: name.to_owned(),
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
        parse_policy(&json.to_string()).unwrap_or_else(|mistakes| panic!("{json}\n{mistakes}"))
    })
}

/// A resource and its automatic snapshots, by how many days ago they are of.
type Content = (
    Option<&'static str>,
    bool,
    Option<BTreeMap<i64, (bool, bool)>>,
);

fn content() -> impl Strategy<Value = Content> {
    let points = btree_map(0..9i64, (prop::bool::weighted(0.8), any::<bool>()), 0..8);
    (
        option::of(select(vec!["dr", "no"])),
        prop::bool::weighted(0.85),
        option::weighted(0.9, points),
    )
}

/// What is the matter with a snapshot that looks like one of the function's copies.
#[derive(Debug, Clone, Copy)]
enum Twist {
    None,
    Untagged,
    OnlySourceTag,
    OnlyDateTag,
    TaggedAsAnother,
    TagsGarbled,
    AnotherName,
    AnotherDay,
    UntaggedAnotherName,
    AnotherOrigin,
    NoOrigin,
    NoOriginRegion,
    OfNobodys,
}

/// One thing that could be wrong each, and what nobody made.
fn snapshot(today: Date) -> impl Strategy<Value = Snapshot> {
    let twist = prop_oneof![
        12 => Just(Twist::None),
        4 => Just(Twist::Untagged),
        1 => Just(Twist::OnlySourceTag),
        1 => Just(Twist::OnlyDateTag),
        1 => Just(Twist::TaggedAsAnother),
        1 => Just(Twist::TagsGarbled),
        2 => Just(Twist::AnotherName),
        1 => Just(Twist::AnotherDay),
        1 => Just(Twist::UntaggedAnotherName),
        1 => Just(Twist::AnotherOrigin),
        1 => Just(Twist::NoOrigin),
        1 => Just(Twist::NoOriginRegion),
        2 => Just(Twist::OfNobodys),
    ];
    let parts = (source(), days_ago(), state(), twist, 0..6u8);
    parts.prop_map(move |(source, days_ago, state, twist, number)| {
        let mut snapshot = copy(&source, today - days_ago.days(), state);
        match twist {
            Twist::None => {}
            Twist::Untagged => snapshot.tags.clear(),
            Twist::OnlySourceTag => {
                snapshot.tags.remove(RECOVERY_POINT_TAG);
            }
            Twist::OnlyDateTag => {
                snapshot.tags.remove(SOURCE_TAG);
            }
            Twist::TaggedAsAnother => {
                let other = format!("{}/other", source.region);
                snapshot.tags.insert(SOURCE_TAG.to_owned(), other);
            }
            Twist::TagsGarbled => {
                let garbled = ["yesterday", "2026-02-30", ""][usize::from(number) % 3];
                let tag = RECOVERY_POINT_TAG.to_owned();
                snapshot.tags.insert(tag, garbled.to_owned());
            }
            // As a snapshot that is made in the console inherits both tags from its server.
            Twist::AnotherName => snapshot.name = format!("by-hand-{number}"),
            Twist::AnotherDay => {
                let day = today - (days_ago + 1 + i64::from(number)).days();
                snapshot.name = copy(&source, day, state).name;
            }
            Twist::UntaggedAnotherName => {
                snapshot.tags.clear();
                snapshot.name = format!("nightly-{}", snapshot.name);
            }
            Twist::AnotherOrigin => snapshot.from = Some("other".to_owned()),
            Twist::NoOrigin => {
                snapshot.from = None;
                snapshot.from_region = None;
            }
            Twist::NoOriginRegion => snapshot.from_region = None,
            Twist::OfNobodys => {
                snapshot.name = format!("{}-1790000{number:03}", source.name);
                snapshot.tags.clear();
            }
        }
        snapshot
    })
}

/// The snapshots of one Region. Names are unique, but a page that shifts while the list is read
/// may show a snapshot twice, the second time perhaps further on.
fn snapshots(today: Date) -> impl Strategy<Value = Vec<Snapshot>> {
    let again = vec((any::<prop::sample::Index>(), option::of(state())), 0..3);
    let again = prop_oneof![2 => Just(Vec::new()), 1 => again];
    let of_source = vec(snapshot(today), 0..25);
    (of_source, again).prop_map(|(snapshots, again)| {
        let mut names = BTreeSet::new();
        let mut listed: Vec<Snapshot> = snapshots
            .into_iter()
            .filter(|snapshot| names.insert(snapshot.name.clone()))
            .collect();
        if !listed.is_empty() {
            for (index, state) in again {
                let mut shown = index.get(&listed).clone();
                shown.state = state.unwrap_or(shown.state);
                listed.push(shown);
            }
        }
        listed
    })
}

fn now() -> impl Strategy<Value = Timestamp> {
    // Any second of the days around a New Year whose ISO week spans two years.
    (0..20 * 86_400i64).prop_map(|seconds| {
        let start: Timestamp = "2026-12-20T00:00:00Z".parse().unwrap();
        start + seconds.seconds()
    })
}

pub fn account() -> impl Strategy<Value = FakeAccount> {
    let account = now().prop_flat_map(|now| {
        let unread = vec((select(&SOURCE_REGIONS), kind()), 1..3);
        let unread_destinations = subsequence(DESTINATIONS.to_vec(), 1..=1);
        (
            Just(now),
            policy(),
            btree_map(source(), content(), 0..8),
            vec(snapshots(utc_date(now)), 3),
            option::weighted(0.15, unread),
            option::weighted(0.15, unread_destinations),
        )
    });
    account.prop_map(
        |(now, policy, sources, snapshots, unread, unread_destinations)| {
            let today = utc_date(now);
            let mut resources = BTreeMap::new();
            let mut points = BTreeMap::new();
            for (source, (tag, automatic_snapshots, content)) in sources {
                let tags = tag.map(|value| ("backup".to_owned(), value.to_owned()));
                let resource = Resource {
                    tags: tags.into_iter().collect(),
                    automatic_snapshots,
                    ..resource(&source)
                };
                let of_source: Result<Vec<AutoSnapshot>, ApiError> = match content {
                    None => Err(unreadable()),
                    Some(content) => Ok(content
                        .into_iter()
                        .map(|(days_ago, (restorable, dated))| {
                            let date = today - days_ago.days();
                            let created = format!("{date}T00:10:00Z");
                            AutoSnapshot {
                                date,
                                created_at: created.parse().ok().filter(|_| dated),
                                restorable,
                                in_progress: false,
                            }
                        })
                        .collect()),
                };
                points.insert(source.clone(), of_source);
                resources.insert(source, resource);
            }
            let unread = unread.into_iter().flatten();
            let unread_destinations = unread_destinations.into_iter().flatten();
            let destinations = DESTINATIONS.map(region).into_iter();
            FakeAccount {
                now,
                resources,
                points,
                unread: unread.map(|(name, kind)| (region(name), kind)).collect(),
                snapshots: destinations.zip(snapshots).collect(),
                unread_destinations: unread_destinations.map(region).collect(),
                ..FakeAccount::of(policy)
            }
        },
    )
}

/// The same where every list shows every snapshot once.
pub fn account_listed_once() -> impl Strategy<Value = FakeAccount> {
    account().prop_map(|mut account| {
        for snapshots in account.snapshots.values_mut() {
            let mut names = BTreeSet::new();
            snapshots.retain(|snapshot| names.insert(snapshot.name.clone()));
        }
        account
    })
}

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

/// Words that mean something in events and policies, and a few others.
fn word() -> impl Strategy<Value = String> + Clone {
    const WORDS: &str = "region regions names exceptNames types tags sources destinations retention keepLast backfill \
        maxCopiesInProgress maxRecoveryPointAgeHours drills checks port url host everyDays Instance us-east-1 us-west-2 mars-1 [ *** {} \
        detail-type source detail time dryRun allowMassDeletion report copies policy sourceRegion sourceResourceName \
        sourceSnapshotName restoreDate useLatestRestorableAutoSnapshot targetSnapshotName destinationRegion \
        destinationRegions aws.events aws.scheduler WordPress-1 2026-11-22 2026-02-30 2026-11-22T06:30:00Z";
    let mut words: Vec<&str> = WORDS.split_whitespace().collect();
    words.extend(["", "Scheduled Event"]);
    prop_oneof![9 => select(words).prop_map(str::to_owned), 1 => any::<String>()]
}

fn anything() -> impl Strategy<Value = Value> + Clone {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(word(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Any JSON, some of it nearly a policy.
pub fn any_json() -> impl Strategy<Value = Value> {
    let spoilt = (policy_json(), any::<prop::sample::Index>(), anything());
    let spoilt = spoilt.prop_map(|(mut policy, index, value)| {
        if let Value::Object(members) = &mut policy {
            let keys: Vec<String> = members.keys().cloned().collect();
            members.insert(index.get(&keys).clone(), value);
        }
        policy
    });
    prop_oneof![anything(), spoilt]
}

/// A copy request. Most of them keep the rules.
fn copy_request() -> impl Strategy<Value = Value> {
    let regions = || vec!["us-east-1", "us-west-2", "eu-west-1", "ap-south-1"];
    let source = prop_oneof![
        "[a-z]{2,8}".prop_map(|name| json!({ "sourceSnapshotName": name })),
        "[a-z]{2,8}".prop_map(|name| json!({ "sourceResourceName": name })),
        ("[a-z]{2,8}", 1..=30).prop_map(|(name, day)| {
            json!({ "sourceResourceName": name, "restoreDate": format!("2026-11-{day:02}") })
        }),
        anything().prop_map(|value| json!({ "sourceResourceName": value })),
    ];
    let destinations = prop_oneof![
        Just(json!({})),
        select(regions()).prop_map(|one| json!({ "destinationRegion": one })),
        subsequence(regions(), 1..4).prop_map(|many| json!({ "destinationRegions": many })),
    ];
    let target = option::of("[a-z]{1,8}").prop_map(|name| match name {
        Some(name) => json!({ "targetSnapshotName": name }),
        None => json!({}),
    });
    let spoilt = option::weighted(0.1, (word(), anything()));
    (select(regions()), source, destinations, target, spoilt).prop_map(
        |(region, source, destinations, target, spoilt)| {
            let mut request = json!({ "sourceRegion": region });
            let members = request.as_object_mut().unwrap();
            for part in [source, destinations, target] {
                members.extend(part.as_object().cloned().unwrap());
            }
            members.extend(spoilt);
            request
        },
    )
}

/// A job with copy requests. Most of them keep the rules.
pub fn job() -> impl Strategy<Value = Value> {
    let job = prop_oneof![
        copy_request(),
        vec(copy_request(), 1..5).prop_map(|copies| json!({ "copies": copies })),
    ];
    (job, option::of(any::<bool>())).prop_map(|(mut job, dry_run)| {
        if let Some(dry_run) = dry_run {
            job["dryRun"] = dry_run.into();
        }
        job
    })
}
