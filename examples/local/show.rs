//! Prints the output.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::{fmt, process};

use lightsail_emulator::{Emulator, Region, Snapshot, SnapshotState};
use local_lambda::Ending;
use serde_json::Value;

use crate::machine::Lightsail;
use crate::samples::Sample;

/// `println!`, which ends the program when nobody reads any more: `… | head`.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::show::write_line(format_args!($($argument)*))
    };
}

pub fn write_line(line: fmt::Arguments<'_>) {
    if writeln!(io::stdout(), "{line}").is_err() {
        process::exit(1);
    }
}

/// Text of an event without the control characters that a terminal would obey.
fn clean(text: &str) -> String {
    let escape = |c: char| match c.is_control() {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// The maximum length of JSON on one line.
const LINE: usize = 100;

pub fn machine(binary: &Path, lightsail: &Lightsail) {
    heading("The function and Lightsail, on this machine");
    say!("  function   {}", binary.display());
    say!(
        "  Lightsail  {} (emulated, with a demo world)",
        lightsail.running.url()
    );
    say!("  Region     us-east-1, the default destination");
}

pub fn sample(number: usize, of: usize, sample: &Sample) {
    heading(&format!("{number}/{of}  {}", sample.name));
    say!("  {}\n", sample.about);
    say!("  event");
    match serde_json::from_slice(&sample.payload) {
        Ok(event) => print_json(&event),
        Err(_) => say!("    {}", clean(&String::from_utf8_lossy(&sample.payload))),
    }
    say!("  log");
}

/// One line of the function's log.
pub fn log_line(line: &str) {
    say!("    {}", faint(&clean(line)));
}

pub fn ending(ending: &Ending) {
    match ending {
        Ending::Answer(answer) => {
            say!("  answer");
            print_json(answer);
        }
        Ending::Error {
            error_type,
            error_message,
        } => {
            say!("  function error {error_type}");
            for line in error_message.lines() {
                say!("    {}", clean(line));
            }
        }
        other => say!("  no answer: {other:?}"),
    }
}

/// All copies, by Region.
pub fn copies(emulator: &Emulator) {
    heading("All copies at the end");
    for &region in Region::ALL {
        let copies = copies_in(emulator, region);
        if copies.is_empty() {
            continue;
        }
        say!("  {}", bold(region.as_str()));
        for copy in copies {
            let state = match copy.state {
                SnapshotState::Available => "available",
                SnapshotState::Pending => "pending",
                SnapshotState::Error => "error",
                SnapshotState::Unknown => "unknown",
            };
            let from = copy.from.name.as_deref().unwrap_or("?");
            let from_region = copy.from_region().map_or("?", Region::as_str);
            say!(
                "    {:<44} {state:<10} {:?} {from} in {from_region}",
                copy.name,
                copy.kind,
            );
        }
    }
}

/// The snapshots of a Region that came from another one.
pub fn copies_in(emulator: &Emulator, region: Region) -> Vec<Snapshot> {
    let mut snapshots = emulator.snapshots(region);
    snapshots.retain(|snapshot| snapshot.from_region() != Some(region));
    snapshots
}

pub fn heading(text: &str) {
    say!("\n{}\n", bold(text));
}

pub fn print_json(value: &Value) {
    for line in json(value, 0).lines() {
        say!("    {}", clean(line));
    }
}

/// JSON on several lines, with short members side by side.
fn json(value: &Value, depth: usize) -> String {
    let short = value.to_string();
    let indent = "  ".repeat(depth + 1);
    let (open, parts, close): (_, Vec<String>, _) = match value {
        _ if short.len() + indent.len() <= LINE => return short,
        Value::Array(elements) => {
            let part = |element| json(element, depth + 1);
            ("[", elements.iter().map(part).collect(), "]")
        }
        Value::Object(members) => {
            let part = |(key, member)| format!("\"{key}\": {}", json(member, depth + 1));
            ("{", members.iter().map(part).collect(), "}")
        }
        _ => return short,
    };
    let mut text = open.to_owned();
    let mut room = 0;
    for (index, part) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        if part.len() + 2 <= room && !part.contains('\n') {
            text.push_str(&format!("{comma} {part}"));
            room -= part.len() + 2;
        } else {
            text.push_str(&format!("{comma}\n{indent}{part}"));
            // A part with several lines has its lines to itself.
            room = if part.contains('\n') {
                0
            } else {
                LINE.saturating_sub(indent.len() + part.len())
            };
        }
    }
    format!("{text}\n{}{close}", "  ".repeat(depth))
}

fn bold(text: &str) -> String {
    styled("1", text)
}

fn faint(text: &str) -> String {
    styled("2", text)
}

fn styled(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
