//! Which step a plan takes for what it finds, case by case, and what it says about each source.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use lightsail_snapshot_copier::SnapshotState::{Available, Error, Pending};
use lightsail_snapshot_copier::{
    AutoSnapshot, CopySource, CopyStep, Coverage, CoverageStatus, MassDeletion, RECOVERY_POINT_TAG,
    ReasonCode, ResourceId, ResourceKind, SOURCE_TAG, Snapshot, SnapshotState, copy_tags,
    sources_to_query,
};
use test_support::account::{
    FakeAccount, copy, date, deferred_names, deleted_names, disk, instance, is_idle, made,
    made_names, noon, point, region, tagged_names, unreadable, untagged,
};

mod copies;
mod coverage;
mod drills;
mod order;
mod reasons;
mod retention;

/// All of us-west-2 to us-east-1, with these members besides.
fn policy(members: &str) -> String {
    format!(
        r#"{{ "sources": [ {{ "region": "us-west-2" }} ], "destinations": ["us-east-1"] {members} }}"#
    )
}

fn account(members: &str) -> FakeAccount {
    FakeAccount::empty(&policy(members))
}

fn web() -> ResourceId {
    instance("us-west-2", "web")
}

const TODAY: &str = "2026-11-22";

const YESTERDAY: &str = "2026-11-21";

fn available(source: &ResourceId, day: &str) -> Snapshot {
    copy(source, date(day), Available)
}

/// A snapshot that was started some hours before noon.
fn started(snapshot: Snapshot, hours_ago: i64) -> Snapshot {
    Snapshot {
        created_at: Some(noon() - SignedDuration::from_hours(hours_ago)),
        ..snapshot
    }
}

/// An account with an instance and a disk that is attached to it and has no automatic snapshots.
/// Its policy has these members besides.
fn with_attached_disk(members: &str) -> (FakeAccount, ResourceId) {
    let data = disk("us-west-2", "data");
    let mut account = account(members).with(&web(), &[TODAY]).with(&data, &[]);
    let resource = account.resources.get_mut(&data).unwrap();
    resource.automatic_snapshots = false;
    resource.attached_to = Some("web".to_owned());
    resource.size_gb = Some(8);
    (account, data)
}

fn status(account: &FakeAccount, source: &ResourceId) -> CoverageStatus {
    account.coverage_of(source).status
}

/// The coverage of the one source in the one destination.
fn only_coverage(account: &FakeAccount) -> Coverage {
    let [coverage] = &account.coverage()[..] else {
        panic!("{:?}", account.coverage())
    };
    coverage.clone()
}
