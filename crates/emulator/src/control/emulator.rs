//! The emulator's handle, and how one request is answered.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;

use super::fault::Fault;
use super::populate;
use super::traffic::{Call, Traffic};
use super::world::World;
use crate::api::error::ServiceError;
use crate::api::id::Id;
use crate::api::operation::Operation;
use crate::api::region::Region;
use crate::http::server::Dropped;
use crate::http::{protocol, signature};
use crate::service::context::{Answer, Context};
use crate::service::dispatch;
use crate::service::fault::{CallFault, CopyBehavior};
use crate::service::ledger::OperationError;
use crate::service::open::RegionAccess;
use crate::service::state::State;

/// Lightsail in all Regions. Clones share everything.
///
/// [`Emulator::call`] answers one request. [`Emulator::start`] and [`Emulator::serve`] do so on a
/// TCP port. Faults and edits take effect at once, also while it serves.
///
/// The emulator is deterministic: the same world, clock and requests give the same answers, ids
/// included.
#[derive(Clone)]
pub struct Emulator {
    shared: Arc<Shared>,
}

type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;
type Hook = Box<dyn FnMut(&Call) -> Fault + Send>;
type Observer = Box<dyn FnMut(&Answered) + Send>;

/// The locks are never held together, so that a hook can use the emulator that called it. They are
/// std mutexes because none is held across an `await`.
struct Shared {
    clock: Clock,
    state: Mutex<State>,
    traffic: Mutex<Traffic>,
    hook: Mutex<Option<Hook>>,
    observer: Mutex<Option<Observer>>,
}

