//! What version 0.1.0 wrote stays readable.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lightsail_snapshot_copier::{
    CopyStep, DrillInstance, ExistingCopy, InstanceState, InstanceStatus, Resource, ResourceKind,
    Snapshot, SnapshotState,
};
use serde::Deserialize;
use serde_json::Value;

use test_support::account::{FakeAccount, disk, instance, region};
use test_support::in_process::InProcess;

const POLICY: &str = include_str!("../compat/0.1/policy.json");
const WORLD: &str = include_str!("../compat/0.1/world.json");
const ANSWERS: [&str; 3] = [
    include_str!("../compat/0.1/answer-1.json"),
    include_str!("../compat/0.1/answer-2.json"),
    include_str!("../compat/0.1/answer-3.json"),
];
const LOG: &str = include_str!("../compat/0.1/log.jsonl");
const SNAPSHOTS: &str = include_str!("../compat/0.1/snapshots.json");
const DRILL_INSTANCES: &str = include_str!("../compat/0.1/drill-instances.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    name: String,
    kind: Option<String>,
    from_name: Option<String>,
    from_region: Option<String>,
    #[serde(default)]
    attached_disks: Vec<String>,
    created_at: Timestamp,
    tags: BTreeMap<String, String>,
}

fn saved(json: &str) -> Vec<Saved> {
    serde_json::from_str(json).unwrap()
}

fn snapshots() -> impl Iterator<Item = Snapshot> {
    saved(SNAPSHOTS).into_iter().map(|saved| Snapshot {
        name: saved.name,
        tags: saved.tags,
        kind: match saved.kind.as_deref() {
            Some("Disk") => ResourceKind::Disk,
            _ => ResourceKind::Instance,
        },
        state: SnapshotState::Available,
        created_at: Some(saved.created_at),
        from: saved.from_name,
        from_region: saved.from_region,
        attached_disks: saved.attached_disks,
        bundle: None,
        size_gb: 40,
    })
}

#[test]
fn copies_are_recognised_by_their_names_and_tags() {
    let copies = snapshots()
        .filter_map(|snapshot| ExistingCopy::recognise(&snapshot, region("us-east-1")))
        .map(|copy| {
            let verdict = copy.drilled.map(|verdict| verdict.to_string());
            assert!(copy.tagged);
            let source = format!("{}/{}", copy.source.region, copy.source.name);
            (source, copy.date.to_string(), verdict.unwrap_or_default())
        });
    let expected = [
        ("us-west-2/Books", "2026-11-26", ""),
        ("us-west-2/Books", "2026-11-27", ""),
        ("us-west-2/WordPress-1", "2026-11-26", ""),
        ("us-west-2/WordPress-1", "2026-11-27", ""),
        ("us-west-2/shop.example.com", "2026-11-26", ""),
        (
            "us-west-2/shop.example.com",
            "2026-11-27",
            "2026-11-27 passed 0m",
        ),
    ];
    let expected = expected
        .map(|(source, date, verdict)| (source.to_owned(), date.to_owned(), verdict.to_owned()));
    assert_eq!(copies.collect::<Vec<_>>(), expected);
}

#[test]
fn drill_instances_are_recognised_by_their_names_and_tags() {
    let [saved] = &saved(DRILL_INSTANCES)[..] else {
        panic!("there was one")
    };
    let resource = Resource {
        name: saved.name.as_str().into(),
        tags: saved.tags.clone(),
        created_at: Some(saved.created_at),
        automatic_snapshots: false,
        is_windows: false,
        ports: None,
        size_gb: None,
        attached_to: None,
        instance: Some(InstanceStatus {
            state: InstanceState::Running,
            public_address: None,
            hardware: None,
        }),
    };
    let drill = DrillInstance::from_resource(&resource).unwrap();
    assert_eq!(drill.source, instance("us-west-2", "shop.example.com"));
    assert_eq!(drill.date.to_string(), "2026-11-27");
    let expires = "2026-11-27T14:22:00Z".parse().unwrap();
    assert_eq!(drill.expires_at, Some(expires));
}

