//! AWS's side: a client per Region, retries, and the service's errors put in classes.
//!
//! The SDK signs, sends and decodes. Retries are made here, and the SDK's are switched off,
//! because three things are needed that its retry strategy does not give: retries for as long as
//! the invocation's deadline allows and not a moment longer; the service's last answer, rather
//! than a bare time-out, when time is up; and jitter that a simulation can seed and replay.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_lightsail::Client;
use aws_sdk_lightsail::config::retry::RetryConfig;
use aws_sdk_lightsail::config::timeout::TimeoutConfig;
use aws_sdk_lightsail::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lightsail::operation::RequestId;
use aws_sdk_lightsail::primitives::DateTime;
use aws_sdk_lightsail::types::{
    AddOn, AutoSnapshotStatus, DiskSnapshot, DiskSnapshotState, InstanceSnapshot,
    InstanceSnapshotState, Operation, Tag,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::civil::Date;
use jiff::{Timestamp, Unit};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use crate::client::CredentialsCache;
use crate::region::Region;
use crate::request::{Copy, Source, parse_date};

/// How many calls are under way at once in one Region.
pub const CALLS_AT_ONCE: usize = 8;

/// How long one attempt of a call may take. Lightsail answers within a second or two.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The pause before the first retry, doubled for each further one up to the longest, jittered.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often a call is attempted that gets no answer. (One that is answered with throttling or a
/// fault of the service's is attempted while there is time.)
const UNANSWERED_ATTEMPTS: u32 = 5;

/// Lightsail in every Region.
#[derive(Debug)]
pub struct Lightsail {
    config: aws_sdk_lightsail::Config,
    credentials: CredentialsCache,
    regions: Mutex<BTreeMap<Region, Arc<Endpoint>>>,
    jitter: Mutex<fastrand::Rng>,
    calls: AtomicU64,
    throttles: AtomicU64,
}

/// Lightsail in one Region.
#[derive(Debug)]
struct Endpoint {
    client: Client,
    calls: Semaphore,
}

impl Lightsail {
    /// Clients with the credentials, endpoint and HTTP client of `config`; its Region, retries
    /// and timeouts are not used. `seed` determines the jitter of retries.
    pub fn new(config: aws_sdk_lightsail::config::Builder, seed: u64) -> Self {
        let credentials = CredentialsCache::default();
        Self {
            config: config
                .retry_config(RetryConfig::disabled())
                .timeout_config(TimeoutConfig::disabled())
                .identity_cache(credentials.clone())
                .build(),
            credentials,
            regions: Mutex::default(),
            jitter: Mutex::new(fastrand::Rng::with_seed(seed)),
            calls: AtomicU64::new(0),
            throttles: AtomicU64::new(0),
        }
    }

    /// The client of a Region, made when the Region is first used and kept from then on.
    fn endpoint(&self, region: Region) -> Arc<Endpoint> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoint = regions.entry(region).or_insert_with(|| {
            let region = aws_sdk_lightsail::config::Region::from_static(region.as_str());
            let config = self.config.to_builder().region(region).build();
            Arc::new(Endpoint {
                client: Client::from_conf(config),
                calls: Semaphore::new(CALLS_AT_ONCE),
            })
        });
        Arc::clone(endpoint)
    }

    /// Makes the client of a Region ready before it is needed.
    pub fn prepare(&self, region: Region) {
        self.endpoint(region);
    }

    /// How many calls were made since this was last asked, each attempt counted.
    pub fn take_calls(&self) -> u64 {
        self.calls.swap(0, Ordering::Relaxed)
    }

    /// How many answers said "throttled" since this was last asked.
    pub fn take_throttles(&self) -> u64 {
        self.throttles.swap(0, Ordering::Relaxed)
    }

    /// [CopySnapshot] in the copy's destination; the Operations that it started.
    ///
    /// [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html
    pub async fn copy_snapshot(
        &self,
        copy: &Copy,
        deadline: Instant,
    ) -> Result<Vec<Operation>, Failure> {
        let answer = self
            .call("CopySnapshot", copy.destination, deadline, |client| {
                let request = client
                    .copy_snapshot()
                    .source_region(copy.source_region.as_str().into())
                    .target_snapshot_name(copy.target.as_str());
                match &copy.source {
                    Source::Manual { snapshot } => request.source_snapshot_name(snapshot),
                    Source::Dated { resource, date } => request
                        .source_resource_name(resource)
                        .restore_date(date.to_string()),
                    Source::Latest { resource } => request
                        .source_resource_name(resource)
                        .use_latest_restorable_auto_snapshot(true),
                }
                .send()
            })
            .await?;
        accepted("CopySnapshot", answer.operations)
    }

    /// The snapshot of that name, of an instance ([GetInstanceSnapshot]) or of a disk
    /// ([GetDiskSnapshot]), if there is one.
    ///
    /// [GetInstanceSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceSnapshot.html
    /// [GetDiskSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDiskSnapshot.html
    pub async fn find_snapshot(
        &self,
        region: Region,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Snapshot>, Failure> {
        let of_instance = self
            .call("GetInstanceSnapshot", region, deadline, |client| {
                client
                    .get_instance_snapshot()
                    .instance_snapshot_name(name)
                    .send()
            })
            .await;
        match of_instance {
            Ok(answer) => {
                return found("GetInstanceSnapshot", answer.instance_snapshot).map(Some);
            }
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => return Err(failure),
        }
        let of_disk = self
            .call("GetDiskSnapshot", region, deadline, |client| {
                client.get_disk_snapshot().disk_snapshot_name(name).send()
            })
            .await;
        match of_disk {
            Ok(answer) => found("GetDiskSnapshot", answer.disk_snapshot).map(Some),
            Err(failure) if failure.class == Class::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether what a copy names as its source is there to be copied: a manual snapshot, or an
    /// automatic one that can be restored.
    pub async fn has_source(&self, copy: &Copy, deadline: Instant) -> Result<bool, Failure> {
        let (resource, date) = match &copy.source {
            Source::Manual { snapshot } => {
                let found = self.find_snapshot(copy.source_region, snapshot, deadline);
                return Ok(found.await?.is_some());
            }
            Source::Dated { resource, date } => (resource, Some(*date)),
            Source::Latest { resource } => (resource, None),
        };
        let recovery_points = self
            .recovery_points(copy.source_region, resource, deadline)
            .await?;
        Ok(recovery_points
            .iter()
            .any(|point| point.restorable && date.is_none_or(|date| date == point.date)))
    }

    /// The automatic snapshots of an instance or disk ([GetAutoSnapshots]).
    ///
    /// [GetAutoSnapshots]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetAutoSnapshots.html
    pub async fn recovery_points(
        &self,
        region: Region,
        resource: &str,
        deadline: Instant,
    ) -> Result<Vec<RecoveryPoint>, Failure> {
        let answer = self
            .call("GetAutoSnapshots", region, deadline, |client| {
                client.get_auto_snapshots().resource_name(resource).send()
            })
            .await?;
        let lightsails = answer.request_id().is_some();
        let snapshots = listed("GetAutoSnapshots", answer.auto_snapshots, lightsails)?;
        Ok(snapshots
            .into_iter()
            .filter_map(|snapshot| {
                Some(RecoveryPoint {
                    date: parse_date(snapshot.date.as_deref()?).ok()?,
                    created_at: snapshot.created_at.as_ref().and_then(timestamp),
                    restorable: snapshot.status == Some(AutoSnapshotStatus::Success),
                })
            })
            .collect())
    }

    /// All instances ([GetInstances]) or disks ([GetDisks]) of a Region.
    ///
    /// [GetInstances]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstances.html
    /// [GetDisks]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDisks.html
    pub async fn resources(
        &self,
        region: Region,
        kind: ResourceKind,
        deadline: Instant,
    ) -> Result<Vec<Resource>, Failure> {
        let mut all = Vec::new();
        let mut pages = Pages::default();
        loop {
            let token = pages.next.clone();
            let (operation, next) = match kind {
                ResourceKind::Instance => {
                    let operation = "GetInstances";
                    let answer = self
                        .call(operation, region, deadline, |client| {
                            client.get_instances().set_page_token(token.clone()).send()
                        })
                        .await?;
                    let lightsails = answer.request_id().is_some();
                    let instances = listed(operation, answer.instances, lightsails)?;
                    all.extend(instances.into_iter().map(|instance| Resource {
                        name: instance.name.unwrap_or_default(),
                        tags: tag_map(instance.tags),
                        automatic_snapshots: automatic_snapshots(instance.add_ons),
                    }));
                    (operation, answer.next_page_token)
                }
                ResourceKind::Disk => {
                    let operation = "GetDisks";
                    let answer = self
                        .call(operation, region, deadline, |client| {
                            client.get_disks().set_page_token(token.clone()).send()
                        })
                        .await?;
                    let lightsails = answer.request_id().is_some();
                    let disks = listed(operation, answer.disks, lightsails)?;
                    all.extend(disks.into_iter().map(|disk| Resource {
                        name: disk.name.unwrap_or_default(),
                        tags: tag_map(disk.tags),
                        automatic_snapshots: automatic_snapshots(disk.add_ons),
                    }));
                    (operation, answer.next_page_token)
                }
            };
            if !pages.turn(operation, next)? {
                return Ok(all);
            }
        }
    }

    /// Hands every manual snapshot of a Region to `each`, those of instances
    /// ([GetInstanceSnapshots]) or of disks ([GetDiskSnapshots]), page by page.
    ///
    /// [GetInstanceSnapshots]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceSnapshots.html
    /// [GetDiskSnapshots]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDiskSnapshots.html
    pub async fn snapshots(
        &self,
        region: Region,
        kind: ResourceKind,
        deadline: Instant,
        mut each: impl FnMut(Snapshot),
    ) -> Result<(), Failure> {
        let mut pages = Pages::default();
        loop {
            let token = pages.next.clone();
            let (operation, next) = match kind {
                ResourceKind::Instance => {
                    let operation = "GetInstanceSnapshots";
                    let answer = self
                        .call(operation, region, deadline, |client| {
                            let list = client.get_instance_snapshots();
                            list.set_page_token(token.clone()).send()
                        })
                        .await?;
                    let lightsails = answer.request_id().is_some();
                    let snapshots = listed(operation, answer.instance_snapshots, lightsails)?;
                    snapshots
                        .into_iter()
                        .map(Snapshot::from)
                        .for_each(&mut each);
                    (operation, answer.next_page_token)
                }
                ResourceKind::Disk => {
                    let operation = "GetDiskSnapshots";
                    let answer = self
                        .call(operation, region, deadline, |client| {
                            let list = client.get_disk_snapshots();
                            list.set_page_token(token.clone()).send()
                        })
                        .await?;
                    let lightsails = answer.request_id().is_some();
                    let snapshots = listed(operation, answer.disk_snapshots, lightsails)?;
                    snapshots
                        .into_iter()
                        .map(Snapshot::from)
                        .for_each(&mut each);
                    (operation, answer.next_page_token)
                }
            };
            if !pages.turn(operation, next)? {
                return Ok(());
            }
        }
    }

    /// Gives a snapshot tags ([TagResource]); tags of other keys stay.
    ///
    /// [TagResource]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_TagResource.html
    pub async fn tag_snapshot(
        &self,
        region: Region,
        name: &str,
        tags: &[(&str, String)],
        deadline: Instant,
    ) -> Result<(), Failure> {
        let answer = self
            .call("TagResource", region, deadline, |client| {
                let mut request = client.tag_resource().resource_name(name);
                for (key, value) in tags {
                    request = request.tags(Tag::builder().key(*key).value(value).build());
                }
                request.send()
            })
            .await?;
        accepted("TagResource", answer.operations).map(|_operations| ())
    }

    /// Deletes a snapshot, of an instance ([DeleteInstanceSnapshot]) or a disk
    /// ([DeleteDiskSnapshot]); the Operations that it started, none if it was gone already.
    ///
    /// [DeleteInstanceSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstanceSnapshot.html
    /// [DeleteDiskSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDiskSnapshot.html
    pub async fn delete_snapshot(
        &self,
        region: Region,
        kind: ResourceKind,
        name: &str,
        tries: Tries,
        deadline: Instant,
    ) -> Result<Vec<Operation>, Failure> {
        let (operation, deleted) = match kind {
            ResourceKind::Instance => {
                let operation = "DeleteInstanceSnapshot";
                let deleted = self
                    .try_call(operation, region, tries, deadline, |client| {
                        let request = client.delete_instance_snapshot();
                        request.instance_snapshot_name(name).send()
                    })
                    .await;
                (operation, deleted.map(|answer| answer.operations))
            }
            ResourceKind::Disk => {
                let operation = "DeleteDiskSnapshot";
                let deleted = self
                    .try_call(operation, region, tries, deadline, |client| {
                        let request = client.delete_disk_snapshot();
                        request.disk_snapshot_name(name).send()
                    })
                    .await;
                (operation, deleted.map(|answer| answer.operations))
            }
        };
        match deleted {
            Ok(operations) => accepted(operation, operations),
            Err(failure) if failure.class == Class::NotFound => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    /// Makes a call until it is answered for good, or `deadline` leaves no time for more.
    async fn call<T, E, F>(
        &self,
        operation: &'static str,
        region: Region,
        deadline: Instant,
        send: impl Fn(&Client) -> F,
    ) -> Result<T, Failure>
    where
        E: Error + ProvideErrorMetadata + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.try_call(operation, region, Tries::WhileTheyHelp, deadline, send)
            .await
    }

    async fn try_call<T, E, F>(
        &self,
        operation: &'static str,
        region: Region,
        tries: Tries,
        deadline: Instant,
        send: impl Fn(&Client) -> F,
    ) -> Result<T, Failure>
    where
        E: Error + ProvideErrorMetadata + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let endpoint = self.endpoint(region);
        let Ok(Ok(_turn)) = timeout_at(deadline, endpoint.calls.acquire()).await else {
            return Err(Failure::no_time(operation, region));
        };
        let mut last: Option<Failure> = None;
        let mut may_have_happened = false;
        let mut signed_anew = false;
        let mut attempt = 1;
        loop {
            let started = Instant::now();
            let until = deadline.min(started + ATTEMPT);
            if started >= deadline {
                return Err(last.unwrap_or_else(|| Failure::no_time(operation, region)));
            }
            self.calls.fetch_add(1, Ordering::Relaxed);
            let attempted = timeout_at(until, pin!(send(&endpoint.client))).await;
            let mut failure = match attempted {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => Failure::of(&error),
                Err(_elapsed) => match last.take() {
                    // What was answered before says more than that time is up.
                    Some(last) if until == deadline => Failure {
                        class: Class::NoTime,
                        may_have_happened: true,
                        ..last
                    },
                    _ => Failure::unanswered(started.elapsed(), until == deadline),
                },
            };
            may_have_happened |= failure.may_have_happened;
            failure.may_have_happened = may_have_happened;
            if failure.class == Class::Throttled {
                self.throttles.fetch_add(1, Ordering::Relaxed);
            }
            if EXPIRED.contains(&failure.code.as_str()) {
                self.credentials.clear();
            }
            let again = match failure.class {
                _ if tries == Tries::One => false,
                Class::Throttled | Class::ServiceFault => true,
                Class::NoAnswer => attempt < UNANSWERED_ATTEMPTS,
                // Once: with fresh credentials, or by the service's own clock, which the SDK has
                // learnt from the refusal.
                Class::OutOfDate => !std::mem::replace(&mut signed_anew, true),
                _ => false,
            };
            let pause = self.pause_before(attempt);
            debug!(
                event = "attempt_failed",
                operation,
                region = region.as_str(),
                attempt,
                errorCode = failure.code,
                errorMessage = failure.message,
                durationMs = started.elapsed().as_millis() as u64,
            );
            if !again || Instant::now() + pause >= deadline {
                return Err(failure);
            }
            last = Some(failure);
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// How long to wait after the given failed attempt: between half and the whole of a pause
    /// that doubles, so that callers refused together do not come back together.
    fn pause_before(&self, attempt: u32) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let longest = doubled.min(LONGEST_PAUSE);
        let share = {
            let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
            jitter.f64()
        };
        longest.mul_f64(0.5 + share / 2.0)
    }
}

/// How far a list has been read.
#[derive(Debug, Default)]
struct Pages {
    next: Option<String>,
    asked: HashSet<String>,
}

impl Pages {
    /// Whether there is another page, given the token that came with the last one. A list that
    /// begins again would never end.
    fn turn(&mut self, operation: &str, token: Option<String>) -> Result<bool, Failure> {
        // Some services end a list with an empty token.
        let token = token.filter(|token| !token.is_empty());
        if let Some(token) = &token
            && !self.asked.insert(token.clone())
        {
            return Err(Failure::not_lightsails(format!(
                "{operation} gave the token of a page that was read already: the list begins again"
            )));
        }
        self.next = token;
        Ok(self.next.is_some())
    }
}

/// The Operations of a call that changes something. The SDK reads an answer without any content
/// as one without operations, and somebody else's JSON too. Neither says that it was accepted.
fn accepted(
    operation: &str,
    operations: Option<Vec<Operation>>,
) -> Result<Vec<Operation>, Failure> {
    operations.ok_or_else(|| {
        Failure::not_lightsails(format!(
            "the answer to {operation} has no operations; it may not be Lightsail's"
        ))
    })
}

/// The snapshot that was asked for. That there is none, Lightsail says with an error.
fn found<T>(operation: &str, snapshot: Option<T>) -> Result<Snapshot, Failure>
where
    Snapshot: From<T>,
{
    snapshot.map(Snapshot::from).ok_or_else(|| {
        Failure::not_lightsails(format!(
            "the answer to {operation} has no snapshot; it may not be Lightsail's"
        ))
    })
}

/// A list, as it was answered. `{}` is an empty one where Lightsail says so, who gives every answer
/// an id. From anybody else, a proxy's greeting for one, it would make sources or copies vanish.
fn listed<T>(operation: &str, list: Option<Vec<T>>, lightsails: bool) -> Result<Vec<T>, Failure> {
    match list {
        Some(list) => Ok(list),
        None if lightsails => Ok(Vec::new()),
        None => Err(Failure::not_lightsails(format!(
            "the answer to {operation} has no list and no request id; it is not Lightsail's"
        ))),
    }
}

/// How often a call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// Once: to say it again later could mean something else.
    One,
    /// As long as trying again helps and there is time.
    WhileTheyHelp,
}

/// Why a call did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Lightsail's own error code, or one of this function's: `Timeout`, `ConnectionFailure`,
    /// `NameInUse`, `CopyErrored`.
    pub code: String,
    /// What happened, for a person.
    pub message: String,
    /// What kind of failure it is, which decides what is done about it.
    pub class: Class,
    /// Whether the call may have had its effect all the same: its answer was lost, or the service
    /// failed in the middle of it.
    pub may_have_happened: bool,
}

/// The kinds of failure that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Too many requests; later ones will pass.
    Throttled,
    /// A fault on Lightsail's side (HTTP 5xx).
    ServiceFault,
    /// No answer, or none that can be read.
    NoAnswer,
    /// The deadline came before the call was made or answered.
    NoTime,
    /// As many copies are in progress in the destination as Lightsail allows.
    TooManyCopies,
    /// Something has the copy's name already.
    NameTaken,
    /// There is no such resource.
    NotFound,
    /// Refused for a reason that passes by itself: an account or Region being set up.
    NotYet,
    /// Refused because of the signature's date or the age of the credentials. Signed anew it may
    /// pass.
    OutOfDate,
    /// Refused for good.
    Refused,
}

/// The codes of refusals that pass by themselves.
const NOT_YET: &[&str] = &[
    "AccountSetupInProgressException",
    "RegionSetupInProgressException",
];

/// The codes with which AWS services say "these credentials have expired".
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException"];

/// The codes with which they say "your clock is wrong", of which there is one more that says so
/// in its message only.
const SKEWED: &[&str] = &["RequestExpired", "RequestTimeTooSkewed"];

impl Failure {
    /// Whether the same request may succeed later, without anybody changing anything.
    pub fn retryable(&self) -> bool {
        match self.class {
            Class::Throttled
            | Class::ServiceFault
            | Class::NoAnswer
            | Class::NoTime
            | Class::TooManyCopies
            | Class::NotYet
            | Class::OutOfDate => true,
            Class::NameTaken | Class::NotFound | Class::Refused => false,
        }
    }

    /// A failure that was found out rather than answered by Lightsail, and that stands until somebody changes something.
    pub fn found(code: &str, message: String) -> Self {
        Self {
            code: code.to_owned(),
            message,
            class: Class::Refused,
            may_have_happened: false,
        }
    }

    /// An answer that may well be somebody else's, so that what was asked may have happened or not.
    fn not_lightsails(message: impl Into<String>) -> Self {
        Self {
            code: "ConnectionFailure".to_owned(),
            message: message.into(),
            class: Class::NoAnswer,
            may_have_happened: true,
        }
    }

    fn no_time(operation: &str, region: Region) -> Self {
        Self {
            code: "Timeout".to_owned(),
            message: format!("no time was left to call {operation} in {region}"),
            class: Class::NoTime,
            may_have_happened: false,
        }
    }

    fn unanswered(waited: Duration, out_of_time: bool) -> Self {
        Self {
            code: "Timeout".to_owned(),
            message: format!(
                "Lightsail did not answer within {:.1} s",
                waited.as_secs_f64()
            ),
            class: if out_of_time {
                Class::NoTime
            } else {
                Class::NoAnswer
            },
            may_have_happened: true,
        }
    }

    /// What the SDK's error says, in this function's terms.
    fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let (code, class, may_have_happened) = match error {
            SdkError::TimeoutError(_) => ("Timeout", Class::NoAnswer, true),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                ("Timeout", Class::NoAnswer, false)
            }
            // Whatever breaks off here may have done so after the request was sent, an answer cut
            // short among it, which the SDK counts neither as I/O nor as time-out.
            SdkError::DispatchFailure(failure) if !failure.is_user() => {
                ("ConnectionFailure", Class::NoAnswer, true)
            }
            SdkError::ServiceError(answered) => {
                return Self::answered(answered.err(), answered.raw().status().as_u16());
            }
            SdkError::ResponseError(answered) => {
                let status = answered.raw().status().as_u16();
                let class = if status >= 500 {
                    Class::ServiceFault
                } else {
                    Class::NoAnswer
                };
                return Self {
                    code: "ConnectionFailure".to_owned(),
                    message: format!(
                        "HTTP status {status}, not as Lightsail answers: {}",
                        chain(error)
                    ),
                    class,
                    may_have_happened: true,
                };
            }
            // Nothing was sent, because the request could not be made at all.
            _ => ("ConnectionFailure", Class::Refused, false),
        };
        Self {
            code: code.to_owned(),
            message: chain(error),
            class,
            may_have_happened,
        }
    }

    /// What Lightsail itself, or what stands before it, answered.
    fn answered<E: ProvideErrorMetadata>(error: &E, status: u16) -> Self {
        let fault = status >= 500;
        // An empty header or member says nothing either.
        let said = |text: Option<&str>| {
            text.filter(|text| !text.trim().is_empty())
                .map(str::to_owned)
        };
        let said_code = said(error.code());
        let has_code = said_code.is_some();
        let code = match said_code {
            Some(code) => code,
            None if fault => "ServiceException".to_owned(),
            None if status == 429 => "ThrottlingException".to_owned(),
            None => "ConnectionFailure".to_owned(),
        };
        let message = said(error.message())
            .unwrap_or_else(|| format!("HTTP status {status}, without a message"));
        let lower = message.to_ascii_lowercase();
        let class = if lower.contains("too many snapshot copies in progress") {
            Class::TooManyCopies
        } else if lower.contains("already in use") || lower.contains("already exists") {
            Class::NameTaken
        } else if THROTTLING_ERRORS.contains(&code.as_str()) || status == 429 {
            Class::Throttled
        } else if fault {
            Class::ServiceFault
        } else if NOT_YET.contains(&code.as_str()) {
            Class::NotYet
        } else if EXPIRED.contains(&code.as_str())
            || SKEWED.contains(&code.as_str())
            || lower.starts_with("signature expired")
            || lower.starts_with("signature not yet current")
        {
            Class::OutOfDate
        } else if code == "NotFoundException" {
            Class::NotFound
        } else if !has_code && status < 400 {
            Class::NoAnswer
        } else {
            Class::Refused
        };
        Self {
            code,
            message,
            class,
            may_have_happened: matches!(class, Class::ServiceFault | Class::NoAnswer),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
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

/// What a snapshot was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A virtual private server.
    Instance,
    /// A block storage disk.
    Disk,
}

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotState {
    /// Being made.
    Pending,
    /// Ready to make an instance or disk from.
    Available,
    /// It could not be made, and never will be.
    Error,
}

impl ResourceKind {
    /// The kind's name in the API: `Instance` or `Disk`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "Instance",
            Self::Disk => "Disk",
        }
    }
}

