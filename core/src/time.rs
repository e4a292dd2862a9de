//! Time as the core sees it: a number that the driver hands in.
//!
//! The core has no clock. The driver of a machine picks an epoch (usually the moment at which it created the machine),
//! reads its own clock and passes an [`Instant`] with every input. A simulation passes any instant it likes.

use core::ops::{Add, AddAssign, Sub};
pub use core::time::Duration;

/// A point in time: nanoseconds since an epoch that the driver chose, good for 584 years.
///
/// All arithmetic saturates: an absurdly long duration yields [`Instant::NEVER`], not a deadline that has wrapped
/// around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The driver's epoch.
    pub const EPOCH: Self = Self(0);
    /// Later than any deadline that will ever come.
    pub const NEVER: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this instant; zero if `earlier` is the later one.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, rhs: Self) -> Duration {
        self.saturating_since(rhs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_duration_saturates_to_never() {
        let now = Instant::from_nanos(5);

        let deadline = now + Duration::MAX;

        assert_eq!(deadline, Instant::NEVER);
    }

    #[test]
    fn the_time_since_a_later_instant_is_zero() {
        let (early, late) = (Instant::from_nanos(1), Instant::from_nanos(9));

        assert_eq!(early - late, Duration::ZERO);
        assert_eq!(late - early, Duration::from_nanos(8));
    }
}
