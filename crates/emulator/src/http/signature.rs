//! Verifies a request's
//! [Signature Version 4](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html) and
//! reads the Region from it.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Request};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::api::error::ServiceError;
use crate::api::region::Region;

/// The access key id that requests must be signed with.
pub const ACCESS_KEY_ID: &str = "emulator";

/// The secret access key that requests must be signed with.
pub const SECRET_ACCESS_KEY: &str = "emulator";

/// The session token that is refused with `ExpiredTokenException`. Any other session token is
/// accepted if it is part of the signature.
pub const EXPIRED_SESSION_TOKEN: &str = "expired";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "lightsail";
const DATE_HEADER: &str = "x-amz-date";
const TOKEN_HEADER: &str = "x-amz-security-token";
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// The largest accepted difference between a request's date and the clock.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Verifies the signature of a request that arrives at `now`. Returns the Region of the credential
/// scope.
///
/// # Errors
/// Those of AWS, all with status 400: `MissingAuthenticationTokenException`,
/// `IncompleteSignatureException`, `UnrecognizedClientException`, `ExpiredTokenException` and
/// `InvalidSignatureException`.
pub(crate) fn verify(request: &Request<Bytes>, now: Timestamp) -> Result<Region, ServiceError> {
    let header = header(request.headers(), AUTHORIZATION.as_str()).ok_or_else(|| {
        ServiceError::refused(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        )
    })?;
    let authorization = Authorization::parse(header)?;
    let scope = &authorization.scope;
    if scope.access_key_id != ACCESS_KEY_ID {
        return Err(ServiceError::unrecognized_client());
    }
    if scope.service != SERVICE {
        return Err(invalid(format!(
            "Credential should be scoped to correct service: '{SERVICE}'."
        )));
    }
    let region: Region = scope
        .region
        .parse()
        .map_err(|_| invalid("Credential should be scoped to a valid region."))?;
    let signed_at = signing_time(request.headers(), scope, now)?;
    check_signed_headers(request.headers(), &authorization)?;
    let expected = expected_signature(request, &authorization, region, signed_at);
    if expected.as_deref() != Some(authorization.signature) {
        return Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check \
             your AWS Secret Access Key and signing method. Consult the service documentation for \
             details.",
        ));
    }
    if self::header(request.headers(), TOKEN_HEADER) == Some(EXPIRED_SESSION_TOKEN) {
        return Err(ServiceError::refused(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ));
    }
    Ok(region)
}

/// The parts of the `Authorization` header.
struct Authorization<'a> {
    scope: Scope<'a>,
    signed_headers: &'a str,
    signature: &'a str,
}

/// The access key id and the credential scope.
struct Scope<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Result<Self, ServiceError> {
        let parameters = header.strip_prefix(ALGORITHM).ok_or_else(|| {
            incomplete(format!(
                "Authorization header requires the algorithm {ALGORITHM}."
            ))
        })?;
        let parameter = |name: &str| {
            parameters
                .split(',')
                .filter_map(|part| part.trim().split_once('='))
                .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
                .ok_or_else(|| {
                    incomplete(format!("Authorization header requires '{name}' parameter."))
                })
        };
        let credential = parameter("Credential")?;
        let parts: Vec<_> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, and end in 'aws4_request', got '{credential}'"
            )));
        };
        Ok(Self {
            scope: Scope {
                access_key_id,
                date,
                region,
                service,
            },
            signed_headers: parameter("SignedHeaders")?,
            signature: parameter("Signature")?,
        })
    }

    fn covers(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }
}

/// The time of signing, if it is close enough to `now` and on the day of the credential scope.
fn signing_time(
    headers: &HeaderMap,
    scope: &Scope<'_>,
    now: Timestamp,
) -> Result<Timestamp, ServiceError> {
    let text = header(headers, DATE_HEADER)
        .ok_or_else(|| incomplete("Authorization header requires existence of 'X-Amz-Date'."))?;
    let signed_at = DateTime::strptime(DATE_FORMAT, text)
        .and_then(|date_time| Offset::UTC.to_timestamp(date_time))
        .map_err(|_| {
            incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{text}'."
            ))
        })?;
    if text.get(..8) != Some(scope.date) {
        return Err(invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '{}' != '{text}'.",
            scope.date
        )));
    }
    let age = now.duration_since(signed_at);
    if age.abs() > TOLERANCE {
        let clock = Offset::UTC.to_datetime(now).strftime(DATE_FORMAT);
        return Err(invalid(if age.is_positive() {
            format!("Signature expired: {text} is now earlier than 5 min. before {clock}.")
        } else {
            format!("Signature not yet current: {text} is still later than 5 min. after {clock}.")
        }));
    }
    Ok(signed_at)
}

/// Checks that the signature covers the headers that it must cover.
fn check_signed_headers(
    headers: &HeaderMap,
    authorization: &Authorization<'_>,
) -> Result<(), ServiceError> {
    for name in [HOST.as_str(), DATE_HEADER, TOKEN_HEADER] {
        let required = name != TOKEN_HEADER || headers.contains_key(name);
        if required && !authorization.covers(name) {
            return Err(invalid(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            )));
        }
    }
    Ok(())
}

/// The correct signature of the request. `None` if the request cannot be signed.
fn expected_signature(
    request: &Request<Bytes>,
    authorization: &Authorization<'_>,
    region: Region,
    signed_at: Timestamp,
) -> Option<String> {
    let identity =
        Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "emulator").into();
    // The client decides which headers are signed, so none is excluded here.
    let mut settings = SigningSettings::default();
    settings.excluded_headers = None;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region.as_str())
        .name(SERVICE)
        .time(SystemTime::from(signed_at))
        .settings(settings)
        .build()
        .ok()?
        .into();
    let mut headers = Vec::new();
    for name in authorization.signed_headers.split(';') {
        for value in request.headers().get_all(name) {
            headers.push((name, value.to_str().ok()?));
        }
    }
    let uri = request.uri();
    let uri = match (uri.authority(), header(request.headers(), HOST.as_str())) {
        // A request from a socket has only a path here. Its host is in a header.
        (None, Some(host)) => format!("http://{host}{uri}"),
        (None, None) => return None,
        (Some(_), _) => uri.to_string(),
    };
    let signable = SignableRequest::new(
        request.method().as_str(),
        uri,
        headers.into_iter(),
        SignableBody::Bytes(request.body()),
    )
    .ok()?;
    let (_, signature) = sign(signable, &parameters).ok()?.into_parts();
    Some(signature)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn incomplete(message: impl Into<String>) -> ServiceError {
    ServiceError::refused("IncompleteSignatureException", message)
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::refused("InvalidSignatureException", message)
}
