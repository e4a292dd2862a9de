//! How many statements of this server run at once.

use std::collections::BTreeSet;
use std::future::pending;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::mcp::call::Progress;

/// Keeps statements below hyperd's threads, of which logins and other programs need some too: hyperd is started with 32
/// or more (its `hard_concurrent_query_thread_limit`), and at the limit nothing is answered.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    queue: watch::Sender<Queue>,
}

/// Who waits.
#[derive(Debug, Default)]
struct Queue {
    last: u64,
    tickets: BTreeSet<u64>,
}

impl Admission {
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(2, NonZero::get);
        Self::with_places((2 * cores + 4).clamp(6, 12))
    }

    fn with_places(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), queue: watch::Sender::default() }
    }

    /// A place, in the order of asking.
    pub(crate) async fn enter(&self, progress: &Progress) -> OwnedSemaphorePermit {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return place;
        }
        let mut changes = self.queue.subscribe();
        let waiting = Waiting::begin(&self.queue);
        let mut place = pin!(self.places.clone().acquire_owned());
        loop {
            progress.doing(format!("queued, {} ahead", waiting.ahead()));
            tokio::select! {
                biased;
                place = &mut place => {
                    progress.doing("running");
                    // Nobody closes it.
                    match place { Ok(place) => return place, Err(_) => pending().await }
                }
                _ = changes.changed() => {}
            }
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.borrow().tickets.len()
    }
}

/// A ticket of the queue.
struct Waiting<'a> {
    queue: &'a watch::Sender<Queue>,
    ticket: u64,
}

impl<'a> Waiting<'a> {
    fn begin(queue: &'a watch::Sender<Queue>) -> Self {
        let mut ticket = 0;
        queue.send_modify(|queue| {
            queue.last += 1;
            ticket = queue.last;
            queue.tickets.insert(ticket);
        });
        Self { queue, ticket }
    }

    fn ahead(&self) -> usize {
        self.queue.borrow().tickets.range(..self.ticket).count()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.send_modify(|queue| {
            queue.tickets.remove(&self.ticket);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_told_how_many_are_ahead_of_it() {
        let admission = Admission::with_places(1);
        let progress = [(); 3].map(|()| Progress::default());
        let running = admission.enter(&progress[0]).await;
        let mut second = Box::pin(admission.enter(&progress[1]));
        let mut third = Box::pin(admission.enter(&progress[2]));
        assert!(futures_are_pending(&mut second).await && futures_are_pending(&mut third).await);
        assert_eq!(admission.waiting(), 2);
        assert_eq!(progress[2].sentence(), "queued, 1 ahead");

        drop(running);
        let second = second.await;

        assert!(futures_are_pending(&mut third).await);
        assert_eq!([&progress[1], &progress[2]].map(Progress::sentence), ["running", "queued, 0 ahead"]);
        drop(second);
        drop(third.await);
        assert_eq!(admission.waiting(), 0);
    }

    async fn futures_are_pending(future: &mut (impl Future + Unpin)) -> bool {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
        })
        .await
    }
}
