//! Why a call did not do what it should.

use serde::{Serialize, Serializer};
use serde_with::skip_serializing_none;
use strum::{AsRefStr, Display, EnumString};

use super::operation::Operation;

/// A failed call, or a reason to make none. Serializes to the `error` of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    pub code: Code,
    pub message: String,
    /// Decides what the function does about it.
    #[serde(rename = "retryable", serialize_with = "retryable")]
    pub kind: ErrorKind,
    /// Whether the call may have had its effect: its answer was lost, or the service failed while
    /// it worked on it.
    #[serde(skip)]
    pub may_have_happened: bool,
    #[serde(flatten)]
    pub details: Box<ErrorDetails>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetails {
    /// The API operation that was called. Empty if none was.
    #[serde(skip)]
    pub operation: &'static str,
    /// The Operations of a call that Lightsail accepted and reports as failed.
    #[serde(skip)]
    pub operations: Vec<Operation>,
    #[serde(skip)]
    pub shortage: Option<Shortage>,
    /// Lightsail's finer code, where it differs from the exception's name.
    pub reason: Option<String>,
    pub tip: Option<String>,
    pub request_id: Option<String>,
}

/// What a refusal is for, by its words: Lightsail has no codes for these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// A limit of the account, the sizes that it may use, or its verification.
    Account,
    /// Capacity, or a bundle that is too small. Concerns only what was asked for.
    Capacity,
}

/// The codes of errors.
#[derive(Debug, Clone, PartialEq, Eq, AsRefStr, Display, EnumString)]
pub enum Code {
    AttachedDisks,
    BundleNotAvailable,
    ChecksFailed,
    ConnectionFailure,
    CopyErrored,
    DrillCancelled,
    DrillInstanceRemains,
    MassDeletion,
    MaxCopiesInProgress,
    NameInUse,
    NewestCopyMissing,
    NoInstance,
    NoIpv4Address,
    NotRunning,
    Timeout,
    /// The name of Lightsail's exception, or the code of an Operation.
    #[strum(transparent, default)]
    Lightsail(String),
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_ref())
    }
}

fn retryable<S: Serializer>(kind: &ErrorKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(kind.is_retryable())
}

/// The kinds of failure that the function handles differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Throttled,
    /// HTTP 5xx.
    ServiceFault,
    /// The connection failed, or the answer cannot be read.
    NoAnswer,
    /// No answer came within the time of an attempt.
    TimedOut,
    /// The deadline came first.
    NoTime,
    /// The destination has as many copies in progress as Lightsail or the policy allows.
    TooManyCopies,
    NameInUse,
    /// The name is in use, and no snapshot with that name is found.
    OwnerNotFound,
    /// The copy ended in state `error`.
    CopyErrored,
    NotFound,
    /// Lightsail is still setting up the account or the Region.
    NotYet,
    /// The signature's time or the credentials have expired.
    Expired,
    /// No credentials were found, so nothing was sent.
    NoCredentials,
    /// The caller lacks a permission.
    AccessDenied,
    /// Any other refusal. It stays until somebody changes something.
    Refused,
}

impl ApiError {
    /// An error of a call that had no effect.
    pub fn new(kind: ErrorKind, code: impl Into<Code>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            kind,
            may_have_happened: false,
            details: Box::default(),
        }
    }

    /// An error that this function found itself. It stays until somebody changes something.
    pub fn found(code: impl Into<Code>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, code, message)
    }

    /// The same error, of a call that came before what was asked for.
    pub fn before_effect(self) -> Self {
        Self {
            may_have_happened: false,
            ..self
        }
    }

    /// Whether the same request may succeed later without any change.
    pub fn retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

/// `None` if the resource that a call names does not exist.
pub fn existing<T>(called: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match called {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        called => called.map(Some),
    }
}

impl ErrorKind {
    fn is_retryable(self) -> bool {
        match self {
            Self::Throttled
            | Self::ServiceFault
            | Self::NoAnswer
            | Self::TimedOut
            | Self::NoTime
            | Self::TooManyCopies
            | Self::OwnerNotFound
            | Self::NotYet
            | Self::Expired => true,
            Self::NameInUse
            | Self::CopyErrored
            | Self::NotFound
            | Self::NoCredentials
            | Self::AccessDenied
            | Self::Refused => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_error_of_an_answer_has_what_lightsail_said() {
        let error = ApiError::new(ErrorKind::NotYet, "SomeException", "No.".to_owned());
        let bare = json!({ "code": "SomeException", "message": "No.", "retryable": true });
        assert_eq!(serde_json::to_value(&error).unwrap(), bare);
        let details = ErrorDetails {
            reason: Some("DoesNotExist".to_owned()),
            tip: Some("Check the name.".to_owned()),
            request_id: Some("7d9f".to_owned()),
            ..ErrorDetails::default()
        };
        let error = ApiError {
            details: Box::new(details),
            ..ApiError::found("NotFoundException", "No.".to_owned())
        };
        let full = json!({
            "code": "NotFoundException", "message": "No.", "retryable": false,
            "reason": "DoesNotExist", "tip": "Check the name.", "requestId": "7d9f",
        });
        assert_eq!(serde_json::to_value(&error).unwrap(), full);
    }
}
