//! Payloads as Lambda delivers them, bytes of any kind, and those that need the most memory.

use std::fs;

use test_support::deployed::{Deployed, Outcome, TIMEOUT};

use crate::BINARY;

#[tokio::test]
async fn payloads_that_are_not_json_are_refused_and_the_next_event_is_served() {
    let mut deployed = Deployed::new(BINARY).await;
    let deep = [b"[".repeat(500_000), b"]".repeat(500_000)].concat();
    let not_json = "the payload is not JSON";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "the payload is empty"),
        (b" \n ".to_vec(), "the payload is empty"),
        (b"sourceRegion=us-west-2".to_vec(), not_json),
        (b"{} {}".to_vec(), not_json),
        (b"{\"sourceRegion\": \"\xff\xfe\"}".to_vec(), not_json),
        (b"\0".to_vec(), not_json),
        (b"{\"a\": 1e999}".to_vec(), not_json),
        (b"{\"a\": \"\\ud800\"}".to_vec(), not_json),
        (deep, not_json),
        // It is ambiguous which one counts.
        (
            b"{\"dryRun\": true, \"dryRun\": false}".to_vec(),
            "duplicate field \"dryRun\"",
        ),
    ];
    for (payload, expected) in cases {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(40)]).into_owned();
        let invocation = deployed.function.invoke(payload, TIMEOUT).await;
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "InvalidEvent", "{shown}");
        assert!(message.starts_with(expected), "{shown}: {message}");
        // Messages have a size limit.
        assert!(message.len() < 20_000, "{shown}");
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}

/// The largest payload that Lambda delivers, in bytes.
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// The largest payload that the function reads.
const MAX_READ: usize = 3 * 1024 * 1024;

/// The limit of peak memory, in bytes. The function is deployed with 256 MB.
const MAX_MEMORY: u64 = 160_000_000;

/// A payload of the largest size that is read: `element`, at most so many times, as often as it fits
/// between `before` and `after`.
fn filled(before: &str, most: usize, element: impl Fn(usize) -> String, after: &str) -> Vec<u8> {
    let mut payload = before.to_owned();
    for index in 0..most {
        let element = element(index);
        if payload.len() + element.len() + after.len() >= MAX_READ {
            break;
        }
        payload.push_str(&element);
        payload.push(',');
    }
    payload.pop();
    payload.push_str(after);
    payload.into_bytes()
}

/// Payloads that need the most memory or time to read, and how the message about each begins. A
/// document has at most 100,000 values.
fn large_payloads() -> Vec<(Vec<u8>, &'static str)> {
    let same = |before: &str, most: usize, element: &'static str, after: &str| {
        filled(before, most, |_| element.to_owned(), after)
    };
    let field = |n| format!("\"f{n}\":0");
    let copies = r#"{"copies":["#;
    let nested = r#"{"a":{"b":{"c":{"d":{"e":{"f":0}}}}}}"#;
    let policy = |names: &str| {
        format!(
            r#"{{"policy":{{"destinations":["us-east-1"],"sources":[{{"region":"us-west-2","names":{names}"#
        )
    };
    let rule = format!(
        r#"{{"region":"us-west-2","names":["{}"],"tags":{{"a":"b"}}}}"#,
        "?".repeat(2950)
    );
    let too_many = "too large: more than 100000 values";
    let too_long = "policy.sources: the names of sources and drills have more than";
    vec![
        (same(copies, 99_000, "1", "]}"), "copies: 99000"),
        (same(copies, 49_000, "[1]", "]}"), "copies: 49000"),
        (same(copies, 49_000, r#"{"b":0}"#, "]}"), "copies: 49000"),
        (same(copies, 14_000, nested, "]}"), "copies: 14000"),
        (same(copies, usize::MAX, "{}", "]}"), too_many),
        (same("[", usize::MAX, "[]", "]"), too_many),
        (
            same(r#"{"a":["#, 49_000, r#"{"b":0}"#, "]}"),
            "sourceRegion: required",
        ),
        (filled("{", 99_000, field, "}"), "sourceRegion: required"),
        (filled(r#"{"detail":{"#, usize::MAX, field, "}}"), too_many),
        (same("{", usize::MAX, r#""a":1"#, "}"), "duplicate field"),
        (
            filled(
                r#"{"policy":{"destinations":["us-east-1"],"sources":["#,
                1000,
                |_| rule.clone(),
                "]}}",
            ),
            too_long,
        ),
        (
            format!(r#"{}["{}"]}}]}}}}"#, policy(""), "?".repeat(MAX_READ - 200)).into_bytes(),
            too_long,
        ),
        (
            format!(
                r#"{}["a"]}}],"drills":{{"names":["{}"]}}}}}}"#,
                policy(""),
                "?".repeat(MAX_READ - 200)
            )
            .into_bytes(),
            too_long,
        ),
        (
            format!(r#"{{"sourceRegion":"{}"}}"#, "\\u0001".repeat(500_000)).into_bytes(),
            "sourceRegion: ",
        ),
        (
            format!(
                r#"{{"sourceRegion":"us-west-2","sourceResourceName":"{}"}}"#,
                "ß".repeat(1_500_000)
            )
            .into_bytes(),
            "targetSnapshotName: the generated name",
        ),
        (b"[".repeat(MAX_READ), "the payload is not JSON"),
        (
            b"[".repeat(MAX_PAYLOAD),
            "the payload is too large: more than 3145728 bytes",
        ),
        (
            b"\x01".repeat(MAX_PAYLOAD),
            "the payload is too large: more than 3145728 bytes",
        ),
        (b"\xff".repeat(MAX_PAYLOAD), "the payload is not JSON"),
    ]
}

/// The peak memory of a process, in bytes.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn large_payloads_are_answered_within_160_mb() {
    let mut deployed = Deployed::new(BINARY).await;
    for (payload, expected) in large_payloads() {
        assert!(payload.len() <= MAX_PAYLOAD);
        let shown = String::from_utf8_lossy(&payload[..60]).into_owned();
        let invocation = deployed.function.invoke(payload, TIMEOUT).await;
        let (error_type, message) = invocation.error();
        assert_eq!(error_type, "InvalidEvent", "{shown}");
        assert!(message.starts_with(expected), "{shown}: {message}");
        assert!(message.len() < 20_000, "{shown}");
        let memory = peak_memory(deployed.function.process_id().unwrap());
        assert!(memory <= MAX_MEMORY, "{memory} bytes after {shown}");
    }
    assert_eq!(deployed.emulator.calls(), []);
    deployed.still_serves().await;
}
