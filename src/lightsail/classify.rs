//! The SDK's errors, and answers that are not Lightsail's, as [`ApiError`]s.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_lightsail::error::SdkError;
use aws_sdk_lightsail::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::answer::Refusal;
use super::retry::Call;
use crate::model::failure::{ApiError, Code, ErrorDetails, ErrorKind, Shortage};

/// A wrong clock, or expired credentials. `InvalidSignatureException` can also mean that, as
/// only its message says.
const EXPIRED: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
];

/// Credentials that Lightsail does not know, in this Region or at all. Some names end with
/// `Exception`.
const UNKNOWN_CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "Unauthenticated",
    "UnrecognizedClient",
];

/// Words of refusals for a limit.
const LIMIT: &[&str] = &[
    "limit", "maximum", "quota", "too many", "too-many", "again in",
];

/// Words of refusals that ask to try again, together with `try` or `retry`.
const LATER: &[&str] = &[
    "later", "after", "shortly", "soon", "moment", "second", "minute", "hour",
];

/// Further words of refusals that are for the account.
const ACCOUNT: &[&str] = &["plan size", "verification", "customer support"];

/// Words of refusals that are only for what was asked for.
const CAPACITY: &[&str] = &["capacity", "bundle"];

/// Whether a refusal speaks of one of these, in its exception's name or in words. A word of `said`,
/// which is in lower case, counts only as a whole: a message can contain names such as `rate-limit-1`.
fn speaks_of(phrases: &[&str], name: &str, said: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // A path such as `assumed-role/limit/quota` stays one word.
    let separates = |c: char| c.is_whitespace() || "=;,()".contains(c);
    let words = said.split(separates).map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        bare.trim_end_matches('s')
    });
    let said: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    phrases.iter().any(|phrase| {
        let words: Vec<&str> = phrase.split(' ').collect();
        let joined = words.concat();
        said.windows(words.len()).any(|said| said == words)
            || (words.len() > 1 && said.iter().any(|word| word.starts_with(&joined)))
            || name.contains(&joined)
    })
}

/// Whether a refusal is for a limit, or asks to try again later.
fn is_for_limit(name: &str, said: &str) -> bool {
    let asks_again = speaks_of(&["try", "retry"], "", said) && speaks_of(LATER, "", said);
    asks_again || speaks_of(LIMIT, name, said)
}

pub(super) fn shortage(name: &str, said: &str) -> Option<Shortage> {
    let said = said.to_ascii_lowercase();
    if speaks_of(CAPACITY, name, &said) {
        return Some(Shortage::Capacity);
    }
    let is_for_account = is_for_limit(name, &said) || speaks_of(ACCOUNT, name, &said);
    is_for_account.then_some(Shortage::Account)
}

impl Call {
    pub(super) fn error(self, kind: ErrorKind, code: impl Into<Code>, message: String) -> ApiError {
        let mut error = ApiError::new(kind, code, message);
        error.details.operation = self.operation;
        error
    }

