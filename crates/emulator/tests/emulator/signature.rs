//! Signature Version 4, verified as AWS does.

use bytes::Bytes;
use http::HeaderValue;
use jiff::SignedDuration;
use lightsail_emulator::World;

use crate::support::{InProcess, Refused, Signer, read};

const HOST: &str = "127.0.0.1:4599";

fn lightsail() -> InProcess {
    InProcess::of(World::demo())
}

/// Sends a request unchanged. Checks the error's code and returns its message.
async fn send(lightsail: &InProcess, request: http::Request<Bytes>) -> Result<(), Refused> {
    read(lightsail.emulator.call(request).await.unwrap()).map(drop)
}

async fn refusal(lightsail: &InProcess, request: http::Request<Bytes>, code: &str) -> String {
    let refused = send(lightsail, request).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.code.as_str()),
        (400, code),
        "{}",
        refused.message
    );
    refused.message
}

fn signed(signer: &Signer) -> http::Request<Bytes> {
    signer.request(HOST, "GetInstances", "{}")
}

#[tokio::test]
async fn the_region_is_the_one_in_the_signature() {
    let lightsail = lightsail();
    for region in ["us-west-2", "eu-central-1"] {
        send(&lightsail, signed(&Signer::new(region, lightsail.now())))
            .await
            .unwrap();
    }
    let regions: Vec<_> = lightsail
        .emulator
        .calls()
        .iter()
        .map(|call| call.region.as_str())
        .collect();
    assert_eq!(regions, ["us-west-2", "eu-central-1"]);
}

#[tokio::test]
async fn the_host_may_be_in_the_uri_alone() {
    let lightsail = lightsail();
    let mut request = signed(&Signer::new("us-west-2", lightsail.now()));
    request.headers_mut().remove("host");
    send(&lightsail, request).await.unwrap();
}

#[tokio::test]
async fn a_request_must_be_signed() {
    let lightsail = lightsail();
    let mut request = signed(&Signer::new("us-west-2", lightsail.now()));
    request.headers_mut().remove("authorization");
    refusal(&lightsail, request, "MissingAuthenticationTokenException").await;
    assert_eq!(lightsail.emulator.call_count(), 0);
}

#[tokio::test]
async fn a_signature_must_be_complete() {
    let lightsail = lightsail();
    for authorization in [
        "Basic ZW11bGF0b3I6",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=emulator/20261122/us-west-2/lightsail/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=emulator/20261122/us-west-2/lightsail, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=emulator/20261122/us-west-2/lightsail/aws5, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00",
    ] {
        let mut request = signed(&Signer::new("us-west-2", lightsail.now()));
        let value = HeaderValue::from_static(authorization);
        request.headers_mut().insert("authorization", value);
        refusal(&lightsail, request, "IncompleteSignatureException").await;
    }
    let mut request = signed(&Signer::new("us-west-2", lightsail.now()));
    request.headers_mut().remove("x-amz-date");
    refusal(&lightsail, request, "IncompleteSignatureException").await;
    let mut request = signed(&Signer::new("us-west-2", lightsail.now()));
    request
        .headers_mut()
        .insert("x-amz-date", HeaderValue::from_static("yesterday"));
    refusal(&lightsail, request, "IncompleteSignatureException").await;
}

#[tokio::test]
async fn the_key_must_be_the_emulators() {
    let lightsail = lightsail();
    let mut signer = Signer::new("us-west-2", lightsail.now());
    signer.access_key_id = "AKIAIOSFODNN7EXAMPLE";
    refusal(&lightsail, signed(&signer), "UnrecognizedClientException").await;
    let mut signer = Signer::new("us-west-2", lightsail.now());
    signer.secret_access_key = "wrong";
    refusal(&lightsail, signed(&signer), "InvalidSignatureException").await;
}

#[tokio::test]
async fn the_scope_must_be_right() {
    let lightsail = lightsail();
    let mut signer = Signer::new("us-west-9", lightsail.now());
    let message = refusal(&lightsail, signed(&signer), "InvalidSignatureException").await;
    assert!(message.contains("valid region"), "{message}");
    signer.region = "us-west-2";
    signer.service = "ec2";
    let message = refusal(&lightsail, signed(&signer), "InvalidSignatureException").await;
    assert!(
        message.contains("correct service: 'lightsail'"),
        "{message}"
    );
}

