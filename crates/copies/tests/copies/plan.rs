//! Plans that no world of the emulator can show.

use std::collections::BTreeMap;

use lightsail_copies::lightsail::{ContainedDisk, Existing, Readiness, Restorable};
use lightsail_copies::plan::{Action, Entry, Facts, Plan, RESTORED_TAG, Wish, plan};
use lightsail_snapshot_copier::{
    Bundle, Bundles, Hardware, Resource, ResourceKind, Snapshot, SnapshotState,
};

fn bundle(id: &str, disk_gb: u32) -> Bundle {
    Bundle {
        id: id.to_owned(),
        hardware: Hardware {
            cpus: 2,
            ram_mib: 1024,
            disk_gb,
            is_windows: id.contains("_win_"),
            ipv4_addresses: 1,
        },
        price_cents: disk_gb * 20,
        is_active: true,
    }
}

/// The copy of a server, and the disk that it contains.
fn copy(name: &str, bundle: Option<&str>, disk: Option<&str>) -> Restorable {
    let contained = |name: &str| ContainedDisk {
        name: Some(name.to_owned()),
        path: "/dev/xvdf".to_owned(),
        size_gb: 8,
    };
    Restorable {
        snapshot: Snapshot {
            name: format!("{name}-us-west-2-2026-11-22"),
            tags: BTreeMap::new(),
            kind: ResourceKind::Instance,
            state: SnapshotState::Available,
            created_at: None,
            from: Some(name.to_owned()),
            from_region: None,
            attached_disks: Vec::new(),
            bundle: bundle.map(str::to_owned),
            size_gb: 40,
        },
        size_gb: 40,
        disks: disk.map(contained).into_iter().collect(),
    }
}

fn planned(snapshots: Vec<Restorable>, replaced: &[(&str, &str)]) -> Plan {
    planned_beside(Vec::new(), snapshots, replaced)
}

fn planned_beside(
    existing: Vec<Existing>,
    snapshots: Vec<Restorable>,
    replaced: &[(&str, &str)],
) -> Plan {
    let replaced = replaced.iter();
    let wish = Wish {
        region: "us-east-1".parse().unwrap(),
        names: Vec::new(),
        as_of: None,
        zone: None,
        suffix: String::new(),
        bundles: replaced
            .map(|(old, new)| ((*old).to_owned(), (*new).to_owned()))
            .collect(),
    };
    let facts = Facts {
        snapshots,
        existing,
        bundles: Bundles::from(vec![
            bundle("nano_3_0", 20),
            bundle("micro_3_0", 40),
            bundle("micro_win_3_0", 80),
        ]),
        zones: vec!["us-east-1a".to_owned()],
        originals: BTreeMap::new(),
        quota: None,
        now: "2026-11-27T12:00:00Z".parse().unwrap(),
    };
    plan(&wish, &facts)
}

