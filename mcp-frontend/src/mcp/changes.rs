//! What clients that subscribed want to hear of.

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

/// Tells of changes. Who listens too slowly misses some, and is told so by the channel.
#[derive(Clone, Debug)]
pub(crate) struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::channel(64).0)
    }
}

impl Changes {
    pub(crate) fn tell(&self, change: Change) {
        // Nobody listens: nobody minds.
        let _ = self.0.send(change);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}
