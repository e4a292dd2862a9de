//! The machines' time, and the embedder's.

#[cfg(all(unix, feature = "shared"))]
use std::time::Duration;
use std::time::Instant as SystemInstant;

use hyperwire_core::time::Instant;

/// Counts from when something began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: SystemInstant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { epoch: SystemInstant::now() }
    }

    pub(crate) fn now(self) -> Instant {
        self.at(SystemInstant::now())
    }

    pub(crate) fn at(self, time: SystemInstant) -> Instant {
        Instant::EPOCH + time.saturating_duration_since(self.epoch)
    }

    /// When that is, for an election; `None` for what is too far away to come.
    #[cfg(all(unix, feature = "shared"))]
    pub(crate) fn system(self, at: Instant) -> Option<SystemInstant> {
        self.epoch.checked_add(Duration::from_nanos(at.as_nanos()))
    }

    /// A time that has passed: whoever waits until then does not wait.
    pub(crate) fn past(self) -> SystemInstant {
        self.epoch
    }

    /// What took this long did not happen, as far as deadlines go.
    #[cfg(all(unix, feature = "shared"))]
    pub(crate) fn leave_out(&mut self, time: Duration) {
        self.epoch += time;
    }
}
