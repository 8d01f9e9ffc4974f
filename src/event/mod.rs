//! What came in: a payload becomes an [`Event`], or the list of all its errors.
//!
//! There are three kinds of payload:
//!
//! 1. a schedule: an EventBridge envelope with `detail-type` `Scheduled Event`
//! 2. a custom event: any other EventBridge envelope. Its `detail` is a job
//! 3. a bare job, without an envelope
//!
//! Unknown fields of an envelope are ignored, because AWS may add some. Unknown fields of a job
//! are errors, because a misspelt option of a backup is a backup that is not made.

mod copy_request;
mod drills;
mod errors;
mod input;
mod payload;
mod policy;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

pub use self::errors::ValidationErrors;
pub use self::policy::{glob, parse_policy};

use self::copy_request::{Copies, Defaults, MAX_COPIES};
use self::errors::Path;
use self::input::{Input, Object, fields_of, same_letters};
use self::payload::parse_json;
use self::policy::policy;
use crate::model::copy::SnapshotCopy;
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::model::time::{rfc_3339, utc_date};
use crate::model::{Excerpt, InvalidValue};

/// The work of one invocation. Default: a run of the deployed policy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    pub job: Job,
    /// Whether to report what would be done, and to change nothing.
    pub dry_run: bool,
    /// Whether a policy run may delete more copies of a source than the limit allows.
    pub allow_mass_deletion: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub enum Job {
    Copies(Vec<SnapshotCopy>),
    Policy(Box<Policy>),
    #[default]
    DeployedPolicy,
    /// A report, and the event's time.
    Report(Frequency, Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    Daily,
    /// On Mondays, and on other days if something needs attention.
    Weekly,
}

/// The template's schedule comes at 07:00 in a time zone that the function does not know. So much
/// later, the date in UTC is the local one, from UTC-10 to UTC+13.
const TO_LOCAL_DATE: SignedDuration = SignedDuration::from_mins(6 * 60 + 30);

impl Frequency {
    /// Whether a report is sent for an event at `time`, if so many things need attention.
    pub fn is_due(self, time: Timestamp, attention: usize) -> bool {
        let local = time.saturating_add(TO_LOCAL_DATE).unwrap_or(time);
        match self {
            Self::Daily => true,
            Self::Weekly => attention > 0 || utc_date(local).weekday() == Weekday::Monday,
        }
    }
}

fn frequency(text: &str) -> Result<Frequency, InvalidValue> {
    match text {
        "daily" => Ok(Frequency::Daily),
        "weekly" => Ok(Frequency::Weekly),
        _ => Err(InvalidValue(format!(
            "expected weekly or daily, found {:?}",
            Excerpt(text)
        ))),
    }
}

const SCHEDULED: &str = "Scheduled Event";
/// The sources of schedules: EventBridge rules and EventBridge Scheduler.
const SCHEDULERS: [&str; 2] = ["aws.events", "aws.scheduler"];

/// Reads a payload, whatever bytes it is. `now` is the event's time if it has none, `region` the
/// destination of requests that name none.
///
/// # Errors
///
/// All errors of the event, each with its path.
pub fn parse(
    payload: &[u8],
    now: Timestamp,
    region: Option<Region>,
) -> Result<Event, ValidationErrors> {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Err(ValidationErrors::one("the payload is empty; expected JSON"));
    }
    let mut errors = ValidationErrors::default();
    let value = parse_json(payload, "payload", &mut errors);
    let defaults = Defaults { time: now, region };
    let event = value.and_then(|value| {
        if value.get("detail-type").or(value.get("detail")).is_some() {
            return envelope(value, defaults, &mut errors);
        }
        let input = Input {
            value: &value,
            path: Path::Root,
            errors: &mut errors,
        };
        job(input, defaults, false)
    });
    errors.or(event)
}

