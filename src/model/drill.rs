//! Restore drills: copies are restored on a schedule to prove that they work.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use glob::Pattern;
use jiff::SignedDuration;
use jiff::civil::Date;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_with::skip_serializing_none;
use strum::IntoStaticStr;

use super::failure::ApiError;
use super::region::Region;
use super::resource::ResourceId;
use super::snapshot_name::SnapshotName;
use super::time::RestoreDate;
use super::{Excerpt, InvalidValue};

/// Which copies are restored on a schedule, and what a restored instance must answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Drills {
    /// Shell globs over the names of instances, any of which must match. Empty: no drill starts, and
    /// those in progress are cleaned up.
    pub names: Vec<Pattern>,
    /// Days. Each instance has a drill in each destination at least this often.
    pub every_days: u32,
    pub at_once: usize,
    /// Hours. A drill instance of this age is deleted, whatever its checks say.
    pub max_hours: u32,
    /// All must pass. Empty: the instance only has to run.
    pub checks: Vec<Check>,
}

impl Drills {
    pub fn selects(&self, name: &str) -> bool {
        self.names.iter().any(|glob| glob.matches(name))
    }

    pub fn max_time(&self) -> SignedDuration {
        SignedDuration::from_hours(self.max_hours.into())
    }
}

/// What a restored instance must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The instance accepts a TCP connection at this port.
    Port(u16),
    /// The instance answers an HTTP or HTTPS request. Each result of the check shares it.
    Http(Arc<HttpCheck>),
}

/// A GET request to the instance's public address, and the expected answer. Redirects are not
/// followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// As in the policy: `{ip}` stands for the address.
    pub url: String,
    /// The DNS name for the `Host` header. The certificate of an `https` URL must be valid for it.
    /// `None`: the address.
    pub host: Option<String>,
    pub status: u16,
    pub contains: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum DrillOutcome {
    /// Lightsail accepted the instance.
    Started,
    /// A later run takes the next step.
    Waiting,
    /// The instance passed all checks.
    Passed,
    /// It did not in time, or a person is needed.
    Failed,
    /// The drill could not prove anything.
    Inconclusive,
    NotDrillable,
    /// A dry run: it would be started, or its instance deleted.
    Planned,
}

/// The step of a drill that a run took.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct DrillResult {
    #[serde(flatten)]
    pub source: ResourceId,
    #[serde(rename = "destinationRegion")]
    pub destination: Region,
    /// The copy's name. `None` if it is not known.
    #[serde(rename = "snapshotName")]
    pub snapshot: Option<SnapshotName>,
    #[serde(rename = "instanceName")]
    pub instance: String,
    pub outcome: DrillOutcome,
    /// From the creation of the instance to this run, if it was checked or a verdict was due.
    pub minutes: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// The verdict, if it was recorded.
    #[serde(skip)]
    pub verdict: Option<Verdict>,
    /// Why the drill failed, does not start or does not go on.
    pub error: Option<ApiError>,
}

/// A check of a restored instance, and whether it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    pub check: Check,
    /// What was wrong. `None`: the check passed.
    pub error: Option<String>,
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.check {
            Check::Port(port) => write!(f, "port {port}")?,
            Check::Http(check) => write!(f, "{}", Excerpt(&check.url))?,
        }
        write!(f, ": {}", self.error.as_deref().unwrap_or("passed"))
    }
}

impl Serialize for CheckResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.check {
            Check::Port(port) => map.serialize_entry("port", port)?,
            Check::Http(check) => map.serialize_entry("url", &Excerpt(&check.url).to_string())?,
        }
        map.serialize_entry("passed", &self.error.is_none())?;
        if let Some(message) = &self.error {
            map.serialize_entry("message", message)?;
        }
        map.end()
    }
}

/// The result of a drill. As text: `2026-11-24 passed 7m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Verdict {
    /// The UTC day on which the drill ended.
    pub date: Date,
    pub outcome: VerdictOutcome,
    /// From the creation of the instance to the run that ended the drill.
    pub minutes: u64,
}

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
