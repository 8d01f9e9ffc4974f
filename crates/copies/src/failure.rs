//! What could not be done, and what somebody can do about it.

use lightsail_snapshot_copier::{ApiError, ErrorKind};
use serde::Serialize;

/// What could not be done.
#[derive(Debug, Serialize)]
pub struct Failure {
    pub name: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

impl Failure {
    pub fn of_call(name: &str, call: &str, error: &ApiError) -> Self {
        let tip = error.details.tip.as_ref().map(|tip| format!(" ({tip})"));
        Self {
            name: name.to_owned(),
            message: format!("{call}: {error}{}", tip.unwrap_or_default()),
            advice: advice(error),
        }
    }

    pub fn found(name: &str, message: String) -> Self {
        Self {
            name: name.to_owned(),
            message,
            advice: None,
        }
    }
}

/// An error for people. The SDK lists every place where it looked for credentials.
pub fn said(error: &ApiError) -> String {
    match error.kind {
        ErrorKind::NoCredentials => "no AWS credentials were found".to_owned(),
        _ => error.to_string(),
    }
}

/// What somebody can do about a refusal. Lightsail says these things in words only.
pub fn advice(error: &ApiError) -> Option<&'static str> {
    let message = error.message.to_lowercase();
    let says = |phrase: &str| message.contains(phrase);
    if error.kind == ErrorKind::NameInUse {
        Some(
            "another resource has the name, perhaps a static IP address or a key pair: use --suffix",
        )
    } else if error.kind == ErrorKind::Expired {
        Some("the credentials have expired: sign in again, or set the clock if it is wrong")
    } else if says("plan size") {
        Some(
            "the account may not use this plan yet: use a smaller one with --bundle, or ask AWS Support",
        )
    } else if says("pending verification") {
        Some("AWS verifies the account, within a day: run this again later, or ask AWS Support")
    } else if says("capacity") {
        Some("use another --zone, or run this again later")
    } else if says("credentials") {
        Some("sign in first: aws sso login, or set AWS_PROFILE")
    } else if says("tagresource") {
        Some("you need the permission lightsail:TagResource")
    } else if says("maximum limit") || says("quota") {
        Some(
            "ask for a higher quota: Service Quotas, Amazon Lightsail, Instances; or run this again later",
        )
    } else {
        None
    }
}
