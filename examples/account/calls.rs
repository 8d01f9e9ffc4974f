//! The calls of a check: sends them, keeps every answer, and removes from the answers what identifies
//! the account.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_lightsail::Client;
use aws_sdk_lightsail::config::interceptors::{
    AfterDeserializationInterceptorContextRef as Answered,
    BeforeTransmitInterceptorContextRef as Sent,
};
use aws_sdk_lightsail::config::timeout::TimeoutConfig;
use aws_sdk_lightsail::config::{self, Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lightsail::error::{BoxError, DisplayErrorContext};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use lightsail_snapshot_copier::{Lightsail, Region};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Error;

/// How the name of everything starts that a check makes.
pub const PREFIX: &str = "account-check-";
/// The key of the tag of everything that a check makes and can tag.
pub const TAG: &str = "snapshot-copier:account-check";

/// Twice the time that copies of a few gigabytes have taken.
const LOOKS: usize = 1800;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// A call and its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    pub region: String,
    pub operation: String,
    pub request: Value,
    /// `None`: no answer.
    pub status: Option<u16>,
    /// The header `x-amzn-errortype`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    pub answer: Value,
}

impl Call {
    pub fn is_accepted(&self) -> bool {
        self.status == Some(200)
    }

    /// The resource of a look-up: the only member of its answer.
    pub fn item(&self) -> &Value {
        let members = self.answer.as_object();
        members
            .and_then(|all| all.values().next())
            .unwrap_or(&Value::Null)
    }

    /// The state of the resource of a look-up.
    pub fn state(&self) -> &str {
        let state = &self.item()["state"];
        let name = state.as_str().or_else(|| state["name"].as_str());
        name.unwrap_or("not found")
    }

    /// The status and the first Operation, or the error.
    pub fn summary(&self) -> String {
        let text = |member: &str| self.answer[member].as_str();
        let Some(status) = self.status else {
            return format!("no answer: {}", text("message").unwrap_or_default());
        };
        if status == 200 {
            let operation = &self.answer["operations"][0];
            let members = ["status", "errorCode", "errorDetails", "operationDetails"];
            let members = members
                .iter()
                .filter_map(|member| operation[member].as_str());
            return ["200"]
                .into_iter()
                .chain(members)
                .collect::<Vec<_>>()
                .join(" ");
        }
        let name = text("__type").unwrap_or("without __type");
        let code = text("code").map(|code| format!(" (code {code})"));
        let message = text("message").or_else(|| text("Message"));
        let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
        format!("{status} {name}{code}: {message}")
    }
}

/// Every attempt of a call. It listens to all clients of a check, also to the function's own.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Call>>>);

/// The place of the current attempt.
#[derive(Debug)]
struct Place(usize);

impl Storable for Place {
    type Storer = StoreReplace<Self>;
}

impl Log {
    pub fn since(&self, start: usize) -> Vec<Call> {
        self.0.lock().unwrap()[start..].to_vec()
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn json_of(body: Option<&[u8]>) -> Value {
    let body = body.unwrap_or_default();
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}

impl Intercept for Log {
    fn name(&self) -> &'static str {
        "account"
    }

    fn read_before_transmit(
        &self,
        context: &Sent<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let region = cfg.load::<config::Region>().map(ToString::to_string);
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let mut calls = self.0.lock().unwrap();
        cfg.interceptor_state().store_put(Place(calls.len()));
        calls.push(Call {
            region: region.unwrap_or_default(),
            operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
            request: json_of(request.body().bytes()),
            ..Call::default()
        });
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &Answered<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (response, place) = (
            context.response(),
            cfg.load::<Place>().expect("it was sent"),
        );
        let call = &mut self.0.lock().unwrap()[place.0];
        call.status = Some(response.status().as_u16());
        call.error_type = response
            .headers()
            .get("x-amzn-errortype")
            .map(str::to_owned);
        call.answer = json_of(response.body().bytes());
        Ok(())
    }
}

/// A fact, as an account shows it.
#[derive(Clone, Debug)]
pub struct Fact {
    pub name: String,
    /// The emulator's option, if it can show other answers.
    pub option: Option<&'static str>,
    pub answer: String,
}

/// A check of one account: Lightsail's, or an emulator.
pub struct Check {
    pub from: Region,
    pub to: Region,
    /// What the names of this run have in common, so that the names of an earlier one do not matter.
    run: String,
    config: Builder,
    pub lightsail: Lightsail,
    pub log: Log,
    facts: Mutex<Vec<Fact>>,
}

impl Check {
    pub fn new(config: Builder, from: Region, to: Region) -> Self {
        let log = Log::default();
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(10));
        let config = config
            .interceptor(log.clone())
            .timeout_config(timeouts.build());
        Self {
            from,
            to,
            run: format!("{PREFIX}{}", jiff::Timestamp::now().as_second()),
            lightsail: Lightsail::new(config.clone(), 1),
            config,
            log,
            facts: Mutex::default(),
        }
    }

