//! Where log lines go: standard output, each line one JSON object, as Lambda's JSON log format is.

use std::io::{self, Write};
use std::panic;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Sends log lines of `level` and above to standard output.
///
/// The level goes for this function's own lines. Those of the libraries below it are held at
/// warnings, whatever is asked for, because at finer levels they write out whole requests, with
/// their payloads, session tokens and signatures.
pub fn init(level: LevelFilter) {
    let levels = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        // The runtime repeats each function error, which has a line of its own already.
        .with_target("lambda_runtime", LevelFilter::OFF)
        .with_default(level.min(LevelFilter::WARN));
    let lines = fmt::layer()
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

/// The level that Lambda's log controls (`AWS_LAMBDA_LOG_LEVEL`) or else `RUST_LOG` ask for,
/// `INFO` where neither names one.
pub fn level(lambda: Option<&str>, rust_log: Option<&str>) -> LevelFilter {
    let named = |value: Option<&str>| match value?.trim().to_ascii_lowercase().as_str() {
        "fatal" => Some(LevelFilter::ERROR),
        // `parse` would take a variable that is set to nothing for `ERROR`.
        "" => None,
        other => other.parse().ok(),
    };
    named(lambda)
        .or_else(|| named(rust_log))
        .unwrap_or(LevelFilter::from_level(Level::INFO))
}

/// Writes a line that is JSON already, whatever the log level.
pub fn write_line(line: &str) {
    // If standard output is closed, nobody can be told.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_by_the_names_of_lambda_and_of_rust() {
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
            // Lambda's own setting goes before.
            (Some("WARN"), Some("debug"), LevelFilter::WARN),
            // What names no level is passed over.
            (Some(""), Some("debug"), LevelFilter::DEBUG),
            (Some("loud"), Some("lambda=debug"), LevelFilter::INFO),
        ] {
            assert_eq!(level(lambda, rust_log), expected, "{lambda:?} {rust_log:?}");
        }
    }
}
