//! Manual snapshots, copies included.

use jiff::{SignedDuration, Timestamp};

use super::source::AttachedDisk;
use crate::api::id::Id;
use crate::api::region::Region;
use crate::api::resource::{SnapshotState, SourceKind, Tags};

/// A manual snapshot of an instance or disk.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) arn: String,
    pub(crate) support_code: String,
    pub(crate) created_at: Timestamp,
    pub(crate) tags: Tags,
    pub(crate) size_in_gb: u32,
    pub(crate) origin: Origin,
    pub(crate) is_from_auto_snapshot: bool,
    pub(crate) progress: Progress,
    pub(crate) detail: SnapshotDetail,
}

/// What only instance snapshots or only disk snapshots have.
#[derive(Clone, Debug)]
pub(crate) enum SnapshotDetail {
    Instance(FromInstance),
    Disk,
}

/// The properties of the instance when the snapshot was made.
#[derive(Clone, Debug)]
pub(crate) struct FromInstance {
    pub(crate) blueprint_id: String,
    pub(crate) bundle_id: String,
    pub(crate) attached_disks: Vec<AttachedDisk>,
}

impl SnapshotDetail {
    pub(crate) fn kind(&self) -> SourceKind {
        match self {
            Self::Instance(_) => SourceKind::Instance,
            Self::Disk => SourceKind::Disk,
        }
    }
}

/// The instance or disk that a snapshot was made from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) name: Option<String>,
    pub(crate) arn: Option<String>,
}

impl Origin {
    /// The Region in the ARN.
    pub(crate) fn region(&self) -> Option<Region> {
        self.arn.as_deref()?.split(':').nth(3)?.parse().ok()
    }

    /// The same origin with another Region in its ARN.
    pub(crate) fn in_region(self, region: Region) -> Self {
        let arn = self.arn.map(|arn| {
            let mut parts: Vec<_> = arn.split(':').collect();
            if let Some(part) = parts.get_mut(3) {
                *part = region.as_str();
            }
            parts.join(":")
        });
        Self { arn, ..self }
    }
}

/// How the state of a snapshot develops.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Progress {
    /// The state never changes, not even `Pending`.
    Fixed(SnapshotState),
    /// A copy: `Pending` first, then the state in which it ends.
    Copying(Copying),
}

/// A copy in progress. Its state at any time is computed from these values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copying {
    /// When CopySnapshot was answered.
    pub(crate) since: Timestamp,
    /// How long the copy is pending.
    pub(crate) duration: SignedDuration,
    /// Whether the copy ends in state `error`.
    pub(crate) fails: bool,
    /// The Lightsail operation that reports the copy's status.
    pub(crate) operation: Id,
}

/// How a copy proceeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyBehavior {
    /// How long the copy is pending. `None`: as long as the world says.
    pub duration: Option<SignedDuration>,
    /// Whether the copy ends in state `error`.
    pub fails: bool,
}

impl CopyBehavior {
    /// The copy ends in state `error`.
    pub const FAILS: Self = Self {
        duration: None,
        fails: true,
    };

    /// The copy is pending for ever.
    pub const NEVER_ENDS: Self = Self::takes(SignedDuration::MAX);

    /// The copy is pending for this long.
    pub const fn takes(duration: SignedDuration) -> Self {
        Self {
            duration: Some(duration),
            fails: false,
        }
    }
}

impl Copying {
    /// When the copy ends.
    pub(crate) fn until(&self) -> Timestamp {
        self.since
            .checked_add(self.duration)
            .unwrap_or(Timestamp::MAX)
    }

    fn state(&self, now: Timestamp) -> SnapshotState {
        match self.fails {
            _ if now < self.until() => SnapshotState::Pending,
            false => SnapshotState::Available,
            true => SnapshotState::Error,
        }
    }
}

impl Snapshot {
    pub(crate) fn kind(&self) -> SourceKind {
        self.detail.kind()
    }

    /// The state at a time.
    pub(crate) fn state(&self, now: Timestamp) -> SnapshotState {
        match &self.progress {
            Progress::Fixed(state) => *state,
            Progress::Copying(copying) => copying.state(now),
        }
    }

    /// The API's `progress` at a time, in percent.
    pub(crate) fn percent_done(&self, now: Timestamp) -> u8 {
        match (self.state(now), &self.progress) {
            (SnapshotState::Available, _) => 100,
            (SnapshotState::Pending, Progress::Copying(copying)) => {
                let elapsed = now.duration_since(copying.since).as_secs_f64();
                let share = elapsed / copying.duration.as_secs_f64();
                // A clock that was set back gives a negative share. The cast turns it into 0.
                (share * 100.0) as u8
            }
            (SnapshotState::Pending | SnapshotState::Error | SnapshotState::Unknown, _) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::id::Ids;

    fn copy(duration: SignedDuration, fails: bool) -> Snapshot {
        Snapshot {
            arn: String::new(),
            support_code: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            tags: Tags::new(),
            size_in_gb: 8,
            origin: Origin {
                name: Some("Data-1".to_owned()),
                arn: Some("arn:aws:lightsail:eu-west-1:123456789012:Disk/x".to_owned()),
            },
            is_from_auto_snapshot: true,
            progress: Progress::Copying(Copying {
                since: Timestamp::UNIX_EPOCH,
                duration,
                fails,
                operation: Ids::default().next(),
            }),
            detail: SnapshotDetail::Disk,
        }
    }

    #[test]
    fn the_state_of_a_copy_depends_on_the_time_alone() {
        let duration = SignedDuration::from_secs(10);
        for (seconds, state, percent) in [
            (-5, SnapshotState::Pending, 0),
            (0, SnapshotState::Pending, 0),
            (5, SnapshotState::Pending, 50),
            (10, SnapshotState::Available, 100),
        ] {
            let now = Timestamp::from_second(seconds).unwrap();
            let snapshot = copy(duration, false);
            assert_eq!(
                (snapshot.state(now), snapshot.percent_done(now)),
                (state, percent)
            );
        }
        let now = Timestamp::from_second(10).unwrap();
        let failed = copy(duration, true);
        assert_eq!(
            (failed.state(now), failed.percent_done(now)),
            (SnapshotState::Error, 0)
        );
        let instant = copy(SignedDuration::ZERO, false);
        assert_eq!(
            instant.state(Timestamp::UNIX_EPOCH),
            SnapshotState::Available
        );
    }

    #[test]
    fn the_origin_region_is_in_the_arn() {
        let snapshot = copy(SignedDuration::ZERO, false);
        assert_eq!(snapshot.origin.region(), Some(Region::EuWest1));
        assert_eq!(Origin::default().region(), None);
    }
}
