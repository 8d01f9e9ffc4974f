//! Carries out what an event or a plan asks for: the only place that changes anything in AWS.
//!
//! It decides nothing. It adds order, concurrency and deadlines: in each destination first the
//! copies, then the tags, then the deletions, at most [`CALLS_AT_ONCE`] at once. A run can end
//! after any step, and the next one continues.

mod apply;
mod copy;
mod observe;
mod outcome;
mod slots;

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;

pub use self::copy::{preview, start};
pub use self::outcome::{CopyResult, DeletionResult, Outcome, ReadFailure, RunEvent, RunResults};

use crate::deadline::Deadline;
use crate::lightsail::{CALLS_AT_ONCE, Lightsail};
use crate::model::copy::SnapshotCopy;
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::plan::{Plan, plan, rules_selecting_nothing};

/// Starts an event's copies, at most [`CALLS_AT_ONCE`] at once in a destination, and reports each
/// to `report` when it ends. The results are in the order of `copies`. A dry run only looks.
pub async fn copies(
    lightsail: &Lightsail,
    copies: Vec<SnapshotCopy>,
    dry_run: bool,
    deadline: Deadline,
    report: impl Fn(RunEvent<'_>),
) -> Vec<CopyResult> {
    let mut by_destination: BTreeMap<Region, Vec<(usize, SnapshotCopy)>> = BTreeMap::new();
    for (index, copy) in copies.into_iter().enumerate() {
        let destination = by_destination.entry(copy.destination).or_default();
        destination.push((index, copy));
    }
    let streams = by_destination.into_values().map(|copies| {
        stream::iter(copies)
            .map(|(index, copy)| async move {
                let result = if dry_run {
                    preview(lightsail, copy, deadline).await
                } else {
                    start(lightsail, copy, deadline).await
                };
                (index, result)
            })
            .buffer_unordered(CALLS_AT_ONCE)
    });
    let mut all = stream::select_all(streams);
    let mut results = BTreeMap::new();
    while let Some((index, result)) = all.next().await {
        report(RunEvent::Copy(&result));
        results.insert(index, result);
    }
    results.into_values().collect()
}

/// Runs a policy once, at `now`: observes, plans, applies the plan, and reports each finding and
/// step to `report` when it happens. A dry run reports what would be done, and changes nothing.
pub async fn policy(
    lightsail: &Lightsail,
    policy: &Policy,
    now: Timestamp,
    dry_run: bool,
    deadline: Deadline,
    report: impl Fn(RunEvent<'_>),
) -> RunResults {
    let (inventory, read_failures) = observe::observe(lightsail, policy, now, deadline).await;
    for failure in &read_failures {
        report(RunEvent::ReadFailed(failure));
    }
    for rule in rules_selecting_nothing(policy, &inventory) {
        report(RunEvent::RuleSelectsNothing { rule });
    }
    let Plan {
        destinations,
        coverage,
    } = plan(policy, &inventory, now);
    // Frees the lists of a large fleet before the copies start.
    drop(inventory);
    for coverage in &coverage {
        report(RunEvent::Coverage(coverage));
    }
    RunResults {
        read_failures,
        coverage,
        ..apply::apply(lightsail, destinations, dry_run, deadline, report).await
    }
}
