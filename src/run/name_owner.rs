//! What has a copy's name: a copy of the same source, or something else.

use jiff::SignedDuration;
use jiff::civil::Date;
use tokio::time::Instant;

use crate::lightsail::Lightsail;
use crate::model::copy::{CopySource, NameOrigin, SnapshotCopy};
use crate::model::failure::ApiError;
use crate::model::resource::{ResourceKind, Snapshot, SnapshotState};
use crate::plan::{RECOVERY_POINT_TAG, SOURCE_TAG};

/// How long before an event's time its copy can have been started, by an earlier delivery of the
/// event. An older snapshot under a name from the request is the copy of an earlier event.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(6);

/// What has a copy's name in the destination.
pub enum NameOwner {
    /// A copy of the same source.
    Copy(SnapshotState),
    /// A snapshot of something else, described.
    Other(String),
}

/// Tells whether the snapshot that has a copy's name is a copy of the same source.
pub async fn name_owner(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    found: &Snapshot,
    deadline: Instant,
) -> Result<NameOwner, ApiError> {
    let Some(origin) = origin(lightsail, copy, deadline).await? else {
        return Ok(NameOwner::Other(format!(
            "a snapshot of {}; nobody can tell whether it is a copy of {name}, because {name} is gone from {region}",
            describe(found),
            name = copy.source.name(),
            region = copy.source_region,
        )));
    };
    if !origin.matches(copy, found) {
        return Ok(NameOwner::Other(format!(
            "a snapshot of {}",
            describe(found)
        )));
    }
    if found.state == SnapshotState::Error {
        return Ok(NameOwner::Copy(found.state));
    }
    if let CopySource::Manual { snapshot } = &copy.source {
        let details = lightsail.copied_from(copy.destination, &found.name, deadline);
        let source = format!("{}:{snapshot}", copy.source_region);
        if let Some(details) = details.await?
            && details != source
        {
            return Ok(NameOwner::Other(format!("a copy of {details}")));
        }
    } else if !is_for_this_event(copy, found) {
        return Ok(NameOwner::Other(format!(
            "the copy of an earlier event, made at {}; use a targetSnapshotName with the date",
            found
                .created_at
                .map_or("an unknown time".to_owned(), |time| time.to_string()),
        )));
    }
    Ok(NameOwner::Copy(found.state))
}

/// What a source's copies show of it.
struct Origin {
    /// `None` if Lightsail does not tell.
    kind: Option<ResourceKind>,
    /// The instance or disk.
    name: Option<String>,
    /// Its Region. The copy of a copy can show either copy's source Region.
    regions: Vec<String>,
}

/// Returns `None` if a manual snapshot is gone.
async fn origin(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    deadline: Instant,
) -> Result<Option<Origin>, ApiError> {
    let region = copy.source_region;
    let mut regions = vec![region.to_string()];
    Ok(match &copy.source {
        // A copy of a manual snapshot has the origin of that snapshot.
        CopySource::Manual { snapshot } => {
            let source = lightsail.find_snapshot(region, snapshot, deadline).await?;
            source.map(|source| {
                regions.extend(source.from_region);
                Origin {
                    kind: Some(source.kind),
                    name: source.from,
                    regions,
                }
            })
        }
        CopySource::Dated { resource, .. } | CopySource::Latest { resource } => Some(Origin {
            kind: lightsail.resource_kind(region, resource, deadline).await?,
            name: Some(resource.clone()),
            regions,
        }),
    })
}

impl Origin {
    /// Whether a snapshot is one of this origin. If it has both tags, they tell its Region and
    /// recovery point.
    fn matches(&self, copy: &SnapshotCopy, found: &Snapshot) -> bool {
        let Some(name) = &self.name else {
            return false;
        };
        if self.kind.is_some_and(|kind| kind != found.kind) {
            return false;
        }
        let Some((source, recovery_point)) = tags(found) else {
            return found.from.as_ref() == Some(name) && self.matches_region(copy, found);
        };
        let same_name = found.from.as_ref().is_none_or(|from| from == name);
        let mut regions = self.regions.iter();
        let same_source = regions.any(|region| *source == format!("{region}/{name}"));
        same_name && same_source && is_date(copy, |date| *recovery_point == date.to_string())
    }

    /// Whether the Region in a snapshot's source ARN is that of this origin. For a copy, Lightsail
    /// does not document which Region that is. No other source has a generated name, so it may
    /// also be the destination.
    fn matches_region(&self, copy: &SnapshotCopy, found: &Snapshot) -> bool {
        let Some(region) = &found.from_region else {
            return true;
        };
        let is_generated = copy.name_origin == NameOrigin::Generated;
        self.regions.contains(region) || (is_generated && region == copy.destination.as_str())
    }
}

