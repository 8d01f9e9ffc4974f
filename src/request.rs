//! A copy request: the fields of [CopySnapshot], their rules, and the names of copies.
//!
//! A request says what to copy and where to. It becomes one [`Copy`](struct@Copy), and so one call of
//! CopySnapshot, for each of its destinations.
//!
//! [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html

use std::fmt::{self, Write};

use jiff::civil::Date;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;

use crate::fields::{Fields, Mistakes, quoted};
use crate::region::Region;

/// What CopySnapshot copies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A manual snapshot, by its own name.
    Manual {
        /// The snapshot's name: `sourceSnapshotName`.
        snapshot: String,
    },
    /// The automatic snapshot of one day.
    Dated {
        /// The name of the instance or disk: `sourceResourceName`.
        resource: String,
        /// The automatic snapshot's date: `restoreDate`.
        date: Date,
    },
    /// The latest automatic snapshot that can be restored.
    Latest {
        /// The name of the instance or disk: `sourceResourceName`.
        resource: String,
    },
}

impl Source {
    /// The name of the instance, disk or manual snapshot.
    pub fn name(&self) -> &str {
        match self {
            Self::Manual { snapshot } => snapshot,
            Self::Dated { resource, .. } | Self::Latest { resource } => resource,
        }
    }
}

/// The name of a copy: ASCII letters, digits, `_` and `-`, the first and last not `-`,
/// 2 to 255 characters (`\w[\w\-]*\w` on CopySnapshot's page).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SnapshotName(String);

/// The most characters of a snapshot's name.
const LONGEST_NAME: usize = 255;

impl SnapshotName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// What is wrong, if it is no valid name.
    pub fn parse(name: &str) -> Result<Self, String> {
        let ends = |c: Option<char>| c.is_some_and(is_word);
        if name.chars().count() < 2 || name.len() > LONGEST_NAME {
            Err(format!(
                "{:?} has {} characters; a snapshot's name has 2 to {LONGEST_NAME}",
                quoted(name),
                name.chars().count()
            ))
        } else if !name.chars().all(|c| is_word(c) || c == '-')
            || !ends(name.chars().next())
            || !ends(name.chars().next_back())
        {
            Err(format!(
                "{:?} is not a snapshot's name: letters, digits, _ and - (ASCII), neither beginning nor ending with -",
                quoted(name)
            ))
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// The name of the copy of the automatic snapshot of `date`: `{resource}-{region}-{date}`.
    ///
    /// # Errors
    ///
    /// What is wrong, if that is too long.
    pub fn of_dated(resource: &str, region: Region, date: Date) -> Result<Self, String> {
        Self::generated(resource, format_args!("{region}-{date}"))
    }

    /// The name of a copy for which a request gives none. It depends on the request and the
    /// event's time alone, so that an event that is delivered twice asks for the same copy.
    ///
    /// # Errors
    ///
    /// What is wrong, if the name would be too long.
    fn of(source: &Source, region: Region, time: Timestamp) -> Result<Self, String> {
        match source {
            Source::Manual { snapshot } => Self::generated(snapshot, format_args!("{region}")),
            Source::Dated { resource, date } => Self::of_dated(resource, region, *date),
            Source::Latest { resource } => Self::generated(
                resource,
                format_args!("{region}-{}", time.strftime("%Y%m%dT%H%M%SZ")),
            ),
        }
    }

    /// `{name}-{suffix}`. Lightsail lets instances and disks have names that a copy may not have
    /// (`shop.example.com`): each character that a copy's name cannot hold becomes its UTF-8
    /// bytes in hexadecimal, `shop_2E_example_2E_com`.
    fn generated(name: &str, suffix: fmt::Arguments<'_>) -> Result<Self, String> {
        let mut generated = String::with_capacity(name.len() + 32);
        for (index, c) in name.chars().enumerate() {
            if is_word(c) || (c == '-' && index > 0) {
                generated.push(c);
            } else {
                let mut bytes = [0; 4];
                generated.push('_');
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(generated, "{byte:02X}");
                }
                generated.push('_');
            }
        }
        let _ = write!(generated, "-{suffix}");
        if generated.len() > LONGEST_NAME {
            Err(format!(
                "the name that would be generated, {:?}, has {} characters, more than {LONGEST_NAME}; give a shorter one",
                quoted(&generated),
                generated.len()
            ))
        } else {
            Ok(Self(generated))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `\w` in ASCII.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// One call of CopySnapshot: what, from where, to where, under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The Region in which the source is.
    pub source_region: Region,
    /// What is copied.
    pub source: Source,
    /// The Region that the call is made to and the copy is made in.
    pub destination: Region,
    /// The copy's name.
    pub target: SnapshotName,
}

/// A copy request as it was read, before its destinations and name are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRequest {
    source_region: Region,
    source: Source,
    target: Option<SnapshotName>,
    destinations: Vec<Region>,
}

/// What a request leaves to its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// The event's time, part of the name of a copy of the latest automatic snapshot.
    pub time: Timestamp,
    /// The Region that the function runs in, the destination where a request names none;
    /// `None` where Lightsail does not have that Region.
    pub region: Option<Region>,
}

