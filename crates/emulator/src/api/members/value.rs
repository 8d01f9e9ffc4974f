//! The building blocks of answers.

use std::fmt::{self, Display};

use jiff::Timestamp;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::api::region::Region;
use crate::api::resource::{ResourceType, Tags};

/// Serializes an answer.
pub(crate) fn json(answer: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).expect("answers serialize to JSON")
}

/// A time as the API writes it: seconds since 1970, with milliseconds as the fraction.
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_millisecond() as f64 / 1000.0)
    }
}

/// A value that is serialized as the text it displays.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Tags as the API writes them: a list of keys and values.
pub(crate) struct TagList<'a>(pub(crate) &'a Tags);

#[derive(Serialize)]
struct Tag<'a> {
    key: &'a str,
    value: &'a str,
}

impl Serialize for TagList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, value)| Tag { key, value }))
    }
}

/// [ResourceLocation](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_ResourceLocation.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Location {
    availability_zone: Text<Zone>,
    region_name: Region,
}

impl Location {
    /// The first Availability Zone for instances and disks, the whole Region for snapshots.
    pub(crate) fn new(resource_type: ResourceType, region: Region) -> Self {
        let zone = match resource_type {
            ResourceType::Instance | ResourceType::Disk => return Self::in_zone(region, 'a'),
            ResourceType::InstanceSnapshot | ResourceType::DiskSnapshot => Zone::All,
        };
        Self {
            availability_zone: Text(zone),
            region_name: region,
        }
    }

    /// The Availability Zone with this letter.
    pub(crate) fn in_zone(region: Region, letter: char) -> Self {
        Self {
            availability_zone: Text(Zone::In(region, letter)),
            region_name: region,
        }
    }
}

/// An Availability Zone of a Region, or all of them.
pub(crate) enum Zone {
    All,
    In(Region, char),
}

impl Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::In(region, letter) => write!(f, "{region}{letter}"),
        }
    }
}

/// An answer with one item: `{"instance": {…}}`.
pub(crate) struct Single<T> {
    pub(crate) name: &'static str,
    pub(crate) item: T,
}

impl<T: Serialize> Serialize for Single<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.name, &self.item)?;
        map.end()
    }
}

/// An answer with a page of items: `{"instances": […], "nextPageToken": "…"}`.
pub(crate) struct Page<I> {
    pub(crate) list: &'static str,
    pub(crate) items: I,
    pub(crate) next: Option<String>,
}

impl<I> Serialize for Page<I>
where
    I: Iterator + Clone,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.list, &Sequence(&self.items))?;
        if let Some(token) = &self.next {
            map.serialize_entry("nextPageToken", token)?;
        }
        map.end()
    }
}

struct Sequence<'a, I>(&'a I);

impl<I> Serialize for Sequence<'_, I>
where
    I: Iterator + Clone,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        for item in self.0.clone() {
            sequence.serialize_element(&item)?;
        }
        sequence.end()
    }
}
