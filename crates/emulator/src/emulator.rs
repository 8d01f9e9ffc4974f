//! The emulator behind one handle: calls, faults, inspection, edits.

use crate::error::{EditError, ServiceError};
use crate::fault::Fault;
use crate::id::Id;
use crate::operation::Operation;
use crate::protocol;
use crate::region::Region;
use crate::resource::{
    AutoSnapshot, AutoSnapshotStatus, Ending, Snapshot, SnapshotState, SourceKind, Tags,
};
use crate::signature;
use crate::state::State;
use crate::traffic::Traffic;
use crate::world::{self, World};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::{Timestamp, civil::Date};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lightsail, all Regions of it. Clones share everything.
///
/// [`Emulator::call`] is the whole service for one request; [`Emulator::start`] and [`Emulator::serve`] put it on a
/// TCP port. Faults and edits take effect at once, also while it serves.
///
/// Everything that happens is a function of the world, the clock and the requests: the same of these give the same
/// answers, ids included.
#[derive(Clone)]
pub struct Emulator {
    shared: Arc<Shared>,
}

type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;
type Hook = Box<dyn FnMut(&Call) -> Fault + Send>;
type Observer = Box<dyn FnMut(&Answered) + Send>;

/// Three locks, never held together: a hook may take its time, or look at the emulator that called it. All are plain
/// mutexes because none is held across an `await`.
struct Shared {
    clock: Clock,
    state: Mutex<State>,
    traffic: Mutex<Traffic>,
    hook: Mutex<Option<Hook>>,
    observer: Mutex<Option<Observer>>,
}

/// One call: a request that was well signed, for an operation that there is, with a JSON object as its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The Region that it was made to: the one in its signature.
    pub region: Region,
    /// The operation.
    pub operation: Operation,
    /// The parameters.
    pub body: Value,
    /// The call's number, counted from 1 over all Regions.
    pub number: u64,
}

/// How a request ended, for [`Emulator::on_answer`].
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// When it ended.
    pub at: Timestamp,
    /// The Region that it was made to; `None` if it was not well signed.
    pub region: Option<Region>,
    /// The operation; `None` if there is none of this name, or the request was not well signed.
    pub operation: Option<Operation>,
    /// The HTTP status; `None` if the connection was closed without an answer.
    pub status: Option<StatusCode>,
    /// Why it was refused, if it was.
    pub error: Option<ServiceError>,
}

/// The connection is closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed without an answer")]
pub struct Dropped;

/// A manual snapshot as it is at the moment of looking.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotView {
    /// Its name.
    pub name: String,
    /// What it is a snapshot of.
    pub kind: SourceKind,
    /// Its state.
    pub state: SnapshotState,
    /// The name of the instance or disk that it was made of.
    pub from_name: Option<String>,
    /// The Region of that instance or disk, from its ARN.
    pub from_region: Option<Region>,
    /// Its tags.
    pub tags: Tags,
    /// When it was created; for a copy, when CopySnapshot was answered.
    pub created_at: Timestamp,
    /// Whether it is a copy of an automatic snapshot.
    pub is_from_auto_snapshot: bool,
}

/// What a request came to: an answer, and the error in it if it is one.
struct Reply {
    response: Response<Bytes>,
    error: Option<ServiceError>,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("calls", &self.call_count())
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// An emulator of this world on the system's clock.
    ///
    /// # Panics
    /// If a Region of the world has a name twice; one that was read with [`World::from_json`] has not.
    pub fn new(world: World) -> Self {
        Self::with_clock(world, Timestamp::now)
    }

    /// An emulator of this world on a clock of your own. It is read for each request, once to check the request's
    /// date and once when it is carried out, and for each inspection and edit.
    ///
    /// # Panics
    /// If a Region of the world has a name twice; one that was read with [`World::from_json`] has not.
    pub fn with_clock(world: World, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let state = State::new(&world, clock()).unwrap_or_else(|error| panic!("{error}"));
        Self {
            shared: Arc::new(Shared {
                clock: Box::new(clock),
                state: Mutex::new(state),
                traffic: Mutex::new(Traffic::new()),
                hook: Mutex::new(None),
                observer: Mutex::new(None),
            }),
        }
    }

