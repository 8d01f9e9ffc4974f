//! The errors: what the service answers, and what is wrong with a world or an edit of it.

use crate::region::Region;
use http::StatusCode;

/// An error as the service answers it: [common errors](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/CommonErrors.html)
/// and those on each operation's page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// The HTTP status: 400, or 500 for a fault of the service.
    pub status: StatusCode,
    /// The name of the error: `NotFoundException`.
    pub code: String,
    /// What is wrong, for people.
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

    /// What the request names is not there.
    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::refused(
            "NotFoundException",
            format!("The {what} does not exist: {name}"),
        )
    }

    /// The body is not JSON, or a member of it is of the wrong type.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::refused("SerializationException", message)
    }
}

/// A world that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct WorldError {
    /// Where: `regions.us-west-2.instances[0].name`, or `.` for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// An edit that does not fit what is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A name belongs to one resource of a Region, whatever its type.
    #[error("{region} already has a resource named {name:?}")]
    NameInUse {
        /// The Region of the edit.
        region: Region,
        /// The name.
        name: String,
    },
    /// There is no resource of this name, or it is of another type.
    #[error("{region} has no such resource: {name:?}")]
    NotFound {
        /// The Region of the edit.
        region: Region,
        /// The name.
        name: String,
    },
}
