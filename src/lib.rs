//! Keeps Amazon Lightsail backups in another Region.
//!
//! Data goes one way:
//!
//! ```text
//! payload ──▶ event ──▶ Job ──▶ observe ──▶ Inventory ──▶ plan ──▶ Plan ──▶ apply ──▶ events ──▶ answer, error, log, metrics, mail
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `model` | the nouns: Regions, names, resources, policies, retention, errors, and what happens in a run |
//! | `event` | a payload becomes a job, or the list of its errors. Pure |
//! | `plan` | policy + inventory + now → copies, tags, deletions, drills, coverage. Pure |
//! | `lightsail` | everything that knows the SDK of Lightsail: settings, clients, retries, errors, conversions |
//! | `run` | the only effects in AWS: observes, plans, applies, and records what happens |
//! | `report` | folds over what happened: answer, function error, log lines, metrics, mail |
//! | `notify` | sends the mail and the heartbeat |
//! | `handler` | one invocation, from payload to answer |
//! | `deadline` | Lambda's deadline, and when each phase ends |
//! | `logging` | where log lines go |
//!
//! Dependencies go one way too: `handler → {event, run, report, notify}`, `run → {plan, lightsail}`, and
//! all of them know `model`, which knows none of them.

mod deadline;
mod event;
mod handler;
mod lightsail;
mod model;
mod notify;
mod plan;
mod report;
mod run;

pub mod logging;

pub use deadline::{Deadline, Share};
pub use event::{
    Event, Frequency, Job, ValidationErrors, glob as parse_glob, parse as parse_event, parse_policy,
};
pub use handler::{Answer, Handler, InvocationError, Payload};
pub use lightsail::{
    Call, Lightsail, NewInstance, Until, config as sdk_config, http_client, sdk_tags, whole,
};
pub use model::bundle::{Bundle, Bundles, Hardware, is_ipv6_only};
pub use model::copy::{CopySource, NameOrigin, SnapshotCopy};
pub use model::coverage::{Coverage, CoverageStatus, Reason, ReasonCode};
pub use model::drill::{
    Check, CheckResult, DrillOutcome, DrillResult, Drills, HttpCheck, Verdict, VerdictOutcome,
};
pub use model::event::{
    CopyResult, DeletionResult, DestinationStorage, DrillInstances, Event as RunEvent,
    FirewallNotStored, IdleRule, IgnoredCopy, Outcome, ReadFailure, TagFailure,
};
pub use model::event::{Size, Storage, Transfer};
pub use model::failure::{ApiError, Code, ErrorKind, Shortage};
pub use model::firewall::{PortRule, ports_tags, read_ports};
pub use model::operation::{Location, Operation};
pub use model::policy::{Policy, SourceRule};
pub use model::region::Region;
pub use model::resource::{
    AutoSnapshot, InstanceState, InstanceStatus, Resource, ResourceId, ResourceKind, Snapshot,
    SnapshotState,
};
pub use model::retention::Retention;
pub use model::snapshot_name::SnapshotName;
pub use model::tags::{CopyTags, RECOVERY_POINT_TAG, SOURCE_TAG, SourceTag, copy_tags};
pub use model::time::{RestoreDate, Time, utc_date};
pub use notify::Notify;
pub use plan::{
    Conclusion, CopyStep, DRILL_EXPIRES_TAG, DRILL_STARTED_TAG, DRILL_TAG, DRILLED_TAG,
    DestinationInventory, DestinationPlan, DrillInstance, DrillPlan, DrillStep, ExistingCopy,
    Inventory, MassDeletion, MissingTags, Plan, PlannedCopy, PlannedDeletion, PlannedDrill,
    by_source, coverage, last_valid_date, newest_available, plan, plan_drills,
    rules_selecting_nothing, sources_to_query, storage, transfer,
};
pub use report::{Mail, Response, failure_message, mail, metric_record};
pub use run::{Mode, Recorder, copies as run_copies, policy as run_policy};
