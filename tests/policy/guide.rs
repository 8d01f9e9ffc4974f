//! The JSON that the policy guide shows is JSON that the function takes.

use jiff::Timestamp;
use lightsail_snapshot_copier::{Job, RECOVERY_POINT_TAG, SOURCE_TAG, parse_event, parse_policy};

const GUIDE: &str = include_str!("../../docs/policy.md");

fn examples() -> Vec<&'static str> {
    let blocks = GUIDE.split("```json\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

#[test]
fn every_example_is_taken() {
    let mut policies = 0;
    let mut jobs = 0;
    for example in examples() {
        if example.trim_start().starts_with("{\n  \"sources\"") {
            parse_policy(example).unwrap_or_else(|mistakes| panic!("{mistakes}\n{example}"));
            policies += 1;
        } else {
            let event = parse_event(example.as_bytes(), Timestamp::UNIX_EPOCH, None);
            let event = event.unwrap_or_else(|mistakes| panic!("{mistakes}\n{example}"));
            assert!(!matches!(event.job, Job::DeployedPolicy), "{example}");
            jobs += 1;
        }
    }
    assert_eq!((policies, jobs), (4, 2));
}

#[test]
fn every_field_is_explained() {
    for field in [
        "sources",
        "sources[].region` or `sources[].regions",
        "sources[].names",
        "sources[].types",
        "sources[].tags",
        "destinations",
        "retention",
        "retention.keepLast",
        "retention.keepDaily",
        "backfill",
        "maxRecoveryPointAgeHours",
        "maxCopiesInProgress",
        "drills",
        "drills.names",
        "drills.everyDays",
        "drills.atOnce",
        "drills.maxHours",
        "drills.checks",
        "drills.checks[].port",
        "drills.checks[].url",
        "drills.checks[].host",
        "drills.checks[].status",
        "drills.checks[].contains",
    ] {
        assert!(GUIDE.contains(&format!("\n| `{field}`")), "{field}");
    }
    for tag in [SOURCE_TAG, RECOVERY_POINT_TAG] {
        assert!(GUIDE.contains(&format!("\n| `{tag}`")), "{tag}");
    }
}
