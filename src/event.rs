//! What came in: a payload becomes an [`Event`], or the list of all that is wrong with it.
//!
//! Three kinds of payload are understood:
//!
//! 1. a schedule: an EventBridge envelope whose `detail-type` is `Scheduled Event`;
//! 2. a custom event: any other EventBridge envelope, whose `detail` is a job;
//! 3. a bare job, without an envelope.
//!
//! Envelopes are AWS's and may grow; what they hold beyond the fields named here is ignored. Jobs
//! are the user's: an unknown field in one is a mistake, because a misspelt option of a backup
//! is a backup that is not made.

use jiff::Timestamp;
use serde_json::Value;

use crate::fields::{self, Fields, Mistakes, found, join, quoted};
use crate::policy::Policy;
use crate::region::Region;
use crate::request::{Copy, CopyRequest, Defaults, read_alone};

/// One invocation's work.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What is to be done.
    pub job: Job,
    /// Whether to report what would be done, and to change nothing.
    pub dry_run: bool,
}

/// What an event asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// These copies, in this order.
    Copies(Vec<Copy>),
    /// A run of this policy.
    Policy(Box<Policy>),
    /// A run of the deployed policy.
    DeployedPolicy,
}

/// The `detail-type` and sources of EventBridge's own schedules: a rule's, and EventBridge Scheduler's.
const SCHEDULED: &str = "Scheduled Event";
const SCHEDULERS: [&str; 2] = ["aws.events", "aws.scheduler"];

/// Reads a payload, whatever bytes it is. `now` is the event's time where it has none of its own,
/// `region` the destination of requests that name none.
///
/// # Errors
///
/// All mistakes of the event, each with its path.
pub fn parse(payload: &[u8], now: Timestamp, region: Option<Region>) -> Result<Event, Mistakes> {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Err(Mistakes::one("", "the payload is empty; expected JSON"));
    }
    let value = fields::parse(payload, "payload")?;
    let reader = Reader { now, region };
    let mut mistakes = Mistakes::default();
    let event = match &value {
        Value::Object(members)
            if members.contains_key("detail-type") || members.contains_key("detail") =>
        {
            reader.envelope(&value, &mut mistakes)
        }
        _ => reader.job(&value, "", None, &mut mistakes),
    };
    match event {
        Some(event) if mistakes.is_empty() => Ok(event),
        _ => Err(mistakes),
    }
}

struct Reader {
    now: Timestamp,
    region: Option<Region>,
}

impl Reader {
    fn envelope(&self, value: &Value, mistakes: &mut Mistakes) -> Option<Event> {
        let mut envelope = Fields::of(value, "", mistakes)?;
        envelope.require("detail-type");
        envelope.require("source");
        envelope.require("detail");
        let detail_type = envelope.string("detail-type");
        let source = envelope.string("source");
        let time = envelope.parsed("time", parse_time);
        let detail = envelope.value("detail");
        if detail_type == Some(SCHEDULED) && source.is_some_and(|s| SCHEDULERS.contains(&s)) {
            self.schedule(detail?, mistakes)
        } else {
            self.job(detail?, "detail", Some(time.unwrap_or(self.now)), mistakes)
        }
    }

    /// A schedule carries no job: its `detail` is an empty object, which EventBridge Scheduler
    /// writes as a string.
    fn schedule(&self, detail: &Value, mistakes: &mut Mistakes) -> Option<Event> {
        let nothing = match detail {
            Value::Null => true,
            Value::Object(members) => members.is_empty(),
            Value::String(text) => {
                matches!(serde_json::from_str(text), Ok(Value::Object(members)) if members.is_empty())
            }
            _ => false,
        };
        if !nothing {
            mistakes.add(
                "detail",
                format!(
                    "a schedule runs the deployed policy and carries no job, found {}; give a schedule a job as its constant input, without an envelope",
                    found(detail)
                ),
            );
            return None;
        }
        Some(Event {
            job: Job::DeployedPolicy,
            dry_run: false,
        })
    }

