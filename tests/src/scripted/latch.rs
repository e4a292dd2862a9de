//! A door between a test and a script.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Failure;

/// Keeps one side waiting until the other releases it, once and for all. Clones are the same latch.
#[derive(Clone, Debug)]
pub struct Latch {
    name: &'static str,
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Latch {
    /// A latch that nobody released yet. The name is for messages: say what its release means.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, state: Arc::default() }
    }

    /// Lets everybody through who waits or will wait.
    pub fn release(&self) {
        let (released, changed) = &*self.state;
        *released.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether [`Latch::release`] was called.
    #[must_use]
    pub fn is_released(&self) -> bool {
        *self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the release, at most so long.
    ///
    /// # Errors
    /// [`Failure::NotReleased`] when nobody released it in time.
    pub fn wait(&self, patience: Duration) -> Result<(), Failure> {
        let (released, changed) = &*self.state;
        let guard = released.lock().unwrap_or_else(PoisonError::into_inner);
        let (released, _) = changed
            .wait_timeout_while(guard, patience, |released| !*released)
            .unwrap_or_else(PoisonError::into_inner);
        if *released { Ok(()) } else { Err(Failure::NotReleased { latch: self.name, waited: patience }) }
    }
}
