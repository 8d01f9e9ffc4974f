//! TLS and trusted certificates.

use std::fs;
use std::time::Duration;

use lightsail_emulator::{Emulator, Region};
use serde_json::Value;
use tempfile::TempDir;
use test_support::deployed::{Deployed, Outcome, dated, world};
use test_support::tls::Tls;
use tokio::net::TcpListener;

use crate::BINARY;

/// Makes the content of a certificate file.
type Text = fn(&Tls) -> String;

/// An emulator behind TLS, and a function whose variables name certificate files.
async fn deployed(variables: &[(&str, Text)]) -> (Deployed, Tls, TempDir) {
    let emulator = Emulator::new(world());
    let tls = Tls::start(emulator.clone()).await.unwrap();
    let folder = TempDir::new().unwrap();
    let mut named = Vec::new();
    for (name, text) in variables {
        let place = folder.path().join(name);
        if *name == "SSL_CERT_DIR" {
            fs::create_dir(&place).unwrap();
            fs::write(place.join("0123abcd.0"), text(&tls)).unwrap();
        } else {
            fs::write(&place, text(&tls)).unwrap();
        }
        named.push((*name, place.to_str().unwrap().to_owned()));
    }
    let named: Vec<_> = named
        .iter()
        .map(|(name, file)| (*name, file.as_str()))
        .collect();
    let deployed = Deployed::served(BINARY, &tls.url, emulator, &named).await;
    (deployed, tls, folder)
}

async fn is_refused(deployed: &mut Deployed) {
    // Enough for a second attempt.
    let time = Duration::from_secs(3);
    let event = dated("copy", "us-east-1").to_string();
    let invocation = deployed.function.invoke(event, time).await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(message.contains("ConnectionFailure"), "{message}");
    assert!(message.contains("certificate"), "{message}");
    assert_eq!(deployed.emulator.call_count(), 0);
}

fn authority(tls: &Tls) -> String {
    tls.authority.clone()
}

fn another_authority(_: &Tls) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key);
    certificate.unwrap().pem()
}

#[tokio::test]
async fn a_private_authority_named_by_either_variable_is_trusted() {
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let (mut deployed, tls, _folder) = deployed(&[(variable, authority)]).await;
        for target in ["copy-1", "copy-2"] {
            let copy = deployed.copy(&dated(target, "us-east-1")).await;
            assert_eq!(copy["outcome"], "started", "{variable}");
        }
        assert_eq!(deployed.names_in(Region::UsEast1).len(), 2);
        assert_eq!(tls.take_connections(), 1, "the connection is reused");
    }
}

#[tokio::test]
async fn proxies_in_the_environment_are_not_used() {
    // Nothing listens on this port, so a request through the proxy fails.
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
        .map(|name| [name, &name.to_lowercase()].map(str::to_owned));
    let mut variables: Vec<_> = names
        .as_flattened()
        .iter()
        .map(|name| (name.as_str(), "http://127.0.0.1:1"))
        .collect();
    let mut plain = Deployed::with(BINARY, world(), &variables).await;
    let copy = plain.copy(&dated("copy", "us-east-1")).await;
    assert_eq!(copy["outcome"], "started");

    let emulator = Emulator::new(world());
    let tls = Tls::start(emulator.clone()).await.unwrap();
    let folder = TempDir::new().unwrap();
    let authority = folder.path().join("authority.pem");
    fs::write(&authority, &tls.authority).unwrap();
    variables.push(("SSL_CERT_FILE", authority.to_str().unwrap()));
    let mut encrypted = Deployed::served(BINARY, &tls.url, emulator, &variables).await;
    let copy = encrypted.copy(&dated("copy", "us-east-1")).await;
    assert_eq!(copy["outcome"], "started");
}

#[tokio::test]
async fn an_authority_that_no_variable_names_is_not_trusted() {
    let named: &[(&str, Text)] = &[("SSL_CERT_FILE", another_authority)];
    for variables in [&[], named] {
        let (mut deployed, _tls, _folder) = deployed(variables).await;
        is_refused(&mut deployed).await;
    }
}

#[tokio::test]
async fn a_file_without_certificates_is_logged_and_no_server_is_trusted() {
    let (mut deployed, _tls, _folder) =
        deployed(&[("SSL_CERT_FILE", |_| "no certificate".to_owned())]).await;
    is_refused(&mut deployed).await;
    let log = deployed.function.log().await;
    let line: Value = serde_json::from_str(&log[0]).unwrap();
    assert_eq!(line["level"], "WARN");
    assert_eq!(
        line["fields"]["message"],
        "no native root CA certificates found!"
    );
}

#[tokio::test]
async fn a_handshake_without_a_response_leaves_time_for_a_second_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut deployed = Deployed::at(BINARY, &url).await;
    let accepted = tokio::spawn(async move {
        let first = listener.accept().await.unwrap();
        (first, listener.accept().await.unwrap())
    });
    // Half of the time limit of an attempt.
    let time = Duration::from_secs(5);
    let event = dated("copy", "us-east-1").to_string();
    let invocation = deployed.function.invoke(event, time).await;
    assert!(invocation.error().1.contains("Timeout"), "{invocation:?}");
    assert!(accepted.is_finished(), "there was a second attempt");
}
