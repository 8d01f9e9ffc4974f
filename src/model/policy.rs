//! A policy: what should exist, rather than what to do now.

use std::collections::BTreeMap;

use glob::Pattern;

use super::drill::Drills;
use super::region::Region;
use super::resource::ResourceKind;
use super::retention::Retention;

/// Which sources have copies, where, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Select the sources. A resource is a source if any rule selects it.
    pub sources: Vec<SourceRule>,
    /// Each source gets copies in each of these Regions.
    pub destinations: Vec<Region>,
    /// Which copies are kept. `None`: no copy is deleted for its age.
    pub retention: Option<Retention>,
    /// Whether to copy every restorable automatic snapshot that retention keeps, not only the latest.
    pub backfill: bool,
    /// Hours. A source whose newest available copy is older is stale.
    pub max_recovery_point_age_hours: f64,
    /// The limit of copies in progress in each destination. Copies made by others count.
    pub max_copies_in_progress: usize,
    /// Which copies are restored on a schedule. `None`: no drills, and drill instances are not
    /// looked for.
    pub drills: Option<Drills>,
}

/// Selects instances and disks by Region, name, kind and tags.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRule {
    pub regions: Vec<Region>,
    /// Shell globs, any of which must match. `None`: all names.
    pub names: Option<Vec<Pattern>>,
    pub except_names: Vec<Pattern>,
    /// `None`: both kinds.
    pub kinds: Option<Vec<ResourceKind>>,
    /// All must match. `*` matches any value.
    pub tags: BTreeMap<String, String>,
}

impl Policy {
    pub fn selects(
        &self,
        region: Region,
        kind: ResourceKind,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> bool {
        self.sources
            .iter()
            .any(|rule| rule.selects(region, kind, name, tags))
    }

    /// Whether a deleted resource was a source. Nobody knows its tags any more, so rules with tags
    /// do not count: it may have belonged to another policy with a longer retention.
    pub fn selects_former(&self, region: Region, kind: ResourceKind, name: &str) -> bool {
        self.sources
            .iter()
            .any(|rule| rule.tags.is_empty() && rule.selects_name(region, kind, name))
    }

    /// Whether a deleted or unread resource may be a source, whatever its tags are.
    pub fn may_have_selected(&self, region: Region, kind: ResourceKind, name: &str) -> bool {
        self.sources
            .iter()
            .any(|rule| rule.selects_name(region, kind, name))
    }

    /// Whether any rule can select resources of this kind in this Region.
    pub fn looks_at(&self, region: Region, kind: ResourceKind) -> bool {
        self.sources
            .iter()
            .any(|rule| rule.regions.contains(&region) && rule.looks_at(kind))
    }
}

impl SourceRule {
    pub fn selects(
        &self,
        region: Region,
        kind: ResourceKind,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> bool {
        self.selects_name(region, kind, name) && self.selects_tags(tags)
    }

    /// Whether this rule can select resources of a kind.
    pub fn looks_at(&self, kind: ResourceKind) -> bool {
        self.kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&kind))
    }

    fn selects_name(&self, region: Region, kind: ResourceKind, name: &str) -> bool {
        let matches = |globs: &Vec<Pattern>| globs.iter().any(|glob| glob.matches(name));
        self.regions.contains(&region)
            && self.looks_at(kind)
            && self.names.as_ref().is_none_or(matches)
            && !matches(&self.except_names)
    }

    fn selects_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|(key, wanted)| {
            tags.get(key)
                .is_some_and(|is| wanted == "*" || wanted == is)
        })
    }
}
