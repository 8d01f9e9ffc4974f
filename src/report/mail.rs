//! The report: a mail in plain text for a person who has not looked for a week.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::failure;
use super::words::{escaped, failed_drill, newest, problem, row, source, unselected};
use crate::model::copy::SnapshotCopy;
use crate::model::coverage::{Coverage, CoverageStatus, ReasonCode};
use crate::model::event::{Event, Outcome};
use crate::model::failure::ApiError;
use crate::model::region::Region;
use crate::model::resource::ResourceId;

/// The most bytes of a text. SNS takes 256 KB, mail programs cut earlier.
const MAX_BYTES: usize = 60_000;

/// The most rows of the table of protected sources.
const MAX_ROWS: usize = 50;

/// Dollars a month for a gigabyte of a snapshot.
const PRICE: f64 = 0.05;

#[derive(Debug, Serialize)]
pub struct Mail {
    /// At most 100 characters, ASCII.
    pub subject: String,
    pub text: String,
    /// How many servers and other things need attention.
    pub attention: usize,
}

struct Parts<'a> {
    events: &'a [Event],
    /// The coverage of each source. A disk that is copied with its instance counts only if the copies
    /// lack it.
    coverage: Vec<&'a Coverage>,
}

pub fn mail(events: &[Event]) -> Mail {
    let coverage = events.iter().filter_map(Event::try_as_coverage_ref);
    let counts = |entry: &&Coverage| {
        let lacks_disk = |code| code == ReasonCode::DiskNotInCopy;
        let code = entry.reason.as_ref().map(|reason| reason.code);
        entry.through.is_none() || code.is_some_and(lacks_disk)
    };
    let parts = Parts {
        events,
        coverage: coverage.filter(counts).collect(),
    };
    let is_unselected = |entry: &Coverage| entry.status == CoverageStatus::Unselected;
    let bad = parts.sources(|entry| needs_attention(entry) || is_unselected(entry));
    let others = parts.other_problems();
    let sections = [
        parts.attention(&others),
        parts.unselected(),
        parts.waiting(),
        parts.protected(),
        parts.gone(),
        parts.storage(),
        parts.drills(),
    ];
    let sections: Vec<String> = sections.into_iter().flatten().collect();
    Mail {
        subject: parts.subject(bad.len(), others.len()),
        text: cut(sections.join("\n")),
        attention: bad.len() + others.len(),
    }
}

fn needs_attention(coverage: &Coverage) -> bool {
    matches!(
        coverage.status,
        CoverageStatus::Unprotected | CoverageStatus::Stale | CoverageStatus::Unknown
    )
}

