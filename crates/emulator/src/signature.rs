//! [Signature Version 4](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html): who signed a request,
//! for which Region, and whether it arrived as it was signed.

use crate::error::ServiceError;
use crate::region::Region;
use crate::{ACCESS_KEY_ID, EXPIRED_SESSION_TOKEN, SECRET_ACCESS_KEY};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use std::time::SystemTime;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "lightsail";
const DATE_HEADER: &str = "x-amz-date";
const TOKEN_HEADER: &str = "x-amz-security-token";
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// How far a request's date may be from the clock.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Checks the signature of a request that arrived at `now`, and tells the Region that it was signed for.
///
/// # Errors
/// As AWS has them, all with status 400: `MissingAuthenticationTokenException`, `IncompleteSignatureException`,
/// `UnrecognizedClientException`, `ExpiredTokenException` and `InvalidSignatureException`.
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
        return Err(ServiceError::refused(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ));
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
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
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

/// The `Authorization` header, taken apart.
struct Authorization<'a> {
    scope: Scope<'a>,
    signed_headers: &'a str,
    signature: &'a str,
}

/// The credential scope: whose key, for which day, Region and service.
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

    fn has_signed(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }
}

/// The moment that the request was signed at, if that is near enough to `now` and on the day of the scope.
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
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
             '{text}'.",
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

/// Checks that the headers which the service insists on are part of the signature.
fn check_signed_headers(
    headers: &HeaderMap,
    authorization: &Authorization<'_>,
) -> Result<(), ServiceError> {
    for name in [HOST.as_str(), DATE_HEADER, TOKEN_HEADER] {
        let must_be_signed = name != TOKEN_HEADER || headers.contains_key(name);
        if must_be_signed && !authorization.has_signed(name) {
            return Err(invalid(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            )));
        }
    }
    Ok(())
}

/// The signature that the request should have; `None` if it cannot be signed at all.
fn expected_signature(
    request: &Request<Bytes>,
    authorization: &Authorization<'_>,
    region: Region,
    signed_at: Timestamp,
) -> Option<String> {
    let identity =
        Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "emulator").into();
    // The client says which headers it signed, so none of those is to be left out.
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
        // From a socket the target is a bare path, and the host is in a header.
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