    /// A job at `path`; with the envelope's time, or else its own.
    fn job(
        &self,
        value: &Value,
        path: &str,
        envelope_time: Option<Timestamp>,
        mistakes: &mut Mistakes,
    ) -> Option<Event> {
        if value.is_null() {
            return Some(Event {
                job: Job::DeployedPolicy,
                dry_run: false,
            });
        }
        let mut fields = Fields::of(value, path, mistakes)?;
        let dry_run = fields.boolean("dryRun").unwrap_or(false);
        let time = envelope_time
            .or_else(|| fields.parsed("time", parse_time))
            .unwrap_or(self.now);
        let defaults = Defaults {
            time,
            region: self.region,
        };
        let other_fields = value.as_object()?.keys().any(|name| {
            let common = name == "dryRun" || (name == "time" && envelope_time.is_none());
            !common
        });
        let job = if fields.has("copies") {
            let requests = fields.list("copies").unwrap_or_default();
            fields.finish();
            let requests: Vec<_> = requests
                .into_iter()
                .map(|(path, element)| (read_alone(element, &path, mistakes), path))
                .collect();
            Job::Copies(copies(&requests, defaults, mistakes))
        } else if fields.has("policy") {
            let policy_path = fields.path("policy");
            let policy = fields.value("policy");
            fields.finish();
            Job::Policy(Box::new(Policy::read(policy?, &policy_path, mistakes)?))
        } else if other_fields {
            let request = CopyRequest::read(&mut fields);
            fields.finish();
            Job::Copies(copies(&[(request, path.to_owned())], defaults, mistakes))
        } else {
            fields.finish();
            Job::DeployedPolicy
        };
        Some(Event { job, dry_run })
    }
}

/// The copies of all requests, in their order. Two for the same target in the same destination
/// are a mistake: the second could only find the first one's copy, or take it for its own.
fn copies(
    requests: &[(Option<CopyRequest>, String)],
    defaults: Defaults,
    mistakes: &mut Mistakes,
) -> Vec<Copy> {
    let mut all: Vec<Copy> = Vec::new();
    let mut taken = std::collections::HashMap::new();
    for (request, path) in requests {
        let Some(request) = request else { continue };
        for copy in request.copies(defaults, path, mistakes) {
            let target = (copy.destination, copy.target.clone());
            if let Some(first) = taken.get(&target) {
                mistakes.add(
                    join(path, "targetSnapshotName"),
                    format!(
                        "{} in {} is what {first} asks for already",
                        copy.target, copy.destination
                    ),
                );
            } else {
                taken.insert(target, path.clone());
                all.push(copy);
            }
        }
    }
    all
}

