//! Accounts: resources, their automatic snapshots, and snapshots that are copies or only look so.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use lightsail_snapshot_copier::{
    ApiError, AutoSnapshot, RECOVERY_POINT_TAG, Resource, SOURCE_TAG, Snapshot, utc_date,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{DESTINATIONS, SOURCE_REGIONS, days_ago, kind, policy, source, state};
use crate::account::{FakeAccount, copy, region, resource, unreadable};

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