    /// Answers one request, the whole protocol of it. This is all that the server does with a request, so a client
    /// whose transport calls it is served just the same, without a socket.
    ///
    /// Waits only where a [`Fault`] says so, with tokio's timers: where tokio's time is paused, it does not wait.
    /// Dropping the future is the client going away.
    ///
    /// # Errors
    /// [`Dropped`] where a fault closes the connection.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let request_id = self.traffic().request_id();
        let mut asked = Asked::default();
        let outcome = match self.admit(&request, &mut asked) {
            Ok(call) => self.carry_out(request_id, &call).await,
            Err(error) => Ok(Reply::to(request_id, Err(error))),
        };
        self.observe(asked, &outcome);
        outcome.map(|reply| reply.response)
    }

    /// Checks everything about a request that no Region's content has a say in. What is found on the way is noted in
    /// `asked`, so that a refusal can be reported with it.
    fn admit(&self, request: &Request<Bytes>, asked: &mut Asked) -> Result<Call, ServiceError> {
        let region = signature::verify(request, self.now())?;
        asked.region = Some(region);
        let operation = protocol::operation(request)?;
        asked.operation = Some(operation);
        let body = protocol::parameters(request)?;
        Ok(Call {
            region,
            operation,
            body,
            number: self.traffic().number(),
        })
    }

    /// Answers a call, or does to it what its fault says.
    async fn carry_out(&self, request_id: Id, call: &Call) -> Result<Reply, Dropped> {
        let queued = self.traffic().enter(call);
        let _in_flight = InFlight {
            emulator: self,
            region: call.region,
        };
        let mut fault = match queued {
            Some(fault) => fault,
            None => match &mut *lock(&self.shared.hook) {
                Some(hook) => hook(call),
                None => Fault::None,
            },
        };
        while let Fault::Delay(wait, then) = fault {
            tokio::time::sleep(wait).await;
            fault = *then;
        }
        match fault {
            Fault::None | Fault::Delay(..) => {
                Ok(Reply::to(request_id, self.perform(call, Ending::Succeeds)))
            }
            Fault::CopyFails => Ok(Reply::to(request_id, self.perform(call, Ending::Fails))),
            Fault::Error {
                status,
                code,
                message,
            } => {
                let error = ServiceError {
                    status,
                    code,
                    message,
                };
                Ok(Reply::to(request_id, Err(error)))
            }
            Fault::Answer {
                status,
                content_type,
                body,
            } => Ok(Reply::raw(request_id, status, &content_type, body)),
            Fault::GarbledAnswer => {
                // The client is not to learn how it went.
                let _ = self.perform(call, Ending::Succeeds);
                let body = Bytes::from_static(b"{\"operations\": [ <!-- cut off");
                Ok(Reply::raw(request_id, StatusCode::OK, "text/html", body))
            }
            Fault::LoseAnswer => {
                // As above.
                let _ = self.perform(call, Ending::Succeeds);
                Err(Dropped)
            }
            Fault::Drop => Err(Dropped),
            Fault::Hang => std::future::pending().await,
        }
    }

    fn perform(&self, call: &Call, ending: Ending) -> Result<Vec<u8>, ServiceError> {
        let now = self.now();
        self.state()
            .answer(now, call.region, call.operation, &call.body, ending)
    }

    fn observe(&self, asked: Asked, outcome: &Result<Reply, Dropped>) {
        if let Some(observer) = &mut *lock(&self.shared.observer) {
            let reply = outcome.as_ref().ok();
            observer(&Answered {
                at: self.now(),
                region: asked.region,
                operation: asked.operation,
                status: reply.map(|reply| reply.response.status()),
                error: reply.and_then(|reply| reply.error.clone()),
            });
        }
    }

    fn now(&self) -> Timestamp {
        (self.shared.clock)()
    }

    /// What its clock says, as HTTP writes it.
    pub(crate) fn http_date(&self) -> String {
        self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        lock(&self.shared.traffic)
    }
}

