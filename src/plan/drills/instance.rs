//! The instances that drills create, and the tags of drills.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::model::drill::Drills;
use crate::model::resource::{InstanceState, InstanceStatus, Resource, ResourceId, ResourceKind};
use crate::model::tags::SourceTag;
use crate::model::time::RestoreDate;

/// The tag of a drill instance's source: `{region}/{resource}`.
pub const DRILL_TAG: &str = "snapshot-copier:drill";
/// The tag of a drill instance with the time at which its drill ends.
pub const DRILL_EXPIRES_TAG: &str = "snapshot-copier:drill-expires";
/// The tag of a copy with the time at which its last drill was started. It is set before the
/// instance is created, and no time if that drill ended without a verdict.
pub const DRILL_STARTED_TAG: &str = "snapshot-copier:drill-started";
/// The tag of a copy with the verdict of its last drill.
pub const DRILLED_TAG: &str = "snapshot-copier:drilled";

/// The name of the instance that is made from a source's copy of `date`.
pub fn instance_name(source: &ResourceId, date: Date) -> String {
    format!("drill-{}-{date}", source.name)
}

/// The tag of a copy of which a drill starts at `now`. Milliseconds tell apart runs that start together.
pub fn started_tag(now: Timestamp) -> (String, String) {
    (DRILL_STARTED_TAG.to_owned(), format!("{now:.3}"))
}

/// The tags of the instance of a drill that starts at `now`.
pub fn drill_tags(source: &ResourceId, drills: &Drills, now: Timestamp) -> [(String, String); 2] {
    let expires = now.saturating_add(drills.max_time());
    let expires = expires.unwrap_or(Timestamp::MAX);
    [
        (DRILL_TAG.to_owned(), SourceTag::from(source).to_string()),
        (DRILL_EXPIRES_TAG.to_owned(), format!("{expires:.0}")),
    ]
}

/// An instance that a drill created. Both its tag and its full name show that: a server that somebody
/// makes from a snapshot of a drill instance can inherit the tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillInstance {
    pub source: ResourceId,
    pub date: Date,
    pub name: String,
    pub created_at: Option<Timestamp>,
    /// When the drill ends, by the instance's tag.
    pub expires_at: Option<Timestamp>,
    pub status: InstanceStatus,
}

impl DrillInstance {
    /// Returns `None` if no drill created the instance.
    pub fn from_resource(resource: &Resource) -> Option<Self> {
        let status = resource.instance.as_ref()?;
        let source: SourceTag = resource.tags.get(DRILL_TAG)?.parse().ok()?;
        let prefix = format!("drill-{}-", source.name);
        let RestoreDate(date) = resource.name.strip_prefix(&prefix)?.parse().ok()?;
        let expires_at = resource.tags.get(DRILL_EXPIRES_TAG);
        Some(Self {
            source: ResourceId {
                region: source.region,
                name: source.name,
                kind: ResourceKind::Instance,
            },
            date,
            name: resource.name.to_string(),
            created_at: resource.created_at,
            expires_at: expires_at.and_then(|time| time.parse().ok()),
            status: status.clone(),
        })
    }

    pub fn is_ending(&self) -> bool {
        self.status.state == InstanceState::Ending
    }

    /// When the drill ends: when the tag says so, or at the age of `max`. With neither time:
    /// immediately.
    pub fn ends_at(&self, max: SignedDuration) -> Timestamp {
        let oldest = self
            .created_at
            .and_then(|created_at| created_at.checked_add(max).ok());
        let times = [oldest, self.expires_at].into_iter().flatten();
        times.min().unwrap_or(Timestamp::MIN)
    }
}
