//! Policies in JSON.

use std::collections::BTreeMap;

use glob::Pattern;
use serde_json::Value;

use super::drills::drills;
use super::errors::{Path, ValidationErrors};
use super::input::{ANY, Input, Object, SOME};
use super::payload::parse_json;
use crate::model::policy::{Policy, SourceRule};
use crate::model::region::Region;
use crate::model::resource::ResourceKind;
use crate::model::retention::Retention;
use crate::model::{Excerpt, InvalidValue};

/// The most bytes of all `names` and `exceptNames` of a policy. A [`Pattern`] takes up to 64 bytes of
/// memory for each.
const MAX_NAME_BYTES: usize = 1_000_000;

/// Reads a policy in JSON.
///
/// # Errors
///
/// All errors of the policy, each with its path.
pub fn parse_policy(json: &str) -> Result<Policy, ValidationErrors> {
    let mut errors = ValidationErrors::default();
    let value = parse_json(json.as_bytes(), "policy", &mut errors);
    let policy = value.and_then(|value| {
        let input = Input {
            value: &value,
            path: Path::Root,
            errors: &mut errors,
        };
        policy(input)
    });
    errors.or(policy)
}

pub fn policy(input: Input<'_>) -> Option<Policy> {
    if !names_fit(input.value) {
        let path = Path::Field(&input.path, "sources");
        let message =
            format_args!("the names of sources and drills have more than {MAX_NAME_BYTES} bytes");
        input.errors.add(path, message);
        return None;
    }
    input.object(|object| {
        let sources = object.required("sources", |it| it.list(SOME, |it| it.object(rule)));
        let destinations =
            object.required("destinations", |it| it.distinct(SOME, |it| it.parsed()));
        // Without any count, retention deletes nothing.
        let retention = object.optional("retention", |it| it.object(retention));
        let retention = retention.filter(|retention| *retention != Retention::default());
        let backfill = object.optional("backfill", |it| it.flag());
        let max_age = object.optional("maxRecoveryPointAgeHours", |it| it.positive());
        let max_copies = object.optional("maxCopiesInProgress", |it| it.count(1..=u32::MAX));
        let drills = object.optional("drills", |it| it.object(drills));
        Some(Policy {
            sources: sources?,
            destinations: destinations?,
            retention,
            backfill: backfill.unwrap_or(false),
            max_recovery_point_age_hours: max_age.unwrap_or(36.0),
            max_copies_in_progress: max_copies.unwrap_or(20),
            drills,
        })
    })
}

fn rule(object: &mut Object<'_>) -> Option<SourceRule> {
    let one = object.optional("region", |it| {
        it.parsed::<Region>().map(|region| vec![region])
    });
    let many = object.optional("regions", |it| it.distinct(SOME, |it| it.parsed()));
    let given = object.one_of("region", "regions", "required (or regions, a list)");
    let names = object.optional("names", |it| it.distinct(SOME, |it| it.parsed_by(glob)));
    let except_names = object.optional("exceptNames", |it| {
        it.distinct(ANY, |it| it.parsed_by(glob))
    });
    let kinds = object.optional("types", |it| it.distinct(SOME, |it| it.parsed_by(kind)));
    let tags = object.optional("tags", tags);
    Some(SourceRule {
        regions: given.and(one.or(many))?,
        names,
        except_names: except_names.unwrap_or_default(),
        kinds,
        tags: tags.unwrap_or_default(),
    })
}

/// Whether the globs over names fit into memory.
fn names_fit(policy: &Value) -> bool {
    let rules = policy.get("sources").and_then(Value::as_array);
    let selectors = rules.into_iter().flatten().chain(policy.get("drills"));
    let fields =
        selectors.flat_map(|selector| [selector.get("names"), selector.get("exceptNames")]);
    let names = fields.flatten().filter_map(Value::as_array).flatten();
    let bytes = names.filter_map(|name| Some(name.as_str()?.len()));
    bytes.sum::<usize>() <= MAX_NAME_BYTES
}

/// A count of 0 disables its rule.
fn retention(object: &mut Object<'_>) -> Option<Retention> {
    if object.fields.is_empty() {
        object.errors.add(object.path, "at least one rule is needed: keepLast, keepDaily, keepWeekly, keepMonthly or keepYearly");
    }
    let mut count = |name| {
        let count = object.optional(name, |it| it.count(0..=u32::MAX));
        count.filter(|count| *count > 0)
    };
    Some(Retention {
        keep_last: count("keepLast"),
        keep_daily: count("keepDaily"),
        keep_weekly: count("keepWeekly"),
        keep_monthly: count("keepMonthly"),
        keep_yearly: count("keepYearly"),
    })
}

