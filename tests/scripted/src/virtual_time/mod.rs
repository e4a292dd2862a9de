//! A world in which threads take turns and time passes only when all of them wait.
//!
//! Scripts and scenarios are written as code that blocks. In a world they still are, on threads of their own, but of
//! all its threads one runs at a time: when it waits, a seed says which of those that can go on is next, and when none
//! can, the clock jumps to the earliest moment that one of them waits for. So nothing in it depends on the machine,
//! nothing takes long, and a seed gives the same run every time. Outside of a world the same functions do what their
//! namesakes of the standard library do.
//!
//! ```
//! use std::time::Duration;
//! use hyperwire_scripted::Latch;
//! use hyperwire_scripted::virtual_time::{Stopwatch, play};
//!
//! let hour = Duration::from_secs(3600);
//! let (outcome, played) = play(7, || {
//!     let start = Stopwatch::start();
//!     assert!(Latch::new("nobody releases it").wait(hour).is_err());
//!     assert_eq!(start.elapsed(), hour);
//! });
//! outcome.expect("no panic");
//! assert_eq!(played.took, hour);
//! ```

mod link;
mod monitor;
pub mod pipe;
pub mod random;
pub mod story;
mod thread;
mod world;

use std::time::{Duration, Instant};

pub use link::{End, connect};
pub use thread::{both, elsewhere, nap, pause};
pub use world::{Played, play, random_bytes, sleep, wait};

pub(crate) use link::{Listener, listen};
pub(crate) use monitor::Monitor;
pub(crate) use thread::spawn;

/// What time it is where the calling thread lives.
#[must_use]
pub fn now() -> Instant {
    world::here().map_or_else(Instant::now, |party| party.now())
}

/// Measures time where the calling thread lives.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    #[must_use]
    pub fn start() -> Self {
        Self(now())
    }

    /// How long ago that was.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        now() - self.0
    }
}
