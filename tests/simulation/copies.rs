//! Snapshots as copies: what they are copies of, and which ones retention keeps.

use std::collections::BTreeSet;

use jiff::civil::Date;
use lightsail_emulator::SnapshotView;
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

/// What a snapshot, which is nobody else's, is a copy of: by its tags, or by origin and name where
/// a run died before it set them.
pub fn copy_of(snapshot: &SnapshotView) -> Option<(String, Date)> {
    tagged(snapshot).or_else(|| {
        let source = format!("{}/{}", snapshot.from_region?, snapshot.from_name.as_ref()?);
        let date = snapshot.name.get(snapshot.name.len().checked_sub(10)?..)?;
        Some((source, date.parse().ok()?))
    })
}

/// The source and date in a snapshot's tags.
pub fn tagged(snapshot: &SnapshotView) -> Option<(String, Date)> {
    let source = snapshot.tags.get(SOURCE_TAG)?;
    let date = snapshot.tags.get(RECOVERY_POINT_TAG)?;
    Some((source.clone(), date.parse().ok()?))
}