    pub fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.run)
    }

    pub fn fact(&self, name: impl Into<String>, option: Option<&'static str>, answer: String) {
        let (name, answer) = (name.into(), self.mask(&answer));
        println!("  {name}: {answer}");
        self.facts.lock().unwrap().push(Fact {
            name,
            option,
            answer,
        });
    }

    pub fn facts(&self) -> Vec<Fact> {
        self.facts.lock().unwrap().clone()
    }

    /// Calls any operation. The SDK sends it in place of another one, so that requests and answers are
    /// JSON here as they are on the wire.
    pub async fn call(&self, region: Region, operation: &str, body: Value) -> Call {
        let region = config::Region::from_static(region.as_str());
        let client = Client::from_conf(self.config.clone().region(region).build());
        let (target, body) = (format!("Lightsail_20161128.{operation}"), body.to_string());
        let request = client
            .get_regions()
            .customize()
            .mutate_request(move |request| {
                request.headers_mut().insert("x-amz-target", target.clone());
                let length = body.len().to_string();
                request.headers_mut().insert("content-length", length);
                *request.body_mut() = SdkBody::from(&*body);
            });
        let start = self.log.len();
        let result = request.send().await;
        let mut call = self.log.since(start).pop().unwrap_or_default();
        if let (Err(error), None) = (result, call.status) {
            call.answer = json!({ "message": DisplayErrorContext(&error).to_string() });
        }
        call
    }

    /// The same for a call without which the check cannot go on.
    pub async fn need(&self, region: Region, operation: &str, body: Value) -> Result<Call, Error> {
        let call = self.call(region, operation, body).await;
        match call.is_accepted() {
            true => Ok(call),
            false => Err(format!("{operation} in {region}: {}", call.summary()).into()),
        }
    }

    /// Looks up an `Instance`, `Disk`, `InstanceSnapshot` or `DiskSnapshot`.
    pub async fn get(&self, region: Region, kind: &str, name: &str) -> Call {
        let request = json!({ format!("{}Name", member(kind)): name });
        self.call(region, &format!("Get{kind}"), request).await
    }

    pub async fn delete(&self, region: Region, kind: &str, name: &str) -> Call {
        let request = json!({ format!("{}Name", member(kind)): name });
        self.call(region, &format!("Delete{kind}"), request).await
    }

    /// Waits until something can be used.
    pub async fn ready(&self, region: Region, kind: &str, name: &str) -> Result<Call, Error> {
        let is_settled =
            |call: &Call| ["available", "completed", "running", "error"].contains(&call.state());
        self.until(region, kind, name, is_settled).await
    }

    pub async fn until(
        &self,
        region: Region,
        kind: &str,
        name: &str,
        is_done: impl Fn(&Call) -> bool,
    ) -> Result<Call, Error> {
        for _ in 0..LOOKS {
            let call = self.get(region, kind, name).await;
            if is_done(&call) {
                return Ok(call);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Err(format!("{name} does not get ready").into())
    }

    /// Without account numbers, addresses, principals and the time in the names of this run.
    pub fn mask(&self, text: &str) -> String {
        let text = text.replace(&self.run, PREFIX.trim_end_matches('-'));
        let words = text.split(' ').map(|word| {
            let bare = word.trim_matches(|c: char| !c.is_ascii_hexdigit() && c != ':');
            match bare.parse::<IpAddr>() {
                Ok(_) => word.replace(bare, "ADDRESS"),
                Err(_) if [":iam::", ":sts::"].iter().any(|s| word.contains(s)) => {
                    "PRINCIPAL".into()
                }
                Err(_) => without_account_numbers(word),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    pub fn masked(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.mask(text).into(),
            Value::Array(items) => items.iter().map(|item| self.masked(item)).collect(),
            Value::Object(members) => {
                let members = members.iter().map(|(key, value)| match &**key {
                    "sshKeyName" | "username" => (key.clone(), "NAME".into()),
                    _ => (key.clone(), self.masked(value)),
                });
                Value::Object(members.collect())
            }
            _ => value.clone(),
        }
    }
}

/// Account numbers have twelve digits.
fn without_account_numbers(word: &str) -> String {
    let is_digit = |c: &char| c.is_ascii_digit();
    let chars: Vec<char> = word.chars().collect();
    let runs = chars.chunk_by(|a, b| is_digit(a) == is_digit(b));
    let runs = runs.map(|run| match run.len() == 12 && is_digit(&run[0]) {
        true => "0".repeat(12),
        false => run.iter().collect(),
    });
    runs.collect()
}

/// `DiskSnapshot` as a member of JSON: `diskSnapshot`.
pub fn member(kind: &str) -> String {
    kind[..1].to_lowercase() + &kind[1..]
}
