//! The copies of each source, in order.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::existing_copy::ExistingCopy;
use crate::model::resource::{ResourceId, SnapshotState};
use crate::model::restore_date::utc_date;
use crate::model::verdict::Verdict;

/// Tomorrow. A recovery point with a later date has a wrong tag, or the clock is wrong.
pub fn last_valid_date(now: Timestamp) -> Date {
    let today = utc_date(now);
    today.checked_add(1.day()).unwrap_or(today)
}

/// The copies of each source, from the newest to the oldest.
pub fn by_source(
    copies: &[ExistingCopy],
    last_date: Date,
) -> BTreeMap<&ResourceId, Vec<&ExistingCopy>> {
    let mut by_source: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for copy in copies.iter().filter(|copy| copy.date <= last_date) {
        by_source.entry(&copy.source).or_default().push(copy);
    }
    for copies in by_source.values_mut() {
        copies.sort_by(|a, b| {
            let newest_first = b.date.cmp(&a.date).then_with(|| a.name.cmp(&b.name));
            newest_first.then_with(|| rank(a.state).cmp(&rank(b.state)))
        });
        // A list that changes while it is read can show a snapshot twice. As two snapshots, one of
        // them would look superfluous. A failed one may be replaced by then: the better state counts.
        copies.dedup_by(|a, b| a.name == b.name);
    }
    by_source
}

/// Best state first: available, pending, unknown, error.
pub fn rank(state: SnapshotState) -> u8 {
    match state {
        SnapshotState::Available => 0,
        SnapshotState::Pending => 1,
        SnapshotState::Unknown => 2,
        SnapshotState::Error => 3,
    }
}

/// A source's copies since its creation, in the same order. The others belong to a predecessor with
/// the same name: they are dated before that UTC day, or were started before that time.
pub fn since_creation<'a>(
    newest_first: &[&'a ExistingCopy],
    created_at: Option<Timestamp>,
) -> Vec<&'a ExistingCopy> {
    let is_own = |copy: &&ExistingCopy| {
        created_at.is_none_or(|created_at| {
            copy.date >= utc_date(created_at) && copy.created_at.is_none_or(|at| at >= created_at)
        })
    };
    newest_first.iter().copied().filter(is_own).collect()
}

/// The newest available one of a source's copies, which are in order.
pub fn newest_available<'a>(newest_first: &[&'a ExistingCopy]) -> Option<&'a ExistingCopy> {
    newest_first
        .iter()
        .copied()
        .find(|copy| copy.state == SnapshotState::Available)
}

/// The newest verdict of a source's copies.
pub fn last_verdict(copies: &[&ExistingCopy], last_date: Date) -> Option<Verdict> {
    let verdicts = copies
        .iter()
        .filter_map(|copy| valid_verdict(copy, last_date));
    verdicts.max()
}

/// The verdict of a copy. One with a later date is wrong: the source would have no drill until then.
pub fn valid_verdict(copy: &ExistingCopy, last_date: Date) -> Option<Verdict> {
    copy.drilled.filter(|verdict| verdict.date <= last_date)
}

/// Whether a copy has the verdict of a drill that was started at `started`.
pub fn has_verdict_since(copy: &ExistingCopy, started: Timestamp, now: Timestamp) -> bool {
    valid_verdict(copy, last_valid_date(now))
        .is_some_and(|verdict| verdict.date >= utc_date(started))
}

/// When a copy's drill was started that has no verdict yet.
pub fn undecided(copy: &ExistingCopy, now: Timestamp) -> Option<Timestamp> {
    copy.drill_started.filter(|started| {
        utc_date(*started) <= last_valid_date(now) && !has_verdict_since(copy, *started, now)
    })
}
