//! One call of CopySnapshot.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::InvalidValue;
use super::region::Region;
use super::snapshot_name::SnapshotName;

/// What [CopySnapshot] copies.
///
/// [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CopySource {
    Manual {
        snapshot: Arc<str>,
    },
    /// The automatic snapshot of one day.
    Dated {
        resource: Arc<str>,
        date: Date,
    },
    Latest {
        resource: Arc<str>,
    },
}

impl Serialize for CopySource {
    /// The fields of a request.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Manual { snapshot } => map.serialize_entry("sourceSnapshotName", snapshot)?,
            Self::Dated { resource, date } => {
                map.serialize_entry("sourceResourceName", resource)?;
                map.serialize_entry("restoreDate", date)?;
            }
            Self::Latest { resource } => {
                map.serialize_entry("sourceResourceName", resource)?;
                map.serialize_entry("useLatestRestorableAutoSnapshot", &true)?;
            }
        }
        map.end()
    }
}

impl CopySource {
    /// The name of the instance, disk or manual snapshot.
    pub fn name(&self) -> &str {
        match self {
            Self::Manual { snapshot } => snapshot,
            Self::Dated { resource, .. } | Self::Latest { resource } => resource,
        }
    }

    /// The name of a copy whose request has none. It depends only on the request and the event's
    /// time, so an event that is delivered twice asks for the same name.
    ///
    /// # Errors
    ///
    /// The name would be longer than 255 characters.
    pub fn default_name(
        &self,
        region: Region,
        time: Timestamp,
    ) -> Result<SnapshotName, InvalidValue> {
        match self {
            Self::Manual { snapshot } => SnapshotName::generate(snapshot, format_args!("{region}")),
            Self::Dated { resource, date } => SnapshotName::for_dated(resource, region, *date),
            Self::Latest { resource } => {
                let time = time.strftime("%Y%m%dT%H%M%SZ");
                SnapshotName::generate(resource, format_args!("{region}-{time}"))
            }
        }
    }
}

/// One call of CopySnapshot: a source, a destination and the copy's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotCopy {
    pub source_region: Region,
    #[serde(flatten)]
    pub source: CopySource,
    /// The Region that receives the call and the copy.
    #[serde(rename = "destinationRegion")]
    pub destination: Region,
    #[serde(rename = "targetSnapshotName")]
    pub target: SnapshotName,
    #[serde(skip)]
    pub name_origin: NameOrigin,
}

/// Where a copy's name comes from. It decides which snapshot of that name counts as the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOrigin {
    /// This function generated it. Another source, date or event has another name.
    Generated,
    /// `targetSnapshotName` of a request. A later event may reuse it.
    Requested { event_time: Timestamp },
}

#[cfg(test)]
pub mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    #[test]
    fn generated_names() {
        let time: Timestamp = "2026-11-22T06:12:45.890+00:00".parse().unwrap();
        let name = |source: CopySource| {
            source
                .default_name(region("us-west-2"), time)
                .unwrap()
                .to_string()
        };
        let manual = |snapshot: &str| CopySource::Manual {
            snapshot: snapshot.into(),
        };
        let latest = |resource: &str| CopySource::Latest {
            resource: resource.into(),
        };
        let dated = |resource: &str| CopySource::Dated {
            resource: resource.into(),
            date: jiff::civil::date(2026, 11, 2),
        };
        assert_eq!(name(manual("snap-1")), "snap-1-us-west-2");
        assert_eq!(
            name(dated("WordPress-1")),
            "WordPress-1-us-west-2-2026-11-02"
        );
        assert_eq!(
            name(latest("WordPress-1")),
            "WordPress-1-us-west-2-20261122T061245Z"
        );
        assert_eq!(
            name(latest("größe 1")),
            "gr_C3B6__C39F_e_20_1-us-west-2-20261122T061245Z"
        );
        assert_eq!(name(dated("-x")), "_2D_x-us-west-2-2026-11-02");
        assert_eq!(name(dated(&"a".repeat(234))).len(), 255);
        assert!(
            dated(&"a".repeat(235))
                .default_name(region("us-west-2"), time)
                .is_err()
        );
    }

    /// Names that Lightsail lets resources have, and some that it might.
    fn resource_name() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[A-Za-z0-9_][A-Za-z0-9_-]{0,20}[A-Za-z0-9_]",
            1 => "[A-Za-z0-9.]{2,20}",
            1 => "\\PC{1,300}",
        ]
    }

    pub fn any_region() -> impl Strategy<Value = Region> {
        proptest::sample::select(Region::all().collect::<Vec<_>>())
    }

    fn any_date() -> impl Strategy<Value = Date> {
        (2000i16..2100, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| jiff::civil::date(y, m, d))
    }

    pub fn any_source() -> impl Strategy<Value = CopySource> {
        prop_oneof![
            resource_name().prop_map(|name| CopySource::Manual {
                snapshot: name.into()
            }),
            (resource_name(), any_date()).prop_map(|(name, date)| CopySource::Dated {
                resource: name.into(),
                date
            }),
            resource_name().prop_map(|name| CopySource::Latest {
                resource: name.into()
            }),
        ]
    }

    pub fn any_time() -> impl Strategy<Value = Timestamp> {
        (0i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    /// Whether Lightsail's own pattern lets a resource have this name.
    fn is_plain(name: &str) -> bool {
        name.parse::<SnapshotName>().is_ok()
    }

    proptest! {
        #[test]
        fn a_generated_name_is_valid_or_refused_and_always_the_same(
            source in any_source(), region in any_region(), time in any_time(),
        ) {
            let name = source.default_name(region, time);
            prop_assert_eq!(&name, &source.default_name(region, time));
            match name {
                Ok(name) => prop_assert_eq!(name.as_str().parse::<SnapshotName>(), Ok(name)),
                Err(message) => prop_assert!(message.0.contains("more than 255"), "{}", message.0),
            }
        }

        #[test]
        fn sources_that_differ_have_names_that_differ(
            sources in proptest::collection::vec((any_source(), any_region()), 2..20), time in any_time(),
        ) {
            // Names that Lightsail's pattern allows stand in the generated name as they are.
            let mut names = HashMap::new();
            for (source, region) in sources {
                if !is_plain(source.name()) {
                    continue;
                }
                let Ok(name) = source.default_name(region, time) else { continue };
                prop_assert!(name.as_str().starts_with(source.name()));
                let first = names.entry(name.to_string()).or_insert_with(|| (source.clone(), region));
                prop_assert_eq!(&*first, &(source, region));
            }
        }

        #[test]
        fn times_that_differ_by_a_second_give_names_that_differ(time in any_time()) {
            let source = CopySource::Latest { resource: "WordPress-1".into() };
            let later = time + jiff::SignedDuration::from_secs(1);
            let region = region("us-west-2");
            prop_assert_ne!(source.default_name(region, time), source.default_name(region, later));
        }
    }
}
