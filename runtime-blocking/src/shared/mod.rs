//! One hyperd for all programs of a user. Unix only.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use hyperwire_blocking::daemon::Place;
//! use hyperwire_blocking::shared::{Settings, SharedHyperd};
//! use hyperwire_blocking::Config;
//!
//! let place = Place::of_this_process().expect("a home folder, and variables that make sense");
//! let shared = SharedHyperd::join(Settings::new(place, "my-program", ["hyperwire", "daemon", "run", "--detached"]))?;
//! // As long as `in_use` is held, the daemon and its hyperd stay, whoever tells them to stop.
//! let (in_use, mut client) =
//!     shared.connect(Duration::from_secs(90), |endpoint| Config::new(endpoint, "tableau_internal_user"))?;
//! client.execute("SELECT 1")?;
//! drop((client, in_use));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod database;
mod driver;
mod error;
mod share;

/// For runtimes that hold an election of their own: what a share decides.
pub mod ground {
    pub use super::database::create as create_database;
    pub use super::share::{Retry, Share};
}

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_core::control::Record;
use hyperwire_core::election;
use hyperwire_core::hyperd::{Endpoint, EndpointError};

use crate::daemon::{Place, host_name};
use crate::{Client, Config, deadline};
use driver::Driver;
use share::Retry;

pub use error::{ConnectError, CreateError, JoinError};

/// How a daemon is found, or started.
#[non_exhaustive]
pub struct Settings {
    /// Whose daemon.
    pub place: Place,
    /// What this program calls itself: a word, for whoever asks the daemon who uses it.
    pub client: String,
    /// How long finding or starting a daemon may take. 90 s.
    pub deadline: Duration,
    /// Gives the command that runs a daemon of this place and reports how that went on its standard output; called when
    /// one has to be started, and only then. It may take its time, to fetch hyperd for example; an error is a sentence
    /// for the user.
    pub command: Box<dyn FnMut() -> Result<Vec<OsString>, String> + Send>,
}

/// This program's share in the one hyperd. It is looked after by a thread, which sleeps until the daemon says something.
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

impl Settings {
    /// For this place, under this name, with a fixed command.
    pub fn new<A: Into<OsString>>(
        place: Place,
        client: impl Into<String>,
        command: impl IntoIterator<Item = A>,
    ) -> Self {
        let command: Vec<OsString> = command.into_iter().map(Into::into).collect();
        Self {
            place,
            client: client.into(),
            deadline: Duration::from_secs(90),
            command: Box::new(move || Ok(command.clone())),
        }
    }

    /// What an election is to be told of them.
    ///
    /// # Errors
    /// The state folder is of no use as a path, or the system gives no random bits.
    pub fn election(&self) -> Result<election::Config, JoinError> {
        let place = &self.place;
        let text = place.text().filter(|_| place.state_folder.is_absolute());
        let text = text.ok_or_else(|| JoinError::StateFolder { path: place.state_folder.clone() })?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(std::io::Error::from)?;
        let mut config = election::Config::new(text, &host_name(), &self.client, u64::from_ne_bytes(seed));
        config.ports = place.ports;
        config.deadline = self.deadline;
        Ok(config)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, client, deadline, command: _ } = self;
        f.debug_struct("Settings")
            .field("place", place)
            .field("client", client)
            .field("deadline", deadline)
            .finish_non_exhaustive()
    }
}

impl SharedHyperd {
    /// Begins to look for the daemon, and returns at once; [`Self::enter`] waits for it.
    ///
    /// # Errors
    /// The state folder is of no use as a path, or the system gives no thread.
    pub fn join(settings: Settings) -> Result<Self, JoinError> {
        Ok(Self { driver: Arc::new(Driver::start(settings)?) })
    }

    /// Waits for a daemon, at most so long, and makes it stay. A search that failed before is begun anew, once.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub fn enter(&self, within: Duration) -> Result<InUse, JoinError> {
        let record = self.driver.enter(deadline(within))?;
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
    pub fn connect(
        &self,
        within: Duration,
        config: impl Fn(Endpoint) -> Config,
    ) -> Result<(InUse, Client), ConnectError> {
        let bound = deadline(within);
        let mut retry = Retry::default();
        loop {
            let in_use = self.enter(bound.saturating_duration_since(Instant::now()))?;
            let error = match Client::connect(config(in_use.endpoint()?)) {
                Ok(client) => return Ok((in_use, client)),
                Err(error) => error,
            };
            let pause = retry.after(error, bound.saturating_duration_since(Instant::now()))?;
            in_use.report("no connection");
            drop(in_use);
            thread::sleep(pause);
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
    /// # Errors
    /// See [`CreateError`].
    pub fn create_database(&self, path: &str, within: Duration) -> Result<(), CreateError> {
        let endpoint = self.endpoint()?;
        database::create(self.driver.folder(), endpoint, path, within)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.driver.leave();
    }
}
