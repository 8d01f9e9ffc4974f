//! A policy: what should exist, rather than what to do now.

use glob::Pattern;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::fields::{Fields, Mistakes, found, join};
use crate::lightsail::ResourceKind;
use crate::region::Region;
use crate::retention::Retention;

/// Which sources are to have copies, where, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Which instances and disks; one that any rule selects is a source.
    pub sources: Vec<SourceRule>,
    /// The Regions that each source is to have copies in.
    pub destinations: Vec<Region>,
    /// Which copies are kept; without it, nothing is ever deleted for its age.
    pub retention: Option<Retention>,
    /// Whether every automatic snapshot that can be restored is copied, not only the latest.
    pub backfill: bool,
    /// How old the newest recovery point of a source may be, in hours, before it is stale.
    pub max_recovery_point_age_hours: f64,
    /// How many copies may be in progress at once in a destination, anybody's included.
    pub max_copies_in_progress: usize,
}

/// The instances and disks of one Region that have certain names and tags.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRule {
    /// Where they are.
    pub region: Region,
    names: Option<Vec<Pattern>>,
    kinds: Option<Vec<ResourceKind>>,
    tags: BTreeMap<String, String>,
}

/// The defaults of a policy's optional fields.
const MAX_RECOVERY_POINT_AGE_HOURS: f64 = 48.0;
const MAX_COPIES_IN_PROGRESS: usize = 20;

impl Policy {
    /// Reads a policy in JSON.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each mistake with its path.
    pub fn parse(json: &str) -> Result<Self, Mistakes> {
        let value: Value = serde_json::from_str(json)
            .map_err(|error| Mistakes::one("", format!("the policy is not JSON: {error}")))?;
        let mut mistakes = Mistakes::default();
        match Self::read(&value, "", &mut mistakes) {
            Some(policy) if mistakes.is_empty() => Ok(policy),
            _ => Err(mistakes),
        }
    }

    /// Reads the policy that stands at `path`. `None`, with the mistakes noted, if it is wrong.
    pub fn read(value: &Value, path: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let mut fields = Fields::of(value, path, mistakes)?;
        fields.require("sources");
        fields.require("destinations");
        let rules = fields.list("sources").unwrap_or_default();
        let destinations = fields.parsed_list("destinations", Region::parse);
        let retention_path = fields.path("retention");
        let retention = fields.value("retention");
        let backfill = fields.boolean("backfill").unwrap_or(false);
        let max_age = fields
            .positive("maxRecoveryPointAgeHours")
            .unwrap_or(MAX_RECOVERY_POINT_AGE_HOURS);
        let max_copies = fields
            .count("maxCopiesInProgress")
            .map_or(MAX_COPIES_IN_PROGRESS, |count| count as usize);
        fields.finish();
        let sources: Vec<_> = rules
            .into_iter()
            .map(|(path, rule)| SourceRule::read(rule, &path, mistakes))
            .collect();
        let retention = match retention {
            Some(value) => Some(Retention::read(Fields::of(
                value,
                &retention_path,
                mistakes,
            )?)?),
            None => None,
        };
        Some(Self {
            sources: sources.into_iter().collect::<Option<_>>()?,
            destinations: destinations?,
            retention,
            backfill,
            max_recovery_point_age_hours: max_age,
            max_copies_in_progress: max_copies,
        })
    }

    /// Whether a resource that is there is a source.
    pub fn selects(
        &self,
        region: Region,
        kind: ResourceKind,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> bool {
        self.sources
            .iter()
            .any(|rule| rule.selects_name(region, kind, name) && rule.selects_tags(tags))
    }

    /// Whether a resource that is not there any more was a source as far as can be told. Nobody
    /// knows its tags any more, so a rule that asks for tags does not speak for it: it may have
    /// been another policy's, with a longer retention.
    pub fn selects_former(&self, region: Region, kind: ResourceKind, name: &str) -> bool {
        self.sources
            .iter()
            .any(|rule| rule.tags.is_empty() && rule.selects_name(region, kind, name))
    }

    /// The Regions and kinds of resource that sources can be among.
    pub fn looks_at(&self, region: Region, kind: ResourceKind) -> bool {
        self.sources
            .iter()
            .any(|rule| rule.region == region && rule.selects_kind(kind))
    }
}

impl SourceRule {
    fn read(value: &Value, path: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let mut fields = Fields::of(value, path, mistakes)?;
        fields.require("region");
        let region = fields.parsed("region", Region::parse);
        let names = fields.parsed_list("names", |text| {
            Pattern::new(text).map_err(|error| format!("{text:?} is not a shell glob: {error}"))
        });
        let kinds = fields.parsed_list("types", |text| match text {
            "Instance" => Ok(ResourceKind::Instance),
            "Disk" => Ok(ResourceKind::Disk),
            _ => Err(format!("expected \"Instance\" or \"Disk\", found {text:?}")),
        });
        let tags_path = fields.path("tags");
        let tags = fields.value("tags");
        fields.finish();
        let mut tag_filter = BTreeMap::new();
        if let Some(tags) = tags {
            match tags {
                Value::Object(members) => {
                    for (key, value) in members {
                        match value {
                            Value::String(text) => {
                                tag_filter.insert(key.clone(), text.clone());
                            }
                            other => mistakes.add(
                                join(&tags_path, key),
                                format!("expected a string, found {}", found(other)),
                            ),
                        }
                    }
                }
                other => mistakes.add(
                    tags_path,
                    format!("expected an object, found {}", found(other)),
                ),
            }
        }
        Some(Self {
            region: region?,
            names,
            kinds,
            tags: tag_filter,
        })
    }

    fn selects_kind(&self, kind: ResourceKind) -> bool {
        self.kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&kind))
    }

    fn selects_name(&self, region: Region, kind: ResourceKind, name: &str) -> bool {
        let named = |globs: &Vec<Pattern>| globs.iter().any(|glob| glob.matches(name));
        self.region == region && self.selects_kind(kind) && self.names.as_ref().is_none_or(named)
    }

    fn selects_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|(key, wanted)| {
            tags.get(key)
                .is_some_and(|is| wanted == "*" || wanted == is)
        })
    }
}