/// A shell glob over names. The only rule of what a glob is.
pub fn glob(text: &str) -> Result<Pattern, InvalidValue> {
    // `Pattern` takes these as plain characters, which a shell does not.
    let others = ["{", "}", "\\", "[^", "[[:"];
    if others.iter().any(|other| text.contains(other)) {
        return Err(InvalidValue(format!(
            "{:?} is not supported: use *, ?, [abc], [a-z] and [!a-z], and a name of its own for each alternative",
            Excerpt(text)
        )));
    }
    if text.is_empty() {
        return Err(InvalidValue("empty: it matches no name".to_owned()));
    }
    if has_empty_range(text) {
        return Err(InvalidValue(format!(
            "{:?} has a range that contains nothing: begin it with the earlier character",
            Excerpt(text)
        )));
    }
    // Several stars mean the same as one. `Pattern` keeps them for paths.
    let mut pattern = text.to_owned();
    while pattern.contains("**") {
        pattern = pattern.replace("**", "*");
    }
    Pattern::new(&pattern)
        .map_err(|error| InvalidValue(format!("{:?} is not a shell glob: {error}", Excerpt(text))))
}

/// Whether a range of a class goes backwards: `[z-a]`.
fn has_empty_range(glob: &str) -> bool {
    let classes = glob
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split_once(']'));
    classes
        .map(|(class, _)| class.chars().collect())
        .any(|class: Vec<_>| {
            let mut ranges = class.windows(3);
            ranges.any(|range| matches!(range, [from, '-', to] if from > to))
        })
}

fn kind(text: &str) -> Result<ResourceKind, InvalidValue> {
    let mut kinds = ResourceKind::ALL.into_iter();
    let kind = kinds.find(|kind| <&str>::from(kind) == text);
    kind.ok_or_else(|| {
        InvalidValue(format!(
            "expected \"Instance\" or \"Disk\", found {:?}",
            Excerpt(text)
        ))
    })
}

