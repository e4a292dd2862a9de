//! A bounded number of clients for any number of tasks.
//!
//! The sources of deadpool 0.13 and bb8 0.9 were read, and neither does what is wanted here.
//!
//! deadpool is a semaphore of tokio, too. It bounds the wait for a place, connecting, and each check of an idle connection
//! by itself, so that no number bounds them together. What is given back lies as it is until it is handed out again, while
//! here an abandoned statement ends at once. Closing drops idle connections, without the orderly end that writes databases.
//!
//! bb8 bounds the whole. But it connects in tasks of its own, so that who waits learns of a failure to connect as of a
//! timeout that does not say what it was, and who comes later may be served first.
//!
//! Both reckon how long a connection lay idle by the monotonic clock, which stands still while the machine sleeps. What
//! would be left of either is the semaphore of tokio and what [`hyperwire_core::pool`] decides, which is all there is here.

mod error;
mod pooled;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hyperwire_carrier::Transport as _;
use hyperwire_carrier::{Config, Error, FOR_EVER};
use hyperwire_core::pool::{Idle, Reuse, ReusePolicy};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

pub use error::PoolError;
pub use pooled::Pooled;

use crate::client::Client;
use crate::transport::Transport;

/// How a pool behaves.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PoolConfig {
    /// How many connections there may be, at least 1. Hyper has few threads: half as many again long statements as the
    /// machine has cores keep it from even answering a new connection.
    pub size: usize,
    /// How long [`Pool::get`] may take in all. Default 30 s.
    pub checkout_timeout: Duration,
    /// When an idle connection is checked before it is used.
    pub reuse: ReusePolicy,
}

impl PoolConfig {
    /// The defaults for so many connections.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size, checkout_timeout: Duration::from_secs(30), reuse: ReusePolicy::DEFAULT }
    }
}

/// Clients that tasks take turns with. Clones are the same pool.
///
/// - Connections are made when they are needed. Whoever waits for one is served in the order of asking.
/// - One that lay idle for more than 30 s, or while the machine slept, has to answer within 2 s or is replaced, which
///   the caller does not notice.
/// - One that is given back with an open transaction is rolled back; with an open statement it is closed, which makes
///   the server stop. Temporary tables and what was SET remain for the next user.
/// - It owns no task: idle connections stay until they are used, or the pool is closed or dropped.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Config,
    config: PoolConfig,
    places: Semaphore,
    /// The one that was used last is used next, so that a pool that became too large has idle ones.
    idle: Mutex<Vec<Resting>>,
}

/// A client that nobody uses.
#[derive(Debug)]
struct Resting {
    client: Client,
    since: Instant,
    since_wall: SystemTime,
}

impl Pool {
    /// A pool of connections like `client` says. Nothing is connected yet.
    #[must_use]
    pub fn new(client: Config, config: PoolConfig) -> Self {
        let places = Semaphore::new(config.size.clamp(1, Semaphore::MAX_PERMITS));
        Self(Arc::new(Shared { client, config, places, idle: Mutex::default() }))
    }

    /// A client, for as long as the caller keeps it. Dropped, this future leaves the queue.
    ///
    /// # Errors
    /// All are in use for [`PoolConfig::checkout_timeout`], or no connection can be made in what is left of it.
    pub async fn get(&self) -> Result<Pooled, PoolError> {
        self.get_within(self.0.config.checkout_timeout).await
    }

    /// [`Pool::get`] with another bound.
    ///
    /// # Errors
    /// As for [`Pool::get`].
    pub async fn get_within(&self, timeout: Duration) -> Result<Pooled, PoolError> {
        let start = Transport::now();
        let deadline = start + timeout.min(FOR_EVER);
        let place = match timeout_at(deadline.into(), self.0.places.acquire()).await {
            Ok(place) => place.map_err(|_| PoolError::Closed)?,
            Err(_) => {
                let waited = Transport::now().saturating_duration_since(start);
                return Err(PoolError::AllInUse { size: self.0.config.size.max(1), waited });
            }
        };
        // From here on dropping this future gives the place back, and ends the client that it has.
        let client = match self.revive(deadline).await {
            Some(client) => client,
            None => self.connect(deadline).await.map_err(PoolError::Connect)?,
        };
        place.forget();
        Ok(Pooled::new(client, Arc::clone(&self.0)))
    }

    /// Closes idle connections in good order, and lets those in use end when they are given back. Nobody gets one any
    /// more, nor do those who wait.
    pub async fn close(&self) {
        self.0.places.close();
        while let Some(resting) = self.0.wake() {
            // It has nothing to lose that was not said to its last user.
            let _ = resting.client.close().await;
        }
    }

    /// How many connections lie idle.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.0.resting().len()
    }

    /// How many clients could be had now without waiting for another user.
    #[must_use]
    pub fn available(&self) -> usize {
        self.0.places.available_permits()
    }

    /// An idle client that is good.
    async fn revive(&self, deadline: Instant) -> Option<Client> {
        while let Some(Resting { mut client, since, since_wall }) = self.0.wake() {
            let idle = Idle {
                awake: Transport::now().saturating_duration_since(since),
                wall: since_wall.elapsed().unwrap_or_default(),
            };
            let good = match self.0.config.reuse.reuse(idle) {
                Reuse::AtOnce => before(deadline, client.settle()).await,
                Reuse::Check { within } => {
                    let soon = deadline.min(Transport::now() + within.min(FOR_EVER));
                    before(soon, client.ping(within)).await
                }
            };
            if good {
                return Some(client);
            }
        }
        None
    }

    async fn connect(&self, deadline: Instant) -> Result<Client, Error> {
        let mut config = self.0.client.clone();
        let left = deadline.saturating_duration_since(Transport::now());
        config.connect_timeout = config.connect_timeout.min(left);
        Client::connect(config).await
    }
}

impl Shared {
    fn resting(&self) -> std::sync::MutexGuard<'_, Vec<Resting>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) -> Option<Resting> {
        self.resting().pop()
    }

    fn put_to_rest(&self, client: Client) {
        if !self.places.is_closed() {
            self.resting().push(Resting { client, since: Transport::now(), since_wall: SystemTime::now() });
        }
    }
}

async fn before(deadline: Instant, works: impl Future<Output = Result<(), Error>>) -> bool {
    matches!(timeout_at(deadline.into(), works).await, Ok(Ok(())))
}