fn envelope(
    mut value: Value,
    mut defaults: Defaults,
    errors: &mut ValidationErrors,
) -> Option<Event> {
    let job_fields = fields_of(|object| {
        Options::read(object);
        Copies::new(defaults).read(object);
    });
    for name in value.as_object().into_iter().flat_map(Map::keys) {
        if let Some(field) = job_fields.iter().find(|field| same_letters(name, field)) {
            let message = format_args!("belongs inside detail: detail.{field}");
            errors.add(Path::Field(&Path::Root, name), message);
        }
    }
    let mut is_complete = true;
    for name in ["detail-type", "source", "detail"] {
        if value.get(name).is_none() {
            errors.add(Path::Field(&Path::Root, name), "required");
            is_complete = false;
        }
    }
    if let Some(value) = value.get_mut("time").map(Value::take)
        && !value.is_null()
    {
        let (value, path) = (&value, Path::Field(&Path::Root, "time"));
        let time = (Input {
            value,
            path,
            errors,
        })
        .parsed_by(rfc_3339);
        defaults.time = time.unwrap_or(defaults.time);
    }
    let detail = value.get_mut("detail").map(Value::take)?;
    let envelope = is_complete.then(|| serde_path_to_error::deserialize(value));
    let envelope: EventBridgeEvent = envelope
        .and_then(|read| read.map_err(|error| errors.add(Path::Root, error)).ok())
        .unwrap_or_default();
    let (value, path) = (&detail, Path::Field(&Path::Root, "detail"));
    let detail = Input {
        value,
        path,
        errors,
    };
    match envelope.detail_type == SCHEDULED && SCHEDULERS.contains(&envelope.source.as_str()) {
        true => schedule(detail),
        false => job(detail, defaults, true),
    }
}

/// Reads the `detail` of a schedule. It has no job: `detail` is an empty object, which EventBridge
/// Scheduler sends as a string.
fn schedule(detail: Input<'_>) -> Option<Event> {
    let is_empty = match detail.value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => {
            let inside = text.trim_ascii().strip_prefix('{');
            inside.is_some_and(|inside| inside.trim_ascii() == "}")
        }
        _ => false,
    };
    match is_empty {
        true => Some(Event::default()),
        false => detail.wrong("an empty object, because a schedule runs the deployed policy (to schedule another job, send it as constant input, without an envelope)"),
    }
}

/// Reads a job. A bare one may have its own `time`.
fn job(input: Input<'_>, mut defaults: Defaults, in_envelope: bool) -> Option<Event> {
    if input.value.is_null() {
        return Some(Event::default());
    }
    input.object(|object| {
        let options = Options::read(object);
        if !in_envelope {
            let time = object.optional("time", |it| it.parsed_by(rfc_3339));
            defaults.time = time.unwrap_or(defaults.time);
        }
        let job = if options.has_report {
            let others = ["copies", "policy", "allowMassDeletion"];
            object.refuse(&others, "not in a job that asks for a report");
            let frequency = object.required("report", |it| it.parsed_by(frequency))?;
            Job::Report(frequency, defaults.time)
        } else if options.has_policy {
            object.refuse(&["copies"], "give either policy or copies, not both");
            Job::Policy(Box::new(object.required("policy", policy)?))
        } else if options.has_copies || object.has_unread() {
            Job::Copies(copies(object, defaults, options.has_copies))
        } else {
            Job::DeployedPolicy
        };
        Some(Event {
            job,
            dry_run: options.dry_run,
            allow_mass_deletion: options.allow_mass_deletion,
        })
    })
}

/// Reads the rest of a job that has a list of copy requests, or is one.
fn copies(object: &mut Object<'_>, defaults: Defaults, has_list: bool) -> Vec<SnapshotCopy> {
    object.refuse(&["allowMassDeletion"], "only for a policy run");
    let mut copies = Copies::new(defaults);
    if !has_list {
        copies.read(object);
        return copies.all;
    }
    object.required("copies", |it| {
        it.list(1..=MAX_COPIES, |it| {
            it.object(|request| copies.read(request))
        })
    });
    if copies.count > MAX_COPIES {
        let message = format_args!("more than {MAX_COPIES} copies; each destination counts");
        object.error("copies", message);
    }
    copies.all
}

