//! Copies that lack tags, and what it means that a tag cannot be set.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::Planner;
use super::existing_copy::ExistingCopy;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::resource::{ResourceId, SnapshotState};
use crate::model::snapshot_name::SnapshotName;

/// After this time, a copy that still lacks a tag is a failure, whatever the reason.
const PATIENCE: SignedDuration = SignedDuration::from_hours(2);

impl Planner<'_> {
    /// The copies of a source that lack tags. A copy lacks its firewall if an older one has it: then a
    /// run could not set it. Others may be from before firewalls were stored.
    pub(super) fn missing_tags(&self, source: &ResourceId) -> Vec<MissingTags> {
        let own = self.own_copies(source);
        let oldest = own.iter().rposition(|copy| copy.has_firewall);
        let without_firewall = own
            .get(..oldest.unwrap_or(0))
            .unwrap_or_default()
            .iter()
            .filter(|copy| copy.tagged && !copy.has_firewall);
        let untagged = self.copies_of(source).iter().filter(|copy| !copy.tagged);
        let missing = untagged.chain(without_firewall);
        missing.map(|copy| MissingTags::of(copy)).collect()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct MissingTags {
    pub source: ResourceId,
    pub date: Date,
    pub name: SnapshotName,
    /// Whether it lacks the two tags. Otherwise it lacks only those of the firewall.
    pub lacks_own: bool,
    pub pending: bool,
    /// When the copy was started, if Lightsail says so.
    pub started_at: Option<Timestamp>,
}

impl MissingTags {
    /// Those of a copy that starts at `now`.
    pub fn of_new(source: ResourceId, date: Date, name: SnapshotName, now: Timestamp) -> Self {
        Self {
            source,
            date,
            name,
            lacks_own: true,
            pending: true,
            started_at: Some(now),
        }
    }

    pub fn of(copy: &ExistingCopy) -> Self {
        Self {
            source: copy.source.clone(),
            date: copy.date,
            name: copy.name.clone(),
            lacks_own: !copy.tagged,
            pending: copy.state == SnapshotState::Pending,
            started_at: copy.created_at,
        }
    }

    /// Whether a person has to act because of this error, such as a missing permission. Otherwise a later
    /// run may set the tag: the error passes, the copy is in progress and may not accept tags yet, or it
    /// is gone.
    pub fn is_failure(&self, error: &ApiError, now: Timestamp) -> bool {
        let age = self.started_at.map(|at| now.duration_since(at));
        let is_late = age.is_some_and(|age| age > PATIENCE);
        let is_denied = error.kind == ErrorKind::AccessDenied;
        let is_refused = !error.retryable() && (!self.pending || is_denied);
        error.kind != ErrorKind::NotFound && (is_late || is_refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::resource::ResourceKind;

    #[test]
    fn a_missing_tag_is_a_failure_if_nothing_will_set_it() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let error = |kind| ApiError::new(kind, "SomeException", "No.".to_owned());
        let (refused, fault) = (error(ErrorKind::Refused), error(ErrorKind::ServiceFault));
        let (denied, gone) = (error(ErrorKind::AccessDenied), error(ErrorKind::NotFound));
        let (young, old) = (
            SignedDuration::from_mins(120),
            SignedDuration::from_mins(121),
        );
        for (pending, age, error, is_failure) in [
            (true, Some(young), &refused, false),
            (true, Some(young), &denied, true),
            (true, Some(young), &fault, false),
            (false, Some(young), &refused, true),
            (false, Some(young), &fault, false),
            (true, Some(old), &refused, true),
            (false, Some(old), &fault, true),
            (false, None, &refused, true),
            (false, None, &fault, false),
            (false, Some(old), &gone, false),
        ] {
            let missing = MissingTags {
                source: ResourceId {
                    region: "us-west-2".parse().unwrap(),
                    name: "web".into(),
                    kind: ResourceKind::Instance,
                },
                date: jiff::civil::date(2026, 11, 22),
                name: "web-us-west-2-2026-11-22".parse().unwrap(),
                lacks_own: true,
                pending,
                started_at: age.map(|age| now - age),
            };
            let case = format!("{pending} {age:?} {error:?}");
            assert_eq!(missing.is_failure(error, now), is_failure, "{case}");
        }
    }
}
