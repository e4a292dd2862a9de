//! The machines' time: what has passed since the driver began.

use std::time::{Duration, Instant as SystemInstant};

use hyperwire_core::time::Instant;

/// Monotonic; a wall clock that jumps does not touch it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: SystemInstant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { epoch: SystemInstant::now() }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::EPOCH + self.epoch.elapsed()
    }

    /// How long it is until then; `None` for no deadline.
    pub(crate) fn until(&self, deadline: Option<Instant>) -> Option<Duration> {
        deadline.map(|at| at - self.now())
    }

    /// What took this long did not happen, as far as deadlines go.
    pub(crate) fn leave_out(&mut self, time: Duration) {
        self.epoch += time;
    }
}
