//! What a share decides besides the election: who uses it, and when a connection is tried again.

use std::sync::Arc;
use std::time::Duration;

use hyperwire_core::control::Record;
use hyperwire_core::election::{Election, ElectionError};
use hyperwire_core::time::Instant;

use super::{ConnectError, JoinError, Settings};
use crate::Error;

/// How long a hyperd that cannot be connected to is left alone at first ...
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// ... and at last.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// An election, and how many use what it found.
#[derive(Debug)]
pub struct Share {
    /// The machine, for its driver.
    pub election: Election,
    uses: usize,
    refused: Option<String>,
}

/// When a connection that was not made is tried again: as long as nobody refused it, ever more slowly.
#[derive(Debug)]
pub struct Retry {
    pause: Duration,
}

impl Share {
    /// One whose search has begun.
    ///
    /// # Errors
    /// As for [`Settings::election`].
    pub fn begin(settings: &Settings, now: Instant) -> Result<Self, JoinError> {
        let mut election = Election::new(settings.election()?);
        election.start(now);
        Ok(Self { election, uses: 0, refused: None })
    }

    /// One more use, if there is a daemon that stays; else its driver has to be woken, and the next event waited for. A
    /// search that had failed before the caller began to wait is begun anew.
    ///
    /// # Errors
    /// The search failed while the caller waited.
    pub fn enter(&mut self, has_waited: bool, now: Instant) -> Result<Option<Arc<Record>>, JoinError> {
        if let Some(record) = self.try_enter() {
            return Ok(Some(record));
        }
        if let Some(error) = self.election.error().cloned() {
            if has_waited {
                return Err(self.failure(error));
            }
            self.election.start(now);
        }
        Ok(None)
    }

    /// One more use, if there is a daemon that stays.
    pub fn try_enter(&mut self) -> Option<Arc<Record>> {
        let record = self.election.begin().then(|| self.election.adopted().cloned()).flatten()?;
        self.uses += 1;
        Some(record)
    }

    /// Why the search failed, for whoever waited for it.
    pub fn failure(&mut self, error: ElectionError) -> JoinError {
        self.refused.take().map_or(error.into(), JoinError::Command)
    }

    /// One more use on behalf of one that there is, whether the daemon is about to leave or not.
    pub fn enter_again(&mut self) {
        self.uses += 1;
    }

    /// One use less. Whether it was the last: its driver has to be woken then.
    pub fn leave(&mut self, now: Instant) -> bool {
        self.uses = self.uses.saturating_sub(1);
        if self.uses == 0 {
            self.election.end(now);
        }
        self.uses == 0
    }

    /// Notes why the command for a daemon could not be given, or that it could.
    pub fn note_command<T>(&mut self, command: &Result<T, String>) {
        self.refused = command.as_ref().err().cloned();
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { pause: FIRST_PAUSE }
    }
}

impl Retry {
    /// How long to wait before the next try, with so much time left.
    ///
    /// # Errors
    /// This one, if there is not to be another.
    pub fn after(&mut self, error: Error, left: Duration) -> Result<Duration, ConnectError> {
        if !error.is_session_lost() || error.server().is_some() || self.pause >= left {
            return Err(error.into());
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LAST_PAUSE);
        Ok(pause)
    }
}
