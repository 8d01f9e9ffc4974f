//! The instances that drills make, and what their tags say.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::model::drill::Drills;
use crate::model::resource::{InstanceState, Resource, ResourceId, ResourceKind};
use crate::model::restore_date::RestoreDate;

/// The tag of a drill instance's source: `{region}/{resource}`.
pub const DRILL_TAG: &str = "snapshot-copier:drill";
/// The tag of a drill instance with the time at which it is deleted in any case.
pub const DRILL_EXPIRES_TAG: &str = "snapshot-copier:drill-expires";
/// The tag of a copy with the result of its last drill.
pub const DRILLED_TAG: &str = "snapshot-copier:drilled";

/// Every drill instance has a name that starts so.
const NAME_PREFIX: &str = "drill-";

/// The name of the instance that is made from a source's copy of `date`.
pub fn instance_name(source: &ResourceId, date: Date) -> String {
    format!("{NAME_PREFIX}{}-{date}", source.name)
}

/// The tags of the instance of a drill that starts at `now`.
pub fn drill_tags(source: &ResourceId, drills: &Drills, now: Timestamp) -> [(String, String); 2] {
    let max = SignedDuration::from_hours(drills.max_hours.into());
    let expires = now.saturating_add(max).unwrap_or(Timestamp::MAX);
    [
        (
            DRILL_TAG.to_owned(),
            format!("{}/{}", source.region, source.name),
        ),
        (DRILL_EXPIRES_TAG.to_owned(), format!("{expires:.0}")),
    ]
}

/// The source in the value of a drill tag.
fn source_from_tag(value: &str) -> Option<ResourceId> {
    let (region, name) = value.split_once('/')?;
    (!name.is_empty()).then_some(())?;
    Some(ResourceId {
        region: region.parse().ok()?,
        name: name.to_owned(),
        kind: ResourceKind::Instance,
    })
}

/// An instance that a drill made. Its name and its tag show that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillInstance {
    /// What it is a trial of. `None` if its tag, which anybody can change, does not tell.
    pub source: Option<ResourceId>,
    /// Its name.
    pub name: String,
    /// `createdAt`.
    pub created_at: Option<Timestamp>,
    /// When it is deleted in any case, by its tag.
    pub expires_at: Option<Timestamp>,
    /// What it does.
    pub state: InstanceState,
    /// Its public IPv4 address.
    pub address: Option<String>,
}

impl DrillInstance {
    /// Returns `None` if no drill made the instance.
    pub fn from_resource(resource: &Resource) -> Option<Self> {
        let status = resource.instance.as_ref()?;
        let source = resource.tags.get(DRILL_TAG)?;
        let expires_at = resource.tags.get(DRILL_EXPIRES_TAG);
        resource.name.starts_with(NAME_PREFIX).then_some(())?;
        Some(Self {
            source: source_from_tag(source),
            name: resource.name.clone(),
            created_at: resource.created_at,
            expires_at: expires_at.and_then(|time| time.parse().ok()),
            state: status.state,
            address: status.public_address.clone(),
        })
    }

    /// The date of the recovery point, from the instance's name.
    pub fn date(&self) -> Option<Date> {
        let (_, date) = self
            .name
            .split_at_checked(self.name.len().checked_sub(10)?)?;
        let RestoreDate(date) = date.parse().ok()?;
        let source = self.source.as_ref()?;
        (instance_name(source, date) == self.name).then_some(date)
    }

    /// When it is deleted in any case. Without any time it is, at once.
    pub fn ends_at(&self, longest: SignedDuration) -> Timestamp {
        let oldest = self
            .created_at
            .and_then(|created_at| created_at.checked_add(longest).ok());
        let times = [oldest, self.expires_at].into_iter().flatten();
        times.min().unwrap_or(Timestamp::MIN)
    }
}
