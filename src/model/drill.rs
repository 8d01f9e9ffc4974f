//! Restore drills: copies are restored on a schedule to prove that they work.

use std::sync::Arc;

use glob::Pattern;
use jiff::SignedDuration;

/// Which copies are restored on a schedule, and what a restored instance must answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Drills {
    /// Shell globs over the names of instances, any of which must match. Empty: no drill starts, and
    /// those in progress are cleaned up.
    pub names: Vec<Pattern>,
    /// Days. Each instance has a drill in each destination at least this often.
    pub every_days: u32,
    /// The limit of drill instances in each destination.
    pub at_once: usize,
    /// Hours. A drill instance of this age is deleted in any case.
    pub max_hours: u32,
    /// All must pass. Empty: the instance only has to run.
    pub checks: Vec<Check>,
}

impl Drills {
    /// Whether the instance of this name has drills.
    pub fn selects(&self, name: &str) -> bool {
        self.names.iter().any(|glob| glob.matches(name))
    }

    /// `maxHours` as a duration.
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
    /// The expected HTTP status.
    pub status: u16,
    /// Text that the body must contain.
    pub contains: Option<String>,
}
