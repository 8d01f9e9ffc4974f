//! Log output: JSON lines on standard output, in the form of Lambda's JSON log format.

use std::fmt;
use std::io::{self, Write};
use std::panic;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Sends lines of the `tracing` library to standard output: attempts at level `DEBUG`, panics, and what
/// libraries say. Libraries log at most warnings, because at finer
/// levels they log whole requests with payloads, session tokens and signatures.
pub fn init(level: LevelFilter) {
    let levels = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        // The runtime would log each function error a second time.
        .with_target("lambda_runtime", LevelFilter::OFF)
        .with_default(level.min(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    tracing_subscriber::registry()
        .with(lines)
        .with(levels)
        .init();
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(event = "panic", errorMessage = message, location);
    }));
}

/// The level from Lambda's log controls (`AWS_LAMBDA_LOG_LEVEL`), else from `RUST_LOG`, else `INFO`.
pub fn level(lambda: Option<&str>, rust_log: Option<&str>) -> LevelFilter {
    let named = |value: Option<&str>| match value?.trim().to_ascii_lowercase().as_str() {
        "fatal" => Some(LevelFilter::ERROR),
        // `parse` would read an empty variable as `ERROR`.
        "" => None,
        other => other.parse().ok(),
    };
    named(lambda)
        .or_else(|| named(rust_log))
        .unwrap_or(LevelFilter::from_level(Level::INFO))
}

pub struct Log {
    level: LevelFilter,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Log {
    /// Writes lines of `level` and above to standard output.
    pub fn to_stdout(level: LevelFilter) -> Self {
        // If standard output is closed, the error cannot be reported.
        Self::new(level, |line| {
            let _ = writeln!(io::stdout().lock(), "{line}");
        })
    }

    pub fn new(level: LevelFilter, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            level,
            write: Box::new(write),
        }
    }

    pub fn writes(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Writes a line in the form in which libraries' lines are written.
    pub fn write(&self, level: Level, fields: Map<String, Value>) {
        if self.writes(level) {
            let line = Line {
                timestamp: Timestamp::now(),
                level: level.as_str(),
                fields,
            };
            // A map of JSON values always serializes.
            self.write_metrics(&serde_json::to_string(&line).unwrap_or_default());
        }
    }

    /// Writes a record of metrics, whatever the level.
    pub fn write_metrics(&self, record: &str) {
        (self.write)(record);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Line {
    timestamp: Timestamp,
    level: &'static str,
    fields: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_and_rust_level_names_are_accepted() {
        for (lambda, rust_log, expected) in [
            (None, None, LevelFilter::INFO),
            (Some("TRACE"), None, LevelFilter::TRACE),
            (Some("DEBUG"), None, LevelFilter::DEBUG),
            (Some("INFO"), None, LevelFilter::INFO),
            (Some("WARN"), None, LevelFilter::WARN),
            (Some("ERROR"), None, LevelFilter::ERROR),
            (Some("FATAL"), None, LevelFilter::ERROR),
            (Some(" warn "), None, LevelFilter::WARN),
            (None, Some("debug"), LevelFilter::DEBUG),
            (None, Some("off"), LevelFilter::OFF),
            // Lambda's setting takes precedence.
            (Some("WARN"), Some("debug"), LevelFilter::WARN),
            // Unknown levels are ignored.
            (Some(""), Some("debug"), LevelFilter::DEBUG),
            (Some("loud"), Some("lambda=debug"), LevelFilter::INFO),
        ] {
            assert_eq!(level(lambda, rust_log), expected, "{lambda:?} {rust_log:?}");
        }
    }
}
