//! The limit of copies that one run starts in one destination.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Slots for copies in one destination. A copy holds a slot while it is being started and gives it
/// back if it did not start. A copy that fails in every run never blocks the others.
pub struct CopySlots {
    free: Semaphore,
    left: Mutex<usize>,
}

impl CopySlots {
    /// This many free slots.
    pub fn new(count: usize) -> Self {
        let count = count.min(Semaphore::MAX_PERMITS);
        let slots = Self {
            free: Semaphore::new(count),
            left: Mutex::new(count),
        };
        if count == 0 {
            slots.free.close();
        }
        slots
    }

    /// Waits for a slot. Returns `None` once all are used up.
    pub async fn acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.free.acquire().await.ok()
    }

    /// Uses a slot up.
    pub fn consume(&self, slot: SemaphorePermit<'_>) {
        slot.forget();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.free.close();
        }
    }
}
