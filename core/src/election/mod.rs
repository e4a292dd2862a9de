//! A client's way to a daemon, and to the next one when it leaves.
//!
//! ```text
//!          ┌────────────────────────────── a daemon that was there is not, or leaves ◄───────────────┐
//!          ▼                                                                                         │
//!        Scan ──► record, verified ─────────────────────► RescanLower ──► Adopt ──► Adopted ─────────┘
//!          │ none                                           │ a legacy one below     ▲
//!          ├──► spawn lock held, daemon lock held ──► Wait  └──► Stop ───────────────┘ (that one)
//!          │                                            │
//!          └──► Spawn ──► Wait for READY ───────────────┴──► Scan
//!  any of them ──► Failed: typed, within one deadline
//! ```
//!
//! The lock decides who is the daemon and the record only says where it is. Nothing is started because a port did not
//! answer, nothing is stopped by its port, and no file of a daemon is ever written or deleted here.
//!
//! # Driving one
//!
//! Take effects out with [`Election::poll_effect`] and carry them out in order. Those that have an [`Answer`] say so;
//! at most one of them is outstanding, and its answer goes to [`Election::handle_answer`], however late. Lines that
//! arrive on the connection that [`Effect::Hello`] opened go to [`Election::handle_line`], its end to
//! [`Election::handle_hangup`], the one line of a started daemon's pipe to [`Election::handle_report`]. When
//! [`Election::deadline`] passes, call [`Election::handle_timeout`]. Any order will do; early and repeated timeouts
//! change nothing. Then look at [`Election::poll_event`].
//!
//! The state holds no more than what its next decision needs, so that a checker can visit every one: while the clock
//! stands still, all deadlines of a kind are the same number.

mod adopted;
mod config;
mod effect;
mod error;
mod step;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;

pub use config::Config;
pub use effect::{Answer, Effect, Event, Greeting, Phase, Timer};
pub use error::{ElectionError, Obstacle};

#[cfg(hyperwire_mutants)]
use crate::control::Mutant;
use crate::control::{Mutation, PROBE_REPLY, Ports, Record, StartReport, Transcript};
use crate::time::Instant;
use step::Step;

/// How often one election starts a daemon at most. One that dies thrice in a row will die again.
pub const MAX_SPAWNS: u8 = 3;

/// One client's election; see the [module](self) for how to drive it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Election {
    config: Arc<Config>,
    step: Step,
    /// Whether an answer is to come.
    outstanding: bool,
    /// Whether it is that of an election that is over: undo what it did.
    stale: bool,
    has_spawn_lock: bool,
    /// A proven connection to a daemon is open.
    link: Option<Transcript>,
    /// The port that the record names, if it was asked and kept silent: the locks say what that means.
    silent: Option<u16>,
    /// The ports that kept silent in the scan before the daemon was started, as bits, the lowest port first. They are not
    /// asked again when that daemon is ready: if an older daemon was starting there, ours finds it and gives way.
    silent_in_scan: u64,
    /// It was asked once more because somebody holds the lock.
    asked_again: bool,
    spawns: u8,
    /// What the last daemon said that died before it was ready.
    last_words: Box<str>,
    /// What stood in the way last.
    obstacle: Option<Obstacle>,
    started: Instant,
    timer: Option<(Instant, Timer)>,
    busy: bool,
    effects: VecDeque<Effect>,
    events: VecDeque<Event>,
    mutation: Mutation,
}