/// Whether a snapshot of the same source belongs to this event, and not to an earlier one that
/// asked for the same name.
fn is_for_this_event(copy: &SnapshotCopy, found: &Snapshot) -> bool {
    let NameOrigin::Requested { event_time } = copy.name_origin else {
        return true;
    };
    let name = copy.target.as_str();
    let has_date = |date: Date| {
        name.contains(&date.to_string()) || name.contains(&date.strftime("%Y%m%d").to_string())
    };
    let is_dated = matches!(copy.source, CopySource::Dated { .. });
    // Tags tell the date. They match.
    if is_dated && (is_date(copy, has_date) || tags(found).is_some()) {
        return true;
    }
    found
        .created_at
        .is_some_and(|created_at| event_time.duration_since(created_at) <= MAX_AGE)
}

/// Whether the `restoreDate` of a copy is the right one. Copies without one have the right one.
fn is_date(copy: &SnapshotCopy, is_right: impl Fn(Date) -> bool) -> bool {
    match &copy.source {
        CopySource::Dated { date, .. } => is_right(*date),
        CopySource::Manual { .. } | CopySource::Latest { .. } => true,
    }
}

/// The tags that a policy run sets, if a snapshot has both.
fn tags(snapshot: &Snapshot) -> Option<(&String, &String)> {
    let source = snapshot.tags.get(SOURCE_TAG);
    source.zip(snapshot.tags.get(RECOVERY_POINT_TAG))
}