fn problem(action: &Action) -> &str {
    match action {
        Action::Blocked { problem } => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_copy_without_a_bundle_blocks_nothing_but_itself() {
    let snapshots = || vec![copy("db", None, None), copy("web", Some("micro_3_0"), None)];
    let plan = planned(snapshots(), &[]);
    assert_eq!(
        problem(&plan.entries[0].action),
        "Lightsail does not say the bundle of its copy; the nearest larger one is micro_3_0 (8 USD a month): --bundle unknown=micro_3_0"
    );
    assert!(matches!(plan.entries[1].action, Action::CreateInstance(_)));
    let plan = planned(snapshots(), &[("unknown", "micro_3_0")]);
    assert!(!plan.has_errors(), "{plan:?}");
}

#[test]
fn a_bundle_with_a_smaller_disk_is_no_choice() {
    let plan = planned(vec![copy("web", Some("nano_3_0"), None)], &[]);
    assert_eq!(
        problem(&plan.entries[0].action),
        "bundle nano_3_0 has a disk of 20 GB, and the copy one of 40 GB; the nearest larger one is micro_3_0 (8 USD a month): --bundle nano_3_0=micro_3_0"
    );
}

#[test]
fn what_an_earlier_restore_lost_is_deleted_or_waited_for() {
    for (kind, state, remedy) in [
        (
            ResourceKind::Instance,
            "shutting-down",
            "wait until it is gone",
        ),
        (ResourceKind::Disk, "error", "delete it"),
    ] {
        let mut copy = copy("web", Some("micro_3_0"), None);
        copy.snapshot.kind = kind;
        let lost = Existing {
            resource: Resource {
                name: "web".into(),
                tags: [(RESTORED_TAG.to_owned(), copy.snapshot.name.clone())].into(),
                created_at: None,
                automatic_snapshots: false,
                is_windows: false,
                ports: None,
                size_gb: None,
                attached_to: None,
                instance: None,
            },
            kind,
            state: state.to_owned(),
            readiness: Readiness::Lost,
            address: None,
            is_system_disk: false,
        };
        let plan = planned_beside(vec![lost], vec![copy], &[]);
        let expected = format!(
            "an earlier restore created it, and it is in state {state}; {remedy}, then restore again"
        );
        assert_eq!(problem(&plan.entries[0].action), expected);
    }
}

#[test]
fn a_bundle_of_another_platform_is_no_choice() {
    let of = |old, new| {
        planned(
            vec![copy("web", old, None)],
            &[(old.unwrap_or("unknown"), new)],
        )
    };
    for (old, new, expected) in [
        (
            "micro_3_0",
            "micro_win_3_0",
            "bundle micro_win_3_0 is for another platform than the copy's (Windows, or Linux/Unix); micro_3_0 needs no other one, so leave out --bundle micro_3_0=micro_win_3_0",
        ),
        (
            "micro_2_0",
            "micro_win_3_0",
            "bundle micro_win_3_0 is for another platform than the copy's (Windows, or Linux/Unix); the nearest larger one is micro_3_0 (8 USD a month): --bundle micro_2_0=micro_3_0",
        ),
        (
            "micro_win_2_0",
            "micro_3_0",
            "bundle micro_3_0 is for another platform than the copy's (Windows, or Linux/Unix); the nearest larger one is micro_win_3_0 (16 USD a month): --bundle micro_win_2_0=micro_win_3_0",
        ),
    ] {
        let plan = of(Some(old), new);
        assert_eq!(problem(&plan.entries[0].action), expected);
    }
    // Nobody knows the platform of this one.
    assert!(!of(None, "micro_win_3_0").has_errors());
}

#[test]
fn a_source_without_an_available_copy_needs_no_name() {
    let good = copy("web", Some("micro_3_0"), None);
    let mut pending = copy("web", Some("micro_3_0"), None);
    pending.snapshot.name = "web-eu-west-1-2026-11-22".to_owned();
    pending.snapshot.state = SnapshotState::Pending;
    let plan = planned(vec![good, pending], &[]);
    let created = |entry: &Entry| matches!(entry.action, Action::CreateInstance(_));
    let created = plan.entries.iter().filter(|entry| created(entry));
    let created: Vec<&str> = created.map(|entry| entry.source.region.as_str()).collect();
    assert_eq!(created, ["us-west-2"]);
}

#[test]
fn the_newer_of_a_disk_and_an_instance_of_one_name_is_restored() {
    let instance = copy("web", Some("micro_3_0"), None);
    let mut disk = copy("web", None, None);
    disk.snapshot.kind = ResourceKind::Disk;
    disk.snapshot.name = "web-us-west-2-2026-11-20".to_owned();
    let plan = planned(vec![instance, disk], &[]);
    for entry in &plan.entries {
        match entry.kind {
            ResourceKind::Instance => assert!(matches!(entry.action, Action::CreateInstance(_))),
            ResourceKind::Disk => assert_eq!(
                problem(&entry.action),
                "the instance of the same name has a newer copy and is restored; for this one: --as-of 2026-11-20"
            ),
        }
    }
}

#[test]
fn a_disk_has_a_name_of_its_own() {
    let shared = |name| copy(name, Some("micro_3_0"), Some("Data"));
    let mut own = copy("Data", None, None);
    own.snapshot.kind = ResourceKind::Disk;
    let plan = planned(vec![shared("db"), shared("web"), own], &[]);
    let problems = plan.entries.iter().map(|entry| problem(&entry.action));
    let expected = [
        "it is in the copy of web: solve",
        "several sources need the name Data",
        "several sources need the name Data",
    ];
    for (problem, expected) in problems.zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    assert_eq!(plan.entries.len(), 3);
}