    pub(super) fn failed<E>(self, error: &SdkError<E, HttpResponse>) -> ApiError
    where
        E: Error + 'static,
    {
        if let Some(answer) = error.raw_response() {
            return self.refused(answer, error);
        }
        let (code, kind, may_have_happened) = match error {
            SdkError::TimeoutError(_) => (Code::Timeout, ErrorKind::TimedOut, true),
            // Another attempt cannot help.
            _ if !self.region.has_endpoint() => {
                (Code::ConnectionFailure, ErrorKind::Refused, false)
            }
            _ if lacks_credentials(error) => {
                (Code::ConnectionFailure, ErrorKind::NoCredentials, false)
            }
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                (Code::Timeout, ErrorKind::TimedOut, false)
            }
            // The connection can break after the request was sent. The SDK reports an answer that
            // was cut short neither as I/O nor as timeout.
            SdkError::DispatchFailure(failure) if !failure.is_user() => {
                (Code::ConnectionFailure, ErrorKind::NoAnswer, true)
            }
            // The request could not be built, so nothing was sent.
            _ => (Code::ConnectionFailure, ErrorKind::Refused, false),
        };
        let mut message = chain(error);
        if !self.region.has_endpoint() {
            message = format!("Lightsail has no endpoint in {}: {message}", self.region);
        }
        ApiError {
            may_have_happened,
            ..self.error(kind, code, message)
        }
    }

    /// An answer that the SDK reads as an error or cannot read. It may not be Lightsail's.
    fn refused(self, answer: &HttpResponse, error: &dyn Error) -> ApiError {
        let status = answer.status().as_u16();
        let Refusal {
            name,
            reason,
            message,
            tip,
        } = Refusal::read(answer);
        let said = message.clone().unwrap_or_default();
        let kind = self.kind(&name, &said.to_ascii_lowercase(), status);
        let mut message = match message {
            Some(message) if !name.is_empty() => message,
            None if !name.is_empty() => format!("HTTP status {status}, without a message"),
            message => {
                let cause = message.unwrap_or_else(|| chain(error));
                format!("HTTP status {status}, and not an answer of Lightsail: {cause}")
            }
        };
        let bare = name.trim_end_matches("Exception");
        if UNKNOWN_CREDENTIALS.contains(&bare) && kind == ErrorKind::Refused {
            let region = self.region;
            message.push_str(&format!(
                " (if other Regions answer, {region} is not enabled in this account: enable it with \"aws account enable-region --region-name {region}\"; if none does, the credentials are wrong)"
            ));
        }
        let (in_reason, in_tip) = (reason.as_deref(), tip.as_deref());
        let said = [
            said.as_str(),
            in_reason.unwrap_or_default(),
            in_tip.unwrap_or_default(),
        ];
        let details = ErrorDetails {
            operation: self.operation,
            shortage: shortage(&name, &said.join(" ")),
            reason,
            tip,
            request_id: answer.request_id().map(str::to_owned),
            ..ErrorDetails::default()
        };
        let code = match name.as_str() {
            "" => Code::ConnectionFailure,
            _ => Code::Lightsail(name),
        };
        ApiError {
            may_have_happened: matches!(kind, ErrorKind::ServiceFault | ErrorKind::NoAnswer),
            details: Box::new(details),
            ..self.error(kind, code, message)
        }
    }

    /// The kind of an error answer, whose message is in lower case. Its name is empty if it has none.
    /// The first rule that fits decides:
    ///
    /// 1. the wording of a limit of copies, and of a name in use, whatever the exception is
    /// 2. throttling, which speaks of limits too, and faults of the service that do not
    /// 3. the exception's name, and for CopySnapshot any other wording of a limit: Lightsail does not
    ///    document how it refuses a copy beyond its limit of copies in progress
    fn kind(self, name: &str, message: &str, status: u16) -> ErrorKind {
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
        let is = |names: &[&str]| names.contains(&name);
        let is_copy = self.operation == "CopySnapshot";
        // The SDK counts it as throttling. For CopySnapshot it is the limit of copies in progress.
        let is_limit = is_copy && is(&["LimitExceededException"]);
        let is_throttling = status == 429 || is(THROTTLING_ERRORS) && !is_limit;
        if is_copy && says(&["copies in progress"]) {
            ErrorKind::TooManyCopies
        } else if is(&["NameExists"]) || says(&["already in use", "already exists"]) {
            ErrorKind::NameInUse
        } else if is_throttling || says(&["rate exceeded"]) {
            ErrorKind::Throttled
        } else if status >= 500 && !(is_copy && speaks_of(LIMIT, name, message)) {
            ErrorKind::ServiceFault
        } else if is(EXPIRED)
            || message.starts_with("signature expired")
            || message.starts_with("signature not yet current")
        {
            ErrorKind::Expired
        } else if is_copy && is_for_limit(name, message) {
            ErrorKind::TooManyCopies
        } else if name.ends_with("SetupInProgressException") {
            ErrorKind::NotYet
        } else if is(&["NotFoundException", "DoesNotExist"]) {
            ErrorKind::NotFound
        } else if name.is_empty() {
            ErrorKind::NoAnswer
        } else if name.starts_with("AccessDenied") {
            ErrorKind::AccessDenied
        } else {
            ErrorKind::Refused
        }
    }

    /// The deadline left no time for the call.
    pub(super) fn no_time(self) -> ApiError {
        let message = format!(
            "no time was left to call {} in {}",
            self.operation, self.region
        );
        self.error(ErrorKind::NoTime, Code::Timeout, message)
    }

    /// No answer came. `kind` says whether the deadline or the attempt's own timeout ended it.
    pub(super) fn unanswered(self, waited: Duration, kind: ErrorKind) -> ApiError {
        let message = format!("Lightsail did not answer within {waited:.0?}");
        ApiError {
            may_have_happened: true,
            ..self.error(kind, Code::Timeout, message)
        }
    }
}

