//! Which snapshots are copies that a policy made, and the copies of each source in order.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::drills::{DRILL_STARTED_TAG, DRILLED_TAG};
use crate::model::drill::Verdict;
use crate::model::firewall::PORTS_TAG;
use crate::model::region::Region;
use crate::model::resource::{ResourceId, Snapshot, SnapshotState};
use crate::model::snapshot_name::SnapshotName;
use crate::model::tags::{CopyTags, SourceTag};
use crate::model::time::{RestoreDate, utc_date};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingCopy {
    pub source: ResourceId,
    pub date: Date,
    pub name: SnapshotName,
    pub state: SnapshotState,
    /// When the copy was started, if Lightsail says so.
    pub created_at: Option<Timestamp>,
    /// The disks that a copy of an instance contains.
    pub attached_disks: Vec<String>,
    /// The bundle of the instance that it was made from.
    pub bundle: Option<String>,
    pub size_gb: u32,
    /// When its last drill was started. `None` also if that drill ended.
    pub drill_started: Option<Timestamp>,
    pub drilled: Option<Verdict>,
    /// Whether it has both tags. They are missing if a run ended before it could set them.
    pub tagged: bool,
    /// Whether it has the tag of its instance's firewall.
    pub has_firewall: bool,
}

impl ExistingCopy {
    /// Recognises a copy among the snapshots of a destination: a snapshot with the name that a
    /// policy gives this copy. Its two tags say what it is a copy of, or its origin if it does not
    /// have both.
    ///
    /// Tags alone prove nothing. A snapshot that is made in Lightsail's console inherits the tags of
    /// its server, and a server that is restored in the console inherits those of its copy.
    pub fn recognise(snapshot: &Snapshot, destination: Region) -> Option<Self> {
        let tags = CopyTags::read(&snapshot.tags);
        let tagged = tags.is_some();
        let tags = match tags {
            Some(tags) => tags.ok()?,
            None => origin(snapshot, destination)?,
        };
        let name = name_of(snapshot, &tags)?;
        let CopyTags { source, date } = tags;
        let from = snapshot.from.as_deref();
        let same_origin = from.is_none_or(|from| *from == *source.name);
        same_origin.then(|| Self {
            source: ResourceId {
                region: source.region,
                name: source.name,
                kind: snapshot.kind,
            },
            date,
            name,
            state: snapshot.state,
            created_at: snapshot.created_at,
            attached_disks: snapshot.attached_disks.clone(),
            bundle: snapshot.bundle.clone(),
            size_gb: snapshot.size_gb,
            drill_started: parsed(snapshot, DRILL_STARTED_TAG),
            drilled: parsed(snapshot, DRILLED_TAG),
            tagged,
            has_firewall: snapshot.tags.contains_key(PORTS_TAG),
        })
    }
}

/// The value of a tag. `None` also if it is none of its type.
fn parsed<T: FromStr>(snapshot: &Snapshot, tag: &str) -> Option<T> {
    snapshot.tags.get(tag)?.parse().ok()
}

/// What a snapshot is a copy of by its origin, if it has the name of a policy's copy of that.
pub(super) fn origin(snapshot: &Snapshot, destination: Region) -> Option<CopyTags> {
    let from = snapshot.from.as_deref()?;
    let date_start = snapshot.name.len().checked_sub("YYYY-MM-DD".len())?;
    let (rest, date) = snapshot.name.split_at_checked(date_start)?;
    let RestoreDate(date) = date.parse().ok()?;
    // The ARN of a copy's origin may name the Region of the source or of the copy.
    let may_come_from = |region: Region| match snapshot.from_region.as_deref() {
        Some(from) => from == region.as_str() || from == destination.as_str(),
        None => true,
    };
    let region = Region::all()
        .filter(|region| may_come_from(*region))
        .find(|region| rest.ends_with(&format!("-{region}-")))?;
    let source = SourceTag {
        region,
        name: from.into(),
    };
    Some(CopyTags { source, date }).filter(|tags| name_of(snapshot, tags).is_some())
}

/// A snapshot's name, if it is the one that a policy gives the copy that these tags describe.
fn name_of(snapshot: &Snapshot, tags: &CopyTags) -> Option<SnapshotName> {
    let name = tags.snapshot_name().ok()?;
    (name.as_str() == snapshot.name).then_some(name)
}

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
