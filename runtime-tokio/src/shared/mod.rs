//! One hyperd for all programs of a user, awaited. Unix only.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use hyperwire_tokio::Config;
//! use hyperwire_tokio::daemon::Place;
//! use hyperwire_tokio::shared::{Settings, SharedHyperd};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let place = Place::of_this_process().expect("a home folder, and variables that make sense");
//! let shared = SharedHyperd::join(Settings::new(place, "my-program", ["hyperwire", "daemon", "run", "--detached"]))?;
//! // As long as `in_use` is held, the daemon and its hyperd stay, whoever tells them to stop.
//! let (in_use, mut client) =
//!     shared.connect(Duration::from_secs(90), |endpoint| Config::new(endpoint, "tableau_internal_user")).await?;
//! client.execute("SELECT 1").await?;
//! drop((client, in_use));
//! # Ok(())
//! # }
//! ```

mod driver;
mod port;
mod probes;
mod report;
mod task;

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use hyperwire_blocking::shared::ground::{Retry, create_database};
use hyperwire_carrier::Transport as _;
use hyperwire_carrier::{Config, Error};
use hyperwire_core::control::Record;
use hyperwire_core::election;
use hyperwire_core::hyperd::{Endpoint, EndpointError};
use tokio::time::sleep;

pub use hyperwire_blocking::shared::{ConnectError, CreateError, JoinError, Settings};

use crate::client::Client;
use crate::transport::Transport;
use driver::Driver;

/// This program's share in the one hyperd.
///
/// It owns **one task**, on the runtime that it was joined on, which sleeps until the daemon says something. The task ends
/// when the last of the share and its [`InUse`] is dropped, or with the runtime; the lease ends with it. It reads and
/// locks files in place, which takes microseconds, and has a blocking thread of tokio start a daemon.
///
/// While nothing is [entered](Self::enter) the daemon may leave whenever it is told to; the share then follows to the next
/// one by itself.
#[derive(Debug)]
pub struct SharedHyperd {
    driver: Arc<Driver>,
}

/// Something runs on the shared hyperd: it stays until this is dropped.
#[derive(Debug)]
pub struct InUse {
    driver: Arc<Driver>,
    record: Arc<Record>,
}

impl SharedHyperd {
    /// Begins to look for the daemon, and returns at once; [`Self::enter`] waits for it.
    ///
    /// # Errors
    /// The state folder is of no use as a path, the system gives no random bits, or this is not called on a runtime of
    /// tokio.
    ///
    /// # Panics
    /// The runtime has no I/O or no time enabled.
    pub fn join(settings: Settings) -> Result<Self, JoinError> {
        Ok(Self { driver: Arc::new(Driver::start(settings)?) })
    }

    /// Waits for a daemon, at most so long, and makes it stay. A search that failed before is begun anew, once. Dropped,
    /// this future has entered nothing.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub async fn enter(&self, within: Duration) -> Result<InUse, JoinError> {
        let record = self.driver.enter(within).await?;
        Ok(InUse { driver: self.driver.clone(), record })
    }

    /// Enters and connects. A hyperd that ended in between is reported and the next one waited for: a connection that was
    /// not made has done nothing, so it can be made again.
    ///
    /// `config` says how, once the endpoint is known; `within` bounds the waiting for a hyperd, and each connection is
    /// bounded by its own [`Config::connect_timeout`].
    ///
    /// # Errors
    /// See [`ConnectError`]. What hyperd refuses, a login or a database, is not tried again.
    pub async fn connect(
        &self,
        within: Duration,
        config: impl Fn(Endpoint) -> Config,
    ) -> Result<(InUse, Client), ConnectError> {
        let start = Transport::now();
        let left = || within.saturating_sub(Transport::now().saturating_duration_since(start));
        let mut retry = Retry::default();
        loop {
            let in_use = self.enter(left()).await?;
            let error = match Client::connect(config(in_use.endpoint()?)).await {
                Ok(client) => return Ok((in_use, client)),
                Err(error) => error,
            };
            let pause = retry.after(error, left())?;
            in_use.report("no connection");
            drop(in_use);
            sleep(pause).await;
        }
    }

    /// Where the search is.
    #[must_use]
    pub fn phase(&self) -> election::Phase {
        self.driver.phase()
    }
}

impl InUse {
    /// Where the shared hyperd listens.
    ///
    /// # Errors
    /// The daemon's record names what is no endpoint; that daemon is then broken.
    pub fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        self.record.endpoint()
    }

    /// The daemon's record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Says that hyperd looks dead from here. The daemon finds out for itself whether it is, and replaces it then. Let go of
    /// this and enter again.
    pub fn report(&self, reason: &str) {
        self.driver.report(reason);
    }

    /// Creates the database file unless it is there. All programs of the place do that one at a time: hyperd can hang for
    /// good when several create and open the same new file at once.
    ///
    /// It runs on a blocking thread of tokio, and goes on there if this future is dropped: the lock must not be let go
    /// while hyperd is at it.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub async fn create_database(&self, path: &str, within: Duration) -> Result<(), CreateError> {
        let (endpoint, path) = (self.endpoint()?, path.to_owned());
        self.driver.enter_again();
        let in_use = Self { driver: self.driver.clone(), record: self.record.clone() };
        let create = move || create_database(in_use.driver.folder(), in_use.endpoint()?, &path, within);
        match tokio::task::spawn_blocking(create).await {
            Ok(created) => created,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime shuts down.
                Err(error) => Err(Error::Connect { endpoint, source: io::Error::other(error) }.into()),
            },
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.driver.leave();
    }
}