/// Reads an instant in RFC 3339.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        format!(
            "expected a time as 2026-11-22T06:00:00Z, found {:?}",
            quoted(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T06:12:45Z".parse().unwrap()
    }

    fn own_region() -> Option<Region> {
        Region::parse("us-east-1").ok()
    }

    fn read(payload: &[u8]) -> Result<Event, Mistakes> {
        parse(payload, now(), own_region())
    }

    fn read_json(value: &Value) -> Result<Event, Mistakes> {
        read(value.to_string().as_bytes())
    }

    #[test]
    fn a_schedules_detail_may_be_an_object_or_its_text() {
        for source in SCHEDULERS {
            for detail in [json!({}), json!("{}"), json!(" { } "), Value::Null] {
                let event = json!({ "detail-type": SCHEDULED, "source": source, "detail": detail });
                let expected = Event {
                    job: Job::DeployedPolicy,
                    dry_run: false,
                };
                assert_eq!(read_json(&event), Ok(expected), "{event}");
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_schedule_is_a_custom_event() {
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
    fn members_of_an_envelope_that_nobody_knows_are_let_pass() {
        let event = json!({
            "detail-type": "Copy", "source": "com.example", "replay-name": "again", "resources": 7,
            "detail": { "sourceRegion": "us-west-2", "sourceSnapshotName": "s1" },
        });
        assert!(read_json(&event).is_ok());
    }

    #[test]
    fn the_function_may_be_in_a_region_that_lightsail_is_not_in() {
        let payload = br#"{ "sourceRegion": "us-west-2", "sourceSnapshotName": "s1" }"#;
        let mistakes = parse(payload, now(), None).unwrap_err().to_string();
        assert!(
            mistakes.starts_with("destinationRegion: required"),
            "{mistakes}"
        );
        let payload = br#"{ "sourceRegion": "us-west-2", "sourceSnapshotName": "s1", "destinationRegion": "eu-west-1" }"#;
        assert!(parse(payload, now(), None).is_ok());
    }

    /// Values that stand where a job, a request or a field of theirs may stand: right ones, nearly
    /// right ones and wrong ones, under the names that matter and others.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            proptest::sample::select(vec![
                "us-east-1",
                "us-west-2",
                "eu-west-1",
                "mars-1",
                "2026-11-22",
                "2026-02-30",
                "WordPress-1",
                "2026-11-22T06:30:00Z",
                "Scheduled Event",
                "aws.events",
                "aws.scheduler",
                "{}",
                "Instance",
                "*",
                "",
            ])
            .prop_map(Value::from),
        ];
        let name = prop_oneof![
            9 => proptest::sample::select(vec![
                "detail-type", "source", "detail", "time", "dryRun", "copies", "policy", "sourceRegion",
                "sourceResourceName", "sourceSnapshotName", "restoreDate", "useLatestRestorableAutoSnapshot",
                "targetSnapshotName", "destinationRegion", "destinationRegions", "sources", "destinations",
                "retention", "keepLast", "backfill", "names", "types", "tags", "region", "maxCopiesInProgress",
            ])
            .prop_map(str::to_owned),
            1 => "\\PC{0,8}",
        ];
        leaf.prop_recursive(5, 40, 8, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name.clone(), inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Copy requests most of which keep the rules.
    fn any_request() -> impl Strategy<Value = Value> {
        let region = || {
            let regions = ["us-east-1", "us-west-2", "eu-west-1", "ap-south-1"];
            proptest::sample::select(regions.to_vec()).prop_map(Value::from)
        };
        let source = prop_oneof![
            "[a-z]{2,8}".prop_map(|name| json!({ "sourceSnapshotName": name })),
            "[a-z]{2,8}".prop_map(|name| json!({ "sourceResourceName": name })),
            ("[a-z]{2,8}", 1..=30).prop_map(|(name, day)| {
                json!({ "sourceResourceName": name, "restoreDate": format!("2026-11-{day:02}") })
            }),
            any_value(),
        ];
        let others = proptest::collection::btree_map(
            proptest::sample::select(vec!["useLatestRestorableAutoSnapshot", "restoreDate"]),
            any_value(),
            0..=1,
        );
        let destinations = prop_oneof![
            Just(None),
            region().prop_map(|one| Some(("destinationRegion", one))),
            proptest::collection::btree_set(region().prop_map(|r| r.to_string()), 1..4).prop_map(
                |many| {
                    let many = many.iter().map(|region| region.trim_matches('"'));
                    Some(("destinationRegions", many.collect()))
                }
            ),
        ];
        let target = proptest::option::of("[a-z]{1,8}");
        let spoilt = proptest::bool::weighted(0.1);
        (region(), source, others, destinations, target, spoilt).prop_map(
            |(region, source, others, destinations, target, spoilt)| {
                let mut request = json!({ "sourceRegion": region });
                let members = request.as_object_mut().unwrap();
                members.extend(source.as_object().cloned().unwrap_or_default());
                members.extend(destinations.map(|(name, value)| (name.to_owned(), value)));
                members.extend(target.map(|name| ("targetSnapshotName".to_owned(), name.into())));
                if spoilt {
                    members.extend(
                        others
                            .into_iter()
                            .map(|(name, value)| (name.to_owned(), value)),
                    );
                }
                request
            },
        )
    }

    /// Jobs most of which keep the rules.
    fn any_job() -> impl Strategy<Value = Value> {
        let job = prop_oneof![
            any_request(),
            proptest::collection::vec(any_request(), 1..5)
                .prop_map(|copies| json!({ "copies": copies })),
        ];
        (job, proptest::option::of(any::<bool>())).prop_map(|(mut job, dry_run)| {
            if let Some(dry_run) = dry_run {
                job["dryRun"] = dry_run.into();
            }
            job
        })
    }

    #[test]
    fn the_generated_jobs_are_worth_testing_with() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let job = any_job();
        let jobs = (0..500).map(|_| job.new_tree(&mut runner).unwrap().current());
        let good = jobs.filter(|job| read_json(job).is_ok()).count();
        assert!((100..400).contains(&good), "{good}");
    }

    /// The rules of a copy request, stated a second time and with other means, for what was read.
    fn check_copies(copies: &[Copy], event: &Value) {
        let job = event.get("detail").unwrap_or(event);
        let requests = match job.get("copies") {
            Some(requests) => requests.as_array().unwrap().clone(),
            None => vec![job.clone()],
        };
        let mut copies = copies.iter();
        for request in requests {
            let one = request
                .get("destinationRegion")
                .cloned()
                .map(|region| vec![region]);
            let many = request
                .get("destinationRegions")
                .map(|list| list.as_array().unwrap().clone());
            let destinations = one.or(many).unwrap_or_else(|| vec![json!("us-east-1")]);
            assert!(!destinations.is_empty());
            for destination in destinations {
                let copy = copies.next().unwrap();
                assert_eq!(destination, copy.destination.as_str());
                assert_eq!(request["sourceRegion"], copy.source_region.as_str());
                let name = request
                    .get("sourceResourceName")
                    .or(request.get("sourceSnapshotName"));
                assert_eq!(name.unwrap(), copy.source.name());
                if let Some(target) = request.get("targetSnapshotName") {
                    assert_eq!(target, copy.target.as_str());
                }
            }
        }
        assert_eq!(copies.next(), None);
    }

    proptest! {
        #[test]
        fn any_json_is_refused_with_reasons_or_mapped_by_the_rules(
            event in prop_oneof![any_value(), any_job()],
        ) {
            match read_json(&event) {
                Err(mistakes) => prop_assert!(!mistakes.to_string().is_empty()),
                Ok(Event { job: Job::Copies(copies), .. }) => check_copies(&copies, &event),
                Ok(_) => {}
            }
        }

        #[test]
        fn any_bytes_are_refused_or_read(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(mistakes) = read(&payload) {
                prop_assert!(!mistakes.to_string().is_empty());
            }
        }

        #[test]
        fn an_event_is_read_the_same_in_an_envelope_and_without(
            job in prop_oneof![any_value(), any_job()],
        ) {
            prop_assume!(job.get("time").is_none());
            prop_assume!(job.get("detail").is_none() && job.get("detail-type").is_none());
            let event = json!({ "detail-type": "Copy", "source": "com.example", "detail": job });
            prop_assert_eq!(read_json(&event).ok(), read_json(&job).ok());
        }

        #[test]
        fn an_unknown_field_is_never_let_pass(
            mut job in any_job(), at in any::<prop::sample::Index>(),
        ) {
            prop_assume!(job.get("detail").is_none() && job.get("detail-type").is_none());
            // In one of the requests, or else beside the other fields.
            let place = match job.get_mut("copies") {
                Some(Value::Array(requests)) if !requests.is_empty() => at.get_mut(requests.as_mut_slice()),
                _ => &mut job,
            };
            prop_assume!(place.is_object());
            let place = place.as_object_mut().unwrap();
            place.insert("colour".to_owned(), json!("red"));
            let mistakes = read_json(&job).unwrap_err().to_string();
            prop_assert!(mistakes.contains("colour: unknown field"), "{}", mistakes);
        }
    }
}
