//! The SDK's errors, and answers that are not Lightsail's, as [`ApiError`]s.

use std::error::Error;
use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_lightsail::error::SdkError;
use aws_sdk_lightsail::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::failure::{ApiError, ErrorDetails, ErrorKind};
use crate::model::operation::Operation;
use crate::model::region::Region;

/// Expired credentials.
pub const EXPIRED_CREDENTIALS: &[&str] = &["ExpiredToken", "ExpiredTokenException"];

/// A wrong clock. `InvalidSignatureException` can also mean that; its message tells.
const CLOCK_SKEW: &[&str] = &["RequestExpired", "RequestTimeTooSkewed"];

/// Credentials that Lightsail does not know, in this Region or at all.
const UNKNOWN_CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "InvalidClientTokenId",
    "OptInRequired",
    "UnauthenticatedException",
    "UnrecognizedClientException",
];

/// The SDK's error of a call as an [`ApiError`].
pub fn classify<E>(operation: &str, region: Region, error: &SdkError<E, HttpResponse>) -> ApiError
where
    E: Error + 'static,
{
    if let Some(answer) = error.raw_response() {
        return error_answer(operation, region, answer, error);
    }
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
        // The request could not be built, so nothing was sent.
        _ => ("ConnectionFailure", ErrorKind::Refused, false),
    };
    let mut message = chain(error);
    if !region.has_endpoint() {
        message = format!("Lightsail has no endpoint in {region}: {message}");
    }
    ApiError {
        may_have_happened,
        ..ApiError::new(kind, code, message)
    }
}

/// The members of an error answer that are read, whatever their types. `code` is finer than the
/// exception: `DoesNotExist` with `NotFoundException`. The SDK prefers it to `__type` and then does
/// not recognise the exception, so this function reads the answer itself.
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(rename = "__type")]
    name: Option<Box<RawValue>>,
    code: Option<Box<RawValue>>,
    #[serde(alias = "Message")]
    message: Option<Box<RawValue>>,
    tip: Option<Box<RawValue>>,
}

/// A member's text, unless it is blank.
fn text(member: Option<Box<RawValue>>) -> Option<String> {
    let text: String = serde_json::from_str(member?.get()).ok()?;
    (!text.trim().is_empty()).then_some(text)
}

/// The name of an exception without its namespace and the URL that may follow it.
fn bare_name(name: &str) -> Option<String> {
    let name = name.rsplit('#').next()?.split(':').next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// An answer that the SDK reads as an error or cannot read. It may not be Lightsail's.
fn error_answer(
    operation: &str,
    region: Region,
    answer: &HttpResponse,
    error: &dyn Error,
) -> ApiError {
    let status = answer.status().as_u16();
    let bytes = answer.body().bytes();
    let bytes = bytes.filter(|_| !answer.status().is_success());
    let body = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let body: ErrorBody = body.unwrap_or_default();
    let (code, message) = (text(body.code), text(body.message));
    let name = text(body.name).and_then(|name| bare_name(&name));
    let name = name.or_else(|| bare_name(answer.headers().get("x-amzn-errortype")?));
    let reason = code.clone().filter(|_| name.is_some() && name != code);
    let name = name.or(code).unwrap_or_default();
    let said = message.as_deref().unwrap_or_default();
    let kind = kind(operation, &name, said, status);
    let mut message = match message {
        Some(message) if !name.is_empty() => message,
        None if !name.is_empty() => format!("HTTP status {status}, without a message"),
        message => {
            let cause = message.unwrap_or_else(|| chain(error));
            format!("HTTP status {status}, and not an answer of Lightsail: {cause}")
        }
    };
    if kind == ErrorKind::Refused && UNKNOWN_CREDENTIALS.contains(&name.as_str()) {
        message.push_str(&format!(
            " (if other Regions answer, {region} is not enabled in this account: enable it with \"aws account enable-region --region-name {region}\"; if none does, the credentials are wrong)"
        ));
    }
    let code = match name.as_str() {
        "" => "ConnectionFailure",
        name => name,
    };
    let details = ErrorDetails {
        reason,
        tip: text(body.tip),
        request_id: answer.request_id().map(str::to_owned),
    };
    ApiError {
        may_have_happened: matches!(kind, ErrorKind::ServiceFault | ErrorKind::NoAnswer),
        details: Box::new(details),
        ..ApiError::new(kind, code, message)
    }
}

/// The kind of an error answer. Its name is empty if it has none. The first rule that fits decides:
///
/// 1. the wording of a limit of copies, and of a name in use, whatever the exception is
/// 2. throttling, which speaks of limits too, and faults of the service
/// 3. the exception's name, and for CopySnapshot any other wording of a limit
fn kind(operation: &str, name: &str, message: &str, status: u16) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    let is = |names: &[&str]| names.contains(&name);
    let is_copy = operation == "CopySnapshot";
    // The SDK counts it as throttling. For CopySnapshot it is the limit of copies in progress.
    let is_limit = is_copy && is(&["LimitExceededException"]);
    let is_throttling = status == 429 || is(THROTTLING_ERRORS) && !is_limit;
    if is_copy && says(&["copies in progress"]) {
        ErrorKind::TooManyCopies
    } else if is(&["NameExists"]) || says(&["already in use", "already exists"]) {
        ErrorKind::NameInUse
    } else if is_throttling || says(&["rate exceeded"]) {
        ErrorKind::Throttled
    } else if status >= 500 {
        ErrorKind::ServiceFault
    } else if is(EXPIRED_CREDENTIALS)
        || is(CLOCK_SKEW)
        || message.starts_with("signature expired")
        || message.starts_with("signature not yet current")
    {
        ErrorKind::Expired
    } else if is_copy && speaks_of_limit(name, &message) {
        ErrorKind::TooManyCopies
    } else if name.ends_with("SetupInProgressException") {
        ErrorKind::NotYet
    } else if is(&["NotFoundException", "DoesNotExist"]) {
        ErrorKind::NotFound
    } else if name.is_empty() {
        ErrorKind::NoAnswer
    } else {
        ErrorKind::Refused
    }
}