/// Whether no provider has credentials. An error of a provider, which may pass, is another case.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    let not_loaded =
        |error: &CredentialsError| matches!(error, CredentialsError::CredentialsNotLoaded(_));
    error.downcast_ref().is_some_and(not_loaded) || error.source().is_some_and(lacks_credentials)
}

/// An error and its causes in one line.
pub fn chain(error: &dyn Error) -> String {
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
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::{Map, Value, json};
    use tokio::time::Instant;

    use super::*;
    use crate::model::operation::Operation;

    fn call(operation: &'static str) -> Call {
        Call::new(operation, "us-east-1".parse().unwrap(), Instant::now())
    }

    /// The error of a call that is answered with this body, and with the header if there is one.
    fn answered(
        operation: &'static str,
        status: u16,
        header: Option<&str>,
        body: &Value,
    ) -> ApiError {
        let mut answer =
            HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
        if let Some(header) = header {
            answer
                .headers_mut()
                .insert("x-amzn-errortype", header.to_owned());
        }
        call(operation).refused(&answer, &std::fmt::Error)
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
            (400, "AccessDeniedException", "", ErrorKind::AccessDenied),
            (400, "UnauthenticatedException", "", ErrorKind::Refused),
            (400, "InvalidInputException", "", ErrorKind::Refused),
        ] {
            let error = refused(status, name, message);
            assert_eq!(error.kind, kind, "{status} {name} {message}");
            assert_eq!(error.code.as_ref(), name);
            let may_pass = !matches!(
                kind,
                ErrorKind::NameInUse
                    | ErrorKind::NotFound
                    | ErrorKind::AccessDenied
                    | ErrorKind::Refused
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
        use ErrorKind::{
            AccessDenied, NameInUse, NotFound, Refused, ServiceFault, Throttled, TooManyCopies,
        };
        for (status, name, message, kind) in [
            (400, "ResourceLimitExceeded", ec2, TooManyCopies),
            (400, "ThrottlingException", ec2, TooManyCopies),
            (500, "ServiceException", ec2, TooManyCopies),
            (500, "ServiceException", lightsail, TooManyCopies),
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
                400,
                "NotFoundException",
                "The Instance does not exist: limit-1",
                NotFound,
            ),
            (
                403,
                "AccessDeniedException",
                "User: arn:aws:sts::123456789012:assumed-role/limit/quota is not authorized to perform: lightsail:CopySnapshot",
                AccessDenied,
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
        for message in [
            "Please try again after some time.",
            "Please retry after a few minutes.",
            "Retry the request later.",
            "Please retry at a later time.",
            "Please retry in 30 seconds.",
            "Try again shortly.",
            "Exceeded limit(5).",
            "copies: limit=5",
            "There are too-many copies.",
            "The copy was refused: TooManyCopies",
        ] {
            let error = refused(400, "OperationFailureException", message);
            assert_eq!(error.kind, TooManyCopies, "{message}");
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
    fn a_shortage_is_known_by_its_wording() {
        use Shortage::{Account, Capacity};
        for (message, expected) in [
            (
                "Sorry, you've reached your maximum limit of Lightsail Instances : 2.",
                Some(Account),
            ),
            ("The request would exceed the Quota.", Some(Account)),
            (
                "Sorry, your account can not create an instance using this Lightsail plan size. \
                 Please try a smaller plan size or contact Customer Support.",
                Some(Account),
            ),
            (
                "Your AWS account is pending verification. Please try again later.",
                Some(Account),
            ),
            ("Please try later.", Some(Account)),
            (
                "There is not enough capacity in the zone. Please try again later.",
                Some(Capacity),
            ),
            ("The bundle is too small for the snapshot.", Some(Capacity)),
            ("The snapshot is damaged.", None),
            (
                "Some names are already in use: drill-rate-limit-bundle-quota-2026-11-22",
                None,
            ),
            (
                "This name is wrong: rate-limit-bundle-quota-us-west-2-2026-11-22",
                None,
            ),
        ] {
            let with_tip = json!({ "__type": "OtherException", "message": "No.", "tip": message });
            let body = json!({ "__type": "InvalidInputException", "message": message });
            for body in [body, with_tip] {
                let error = answered("CreateInstancesFromSnapshot", 400, None, &body);
                assert_eq!(error.details.shortage, expected, "{body}");
            }
            let failed = Operation {
                status: Some("Failed".into()),
                error_details: Some(message.to_owned()),
                ..Operation::default()
            };
            let failed = call("CreateInstancesFromSnapshot").accepted(Some(vec![failed]));
            assert_eq!(failed.unwrap_err().details.shortage, expected, "{message}");
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
            assert_eq!(error.code.as_ref(), code, "{header:?} {body}");
            assert_eq!(error.details.reason.as_deref(), reason, "{header:?} {body}");
            assert_eq!(error.message, "HTTP status 400, without a message");
        }
    }

    #[test]
    fn an_unusual_body_has_its_name_and_message() {
        let name = "NotFoundException";
        for body in [
            &br#"{"__type":"NotFoundException","message":"No.","Message":"Other."}"#[..],
            br#"{"__type":"Other","__type":"NotFoundException","Message":"No."}"#,
            b"\xef\xbb\xbf{\"__type\":\"NotFoundException\",\"message\":\"No.\"}",
            br#"{"code":"com.amazonaws.lightsail#NotFoundException","message":"No."}"#,
            br#"{"__type":"NotFoundException","code":"a#NotFoundException","message":"No."}"#,
            b"{\"__type\":\"NotFoundException\",\"message\":\"No.\",\"tip\":\"\xff\"}",
        ] {
            let status = 400.try_into().unwrap();
            let answer = HttpResponse::new(status, SdkBody::from(body));
            let error = call("GetDiskSnapshot").refused(&answer, &std::fmt::Error);
            let found = (error.code.as_ref(), error.message.as_str());
            assert_eq!(found, (name, "No."), "{}", String::from_utf8_lossy(body));
            assert_eq!(error.details.reason, None);
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
                let found = (error.kind, error.code.as_ref(), error.message.as_str());
                assert_eq!(found, (kind, "ConnectionFailure", expected.as_str()));
            }
            let said = answered("CopySnapshot", status, None, &json!({ "Message": "No." }));
            assert!(said.message.ends_with(": No."), "{}", said.message);
        }
        // A name in an answer that says success is no error's name.
        let body = json!({ "operations": 7, "code": "NotFoundException" });
        let error = answered("CopySnapshot", 200, None, &body);
        assert_eq!(
            (error.kind, error.code.as_ref()),
            (ErrorKind::NoAnswer, "ConnectionFailure")
        );
    }

    #[test]
    fn unknown_credentials_say_how_to_enable_a_region() {
        let said = "The security token included in the request is invalid.";
        let bare = UNKNOWN_CREDENTIALS.iter().map(ToString::to_string);
        let exceptions = bare.clone().map(|name| format!("{name}Exception"));
        for name in bare.chain(exceptions) {
            let error = refused(400, &name, said);
            assert_eq!(
                (error.kind, error.code.as_ref()),
                (ErrorKind::Refused, name.as_str())
            );
            assert_eq!(
                error.message,
                format!(
                    "{said} (if other Regions answer, us-east-1 is not enabled in this account: enable it with \"aws account enable-region --region-name us-east-1\"; if none does, the credentials are wrong)"
                )
            );
        }
        for name in ["AccessDeniedException", "InvalidInputException"] {
            assert_eq!(refused(400, name, said).message, said);
        }
    }

    #[test]
    fn a_failed_operation_fails_its_call_and_is_kept() {
        let operation = |status: &str| Operation {
            status: Some(status.to_owned().into()),
            ..Operation::default()
        };
        for status in ["NotStarted", "Started", "Succeeded", "Completed"] {
            // As the SDK collects them.
            let mut operations = Vec::with_capacity(4);
            operations.push(operation(status));
            let accepted = call("CopySnapshot").accepted(Some(operations)).unwrap();
            assert_eq!(accepted, [operation(status)]);
            assert_eq!(accepted.capacity(), 1);
        }
        let failed = Operation {
            error_code: Some("DiskBusy".to_owned()),
            error_details: Some("Try later.".to_owned()),
            ..operation("Failed")
        };
        for (operation_name, failed, code) in [
            ("CopySnapshot", failed.clone(), "CopyErrored"),
            ("DeleteDiskSnapshot", failed, "DiskBusy"),
            (
                "TagResource",
                operation("Failed"),
                "OperationFailureException",
            ),
        ] {
            let operations = vec![operation("Succeeded"), failed];
            let error = call(operation_name)
                .accepted(Some(operations.clone()))
                .unwrap_err();
            assert_eq!(error.code.as_ref(), code);
            assert_eq!(error.details.operations, operations);
            assert!(!error.retryable() && !error.may_have_happened);
        }
    }

    #[test]
    fn only_what_may_have_reached_its_end_may_have_happened() {
        assert!(refused(500, "ServiceException", "").may_have_happened);
        assert!(!refused(400, "ThrottlingException", "").may_have_happened);
        assert!(!refused(400, "InvalidInputException", "").may_have_happened);
        assert!(!call("CopySnapshot").no_time().may_have_happened);
        let without = call("CopySnapshot").accepted::<Operation>(None);
        assert!(without.unwrap_err().may_have_happened);
        let call = call("CopySnapshot");
        let unanswered = call.unanswered(Duration::from_millis(40), ErrorKind::NoTime);
        assert!(unanswered.may_have_happened);
        assert_eq!(unanswered.message, "Lightsail did not answer within 40ms");
    }

    #[test]
    fn an_answer_without_a_list_is_an_empty_one_only_with_a_request_id() {
        let listed = |list, request_id| call("GetDisks").listed::<u8>(list, request_id);
        assert_eq!(listed(Some(vec![7]), None), Ok(vec![7]));
        assert_eq!(listed(None, Some("7d9f")), Ok(Vec::new()));
        assert_eq!(listed(None, None).unwrap_err().kind, ErrorKind::NoAnswer);
    }

    #[test]
    fn an_error_without_an_answer_says_whether_the_call_may_have_happened() {
        use ErrorKind::{NoAnswer, Refused, TimedOut};
        type Failure = SdkError<std::fmt::Error, HttpResponse>;
        let dispatch = Failure::dispatch_failure;
        let cause = || std::fmt::Error.into();
        for (error, kind, may_have_happened) in [
            (Failure::timeout_error(cause()), TimedOut, true),
            (dispatch(ConnectorError::timeout(cause())), TimedOut, false),
            (dispatch(ConnectorError::io(cause())), NoAnswer, true),
            (
                dispatch(ConnectorError::other(cause(), None)),
                NoAnswer,
                true,
            ),
            (dispatch(ConnectorError::user(cause())), Refused, false),
            (Failure::construction_failure(cause()), Refused, false),
        ] {
            let code = match kind {
                TimedOut => Code::Timeout,
                _ => Code::ConnectionFailure,
            };
            let found = call("CopySnapshot").failed(&error);
            let found = (found.kind, found.code, found.may_have_happened);
            assert_eq!(found, (kind, code, may_have_happened), "{error:?}");
        }
    }

    #[test]
    fn a_chain_has_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Link(&'static str, #[source] Option<Box<Link>>);
        let link = |text, cause| Some(Box::new(Link(text, cause)));
        // Some errors end with the text of their cause.
        let error = link("a", link("b: c", link("c", link("d", None)))).unwrap();
        assert_eq!(chain(&error), "a: b: c: d");
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
            prop_assert_eq!(found.code.as_ref(), name);
            let details = expected.details.clone();
            prop_assert_eq!(ApiError { details, ..found }, expected);
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
