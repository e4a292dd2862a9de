//! A door between a test and a script.

use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use crate::virtual_time::Monitor;

/// Keeps one side waiting until the other releases it, once and for all. Clones are the same latch.
#[derive(Clone, Debug)]
pub struct Latch {
    name: &'static str,
    released: Arc<Monitor<bool>>,
}

impl Latch {
    /// A latch that nobody released yet. The name is for messages: say what its release means.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, released: Arc::default() }
    }

    /// Lets everybody through who waits or will wait.
    pub fn release(&self) {
        *self.released.lock() = true;
        self.released.notify();
    }

    /// Whether [`Latch::release`] was called.
    #[must_use]
    pub fn is_released(&self) -> bool {
        *self.released.lock()
    }

    /// Waits for the release, at most so long.
    ///
    /// # Errors
    /// [`Failure::NotReleased`] when nobody released it in time.
    pub fn wait(&self, patience: Duration) -> Result<(), Failure> {
        let released = self.released.wait_while(patience, |released| !*released);
        if *released { Ok(()) } else { Err(Failure::NotReleased { latch: self.name, waited: patience }) }
    }
}
