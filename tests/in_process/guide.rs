//! The JSON that the policy guide shows is JSON that the function takes, and the tests that hold the promises exist.

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
fn every_example_is_valid() {
    let mut policies = 0;
    let mut jobs = 0;
    for example in examples() {
        if example.trim_start().starts_with("{\n  \"sources\"") {
            parse_policy(example).unwrap_or_else(|errors| panic!("{errors}\n{example}"));
            policies += 1;
        } else {
            let event = parse_event(example.as_bytes(), Timestamp::UNIX_EPOCH, None);
            let event = event.unwrap_or_else(|errors| panic!("{errors}\n{example}"));
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

/// The tests that docs/promises.md names exist, and every promise names one.
#[test]
fn every_promise_names_tests_that_exist() {
    let page = include_str!("../../docs/promises.md");
    let (promises, _) = page.split_once("## Rejected ideas").unwrap();
    let mut number = 0;
    for promise in items(promises) {
        number += 1;
        assert!(promise.starts_with(&format!("{number}. ")), "{promise}");
        let tests: Vec<&str> = promise
            .split('`')
            .filter(|text| text.contains("::"))
            .collect();
        assert!(!tests.is_empty(), "{promise}");
        for test in tests {
            assert!(is_a_test(test), "{number}: {test} is no test");
        }
    }
    assert_ne!(number, 0);
}

/// The items of a numbered list, whole.
fn items(list: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in list.lines() {
        if line.starts_with(|first: char| first.is_ascii_digit()) {
            items.push(line.to_owned());
        } else if let Some(item) = items.last_mut() {
            item.push_str(line);
        }
    }
    items
}

/// Whether `file::function` is a test in Rust or Python that is not left out.
fn is_a_test(path: &str) -> bool {
    let (file, function) = path.split_once("::").unwrap();
    let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let python = format!("def {function}(");
    let rust = format!("fn {function}(");
    lines.windows(2).any(|lines| {
        let is_attribute = lines[0].starts_with("#[test]") || lines[0].starts_with("#[tokio::test");
        let declared = lines[1].trim_start_matches("async ").starts_with(&rust);
        is_attribute && declared || function.starts_with("test_") && lines[1].starts_with(&python)
    })
}
