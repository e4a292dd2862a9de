//! How long a wait may last, whatever a caller asks for.

use std::time::{Duration, Instant};

/// Longer than anybody waits, and short enough for every clock to be added to. Every bound that a caller gives is cut down
/// to it before it is added to a point in time: `Duration::MAX` means "for ever", and must not overflow.
pub const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// When a wait that begins now, and may last this long, is over.
#[must_use]
pub fn deadline(within: Duration) -> Instant {
    Instant::now() + within.min(FOR_EVER)
}
