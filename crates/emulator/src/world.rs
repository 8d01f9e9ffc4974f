//! A world: what there is in Lightsail when the emulator starts, as JSON or in code.
//!
//! ```json
//! { "copySeconds": 2, "copyLimit": 20, "regions": { "us-west-2": {
//!     "instances": [ { "name": "WordPress-1", "tags": { "backup": "dr" }, "autoSnapshots": [ { "date": "today" } ] } ],
//!     "disks": [ { "name": "Data-1" } ],
//!     "instanceSnapshots": [ { "name": "WordPress-1-1569608575", "fromInstanceName": "WordPress-1" } ],
//!     "diskSnapshots": [] } } }
//! ```
//!
//! Every Region of Lightsail exists whether or not it is named. An unknown member is an error that says where it is.

use crate::error::WorldError;
use crate::region::Region;
use crate::resource::{AutoSnapshotStatus, SnapshotState, Tags};
use crate::state::State;
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::Offset};
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;

/// Everything that there is at the start, and how the service behaves.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct World {
    /// How long a copy is `pending`. In JSON seconds, fractions allowed; default 2.
    #[serde(rename = "copySeconds", deserialize_with = "seconds")]
    pub copy_time: SignedDuration,
    /// How many copies may be in progress in one destination Region; CopySnapshot refuses more. Default 20.
    pub copy_limit: usize,
    /// The error code of that refusal, which the API's pages do not tell. Default `OperationFailureException`.
    pub copy_limit_code: String,
    /// How many items a page of a list holds, at least 1. Default 100.
    #[serde(deserialize_with = "at_least_one")]
    pub page_size: usize,
    /// What there is in each Region.
    pub regions: BTreeMap<Region, RegionWorld>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            copy_time: SignedDuration::from_secs(2),
            copy_limit: 20,
            copy_limit_code: "OperationFailureException".to_owned(),
            page_size: 100,
            regions: BTreeMap::new(),
        }
    }
}

impl World {
    /// A world to play with: some instances, disks and snapshots in three Regions, so that the sample requests of
    /// CopySnapshot's page work.
    pub fn demo() -> Self {
        Self::from_json(include_str!("../demo.json")).expect("the demo world is tested")
    }

    /// Reads a world.
    ///
    /// # Errors
    /// Not JSON, an unknown member, a value of the wrong type, an unknown Region, or a name used twice in one Region:
    /// with the path to it.
    pub fn from_json(text: &str) -> Result<Self, WorldError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let world: World =
            serde_path_to_error::deserialize(&mut json).map_err(|error| WorldError {
                path: error.path().to_string(),
                message: error.inner().to_string(),
            })?;
        json.end().map_err(|error| WorldError {
            path: ".".to_owned(),
            message: error.to_string(),
        })?;
        // What no single value shows, such as a name used twice, comes out when the world is built.
        State::new(&world, Timestamp::UNIX_EPOCH)?;
        Ok(world)
    }
}

/// What there is in one Region. A name belongs to one resource of the Region, whatever its type.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RegionWorld {
    /// Instances.
    pub instances: Vec<Source>,
    /// Disks.
    pub disks: Vec<Source>,
    /// Manual snapshots of instances.
    pub instance_snapshots: Vec<InstanceSnapshot>,
    /// Manual snapshots of disks.
    pub disk_snapshots: Vec<DiskSnapshot>,
}

/// An instance or a disk.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// Its name, unique in the Region.
    #[serde(deserialize_with = "not_empty")]
    pub name: String,
    /// Its tags. Default none.
    #[serde(default)]
    pub tags: Tags,
    /// Its automatic snapshots, taken as they are even if there are more than the seven that Lightsail keeps. Given,
    /// even empty, the add-on that makes them is enabled; absent, it is disabled.
    #[serde(default)]
    pub auto_snapshots: Option<Vec<AutoSnapshot>>,
    /// When it was created. Default 2019-01-01.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// Its size in GB. Default 40.
    #[serde(default)]
    pub size_in_gb: Option<u32>,
}