#[test]
fn a_run_of_its_policy_changes_nothing_about_its_copies() {
    let mut account = FakeAccount::empty(POLICY);
    account.now = "2026-11-27T12:00:00Z".parse().unwrap();
    let points = ["2026-11-27", "2026-11-26"];
    let data = disk("us-west-2", "Data-1");
    account = account
        .with(&instance("us-west-2", "WordPress-1"), &points)
        .with(&instance("us-west-2", "shop.example.com"), &points)
        .with(&disk("us-west-2", "Books"), &points)
        .with(&data, &[]);
    let resource = account.resources.get_mut(&data).unwrap();
    resource.automatic_snapshots = false;
    resource.attached_to = Some("WordPress-1".to_owned());
    for snapshot in snapshots() {
        account = account.there("us-east-1", snapshot);
    }
    let steps = account.steps("us-east-1");
    assert_eq!(steps.copies.len(), 3);
    assert!(
        steps
            .copies
            .iter()
            .all(|copy| copy.step == CopyStep::Exists)
    );
    assert!(steps.tags.is_empty() && steps.deletions.is_empty());
    let drills = account.drills("us-east-1");
    assert!(drills.others.is_empty(), "{drills:?}");
    for entry in account.coverage() {
        assert_eq!(entry.reason, None, "{entry:?}");
    }
}

/// The paths of a value's members, each with its type.
fn paths(value: &Value, path: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Null => {}
        Value::Bool(_) => _ = all.insert(format!("{path} is a boolean")),
        Value::Number(_) => _ = all.insert(format!("{path} is a number")),
        Value::String(_) => _ = all.insert(format!("{path} is a string")),
        Value::Array(items) => {
            for item in items {
                paths(item, &format!("{path}[]"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                paths(member, &format!("{path}.{name}"), all);
            }
        }
    }
}

/// The paths in log lines, by the lines' event.
fn log_paths(lines: &[Value]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for line in lines {
        let event = line["fields"]["event"].as_str().unwrap_or("metrics");
        paths(line, event, &mut all);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn answers_log_lines_and_tags_keep_their_members() {
    let function = InProcess::new(WORLD, Some(POLICY));
    let (mut log, mut answers) = (Vec::new(), BTreeSet::new());
    for _ in 0..3 {
        let run = function.run().await;
        paths(run.answer(), "", &mut answers);
        log.extend(run.log);
        function.pass(60);
    }
    let manual = r#"{ "sourceRegion": "us-west-2", "sourceSnapshotName": "before", "destinationRegion": "us-east-1" }"#;
    let snapshot = lightsail_emulator::world::InstanceSnapshot {
        name: "before".to_owned(),
        ..Default::default()
    };
    let emulator = &function.emulator;
    let home = "us-west-2".parse().unwrap();
    emulator.add_instance_snapshot(home, &snapshot).unwrap();
    log.extend(function.invoke(manual).await.log);

    let mut old_answers = BTreeSet::new();
    for answer in ANSWERS {
        paths(&serde_json::from_str(answer).unwrap(), "", &mut old_answers);
    }
    assert_eq!(&old_answers - &answers, BTreeSet::new());
    let old_log: Vec<Value> = LOG
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&log_paths(&old_log) - &log_paths(&log), BTreeSet::new());

    let ports = |tags: BTreeMap<String, String>| {
        let mut tags: Vec<_> = tags.into_iter().collect();
        tags.retain(|(key, _)| key.starts_with("snapshot-copier:ports"));
        tags
    };
    for source in ["WordPress-1", "shop_2E_example_2E_com"] {
        let is_copy = |name: &str| name.starts_with(&format!("{source}-us-west-2-"));
        let mut copies = emulator.snapshots("us-east-1".parse().unwrap()).into_iter();
        let copy = copies.find(|copy| is_copy(&copy.name)).unwrap();
        let mut old = snapshots();
        let old = old.find(|copy| is_copy(&copy.name)).unwrap();
        assert_eq!(ports(copy.tags), ports(old.tags), "{source}");
    }
}
