//! The errors that the service answers with.

use http::StatusCode;

/// An error answer. See
/// [common errors](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/CommonErrors.html)
/// and each operation's page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// The HTTP status: 400, or 500 for a fault of the service.
    pub status: StatusCode,
    /// The error's name: `NotFoundException`.
    pub code: String,
    /// The description for people.
    pub message: String,
}

impl ServiceError {
    /// An error with status 400.
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// A parameter breaks a rule of its operation's page.
    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::refused("InvalidInputException", message)
    }

    /// The request names a resource that does not exist.
    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::refused(
            "NotFoundException",
            format!("The {what} does not exist: {name}"),
        )
    }

    /// The body is not JSON, or a member has the wrong type.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::refused("SerializationException", message)
    }
}
