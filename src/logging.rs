//! Log output: JSON lines on standard output, in the form of Lambda's JSON log format.

use std::io::{self, Write};
use std::panic;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Sends log lines of `level` and above to standard output.
///
/// The level applies to the function's own lines. Libraries log at most warnings, because at finer
/// levels they log whole requests with payloads, session tokens and signatures.
pub fn init(level: LevelFilter) {
    let levels = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        // The runtime would log each function error a second time.
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

/// Writes a line of JSON at any log level.
pub fn write_line(line: &str) {
    // If standard output is closed, the error cannot be reported.
    let _ = writeln!(io::stdout().lock(), "{line}");
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
