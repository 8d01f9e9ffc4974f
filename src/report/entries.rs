//! The lists of an answer, and what they leave out to keep it small enough.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::model::coverage::CoverageStatus;
use crate::model::drill::DrillOutcome;
use crate::model::event::Outcome;

/// How much attention an entry needs, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    None,
    Progress,
    Delay,
    Problem,
}

impl Attention {
    pub const ALL: [Self; 4] = [Self::None, Self::Progress, Self::Delay, Self::Problem];
}

impl From<Outcome> for Attention {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Exists => Self::None,
            Outcome::Started | Outcome::Pending | Outcome::Planned | Outcome::Deleted => {
                Self::Progress
            }
            Outcome::Deferred => Self::Delay,
            Outcome::Failed => Self::Problem,
        }
    }
}

impl From<CoverageStatus> for Attention {
    fn from(status: CoverageStatus) -> Self {
        match status {
            CoverageStatus::Protected => Self::None,
            CoverageStatus::Pending => Self::Progress,
            CoverageStatus::Stale | CoverageStatus::Unknown | CoverageStatus::Unselected => {
                Self::Delay
            }
            CoverageStatus::Unprotected => Self::Problem,
        }
    }
}

impl From<DrillOutcome> for Attention {
    fn from(outcome: DrillOutcome) -> Self {
        match outcome {
            DrillOutcome::NotDrillable => Self::None,
            DrillOutcome::Started
            | DrillOutcome::Waiting
            | DrillOutcome::Passed
            | DrillOutcome::Planned => Self::Progress,
            DrillOutcome::Inconclusive => Self::Delay,
            DrillOutcome::Failed => Self::Problem,
        }
    }
}

/// The entries of one list. Only those that the answer has become JSON: a large fleet's would take as
/// much memory as the rest of the run.
pub struct Entries<T>(Vec<(Attention, usize, T)>);

impl<T: Serialize> Entries<T> {
    pub fn new(entries: impl Iterator<Item = (Attention, T)>) -> Self {
        let sized = entries.map(|(attention, entry)| {
            let mut bytes = Bytes(0);
            // Structs always serialize, and counting never fails.
            let _ = serde_json::to_writer(&mut bytes, &entry);
            // With a comma.
            (attention, bytes.0 + 1, entry)
        });
        Self(sized.collect())
    }

    pub fn into_json(self) -> Vec<Box<RawValue>> {
        let entries = self.0.iter();
        entries
            .filter_map(|(_, _, entry)| to_raw_value(entry).ok())
            .collect()
    }
}

pub trait Shorten {
    fn bytes(&self) -> usize;

    /// Drops entries that need so much attention until the `excess` of bytes is gone. Returns how
    /// many.
    fn omit(&mut self, attention: Attention, excess: &mut usize) -> usize;
}

impl<T> Shorten for Entries<T> {
    fn bytes(&self) -> usize {
        self.0.iter().map(|(_, bytes, _)| bytes).sum()
    }

    fn omit(&mut self, attention: Attention, excess: &mut usize) -> usize {
        let before = self.0.len();
        self.0.retain(|(own, bytes, _)| {
            let omit = *own == attention && *excess > 0;
            if omit {
                *excess = excess.saturating_sub(*bytes);
            }
            !omit
        });
        before - self.0.len()
    }
}

/// Counts what is written.
struct Bytes(usize);

impl Write for Bytes {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        self.0 += written.len();
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
