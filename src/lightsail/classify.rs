//! The SDK's errors, and answers that are not Lightsail's, as [`ApiError`]s.

use std::error::Error;
use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_lightsail::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::Operation;
use crate::model::region::Region;

/// The codes of refusals that pass without any change.
const NOT_YET: &[&str] = &[
    "AccountSetupInProgressException",
    "RegionSetupInProgressException",
];

/// The codes of expired credentials.
pub const EXPIRED_CREDENTIALS: &[&str] = &["ExpiredToken", "ExpiredTokenException"];

/// The codes of a wrong clock. `InvalidSignatureException` can also mean that; its message tells.
const CLOCK_SKEW: &[&str] = &["RequestExpired", "RequestTimeTooSkewed"];

/// The SDK's error as an [`ApiError`].
pub fn classify<E>(error: &SdkError<E, HttpResponse>) -> ApiError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let (code, kind, may_have_happened) = match error {
        SdkError::TimeoutError(_) => ("Timeout", ErrorKind::NoAnswer, true),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            ("Timeout", ErrorKind::NoAnswer, false)
        }
        // The connection can break after the request was sent. The SDK reports an answer that was
        // cut short neither as I/O nor as timeout.
        SdkError::DispatchFailure(failure) if !failure.is_user() => {
            ("ConnectionFailure", ErrorKind::NoAnswer, true)
        }
        SdkError::ServiceError(answer) => {
            return service_error(answer.err(), answer.raw().status().as_u16());
        }
        SdkError::ResponseError(answer) => {
            return unreadable(answer.raw().status().as_u16(), chain(error));
        }
        // The request could not be built, so nothing was sent.
        _ => ("ConnectionFailure", ErrorKind::Refused, false),
    };
    ApiError {
        may_have_happened,
        ..ApiError::new(kind, code, chain(error))
    }
}

/// An error answer, from Lightsail or from something in front of it.
fn service_error<E: ProvideErrorMetadata>(error: &E, status: u16) -> ApiError {
    // An empty header or member counts as missing.
    let not_blank = |text: Option<&str>| {
        text.filter(|text| !text.trim().is_empty())
            .map(str::to_owned)
    };
    let own_code = not_blank(error.code());
    let message = not_blank(error.message())
        .unwrap_or_else(|| format!("HTTP status {status}, without a message"));
    let kind = kind(own_code.as_deref(), &message, status);
    let code = own_code.as_deref().unwrap_or(match status {
        500.. => "ServiceException",
        429 => "ThrottlingException",
        _ => "ConnectionFailure",
    });
    ApiError {
        may_have_happened: matches!(kind, ErrorKind::ServiceFault | ErrorKind::NoAnswer),
        ..ApiError::new(kind, code, message)
    }
}

/// The kind of an error answer, by its wording, code and status, in this order.
fn kind(code: Option<&str>, message: &str, status: u16) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let is_one_of = |codes: &[&str]| code.is_some_and(|code| codes.contains(&code));
    if message.contains("too many snapshot copies in progress") {
        ErrorKind::TooManyCopies
    } else if message.contains("already in use") || message.contains("already exists") {
        ErrorKind::NameInUse
    } else if is_one_of(THROTTLING_ERRORS) || status == 429 {
        ErrorKind::Throttled
    } else if status >= 500 {
        ErrorKind::ServiceFault
    } else if is_one_of(NOT_YET) {
        ErrorKind::NotYet
    } else if is_one_of(EXPIRED_CREDENTIALS)
        || is_one_of(CLOCK_SKEW)
        || message.starts_with("signature expired")
        || message.starts_with("signature not yet current")
    {
        ErrorKind::Expired
    } else if code == Some("NotFoundException") {
        ErrorKind::NotFound
    } else if code.is_none() && status < 400 {
        ErrorKind::NoAnswer
    } else {
        ErrorKind::Refused
    }
}

/// An answer that the SDK cannot read.
fn unreadable(status: u16, cause: String) -> ApiError {
    let kind = match status {
        500.. => ErrorKind::ServiceFault,
        _ => ErrorKind::NoAnswer,
    };
    let message = format!("HTTP status {status}, and not an answer of Lightsail: {cause}");
    ApiError {
        may_have_happened: true,
        ..ApiError::new(kind, "ConnectionFailure", message)
    }
}

/// A readable answer that may come from somebody else. The call may have happened or not.
pub fn not_lightsail(message: String) -> ApiError {
    ApiError {
        may_have_happened: true,
        ..ApiError::new(ErrorKind::NoAnswer, "ConnectionFailure", message)
    }
}

