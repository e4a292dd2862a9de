//! How many statements of this server run at once.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::mcp::call::Progress;

/// Keeps statements below hyperd's threads, of which logins and other programs need some too: hyperd is started with 32
/// (HYPERD's `hard_concurrent_query_thread_limit`), and at the limit nothing is answered.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Admission {
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(2, NonZero::get);
        Self { places: Arc::new(Semaphore::new((2 * cores + 4).clamp(6, 12))), waiting: AtomicUsize::new(0) }
    }

    /// A place, in the order of asking.
    pub(crate) async fn enter(&self, progress: &Progress) -> OwnedSemaphorePermit {
        let places = self.places.clone();
        if let Ok(place) = places.clone().try_acquire_owned() {
            return place;
        }
        let waiting = Waiting::begin(&self.waiting);
        progress.doing(format!("queued, {} ahead", waiting.ahead));
        // Nobody closes it.
        let Ok(place) = places.acquire_owned().await else { std::future::pending().await };
        progress.doing("running");
        place
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

struct Waiting<'a> {
    counter: &'a AtomicUsize,
    ahead: usize,
}

impl<'a> Waiting<'a> {
    fn begin(counter: &'a AtomicUsize) -> Self {
        Self { counter, ahead: counter.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}