impl CopyRequest {
    /// Reads a request. `None`, with the mistakes noted, if it breaks a rule. What `fields` holds
    /// beyond a request's own fields is left for the caller to read or to refuse.
    pub fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let mistakes_before = fields.mistakes().len();
        fields.require("sourceRegion");
        let source_region = fields.parsed("sourceRegion", Region::parse);
        let source = read_source(fields);
        let target = fields.parsed("targetSnapshotName", SnapshotName::parse);
        if fields.has("destinationRegion") && fields.has("destinationRegions") {
            fields.mistake(
                "destinationRegions",
                "give either destinationRegion or destinationRegions, not both",
            );
        }
        let one = fields.parsed("destinationRegion", Region::parse);
        let many = fields.parsed_list("destinationRegions", Region::parse);
        if fields.mistakes().len() > mistakes_before {
            return None;
        }
        Some(Self {
            source_region: source_region?,
            source: source?,
            target,
            destinations: one.map(|region| vec![region]).or(many).unwrap_or_default(),
        })
    }

    /// The calls that the request comes to, one for each destination. What stands in the way is
    /// noted against `path`, where the request stands.
    pub fn copies(&self, defaults: Defaults, path: &str, mistakes: &mut Mistakes) -> Vec<Copy> {
        let target = match &self.target {
            Some(target) => Ok(target.clone()),
            None => SnapshotName::of(&self.source, self.source_region, defaults.time),
        };
        let target = match target {
            Ok(target) => target,
            Err(message) => {
                mistakes.add(crate::fields::join(path, "targetSnapshotName"), message);
                return Vec::new();
            }
        };
        let destinations = match (self.destinations.as_slice(), defaults.region) {
            ([], Some(region)) => vec![region],
            ([], None) => {
                mistakes.add(
                    crate::fields::join(path, "destinationRegion"),
                    "required, because Lightsail does not have the Region that this function runs in",
                );
                return Vec::new();
            }
            (given, _) => given.to_vec(),
        };
        let copied_onto_itself = |destination: Region| {
            matches!(&self.source, Source::Manual { snapshot } if snapshot == target.as_str())
                && destination == self.source_region
        };
        if destinations.iter().copied().any(copied_onto_itself) {
            mistakes.add(
                crate::fields::join(path, "targetSnapshotName"),
                "the copy would be the source itself; give another name or another Region",
            );
            return Vec::new();
        }
        destinations
            .into_iter()
            .map(|destination| Copy {
                source_region: self.source_region,
                source: self.source.clone(),
                destination,
                target: target.clone(),
            })
            .collect()
    }
}