/// Faults.
impl Emulator {
    /// Installs the hook that decides what happens to each call, in place of any before. It is asked once a call, in
    /// the order in which they come, unless a fault is queued for the call. It may look at the emulator and edit it,
    /// but not install a hook.
    pub fn on_call(&self, hook: impl FnMut(&Call) -> Fault + Send + 'static) {
        *lock(&self.shared.hook) = Some(Box::new(hook));
    }

    /// Queues a fault for the next `times` calls of an operation, to whatever Region.
    pub fn fault_next(&self, operation: Operation, times: usize, fault: Fault) {
        self.traffic().queue(None, operation, times, fault);
    }

    /// Queues a fault for the next `times` calls of an operation to one Region.
    pub fn fault_next_in(&self, region: Region, operation: Operation, times: usize, fault: Fault) {
        self.traffic().queue(Some(region), operation, times, fault);
    }
}

/// Inspection.
impl Emulator {
    /// The calls so far, in the order in which they came, without those taken by [`Emulator::take_calls`].
    pub fn calls(&self) -> Vec<Call> {
        self.traffic().recorded.clone()
    }

    /// The same, and forgets them.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.traffic().recorded)
    }

    /// Switches the recording of calls off, or on again; at the start it is on. A long simulation has no room for it.
    pub fn record_calls(&self, on: bool) {
        self.traffic().records = on;
    }

    /// How many calls there were, recorded or not.
    pub fn call_count(&self) -> u64 {
        self.traffic().count()
    }

    /// The most calls to a Region that were being answered at once, waits included.
    pub fn peak_in_flight(&self, region: Region) -> usize {
        self.traffic().peak_in_flight(region)
    }

    /// The manual snapshots of a Region, copies among them, by name.
    pub fn snapshots(&self, region: Region) -> Vec<SnapshotView> {
        let now = self.now();
        let state = self.state();
        let snapshots = state.region(region).snapshots.iter();
        snapshots
            .map(|(name, snapshot)| SnapshotView::of(name, snapshot, now))
            .collect()
    }

    /// One manual snapshot of a Region.
    pub fn snapshot(&self, region: Region, name: &str) -> Option<SnapshotView> {
        let now = self.now();
        let state = self.state();
        let (name, snapshot) = state.region(region).snapshots.get_key_value(name)?;
        Some(SnapshotView::of(name, snapshot, now))
    }

    /// The automatic snapshots of an instance or disk, from the oldest to the newest; none if there is no such resource.
    pub fn auto_snapshots(
        &self,
        region: Region,
        resource: &str,
    ) -> Vec<(Date, AutoSnapshotStatus)> {
        let mut state = self.state();
        let Ok(source) = state.source_mut(region, resource) else {
            return Vec::new();
        };
        let snapshots = source.auto_snapshots.iter();
        snapshots
            .map(|(date, snapshot)| (*date, snapshot.status))
            .collect()
    }

    /// Installs the observer that is told how each request ended, in place of any before. Requests whose client went
    /// away are not reported. It must not send requests to the emulator or install an observer.
    pub fn on_answer(&self, observer: impl FnMut(&Answered) + Send + 'static) {
        *lock(&self.shared.observer) = Some(Box::new(observer));
    }
}

/// Edits: what happens in Lightsail without a call of the client under test.
impl Emulator {
    /// Adds an instance.
    ///
    /// # Errors
    /// [`EditError::NameInUse`].
    pub fn add_instance(&self, region: Region, instance: &world::Source) -> Result<(), EditError> {
        let now = self.now();
        self.state()
            .add_source(region, SourceKind::Instance, instance, now)
    }

