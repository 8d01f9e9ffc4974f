//! Tells people: mails the report, and sends the heartbeat.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Region;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::RequestId;
use aws_sdk_sns::operation::publish::PublishError;
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use tokio::time::timeout;

use crate::lightsail::{TLS_PROVIDER, chain};
use crate::report::Mail;

const HEARTBEAT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Notify {
    /// The settings of the client of SNS, which is built when a report is sent.
    pub config: SdkConfig,
    /// The ARN of the topic that gets reports.
    pub topic: Option<String>,
    /// The URL that gets heartbeats. It is a secret.
    pub heartbeat: Option<String>,
}

impl Notify {
    pub fn nobody() -> Self {
        Self {
            config: SdkConfig::builder().build(),
            topic: None,
            heartbeat: None,
        }
    }

    /// Sends a mail to the topic ([Publish]). Returns whether there is a topic.
    ///
    /// # Errors
    ///
    /// SNS refused the mail or did not answer in `time`.
    ///
    /// [Publish]: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    pub async fn mail(&self, mail: &Mail, time: Duration) -> Result<bool, String> {
        let Some(topic) = &self.topic else {
            return Ok(false);
        };
        let mut config = aws_sdk_sns::config::Builder::from(&self.config);
        // arn:aws:sns:us-east-1:111122223333:alarms
        if let Some(region) = topic.split(':').nth(3) {
            config = config.region(Region::new(region.to_owned()));
        }
        let publish = Client::from_conf(config.build())
            .publish()
            .topic_arn(topic)
            .subject(&mail.subject)
            .message(&mail.text)
            .send();
        match timeout(time, publish).await {
            Ok(Ok(_published)) => Ok(true),
            Ok(Err(error)) => Err(format!(
                "the report could not be sent to {topic}: {}",
                reason(&error)
            )),
            Err(_elapsed) => Err(format!(
                "the report could not be sent to {topic}: SNS did not answer within {:.1} s",
                time.as_secs_f64()
            )),
        }
    }

    /// Sends the heartbeat, if there is a URL.
    ///
    /// # Errors
    ///
    /// What went wrong, without the URL.
    pub async fn beat(&self, time: Duration) -> Result<(), String> {
        let Some(url) = &self.heartbeat else {
            return Ok(());
        };
        let request = HttpRequest::get(url.clone());
        let mut request = request.map_err(|_invalid| "it is not a URL".to_owned())?;
        let headers = request.headers_mut();
        headers.insert("user-agent", env!("CARGO_PKG_NAME"));
        let connector = Connector::builder().tls_provider(TLS_PROVIDER).build();
        // The causes of a failed connection name the host.
        match timeout(time.min(HEARTBEAT), connector.call(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(format!(
                "the answer has status {}",
                answer.status().as_u16()
            )),
            Ok(Err(_failed)) => Err("there is no connection".to_owned()),
            Err(_elapsed) => Err("there is no answer in time".to_owned()),
        }
    }
}

/// Why SNS did not take a mail, in one sentence.
fn reason(error: &SdkError<PublishError, HttpResponse>) -> String {
    let request = error.request_id().map(|id| format!(" (request {id})"));
    let answer = error.raw_response().map(|answer| answer.status().as_u16());
    let reason = match (error.code(), error.message(), answer) {
        (Some(code), Some(message), _) => format!("{code}: {message}"),
        (Some(code), None, _) => code.to_owned(),
        (None, _, Some(status)) => format!("HTTP status {status}, and not an answer of SNS"),
        (None, _, None) => chain(error),
    };
    reason + &request.unwrap_or_default()
}
