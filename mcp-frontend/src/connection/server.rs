//! The hyperd that a connection goes to: shared with the user's other programs, or one of its own.

use std::time::Duration;

use hyperwire_blocking::Client as Session;
use hyperwire_blocking::Config;
use hyperwire_blocking::hyperd::{Ending, Environment, Hyperd, Settings, locate_or_install};
use hyperwire_blocking::hyperwire_core::hyperd::{DEFAULT_USER, Endpoint};

use super::{OpenError, database, refused_or_lost, with_causes};
use crate::progress::Shown;

/// How long hyperd may take to write what is not on disk yet, before it is told with signals. What it writes is only
/// bounded by the disk's speed and its memory.
const SHUTDOWN: Duration = Duration::from_secs(600);

/// Where a session lives.
pub(super) enum Server {
    Private(Hyperd),
    #[cfg(unix)]
    Shared(super::shared::Shared),
}

impl Server {
    pub(super) fn open(private: bool) -> Result<Self, OpenError> {
        #[cfg(unix)]
        if !private {
            return super::shared::Shared::join().map(Self::Shared).map_err(OpenError::NoHyperd);
        }
        let _ = private;
        let mut progress = Shown::new();
        let located = locate_or_install(&Environment::of_this_process(), &mut |now| progress.show(now))
            .map_err(|error| OpenError::NoHyperd(with_causes(&error)))?;
        drop(progress);
        let hyperd = Hyperd::start(&Settings::new(located.path))
            .map_err(|error| OpenError::NoHyperd(with_causes(&error)))?;
        Ok(Self::Private(hyperd))
    }

    /// A session on it. One that is shared may be another hyperd than a moment ago.
    pub(super) fn connect(self, config: impl Fn(Endpoint) -> Config) -> Result<(Self, Session), OpenError> {
        match self {
            Self::Private(hyperd) => {
                let session = Session::connect(config(hyperd.endpoint().clone())).map_err(refused_or_lost)?;
                Ok((Self::Private(hyperd), session))
            }
            #[cfg(unix)]
            Self::Shared(shared) => {
                shared.connect(config).map(|(shared, session)| (Self::Shared(shared), session))
            }
        }
    }

    /// Creates the database if it is not there.
    pub(super) fn create_database(&self, path: &str) -> Result<(), OpenError> {
        match self {
            Self::Private(hyperd) => {
                let config = Config::new(hyperd.endpoint().clone(), DEFAULT_USER);
                let mut session = Session::connect(config).map_err(refused_or_lost)?;
                session.execute(&database::create_statement(path)).map_err(refused_or_lost)?;
                session.close().map_err(refused_or_lost)
            }
            #[cfg(unix)]
            Self::Shared(shared) => shared.create_database(path),
        }
    }

    /// Whether other programs use it too.
    pub(super) fn is_shared(&self) -> bool {
        !matches!(self, Self::Private(_))
    }

    /// The session was lost, perhaps because hyperd is dead.
    pub(super) fn report_lost(&self) {
        #[cfg(unix)]
        if let Self::Shared(shared) = self {
            shared.report_lost();
        }
    }

    /// Ends the session and lets go of the server. When this succeeds, what the session wrote is on disk or in the care of
    /// a hyperd that others use too.
    pub(super) fn end(self, session: Session) -> Result<(), String> {
        let closed = session.close();
        match self {
            // The end of hyperd ends the session too, and is what counts: Hyper writes the database when it ends, not
            // when it commits.
            Self::Private(hyperd) => {
                let ended = hyperd.shutdown(SHUTDOWN).map_err(|error| with_causes(&error))?;
                match ended.ending {
                    Ending::Orderly | Ending::Terminated => Ok(()),
                    _ => Err(format!(
                        "hyperd did not end in order ({}); what was written since it started may be lost",
                        ended.status
                    )),
                }
            }
            #[cfg(unix)]
            Self::Shared(_) => closed.map_err(|error| {
                format!(
                    "the session did not end in order, so what it wrote may not be on disk: {}",
                    with_causes(&error)
                )
            }),
        }
    }
}
