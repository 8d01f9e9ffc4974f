//! What happened, for the outside: the answer, function errors, log lines, metrics and the
//! mailed report.

mod entries;
mod failure;
mod log;
mod mail;
mod metrics;
mod response;
mod words;

pub use self::failure::{failure_message, only_drills_failed};
pub use self::log::{log_event, log_heartbeat, log_invocation};
pub use self::mail::{Mail, mail};
pub use self::metrics::metric_record;
pub use self::response::Response;
