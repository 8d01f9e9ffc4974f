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
mod payload;
mod policy;
mod validation;
mod values;

use std::collections::HashMap;
use std::str::FromStr;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use jiff::Timestamp;
use serde_json::{Map, Value};

pub use self::policy::parse_policy;
pub use self::validation::ValidationErrors;

use self::copy_request::{CopyRequest, Defaults};
use self::payload::parse_json;
use self::validation::{Expected, FromJson, Object, Path, same_letters};
use self::values::{List, MAX_COPIES, from_json_string};
use crate::model::copy::SnapshotCopy;
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::model::{Excerpt, InvalidValue};

/// The work of one invocation. Default: a run of the deployed policy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// What to do.
    pub job: Job,
    /// Whether to report what would be done, and to change nothing.
    pub dry_run: bool,
    /// Whether a policy run may delete more copies of a source than the limit allows.
    pub allow_mass_deletion: bool,
}

/// What an event asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Job {
    /// These copies, in this order.
    Copies(Vec<SnapshotCopy>),
    /// A run of this policy.
    Policy(Box<Policy>),
    /// A run of the deployed policy.
    #[default]
    DeployedPolicy,
    /// A mail about the deployed policy.
    Report(Frequency),
}

/// How often a report is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    Daily,
    /// On Mondays, and on other days if something needs attention.
    Weekly,
}

from_json_string!(Frequency);

impl FromStr for Frequency {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "daily" => Ok(Self::Daily),
            "weekly" => Ok(Self::Weekly),
            _ => Err(InvalidValue(format!(
                "expected weekly or daily, found {:?}",
                Excerpt(text)
            ))),
        }
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
    let event = value.and_then(
        |value| match value.get("detail-type").or(value.get("detail")) {
            Some(_) => defaults.envelope(value, &mut errors),
            None => defaults.job(&value, Path::Root, None, &mut errors),
        },
    );
    errors.or(event)
}

impl Defaults {
    fn envelope(self, mut value: Value, errors: &mut ValidationErrors) -> Option<Event> {
        let job_fields = job_fields();
        for name in value.as_object().into_iter().flat_map(Map::keys) {
            if let Some(field) = job_fields.iter().find(|field| same_letters(name, field)) {
                let message = format_args!("belongs inside detail: detail.{field}");
                errors.add(Path::Field(&Path::Root, name), message);
            }
        }
        for name in ["detail-type", "source", "detail"] {
            if value.get(name).is_none() {
                errors.add(Path::Field(&Path::Root, name), "required");
            }
        }
        let time = value.get_mut("time").map(Value::take);
        let time = time
            .filter(|time| !time.is_null())
            .and_then(|time| EventTime::from_json(&time, Path::Field(&Path::Root, "time"), errors));
        let detail = value.get_mut("detail").map(Value::take)?;
        let is_complete = value.get("detail-type").is_some() && value.get("source").is_some();
        let envelope = is_complete.then(|| serde_path_to_error::deserialize(value));
        let envelope: EventBridgeEvent = envelope
            .and_then(|read| read.map_err(|error| errors.add(Path::Root, error)).ok())
            .unwrap_or_default();
        let path = Path::Field(&Path::Root, "detail");
        if envelope.detail_type == SCHEDULED && SCHEDULERS.contains(&envelope.source.as_str()) {
            return schedule(&detail, path, errors);
        }
        let time = time.map_or(self.time, |EventTime(time)| time);
        self.job(&detail, path, Some(time), errors)
    }

    /// Reads a job at `path`. A bare job may have its own `time`.
    fn job(
        self,
        value: &Value,
        path: Path<'_>,
        envelope_time: Option<Timestamp>,
        errors: &mut ValidationErrors,
    ) -> Option<Event> {
        if value.is_null() {
            return Some(Event::default());
        }
        let mut object = Object::new(value, path, errors)?;
        let options = Options::read(&mut object);
        let time = envelope_time
            .or_else(|| object.optional("time").map(|EventTime(time)| time))
            .unwrap_or(self.time);
        let job = if options.has_report {
            for other in ["copies", "policy", "allowMassDeletion"] {
                if object.has(other) {
                    object.error(other, "not in a job that asks for a report");
                }
            }
            let frequency = object.required("report");
            object.finish();
            Job::Report(frequency?)
        } else if options.has_policy {
            if options.has_copies {
                object.error("copies", "give either policy or copies, not both");
            }
            let policy = object.required("policy");
            object.finish();
            Job::Policy(Box::new(policy?))
        } else if options.has_copies || object.has_unread() {
            let defaults = Self { time, ..self };
            Job::Copies(defaults.requests(object, options.has_copies))
        } else {
            object.finish();
            Job::DeployedPolicy
        };
        Some(Event {
            job,
            dry_run: options.dry_run,
            allow_mass_deletion: options.allow_mass_deletion,
        })
    }