impl Source {
    /// An instance or disk without tags, automatic snapshots disabled.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// The same with one more tag.
    pub fn with_tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same with automatic snapshots enabled and one more of them.
    pub fn with_auto_snapshot(mut self, date: Date, status: AutoSnapshotStatus) -> Self {
        self.auto_snapshots
            .get_or_insert_default()
            .push(AutoSnapshot {
                date: AutoSnapshotDate::On(date),
                status,
                created_at: None,
            });
        self
    }
}

/// An automatic snapshot.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoSnapshot {
    /// Its date.
    pub date: AutoSnapshotDate,
    /// Its status. Default `Success`.
    #[serde(default)]
    pub status: AutoSnapshotStatus,
    /// When it was made. Default 06:00 UTC of its date.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// The date of an automatic snapshot: `2026-11-22`, `today` or `today-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AutoSnapshotDate {
    /// This date.
    On(Date),
    /// This many days before the date, UTC, on which the emulator starts.
    DaysAgo(u16),
}

impl AutoSnapshotDate {
    /// The date meant when the emulator starts at `now`.
    pub fn resolve(self, now: Timestamp) -> Date {
        match self {
            Self::On(date) => date,
            Self::DaysAgo(days) => {
                let today = Offset::UTC.to_datetime(now).date();
                today.saturating_sub(i64::from(days).days())
            }
        }
    }
}

impl TryFrom<String> for AutoSnapshotDate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "today" {
            return Ok(Self::DaysAgo(0));
        }
        let days_ago = text.strip_prefix("today-").map(str::parse);
        match days_ago {
            Some(Ok(days)) => Ok(Self::DaysAgo(days)),
            Some(Err(_)) => Err(format!("{text:?}: no number of days after `today-`")),
            None => crate::parameters::parse_date(&text)
                .map(Self::On)
                .ok_or_else(|| {
                    format!("{text:?} is neither a date (2026-11-22) nor `today` nor `today-3`")
                }),
        }
    }
}

/// A manual snapshot of an instance.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceSnapshot {
    /// Its name, unique in the Region.
    #[serde(deserialize_with = "not_empty")]
    pub name: String,
    /// The name of the instance that it was made of.
    #[serde(default)]
    pub from_instance_name: Option<String>,
    /// The ARN of that instance. Default: that of the Region's instance of this name, if there is one.
    #[serde(default)]
    pub from_instance_arn: Option<String>,
    /// Its tags. Default none.
    #[serde(default)]
    pub tags: Tags,
    /// Its state, which stays. `pending` counts as a copy in progress. Default `available`.
    #[serde(default)]
    pub state: SnapshotState,
    /// When it was created. Default: when the emulator starts.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// Whether it is a copy of an automatic snapshot. Default `false`.
    #[serde(default)]
    pub is_from_auto_snapshot: bool,
    /// Its size in GB. Default 40.
    #[serde(default)]
    pub size_in_gb: Option<u32>,
}

/// A manual snapshot of a disk.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiskSnapshot {
    /// Its name, unique in the Region.
    #[serde(deserialize_with = "not_empty")]
    pub name: String,
    /// The name of the disk that it was made of.
    #[serde(default)]
    pub from_disk_name: Option<String>,
    /// The ARN of that disk. Default: that of the Region's disk of this name, if there is one.
    #[serde(default)]
    pub from_disk_arn: Option<String>,
    /// Its tags. Default none.
    #[serde(default)]
    pub tags: Tags,
    /// Its state, which stays. `pending` counts as a copy in progress. Default `available` (or `completed`).
    #[serde(default)]
    pub state: SnapshotState,
    /// When it was created. Default: when the emulator starts.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// Whether it is a copy of an automatic snapshot. Default `false`.
    #[serde(default)]
    pub is_from_auto_snapshot: bool,
    /// Its size in GB. Default 40.
    #[serde(default)]
    pub size_in_gb: Option<u32>,
}