/// An instance or disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name, unique in its Region.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether Lightsail makes automatic snapshots of it.
    pub automatic_snapshots: bool,
}

/// An automatic snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// The day that it is of.
    pub date: Date,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Whether it is complete, so that it can be restored or copied.
    pub restorable: bool,
}

/// A manual snapshot, as a copy is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, unique in its Region.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it was made from.
    pub kind: ResourceKind,
    /// How far it is.
    pub state: SnapshotState,
    /// The name of the instance or disk that it, or what it was copied from, was made from.
    pub from: Option<String>,
    /// The Region of that instance or disk, where its ARN is known.
    pub from_region: Option<String>,
}

impl From<InstanceSnapshot> for Snapshot {
    fn from(snapshot: InstanceSnapshot) -> Self {
        Self {
            name: snapshot.name.unwrap_or_default(),
            tags: tag_map(snapshot.tags),
            kind: ResourceKind::Instance,
            state: match snapshot.state {
                Some(InstanceSnapshotState::Available) => SnapshotState::Available,
                Some(InstanceSnapshotState::Error) => SnapshotState::Error,
                _ => SnapshotState::Pending,
            },
            from_region: arn_region(snapshot.from_instance_arn.as_deref()),
            from: snapshot.from_instance_name,
        }
    }
}