    /// Reads the rest of a job that has a list of copy requests, or is one.
    fn requests(self, mut object: Object<'_, '_>, has_list: bool) -> Vec<SnapshotCopy> {
        if object.has("allowMassDeletion") {
            object.error("allowMassDeletion", "only for a policy run");
        }
        let path = object.path;
        if !has_list {
            let request = CopyRequest::read(&mut object);
            let errors = object.finish();
            let requests = request.iter().map(|request| (path, request));
            return copies(path, requests, self, errors);
        }
        let requests = object.required::<List<CopyRequest>>("copies");
        let errors = object.finish();
        let list = Path::Field(&path, "copies");
        let requests = requests.map_or_else(Vec::new, |List(requests)| requests);
        let requests = requests.iter().enumerate();
        let requests = requests
            .filter_map(|(index, request)| Some((Path::Index(&list, index), request.as_ref()?)));
        copies(list, requests, self, errors)
    }
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
    fn read(object: &mut Object<'_, '_>) -> Self {
        Self {
            dry_run: object.optional("dryRun").unwrap_or(false),
            allow_mass_deletion: object.optional("allowMassDeletion").unwrap_or(false),
            has_policy: object.has("policy"),
            has_copies: object.has("copies"),
            has_report: object.has("report"),
        }
    }
}

/// The fields that a job can have, except `time`, which an envelope has as well: those that the
/// readers of an empty job ask for.
fn job_fields() -> Vec<&'static str> {
    let (empty, mut errors) = (Value::Object(Map::new()), ValidationErrors::default());
    let Some(mut object) = Object::new(&empty, Path::Root, &mut errors) else {
        return Vec::new();
    };
    Options::read(&mut object);
    CopyRequest::read(&mut object);
    object.known
}

/// Reads the `detail` of a schedule. It has no job: `detail` is an empty object, which EventBridge
/// Scheduler sends as a string.
fn schedule(detail: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Event> {
    let is_empty = match detail {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => {
            let inside = text.trim_ascii().strip_prefix('{');
            inside.is_some_and(|inside| inside.trim_ascii() == "}")
        }
        _ => false,
    };
    if !is_empty {
        let expected = "an empty object, because a schedule runs the deployed policy (to schedule another job, send it as constant input, without an envelope)";
        errors.add(path, Expected(expected, detail));
        return None;
    }
    Some(Event::default())
}

/// The copies of all requests, in their order. Two with the same target in the same destination
/// are an error: the second would find the first one's copy. `list` is where the requests stand.
fn copies<'a>(
    list: Path<'_>,
    requests: impl Iterator<Item = (Path<'a>, &'a CopyRequest)> + Clone,
    defaults: Defaults,
    errors: &mut ValidationErrors,
) -> Vec<SnapshotCopy> {
    let count: usize = requests.clone().map(|(_, request)| request.count()).sum();
    if count > MAX_COPIES {
        let message = format_args!("more than {MAX_COPIES} copies; each destination counts");
        errors.add(list, message);
        return Vec::new();
    }
    let mut all: Vec<SnapshotCopy> = Vec::new();
    let mut taken = HashMap::new();
    for (path, request) in requests {
        for copy in request.copies(defaults, path, errors) {
            let target = (copy.destination, copy.target.clone());
            if let Some(first) = taken.get(&target) {
                let message = format_args!(
                    "{first} already asks for {} in {}",
                    copy.target, copy.destination
                );
                errors.add(Path::Field(&path, "targetSnapshotName"), message);
            } else {
                taken.insert(target, path);
                all.push(copy);
            }
        }
    }
    all
}

/// The `time` of an envelope or a bare job.
#[derive(Debug, PartialEq)]
struct EventTime(Timestamp);

from_json_string!(EventTime);

impl FromStr for EventTime {
    type Err = InvalidValue;

    /// Parses RFC 3339. `jiff` accepts other forms as well, such as `20261122T060000Z`.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let time = DateTime::from_str(text, Format::DateTimeWithOffset).ok();
        let time = time.and_then(|time| {
            let nanosecond = i32::try_from(time.subsec_nanos()).ok()?;
            Timestamp::new(time.secs(), nanosecond).ok()
        });
        time.map(Self).ok_or_else(|| {
            InvalidValue(format!(
                "expected a time as 2026-11-22T06:00:00Z (RFC 3339), found {:?}",
                Excerpt(text)
            ))
        })
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
            let expected = EventTime(expected.parse().unwrap());
            assert_eq!(text.parse(), Ok(expected), "{text}");
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
            assert!(text.parse::<EventTime>().is_err(), "{text}");
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
