//! Why a call did not do what it should.

use serde::{Serialize, Serializer};
use serde_with::skip_serializing_none;

use super::operation::Operation;

/// A failed call, or a reason to make none. Serializes to the `error` of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The name of Lightsail's exception, or one of this function: `Timeout`, `ConnectionFailure`,
    /// `NameInUse`, `CopyErrored`, `MaxCopiesInProgress`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// Decides what the function does about it.
    #[serde(rename = "retryable", serialize_with = "retryable")]
    pub kind: ErrorKind,
    /// Whether the call may have had its effect: its answer was lost, or the service failed while
    /// it worked on it.
    #[serde(skip)]
    pub may_have_happened: bool,
    /// The Operations of a call that Lightsail accepted and reports as failed.
    #[serde(skip)]
    pub operations: Vec<Operation>,
    #[serde(flatten)]
    pub details: Box<ErrorDetails>,
}

/// What else Lightsail's last answer said.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetails {
    /// The finer code, where it differs from the exception's name.
    pub reason: Option<String>,
    /// Advice.
    pub tip: Option<String>,
    pub request_id: Option<String>,
}

fn retryable<S: Serializer>(kind: &ErrorKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(kind.is_retryable())
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
    /// The copy ended in state `error`.
    CopyErrored,
    /// The resource does not exist.
    NotFound,
    /// Lightsail is still setting up the account or the Region.
    NotYet,
    /// The signature's time or the credentials have expired.
    Expired,
    /// Refused for good.
    Refused,
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
            details: Box::default(),
        }
    }

    /// An error that this function found itself. It stays until somebody changes something.
    pub fn found(code: &str, message: String) -> Self {
        Self::new(ErrorKind::Refused, code, message)
    }

    /// Whether the same request may succeed later without any change.
    pub fn retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

impl ErrorKind {
    fn is_retryable(self) -> bool {
        match self {
            Self::Throttled
            | Self::ServiceFault
            | Self::NoAnswer
            | Self::NoTime
            | Self::TooManyCopies
            | Self::OwnerNotFound
            | Self::NotYet
            | Self::Expired => true,
            Self::NameInUse | Self::CopyErrored | Self::NotFound | Self::Refused => false,
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