/// The deadline left no time for the call.
pub fn no_time(operation: &str, region: Region) -> ApiError {
    let message = format!("no time was left to call {operation} in {region}");
    ApiError::new(ErrorKind::NoTime, "Timeout", message)
}

/// No answer came. `kind` says whether the deadline or the attempt's own timeout ended it.
pub fn unanswered(waited: Duration, kind: ErrorKind) -> ApiError {
    let message = format!(
        "Lightsail did not answer within {:.1} s",
        waited.as_secs_f64()
    );
    ApiError {
        may_have_happened: true,
        ..ApiError::new(kind, "Timeout", message)
    }
}

/// The Operations of a call that changes something. The SDK reads an answer without content, or
/// somebody else's JSON, as one without operations. Neither means that the call was accepted.
///
/// An accepted call fails if one of its Operations has status `Failed`.
pub fn accepted<T: Into<Operation>>(
    operation: &str,
    operations: Option<Vec<T>>,
) -> Result<Vec<Operation>, ApiError> {
    let operations = operations.ok_or_else(|| {
        not_lightsail(format!(
            "the answer to {operation} has no operations; it may not be from Lightsail"
        ))
    })?;
    let operations: Vec<Operation> = operations.into_iter().map(Into::into).collect();
    let failed = operations
        .iter()
        .find(|operation| operation.status.as_deref() == Some("Failed"));
    match failed.map(|failed| operation_failed(operation, failed)) {
        Some(error) => Err(ApiError {
            operations,
            ..error
        }),
        None => Ok(operations),
    }
}

/// An Operation with status `Failed`. A failed copy has the same code as one that is found in state
/// `error` later. Other Operations keep their own code.
fn operation_failed(call: &str, failed: &Operation) -> ApiError {
    let own_code = failed.error_code.as_deref();
    let code = match call {
        "CopySnapshot" => "CopyErrored",
        _ => own_code.unwrap_or("OperationFailureException"),
    };
    let message = format!(
        "Lightsail accepted {call} and reports that it failed: {}: {}",
        own_code.unwrap_or("no code"),
        failed.error_details.as_deref().unwrap_or("no details")
    );
    ApiError::found(code, message)
}

/// The resource that was asked for. Lightsail reports a missing one as `NotFoundException`.
pub fn found<T>(operation: &str, resource: Option<T>) -> Result<T, ApiError> {
    resource.ok_or_else(|| {
        not_lightsail(format!(
            "the answer to {operation} has no resource; it may not be from Lightsail"
        ))
    })
}

