//! The machines' time, and the system's.

use std::time::{Duration, Instant as SystemInstant};

use hyperwire_core::time::Instant;

/// Measures time since a starting point, as the machines of the core expect it. It is monotonic: changes of the wall clock
/// do not affect it.
///
/// A runtime whose timers have a clock of their own reads that one, and uses [`Clock::starting`] and [`Clock::at`].
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: SystemInstant,
}

impl Clock {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self::starting(SystemInstant::now())
    }

    /// Starts at that point in time.
    #[must_use]
    pub fn starting(epoch: SystemInstant) -> Self {
        Self { epoch }
    }

    /// Its starting point. It is in the past, so a wait until then ends at once.
    #[must_use]
    pub fn epoch(self) -> SystemInstant {
        self.epoch
    }

    /// The machine's time now.
    #[must_use]
    pub fn now(self) -> Instant {
        self.at(SystemInstant::now())
    }

    /// The machine's time at that point of the system's.
    #[must_use]
    pub fn at(self, time: SystemInstant) -> Instant {
        Instant::EPOCH + time.saturating_duration_since(self.epoch)
    }

    /// The system's time at that point of the machine's; `None` if it is too far away to be represented.
    #[must_use]
    pub fn system(self, at: Instant) -> Option<SystemInstant> {
        self.epoch.checked_add(Duration::from_nanos(at.as_nanos()))
    }

    /// The time left until the deadline; `None` without one.
    #[must_use]
    pub fn until(self, deadline: Option<Instant>) -> Option<Duration> {
        deadline.map(|at| at - self.now())
    }

    /// Excludes a span that has just passed from all deadlines.
    pub fn leave_out(&mut self, time: Duration) {
        self.epoch += time;
    }
}
