//! Which snapshots are copies that a policy made.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;

use super::drills::{DRILL_STARTED_TAG, DRILLED_TAG};
use crate::model::region::Region;
use crate::model::resource::{ResourceId, Snapshot, SnapshotState};
use crate::model::restore_date::RestoreDate;
use crate::model::tags::{CopyTags, SourceTag};
use crate::model::verdict::Verdict;

/// A copy that a policy made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingCopy {
    /// What it is a copy of.
    pub source: ResourceId,
    /// The date of its recovery point.
    pub date: Date,
    /// The snapshot's name.
    pub name: String,
    /// In progress, restorable or failed.
    pub state: SnapshotState,
    /// When the copy was started, if Lightsail says so.
    pub created_at: Option<Timestamp>,
    /// The disks that a copy of an instance contains.
    pub attached_disks: Vec<String>,
    /// The bundle of the instance that it was made from.
    pub bundle: Option<String>,
    /// The size of the disks that it contains.
    pub size_gb: u32,
    /// When its last drill was started. `None` also if that drill ended.
    pub drill_started: Option<Timestamp>,
    /// How its last drill ended.
    pub drilled: Option<Verdict>,
    /// Whether it has both tags. They are missing if a run ended before it could set them.
    pub tagged: bool,
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
        let CopyTags { source, date } = match tags {
            Some(tags) => tags.ok().filter(|tags| is_named(snapshot, tags))?,
            None => origin(snapshot, destination)?,
        };
        let same_origin = snapshot
            .from
            .as_ref()
            .is_none_or(|from| *from == source.name);
        same_origin.then(|| Self {
            source: ResourceId {
                region: source.region,
                name: source.name,
                kind: snapshot.kind,
            },
            date,
            name: snapshot.name.clone(),
            state: snapshot.state,
            created_at: snapshot.created_at,
            attached_disks: snapshot.attached_disks.clone(),
            bundle: snapshot.bundle.clone(),
            size_gb: snapshot.size_gb,
            drill_started: parsed(snapshot, DRILL_STARTED_TAG),
            drilled: parsed(snapshot, DRILLED_TAG),
            tagged,
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
        name: from.to_owned(),
    };
    Some(CopyTags { source, date }).filter(|tags| is_named(snapshot, tags))
}

/// Whether a snapshot has the name that a policy gives the copy that these tags describe.
fn is_named(snapshot: &Snapshot, tags: &CopyTags) -> bool {
    tags.snapshot_name()
        .is_ok_and(|name| name.as_str() == snapshot.name)
}
