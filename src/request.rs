//! A copy request: the fields of [CopySnapshot], their rules, and the names of copies.
//!
//! A request says what to copy and where to. It becomes one [`Copy`], and so one call of
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
