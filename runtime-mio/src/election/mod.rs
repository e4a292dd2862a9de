//! A share in the one hyperd of a user's programs, looked for and held without waiting.

mod carry;
mod probes;
mod question;
mod report;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use hyperwire_blocking::daemon::Place;
use hyperwire_blocking::daemon::ground::StateFolder;
use hyperwire_blocking::shared::ground::Share;
use hyperwire_blocking::shared::{JoinError, Settings};
use hyperwire_carrier::Clock;
use hyperwire_core::control::{Nonce, Record};
use hyperwire_core::election::{Event, Phase};
use mio::{Registry, Token};

use probes::Probes;
use question::{Line, Question};
use report::ReportPipe;

/// The search for the daemon that lets the programs of one user share a hyperd, and the lease on it: what
/// [`SharedHyperd`](hyperwire_blocking::shared::SharedHyperd) does on a thread, driven by the embedder's poll.
///
/// The rule for embedders is that of [`Connection`](crate::Connection): after anything was called, call
/// [`Self::poll_event`] until it returns `None`, then wait until [`Self::deadline`] at most. Files are read and locked
/// right there, which takes microseconds; starting a daemon waits a millisecond for a shell to end, and for as long as
/// [`Settings::command`] takes to give its command. The daemon itself is not waited for.
pub struct Election {
    share: Share,
    clock: Clock,
    folder: StateFolder,
    place: Place,
    command: Box<dyn FnMut() -> Result<Vec<OsString>, String> + Send>,
    registry: Registry,
    first: Token,
    spawn_lock: Option<File>,
    probes: Probes,
    /// A greeting that is not answered yet.
    hello: Option<(Nonce, Question)>,
    heartbeat: Option<Question>,
    link: Option<Line>,
    report: Option<ReportPipe>,
    /// Something was called, or may have come, since [`Election::poll_event`] last had nothing more to say.
    due: bool,
}

impl Election {
    /// How many tokens an election takes, counted from the one it is given.
    pub const TOKENS: usize = 4;

    /// Begins to look for the daemon of [`Settings::place`]. Sockets and a pipe are registered with `registry` under
    /// [`Self::TOKENS`] tokens from `first` on.
    ///
    /// # Errors
    /// The state folder is of no use as a path, or the system gives no random bits or no registry.
    pub fn join(settings: Settings, registry: &Registry, first: Token) -> Result<Self, JoinError> {
        let clock = Clock::start();
        let share = Share::begin(&settings, clock.now())?;
        Ok(Self {
            share,
            clock,
            folder: StateFolder::new(&settings.place.state_folder),
            place: settings.place,
            command: settings.command,
            registry: registry.try_clone()?,
            first,
            spawn_lock: None,
            probes: Probes::default(),
            hello: None,
            heartbeat: None,
            link: None,
            report: None,
            due: true,
        })
    }

    /// Takes an event of the poll; those with foreign tokens are ignored, and one that came for nothing does no harm.
    pub fn on_ready(&mut self, event: &mio::event::Event) {
        let mut tokens = self.first.0..self.first.0 + Self::TOKENS;
        self.due |= tokens.any(|token| event.token() == Token(token));
    }

    /// Says what time it is. Early and repeated calls change nothing.
    pub fn on_timeout(&mut self, now: Instant) {
        self.share.election.handle_timeout(self.clock.at(now));
        self.due |= self.deadline().is_some_and(|at| at <= now);
    }

    /// When to call [`Self::on_timeout`] if no event comes before: a time that has passed, when there is more to do right
    /// now.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.due {
            return Some(self.clock.epoch());
        }
        let machine = self.share.election.deadline().and_then(|(at, _)| self.clock.system(at));
        let hello = self.hello.as_ref().map(|(_, question)| question.deadline());
        let heartbeat = self.heartbeat.as_ref().map(Question::deadline);
        [machine, self.probes.deadline(), hello, heartbeat].into_iter().flatten().min()
    }

    /// The next thing that happened. `None` until there is more readiness or more time.
    ///
    /// # Errors
    /// The search has failed; [`Self::search_again`] begins another.
    pub fn poll_event(&mut self) -> Result<Option<Event>, JoinError> {
        if std::mem::take(&mut self.due) {
            self.carry();
        }
        match self.share.election.poll_event() {
            Some(Event::Failed(error)) => Err(self.share.failure(error)),
            event => Ok(event),
        }
    }

    /// Makes the daemon stay as long as this is not [left](Self::leave) as often as it was entered, if one is adopted and
    /// does not leave already: gives its record, which says where its hyperd listens. Else wait for the next
    /// [`Event::Adopted`].
    pub fn enter(&mut self) -> Option<Arc<Record>> {
        self.share.try_enter()
    }

    /// Says that what was entered has ended. A daemon that was told to leave may do so after the last, and the search for
    /// the next one begins.
    pub fn leave(&mut self) {
        self.due |= self.share.leave(self.clock.now());
    }

    /// Says that hyperd looks dead from here. The daemon finds out for itself whether it is, and replaces it then.
    pub fn report(&mut self, reason: &str) {
        self.due = true;
        self.share.election.report(reason, self.clock.now());
    }

    /// Begins the search anew, with a deadline of its own. What was adopted is given up.
    pub fn search_again(&mut self) {
        self.due = true;
        self.share.election.start(self.clock.now());
    }

    /// Where the search is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.share.election.phase()
    }

    /// Whether a daemon acknowledged a lease that is still held.
    #[must_use]
    pub fn has_lease(&self) -> bool {
        self.share.election.has_lease()
    }
}

impl fmt::Debug for Election {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Election").field("share", &self.share).finish_non_exhaustive()
    }
}

/// Leaves nothing locked and nobody waiting.
impl Drop for Election {
    fn drop(&mut self) {
        self.share.election.release();
        self.undo();
    }
}
