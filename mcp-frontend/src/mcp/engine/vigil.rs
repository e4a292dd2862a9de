//! While statements run: does hyperd still let somebody in? One that is stopped or deadlocked says nothing for ever, and
//! who waits for a statement could not tell that from a long one.
//!
//! A hyperd that hangs is ended, by the daemon or by [`private`](super::private), which ends its sessions: calls fail, and
//! the next ones get another hyperd. It takes 5 s until somebody asks, up to 20 s until it is certain, and 10 s to end it.

use std::sync::{Arc, Once, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::Engine;

/// The pause before the first question and between two.
const EVERY: Duration = Duration::from_secs(5);
/// How long the answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Asks as long as somebody is watched over.
#[derive(Debug)]
pub(super) struct Vigil {
    watched: Arc<watch::Sender<usize>>,
    begun: Once,
}

/// A call that uses hyperd, until this is dropped.
#[derive(Debug)]
pub(super) struct Watched(Arc<watch::Sender<usize>>);

impl Vigil {
    pub(super) fn new() -> Self {
        Self { watched: Arc::new(watch::Sender::new(0)), begun: Once::new() }
    }

    /// Watches over a call.
    pub(super) fn begin(&self, engine: &Arc<Engine>) -> Watched {
        self.begun.call_once(|| drop(tokio::spawn(keep(Arc::downgrade(engine), self.watched.subscribe()))));
        self.watched.send_modify(|watched| *watched += 1);
        Watched(self.watched.clone())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.send_modify(|watched| *watched -= 1);
    }
}

async fn keep(engine: Weak<Engine>, mut watched: watch::Receiver<usize>) {
    while watched.wait_for(|watched| *watched > 0).await.is_ok() {
        sleep(EVERY).await;
        if *watched.borrow() == 0 {
            continue;
        }
        let Some(engine) = engine.upgrade() else { return };
        engine.hyperd.is_answering(ANSWERS_WITHIN).await;
    }
}
