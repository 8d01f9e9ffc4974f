//! JSON of events and policies, right and wrong.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::policy_json;

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
