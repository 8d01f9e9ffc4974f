//! What happened, for the outside: the answer, function errors, log lines and metrics.

mod failure;
mod log;
mod metrics;
mod response;

pub use self::failure::{failure_message, only_drills_failed};
pub use self::log::{log_event, log_invocation};
pub use self::metrics::metric_record;
pub use self::response::Response;