/// Whether a refusal speaks of a limit, or of trying again later. Lightsail does not document how it
/// refuses a copy beyond its limit of copies in progress.
///
/// Words of a message count only as a whole, because it can contain names such as `rate-limit-1`.
fn speaks_of_limit(name: &str, message: &str) -> bool {
    let in_name = ["Limit", "Maximum", "Quota", "TooMany"];
    let words = ["limit", "limits", "maximum", "quota", "quotas"];
    let phrases = ["too many", "again later", "try again in ", "retry later"];
    let is_one = |word: &str| words.contains(&word.trim_matches(|c: char| !c.is_alphanumeric()));
    in_name.iter().any(|part| name.contains(part))
        || message.split_whitespace().any(is_one)
        || phrases.iter().any(|phrase| message.contains(phrase))
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
    let message = format!("Lightsail did not answer within {waited:.0?}");
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
    use aws_smithy_types::body::SdkBody;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::{Map, Value, json};

    use super::*;

    fn region() -> Region {
        "us-east-1".parse().unwrap()
    }

    /// The error of a call that is answered with this body, and with the header if there is one.
    fn answered(operation: &str, status: u16, header: Option<&str>, body: &Value) -> ApiError {
        let mut answer =
            HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
        if let Some(header) = header {
            answer
                .headers_mut()
                .insert("x-amzn-errortype", header.to_owned());
        }
        error_answer(operation, region(), &answer, &std::fmt::Error)
    }

    /// The error of a refused CopySnapshot.
    fn refused(status: u16, name: &str, message: &str) -> ApiError {
        let body = json!({ "__type": name, "message": message });
        answered("CopySnapshot", status, None, &body)
    }

    #[test]
    fn a_refusal_is_classed_by_its_wording_name_and_status() {
        for (status, name, message, kind) in [
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
            (400, "NameExists", "No.", ErrorKind::NameInUse),
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
            (400, "DoesNotExist", "", ErrorKind::NotFound),
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
            let error = refused(status, name, message);
            assert_eq!(error.kind, kind, "{status} {name} {message}");
            assert_eq!(error.code, name);
            let may_pass = !matches!(
                kind,
                ErrorKind::NameInUse | ErrorKind::NotFound | ErrorKind::Refused
            );
            assert_eq!(error.retryable(), may_pass, "{status} {name} {message}");
        }
    }

    #[test]
    fn the_limit_of_copies_in_progress_is_known_in_any_wording() {
        let ec2 =
            "Too many snapshot copies in progress. The limit is 5 for this destination region.";
        let lightsail = "Sorry, you've reached your maximum limit of Lightsail copies: 5.";
        let later = "This cannot be done now. Please try again later.";
        use ErrorKind::{NameInUse, NotFound, Refused, ServiceFault, Throttled, TooManyCopies};
        for (status, name, message, kind) in [
            (400, "ResourceLimitExceeded", ec2, TooManyCopies),
            (400, "ThrottlingException", ec2, TooManyCopies),
            (500, "ServiceException", ec2, TooManyCopies),
            (400, "NotFoundException", ec2, TooManyCopies),
            (400, "InvalidInputException", lightsail, TooManyCopies),
            (400, "OperationFailureException", later, TooManyCopies),
            (400, "AccountSetupInProgressException", later, TooManyCopies),
            (
                400,
                "AccessDeniedException",
                "Your account is pending verification. Please try again later.",
                TooManyCopies,
            ),
            (
                400,
                "InvalidInputException",
                "The request would exceed the quota (5).",
                TooManyCopies,
            ),
            (
                400,
                "OperationFailureException",
                "There are too many copies.",
                TooManyCopies,
            ),
            (400, "LimitExceededException", "Sorry.", TooManyCopies),
            (400, "ResourceLimitExceeded", "", TooManyCopies),
            (400, "ServiceQuotaExceededException", "No.", TooManyCopies),
            // Throttling and faults of the service speak of limits and of later, too.
            (400, "ThrottlingException", later, Throttled),
            (400, "LimitExceededException", "Rate exceeded", Throttled),
            (
                400,
                "RequestLimitExceeded",
                "Request limit exceeded.",
                Throttled,
            ),
            (
                400,
                "TooManyRequestsException",
                "Too many requests",
                Throttled,
            ),
            (429, "SlowDown", "Too many requests, try later.", Throttled),
            (503, "ServiceUnavailable", later, ServiceFault),
            // Names can contain the words.
            (
                400,
                "InvalidInputException",
                "Some names are already in use: limit",
                NameInUse,
            ),
            (
                400,
                "NotFoundException",
                "The Instance does not exist: rate-limit-1",
                NotFound,
            ),
            (
                403,
                "AccessDeniedException",
                "User: arn:aws:sts::123456789012:assumed-role/limit/quota is not authorized to perform: lightsail:CopySnapshot",
                Refused,
            ),
            (
                400,
                "InvalidInputException",
                "The name is invalid. Correct it and try again.",
                Refused,
            ),
        ] {
            let error = refused(status, name, message);
            assert_eq!(error.kind, kind, "{status} {name} {message}");
        }
        // Other calls have other limits.
        for (name, message, kind) in [
            ("InvalidInputException", lightsail, Refused),
            ("InvalidInputException", ec2, Refused),
            ("LimitExceededException", "", Throttled),
        ] {
            let body = json!({ "__type": name, "message": message });
            let error = answered("CreateInstancesFromSnapshot", 400, None, &body);
            assert_eq!(error.kind, kind, "{name} {message}");
        }
    }

    #[test]
    fn the_name_is_that_of_the_exception_and_the_code_only_where_it_is_missing() {
        let type_of = |name: &str| json!({ "__type": name, "code": "DoesNotExist" });
        let code = json!({ "code": "DoesNotExist" });
        let namespaced = "com.amazonaws.lightsail.v20161128#NotFoundException";
        let with_url = "NotFoundException:http://internal.amazon.com/coral/";
        let name = "NotFoundException";
        for (header, body, code, reason) in [
            (None, type_of(name), name, Some("DoesNotExist")),
            (None, type_of(namespaced), name, Some("DoesNotExist")),
            (None, type_of(with_url), name, Some("DoesNotExist")),
            (
                Some("ServiceException"),
                type_of(name),
                name,
                Some("DoesNotExist"),
            ),
            (Some(name), code.clone(), name, Some("DoesNotExist")),
            (Some(with_url), code.clone(), name, Some("DoesNotExist")),
            (None, code.clone(), "DoesNotExist", None),
            (Some(" "), code, "DoesNotExist", None),
            (None, type_of(" "), "DoesNotExist", None),
            (None, type_of("x#"), "DoesNotExist", None),
            (
                None,
                json!({ "__type": 7, "code": "DoesNotExist" }),
                "DoesNotExist",
                None,
            ),
            (None, json!({ "__type": name, "code": name }), name, None),
            (
                None,
                json!({ "__type": name, "code": ["DoesNotExist"] }),
                name,
                None,
            ),
        ] {
            let error = answered("GetDiskSnapshot", 400, header, &body);
            assert_eq!(error.kind, ErrorKind::NotFound, "{header:?} {body}");
            assert_eq!(error.code, code, "{header:?} {body}");
            assert_eq!(error.details.reason.as_deref(), reason, "{header:?} {body}");
            assert_eq!(error.message, "HTTP status 400, without a message");
        }
    }

    #[test]
    fn an_answer_without_a_name_is_not_lightsails() {
        for (status, kind) in [
            (302, ErrorKind::NoAnswer),
            (403, ErrorKind::NoAnswer),
            (429, ErrorKind::Throttled),
            (502, ErrorKind::ServiceFault),
        ] {
            let page = json!("<html>Sorry</html>");
            for body in [&page, &json!({}), &json!({ "code": "", "__type": " " })] {
                let error = answered("CopySnapshot", status, None, body);
                let expected = format!(
                    "HTTP status {status}, and not an answer of Lightsail: {}",
                    std::fmt::Error
                );
                let found = (error.kind, error.code.as_str(), error.message.as_str());
                assert_eq!(found, (kind, "ConnectionFailure", expected.as_str()));
            }
            let said = answered("CopySnapshot", status, None, &json!({ "Message": "No." }));
            assert!(said.message.ends_with(": No."), "{}", said.message);
        }
        // A name in an answer that says success is no error's name.
        let body = json!({ "operations": 7, "code": "NotFoundException" });
        let error = answered("CopySnapshot", 200, None, &body);
        assert_eq!(
            (error.kind, error.code.as_str()),
            (ErrorKind::NoAnswer, "ConnectionFailure")
        );
    }

    #[test]
    fn unknown_credentials_say_how_to_enable_a_region() {
        let said = "The security token included in the request is invalid.";
        for name in UNKNOWN_CREDENTIALS {
            let error = refused(400, name, said);
            assert_eq!(
                (error.kind, error.code.as_str()),
                (ErrorKind::Refused, *name)
            );
            assert_eq!(
                error.message,
                format!(
                    "{said} (if other Regions answer, us-east-1 is not enabled in this account: enable it with \"aws account enable-region --region-name us-east-1\"; if none does, the credentials are wrong)"
                )
            );
        }
        assert_eq!(refused(400, "AccessDeniedException", said).message, said);
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
        assert!(refused(500, "ServiceException", "").may_have_happened);
        assert!(!refused(400, "ThrottlingException", "").may_have_happened);
        assert!(!refused(400, "InvalidInputException", "").may_have_happened);
        assert!(!no_time("CopySnapshot", region()).may_have_happened);
        let unanswered = unanswered(Duration::from_millis(40), ErrorKind::NoTime);
        assert!(unanswered.may_have_happened);
        assert_eq!(unanswered.message, "Lightsail did not answer within 40ms");
    }

    /// Names of every kind of error.
    fn any_name() -> impl Strategy<Value = &'static str> {
        select(vec![
            "AccessDeniedException",
            "AccountSetupInProgressException",
            "ExpiredTokenException",
            "InvalidInputException",
            "LimitExceededException",
            "NotFoundException",
            "OperationFailureException",
            "ServiceException",
            "ThrottlingException",
            "UnrecognizedClientException",
        ])
    }

    /// A body's members besides `__type` and `message`.
    fn any_members() -> impl Strategy<Value = Map<String, Value>> {
        let text = prop_oneof![
            any_name().prop_map(str::to_owned),
            select(vec![
                "DoesNotExist",
                "NameExists",
                "Throttling",
                "limit",
                ""
            ])
            .prop_map(str::to_owned),
            "\\PC{0,20}",
        ];
        let name = select(vec!["code", "tip", "docs", "Type", "errorCode"]);
        proptest::collection::btree_map(name, text, 0..5).prop_map(|members| {
            let members = members.into_iter();
            members
                .map(|(name, text)| (name.to_owned(), text.into()))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn under_one_name_nothing_else_changes_what_happens(
            operation in select(vec!["CopySnapshot", "GetInstanceSnapshot", "DeleteDiskSnapshot"]),
            name in any_name(),
            status in select(vec![400u16, 403, 500]),
            message in option::of(select(vec![
                "Some names are already in use: x", "Rate exceeded", "You reached your limit.", "No.",
            ])),
            members in any_members(),
            namespace in option::of("[a-z.]{0,10}"),
            header in option::of(any_name()),
            only_in_header in any::<bool>(),
        ) {
            let mut bare = Map::new();
            bare.extend(message.map(|message| ("message".to_owned(), message.into())));
            let mut full = bare.clone();
            bare.insert("__type".to_owned(), name.into());
            full.extend(members);
            let full_name = match namespace {
                Some(namespace) => format!("{namespace}#{name}"),
                None => name.to_owned(),
            };
            let header = if only_in_header {
                Some(full_name.as_str())
            } else {
                full.insert("__type".to_owned(), full_name.clone().into());
                header
            };
            let expected = answered(operation, status, None, &bare.into());
            let found = answered(operation, status, header, &full.into());
            prop_assert_eq!(&found.code, name);
            let without_details = ApiError { details: Box::default(), ..found };
            prop_assert_eq!(without_details, expected);
        }

        #[test]
        fn the_limit_is_known_by_its_wording_whatever_the_name(
            name in "[A-Za-z]{1,30}", status in 400u16..600, before in "\\PC{0,20}", after in "\\PC{0,20}",
        ) {
            let message = format!("{before}Too many snapshot copies IN PROGRESS{after}");
            prop_assert_eq!(refused(status, &name, &message).kind, ErrorKind::TooManyCopies);
        }

        #[test]
        fn faults_of_the_service_are_always_retryable(name in "[A-Za-z]{1,30}", status in 500u16..600, message in "[A-Z ]{0,20}") {
            prop_assert!(refused(status, &name, &message).retryable());
        }
    }
}
