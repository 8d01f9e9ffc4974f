//! A policy: what should exist, rather than what to do now.

use glob::Pattern;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::fields::{self, Fields, Mistakes, found, join, member, quoted};
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
        let value = fields::parse(json.as_bytes(), "policy")?;
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
            .any(|rule| rule.selects(region, kind, name, tags))
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
            .any(|rule| rule.region == region && rule.looks_at(kind))
    }
}

impl SourceRule {
    fn read(value: &Value, path: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let mut fields = Fields::of(value, path, mistakes)?;
        fields.require("region");
        let region = fields.parsed("region", Region::parse);
        let names = fields.parsed_list("names", |text| {
            Pattern::new(text)
                .map_err(|error| format!("{:?} is not a shell glob: {error}", quoted(text)))
        });
        let kinds = fields.parsed_list("types", |text| match text {
            "Instance" => Ok(ResourceKind::Instance),
            "Disk" => Ok(ResourceKind::Disk),
            _ => Err(format!(
                "expected \"Instance\" or \"Disk\", found {:?}",
                quoted(text)
            )),
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
                                join(&tags_path, &member(key)),
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

    /// Whether this rule selects a resource that is there.
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
        let named = |globs: &Vec<Pattern>| globs.iter().any(|glob| glob.matches(name));
        self.region == region && self.looks_at(kind) && self.names.as_ref().is_none_or(named)
    }

    fn selects_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|(key, wanted)| {
            tags.get(key)
                .is_some_and(|is| wanted == "*" || wanted == is)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str =
        r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"] }"#;

    fn region(name: &str) -> Region {
        Region::parse(name).unwrap()
    }

    fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        tags.iter().map(owned).collect()
    }

    /// The policy with this one source rule.
    fn with_rule(rule: &str) -> Policy {
        Policy::parse(&format!(
            r#"{{ "sources": [ {rule} ], "destinations": ["us-east-1"] }}"#
        ))
        .unwrap()
    }

    fn selects(policy: &Policy, kind: ResourceKind, name: &str) -> bool {
        policy.selects(region("us-west-2"), kind, name, &BTreeMap::new())
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let policy = Policy::parse(MINIMAL).unwrap();
        assert_eq!(policy.destinations, [region("us-east-1")]);
        assert_eq!(policy.retention, None);
        assert!(!policy.backfill);
        assert_eq!(policy.max_recovery_point_age_hours, 48.0);
        assert_eq!(policy.max_copies_in_progress, 20);
        for kind in [ResourceKind::Instance, ResourceKind::Disk] {
            assert!(selects(&policy, kind, "anything at all"));
            assert!(policy.looks_at(region("us-west-2"), kind));
            assert!(!policy.looks_at(region("us-east-1"), kind));
        }
    }

    #[test]
    fn every_field_is_read() {
        let policy = Policy::parse(
            r#"{
                "sources": [
                    { "region": "us-west-2", "names": ["WordPress-*"], "types": ["Instance"], "tags": { "backup": "dr" } },
                    { "region": "eu-central-1", "types": ["Disk"] } ],
                "destinations": ["us-east-1", "eu-west-1"],
                "retention": { "keepLast": 7, "keepDaily": 14, "keepWeekly": 8, "keepMonthly": 12, "keepYearly": 3 },
                "backfill": true,
                "maxRecoveryPointAgeHours": 25.5,
                "maxCopiesInProgress": 5
            }"#,
        )
        .unwrap();
        assert_eq!(
            policy.destinations,
            [region("us-east-1"), region("eu-west-1")]
        );
        assert_eq!(
            policy.retention,
            Some(Retention {
                keep_last: Some(7),
                keep_daily: Some(14),
                keep_weekly: Some(8),
                keep_monthly: Some(12),
                keep_yearly: Some(3),
            })
        );
        assert!(policy.backfill);
        assert_eq!(policy.max_recovery_point_age_hours, 25.5);
        assert_eq!(policy.max_copies_in_progress, 5);
        assert!(policy.looks_at(region("us-west-2"), ResourceKind::Instance));
        assert!(!policy.looks_at(region("us-west-2"), ResourceKind::Disk));
        assert!(policy.looks_at(region("eu-central-1"), ResourceKind::Disk));
        assert!(!policy.looks_at(region("eu-central-1"), ResourceKind::Instance));
    }

    #[test]
    fn a_rule_is_for_its_region_only() {
        let policy = Policy::parse(MINIMAL).unwrap();
        let none = BTreeMap::new();
        assert!(policy.selects(region("us-west-2"), ResourceKind::Instance, "web", &none));
        assert!(!policy.selects(region("us-east-1"), ResourceKind::Instance, "web", &none));
        assert!(!policy.selects_former(region("us-east-1"), ResourceKind::Instance, "web"));
    }

    #[test]
    fn names_are_shell_globs_over_the_whole_name() {
        for (glob, matching, other) in [
            ("web", "web", "web-1"),
            ("web-*", "web-", "my-web-1"),
            ("*.example.com", "shop.example.com", "example.com"),
            ("db-?", "db-1", "db-12"),
            ("db-[0-3]", "db-3", "db-4"),
            ("db-[!0-3]", "db-4", "db-3"),
            ("Web", "Web", "web"),
            ("a/*", "a/b/c", "a"),
            ("*", ".hidden", ""),
        ] {
            let rule = format!(r#"{{ "region": "us-west-2", "names": ["x", {glob:?}] }}"#);
            let policy = with_rule(&rule);
            assert!(
                selects(&policy, ResourceKind::Disk, matching),
                "{glob} {matching}"
            );
            if !other.is_empty() {
                assert!(
                    !selects(&policy, ResourceKind::Disk, other),
                    "{glob} {other}"
                );
            }
        }
    }

    #[test]
    fn types_limit_the_kinds_of_resource() {
        for (types, instance, disk) in [
            (r#"["Instance"]"#, true, false),
            (r#"["Disk"]"#, false, true),
            (r#"["Disk", "Instance"]"#, true, true),
        ] {
            let policy = with_rule(&format!(r#"{{ "region": "us-west-2", "types": {types} }}"#));
            assert_eq!(selects(&policy, ResourceKind::Instance, "a"), instance);
            assert_eq!(selects(&policy, ResourceKind::Disk, "a"), disk);
        }
    }

    #[test]
    fn all_tags_have_to_match() {
        let policy =
            with_rule(r#"{ "region": "us-west-2", "tags": { "backup": "dr", "owner": "*" } }"#);
        for (on_the_resource, selected) in [
            (tags(&[("backup", "dr"), ("owner", "me")]), true),
            (tags(&[("backup", "dr"), ("owner", ""), ("x", "y")]), true),
            (tags(&[("backup", "dr")]), false),
            (tags(&[("backup", "no"), ("owner", "me")]), false),
            (tags(&[("owner", "me")]), false),
            (tags(&[("Backup", "dr"), ("owner", "me")]), false),
            (tags(&[]), false),
        ] {
            assert_eq!(
                policy.selects(
                    region("us-west-2"),
                    ResourceKind::Instance,
                    "a",
                    &on_the_resource
                ),
                selected,
                "{on_the_resource:?}"
            );
        }
    }

    #[test]
    fn a_star_is_a_wildcard_only_as_the_whole_value() {
        let policy = with_rule(r#"{ "region": "us-west-2", "tags": { "backup": "d*" } }"#);
        let selected = |value| {
            let tags = tags(&[("backup", value)]);
            policy.selects(region("us-west-2"), ResourceKind::Instance, "a", &tags)
        };
        assert!(selected("d*"));
        assert!(!selected("dr"));
    }

    #[test]
    fn one_rule_that_selects_is_enough() {
        let policy = Policy::parse(
            r#"{ "sources": [
                { "region": "us-west-2", "names": ["a"], "types": ["Instance"] },
                { "region": "us-west-2", "names": ["b"], "tags": { "t": "1" } } ],
              "destinations": ["us-east-1"] }"#,
        )
        .unwrap();
        let selects = |kind, name, tags: &[_]| {
            policy.selects(region("us-west-2"), kind, name, &self::tags(tags))
        };
        assert!(selects(ResourceKind::Instance, "a", &[]));
        assert!(selects(ResourceKind::Disk, "b", &[("t", "1")]));
        // Nothing of one rule completes another.
        assert!(!selects(ResourceKind::Disk, "a", &[("t", "1")]));
        assert!(!selects(ResourceKind::Instance, "b", &[]));
    }

    #[test]
    fn only_a_rule_without_tags_speaks_for_what_is_gone() {
        let former = |rule: &str, name| {
            with_rule(rule).selects_former(region("us-west-2"), ResourceKind::Disk, name)
        };
        assert!(former(r#"{ "region": "us-west-2" }"#, "a"));
        assert!(former(r#"{ "region": "us-west-2", "tags": {} }"#, "a"));
        assert!(former(r#"{ "region": "us-west-2", "names": ["a"] }"#, "a"));
        assert!(!former(r#"{ "region": "us-west-2", "names": ["a"] }"#, "b"));
        assert!(!former(
            r#"{ "region": "us-west-2", "types": ["Instance"] }"#,
            "a"
        ));
        assert!(!former(
            r#"{ "region": "us-west-2", "tags": { "backup": "*" } }"#,
            "a"
        ));
    }

    /// All that is wrong with a policy.
    fn mistakes(json: &str) -> String {
        Policy::parse(json).unwrap_err().to_string()
    }

    #[test]
    fn every_mistake_is_named_by_its_path() {
        let rest = r#""sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"]"#;
        let with = |member: &str| format!("{{ {rest}, {member} }}");
        let rule = |members: &str| {
            format!(
                r#"{{ "sources": [ {{ "region": "us-west-2" }}, {{ {members} }} ], "destinations": ["us-east-1"] }}"#
            )
        };
        for (json, expected) in [
            ("nonsense".to_owned(), "the policy is not JSON: "),
            ("[]".to_owned(), "expected an object, found a list"),
            ("null".to_owned(), "expected an object, found null"),
            (
                r#"{ "destinations": ["us-east-1"] }"#.to_owned(),
                "sources: required",
            ),
            (
                r#"{ "sources": [ { "region": "us-west-2" } ] }"#.to_owned(),
                "destinations: required",
            ),
            (
                r#"{ "sources": [], "destinations": ["us-east-1"] }"#.to_owned(),
                "sources: empty: at least one is needed",
            ),
            (
                r#"{ "sources": {}, "destinations": ["us-east-1"] }"#.to_owned(),
                "sources: expected a list, found an object",
            ),
            (
                r#"{ "sources": ["us-west-2"], "destinations": ["us-east-1"] }"#.to_owned(),
                r#"sources[0]: expected an object, found the string "us-west-2""#,
            ),
            (
                r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": [] }"#.to_owned(),
                "destinations: empty: at least one is needed",
            ),
            (
                r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "mars"] }"#
                    .to_owned(),
                r#"destinations[1]: "mars" is not a Region of Lightsail's ("#,
            ),
            (
                r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "us-east-1"] }"#
                    .to_owned(),
                "destinations[1]: named twice",
            ),
            (
                r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": [7] }"#.to_owned(),
                "destinations[0]: expected a string, found 7",
            ),
            (rule(""), "sources[1].region: required"),
            (
                rule(r#""region": "here""#),
                r#"sources[1].region: "here" is not a Region of Lightsail's"#,
            ),
            (
                rule(r#""region": 1"#),
                "sources[1].region: expected a string, found 1",
            ),
            (
                rule(r#""region": "us-west-2", "names": []"#),
                "sources[1].names: empty: at least one is needed",
            ),
            (
                rule(r#""region": "us-west-2", "names": ["a["]"#),
                r#"sources[1].names[0]: "a[" is not a shell glob: "#,
            ),
            (
                rule(r#""region": "us-west-2", "names": ["a", "a"]"#),
                "sources[1].names[1]: named twice",
            ),
            (
                rule(r#""region": "us-west-2", "types": ["instance"]"#),
                r#"sources[1].types[0]: expected "Instance" or "Disk", found "instance""#,
            ),
            (
                rule(r#""region": "us-west-2", "tags": ["backup"]"#),
                "sources[1].tags: expected an object, found a list",
            ),
            (
                rule(r#""region": "us-west-2", "tags": { "a": "b", "backup": true }"#),
                "sources[1].tags.backup: expected a string, found true",
            ),
            (
                rule(r#""region": "us-west-2", "name": ["a"]"#),
                "sources[1].name: unknown field",
            ),
            (with(r#""keepLast": 3"#), "keepLast: unknown field"),
            (
                with(r#""retention": 3"#),
                "retention: expected an object, found 3",
            ),
            (
                with(r#""retention": {}"#),
                "retention: at least one rule is needed: keepLast, keepDaily, keepWeekly, keepMonthly or keepYearly",
            ),
            (
                with(r#""retention": { "keepLast": 0 }"#),
                "retention.keepLast: expected a whole number from 1 to 4294967295, found 0",
            ),
            (
                with(r#""retention": { "keepDaily": -1 }"#),
                "retention.keepDaily: expected a whole number",
            ),
            (
                with(r#""retention": { "keepWeekly": 1.5 }"#),
                "retention.keepWeekly: expected a whole number",
            ),
            (
                with(r#""retention": { "keepMonthly": "3" }"#),
                r#"retention.keepMonthly: expected a whole number from 1 to 4294967295, found the string "3""#,
            ),
            (
                with(r#""retention": { "keepYearly": null }"#),
                "retention.keepYearly: expected a whole number",
            ),
            (
                with(r#""retention": { "keepLast": 1, "keepHourly": 1 }"#),
                "retention.keepHourly: unknown field",
            ),
            (
                with(r#""backfill": "yes""#),
                r#"backfill: expected true or false, found the string "yes""#,
            ),
            (
                with(r#""maxRecoveryPointAgeHours": 0"#),
                "maxRecoveryPointAgeHours: expected a number above 0, found 0",
            ),
            (
                with(r#""maxCopiesInProgress": 0"#),
                "maxCopiesInProgress: expected a whole number from 1 to 4294967295, found 0",
            ),
        ] {
            let found = mistakes(&json);
            assert!(found.starts_with(expected), "{json}\n{found}");
            assert_eq!(found.lines().count(), 1, "{json}\n{found}");
        }
    }

    #[test]
    fn what_a_policy_says_wrong_is_not_quoted_whole_and_not_on_a_line_of_its_own() {
        let long = "[".repeat(100_000);
        let policy = serde_json::json!({
            "sources": [{
                "region": "us-west-2",
                "names": [long],
                "types": [long],
                "tags": { "a\nb": 1, long.as_str(): 1 },
            }],
            "destinations": ["us-east-1"],
        });
        let mistakes = mistakes(&policy.to_string());
        assert_eq!(mistakes.lines().count(), 4, "{mistakes}");
        assert!(mistakes.len() < 1000, "{mistakes}");
        assert!(
            mistakes.contains(r#"sources[0].tags."a\nb": expected a string"#),
            "{mistakes}"
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let found = mistakes(
            r#"{
                "sources": [ { "region": "nowhere", "types": ["VM"] }, { "tags": { "a": 1 } } ],
                "destinations": ["us-east-1", "us-east-1"],
                "retention": { "keepLast": 0, "keepsLast": 1 },
                "backfill": 1,
                "maxCopiesInProgress": "many"
            }"#,
        );
        let paths: Vec<&str> = found
            .lines()
            .filter_map(|line| Some(line.split_once(": ")?.0))
            .collect();
        assert_eq!(
            paths,
            [
                "destinations[1]",
                "backfill",
                "maxCopiesInProgress",
                "sources[0].region",
                "sources[0].types[0]",
                "sources[1].region",
                "sources[1].tags.a",
                "retention.keepLast",
                "retention.keepsLast",
            ]
        );
    }
}