    /// Removes an instance and its automatic snapshots.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn remove_instance(&self, region: Region, name: &str) -> Result<(), EditError> {
        self.state()
            .remove_source(region, SourceKind::Instance, name)
    }

    /// Adds a disk.
    ///
    /// # Errors
    /// [`EditError::NameInUse`].
    pub fn add_disk(&self, region: Region, disk: &world::Source) -> Result<(), EditError> {
        let now = self.now();
        self.state().add_source(region, SourceKind::Disk, disk, now)
    }

    /// Removes a disk and its automatic snapshots.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn remove_disk(&self, region: Region, name: &str) -> Result<(), EditError> {
        self.state().remove_source(region, SourceKind::Disk, name)
    }

    /// Gives a resource, of whatever type, these tags and no others.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_tags(&self, region: Region, name: &str, tags: Tags) -> Result<(), EditError> {
        *self.state().tags_mut(region, name)? = tags;
        Ok(())
    }

    /// Adds an automatic snapshot to an instance or disk, made at 06:00 UTC of its date, or changes the status of that
    /// date's. The oldest beyond seven are gone then, as in Lightsail.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn add_auto_snapshot(
        &self,
        region: Region,
        resource: &str,
        date: Date,
        status: AutoSnapshotStatus,
    ) -> Result<(), EditError> {
        self.state()
            .source_mut(region, resource)?
            .rotate_in(date, AutoSnapshot::of(date, status));
        Ok(())
    }

    /// Enables or disables the add-on that makes automatic snapshots. Those of an instance or disk stay when it is
    /// disabled.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_auto_snapshots_enabled(
        &self,
        region: Region,
        resource: &str,
        enabled: bool,
    ) -> Result<(), EditError> {
        self.state()
            .source_mut(region, resource)?
            .makes_auto_snapshots = enabled;
        Ok(())
    }

    /// Adds a manual snapshot of an instance.
    ///
    /// # Errors
    /// [`EditError::NameInUse`].
    pub fn add_instance_snapshot(
        &self,
        region: Region,
        snapshot: &world::InstanceSnapshot,
    ) -> Result<(), EditError> {
        let now = self.now();
        self.state().add_instance_snapshot(region, snapshot, now)
    }

    /// Adds a manual snapshot of a disk.
    ///
    /// # Errors
    /// [`EditError::NameInUse`].
    pub fn add_disk_snapshot(
        &self,
        region: Region,
        snapshot: &world::DiskSnapshot,
    ) -> Result<(), EditError> {
        let now = self.now();
        self.state().add_disk_snapshot(region, snapshot, now)
    }
}

impl SnapshotView {
    fn of(name: &str, snapshot: &Snapshot, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            kind: snapshot.kind,
            state: snapshot.state(now),
            from_name: snapshot.origin.name.clone(),
            from_region: snapshot.origin.region(),
            tags: snapshot.tags.clone(),
            created_at: snapshot.created_at,
            is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
        }
    }
}

/// What a request is known to ask for so far.
#[derive(Clone, Copy, Default)]
struct Asked {
    region: Option<Region>,
    operation: Option<Operation>,
}

impl Reply {
    fn to(request_id: Id, answer: Result<Vec<u8>, ServiceError>) -> Self {
        let error = answer.as_ref().err().cloned();
        Self {
            response: protocol::response(request_id, answer),
            error,
        }
    }

    fn raw(request_id: Id, status: StatusCode, content_type: &str, body: Bytes) -> Self {
        Self {
            response: protocol::raw(request_id, status, content_type, body),
            error: None,
        }
    }
}

/// A call being answered. It ends on drop because that is all that is left of one whose client went away.
struct InFlight<'a> {
    emulator: &'a Emulator,
    region: Region,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.emulator.traffic().leave(self.region);
    }
}

/// A test whose hook panics has failed already; that the lock is poisoned says nothing new.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
