//! Snapshots as copies: what they are copies of, and which ones retention keeps.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lightsail_emulator::Snapshot;
use lightsail_snapshot_copier::{RECOVERY_POINT_TAG, Retention, SOURCE_TAG};
use test_support::retention_model;

/// The dates that retention keeps, by the model: all of them, where there is none.
pub fn kept(keep: Option<Retention>, dates: &BTreeSet<Date>) -> BTreeSet<Date> {
    let newest_first: Vec<Date> = dates.iter().rev().copied().collect();
    let keeps = keep.map(|keep| retention_model::keeps(&keep, &newest_first));
    let keeps = keeps.unwrap_or_else(|| vec![true; dates.len()]);
    let kept = newest_first.into_iter().zip(keeps);
    kept.filter_map(|(date, keep)| keep.then_some(date))
        .collect()
}

/// What a snapshot is a copy of: it has the name of that copy, by its tags, or by its origin where a
/// run died before it set them. `None`: it is a snapshot of something else.
pub fn copy_of(snapshot: &Snapshot) -> Option<(String, Date)> {
    if has_both_tags(snapshot) {
        return tagged(snapshot);
    }
    let (region, from) = (snapshot.from_region()?, snapshot.from.name.as_ref()?);
    let start = snapshot.name.len().checked_sub("YYYY-MM-DD".len())?;
    let date = snapshot.name.get(start..)?.parse().ok()?;
    let is_named = snapshot.name == copy_name(region.as_str(), from, date);
    is_named.then(|| (format!("{region}/{from}"), date))
}

/// The source and date in a snapshot's tags, unless it is a snapshot of something else.
pub fn tagged(snapshot: &Snapshot) -> Option<(String, Date)> {
    let source = snapshot.tags.get(SOURCE_TAG)?;
    let date = snapshot.tags.get(RECOVERY_POINT_TAG)?.parse().ok()?;
    let (region, name) = source.split_once('/')?;
    let mut from = snapshot.from.name.iter();
    let is_of_source = from.all(|from| from == name);
    let is_named = snapshot.name == copy_name(region, name, date);
    (is_of_source && is_named).then_some((source.clone(), date))
}

/// The name that a policy gives a copy. A snapshot's name has no dots.
fn copy_name(region: &str, name: &str, date: Date) -> String {
    format!("{}-{region}-{date}", name.replace('.', "_2E_"))
}

fn has_both_tags(snapshot: &Snapshot) -> bool {
    let has = |tag| snapshot.tags.contains_key(tag);
    has(SOURCE_TAG) && has(RECOVERY_POINT_TAG)
}

/// The last date that is valid as a recovery point: tomorrow.
pub fn last_valid_date(now: Timestamp) -> Date {
    day(now) + 1.days()
}

/// The UTC day of a time.
pub fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// When a UTC day starts.
pub fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).expect("a day").timestamp()
}