impl From<DiskSnapshot> for Snapshot {
    fn from(snapshot: DiskSnapshot) -> Self {
        let arn = snapshot.from_disk_arn.or(snapshot.from_instance_arn);
        Self {
            name: snapshot.name.unwrap_or_default(),
            tags: tag_map(snapshot.tags),
            kind: ResourceKind::Disk,
            state: match snapshot.state {
                Some(DiskSnapshotState::Completed) => SnapshotState::Available,
                Some(DiskSnapshotState::Error) => SnapshotState::Error,
                Some(other) if other.as_str() == "available" => SnapshotState::Available,
                _ => SnapshotState::Pending,
            },
            from_region: arn_region(arn.as_deref()),
            from: snapshot.from_disk_name.or(snapshot.from_instance_name),
        }
    }
}

/// The Region in an ARN: `arn:aws:lightsail:us-west-2:111122223333:Instance/…`.
fn arn_region(arn: Option<&str>) -> Option<String> {
    arn?.split(':')
        .nth(3)
        .filter(|region| !region.is_empty())
        .map(str::to_owned)
}

/// Tags as a map; a tag without a value has an empty one.
fn tag_map(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

/// Whether the add-on that makes automatic snapshots is on.
fn automatic_snapshots(add_ons: Option<Vec<AddOn>>) -> bool {
    add_ons.unwrap_or_default().iter().any(|add_on| {
        add_on.name.as_deref() == Some("AutoSnapshot")
            && add_on
                .status
                .as_deref()
                .is_some_and(|status| status != "Disabled")
    })
}

/// A time of the API's. It sends seconds as a floating-point number, so what is below a
/// millisecond is noise, and is rounded rather than cut.
pub fn timestamp(time: &DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    let time = Timestamp::new(time.secs(), nanoseconds).ok()?;
    time.round(Unit::Millisecond).ok()
}

#[cfg(test)]
mod tests {
    use aws_sdk_lightsail::error::ErrorMetadata;
    use proptest::prelude::*;

    use super::*;

    fn answered(status: u16, code: Option<&str>, message: &str) -> Failure {
        let mut error = ErrorMetadata::builder().message(message);
        if let Some(code) = code {
            error = error.code(code);
        }
        Failure::answered(&error.build(), status)
    }

    #[test]
    fn a_refusal_is_classed_by_its_wording_code_and_status() {
        let limit =
            "Too many snapshot copies in progress. The limit is 5 for this destination region.";
        for (status, code, message, class) in [
            (
                400,
                "InvalidInputException",
                "Some names are already in use: x",
                Class::NameTaken,
            ),
            (
                400,
                "OperationFailureException",
                "A snapshot x already exists.",
                Class::NameTaken,
            ),
            (400, "ResourceLimitExceeded", limit, Class::TooManyCopies),
            (400, "ThrottlingException", limit, Class::TooManyCopies),
            (
                400,
                "ThrottlingException",
                "Rate exceeded",
                Class::Throttled,
            ),
            (429, "AnythingAtAll", "Rate exceeded", Class::Throttled),
            (503, "SlowDown", "Please", Class::Throttled),
            (500, "ServiceException", "", Class::ServiceFault),
            (599, "AnythingAtAll", "", Class::ServiceFault),
            (400, "NotFoundException", "", Class::NotFound),
            (400, "AccountSetupInProgressException", "", Class::NotYet),
            (400, "RegionSetupInProgressException", "", Class::NotYet),
            (400, "ExpiredTokenException", "", Class::OutOfDate),
            (403, "RequestTimeTooSkewed", "", Class::OutOfDate),
            (
                403,
                "InvalidSignatureException",
                "Signature expired: 20261122T000000Z is now earlier than 20261122T010000Z",
                Class::OutOfDate,
            ),
            (
                403,
                "InvalidSignatureException",
                "Signature not yet current: 20261122T010000Z is still later than 20261122T000000Z",
                Class::OutOfDate,
            ),
            (
                403,
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
                Class::Refused,
            ),
            (400, "AccessDeniedException", "", Class::Refused),
            (400, "UnauthenticatedException", "", Class::Refused),
            (400, "InvalidInputException", "", Class::Refused),
        ] {
            let failure = answered(status, Some(code), message);
            assert_eq!(failure.class, class, "{status} {code} {message}");
            assert_eq!(failure.code, code);
            let may_pass = !matches!(class, Class::NameTaken | Class::NotFound | Class::Refused);
            assert_eq!(failure.retryable(), may_pass, "{status} {code} {message}");
        }
    }

    #[test]
    fn an_empty_code_or_message_is_none() {
        for (status, code) in [
            (400, "ConnectionFailure"),
            (429, "ThrottlingException"),
            (500, "ServiceException"),
        ] {
            for nothing in ["", " "] {
                let failure = answered(status, Some(nothing), nothing);
                assert_eq!(failure, answered(status, None, nothing));
                assert_eq!(failure.code, code);
                assert_eq!(
                    failure.message,
                    format!("HTTP status {status}, without a message")
                );
            }
        }
    }

    #[test]
    fn only_what_may_have_reached_its_end_may_have_happened() {
        assert!(answered(500, Some("ServiceException"), "").may_have_happened);
        assert!(!answered(400, Some("ThrottlingException"), "").may_have_happened);
        assert!(!answered(400, Some("InvalidInputException"), "").may_have_happened);
        assert!(
            !Failure::no_time("CopySnapshot", Region::parse("us-east-1").unwrap())
                .may_have_happened
        );
        assert!(Failure::unanswered(Duration::from_secs(1), true).may_have_happened);
    }

    #[test]
    fn regions_of_arns() {
        let region = |arn| arn_region(Some(arn));
        assert_eq!(
            region("arn:aws:lightsail:us-west-2:111122223333:Instance/0710de23").as_deref(),
            Some("us-west-2")
        );
        for unknown in [
            "",
            "arn:aws:lightsail",
            "arn:aws:lightsail::111122223333:Instance/1",
        ] {
            assert_eq!(region(unknown), None);
        }
        assert_eq!(arn_region(None), None);
    }

    #[test]
    fn times_are_rounded_to_the_millisecond() {
        let text = |seconds| {
            timestamp(&DateTime::from_secs_f64(seconds))
                .unwrap()
                .to_string()
        };
        assert_eq!(text(1.56961336589E9), "2019-09-27T19:42:45.89Z");
        assert_eq!(text(1.569613921044E9), "2019-09-27T19:52:01.044Z");
        assert_eq!(text(0.9999), "1970-01-01T00:00:01Z");
        assert_eq!(timestamp(&DateTime::from_secs(i64::MAX)), None);
    }

    #[test]
    fn states_of_snapshots_of_instances_and_of_disks() {
        let instance = |state: &str| {
            Snapshot::from(InstanceSnapshot::builder().state(state.into()).build()).state
        };
        let disk =
            |state: &str| Snapshot::from(DiskSnapshot::builder().state(state.into()).build()).state;
        assert_eq!(instance("pending"), SnapshotState::Pending);
        assert_eq!(instance("available"), SnapshotState::Available);
        assert_eq!(instance("error"), SnapshotState::Error);
        assert_eq!(disk("pending"), SnapshotState::Pending);
        assert_eq!(disk("completed"), SnapshotState::Available);
        assert_eq!(disk("available"), SnapshotState::Available);
        assert_eq!(disk("error"), SnapshotState::Error);
        // A state that nobody knows yet is no backup.
        assert_eq!(disk("unknown"), SnapshotState::Pending);
        assert_eq!(instance("archived"), SnapshotState::Pending);
    }

    proptest! {
        #[test]
        fn the_limit_is_known_by_its_wording_whatever_the_code(
            code in proptest::option::of("[A-Za-z]{1,30}"), status in 400u16..600, before in "\\PC{0,20}", after in "\\PC{0,20}",
        ) {
            let message = format!("{before}Too many snapshot copies IN PROGRESS{after}");
            let failure = answered(status, code.as_deref(), &message);
            prop_assert_eq!(failure.class, Class::TooManyCopies);
            prop_assert!(failure.retryable());
        }

        #[test]
        fn faults_of_the_service_are_always_retryable(code in "[A-Za-z]{1,30}", status in 500u16..600, message in "[A-Z ]{0,20}") {
            prop_assert!(answered(status, Some(&code), &message).retryable());
        }

        #[test]
        fn pauses_grow_to_a_longest_and_are_jittered(attempt in 1u32..1000, seed in any::<u64>()) {
            let config = aws_sdk_lightsail::Config::builder().behavior_version_latest();
            let pause = Lightsail::new(config, seed).pause_before(attempt);
            let whole = (FIRST_PAUSE * 2u32.saturating_pow(attempt.min(20) - 1)).min(LONGEST_PAUSE);
            prop_assert!(whole / 2 <= pause && pause <= whole, "{attempt}: {pause:?}");
        }
    }
}
