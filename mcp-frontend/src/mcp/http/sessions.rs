//! How long sessions live, and how many there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::transport::streamable_http_server::SessionManager;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use tokio::time::{Instant, sleep};

use crate::mcp::owner::Owner;
use crate::mcp::state::State;

/// After so long without a request in progress or a call that runs, a session ends.
pub(super) const SILENCE: Duration = Duration::from_secs(15 * 60);
/// How many there are at most.
pub(super) const MOST: usize = 256;
/// How often sessions are looked at.
const LOOK: Duration = Duration::from_secs(15);
/// How many messages wait in each of a session's channels.
const CHANNEL: usize = 8;

/// The sessions of clients of the `initialize` era.
pub(super) struct Sessions {
    /// The SDK's own.
    pub(super) manager: Arc<LocalSessionManager>,
    table: Mutex<HashMap<Arc<str>, Life>>,
    state: Arc<State>,
    /// One session begins at a time, so that there are never more than allowed.
    pub(super) beginning: tokio::sync::Mutex<()>,
}

/// When a session was used, and how many of its requests are in progress.
#[derive(Clone, Copy, Debug)]
struct Life {
    used: Instant,
    requests: usize,
}

impl Sessions {
    pub(super) fn new(state: &Arc<State>) -> Arc<Self> {
        let mut manager = LocalSessionManager::default();
        let mut config = SessionConfig::default();
        // Silence is judged here: a session with a call that runs is not silent.
        config.keep_alive = None;
        config.channel_capacity = CHANNEL;
        config.completed_cache_ttl = Duration::ZERO;
        manager.session_config = config;
        Arc::new(Self {
            manager: Arc::new(manager),
            table: Mutex::default(),
            state: state.clone(),
            beginning: tokio::sync::Mutex::default(),
        })
    }

    /// Ends sessions that are silent for too long, for ever.
    pub(super) async fn tend(self: Arc<Self>) {
        loop {
            sleep(LOOK).await;
            for id in self.idle(SILENCE) {
                self.end(&id).await;
            }
            self.forget_closed().await;
        }
    }

    /// Makes room for one more; false if all are in use.
    pub(super) async fn make_room(&self) -> bool {
        self.forget_closed().await;
        while self.lock().len() >= MOST {
            let Some(oldest) = self.idle(Duration::ZERO).into_iter().next() else { return false };
            self.end(&oldest).await;
        }
        true
    }

    /// A session has begun.
    pub(super) fn begun(&self, id: &str) {
        self.lock().insert(id.into(), Life { used: Instant::now(), requests: 0 });
    }

    /// A session is in use until what comes back is dropped; `None` if there is none of this id.
    pub(super) fn use_one(self: &Arc<Self>, id: &str) -> Option<InUse> {
        let mut table = self.lock();
        let (id, _) = table.get_key_value(id)?;
        let id = id.clone();
        let life = table.get_mut(&id)?;
        life.used = Instant::now();
        life.requests += 1;
        Some(InUse { sessions: self.clone(), id })
    }

    /// The client has ended its session, or the SDK has.
    pub(super) async fn forget_closed(&self) {
        let open = self.manager.sessions.read().await;
        let mut table = self.lock();
        let closed: Vec<_> = table.keys().filter(|id| !open.contains_key(&***id)).cloned().collect();
        for id in closed {
            table.remove(&id);
            self.state.forget(&Owner::Session(id));
        }
    }

    async fn end(&self, id: &Arc<str>) {
        self.lock().remove(id);
        let known = self.manager.sessions.read().await.keys().find(|known| ***known == **id).cloned();
        if let Some(known) = known {
            // What it could not close is closed already.
            let _ = self.manager.close_session(&known).await;
        }
        self.state.forget(&Owner::Session(id.clone()));
    }

    /// Sessions that nobody has used for so long, and for which nothing runs; the oldest first.
    fn idle(&self, silence: Duration) -> Vec<Arc<str>> {
        let running = self.state.calls.owners();
        let table = self.lock();
        let mut idle: Vec<_> = table
            .iter()
            .filter(|(id, life)| {
                life.requests == 0
                    && life.used.elapsed() >= silence
                    && !running.contains(&Owner::Session((*id).clone()))
            })
            .map(|(id, life)| (life.used, id.clone()))
            .collect();
        idle.sort();
        idle.into_iter().map(|(_, id)| id).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Life>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of a session, in progress.
pub(super) struct InUse {
    sessions: Arc<Sessions>,
    id: Arc<str>,
}

impl Drop for InUse {
    fn drop(&mut self) {
        if let Some(life) = self.sessions.lock().get_mut(&self.id) {
            life.used = Instant::now();
            life.requests = life.requests.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tokio::time::advance;

    use super::*;
    use crate::args::{Arguments, Command};
    use crate::mcp::call::Call;

    async fn sessions() -> Arc<Sessions> {
        let arguments = Arguments::parse_from(["hyperwire", "mcp", "--private", "--ephemeral-only"]);
        let Command::Mcp(arguments) = arguments.command else { panic!("not mcp") };
        Sessions::new(&crate::mcp::state(&arguments).await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_fifteen_minutes_of_silence_unless_something_runs() {
        let sessions = sessions().await;
        for id in ["silent", "asking", "working"] {
            sessions.begun(id);
        }
        let asking = sessions.use_one("asking");
        let call = Call::new(&sessions.state.ending).owned_by(Owner::Session("working".into()));
        let working =
            sessions.state.calls.begin("query", Arc::new(call), tokio::sync::watch::channel(None).1);

        advance(SILENCE).await;

        assert_eq!(sessions.idle(SILENCE), ["silent".into()]);
        drop((asking, working));
        advance(SILENCE - Duration::from_secs(1)).await;
        assert_eq!(sessions.idle(SILENCE), ["silent".into(), "working".into()]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_idle_session_makes_room() {
        let sessions = sessions().await;
        for number in 0..MOST {
            let (id, _) = sessions.manager.create_session().await.unwrap();
            sessions.begun(&id);
            if number == 0 {
                sessions.begun(&id);
            }
            advance(Duration::from_millis(1)).await;
        }
        let oldest = sessions.idle(Duration::ZERO)[0].clone();
        let used: Vec<_> = sessions.idle(Duration::ZERO)[1..].iter().map(|id| sessions.use_one(id)).collect();

        assert!(sessions.make_room().await);
        assert!(sessions.use_one(&oldest).is_none());
        let (id, _) = sessions.manager.create_session().await.unwrap();
        sessions.begun(&id);
        let _used = sessions.use_one(&id);
        assert!(!sessions.make_room().await, "all are in use");
        drop(used);
        assert!(sessions.make_room().await);
    }
}
