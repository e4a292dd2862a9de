//! A lock with a condition to wait for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::now;
use super::world::here;

/// Something that threads share, and whose changes they wait for.
#[derive(Debug, Default)]
pub(crate) struct Monitor<T> {
    shared: Mutex<T>,
    changed: Condvar,
}

impl<T> Monitor<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that it was changed.
    pub(crate) fn notify(&self) {
        match here() {
            None => self.changed.notify_all(),
            Some(party) => party.world.lock().something_happened(),
        }
    }

    /// Waits while this holds, at most so long.
    pub(crate) fn wait_while(
        &self,
        patience: Duration,
        mut holds: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'_, T> {
        let mut shared = self.lock();
        let Some(party) = here() else {
            let waited = self.changed.wait_timeout_while(shared, patience, holds);
            return waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        let until = now() + patience;
        while holds(&mut shared) && now() < until {
            drop(shared);
            party.wait(Some(until));
            shared = self.lock();
        }
        shared
    }
}