/// The origin of a snapshot, for messages.
fn describe(snapshot: &Snapshot) -> String {
    let kind = match snapshot.kind {
        ResourceKind::Instance => "instance",
        ResourceKind::Disk => "disk",
    };
    let name = snapshot.from.as_deref().unwrap_or("with an unknown name");
    let region = snapshot.from_region.as_ref();
    let region = region.map(|region| format!(" in {region}"));
    let tags = tags(snapshot).map(|(source, date)| format!(", tagged {source} of {date}"));
    format!(
        "the {kind} {name}{}{}",
        region.unwrap_or_default(),
        tags.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const EVENT_TIME: &str = "2026-11-23T12:00:00Z";

    /// A copy of the automatic snapshot of 22 November of the instance `web`.
    fn dated(name_origin: NameOrigin) -> SnapshotCopy {
        SnapshotCopy {
            source_region: "us-west-2".parse().unwrap(),
            source: CopySource::Dated {
                resource: "web".to_owned(),
                date: jiff::civil::date(2026, 11, 22),
            },
            destination: "us-east-1".parse().unwrap(),
            target: "nightly".parse().unwrap(),
            name_origin,
        }
    }

    fn requested() -> SnapshotCopy {
        dated(NameOrigin::Requested {
            event_time: EVENT_TIME.parse().unwrap(),
        })
    }

    fn generated() -> SnapshotCopy {
        dated(NameOrigin::Generated)
    }

    fn latest() -> SnapshotCopy {
        SnapshotCopy {
            source: CopySource::Latest {
                resource: "web".to_owned(),
            },
            ..requested()
        }
    }

    fn found() -> Snapshot {
        Snapshot {
            bundle: None,
            name: "nightly".to_owned(),
            tags: Default::default(),
            kind: ResourceKind::Instance,
            state: SnapshotState::Available,
            created_at: None,
            from: Some("web".to_owned()),
            from_region: Some("us-west-2".to_owned()),
            attached_disks: Vec::new(),
        }
    }

    fn from_region(region: Option<&str>) -> Snapshot {
        Snapshot {
            from_region: region.map(str::to_owned),
            ..found()
        }
    }

    fn tagged(source: &str, date: &str) -> Snapshot {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Snapshot {
            tags: [tag(SOURCE_TAG, source), tag(RECOVERY_POINT_TAG, date)].into(),
            ..found()
        }
    }

    fn created_at(time: &str) -> Snapshot {
        Snapshot {
            created_at: Some(time.parse::<Timestamp>().unwrap()),
            ..found()
        }
    }

    fn origin() -> Origin {
        Origin {
            kind: Some(ResourceKind::Instance),
            name: Some("web".to_owned()),
            regions: vec!["us-west-2".to_owned()],
        }
    }

    #[test]
    fn the_region_in_the_arn_may_be_the_destination_only_under_a_generated_name() {
        for (region, under_generated, under_requested) in [
            (Some("us-west-2"), true, true),
            (None, true, true),
            (Some("us-east-1"), true, false),
            (Some("eu-central-1"), false, false),
        ] {
            let found = from_region(region);
            let matches = |copy| origin().matches(&copy, &found);
            assert_eq!(matches(generated()), under_generated, "{region:?}");
            assert_eq!(matches(requested()), under_requested, "{region:?}");
        }
    }

    #[test]
    fn the_copy_of_a_copy_may_show_the_region_of_either() {
        let origin = Origin {
            regions: vec!["us-west-2".to_owned(), "eu-central-1".to_owned()],
            ..origin()
        };
        for (region, expected) in [
            ("us-west-2", true),
            ("eu-central-1", true),
            ("us-east-1", false),
        ] {
            let found = from_region(Some(region));
            assert_eq!(origin.matches(&requested(), &found), expected, "{region}");
        }
    }

    #[test]
    fn kind_and_name_have_to_match() {
        let disk = Snapshot {
            kind: ResourceKind::Disk,
            ..found()
        };
        let unknown_kind = Origin {
            kind: None,
            ..origin()
        };
        assert!(!origin().matches(&requested(), &disk));
        assert!(unknown_kind.matches(&requested(), &disk));
        for from in [Some("db"), None] {
            let other = Snapshot {
                from: from.map(str::to_owned),
                ..found()
            };
            assert!(!origin().matches(&requested(), &other), "{from:?}");
        }
        let nameless = Origin {
            name: None,
            ..origin()
        };
        assert!(!nameless.matches(&requested(), &found()));
    }

    #[test]
    fn both_tags_decide() {
        let elsewhere = |snapshot| Snapshot {
            from_region: Some("eu-central-1".to_owned()),
            ..snapshot
        };
        let mine = || tagged("us-west-2/web", "2026-11-22");
        for (found, expected) in [
            (mine(), true),
            (elsewhere(mine()), true),
            (
                Snapshot {
                    from: None,
                    ..mine()
                },
                true,
            ),
            (tagged("us-west-2/web", "2026-11-21"), false),
            (tagged("eu-central-1/web", "2026-11-22"), false),
            (tagged("us-west-2/db", "2026-11-22"), false),
        ] {
            for copy in [generated(), requested()] {
                assert_eq!(origin().matches(&copy, &found), expected, "{found:?}");
            }
        }
        // Anybody can set tags. They do not turn a snapshot of something else into a copy.
        let other = Snapshot {
            from: Some("db".to_owned()),
            ..mine()
        };
        assert!(!origin().matches(&requested(), &other));
        // One tag decides nothing.
        let mut half_tagged = elsewhere(mine());
        half_tagged.tags.remove(RECOVERY_POINT_TAG);
        assert!(!origin().matches(&requested(), &half_tagged));
    }

    #[test]
    fn a_snapshot_from_long_before_the_event_belongs_to_an_earlier_one() {
        for (time, expected) in [
            ("2026-11-23T06:00:00Z", true),
            ("2026-11-23T05:59:59.999Z", false),
            ("2026-11-22T12:00:00Z", false),
            // An event can be delivered late.
            ("2026-11-23T12:00:01Z", true),
            ("2026-11-24T12:00:00Z", true),
        ] {
            let found = created_at(time);
            assert_eq!(is_for_this_event(&requested(), &found), expected, "{time}");
            assert_eq!(is_for_this_event(&latest(), &found), expected, "{time}");
            assert!(is_for_this_event(&generated(), &found));
        }
        assert!(!is_for_this_event(&requested(), &found()));
    }

    #[test]
    fn a_date_in_the_name_or_in_the_tags_needs_no_time() {
        let found = created_at("2026-11-22T06:00:00Z");
        for (name, expected) in [
            ("nightly-2026-11-22", true),
            ("20261122_web", true),
            ("nightly-2026-11-21", false),
            ("nightly-2026_11_22", false),
        ] {
            let target = || name.parse().unwrap();
            let dated = SnapshotCopy {
                target: target(),
                ..requested()
            };
            assert_eq!(is_for_this_event(&dated, &found), expected, "{name}");
            // The latest snapshot can be another one by the time of the next event.
            let latest = SnapshotCopy {
                target: target(),
                ..latest()
            };
            assert!(!is_for_this_event(&latest, &found), "{name}");
        }
        let tagged = tagged("us-west-2/web", "2026-11-22");
        assert!(is_for_this_event(&requested(), &tagged));
        assert!(!is_for_this_event(&latest(), &tagged));
    }
}
