//! What the report says about one source.

use super::failure;
use crate::model::coverage::{Coverage, CoverageStatus, ReasonCode};
use crate::model::drill::VerdictOutcome;
use crate::model::resource::ResourceId;

/// The name of a source, on one line, and its Region.
pub fn source(ResourceId { region, name, .. }: &ResourceId) -> String {
    format!("{} ({region})", escaped(name))
}

/// Lightsail's names have no control characters. If one has, it stays on its line.
pub fn escaped(name: &str) -> String {
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => String::from(c),
    };
    name.chars().map(escape).collect()
}

/// A word of a command that people copy into a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", escaped(word).replace('\'', r"'\''")),
    }
}

/// What is wrong with a source, and what to do about it.
pub fn problem(entry: &Coverage) -> String {
    let ResourceId { region, name, .. } = &entry.source;
    let (code, reason) = match &entry.reason {
        Some(reason) => (Some(reason.code), sentence(&reason.text)),
        None => (None, String::new()),
    };
    let advice = match code {
        Some(ReasonCode::AutoSnapshotsOff) if reason.contains("Windows") => {
            "Back it up in another way, and name it in ExceptNames.".to_owned()
        }
        Some(ReasonCode::AutoSnapshotsOff) => format!(
            "To turn them on:\n    aws lightsail enable-add-on --region {region} --resource-name {} --add-on-request addOnType=AutoSnapshot",
            quoted(name)
        ),
        Some(ReasonCode::NoneRestorable | ReasonCode::CopyTooOld) => {
            "Look at its automatic snapshots in the Lightsail console.".to_owned()
        }
        Some(ReasonCode::CopyErrored) => {
            "The next runs try again, at most every six hours.".to_owned()
        }
        Some(
            ReasonCode::WaitsForRoom | ReasonCode::CopyInProgress | ReasonCode::NoAutoSnapshotYet,
        ) => "The next runs go on. If it lasts for days, ask AWS Support.".to_owned(),
        Some(ReasonCode::DiskNotInCopy) => {
            "Turn on automatic snapshots of the disk, or look at those of its server.".to_owned()
        }
        Some(ReasonCode::NotRead | ReasonCode::CopyFailed | ReasonCode::NotSelected) | None => {
            "The log has the details.".to_owned()
        }
    };
    format!(
        "{}: {}. {reason} {advice}",
        source(&entry.source),
        newest(entry, "")
    )
}

/// What happened to a source that no rule selects, and what to do about it.
pub fn unselected(entry: &Coverage) -> String {
    let ResourceId { region, name, .. } = &entry.source;
    let destination = entry.destination;
    format!(
        "{}: {}. It was renamed, its tags changed, or the settings no longer include it. Include it again, or delete its copies:\n    lightsail-copies delete --region {destination} --source {}",
        source(&entry.source),
        newest(entry, &format!(" in {destination}")),
        quoted(&format!("{region}/{name}"))
    )
}

/// The last drill of a source, if it failed.
pub fn failed_drill(entry: &Coverage) -> Option<String> {
    let verdict = entry.last_drill?;
    (verdict.outcome == VerdictOutcome::Failed).then(|| {
        format!(
            "The last drill of {} in {} failed: {verdict}. The log of that day says why. Restore a copy by hand and look at it.",
            source(&entry.source),
            entry.destination
        )
    })
}

/// The line of a protected source in the table, with its name in so many columns.
pub fn row(entry: &Coverage, width: usize) -> String {
    let (name, from) = (escaped(&entry.source.name), entry.source.region.as_str());
    let (to, copies) = (entry.destination.as_str(), entry.copies);
    let date = entry.newest.map(|date| date.to_string());
    let date = date.unwrap_or_default();
    format!("{name:width$}  {from:14}  to {to:14}  {date}  copies: {copies}")
}

/// One line that starts with a capital letter and ends with a full stop.
fn sentence(text: &str) -> String {
    let line = failure::one_line(text.trim().trim_end_matches('.'));
    let is_word = |word: &str| word.chars().all(|c| c.is_ascii_lowercase());
    let mut chars = line.chars();
    match line.split(' ').next() {
        Some(first) if is_word(first) => {
            let first = chars.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(chars).chain(['.']).collect()
        }
        _ => line + ".",
    }
}

/// The newest copy of a source, where it is, and its age.
pub fn newest(entry: &Coverage, place: &str) -> String {
    match (entry.newest, entry.age_hours) {
        (Some(date), Some(hours)) if hours < 48.0 => {
            format!("the newest copy{place} is of {date}, {hours:.0} hours old")
        }
        (Some(date), Some(hours)) => {
            format!(
                "the newest copy{place} is of {date}, {:.0} days old",
                (hours / 24.0).floor()
            )
        }
        _ if entry.status == CoverageStatus::Unknown => "its copies are not known".to_owned(),
        _ => "no copy".to_owned(),
    }
}
