//! What has a copy's name: the copy itself, or something else.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::existing_copy::{self, ExistingCopy};
use crate::model::copy::{CopySource, NameOrigin, SnapshotCopy};
use crate::model::failure::{ApiError, Code, ErrorKind};
use crate::model::resource::{ResourceKind, Snapshot, SnapshotState};
use crate::model::tags::CopyTags;

/// How long before an event's time its copy can have been started, by an earlier delivery of the
/// event. An older snapshot under a name from the request is the copy of an earlier event.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(6);

/// What Lightsail says about a copy's source, after the copy's name was found in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFacts {
    /// The source of an automatic snapshot.
    Resource {
        /// `None` if it is gone.
        kind: Option<ResourceKind>,
    },
    Manual {
        /// `None` if it is gone.
        snapshot: Option<Box<Snapshot>>,
        /// `operationDetails` of the CopySnapshot operation that made the snapshot with the copy's
        /// name. `None` if Lightsail does not have the operation any more.
        copied_from: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyState {
    Available,
    InProgress,
}

/// Decides whether `found`, the snapshot with the name of `copy`, is that copy.
///
/// # Errors
///
/// `NameInUse` if it is something else, `CopyErrored` if the copy failed.
pub fn name_owner(
    copy: &SnapshotCopy,
    found: &Snapshot,
    source: &SourceFacts,
) -> Result<CopyState, ApiError> {
    let (name, region) = (&copy.target, copy.destination);
    let in_use = |what| ApiError::found(Code::NameInUse, format!("{name} in {region} is {what}"));
    if let Some(other) = other_origin(copy, found, source) {
        return Err(in_use(other));
    }
    if found.state == SnapshotState::Error {
        let message =
            format!("the copy {name} in {region} ended in state error; delete it, and copy again");
        return Err(ApiError::new(
            ErrorKind::CopyErrored,
            Code::CopyErrored,
            message,
        ));
    }
    if let Some(other) = other_request(copy, found, source) {
        return Err(in_use(other));
    }
    match found.state {
        SnapshotState::Available => Ok(CopyState::Available),
        SnapshotState::Pending => Ok(CopyState::InProgress),
        // The name belongs to the copy, so this is no `NameInUse`.
        SnapshotState::Unknown | SnapshotState::Error => Err(ApiError::new(
            ErrorKind::NotYet,
            Code::CopyErrored,
            format!("the copy {name} in {region} is {UNKNOWN_STATE}"),
        )),
    }
}

/// What the state `unknown` of a disk snapshot means.
pub(super) const UNKNOWN_STATE: &str =
    "in state unknown: neither available nor in progress, so it cannot be restored";

/// The error of a copy whose name is in use, if no snapshot has the name.
pub fn owner_not_found(refusal: &ApiError) -> ApiError {
    let message = format!(
        "no snapshot with that name is found: Lightsail does not show it yet, or the name belongs to a resource of another kind (all kinds of resources of a Region share their names: static IPs, key pairs, disks, …) ({})",
        refusal.message
    );
    ApiError {
        kind: ErrorKind::OwnerNotFound,
        code: Code::NameInUse,
        message,
        ..refusal.clone()
    }
}

/// Describes a snapshot that has another origin than a copy's source.
fn other_origin(copy: &SnapshotCopy, found: &Snapshot, source: &SourceFacts) -> Option<String> {
    let region = copy.source_region.as_str();
    let (kind, name, regions) = match source {
        SourceFacts::Resource { kind } => (*kind, copy.source.name(), vec![region]),
        SourceFacts::Manual {
            snapshot: Some(snapshot),
            ..
        } => {
            // A copy of a copy can show either copy's source Region.
            let from_region = snapshot.from_region.as_deref();
            let regions = [Some(region), from_region].into_iter().flatten().collect();
            let Some(name) = &snapshot.from else {
                return Some(found.describe());
            };
            (Some(snapshot.kind), name.as_str(), regions)
        }
        SourceFacts::Manual {
            snapshot: None,
            copied_from,
        } => {
            let name = copy.source.name();
            return copied_from.is_none().then(|| {
                format!(
                    "{}; nobody can say whether it is a copy of {name}, which does not exist any more in {region}",
                    found.describe()
                )
            });
        }
    };
    let same_kind = kind.is_none_or(|kind| kind == found.kind);
    let is_same = same_kind && has_origin(copy, found, name, &regions);
    (!is_same).then(|| found.describe())
}

/// Whether a snapshot was made from the resource of this name in one of these Regions.
fn has_origin(copy: &SnapshotCopy, found: &Snapshot, name: &str, regions: &[&str]) -> bool {
    if CopyTags::read(&found.tags).is_some() {
        // If it has the name of a policy's copy, the tags decide. Otherwise it inherited them.
        if let Some(existing) = ExistingCopy::recognise(found, copy.destination) {
            let source = &existing.source;
            let same_source = *source.name == *name && regions.contains(&source.region.as_str());
            return same_source && is_date(copy, |date| date == existing.date);
        }
        if existing_copy::origin(found, copy.destination).is_some() {
            return false;
        }
    }
    // The Region in the ARN of a copy's origin is not documented. No other source has a generated
    // name, so it may also be the destination.
    let is_generated = copy.name_origin == NameOrigin::Generated;
    let same_region = found.from_region.as_deref().is_none_or(|region| {
        regions.contains(&region) || (is_generated && region == copy.destination.as_str())
    });
    found.from.as_deref() == Some(name) && same_region
}

/// Describes a snapshot of the same origin that another request made.
fn other_request(copy: &SnapshotCopy, found: &Snapshot, source: &SourceFacts) -> Option<String> {
    let SourceFacts::Manual {
        snapshot,
        copied_from,
    } = source
    else {
        return (!is_for_this_event(copy, found)).then(|| {
            format!(
                "the copy of an earlier event, made at {}; use a targetSnapshotName with the date",
                found
                    .created_at
                    .map_or("an unknown time".to_owned(), |time| time.to_string()),
            )
        });
    };
    let (region, name) = (copy.source_region, copy.source.name());
    if let Some(details) = copied_from
        && *details != format!("{region}:{name}")
    {
        return Some(format!("a copy of {details}"));
    }
    let original = snapshot.as_ref()?.created_at?;
    (found.created_at? < original).then(|| {
        format!("older than the snapshot {name} in {region}: a copy of an earlier one of that name")
    })
}

/// Whether a snapshot of the same source belongs to this event, and not to an earlier one that
/// asked for the same name.
fn is_for_this_event(copy: &SnapshotCopy, found: &Snapshot) -> bool {
    let NameOrigin::Requested { event_time } = copy.name_origin else {
        return true;
    };
    let name = copy.target.as_str();
    let names_date = |date: Date| {
        name.contains(&date.to_string()) || name.contains(&date.strftime("%Y%m%d").to_string())
    };
    let is_dated = matches!(copy.source, CopySource::Dated { .. });
    let is_recent = |at: Timestamp| event_time.duration_since(at) <= MAX_AGE;
    (is_dated && is_date(copy, names_date)) || found.created_at.is_some_and(is_recent)
}

/// Whether the `restoreDate` of a copy is the right one. True for copies without a date.
fn is_date(copy: &SnapshotCopy, is_right: impl Fn(Date) -> bool) -> bool {
    match &copy.source {
        CopySource::Dated { date, .. } => is_right(*date),
        CopySource::Manual { .. } | CopySource::Latest { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tags::{RECOVERY_POINT_TAG, SOURCE_TAG};

    /// The name that a policy gives the copy of the instance `web` of 22 November.
    const POLICY_NAME: &str = "web-us-west-2-2026-11-22";
    const EVENT_TIME: &str = "2026-11-23T12:00:00Z";

    const KIND: SourceFacts = SourceFacts::Resource {
        kind: Some(ResourceKind::Instance),
    };

    /// A copy of the automatic snapshot of 22 November of the instance `web`.
    fn generated() -> SnapshotCopy {
        SnapshotCopy {
            source_region: "us-west-2".parse().unwrap(),
            source: CopySource::Dated {
                resource: "web".into(),
                date: jiff::civil::date(2026, 11, 22),
            },
            destination: "us-east-1".parse().unwrap(),
            target: POLICY_NAME.parse().unwrap(),
            name_origin: NameOrigin::Generated,
        }
    }

    fn requested(name: &str) -> SnapshotCopy {
        SnapshotCopy {
            target: name.parse().unwrap(),
            name_origin: NameOrigin::Requested {
                event_time: EVENT_TIME.parse().unwrap(),
            },
            ..generated()
        }
    }

    fn latest(name: &str) -> SnapshotCopy {
        SnapshotCopy {
            source: CopySource::Latest {
                resource: "web".into(),
            },
            ..requested(name)
        }
    }

    fn manual() -> SnapshotCopy {
        SnapshotCopy {
            source: CopySource::Manual {
                snapshot: "before".into(),
            },
            ..requested("weekly")
        }
    }

    /// The snapshot with this name, of `web` in us-west-2, a minute after the event.
    fn found(name: &str) -> Snapshot {
        Snapshot {
            bundle: None,
            size_gb: 40,
            name: name.to_owned(),
            tags: Default::default(),
            kind: ResourceKind::Instance,
            state: SnapshotState::Available,
            created_at: Some("2026-11-23T12:01:00Z".parse().unwrap()),
            from: Some("web".to_owned()),
            from_region: Some("us-west-2".to_owned()),
            attached_disks: Vec::new(),
        }
    }

    fn tagged(name: &str, source: &str, date: &str) -> Snapshot {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Snapshot {
            tags: [tag(SOURCE_TAG, source), tag(RECOVERY_POINT_TAG, date)].into(),
            ..found(name)
        }
    }

    /// `exists`, `pending`, or the code of the error.
    fn owner(copy: &SnapshotCopy, found: &Snapshot, source: &SourceFacts) -> String {
        match name_owner(copy, found, source) {
            Ok(CopyState::Available) => "exists".to_owned(),
            Ok(CopyState::InProgress) => "pending".to_owned(),
            Err(error) => error.code.to_string(),
        }
    }

    #[test]
    fn kind_name_and_region_of_the_origin_decide() {
        let unknown_kind = SourceFacts::Resource { kind: None };
        let mine: fn(&mut Snapshot) = |_| {};
        let disk: fn(&mut Snapshot) = |snapshot| snapshot.kind = ResourceKind::Disk;
        let other = |snapshot: &mut Snapshot| snapshot.from = Some("db".to_owned());
        let nameless = |snapshot: &mut Snapshot| snapshot.from = None;
        let no_region = |snapshot: &mut Snapshot| snapshot.from_region = None;
        for (index, (change, source, of_generated, of_requested)) in [
            (mine, &KIND, "exists", "exists"),
            (disk, &KIND, "NameInUse", "NameInUse"),
            (disk, &unknown_kind, "exists", "exists"),
            (other, &KIND, "NameInUse", "NameInUse"),
            (nameless, &KIND, "NameInUse", "NameInUse"),
            (no_region, &KIND, "exists", "exists"),
        ]
        .into_iter()
        .enumerate()
        {
            let snapshot = |name: &str| {
                let mut snapshot = found(name);
                change(&mut snapshot);
                snapshot
            };
            let by_policy = owner(&generated(), &snapshot(POLICY_NAME), source);
            assert_eq!(by_policy, of_generated, "case {index}");
            let by_request = owner(&requested("nightly"), &snapshot("nightly"), source);
            assert_eq!(by_request, of_requested, "case {index}");
        }
        // The ARN may name the destination only under a generated name, which no other source has.
        for (region, of_generated, of_requested) in [
            ("us-east-1", "exists", "NameInUse"),
            ("eu-central-1", "NameInUse", "NameInUse"),
        ] {
            let mut snapshot = found(POLICY_NAME);
            snapshot.from_region = Some(region.to_owned());
            assert_eq!(
                owner(&generated(), &snapshot, &KIND),
                of_generated,
                "{region}"
            );
            snapshot.name = "nightly".to_owned();
            assert_eq!(
                owner(&requested("nightly"), &snapshot, &KIND),
                of_requested,
                "{region}"
            );
        }
    }

    #[test]
    fn tags_decide_only_on_the_name_of_a_policys_copy() {
        for (source, date, on_policy_name, on_other_name) in [
            ("us-west-2/web", "2026-11-22", "exists", "exists"),
            // The tags contradict the name.
            ("us-west-2/web", "2026-11-21", "NameInUse", "exists"),
            ("eu-central-1/web", "2026-11-22", "NameInUse", "exists"),
            ("us-west-2/db", "2026-11-22", "NameInUse", "exists"),
            ("us-west-2/web", "yesterday", "NameInUse", "exists"),
        ] {
            let case = format!("{source} {date}");
            let found = tagged(POLICY_NAME, source, date);
            assert_eq!(owner(&generated(), &found, &KIND), on_policy_name, "{case}");
            let copy = requested(POLICY_NAME);
            assert_eq!(owner(&copy, &found, &KIND), on_policy_name, "{case}");
            let found = tagged("nightly", source, date);
            let copy = requested("nightly");
            assert_eq!(owner(&copy, &found, &KIND), on_other_name, "{case}");
        }
        // The tags say where the copy comes from, so the ARN may name any Region or be missing.
        let mut found = tagged(POLICY_NAME, "us-west-2/web", "2026-11-22");
        found.from_region = Some("eu-central-1".to_owned());
        found.from = None;
        assert_eq!(owner(&generated(), &found, &KIND), "exists");
        // They do not turn a snapshot of something else into a copy, and one tag says nothing.
        found.from = Some("db".to_owned());
        assert_eq!(owner(&generated(), &found, &KIND), "NameInUse");
        found.from = Some("web".to_owned());
        found.tags.remove(RECOVERY_POINT_TAG);
        assert_eq!(owner(&generated(), &found, &KIND), "NameInUse");
        // Another policy's copy: of another day, Region or instance.
        for (region, name, date) in [
            ("us-west-2", "web", "2026-11-21"),
            ("eu-central-1", "web", "2026-11-22"),
            ("us-west-2", "db", "2026-11-22"),
        ] {
            let copy_name = format!("{name}-{region}-{date}");
            let mut other = tagged(&copy_name, &format!("{region}/{name}"), date);
            other.from = Some(name.to_owned());
            assert_eq!(owner(&requested(&copy_name), &other, &KIND), "NameInUse");
        }
    }

    #[test]
    fn a_requested_name_belongs_to_one_event() {
        let created = |name: &str, time: &str| Snapshot {
            created_at: time.parse().ok(),
            ..found(name)
        };
        for (name, time, of_dated, of_latest) in [
            ("nightly", "2026-11-23T06:00:00Z", "exists", "exists"),
            (
                "nightly",
                "2026-11-23T05:59:59.999Z",
                "NameInUse",
                "NameInUse",
            ),
            // An event can be delivered late.
            ("nightly", "2026-11-24T12:00:00Z", "exists", "exists"),
            ("nightly", "unknown", "NameInUse", "NameInUse"),
            // Only the automatic snapshot of that day can have been copied under these names.
            (
                "x-2026-11-22",
                "2026-11-22T06:00:00Z",
                "exists",
                "NameInUse",
            ),
            ("20261122_x", "2026-11-22T06:00:00Z", "exists", "NameInUse"),
            (
                "x-2026-11-21",
                "2026-11-22T06:00:00Z",
                "NameInUse",
                "NameInUse",
            ),
            (
                "x-2026_11_22",
                "2026-11-22T06:00:00Z",
                "NameInUse",
                "NameInUse",
            ),
        ] {
            let snapshot = created(name, time);
            assert_eq!(
                owner(&requested(name), &snapshot, &KIND),
                of_dated,
                "{name} {time}"
            );
            assert_eq!(
                owner(&latest(name), &snapshot, &KIND),
                of_latest,
                "{name} {time}"
            );
        }
        let old = created(POLICY_NAME, "2026-11-22T06:00:00Z");
        assert_eq!(owner(&generated(), &old, &KIND), "exists");
    }

    #[test]
    fn a_manual_snapshots_copy_has_its_origin_and_operation_and_is_younger() {
        let original = |created_at: &str| Snapshot {
            created_at: created_at.parse().ok(),
            ..found("before")
        };
        let facts = |created_at, copied_from: Option<&str>| SourceFacts::Manual {
            snapshot: Some(Box::new(original(created_at))),
            copied_from: copied_from.map(str::to_owned),
        };
        let (before, after) = ("2026-11-23T12:00:59Z", "2026-11-23T12:01:01Z");
        for (created_at, copied_from, expected) in [
            (before, None, "exists"),
            ("2026-11-23T12:01:00Z", None, "exists"),
            ("unknown", None, "exists"),
            (before, Some("us-west-2:before"), "exists"),
            (before, Some("us-west-2:after"), "NameInUse"),
            // Somebody deleted the snapshot and made another one under its name.
            (after, None, "NameInUse"),
            (after, Some("us-west-2:before"), "NameInUse"),
        ] {
            let found = found("weekly");
            let owner = owner(&manual(), &found, &facts(created_at, copied_from));
            assert_eq!(owner, expected, "{created_at} {copied_from:?}");
        }
        for (copied_from, expected) in [
            (None, "NameInUse"),
            (Some("us-west-2:before"), "exists"),
            (Some("us-west-2:after"), "NameInUse"),
        ] {
            let gone = SourceFacts::Manual {
                snapshot: None,
                copied_from: copied_from.map(str::to_owned),
            };
            let owner = owner(&manual(), &found("weekly"), &gone);
            assert_eq!(owner, expected, "gone, {copied_from:?}");
        }
        // The original is a copy itself: its own copy can show the Region of either.
        for (region, expected) in [("eu-central-1", "exists"), ("us-east-1", "NameInUse")] {
            let copy_of_copy = SourceFacts::Manual {
                snapshot: Some(Box::new(Snapshot {
                    from_region: Some("eu-central-1".to_owned()),
                    ..original(before)
                })),
                copied_from: None,
            };
            let found = Snapshot {
                from_region: Some(region.to_owned()),
                ..found("weekly")
            };
            assert_eq!(
                owner(&manual(), &found, &copy_of_copy),
                expected,
                "{region}"
            );
        }
    }

    #[test]
    fn the_state_of_the_copy_decides_last() {
        for (state, mine, other) in [
            (SnapshotState::Available, "exists", "NameInUse"),
            (SnapshotState::Pending, "pending", "NameInUse"),
            (SnapshotState::Unknown, "CopyErrored", "NameInUse"),
            (SnapshotState::Error, "CopyErrored", "NameInUse"),
        ] {
            let mut snapshot = found(POLICY_NAME);
            snapshot.state = state;
            assert_eq!(owner(&generated(), &snapshot, &KIND), mine, "{state:?}");
            snapshot.from = Some("db".to_owned());
            assert_eq!(owner(&generated(), &snapshot, &KIND), other, "{state:?}");
        }
    }
}