/// The elements of a list. Lightsail may answer `{}` for an empty list, and every answer of it has
/// a request id. Without one, `{}` may come from a proxy, and would make all sources or copies vanish.
pub fn listed<T>(
    operation: &str,
    list: Option<Vec<T>>,
    has_request_id: bool,
) -> Result<Vec<T>, ApiError> {
    match list {
        Some(list) => Ok(list),
        None if has_request_id => Ok(Vec::new()),
        None => Err(not_lightsail(format!(
            "the answer to {operation} has no list and no request id; it is not from Lightsail"
        ))),
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sdk_lightsail::error::ErrorMetadata;
    use proptest::prelude::*;

    use super::*;

    fn answered(status: u16, code: Option<&str>, message: &str) -> ApiError {
        let mut error = ErrorMetadata::builder().message(message);
        if let Some(code) = code {
            error = error.code(code);
        }
        service_error(&error.build(), status)
    }

    #[test]
    fn a_refusal_is_classed_by_its_wording_code_and_status() {
        let limit =
            "Too many snapshot copies in progress. The limit is 5 for this destination region.";
        for (status, code, message, kind) in [
            (
                400,
                "InvalidInputException",
                "Some names are already in use: x",
                ErrorKind::NameInUse,
            ),
            (
                400,
                "OperationApiErrorException",
                "A snapshot x already exists.",
                ErrorKind::NameInUse,
            ),
            (
                400,
                "ResourceLimitExceeded",
                limit,
                ErrorKind::TooManyCopies,
            ),
            (400, "ThrottlingException", limit, ErrorKind::TooManyCopies),
            (
                400,
                "ThrottlingException",
                "Rate exceeded",
                ErrorKind::Throttled,
            ),
            (429, "AnythingAtAll", "Rate exceeded", ErrorKind::Throttled),
            (503, "SlowDown", "Please", ErrorKind::Throttled),
            (500, "ServiceException", "", ErrorKind::ServiceFault),
            (599, "AnythingAtAll", "", ErrorKind::ServiceFault),
            (400, "NotFoundException", "", ErrorKind::NotFound),
            (
                400,
                "AccountSetupInProgressException",
                "",
                ErrorKind::NotYet,
            ),
            (400, "RegionSetupInProgressException", "", ErrorKind::NotYet),
            (400, "ExpiredTokenException", "", ErrorKind::Expired),
            (403, "RequestTimeTooSkewed", "", ErrorKind::Expired),
            (
                403,
                "InvalidSignatureException",
                "Signature expired: 20261122T000000Z is now earlier than 20261122T010000Z",
                ErrorKind::Expired,
            ),
            (
                403,
                "InvalidSignatureException",
                "Signature not yet current: 20261122T010000Z is still later than 20261122T000000Z",
                ErrorKind::Expired,
            ),
            (
                403,
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
                ErrorKind::Refused,
            ),
            (400, "AccessDeniedException", "", ErrorKind::Refused),
            (400, "UnauthenticatedException", "", ErrorKind::Refused),
            (400, "InvalidInputException", "", ErrorKind::Refused),
        ] {
            let error = answered(status, Some(code), message);
            assert_eq!(error.kind, kind, "{status} {code} {message}");
            assert_eq!(error.code, code);
            let may_pass = !matches!(
                kind,
                ErrorKind::NameInUse | ErrorKind::NotFound | ErrorKind::Refused
            );
            assert_eq!(error.retryable(), may_pass, "{status} {code} {message}");
        }
    }

    #[test]
    fn an_empty_code_or_message_is_none() {
        for (status, code) in [
            (400, "ConnectionFailure"),
            (429, "ThrottlingException"),
            (500, "ServiceException"),
        ] {
            for nothing in ["", " "] {
                let error = answered(status, Some(nothing), nothing);
                assert_eq!(error, answered(status, None, nothing));
                assert_eq!(error.code, code);
                assert_eq!(
                    error.message,
                    format!("HTTP status {status}, without a message")
                );
            }
        }
    }

    #[test]
    fn a_failed_operation_fails_its_call_and_is_kept() {
        let operation = |status: &str| Operation {
            status: Some(status.to_owned()),
            ..Operation::default()
        };
        for status in ["NotStarted", "Started", "Succeeded", "Completed"] {
            let operations = vec![operation(status)];
            assert_eq!(
                accepted("CopySnapshot", Some(operations.clone())),
                Ok(operations)
            );
        }
        let failed = Operation {
            error_code: Some("DiskBusy".to_owned()),
            error_details: Some("Try later.".to_owned()),
            ..operation("Failed")
        };
        for (call, failed, code) in [
            ("CopySnapshot", failed.clone(), "CopyErrored"),
            ("DeleteDiskSnapshot", failed, "DiskBusy"),
            (
                "TagResource",
                operation("Failed"),
                "OperationFailureException",
            ),
        ] {
            let operations = vec![operation("Succeeded"), failed];
            let error = accepted(call, Some(operations.clone())).unwrap_err();
            assert_eq!(error.code, code);
            assert_eq!(error.operations, operations);
            assert!(!error.retryable() && !error.may_have_happened);
        }
    }

    #[test]
    fn only_what_may_have_reached_its_end_may_have_happened() {
        assert!(answered(500, Some("ServiceException"), "").may_have_happened);
        assert!(!answered(400, Some("ThrottlingException"), "").may_have_happened);
        assert!(!answered(400, Some("InvalidInputException"), "").may_have_happened);
        assert!(!no_time("CopySnapshot", "us-east-1".parse().unwrap()).may_have_happened);
        assert!(unanswered(Duration::from_secs(1), ErrorKind::NoTime).may_have_happened);
    }

    proptest! {
        #[test]
        fn the_limit_is_known_by_its_wording_whatever_the_code(
            code in proptest::option::of("[A-Za-z]{1,30}"), status in 400u16..600, before in "\\PC{0,20}", after in "\\PC{0,20}",
        ) {
            let message = format!("{before}Too many snapshot copies IN PROGRESS{after}");
            let error = answered(status, code.as_deref(), &message);
            prop_assert_eq!(error.kind, ErrorKind::TooManyCopies);
            prop_assert!(error.retryable());
        }

        #[test]
        fn faults_of_the_service_are_always_retryable(code in "[A-Za-z]{1,30}", status in 500u16..600, message in "[A-Z ]{0,20}") {
            prop_assert!(answered(status, Some(&code), &message).retryable());
        }
    }
}