impl Election {
    /// One that has not begun.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
            step: Step::Off,
            outstanding: false,
            stale: false,
            has_spawn_lock: false,
            link: None,
            silent: None,
            silent_in_scan: 0,
            asked_again: false,
            spawns: 0,
            last_words: Box::default(),
            obstacle: None,
            started: Instant::EPOCH,
            timer: None,
            busy: false,
            effects: VecDeque::new(),
            events: VecDeque::new(),
            mutation: Mutation::default(),
        }
    }

    /// One with a known mistake.
    #[cfg(hyperwire_mutants)]
    #[doc(hidden)]
    #[must_use]
    pub fn with_mutant(config: Config, mutant: Option<Mutant>) -> Self {
        Self { mutation: Mutation::new(mutant), ..Self::new(config) }
    }

    /// Begins to look for a daemon, from scratch, with a deadline of its own. What was adopted is given up.
    pub fn start(&mut self, now: Instant) {
        self.give_up();
        self.started = now;
        self.spawns = 0;
        self.last_words = Box::default();
        self.obstacle = None;
        self.events.clear();
        self.scan();
    }

    /// Gives up the lease, or the search for one.
    pub fn release(&mut self) {
        self.give_up();
        self.events.clear();
    }

    /// The next thing to do. Those that are answered come one at a time.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The ports that it will ask one after the other if nobody answers on the one that it asks now. A port that keeps
    /// silent costs [`SCAN_WITHIN`](crate::control::SCAN_WITHIN), so a runtime asks all of them at once.
    pub fn ports_ahead(&self) -> impl Iterator<Item = u16> + use<> {
        let ports = self.config.ports;
        let (port, below) = match &self.step {
            Step::ScanPort(port) => (Some(*port), u16::MAX),
            Step::LookLower { port, record } => (Some(*port), record.health_port - 1),
            _ => (None, 0),
        };
        let next = port.and_then(|port| ports.after(Some(port)));
        let skip = if matches!(self.step, Step::LookLower { .. }) { self.silent_in_scan } else { 0 };
        core::iter::successors(next, move |port| ports.after(Some(*port)))
            .take_while(move |port| *port <= below)
            .filter(move |port| skip & bit(ports, *port) == 0)
    }

    /// Where the election is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.step.phase()
    }

    /// The daemon that was adopted, if one is.
    #[must_use]
    pub fn adopted(&self) -> Option<&Arc<Record>> {
        if let Step::Adopted { record, .. } = &self.step { Some(record) } else { None }
    }

    /// Whether a daemon acknowledged a lease that is still held.
    #[must_use]
    pub fn has_lease(&self) -> bool {
        matches!(self.step, Step::Adopted { lease: Some(_), .. })
    }

    /// Why the election failed, if it did.
    #[must_use]
    pub fn error(&self) -> Option<&ElectionError> {
        if let Step::Failed(error) = &self.step { Some(error) } else { None }
    }

    /// When to call [`Self::handle_timeout`], and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        if !self.effects.is_empty() || !self.events.is_empty() {
            return Some((Instant::EPOCH, Timer::Queued));
        }
        let election =
            self.step.is_search().then_some((self.started + self.config.deadline, Timer::Election));
        election.into_iter().chain(self.timer).min_by_key(|(at, _)| *at)
    }

    /// Says what time it is.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.step.is_search() && self.started + self.config.deadline <= now {
            self.expire(Timer::Election, now);
        }
        if let Some((at, timer)) = self.timer
            && at <= now
        {
            self.expire(timer, now);
        }
    }

    /// Lets one timer pass, whatever the time. For checkers, which do not move the clock: they call this with the `now`
    /// of everything else, and so never tell two states apart by when they were reached.
    #[doc(hidden)]
    pub fn expire(&mut self, timer: Timer, now: Instant) {
        match timer {
            Timer::Election if self.step.is_search() => {
                let error = ElectionError::Deadline { phase: self.phase(), obstacle: self.obstacle };
                self.fail(error);
            }
            Timer::Poll | Timer::Reply | Timer::Heartbeat if self.timer.is_some_and(|(_, t)| t == timer) => {
                self.timer = None;
                self.on_timer(timer, now);
            }
            _ => {}
        }
    }

    /// The timers that are armed. For checkers.
    #[doc(hidden)]
    pub fn armed(&self) -> impl Iterator<Item = Timer> + use<> {
        let election = self.step.is_search().then_some(Timer::Election);
        election.into_iter().chain(self.timer.map(|(_, timer)| timer))
    }

    /// This machine as if nothing had stood in its way: only the message of a failure tells of that. For checkers.
    #[doc(hidden)]
    #[must_use]
    pub fn without_obstacle(&self) -> Self {
        Self { obstacle: None, ..self.clone() }
    }

    /// Whether an answer to an effect is to come.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.outstanding
    }

    /// What came of the pipe of the daemon that was started, as [`ReportReader`](crate::control::ReportReader) gives it.
    /// `None` is a pipe that ended without a word.
    pub fn handle_report(&mut self, report: Option<StartReport>, now: Instant) {
        if self.step == Step::AwaitChild {
            self.on_report(report, now);
        }
    }

    fn fail(&mut self, error: ElectionError) {
        self.give_up();
        self.events.push_back(Event::Failed(error.clone()));
        self.step = Step::Failed(error);
    }

    /// Leaves nothing open and nothing locked.
    fn give_up(&mut self) {
        // What was asked for and not yet begun need not begin.
        let before = self.effects.len();
        self.effects.retain(|effect| !effect.is_answered());
        if self.effects.len() < before {
            self.outstanding = false;
        }
        self.stale = self.outstanding;
        self.hang_up();
        self.unlock();
        self.timer = None;
        self.silent = None;
        self.silent_in_scan = 0;
        self.asked_again = false;
        self.step = Step::Off;
    }

    fn hang_up(&mut self) {
        if self.link.take().is_some() {
            self.effects.push_back(Effect::HangUp);
        }
    }

    fn unlock(&mut self) {
        if core::mem::take(&mut self.has_spawn_lock) {
            self.effects.push_back(Effect::Unlock);
        }
    }

    /// Looks again after a quarter of the time that the election has taken so far, up to a second: whatever is waited for
    /// is noticed at most a third later than it happens, with the jitter.
    fn wait(&mut self, obstacle: Obstacle, now: Instant) {
        self.hang_up();
        self.silent = None;
        self.silent_in_scan = 0;
        self.asked_again = false;
        self.obstacle = Some(obstacle);
        let pause = ((now - self.started) / 4).clamp(Duration::from_millis(1), Duration::from_secs(1));
        self.timer = Some((now + pause + self.config.jitter(pause), Timer::Poll));
        self.step = Step::Waiting;
    }

    fn await_reply(&mut self, now: Instant) {
        self.timer = Some((now + PROBE_REPLY, Timer::Reply));
    }
}

/// Which bit stands for a port; none beyond the 64th, which is then asked every time.
fn bit(ports: Ports, port: u16) -> u64 {
    1_u64.checked_shl(port.saturating_sub(ports.base()).into()).unwrap_or(0)
}
