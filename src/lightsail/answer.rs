//! What an answer says: what one without an error must have, so that it is Lightsail's and the call was
//! accepted, and what is wrong otherwise.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::{Map, Value};

use super::classify::shortage;
use super::retry::Call;
use crate::model::failure::{ApiError, Code, ErrorKind};
use crate::model::operation::Operation;

impl Call {
    /// A readable answer that may come from somebody else. The call may have happened or not.
    pub(super) fn not_lightsail(self, message: String) -> ApiError {
        ApiError {
            may_have_happened: true,
            ..self.error(ErrorKind::NoAnswer, Code::ConnectionFailure, message)
        }
    }

    /// The Operations of a call that changes something. The SDK reads an answer without content, or
    /// somebody else's JSON, as one without operations. Neither means that the call was accepted.
    ///
    /// # Errors
    ///
    /// There are none, or one of them has status `Failed`.
    pub fn accepted<T: Into<Operation>>(
        self,
        operations: Option<Vec<T>>,
    ) -> Result<Vec<Operation>, ApiError> {
        let operations = self.present(operations, "operations")?;
        let mut operations: Vec<Operation> = operations.into_iter().map(Into::into).collect();
        // The SDK's list has room for four, and a run of a large fleet keeps tens of thousands of lists.
        operations.shrink_to_fit();
        let is_failed = |operation: &&Operation| operation.status.as_deref() == Some("Failed");
        let Some(failed) = operations.iter().find(is_failed) else {
            return Ok(operations);
        };
        let own_code = failed.error_code.as_deref();
        // A failed copy has the same code as one that is found in state `error` later.
        let code = match self.operation {
            "CopySnapshot" => Code::CopyErrored,
            _ => own_code.unwrap_or("OperationFailureException").into(),
        };
        let message = format!(
            "Lightsail accepted {} and reports that it failed: {}: {}",
            self.operation,
            own_code.unwrap_or("no code"),
            failed.error_details.as_deref().unwrap_or("no details")
        );
        let shortage = shortage(code.as_ref(), &message);
        let mut error = self.error(ErrorKind::Refused, code, message);
        error.details.shortage = shortage;
        error.details.operations = operations;
        Err(error)
    }

    /// The resource that was asked for. Lightsail reports a missing one as `NotFoundException`.
    pub(super) fn found<T>(self, resource: Option<T>) -> Result<T, ApiError> {
        self.present(resource, "resource")
    }

    fn present<T>(self, member: Option<T>, what: &str) -> Result<T, ApiError> {
        let operation = self.operation;
        member.ok_or_else(|| {
            self.not_lightsail(format!(
                "the answer to {operation} has no {what}; it may not be from Lightsail"
            ))
        })
    }

    /// The elements of a list. Lightsail may answer `{}` for an empty list, and every answer of it has
    /// a request id. Without one, `{}` may come from a proxy, and would make all sources or copies
    /// vanish.
    pub fn listed<T>(
        self,
        list: Option<Vec<T>>,
        request_id: Option<&str>,
    ) -> Result<Vec<T>, ApiError> {
        match list {
            None if request_id.is_none() => Err(self.not_lightsail(format!(
                "the answer to {} has no list and no request id; it is not from Lightsail",
                self.operation
            ))),
            list => Ok(list.unwrap_or_default()),
        }
    }
}

/// What an error answer says.
pub(super) struct Refusal {
    /// The exception, or the code without one. Empty without both.
    pub(super) name: String,
    /// The code, if it is another one than the exception.
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) tip: Option<String>,
}

impl Refusal {
    /// The body of a success says nothing.
    pub(super) fn read(answer: &HttpResponse) -> Self {
        let bytes = answer.body().bytes();
        let bytes = bytes.filter(|_| !answer.status().is_success());
        let body = bytes.map(String::from_utf8_lossy).unwrap_or_default();
        let body = serde_json::from_str(body.trim_start_matches('\u{feff}'));
        let body: Map<String, Value> = body.unwrap_or_default();
        let code = text(&body, "code").and_then(|code| bare_name(&code));
        let name = text(&body, "__type").and_then(|name| bare_name(&name));
        let name = name.or_else(|| bare_name(answer.headers().get("x-amzn-errortype")?));
        let reason = code.clone().filter(|_| name.is_some() && name != code);
        Self {
            name: name.or(code).unwrap_or_default(),
            reason,
            message: text(&body, "message").or_else(|| text(&body, "Message")),
            tip: text(&body, "tip"),
        }
    }
}

/// The text of an error answer's member, unless it is blank. `code` is finer than the exception:
/// `DoesNotExist` with `NotFoundException`. The SDK prefers it to `__type` and then does not recognise
/// the exception, so this function reads the answer itself.
///
/// A refused signature comes with the canonical form of the request, and that has the session token.
fn text(body: &Map<String, Value>, member: &str) -> Option<String> {
    let text = body.get(member)?.as_str()?;
    let text = text.split("The Canonical String").next()?;
    let text = text.split("x-amz-security-token").next()?.trim_end();
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// The name of an exception without its namespace and the URL that may follow it.
fn bare_name(name: &str) -> Option<String> {
    let name = name.rsplit('#').next()?.split(':').next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
