//! The longest wait.

use std::time::{Duration, Instant};

/// One year: longer than anybody waits, and short enough to be added to any point in time. Longer bounds, such as
/// `Duration::MAX` for "for ever", are reduced to it before they are added, so that nothing overflows.
pub const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The end of a wait that begins now and may last this long, at most [`FOR_EVER`].
#[must_use]
pub fn deadline(within: Duration) -> Instant {
    Instant::now() + within.min(FOR_EVER)
}
