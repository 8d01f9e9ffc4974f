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

use crate::fields::{Fields, Mistakes, found, join, quoted};
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
    let value: Value = serde_json::from_slice(payload)
        .map_err(|error| Mistakes::one("", format!("the payload is not JSON: {error}")))?;
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
