//! Keeps what happens in a run, in order.

use std::sync::{Mutex, PoisonError};

use crate::model::event::Event;

/// Takes each event when it happens, passes it on to the log, and keeps it.
pub struct Recorder<'a> {
    log: &'a (dyn Fn(&Event) + Sync),
    events: Mutex<Vec<Event>>,
}

impl<'a> Recorder<'a> {
    pub fn new(log: &'a (dyn Fn(&Event) + Sync)) -> Self {
        Self {
            log,
            events: Mutex::default(),
        }
    }

    pub fn record(&self, event: Event) {
        (self.log)(&event);
        let events = self.events.lock();
        events.unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// All events, in the order in which they happened.
    pub fn into_events(self) -> Vec<Event> {
        let events = self.events.into_inner();
        events.unwrap_or_else(PoisonError::into_inner)
    }
}
