//! What a drill proved, as a tag of the copy that was restored.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::Serialize;

use super::InvalidValue;
use super::restore_date::RestoreDate;

/// The result of a drill. As text: `2026-11-24 passed 7m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Verdict {
    /// The UTC day on which the drill ended.
    pub date: Date,
    /// Whether all checks passed.
    pub outcome: VerdictOutcome,
    /// From the creation of the instance to the run that ended the drill.
    pub minutes: u64,
}

/// How a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum VerdictOutcome {
    /// The restored instance passed all checks.
    Passed,
    /// It did not in the time that the policy allows.
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            VerdictOutcome::Passed => "passed",
            VerdictOutcome::Failed => "failed",
        };
        write!(f, "{} {outcome} {}m", self.date, self.minutes)
    }
}

impl FromStr for Verdict {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue(format!("{text:?} is not a drill's verdict"));
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or_else(invalid);
        let RestoreDate(date) = next()?.parse()?;
        let outcome = match next()? {
            "passed" => VerdictOutcome::Passed,
            "failed" => VerdictOutcome::Failed,
            _ => return Err(invalid()),
        };
        let minutes = next()?.strip_suffix('m').ok_or_else(invalid)?;
        let minutes = minutes.parse().map_err(|_| invalid())?;
        Ok(Self {
            date,
            outcome,
            minutes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_as_they_are_written() {
        for text in ["2026-11-24 passed 7m", "2026-11-24 failed 240m"] {
            assert_eq!(text.parse::<Verdict>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "2026-11-24",
            "2026-11-24 passed",
            "2026-11-24 passed 7",
            "2026-11-24 passed m",
            "2026-11-24 passed -7m",
            "2026-02-30 passed 7m",
            "2026-11-24 perhaps 7m",
        ] {
            assert!(bad.parse::<Verdict>().is_err(), "{bad:?}");
        }
    }
}