/// The three ways to say what to copy, and the ways to say it wrong.
fn read_source(fields: &mut Fields<'_, '_>) -> Option<Source> {
    let resource = fields.parsed("sourceResourceName", not_empty);
    let snapshot = fields.parsed("sourceSnapshotName", not_empty);
    let date = fields.parsed("restoreDate", parse_date);
    let latest = fields.boolean("useLatestRestorableAutoSnapshot");
    match (
        fields.has("sourceResourceName"),
        fields.has("sourceSnapshotName"),
    ) {
        (true, true) => {
            fields.mistake(
                "sourceSnapshotName",
                "give either sourceResourceName or sourceSnapshotName, not both",
            );
            None
        }
        (false, false) => {
            fields.mistake(
                "sourceResourceName",
                "required: the instance or disk whose automatic snapshot to copy (or sourceSnapshotName, a manual snapshot)",
            );
            None
        }
        (false, true) => {
            for only_automatic in ["restoreDate", "useLatestRestorableAutoSnapshot"] {
                if fields.has(only_automatic) {
                    fields.mistake(
                        only_automatic,
                        "only for an automatic snapshot, with sourceResourceName",
                    );
                }
            }
            snapshot.map(|snapshot| Source::Manual { snapshot })
        }
        (true, false) => {
            let dated = fields.has("restoreDate");
            match latest {
                Some(true) if dated => {
                    fields.mistake(
                        "restoreDate",
                        "not together with useLatestRestorableAutoSnapshot: true",
                    );
                    None
                }
                Some(false) if !dated => {
                    fields.mistake(
                        "restoreDate",
                        "required where useLatestRestorableAutoSnapshot is false",
                    );
                    None
                }
                _ if dated => Some(Source::Dated {
                    resource: resource?,
                    date: date?,
                }),
                _ => resource.map(|resource| Source::Latest { resource }),
            }
        }
    }
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Reads a date of the form `YYYY-MM-DD`, the only one that CopySnapshot takes.
///
/// # Errors
///
/// What is wrong, if it has another form or no calendar has it.
pub fn parse_date(text: &str) -> Result<Date, String> {
    let form = text.len() == 10
        && text.char_indices().all(|(index, c)| match index {
            4 | 7 => c == '-',
            _ => c.is_ascii_digit(),
        });
    if !form {
        return Err(format!(
            "expected a date as YYYY-MM-DD, found {:?}",
            quoted(text)
        ));
    }
    text.parse().map_err(|_| format!("{text} is not a date"))
}

/// Reads a copy request that stands at `path`, alone: all its fields are a request's.
pub fn read_alone(value: &Value, path: &str, mistakes: &mut Mistakes) -> Option<CopyRequest> {
    let mut fields = Fields::of(value, path, mistakes)?;
    let request = CopyRequest::read(&mut fields);
    fields.finish();
    request
}

/// The UTC day of an instant, as Lightsail dates automatic snapshots.
pub fn utc_date(time: Timestamp) -> Date {
    Zoned::new(time, TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    fn region(name: &str) -> Region {
        Region::parse(name).unwrap()
    }

    #[test]
    fn a_snapshots_name_keeps_the_pages_pattern() {
        for good in [
            "ab",
            "a-b",
            "a--b",
            "__",
            "A1",
            "WordPress-1",
            "1569608575",
            &"a".repeat(255),
        ] {
            assert_eq!(SnapshotName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a",
            "-a",
            "a-",
            "--",
            "a b",
            "a.b",
            "a\n",
            "\na",
            "aß",
            "ßa",
            "ab\u{200b}",
            &"a".repeat(256),
        ] {
            assert!(SnapshotName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn dates_are_real_ones_in_one_form() {
        for good in ["2026-11-22", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(parse_date(good).unwrap().to_string(), good);
        }
        for bad in [
            "2026-02-30",
            "2025-02-29",
            "2026-00-10",
            "2026-13-01",
            "2026-11-31",
            "2026-11-00",
            "2026-11-2",
            "26-11-22",
            "2026/11/22",
            "20261122",
            "2026-W47-7",
            "+2026-11-2",
            "2026-11-22T00:00:00Z",
            " 2026-11-22",
            "2026-11-22\n",
            "２０２６-11-22",
            "",
        ] {
            assert!(parse_date(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_day_of_an_instant_is_that_of_utc() {
        let day = |time: &str| utc_date(time.parse().unwrap()).to_string();
        assert_eq!(day("2026-11-22T23:59:59.999Z"), "2026-11-22");
        assert_eq!(day("2026-11-23T00:30:00+01:00"), "2026-11-22");
    }

    #[test]
    fn generated_names() {
        let time: Timestamp = "2026-11-22T06:12:45.890+00:00".parse().unwrap();
        let name = |source| {
            SnapshotName::of(&source, region("us-west-2"), time)
                .unwrap()
                .0
        };
        let manual = |snapshot: &str| Source::Manual {
            snapshot: snapshot.to_owned(),
        };
        let latest = |resource: &str| Source::Latest {
            resource: resource.to_owned(),
        };
        let dated = |resource: &str| Source::Dated {
            resource: resource.to_owned(),
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
        assert!(SnapshotName::of(&dated(&"a".repeat(235)), region("us-west-2"), time).is_err());
    }

    /// Names that Lightsail lets resources have, and some that it might.
    fn resource_name() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[A-Za-z0-9_][A-Za-z0-9_-]{0,20}[A-Za-z0-9_]",
            1 => "[A-Za-z0-9.]{2,20}",
            1 => "\\PC{1,300}",
        ]
    }

    fn any_region() -> impl Strategy<Value = Region> {
        proptest::sample::select(Region::all().collect::<Vec<_>>())
    }

    fn any_date() -> impl Strategy<Value = Date> {
        (2000i16..2100, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| jiff::civil::date(y, m, d))
    }

    fn any_source() -> impl Strategy<Value = Source> {
        prop_oneof![
            resource_name().prop_map(|snapshot| Source::Manual { snapshot }),
            (resource_name(), any_date())
                .prop_map(|(resource, date)| Source::Dated { resource, date }),
            resource_name().prop_map(|resource| Source::Latest { resource }),
        ]
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        (0i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    /// Whether Lightsail's own pattern lets a resource have this name.
    fn is_plain(name: &str) -> bool {
        SnapshotName::parse(name).is_ok()
    }

    proptest! {
        #[test]
        fn a_generated_name_is_valid_or_refused_and_always_the_same(
            source in any_source(), region in any_region(), time in any_time(),
        ) {
            let name = SnapshotName::of(&source, region, time);
            prop_assert_eq!(&name, &SnapshotName::of(&source, region, time));
            match name {
                Ok(name) => prop_assert_eq!(SnapshotName::parse(name.as_str()), Ok(name)),
                Err(message) => prop_assert!(message.contains("more than 255"), "{}", message),
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
                let Ok(name) = SnapshotName::of(&source, region, time) else { continue };
                prop_assert!(name.as_str().starts_with(source.name()));
                let first = names.entry(name.0).or_insert_with(|| (source.clone(), region));
                prop_assert_eq!(&*first, &(source, region));
            }
        }

        #[test]
        fn times_that_differ_by_a_second_give_names_that_differ(time in any_time()) {
            let source = Source::Latest { resource: "WordPress-1".to_owned() };
            let later = time + jiff::SignedDuration::from_secs(1);
            let region = region("us-west-2");
            prop_assert_ne!(SnapshotName::of(&source, region, time), SnapshotName::of(&source, region, later));
        }

        #[test]
        fn a_request_that_keeps_the_rules_becomes_one_copy_for_each_destination(
            source in any_source(),
            source_region in any_region(),
            target in proptest::option::of("[a-z_][a-z_-]{0,50}[a-z_]"),
            destinations in proptest::sample::subsequence(Region::all().collect::<Vec<_>>(), 0..5),
            own in any_region(),
            time in any_time(),
            says_latest in any::<bool>(),
            says_one in any::<bool>(),
        ) {
            prop_assume!(!source.name().trim().is_empty());
            let mut event = Map::new();
            event.insert("sourceRegion".to_owned(), json!(source_region));
            let field = match source {
                Source::Manual { .. } => "sourceSnapshotName",
                _ => "sourceResourceName",
            };
            event.insert(field.to_owned(), json!(source.name()));
            match &source {
                Source::Manual { .. } => {}
                Source::Dated { date, .. } => {
                    event.insert("restoreDate".to_owned(), json!(date.to_string()));
                    if says_latest {
                        event.insert("useLatestRestorableAutoSnapshot".to_owned(), json!(false));
                    }
                }
                Source::Latest { .. } => {
                    if says_latest {
                        event.insert("useLatestRestorableAutoSnapshot".to_owned(), json!(true));
                    }
                }
            }
            if let Some(target) = &target {
                event.insert("targetSnapshotName".to_owned(), json!(target));
            }
            match destinations.as_slice() {
                [] => {}
                [one] if says_one => {
                    event.insert("destinationRegion".to_owned(), json!(one));
                }
                many => {
                    event.insert("destinationRegions".to_owned(), json!(many));
                }
            }

            let mut mistakes = Mistakes::default();
            let request = read_alone(&Value::Object(event), "", &mut mistakes).unwrap();
            let defaults = Defaults { time, region: Some(own) };
            let copies = request.copies(defaults, "", &mut mistakes);
            let name = match &target {
                Some(target) => SnapshotName::parse(target),
                None => SnapshotName::of(&source, source_region, time),
            };
            let Ok(name) = name else {
                prop_assert!(copies.is_empty() && !mistakes.is_empty());
                return Ok(());
            };
            let expected = if destinations.is_empty() { vec![own] } else { destinations };
            if matches!(&source, Source::Manual { snapshot } if snapshot == name.as_str())
                && expected.contains(&source_region)
            {
                prop_assert!(copies.is_empty() && !mistakes.is_empty());
                return Ok(());
            }
            prop_assert!(mistakes.is_empty(), "{}", mistakes);
            let expected: Vec<_> = expected
                .into_iter()
                .map(|destination| Copy {
                    source_region,
                    source: source.clone(),
                    destination,
                    target: name.clone(),
                })
                .collect();
            prop_assert_eq!(copies, expected);
        }
    }
}