/// How a request ended, for [`Emulator::on_answer`].
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// When it ended.
    pub at: Timestamp,
    /// The Region of the request. `None` if the signature is invalid.
    pub region: Option<Region>,
    /// The operation. `None` if it is unknown or the signature is invalid.
    pub operation: Option<Operation>,
    /// The HTTP status. `None` if the connection was closed without an answer.
    pub status: Option<StatusCode>,
    /// The error that the request was refused with.
    pub error: Option<ServiceError>,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("calls", &self.traffic().count())
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// An emulator of this world on the system's clock.
    ///
    /// # Panics
    /// If the world is invalid. One from [`World::from_json`] is valid.
    pub fn new(world: World) -> Self {
        Self::with_clock(world, Timestamp::now)
    }

    /// An emulator of this world on another clock. Each request reads it twice, once to check the
    /// request's date and once to carry it out. Each inspection and edit reads it once.
    ///
    /// # Panics
    /// If the world is invalid. One from [`World::from_json`] is valid.
    pub fn with_clock(world: World, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let state = populate::state(&world, clock());
        Self {
            shared: Arc::new(Shared {
                clock: Box::new(clock),
                state: Mutex::new(state),
                traffic: Mutex::new(Traffic::default()),
                hook: Mutex::new(None),
                observer: Mutex::new(None),
            }),
        }
    }

    /// Answers one request. A client whose transport calls this gets the same answers as over a
    /// socket.
    ///
    /// Waits only if a [`Fault`] says so, on tokio's timers: with tokio's time paused, it takes no
    /// real time. Dropping the future is a disconnected client.
    ///
    /// # Errors
    /// [`Dropped`] if a fault closes the connection.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let request_id = self.traffic().request_id();
        let mut target = Target::default();
        let outcome = match self.admit(&request, &mut target) {
            Ok(call) => self.carry_out(request_id, &call).await,
            Err(error) => Ok(Reply::new(request_id, Err(error))),
        };
        self.observe(target, &outcome);
        outcome.map(|reply| reply.response)
    }

    /// Checks everything about a request that does not depend on the state. Fills in `target`, so
    /// that a refusal can be reported with it.
    fn admit(&self, request: &Request<Bytes>, target: &mut Target) -> Result<Call, ServiceError> {
        let region = signature::verify(request, self.now())?;
        target.region = Some(region);
        let operation = protocol::operation(request)?;
        target.operation = Some(operation);
        let body = protocol::parameters(request)?;
        Ok(Call {
            region,
            operation,
            body,
            number: self.traffic().number(),
        })
    }

    /// Answers a call, or applies its fault.
    async fn carry_out(&self, request_id: Id, call: &Call) -> Result<Reply, Dropped> {
        let queued = self.traffic().enter(call);
        let _in_flight = InFlight {
            emulator: self,
            region: call.region,
        };
        let access = self.state().region(call.region).access;
        if access == RegionAccess::NoEndpoint {
            return Err(Dropped);
        }
        if let Some(error) = access.error() {
            return Ok(Reply::new(request_id, Err(error)));
        }
        let mut fault = queued.unwrap_or_else(|| self.ask_hook(call));
        while let Fault::Delay(wait, then) = fault {
            tokio::time::sleep(wait).await;
            fault = *then;
        }
        let mut effect = CallFault::default();
        match fault {
            Fault::None | Fault::Delay(..) => {}
            Fault::CopyFails => effect.copy = CopyBehavior::FAILS,
            Fault::CopyTakes(duration) => effect.copy = CopyBehavior::takes(duration),
            Fault::StartTakes(duration) => effect.start_duration = Some(duration),
            Fault::OperationFails { code, details } => {
                effect.failure = Some(OperationError { code, details });
            }
            Fault::Error(error) => return Ok(Reply::new(request_id, Err(error))),
            Fault::Answer {
                status,
                content_type,
                body,
            } => return Ok(Reply::raw(request_id, status, &content_type, body)),
            Fault::GarbledAnswer => {
                // The result is lost on purpose.
                let _ = self.perform(call, &effect);
                let body = Bytes::from_static(b"{\"operations\": [ <!-- cut off");
                return Ok(Reply::raw(request_id, StatusCode::OK, "text/html", body));
            }
            Fault::LoseAnswer => {
                // The result is lost on purpose.
                let _ = self.perform(call, &effect);
                return Err(Dropped);
            }
            Fault::Drop => return Err(Dropped),
            Fault::Hang => std::future::pending().await,
        }
        Ok(Reply::new(request_id, self.perform(call, &effect)))
    }

    fn ask_hook(&self, call: &Call) -> Fault {
        match &mut *lock(&self.shared.hook) {
            Some(hook) => hook(call),
            None => Fault::None,
        }
    }

    fn perform(&self, call: &Call, fault: &CallFault) -> Answer {
        dispatch::answer(&mut Context {
            state: &mut self.state(),
            region: call.region,
            operation: call.operation,
            body: &call.body,
            fault,
        })
    }

    fn observe(&self, target: Target, outcome: &Result<Reply, Dropped>) {
        if let Some(observer) = &mut *lock(&self.shared.observer) {
            let reply = outcome.as_ref().ok();
            observer(&Answered {
                at: self.now(),
                region: target.region,
                operation: target.operation,
                status: reply.map(|reply| reply.response.status()),
                error: reply.and_then(|reply| reply.error.clone()),
            });
        }
    }

    pub(super) fn set_hook(&self, hook: Hook) {
        *lock(&self.shared.hook) = Some(hook);
    }

    pub(super) fn set_observer(&self, observer: Observer) {
        *lock(&self.shared.observer) = Some(observer);
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.shared.clock)()
    }

    /// The state now, with everything that was due.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let now = self.now();
        let mut state = lock(&self.shared.state);
        state.settle(now);
        state
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        lock(&self.shared.traffic)
    }
}

/// What is known about a request so far.
#[derive(Clone, Copy, Default)]
struct Target {
    region: Option<Region>,
    operation: Option<Operation>,
}

/// A response, and the error in it.
struct Reply {
    response: Response<Bytes>,
    error: Option<ServiceError>,
}

impl Reply {
    fn new(request_id: Id, answer: Answer) -> Self {
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

/// A call in flight. It ends on drop, because the future of a call whose client disconnected is
/// dropped.
struct InFlight<'a> {
    emulator: &'a Emulator,
    region: Region,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.emulator.traffic().leave(self.region);
    }
}

/// A panic in a hook fails its test anyway, so a poisoned lock needs no second report.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
