//! Telling clients of changes, in the ways of both eras.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{ResourceUpdatedNotificationParam, SubscriptionFilter};
use rmcp::service::{Peer, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::mcp::changes::Change;
use crate::mcp::resources::{Uri, shows};
use crate::mcp::state::State;

/// Changes within so long are told at once: a client that lists again after each of many statements would ask hyperd each
/// time.
const GATHERED: Duration = Duration::from_millis(100);
/// How many resources a client may subscribe to.
const MOST: usize = 1_000;

/// What a client of the `initialize` era subscribed to, one by one.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    uris: Arc<Mutex<BTreeSet<String>>>,
    telling: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Subscriptions {
    pub(super) fn add(&self, uri: &str) -> Result<(), ErrorData> {
        if Uri::parse(uri).is_none() {
            return Err(ErrorData::resource_not_found(format!("{uri} is no resource of this server."), None));
        }
        let mut uris = lock(&self.uris);
        if uris.len() >= MOST && !uris.contains(uri) {
            return Err(ErrorData::invalid_params(
                format!("There are {MOST} subscriptions. Next: end some."),
                None,
            ));
        }
        uris.insert(uri.to_owned());
        Ok(())
    }

    pub(super) fn remove(&self, uri: &str) {
        lock(&self.uris).remove(uri);
    }

    /// Tells this client of changes from now on, until it goes.
    pub(super) fn tell(&self, state: &Arc<State>, peer: Peer<RoleServer>) {
        let mut changes = state.changes.listen();
        let uris = self.uris.clone();
        let telling = tokio::spawn(async move {
            while let Some(news) = next(&mut changes).await {
                let updated: Vec<_> = lock(&uris).iter().filter(|uri| news.concern(uri)).cloned().collect();
                if peer.notify_resource_list_changed().await.is_err() {
                    return;
                }
                for uri in updated {
                    if peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await.is_err()
                    {
                        return;
                    }
                }
            }
        });
        *lock(&self.telling) = Some(AbortOnDropHandle::new(telling));
    }
}

/// What this server can tell of what a client wants to hear.
pub(super) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let mut accepted = SubscriptionFilter::new();
    accepted.resources_list_changed = requested.resources_list_changed;
    accepted.resource_subscriptions = requested
        .resource_subscriptions
        .as_ref()
        .map(|uris| uris.iter().filter(|uri| Uri::parse(uri).is_some()).take(MOST).cloned().collect());
    accepted
}

/// Tells the client of one `subscriptions/listen`, until it cancels or the server ends.
pub(super) async fn listen(state: &Arc<State>, context: SubscriptionContext) {
    let mut changes = state.changes.listen();
    let accepted = context.accepted().clone();
    let uris = accepted.resource_subscriptions.unwrap_or_default();
    loop {
        let news = tokio::select! {
            news = next(&mut changes) => news,
            () = context.cancelled() => return,
            () = state.ending.cancelled() => return,
        };
        let Some(news) = news else { return };
        if accepted.resources_list_changed == Some(true)
            && context.sink().notify_resource_list_changed().await.is_err()
        {
            return;
        }
        for uri in uris.iter().filter(|uri| news.concern(uri)) {
            if context.sink().notify_resource_updated(uri).await.is_err() {
                return;
            }
        }
    }
}

/// What changed lately.
struct News {
    changes: Vec<Change>,
    /// There were more than are remembered.
    missed: bool,
}

impl News {
    fn concern(&self, uri: &str) -> bool {
        Uri::parse(uri)
            .is_some_and(|uri| self.missed || self.changes.iter().any(|change| shows(&uri, change)))
    }
}

/// The next changes; `None` when there will be no more.
async fn next(changes: &mut Receiver<Change>) -> Option<News> {
    let mut news = News { changes: Vec::new(), missed: false };
    match changes.recv().await {
        Ok(change) => news.changes.push(change),
        Err(RecvError::Lagged(_)) => news.missed = true,
        Err(RecvError::Closed) => return None,
    }
    sleep(GATHERED).await;
    loop {
        match changes.try_recv() {
            Ok(change) => news.changes.push(change),
            Err(TryRecvError::Lagged(_)) => news.missed = true,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(news),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
