//! What can go wrong on purpose, decided call by call.

use crate::error::ServiceError;
use bytes::Bytes;
use http::StatusCode;
use std::time::Duration;

/// What happens to one call instead of, or besides, being answered.
///
/// Signature, operation and body are checked first: a request that is refused for these never gets so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fault {
    /// The call is answered as usual.
    #[default]
    None,
    /// Refused with this error; nothing is done.
    Error {
        /// The HTTP status.
        status: StatusCode,
        /// The error's code, in `__type`.
        code: String,
        /// The error's message.
        message: String,
    },
    /// Answered with this, whatever it is; nothing is done.
    Answer {
        /// The HTTP status.
        status: StatusCode,
        /// The content type.
        content_type: String,
        /// The body.
        body: Bytes,
    },
    /// Done, but the connection is closed without an answer.
    LoseAnswer,
    /// The connection is closed without an answer; nothing is done.
    Drop,
    /// Waits, then goes on as given. The wait counts as being answered.
    Delay(Duration, Box<Fault>),
    /// Never answered; nothing is done. It ends when the client goes away.
    Hang,
    /// Done, but answered with status 200 and a body that is not JSON.
    GarbledAnswer,
    /// CopySnapshot is answered as usual, but the copy ends in state `error`. Other operations are answered as usual.
    CopyFails,
}

impl Fault {
    /// Throttled: 400, `ThrottlingException`.
    pub fn throttled() -> Self {
        Self::error(
            StatusCode::BAD_REQUEST,
            "ThrottlingException",
            "Rate exceeded",
        )
    }

    /// A fault of the service: 500, `ServiceException`.
    pub fn internal() -> Self {
        Self::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceException",
            "The service could not answer.",
        )
    }

    /// Refused with an error.
    pub fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// An answer of this status and content type, whatever was asked: a proxy's error page, say.
    pub fn answer(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Answer {
            status,
            content_type: content_type.to_owned(),
            body: body.into(),
        }
    }

    /// This fault after a wait. `Fault::None.after(…)` is a slow answer.
    pub fn after(self, wait: Duration) -> Self {
        Self::Delay(wait, Box::new(self))
    }
}

impl From<ServiceError> for Fault {
    fn from(error: ServiceError) -> Self {
        Self::Error {
            status: error.status,
            code: error.code,
            message: error.message,
        }
    }
}