#[tokio::test]
async fn signed_parts_must_not_change() {
    let lightsail = lightsail();
    let signer = Signer::new("us-west-2", lightsail.now());
    let mut request = signed(&signer);
    *request.body_mut() = Bytes::from_static(b"{ }");
    refusal(&lightsail, request, "InvalidSignatureException").await;
    for (name, value) in [
        ("x-amz-target", "Lightsail_20161128.GetDisks"),
        ("host", "localhost"),
    ] {
        let mut request = signed(&signer);
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        refusal(&lightsail, request, "InvalidSignatureException").await;
    }
    let mut request = signed(&signer);
    request.headers_mut().remove("x-amz-target");
    refusal(&lightsail, request, "InvalidSignatureException").await;
    let mut request = signed(&signer);
    *request.uri_mut() = format!("http://{HOST}/?a=b").parse().unwrap();
    refusal(&lightsail, request, "InvalidSignatureException").await;
    // Proxies may add headers that are not signed.
    let mut request = signed(&signer);
    request
        .headers_mut()
        .insert("via", HeaderValue::from_static("1.1 proxy"));
    send(&lightsail, request).await.unwrap();
}

#[tokio::test]
async fn host_and_date_must_be_signed() {
    let lightsail = lightsail();
    let signer = Signer::new("us-west-2", lightsail.now());
    for name in ["host", "x-amz-date"] {
        let mut request = signed(&signer);
        let text = request.headers()["authorization"].to_str().unwrap();
        let text = text.replace(&format!("{name};"), "");
        request
            .headers_mut()
            .insert("authorization", text.parse().unwrap());
        let message = refusal(&lightsail, request, "InvalidSignatureException").await;
        assert!(
            message.starts_with(&format!("'{name}' must be")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn the_date_must_be_close_to_the_clock() {
    let lightsail = lightsail();
    for (minutes, message) in [
        (-6, Some("Signature expired: 20261122T115400Z")),
        (-5, None),
        (5, None),
        (6, Some("Signature not yet current: 20261122T120600Z")),
    ] {
        let at = lightsail.now() + SignedDuration::from_mins(minutes);
        let request = signed(&Signer::new("us-west-2", at));
        match message {
            None => send(&lightsail, request).await.unwrap(),
            Some(start) => {
                let message = refusal(&lightsail, request, "InvalidSignatureException").await;
                assert!(message.starts_with(start), "{message}");
            }
        }
    }
    let mut request = signed(&Signer::new("us-west-2", lightsail.now()));
    let text = request.headers()["authorization"].to_str().unwrap();
    let text = text.replace("/20261122/", "/20261121/");
    request
        .headers_mut()
        .insert("authorization", text.parse().unwrap());
    let message = refusal(&lightsail, request, "InvalidSignatureException").await;
    assert!(message.contains("Date in Credential scope"), "{message}");
}

#[tokio::test]
async fn a_session_token_is_part_of_the_signature() {
    let lightsail = lightsail();
    let mut signer = Signer::new("us-west-2", lightsail.now());
    signer.session_token = Some("session");
    send(&lightsail, signed(&signer)).await.unwrap();
    let mut request = signed(&signer);
    request
        .headers_mut()
        .insert("x-amz-security-token", HeaderValue::from_static("other"));
    refusal(&lightsail, request, "InvalidSignatureException").await;
    signer.session_token = None;
    let mut request = signed(&signer);
    request
        .headers_mut()
        .insert("x-amz-security-token", HeaderValue::from_static("unsigned"));
    refusal(&lightsail, request, "InvalidSignatureException").await;
    signer.session_token = Some("expired");
    refusal(&lightsail, signed(&signer), "ExpiredTokenException").await;
}

#[tokio::test]
async fn only_known_operations_with_an_object_are_answered() {
    let lightsail = lightsail();
    let signer = Signer::new("us-west-2", lightsail.now());
    for (operation, body, code) in [
        ("CopySnapshots", "{}", "UnknownOperationException"),
        ("", "{}", "UnknownOperationException"),
        ("GetInstances", "", "SerializationException"),
        ("GetInstances", "{", "SerializationException"),
        ("GetInstances", "[]", "SerializationException"),
        ("GetInstances", "null", "SerializationException"),
    ] {
        refusal(&lightsail, signer.request(HOST, operation, body), code).await;
    }
    let mut request = signed(&signer);
    request.headers_mut().remove("authorization");
    request
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    signer.sign(&mut request);
    refusal(&lightsail, request, "UnknownOperationException").await;

    let mut request = signed(&signer);
    request.headers_mut().remove("authorization");
    *request.method_mut() = http::Method::GET;
    signer.sign(&mut request);
    let refused = send(&lightsail, request).await.unwrap_err();
    assert_eq!(
        (refused.status, &*refused.code),
        (404, "UnknownOperationException")
    );
    assert_eq!(lightsail.emulator.calls(), []);
}
