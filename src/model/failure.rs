//! Why a call did not do what it should.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::operation::Operation;

/// A failed call, or a reason to make none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// Lightsail's error code, or one of this function: `Timeout`, `ConnectionFailure`,
    /// `NameInUse`, `CopyErrored`, `MaxCopiesInProgress`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// Decides what the function does about it.
    pub kind: ErrorKind,
    /// Whether the call may have had its effect: its answer was lost, or the service failed while
    /// it worked on it.
    pub may_have_happened: bool,
    /// The Operations of a call that Lightsail accepted and reports as failed.
    pub operations: Vec<Operation>,
}

/// The kinds of failure that the function handles differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Too many requests.
    Throttled,
    /// A fault of the service (HTTP 5xx).
    ServiceFault,
    /// No answer, or one that cannot be read.
    NoAnswer,
    /// The deadline came first.
    NoTime,
    /// The destination has as many copies in progress as Lightsail allows.
    TooManyCopies,
    /// The copy's name is in use.
    NameInUse,
    /// The copy's name is in use, and no snapshot with that name is found.
    OwnerNotFound,
    /// The resource does not exist.
    NotFound,
    /// Lightsail is still setting up the account or the Region.
    NotYet,
    /// The signature's time or the credentials have expired.
    Expired,
    /// Refused for good.
    Refused,
}

impl Serialize for ApiError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("retryable", &self.retryable())?;
        map.end()
    }
}

impl ApiError {
    /// An error of a call that had no effect.
    pub fn new(kind: ErrorKind, code: &str, message: String) -> Self {
        Self {
            code: code.to_owned(),
            message,
            kind,
            may_have_happened: false,
            operations: Vec::new(),
        }
    }

    /// An error that this function found itself. It stays until somebody changes something.
    pub fn found(code: &str, message: String) -> Self {
        Self::new(ErrorKind::Refused, code, message)
    }

    /// Whether the same request may succeed later without any change.
    pub fn retryable(&self) -> bool {
        match self.kind {
            ErrorKind::Throttled
            | ErrorKind::ServiceFault
            | ErrorKind::NoAnswer
            | ErrorKind::NoTime
            | ErrorKind::TooManyCopies
            | ErrorKind::OwnerNotFound
            | ErrorKind::NotYet
            | ErrorKind::Expired => true,
            ErrorKind::NameInUse | ErrorKind::NotFound | ErrorKind::Refused => false,
        }
    }
}
