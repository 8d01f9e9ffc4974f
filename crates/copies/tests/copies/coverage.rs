//! What `restore` would restore is what the function's coverage calls available.

use std::cell::Cell;
use std::collections::BTreeMap;

use lightsail_copies::lightsail::{ContainedDisk, Restorable};
use lightsail_copies::plan::{Action, Entry, Facts, Plan, Wish, plan};
use lightsail_snapshot_copier::{Bundle, Bundles, CoverageStatus, Hardware, Region, Snapshot};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use test_support::account::FakeAccount;
use test_support::generate;

const BUNDLE: &str = "small_3_0";

fn restorable(snapshot: &Snapshot) -> Restorable {
    let disk = |name: &String| ContainedDisk {
        name: Some(name.clone()),
        path: "/dev/xvdf".to_owned(),
        size_gb: 8,
    };
    Restorable {
        disks: snapshot.attached_disks.iter().map(disk).collect(),
        size_gb: 40,
        snapshot: Snapshot {
            bundle: Some(BUNDLE.to_owned()),
            ..snapshot.clone()
        },
    }
}

fn plan_in(account: &FakeAccount, region: Region) -> Plan {
    let hardware = Hardware {
        cpus: 2,
        ram_mib: 2048,
        disk_gb: 60,
        is_windows: false,
        ipv4_addresses: 1,
    };
    let bundle = Bundle {
        id: BUNDLE.to_owned(),
        hardware,
        price_cents: 1200,
        is_active: true,
    };
    let wish = Wish {
        region,
        names: Vec::new(),
        as_of: None,
        zone: None,
        suffix: String::new(),
        bundles: BTreeMap::new(),
    };
    let snapshots = account.snapshots_in(region);
    let facts = Facts {
        snapshots: snapshots.iter().map(restorable).collect(),
        existing: Vec::new(),
        bundles: Bundles::from(vec![bundle]),
        zones: vec![format!("{region}a")],
        originals: BTreeMap::new(),
        quota: None,
        now: account.now,
    };
    plan(&wish, &facts)
}

#[test]
fn what_is_restored_is_what_coverage_calls_available() {
    let (available, missing) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config::with_cases(500));
    let checked = runner.run(&generate::account(), |account| {
        for coverage in account.coverage() {
            // A disk that is in the copies of its instance is restored with it.
            if coverage.status == CoverageStatus::Unknown || coverage.through.is_some() {
                continue;
            }
            let plan = plan_in(&account, coverage.destination);
            let source = &coverage.source;
            let found = plan.entries.iter().find(|entry| entry.source == *source);
            let restored = found.and_then(|entry| entry.recovery_point);
            prop_assert_eq!(restored, coverage.newest, "{}", source.name);
            let count = if restored.is_some() {
                &available
            } else {
                &missing
            };
            count.set(count.get() + 1);
            let Some(entry) = found else { continue };
            // Of a disk and an instance of one name and Region, the one with the newer copy is restored.
            let is_newest = |entry: &Entry| {
                let id = |entry: &Entry| (entry.source.region, entry.source.name.clone());
                let age = |entry: &Entry| (entry.recovery_point, entry.kind);
                let mut same = plan.entries.iter().filter(|other| id(other) == id(entry));
                same.all(|other| age(other) <= age(entry))
            };
            let same_name = plan.entries.iter().filter(|other| {
                other.name == entry.name && other.recovery_point.is_some() && is_newest(other)
            });
            let is_created = matches!(
                entry.action,
                Action::CreateInstance(_) | Action::CreateDisk { .. } | Action::Contained
            );
            let expected = restored.is_some() && is_newest(entry) && same_name.count() == 1;
            prop_assert_eq!(is_created, expected, "{:?}", entry);
        }
        Ok(())
    });
    checked.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(
        available.get() > 100 && missing.get() > 100,
        "{available:?} {missing:?}"
    );
}
