//! Requests and responses of the
//! [AWS JSON 1.1 protocol](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::api::error::{DOCS, ServiceError};
use crate::api::id::Id;
use crate::api::operation::Operation;

const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
const TARGET_PREFIX: &str = "Lightsail_20161128.";

/// Reads a request's operation.
///
/// # Errors
/// `UnknownOperationException`, with status 404 for anything but `POST /`.
pub(crate) fn operation(request: &Request<Bytes>) -> Result<Operation, ServiceError> {
    let unknown = |message: String| ServiceError::refused("UnknownOperationException", message);
    if request.method() != Method::POST || request.uri().path() != "/" {
        return Err(ServiceError {
            status: StatusCode::NOT_FOUND,
            ..unknown("Only POST / is supported.".to_owned())
        });
    }
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        value.to_str().ok()
    };
    let media_type = header(CONTENT_TYPE.as_str()).unwrap_or_default();
    if media_type.split(';').next().map(str::trim) != Some(MEDIA_TYPE) {
        return Err(unknown(format!(
            "The content type must be {MEDIA_TYPE}, not {media_type:?}."
        )));
    }
    let target = header("x-amz-target").unwrap_or_default();
    target
        .strip_prefix(TARGET_PREFIX)
        .and_then(|name| name.parse().ok())
        .ok_or_else(|| unknown(format!("The emulator has no operation {target:?}.")))
}

/// Reads a request's parameters: a JSON object.
///
/// # Errors
/// `SerializationException`.
pub(crate) fn parameters(request: &Request<Bytes>) -> Result<Value, ServiceError> {
    match serde_json::from_slice(request.body()) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err(ServiceError::serialization("The body must be an object.")),
        Err(error) => Err(ServiceError::serialization(error.to_string())),
    }
}

/// The response with a call's result or error.
pub(crate) fn response(request_id: Id, answer: Result<Value, ServiceError>) -> Response<Bytes> {
    match answer {
        Ok(json) => raw(request_id, StatusCode::OK, MEDIA_TYPE, text(&json)),
        Err(error) => {
            let mut members = json!({ "__type": error.code, "message": error.message });
            if let Some(reason) = error.reason {
                members["code"] = json!(reason);
                members["docs"] = json!(DOCS);
                members["tip"] = json!(error.tip);
            }
            raw(request_id, error.status, MEDIA_TYPE, text(&members))
        }
    }
}

fn text(json: &Value) -> Bytes {
    json.to_string().into()
}

/// A response with any body. A content type that is not a valid header value is left out.
pub(crate) fn raw(
    request_id: Id,
    status: StatusCode,
    content_type: &str,
    body: Bytes,
) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        headers.insert("x-amzn-requestid", value);
    }
    response
}
