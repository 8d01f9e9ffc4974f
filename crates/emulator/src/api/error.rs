//! The errors that the service answers with.

use http::StatusCode;

use super::operation::Operation;
use super::region::Region;
use super::resource::ResourceType;

/// The account that owns everything: the one in AWS's examples.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The `docs` of an error that has a finer code.
pub(crate) const DOCS: &str =
    "https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/CommonErrors.html";

/// An error answer. See
/// [common errors](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/CommonErrors.html)
/// and each operation's page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// The HTTP status: 400, or 500 for a fault of the service.
    pub status: StatusCode,
    /// The exception's name, in `__type`: `NotFoundException`.
    pub code: String,
    /// The body's `code`, finer than the exception: `DoesNotExist`.
    pub reason: Option<String>,
    /// The description for people.
    pub message: String,
    /// What the caller may do about it.
    pub tip: Option<String>,
}

impl ServiceError {
    /// An error with status 400.
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: code.to_owned(),
            reason: None,
            message: message.into(),
            tip: None,
        }
    }

    /// The same error with the members that Lightsail adds: `code`, `docs` and `tip`.
    pub fn explained(self, reason: &str, tip: &str) -> Self {
        Self {
            reason: Some(reason.to_owned()),
            tip: Some(tip.to_owned()),
            ..self
        }
    }

    /// A parameter breaks a rule of its operation's page.
    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::refused("InvalidInputException", message)
    }

    /// The request names a resource that does not exist.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::refused(
            "NotFoundException",
            format!("The {what} does not exist: {name}"),
        )
        .explained(
            "DoesNotExist",
            "Check the name, the type and the Region of the resource.",
        )
    }

    /// The request would give a resource the name of another one, whatever its type.
    pub fn name_in_use(name: &str) -> Self {
        Self::invalid_input(format!("Some names are already in use: {name}"))
            .explained("NameExists", "Choose another name.")
    }

    /// The caller does not have the permission.
    pub fn access_denied(
        operation: Operation,
        region: Region,
        resource_type: Option<ResourceType>,
    ) -> Self {
        let resource = match resource_type {
            Some(kind) => format!("arn:aws:lightsail:{region}:{ACCOUNT}:{}/*", kind.as_str()),
            None => "*".to_owned(),
        };
        Self::refused(
            "AccessDeniedException",
            format!(
                "User: arn:aws:iam::{ACCOUNT}:user/emulator is not authorized to perform: \
                 lightsail:{operation} on resource: {resource}"
            ),
        )
    }

    /// The credentials are unknown, or the account has not enabled the Region.
    pub(crate) fn unrecognized_client() -> Self {
        Self::refused(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    }

    /// The state of a resource does not allow the operation.
    pub(crate) fn operation_failure(message: impl Into<String>) -> Self {
        Self::refused("OperationFailureException", message)
    }

    /// The body is not JSON, or a member has the wrong type.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::refused("SerializationException", message)
    }
}