/// What every job can say besides its time.
struct Options {
    dry_run: bool,
    allow_mass_deletion: bool,
    has_policy: bool,
    has_copies: bool,
    has_report: bool,
}

impl Options {
    fn read(object: &mut Object<'_>) -> Self {
        let mut flag = |name| object.optional(name, |it| it.flag()).unwrap_or(false);
        Self {
            dry_run: flag("dryRun"),
            allow_mass_deletion: flag("allowMassDeletion"),
            has_policy: object.has("policy"),
            has_copies: object.has("copies"),
            has_report: object.has("report"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T06:12:45Z".parse().unwrap()
    }

    fn own_region() -> Option<Region> {
        "us-east-1".parse().ok()
    }

    fn read(payload: &[u8]) -> Result<Event, ValidationErrors> {
        parse(payload, now(), own_region())
    }

    fn read_json(value: &Value) -> Result<Event, ValidationErrors> {
        read(value.to_string().as_bytes())
    }

    #[test]
    fn a_schedules_detail_may_be_an_object_or_its_text() {
        for source in SCHEDULERS {
            for detail in [json!({}), json!("{}"), json!(" { } "), Value::Null] {
                let event = json!({ "detail-type": SCHEDULED, "source": source, "detail": detail });
                assert_eq!(read_json(&event), Ok(Event::default()), "{event}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_event() {
        assert_eq!(read(b"\xef\xbb\xbf{}"), Ok(Event::default()));
    }

    #[test]
    fn an_envelope_like_a_schedule_is_a_custom_event() {
        let detail = json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": "s1" });
        for (detail_type, source) in [("Scheduled Event", "com.example"), ("Copy", "aws.events")] {
            let event = json!({ "detail-type": detail_type, "source": source, "detail": detail });
            let read = read_json(&event).unwrap();
            assert!(
                matches!(read.job, Job::Copies(copies) if copies.len() == 1),
                "{event}"
            );
        }
    }

    #[test]
    fn unknown_fields_of_an_envelope_are_ignored() {
        let event = json!({
            "detail-type": "Copy", "source": "com.example", "replay-name": "again", "resources": ["x"],
            "future": { "list": vec![0; 20_000] },
            "detail": { "sourceRegion": "us-west-2", "sourceSnapshotName": "s1" },
        });
        assert!(read_json(&event).is_ok());
    }

    #[test]
    fn job_fields_beside_detail_are_errors_with_the_right_place() {
        let mut event = json!({ "detail-type": "Copy", "source": "com.example", "detail": {} });
        for (name, field) in [
            ("dryRun", "dryRun"),
            ("DryRun", "dryRun"),
            ("dry-run", "dryRun"),
            ("allowMassDeletion", "allowMassDeletion"),
            ("copies", "copies"),
            ("policy", "policy"),
            ("sourceRegion", "sourceRegion"),
            ("source_region", "sourceRegion"),
            ("sourceResourceName", "sourceResourceName"),
            ("sourceSnapshotName", "sourceSnapshotName"),
            ("restoreDate", "restoreDate"),
            (
                "useLatestRestorableAutoSnapshot",
                "useLatestRestorableAutoSnapshot",
            ),
            ("targetSnapshotName", "targetSnapshotName"),
            ("destinationRegion", "destinationRegion"),
            ("destinationRegions", "destinationRegions"),
        ] {
            event[name] = json!(true);
            let expected = format!("{name}: belongs inside detail: detail.{field}");
            assert_eq!(read_json(&event).unwrap_err().to_string(), expected);
            event.as_object_mut().unwrap().remove(name);
        }
        // Together with all other errors.
        let event = json!({
            "detail-type": "Copy", "dryRun": true, "allowMassDeletion": true, "time": "noon",
            "detail": { "sourceRegion": "mars", "sourceSnapshotName": "s1" },
        });
        let errors = read_json(&event).unwrap_err().to_string();
        let paths: Vec<_> = errors
            .lines()
            .map(|line| line.split_once(": ").unwrap().0)
            .collect();
        let expected = [
            "allowMassDeletion",
            "dryRun",
            "source",
            "time",
            "detail.sourceRegion",
        ];
        assert_eq!(paths, expected, "{errors}");
    }

    #[test]
    fn another_spelling_of_a_field_is_an_error_that_names_the_field() {
        let request = json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": "s1" });
        let with = |name: &str| {
            let mut request = request.clone();
            request[name] = json!("us-east-1");
            request
        };
        for (event, expected) in [
            (
                with("destination-region"),
                "destination-region: unknown field; did you mean destinationRegion?",
            ),
            (
                json!({ "copies": [with("source_region")] }),
                "copies[0].source_region: unknown field; did you mean sourceRegion?",
            ),
            (
                json!({ "DryRun": true }),
                "DryRun: unknown field; did you mean dryRun?",
            ),
            (
                json!({ "Policy": {} }),
                "Policy: unknown field; did you mean policy?",
            ),
            (json!({ "copy": [request] }), "copy: unknown field"),
            (
                json!({ "policy": { "source": [], "destinations": ["us-east-1"] } }),
                "policy.source: unknown field; did you mean sources?",
            ),
            (
                json!({ "policy": { "retention": { "keepdaily": 1 } } }),
                "policy.retention.keepdaily: unknown field; did you mean keepDaily?",
            ),
            (
                json!({ "policy": { "drills": { "checks": [ { "Port": 22 } ] } } }),
                "policy.drills.checks[0].Port: unknown field; did you mean port?",
            ),
            (
                json!({ "policy": { "sources": [ { "region": "us-west-2a" } ] } }),
                "policy.sources[0].region: \"us-west-2a\" is an Availability Zone; its Region is us-west-2",
            ),
        ] {
            let errors = read_json(&event).unwrap_err().to_string();
            assert!(errors.lines().any(|line| line == expected), "{errors}");
        }
    }

    #[test]
    fn only_a_policy_run_takes_allow_mass_deletion() {
        let policy =
            json!({ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"] });
        for job in [
            json!({}),
            json!({ "policy": policy }),
            json!({ "dryRun": true }),
        ] {
            for allow in [true, false] {
                let mut job = job.clone();
                job["allowMassDeletion"] = allow.into();
                assert_eq!(read_json(&job).unwrap().allow_mass_deletion, allow, "{job}");
                let event = json!({ "detail-type": "Run", "source": "com.example", "detail": job });
                assert_eq!(
                    read_json(&event).unwrap().allow_mass_deletion,
                    allow,
                    "{event}"
                );
            }
            assert!(!read_json(&job).unwrap().allow_mass_deletion, "{job}");
        }
        let request = json!({ "sourceRegion": "us-west-2", "sourceSnapshotName": "s1" });
        for mut job in [request.clone(), json!({ "copies": [request] })] {
            job["allowMassDeletion"] = true.into();
            let errors = read_json(&job).unwrap_err().to_string();
            assert_eq!(errors, "allowMassDeletion: only for a policy run", "{job}");
        }
    }

    #[test]
    fn a_report_has_the_time_of_its_event() {
        let time = "2026-11-23T07:00:00Z";
        let bare = json!({ "report": "weekly", "time": time });
        let custom = json!({
            "detail-type": "Report", "source": "com.example", "time": time,
            "detail": { "report": "weekly" },
        });
        for (event, time) in [
            (bare, time.parse().unwrap()),
            (custom, time.parse().unwrap()),
            (json!({ "report": "weekly" }), now()),
        ] {
            let read = read_json(&event).unwrap();
            assert_eq!(read.job, Job::Report(Frequency::Weekly, time), "{event}");
        }
    }

    #[test]
    fn a_weekly_report_is_due_on_the_local_monday_and_when_something_needs_attention() {
        for offset in [
            "-10:00", "-09:30", "-03:30", "+00:00", "+05:45", "+12:00", "+13:00",
        ] {
            for (day, is_monday) in [(22, false), (23, true), (24, false)] {
                let time = format!("2026-11-{day}T07:00:00{offset}");
                let time = time.parse().unwrap();
                assert_eq!(
                    Frequency::Weekly.is_due(time, 0),
                    is_monday,
                    "{day} {offset}"
                );
                assert!(Frequency::Weekly.is_due(time, 1));
                assert!(Frequency::Daily.is_due(time, 0));
            }
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        for (text, expected) in [
            ("2026-11-22T06:00:00Z", "2026-11-22T06:00:00Z"),
            ("2026-11-22t06:00:00z", "2026-11-22T06:00:00Z"),
            ("2026-11-22T06:00:00.5+00:00", "2026-11-22T06:00:00.5Z"),
            (
                "2026-11-22T06:00:00.123456789-00:00",
                "2026-11-22T06:00:00.123456789Z",
            ),
            ("2026-11-22T01:30:00-05:30", "2026-11-22T07:00:00Z"),
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
        ] {
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(rfc_3339(text), Ok(expected), "{text}");
        }
        for text in [
            "20261122T060000Z",
            "2026-11-22 06:00:00Z",
            "2026-11-22T06:00Z",
            "2026-11-22T06Z",
            "2026-11-22T060000Z",
            "2026-11-22T06:00:00",
            "2026-11-22T06:00:00+01",
            "2026-11-22T06:00:00+0100",
            "2026-11-22T06:00:00,5Z",
            "2026-11-22T06:00:00.Z",
            "2026-11-22T06:00:00Z[UTC]",
            "2026-11-22T06:00:00+00:00[UTC]",
            "2026-11-22T24:00:00Z",
            "2026-02-29T06:00:00Z",
            "+002026-11-22T06:00:00Z",
            "2026-11-22",
            " 2026-11-22T06:00:00Z",
            "2026-11-22T06:00:00Z ",
            "2026-11-22T0ß:00:00Z",
            "2026-11-2ßT06:00:00Z",
            "",
        ] {
            assert!(rfc_3339(text).is_err(), "{text}");
        }
    }

    /// A job with this many requests, each for these destinations.
    fn many_copies(requests: usize, destinations: &[&str]) -> Value {
        let request = |n| {
            json!({
                "sourceRegion": "us-west-2", "sourceSnapshotName": format!("s{n}"),
                "destinationRegions": destinations,
            })
        };
        json!({ "copies": (0..requests).map(request).collect::<Vec<_>>() })
    }

    #[test]
    fn an_event_asks_for_at_most_10_000_copies() {
        for (job, expected) in [
            (many_copies(10_000, &["us-east-1"]), Ok(10_000)),
            (many_copies(5_000, &["us-east-1", "eu-west-1"]), Ok(10_000)),
            (
                many_copies(10_001, &["us-east-1"]),
                Err("copies: 10001 elements; at most 10000 are allowed"),
            ),
            (
                many_copies(5_001, &["us-east-1", "eu-west-1"]),
                Err("copies: more than 10000 copies; each destination counts"),
            ),
        ] {
            let read = match read_json(&job) {
                Ok(Event {
                    job: Job::Copies(copies),
                    ..
                }) => Ok(copies.len()),
                Ok(event) => panic!("{event:?}"),
                Err(errors) => Err(errors.to_string()),
            };
            assert_eq!(read, expected.map_err(str::to_owned));
        }
    }

    #[test]
    fn the_function_may_be_in_a_region_that_lightsail_is_not_in() {
        let payload = br#"{ "sourceRegion": "us-west-2", "sourceSnapshotName": "s1" }"#;
        let errors = parse(payload, now(), None).unwrap_err().to_string();
        assert!(
            errors.starts_with("destinationRegion: required"),
            "{errors}"
        );
        let payload = br#"{ "sourceRegion": "us-west-2", "sourceSnapshotName": "s1", "destinationRegion": "eu-west-1" }"#;
        assert!(parse(payload, now(), None).is_ok());
    }
}
