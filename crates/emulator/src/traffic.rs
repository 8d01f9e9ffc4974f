//! The calls themselves: counted, recorded, and which faults await them.

use crate::emulator::Call;
use crate::fault::Fault;
use crate::id::{Id, Ids};
use crate::operation::Operation;
use crate::region::Region;

/// What the emulator remembers of its calls.
#[derive(Debug)]
pub(crate) struct Traffic {
    request_ids: Ids,
    count: u64,
    /// Whether calls are added to `recorded`.
    pub(crate) records: bool,
    pub(crate) recorded: Vec<Call>,
    queued: Vec<QueuedFault>,
    /// In the order of [`Region::ALL`].
    in_flight: Vec<InFlight>,
}

#[derive(Clone, Copy, Debug, Default)]
struct InFlight {
    now: usize,
    peak: usize,
}

#[derive(Debug)]
struct QueuedFault {
    region: Option<Region>,
    operation: Operation,
    times_left: usize,
    fault: Fault,
}

impl Traffic {
    /// No call yet; they will be recorded.
    pub(crate) fn new() -> Self {
        Self {
            request_ids: Ids::default(),
            count: 0,
            records: true,
            recorded: Vec::new(),
            queued: Vec::new(),
            in_flight: vec![InFlight::default(); Region::ALL.len()],
        }
    }

    /// The id of the next request.
    pub(crate) fn request_id(&mut self) -> Id {
        self.request_ids.next()
    }

    /// The number of the next call: the first has 1.
    pub(crate) fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// How many calls there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// A call came: it is recorded and counts as in flight until [`Traffic::leave`]. Gives the fault queued for it.
    pub(crate) fn enter(&mut self, call: &Call) -> Option<Fault> {
        if self.records {
            self.recorded.push(call.clone());
        }
        let in_flight = &mut self.in_flight[call.region as usize];
        in_flight.now += 1;
        in_flight.peak = in_flight.peak.max(in_flight.now);

        let index = self.queued.iter().position(|queued| {
            queued.operation == call.operation
                && queued.region.is_none_or(|region| region == call.region)
        })?;
        let queued = &mut self.queued[index];
        queued.times_left -= 1;
        if queued.times_left > 0 {
            return Some(queued.fault.clone());
        }
        Some(self.queued.remove(index).fault)
    }

    /// A call is answered, or its client went away.
    pub(crate) fn leave(&mut self, region: Region) {
        self.in_flight[region as usize].now -= 1;
    }

    /// The most calls to a Region that were in flight at once.
    pub(crate) fn peak_in_flight(&self, region: Region) -> usize {
        self.in_flight[region as usize].peak
    }

    /// Queues a fault for the next calls of an operation, behind those that are queued already.
    pub(crate) fn queue(
        &mut self,
        region: Option<Region>,
        operation: Operation,
        times: usize,
        fault: Fault,
    ) {
        if times > 0 {
            self.queued.push(QueuedFault {
                region,
                operation,
                times_left: times,
                fault,
            });
        }
    }
}
