//! Faults that a test can cause, one call at a time.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use jiff::SignedDuration;

use crate::api::error::ServiceError;

/// What happens to one call.
///
/// Signature, operation and body are checked first. A call that fails these checks has no fault.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fault {
    /// The call is answered normally.
    #[default]
    None,
    /// The call is refused with this error and has no effect.
    Error(ServiceError),
    /// The call is answered with this response and has no effect.
    Answer {
        status: StatusCode,
        content_type: String,
        body: Bytes,
    },
    /// The call takes effect, but the connection is closed without an answer.
    LoseAnswer,
    /// The connection is closed without an answer. The call has no effect.
    Drop,
    /// Waits, then applies the other fault. The call counts as in flight meanwhile.
    Delay(Duration, Box<Fault>),
    /// The call is never answered and has no effect. It ends when the client disconnects.
    Hang,
    /// The call takes effect, but its answer has status 200 and a body that is not JSON.
    GarbledAnswer,
    /// CopySnapshot starts a copy that ends in state `error`. Other operations are answered
    /// normally.
    CopyFails,
    /// CopySnapshot starts a copy that is pending for this long, [`SignedDuration::MAX`] for ever.
    /// Other operations are answered normally.
    CopyTakes(SignedDuration),
    /// CreateInstancesFromSnapshot and CreateDiskFromSnapshot create what is pending for this long,
    /// [`SignedDuration::MAX`] for ever. Other operations are answered normally.
    StartTakes(SignedDuration),
    /// The call is answered with status 200 and an Operation whose status is `Failed`, and has no
    /// effect. Operations that change nothing are answered normally.
    OperationFails { code: String, details: String },
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

    /// The Availability Zone has no room for more instances: 400, `InsufficientInstanceCapacity`.
    pub fn insufficient_capacity() -> Self {
        Self::error(
            StatusCode::BAD_REQUEST,
            "InsufficientInstanceCapacity",
            "There is not enough capacity in the Availability Zone that you requested.",
        )
    }

    /// The call is refused with this error.
    pub fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::Error(ServiceError {
            status,
            ..ServiceError::refused(code, message)
        })
    }

    /// The call is answered with this response, for example a proxy's error page.
    pub fn answer(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Answer {
            status,
            content_type: content_type.to_owned(),
            body: body.into(),
        }
    }

    /// The Operation has status `Failed` with this error, and the call has no effect.
    pub fn operation_fails(code: &str, details: &str) -> Self {
        Self::OperationFails {
            code: code.to_owned(),
            details: details.to_owned(),
        }
    }

    /// This fault after a wait. `Fault::None.after(…)` is a slow answer.
    pub fn after(self, wait: Duration) -> Self {
        Self::Delay(wait, Box::new(self))
    }
}

impl From<ServiceError> for Fault {
    fn from(error: ServiceError) -> Self {
        Self::Error(error)
    }
}