impl Parts<'_> {
    /// The sources that have this in any destination.
    fn sources(&self, has: impl Fn(&Coverage) -> bool) -> BTreeSet<&ResourceId> {
        let coverage = self.coverage.iter().filter(|entry| has(entry));
        coverage.map(|entry| &entry.source).collect()
    }

    fn with_status(&self, status: CoverageStatus) -> impl Iterator<Item = &Coverage> {
        let coverage = self.coverage.iter().copied();
        coverage.filter(move |entry| entry.status == status)
    }

    fn subject(&self, bad: usize, others: usize) -> String {
        let all = self.sources(|_| true);
        let waiting = self.sources(|entry| entry.status == CoverageStatus::Pending);
        let (all, waiting) = (all.len(), waiting.len());
        let unread = self.unread();
        let what = match (all, bad, others, waiting) {
            (0, ..) => match (unread.len(), unread.first()) {
                (1, Some(region)) => format!("{region} could not be read"),
                (2.., _) => format!("{} Regions could not be read", unread.len()),
                _ => "no server is selected".to_owned(),
            },
            (_, 1.., ..) => format!("{bad} of {all} servers need attention"),
            (_, 0, 1, _) => "1 problem needs attention".to_owned(),
            (_, 0, 2.., _) => format!("{others} problems need attention"),
            (_, 0, 0, 1..) => format!("{waiting} of {all} servers wait for a first copy"),
            _ => format!("all {all} servers are protected"),
        };
        format!("Lightsail backups: {what}")
    }

    /// The Regions of which a list could not be read.
    fn unread(&self) -> BTreeSet<Region> {
        let events = self.events.iter();
        let unread = events.filter_map(Event::try_as_region_unread_ref);
        let lists = unread.filter(|failure| failure.source.is_none());
        lists.map(|failure| failure.region).collect()
    }

    /// The failures that no source stands for, and what selects nothing.
    fn other_problems(&self) -> Vec<String> {
        let bad = self.coverage.iter().filter(|entry| needs_attention(entry));
        let bad = bad.map(|it| (it.destination, it.source.region, &*it.source.name));
        let bad: BTreeSet<_> = bad.collect();
        // Then the entry of the source says why.
        let has_entry = |copy: &SnapshotCopy| {
            bad.contains(&(copy.destination, copy.source_region, copy.source.name()))
        };
        let mut problems = Vec::new();
        if self.coverage.is_empty() && self.unread().is_empty() {
            problems.push("The settings match no server and no disk.".to_owned());
        }
        for event in self.events {
            match event {
                Event::CopyResult(it) if it.outcome == Outcome::Failed && has_entry(&it.copy) => {}
                // They are merged below.
                Event::DeleteResult(_) => {}
                Event::SelectsNothing(idle) => problems.push(format!(
                    "{} of the settings matches no server and no disk. Check its spelling, or remove it.",
                    idle.rule
                )),
                Event::CopyIgnored(copy) => problems.push(format!(
                    "{} in {} does not count as a copy: {}.",
                    copy.name, copy.region, copy.reason
                )),
                _ => problems.extend(failure::line(event)),
            }
        }
        problems.extend(self.undeleted());
        problems.extend(self.coverage.iter().filter_map(|entry| failed_drill(entry)));
        let problems = problems.iter();
        problems.map(|line| failure::one_line(line)).collect()
    }

    /// The deletions that failed, a line for each source and destination: a mass deletion is refused
    /// for every copy.
    fn undeleted(&self) -> impl Iterator<Item = String> {
        let mut failed: BTreeMap<_, (usize, &ApiError)> = BTreeMap::new();
        let events = self.events.iter();
        for result in events.filter_map(Event::try_as_delete_result_ref) {
            if let (Outcome::Failed, Some(error)) = (result.outcome, &result.error) {
                let place = (&result.source, result.region);
                failed.entry(place).or_insert((0, error)).0 += 1;
            }
        }
        failed.into_iter().map(|((id, region), (count, error))| {
            let source = source(id);
            format!("Copies of {source} in {region} that are not deleted: {count}. {error}")
        })
    }

    fn attention(&self, others: &[String]) -> Option<String> {
        let mut by_destination: BTreeMap<Region, Vec<String>> = BTreeMap::new();
        for entry in self.coverage.iter().filter(|entry| needs_attention(entry)) {
            let lines = by_destination.entry(entry.destination).or_default();
            lines.push(problem(entry));
        }
        let mut text = String::new();
        for (destination, lines) in by_destination {
            text += &list(&format!("Copies in {destination}:"), lines);
        }
        if !others.is_empty() {
            text += &list("Other problems:", others.to_vec());
        }
        section("NEEDS ATTENTION", text)
    }

    fn unselected(&self) -> Option<String> {
        let lines = self.with_status(CoverageStatus::Unselected).map(unselected);
        section("NO LONGER BACKED UP", list("", lines.collect()))
    }

    fn protected(&self) -> Option<String> {
        let entries: Vec<_> = self.with_status(CoverageStatus::Protected).collect();
        let sources: BTreeSet<_> = entries.iter().map(|entry| &entry.source).collect();
        let mut text = String::new();
        let age = |entry: &&&Coverage| entry.age_hours.unwrap_or(0.0);
        if let Some(oldest) = entries.iter().max_by(|a, b| age(a).total_cmp(&age(b))) {
            let _ = writeln!(
                text,
                "Servers and disks: {}. The oldest is {}: {}.",
                sources.len(),
                escaped(&oldest.source.name),
                newest(oldest, &format!(" in {}", oldest.destination))
            );
        }
        let width = entries.iter().map(|entry| entry.source.name.len()).max();
        let width = width.unwrap_or(0).min(40);
        let rows = entries.iter().map(|entry| row(entry, width));
        for row in rows.take(MAX_ROWS) {
            let _ = writeln!(text, "{row}");
        }
        let more = entries.len().saturating_sub(MAX_ROWS);
        if more > 0 {
            let _ = writeln!(text, "... and {more} more, all of them in the log");
        }
        section("PROTECTED", text)
    }

    fn waiting(&self) -> Option<String> {
        let waiting = self.sources(|entry| entry.status == CoverageStatus::Pending);
        let lines = waiting.into_iter().map(source);
        section("WAITING FOR A FIRST COPY", list("", lines.collect()))
    }

    fn gone(&self) -> Option<String> {
        let storage = self.events.iter().filter_map(Event::try_as_storage_ref);
        let lines = storage.flat_map(|destination| {
            destination.storage.gone.iter().map(|(id, size)| {
                let (copies, region) = (size.copies, destination.region);
                format!("{}: {copies} copies in {region}", source(id))
            })
        });
        section("DELETED SERVERS", list("", lines.collect()))
    }

    fn storage(&self) -> Option<String> {
        let storage = self.events.iter().filter_map(Event::try_as_storage_ref);
        let stored = storage.filter(|destination| destination.storage.total.copies > 0);
        let lines = stored.map(|destination| {
            let total = &destination.storage.total;
            let dollars = |gigabytes: u64| gigabytes as f64 * PRICE;
            format!(
                "{}: {} copies, {} to {} GB, {:.2} to {:.2} dollars a month",
                destination.region,
                total.copies,
                total.at_least_gb,
                total.at_most_gb,
                dollars(total.at_least_gb),
                dollars(total.at_most_gb)
            )
        });
        section("STORAGE", list("", lines.collect()))
    }

    fn drills(&self) -> Option<String> {
        let drilled = self.coverage.iter().filter_map(|entry| {
            let verdict = entry.last_drill?;
            let source = source(&entry.source);
            Some(format!("{source} in {}: {verdict}", entry.destination))
        });
        section("LAST DRILLS", list("", drilled.collect()))
    }
}

fn list(title: &str, lines: Vec<String>) -> String {
    let mut text = String::new();
    if !title.is_empty() {
        let _ = writeln!(text, "{title}");
    }
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
    text
}

/// `None` without entries.
fn section(title: &str, text: String) -> Option<String> {
    // Messages come from Lightsail and from servers.
    let text = text.replace(|c: char| c.is_control() && c != '\n', " ");
    (!text.is_empty()).then(|| format!("{title}\n\n{text}"))
}

/// Cuts a text at the end of a line.
fn cut(text: String) -> String {
    const LAST: &str = "... the rest is in the log\n";
    if text.len() <= MAX_BYTES {
        return text;
    }
    let mut short = String::new();
    for line in text.split_inclusive('\n') {
        if short.len() + line.len() + LAST.len() > MAX_BYTES {
            break;
        }
        short.push_str(line);
    }
    short + LAST
}
