//! The adapters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperwire_blocking::shared::{self as blocking, JoinError, Settings};
use hyperwire_core::control::Record;
use hyperwire_core::election::Phase;
use hyperwire_mio::Election;
use hyperwire_tokio::shared as asynchronous;
use mio::{Events, Poll, Token};
use tokio::runtime::Builder;

use crate::share::{Runtime, Share};

/// [`hyperwire_blocking::shared`]: a thread looks after the share.
pub(crate) struct Blocking;

struct OnThread {
    shared: blocking::SharedHyperd,
    uses: Vec<blocking::InUse>,
}

impl Runtime for Blocking {
    fn name(&self) -> &'static str {
        "blocking"
    }

    fn join(&self, settings: Settings) -> Result<Box<dyn Share>, JoinError> {
        let shared = blocking::SharedHyperd::join(settings)?;
        Ok(Box::new(OnThread { shared, uses: Vec::new() }))
    }
}

impl Share for OnThread {
    fn enter(&mut self, within: Duration) -> Result<Arc<Record>, JoinError> {
        let in_use = self.shared.enter(within)?;
        let record = Arc::new(in_use.record().clone());
        self.uses.push(in_use);
        Ok(record)
    }

    fn leave(&mut self) {
        self.uses.pop();
    }

    fn report(&mut self, reason: &str) {
        self.uses.last().expect("something is entered").report(reason);
    }

    fn phase(&self) -> Phase {
        self.shared.phase()
    }
}

/// [`hyperwire_tokio::shared`]: a task looks after the share.
pub(crate) enum Tokio {
    /// It goes on while somebody waits.
    CurrentThread,
    /// It goes on by itself.
    MultiThread,
}

struct OnTokio {
    uses: Vec<asynchronous::InUse>,
    shared: asynchronous::SharedHyperd,
    runtime: tokio::runtime::Runtime,
}

impl Runtime for Tokio {
    fn name(&self) -> &'static str {
        match self {
            Self::CurrentThread => "tokio_current_thread",
            Self::MultiThread => "tokio_multi_thread",
        }
    }

    fn join(&self, settings: Settings) -> Result<Box<dyn Share>, JoinError> {
        let mut builder = match self {
            Self::CurrentThread => Builder::new_current_thread(),
            Self::MultiThread => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(2).enable_all().build().expect("tokio starts");
        let shared = runtime.block_on(async { asynchronous::SharedHyperd::join(settings) })?;
        Ok(Box::new(OnTokio { uses: Vec::new(), shared, runtime }))
    }
}

impl Share for OnTokio {
    fn enter(&mut self, within: Duration) -> Result<Arc<Record>, JoinError> {
        let in_use = self.runtime.block_on(async {
            // What came while nobody looked is heard first.
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.shared.enter(within).await
        })?;
        let record = Arc::new(in_use.record().clone());
        self.uses.push(in_use);
        Ok(record)
    }

    fn leave(&mut self) {
        self.uses.pop();
    }

    fn report(&mut self, reason: &str) {
        self.uses.last().expect("something is entered").report(reason);
    }

    fn phase(&self) -> Phase {
        self.shared.phase()
    }
}

/// [`hyperwire_mio::Election`]: whoever waits turns the loop.
pub(crate) struct Mio;

struct OnMio {
    election: Election,
    events: Events,
    poll: Poll,
}

impl Runtime for Mio {
    fn name(&self) -> &'static str {
        "mio"
    }

    fn join(&self, settings: Settings) -> Result<Box<dyn Share>, JoinError> {
        let poll = Poll::new().expect("a poll");
        let election = Election::join(settings, poll.registry(), Token(0))?;
        Ok(Box::new(OnMio { election, events: Events::with_capacity(16), poll }))
    }
}

impl OnMio {
    fn turn(&mut self, at_most: Duration) {
        let due = self.election.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        let wait = due.map_or(at_most, |due| due.min(at_most));
        self.poll.poll(&mut self.events, Some(wait)).expect("the poll waits");
        self.events.iter().for_each(|event| self.election.on_ready(event));
        self.election.on_timeout(Instant::now());
    }
}

impl Share for OnMio {
    fn enter(&mut self, within: Duration) -> Result<Arc<Record>, JoinError> {
        let bound = Instant::now() + within;
        if self.election.phase() == Phase::Failed {
            self.election.search_again();
        }
        // What came while nobody looked is heard first.
        self.turn(Duration::ZERO);
        loop {
            while self.election.poll_event()?.is_some() {}
            if let Some(record) = self.election.enter() {
                return Ok(record);
            }
            let left = bound.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(JoinError::Late { phase: self.election.phase() });
            }
            self.turn(left);
        }
    }

    fn leave(&mut self) {
        self.election.leave();
        // It says so at once.
        self.turn(Duration::ZERO);
        while matches!(self.election.poll_event(), Ok(Some(_))) {}
    }

    fn report(&mut self, reason: &str) {
        self.election.report(reason);
        self.turn(Duration::ZERO);
        while matches!(self.election.poll_event(), Ok(Some(_))) {}
    }

    fn phase(&self) -> Phase {
        self.election.phase()
    }
}
