//! The machines' time, and the system's.

use std::time::{Duration, Instant as SystemInstant};

use hyperwire_core::time::Instant;

/// Counts what has passed since something began, for a machine of the core. It is monotonic: a wall clock that jumps does
/// not touch it.
///
/// A runtime whose timers have a clock of their own asks that one, and uses [`Clock::starting`] and [`Clock::at`].
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: SystemInstant,
}

impl Clock {
    /// Counts from now on.
    #[must_use]
    pub fn start() -> Self {
        Self::starting(SystemInstant::now())
    }

    /// Counts from then on.
    #[must_use]
    pub fn starting(epoch: SystemInstant) -> Self {
        Self { epoch }
    }

    /// When it began, which has passed: whoever waits until then does not wait.
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

    /// The system's time at that point of the machine's; `None` for what is too far away to come.
    #[must_use]
    pub fn system(self, at: Instant) -> Option<SystemInstant> {
        self.epoch.checked_add(Duration::from_nanos(at.as_nanos()))
    }

    /// How long it is until then; `None` for no deadline.
    #[must_use]
    pub fn until(self, deadline: Option<Instant>) -> Option<Duration> {
        deadline.map(|at| at - self.now())
    }

    /// Excludes a span that has just passed from all deadlines.
    pub fn leave_out(&mut self, time: Duration) {
        self.epoch += time;
    }
}
