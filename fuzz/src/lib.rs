//! What comes from outside, fuzzed: payloads, policies and Lightsail's answers.
//!
//! This is the function without what connects it to Lambda and to AWS: its modules as they stand
//! in `src/`, so that no HTTP client, TLS library or credentials provider is built for it, which
//! would be half of the build.

extern crate self as lightsail_snapshot_copier;

pub mod checks;

#[path = "../../src/copy.rs"]
pub mod copy;
#[path = "../../src/credentials.rs"]
pub mod credentials;
#[path = "../../src/event.rs"]
pub mod event;
#[path = "../../src/fields.rs"]
pub mod fields;
#[path = "../../src/lightsail.rs"]
pub mod lightsail;
#[path = "../../src/observe.rs"]
pub mod observe;
#[path = "../../src/plan.rs"]
pub mod plan;
#[path = "../../src/policy.rs"]
pub mod policy;
#[path = "../../src/region.rs"]
pub mod region;
#[path = "../../src/report.rs"]
pub mod report;
#[path = "../../src/request.rs"]
pub mod request;
#[path = "../../src/retention.rs"]
pub mod retention;
#[path = "../../src/run.rs"]
pub mod run;