fn seconds<'de, D: Deserializer<'de>>(json: D) -> Result<SignedDuration, D::Error> {
    let seconds = f64::deserialize(json)?;
    match SignedDuration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_negative() => Ok(duration),
        _ => Err(de::Error::custom(format!(
            "{seconds} is not a length of time in seconds"
        ))),
    }
}

fn at_least_one<'de, D: Deserializer<'de>>(json: D) -> Result<usize, D::Error> {
    match usize::deserialize(json)? {
        0 => Err(de::Error::custom("must be at least 1")),
        number => Ok(number),
    }
}

fn not_empty<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    match String::deserialize(json)? {
        text if text.is_empty() => Err(de::Error::custom("must not be empty")),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn error(json: &str) -> String {
        World::from_json(json).unwrap_err().to_string()
    }

    #[test]
    fn absent_members_have_their_defaults() {
        assert_eq!(World::from_json("{}").unwrap(), World::default());
        let world = World::from_json(
            r#"{"copySeconds":0.5,"copyLimit":3,"pageSize":2,"copyLimitCode":"X","regions":{"us-west-2":{
                "instances":[{"name":"a","autoSnapshots":[{"date":"2026-11-22"}]}]}}}"#,
        )
        .unwrap();
        assert_eq!(world.copy_time, SignedDuration::from_millis(500));
        let instance = &world.regions[&Region::UsWest2].instances[0];
        let expected =
            Source::named("a").with_auto_snapshot(date(2026, 11, 22), AutoSnapshotStatus::Success);
        assert_eq!(instance, &expected);
    }

    #[test]
    fn errors_say_where() {
        let in_region =
            |inside: &str| error(&format!(r#"{{"regions":{{"us-west-2":{{{inside}}}}}}}"#));
        for (found, expected) in [
            (error("{"), "EOF"),
            (error("{} {}"), "trailing characters"),
            (error(r#"{"regoins":{}}"#), "regoins: unknown field"),
            (
                error(r#"{"regions":{"us-west-9":{}}}"#),
                "regions.us-west-9: Lightsail has no Region \"us-west-9\"",
            ),
            (error(r#"{"pageSize":0}"#), "pageSize: must be at least 1"),
            (error(r#"{"copySeconds":-1}"#), "copySeconds: -1 is not"),
            (
                in_region(r#""instances":[{"name":"a","tag":{}}]"#),
                "regions.us-west-2.instances[0].tag: unknown field `tag`",
            ),
            (
                in_region(r#""instances":[{"name":""}]"#),
                "regions.us-west-2.instances[0].name: must not be empty",
            ),
            (
                in_region(r#""disks":[{"name":"a","autoSnapshots":[{"date":"2026-02-30"}]}]"#),
                "regions.us-west-2.disks[0].autoSnapshots[0].date: \"2026-02-30\" is neither",
            ),
            (
                in_region(r#""disks":[{"name":"a","autoSnapshots":[{"date":"today-x"}]}]"#),
                "no number of days",
            ),
            (
                in_region(
                    r#""instances":[{"name":"a"}],"diskSnapshots":[{"name":"b"},{"name":"a"}]"#,
                ),
                "regions.us-west-2.diskSnapshots[1].name: us-west-2 already has a resource named \"a\"",
            ),
            (
                in_region(
                    r#""instances":[{"name":"a","autoSnapshots":[{"date":"2026-11-22"},{"date":"2026-11-22"}]}]"#,
                ),
                "regions.us-west-2.instances[0].autoSnapshots[1].date: is there twice",
            ),
        ] {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn dates_may_be_relative_to_today() {
        let now = "2026-03-01T00:30:00Z".parse().unwrap();
        for (text, expected) in [
            ("today", date(2026, 3, 1)),
            ("today-1", date(2026, 2, 28)),
            ("2019-09-25", date(2019, 9, 25)),
        ] {
            let read = AutoSnapshotDate::try_from(text.to_owned()).unwrap();
            assert_eq!(read.resolve(now), expected);
        }
    }

    #[test]
    fn the_demo_world_is_one() {
        assert!(World::demo().regions.len() >= 2);
    }
}
