//! What clients that subscribed want to hear of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;

/// Something that a resource shows is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A database was attached or detached.
    Databases,
    /// Tables of the database with this alias were made, changed or removed; of any, if the alias is not known.
    Tables(Option<String>),
    /// A result is kept, or a file was exported.
    Results,
}

/// Tells of changes, and counts them. Who listens too slowly misses some, and is told so by the channel.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    listeners: broadcast::Sender<Change>,
    count: Arc<AtomicU64>,
}

/// Tells of a change when it is dropped, however the work that may have made it ends.
pub(crate) struct Told<'c> {
    changes: &'c Changes,
    change: Option<Change>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { listeners: broadcast::channel(64).0, count: Arc::default() }
    }
}

impl Changes {
    pub(crate) fn tell(&self, change: Change) {
        self.count.fetch_add(1, Ordering::SeqCst);
        // Nobody listens: nobody minds.
        let _ = self.listeners.send(change);
    }

    /// Tells of a change when what comes back is dropped.
    pub(crate) fn tell_later(&self, change: Change) -> Told<'_> {
        Told { changes: self, change: Some(change) }
    }

    /// How many changes there were. What was seen before the last of them may not be as it is.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Change> {
        self.listeners.subscribe()
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if let Some(change) = self.change.take() {
            self.changes.tell(change);
        }
    }
}
