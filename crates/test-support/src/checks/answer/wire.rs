//! The responses of an input, and the requests that they answered.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_lightsail::config::http::{HttpRequest, HttpResponse};
use aws_sdk_lightsail::config::{BehaviorVersion, Credentials};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tokio::time::sleep;

/// How long a response takes.
const ANSWER_TIME: Duration = Duration::from_millis(100);

/// One response.
#[derive(Debug)]
pub enum Given {
    Answer {
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    },
    ConnectionBreaks,
    NoConnection,
    Nothing,
}

impl Given {
    pub fn read(line: &[u8]) -> Option<Self> {
        let mut parts = line.splitn(3, |byte| *byte == b'\t');
        let status = std::str::from_utf8(parts.next()?).ok()?;
        match status {
            "io" => return Some(Self::ConnectionBreaks),
            "timeout" => return Some(Self::NoConnection),
            "hang" => return Some(Self::Nothing),
            _ => {}
        }
        // The HTTP client does not pass on informational responses (1xx).
        let status = status
            .parse()
            .ok()
            .filter(|status| (200..1000).contains(status))?;
        let headers = parts.next().unwrap_or_default().split(|byte| *byte == b'|');
        let header = |header: &[u8]| {
            let colon = header.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8(header[..colon].to_vec()).ok()?;
            Some((name, header[colon + 1..].trim_ascii().to_vec()))
        };
        Some(Self::Answer {
            status,
            headers: headers.filter_map(header).collect(),
            body: parts.next().unwrap_or_default().to_vec(),
        })
    }

    /// The result that the HTTP client would return.
    pub fn response(&self) -> Result<HttpResponse, ConnectorError> {
        match self {
            Self::ConnectionBreaks => Err(ConnectorError::io("connection reset".into())),
            Self::NoConnection => Err(ConnectorError::timeout("connect timeout".into())),
            Self::Nothing => unreachable!("a hanging call has no response"),
            Self::Answer {
                status,
                headers,
                body,
            } => {
                let mut response = http::Response::new(SdkBody::from(body.clone()));
                *response.status_mut() = http::StatusCode::from_u16(*status).unwrap();
                for (name, value) in headers {
                    if let Ok(name) = http::HeaderName::try_from(name)
                        && let Ok(value) = http::HeaderValue::from_bytes(value)
                    {
                        response.headers_mut().append(name, value);
                    }
                }
                HttpResponse::try_from(response)
                    .map_err(|error| ConnectorError::other(error.into(), None))
            }
        }
    }

    /// Whether it has a request ID, as every response of an AWS service does.
    pub fn has_request_id(&self) -> bool {
        let Self::Answer { headers, .. } = self else {
            return false;
        };
        let names = ["x-amzn-requestid", "x-amz-request-id"];
        headers
            .iter()
            .any(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()))
    }

    /// The body of a 2xx response, if it is JSON. The SDK reads an empty body as an empty object. It
    /// accepts control characters in strings, and invalid UTF-8 in members that it does not read.
    pub fn accepted(&self) -> Option<Value> {
        match self {
            Self::Answer {
                status: 200..300,
                body,
                ..
            } if body.trim_ascii().is_empty() => Some(json!({})),
            Self::Answer {
                status: 200..300,
                body,
                ..
            } => {
                let spaced: Vec<u8> = body.iter().map(|byte| *byte.max(&b' ')).collect();
                serde_json::from_str(&String::from_utf8_lossy(&spaced)).ok()
            }
            _ => None,
        }
    }

    /// Whether the body looks like a JSON object but is not valid. The SDK's parser is less strict,
    /// for example about numbers, and may accept it.
    pub fn is_nearly_accepted(&self) -> bool {
        let object = |body: &[u8]| body.trim_ascii_start().starts_with(b"{");
        let done = matches!(self, Self::Answer { status: 200..300, body, .. } if object(body));
        done && self.accepted().is_none()
    }
}

/// The responses to give, and the requests so far.
#[derive(Debug)]
pub struct Wire {
    pub answers: Vec<Given>,
    pub requests: Mutex<Vec<Request>>,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub operation: String,
    pub page_token: Option<String>,
}

#[derive(Debug)]
struct Connector(Arc<Wire>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let request = Request {
            operation: target.rsplit('.').next().unwrap().to_owned(),
            page_token: body["pageToken"].as_str().map(str::to_owned),
        };
        let index = {
            let mut requests = self.0.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let wire = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            sleep(ANSWER_TIME).await;
            match wire.given(index) {
                Given::Nothing => pending().await,
                given => given.response(),
            }
        })
    }
}

pub fn config(wire: &Arc<Wire>) -> aws_sdk_lightsail::config::Builder {
    let connector = SharedHttpConnector::new(Connector(Arc::clone(wire)));
    aws_sdk_lightsail::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url("http://lightsail.in.process")
        .credentials_provider(Credentials::new("key", "secret", None, None, "fuzzing"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
}

impl Wire {
    /// The response to the request with this index.
    pub fn given(&self, index: usize) -> &Given {
        &self.answers[index.min(self.answers.len() - 1)]
    }

    /// All requests, each with its response.
    pub fn exchanges(&self) -> Vec<(Request, &Given)> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .cloned()
            .enumerate()
            .map(|(index, request)| (request, self.given(index)))
            .collect()
    }

    pub fn last(&self) -> &Given {
        self.given(self.requests.lock().unwrap().len() - 1)
    }

    pub fn last_is_an_error(&self) -> bool {
        matches!(self.last(), Given::Answer { status, .. } if !(200..300).contains(status))
    }

    /// The list with this name in the last response, if that is a 2xx response.
    pub fn last_list(&self, name: &str) -> Option<Vec<Value>> {
        Some(self.last().accepted()?.get(name)?.as_array()?.clone())
    }

    /// The items of all pages.
    pub fn items(&self, list: &str) -> Vec<Value> {
        let pages = self
            .exchanges()
            .into_iter()
            .filter_map(|(_, given)| given.accepted());
        let lists = pages.filter_map(|page| page.get(list)?.as_array().cloned());
        lists.flatten().filter(|item| !item.is_null()).collect()
    }

    /// Whether a response may or may not be valid for the SDK. Then nothing more is checked.
    pub fn is_unclear(&self) -> bool {
        self.exchanges()
            .iter()
            .any(|(_, given)| given.is_nearly_accepted())
    }
}
