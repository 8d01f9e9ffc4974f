//! Counts and records calls, and holds the faults queued for them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fault::Fault;
use crate::api::id::{Id, Ids};
use crate::api::operation::Operation;
use crate::api::region::Region;

/// A request with a valid signature, a known operation, and a JSON object as its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The Region of the credential scope.
    pub region: Region,
    pub operation: Operation,
    pub body: Value,
    /// The call's number, counted from 1 over all Regions.
    pub number: u64,
}

/// The calls so far and the queued faults.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    request_ids: Ids,
    count: u64,
    /// Whether calls are counted, but not recorded.
    pub(crate) is_unrecorded: bool,
    pub(crate) recorded: Vec<Call>,
    queued: Vec<QueuedFault>,
    standing: BTreeMap<(Region, Operation), Fault>,
    in_flight: BTreeMap<Region, InFlight>,
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
    pub(crate) fn request_id(&mut self) -> Id {
        self.request_ids.next()
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Records a call, which is in flight until [`Traffic::leave`]. Returns its queued fault, or
    /// else its standing fault.
    pub(crate) fn enter(&mut self, call: &Call) -> Option<Fault> {
        if !self.is_unrecorded {
            self.recorded.push(call.clone());
        }
        let in_flight = self.in_flight.entry(call.region).or_default();
        in_flight.now += 1;
        in_flight.peak = in_flight.peak.max(in_flight.now);

        self.take_queued(call).or_else(|| {
            let standing = self.standing.get(&(call.region, call.operation));
            standing.cloned()
        })
    }

    fn take_queued(&mut self, call: &Call) -> Option<Fault> {
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

    /// Ends a call: it is answered, or its client disconnected.
    pub(crate) fn leave(&mut self, region: Region) {
        self.in_flight.entry(region).or_default().now -= 1;
    }

    pub(crate) fn peak_in_flight(&self, region: Region) -> usize {
        self.in_flight
            .get(&region)
            .map_or(0, |in_flight| in_flight.peak)
    }

    pub(crate) fn set_standing(&mut self, region: Region, operation: Operation, fault: Fault) {
        self.standing.insert((region, operation), fault);
    }

    pub(crate) fn clear_standing(&mut self, region: Region) {
        self.standing.retain(|(of, _), _| *of != region);
    }

    /// Queues a fault for the next calls of an operation, after the faults queued before.
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