/// Values by key, of any names.
fn tags(input: Input<'_>) -> Option<BTreeMap<String, String>> {
    let Some(fields) = input.value.as_object() else {
        return input.wrong("an object");
    };
    let mut tags = BTreeMap::new();
    for (key, value) in fields {
        let path = Path::Field(&input.path, key);
        let errors = &mut *input.errors;
        if let Some(value) = (Input {
            value,
            path,
            errors,
        })
        .text()
        {
            tags.insert(key.clone(), value.to_owned());
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str =
        r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"] }"#;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        tags.iter().map(owned).collect()
    }

    /// The policy with this one source rule.
    fn with_rule(rule: &str) -> Policy {
        parse_policy(&format!(
            r#"{{ "sources": [ {rule} ], "destinations": ["us-east-1"] }}"#
        ))
        .unwrap()
    }

    fn selects(policy: &Policy, kind: ResourceKind, name: &str) -> bool {
        policy.selects(region("us-west-2"), kind, name, &BTreeMap::new())
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let policy = parse_policy(MINIMAL).unwrap();
        assert_eq!(policy.destinations, [region("us-east-1")]);
        assert_eq!(policy.retention, None);
        assert!(!policy.backfill);
        assert_eq!(policy.max_recovery_point_age_hours, 36.0);
        assert_eq!(policy.max_copies_in_progress, 20);
        assert_eq!(policy.drills, None);
        for kind in [ResourceKind::Instance, ResourceKind::Disk] {
            assert!(selects(&policy, kind, "anything at all"));
            assert!(policy.looks_at(region("us-west-2"), kind));
            assert!(!policy.looks_at(region("us-east-1"), kind));
        }
    }

    #[test]
    fn every_field_is_read() {
        let policy = parse_policy(
            r#"{
                "sources": [
                    { "region": "us-west-2", "names": ["WordPress-*"], "types": ["Instance"], "tags": { "backup": "dr" } },
                    { "region": "eu-central-1", "types": ["Disk"] } ],
                "destinations": ["us-east-1", "eu-west-1"],
                "retention": { "keepLast": 7, "keepDaily": 14, "keepWeekly": 8, "keepMonthly": 12, "keepYearly": 3 },
                "backfill": true,
                "maxRecoveryPointAgeHours": 25.5,
                "maxCopiesInProgress": 5,
                "drills": { "names": ["WordPress-1"] }
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
        assert!(policy.drills.as_ref().unwrap().selects("WordPress-1"));
        assert!(policy.looks_at(region("us-west-2"), ResourceKind::Instance));
        assert!(!policy.looks_at(region("us-west-2"), ResourceKind::Disk));
        assert!(policy.looks_at(region("eu-central-1"), ResourceKind::Disk));
        assert!(!policy.looks_at(region("eu-central-1"), ResourceKind::Instance));
    }

    #[test]
    fn a_rule_is_for_its_region_only() {
        let policy = parse_policy(MINIMAL).unwrap();
        let none = BTreeMap::new();
        assert!(policy.selects(region("us-west-2"), ResourceKind::Instance, "web", &none));
        assert!(!policy.selects(region("us-east-1"), ResourceKind::Instance, "web", &none));
        assert!(!policy.selects_former(region("us-east-1"), ResourceKind::Instance, "web"));
    }

    #[test]
    fn a_rule_can_have_several_regions() {
        let policy = with_rule(r#"{ "regions": ["us-west-2", "eu-west-1"], "names": ["web"] }"#);
        let none = BTreeMap::new();
        for (name, selected) in [
            ("us-west-2", true),
            ("eu-west-1", true),
            ("us-east-1", false),
        ] {
            let region = region(name);
            for kind in ResourceKind::ALL {
                assert_eq!(policy.selects(region, kind, "web", &none), selected);
                assert_eq!(policy.selects_former(region, kind, "web"), selected);
                assert_eq!(policy.looks_at(region, kind), selected);
                assert!(!policy.selects(region, kind, "db", &none));
            }
        }
        assert_eq!(
            with_rule(r#"{ "region": "us-west-2" }"#),
            with_rule(r#"{ "regions": ["us-west-2"] }"#)
        );
    }

    #[test]
    fn a_count_of_0_disables_its_rule() {
        let retention = |rules: &str| {
            let json = MINIMAL.replacen('{', &format!(r#"{{ "retention": {rules},"#), 1);
            parse_policy(&json).unwrap().retention
        };
        assert_eq!(
            retention(r#"{ "keepLast": 0, "keepDaily": 3, "keepYearly": 0 }"#),
            retention(r#"{ "keepDaily": 3 }"#)
        );
        let all = r#"{ "keepLast": 0, "keepDaily": 0, "keepWeekly": 0, "keepMonthly": 0, "keepYearly": 0 }"#;
        for nothing_is_deleted in [r#"{ "keepWeekly": 0 }"#, all] {
            assert_eq!(retention(nothing_is_deleted), None);
        }
    }

    #[test]
    fn all_names_have_at_most_so_many_bytes() {
        let names = |count: usize| (0..count).map(|n| format!("{n:01000}")).collect::<Vec<_>>();
        let policy = |sources: usize, drills: usize| {
            let rules: Vec<_> = names(sources)
                .chunks(1000)
                .enumerate()
                .map(|(index, names)| {
                    let field = ["names", "exceptNames"][index % 2];
                    serde_json::json!({ "region": "us-west-2", field: names })
                })
                .collect();
            let drills = serde_json::json!({ "names": names(drills) });
            serde_json::json!({ "sources": rules, "destinations": ["us-east-1"], "drills": drills })
                .to_string()
        };
        for (sources, drills) in [(1000, 0), (500, 500)] {
            assert!(parse_policy(&policy(sources, drills)).is_ok());
        }
        for (sources, drills) in [(1001, 0), (500, 501)] {
            assert_eq!(
                errors(&policy(sources, drills)),
                "sources: the names of sources and drills have more than 1000000 bytes"
            );
        }
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
            ("a**b", "acb", "ab-"),
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
    fn excepted_names_are_not_selected() {
        for (rule, selected, excepted) in [
            (
                r#"{ "region": "us-west-2", "exceptNames": ["win-*", "old"] }"#,
                vec!["web", "old-1"],
                vec!["win-", "win-1", "old"],
            ),
            (
                r#"{ "region": "us-west-2", "names": ["web-*"], "exceptNames": ["*-test"] }"#,
                vec!["web-1"],
                vec!["web-test", "db"],
            ),
            (
                r#"{ "region": "us-west-2", "exceptNames": [] }"#,
                vec!["web"],
                vec![],
            ),
        ] {
            let policy = with_rule(rule);
            for kind in ResourceKind::ALL {
                for (names, is_selected) in [(&selected, true), (&excepted, false)] {
                    for name in names {
                        let found = selects(&policy, kind, name);
                        assert_eq!(found, is_selected, "{rule} {name}");
                        let found = policy.selects_former(region("us-west-2"), kind, name);
                        assert_eq!(found, is_selected, "{rule} {name}");
                    }
                }
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
        let policy = parse_policy(
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

    /// The errors of a policy.
    fn errors(json: &str) -> String {
        parse_policy(json).unwrap_err().to_string()
    }

    #[test]
    fn every_error_has_its_path() {
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
                r#"destinations[1]: "mars" is not a Lightsail Region ("#,
            ),
            (
                r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "us-east-1"] }"#
                    .to_owned(),
                "destinations[1]: duplicate",
            ),
            (
                r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": [7] }"#.to_owned(),
                "destinations[0]: expected a string, found 7",
            ),
            (rule(""), "sources[1].region: required (or regions, a list)"),
            (
                rule(r#""region": "us-west-2", "regions": ["us-east-1"]"#),
                "sources[1].regions: give either region or regions, not both",
            ),
            (
                rule(r#""regions": []"#),
                "sources[1].regions: empty: at least one is needed",
            ),
            (
                rule(r#""regions": "us-west-2""#),
                r#"sources[1].regions: expected a list, found the string "us-west-2""#,
            ),
            (
                rule(r#""regions": ["us-west-2", "here"]"#),
                r#"sources[1].regions[1]: "here" is not a Lightsail Region"#,
            ),
            (
                rule(r#""regions": ["us-west-2", "us-west-2"]"#),
                "sources[1].regions[1]: duplicate",
            ),
            (
                rule(r#""region": "here""#),
                r#"sources[1].region: "here" is not a Lightsail Region"#,
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
                rule(r#""region": "us-west-2", "names": ["{web,db}-*"]"#),
                r#"sources[1].names[0]: "{web,db}-*" is not supported: use *, ?, [abc], [a-z] and [!a-z]"#,
            ),
            (
                rule(r#""region": "us-west-2", "names": ["web-\\*"]"#),
                r#"sources[1].names[0]: "web-\\*" is not supported: "#,
            ),
            (
                rule(r#""region": "us-west-2", "names": ["[^a]"]"#),
                r#"sources[1].names[0]: "[^a]" is not supported: "#,
            ),
            (
                rule(r#""region": "us-west-2", "names": ["[[:digit:]]"]"#),
                r#"sources[1].names[0]: "[[:digit:]]" is not supported: "#,
            ),
            (
                rule(r#""region": "us-west-2", "names": [""]"#),
                "sources[1].names[0]: empty: it matches no name",
            ),
            (
                rule(r#""region": "us-west-2", "names": ["a-[0-2z-a]"]"#),
                r#"sources[1].names[0]: "a-[0-2z-a]" has a range that contains nothing: "#,
            ),
            (
                rule(r#""region": "us-west-2", "names": ["a", "a"]"#),
                "sources[1].names[1]: duplicate",
            ),
            (
                rule(r#""region": "us-west-2", "exceptNames": ["a", "a["]"#),
                r#"sources[1].exceptNames[1]: "a[" is not a shell glob: "#,
            ),
            (
                rule(r#""region": "us-west-2", "exceptNames": "a""#),
                r#"sources[1].exceptNames: expected a list, found the string "a""#,
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
                with(r#""retention": { "keepDaily": -1 }"#),
                "retention.keepDaily: expected a whole number",
            ),
            (
                with(r#""retention": { "keepWeekly": 1.5 }"#),
                "retention.keepWeekly: expected a whole number",
            ),
            (
                with(r#""retention": { "keepMonthly": "3" }"#),
                r#"retention.keepMonthly: expected a whole number from 0 to 4294967295, found the string "3""#,
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
            let found = errors(&json);
            assert!(found.starts_with(expected), "{json}\n{found}");
            assert_eq!(found.lines().count(), 1, "{json}\n{found}");
        }
    }

    #[test]
    fn a_long_or_multi_line_value_is_quoted_in_part_on_one_line() {
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
        let errors = errors(&policy.to_string());
        assert_eq!(errors.lines().count(), 4, "{errors}");
        assert!(errors.len() < 1000, "{errors}");
        assert!(
            errors.contains(r#"sources[0].tags."a\nb": expected a string"#),
            "{errors}"
        );
    }

    #[test]
    fn all_errors_are_reported_together() {
        let found = errors(
            r#"{
                "sources": [ { "region": "nowhere", "types": ["VM"] }, { "tags": { "a": 1 } } ],
                "destinations": ["us-east-1", "us-east-1"],
                "retention": { "keepLast": -1, "keepsLast": 1 },
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
                "sources[0].region",
                "sources[0].types[0]",
                "sources[1].region",
                "sources[1].tags.a",
                "destinations[1]",
                "retention.keepLast",
                "retention.keepsLast",
                "backfill",
                "maxCopiesInProgress",
            ]
        );
    }
}
