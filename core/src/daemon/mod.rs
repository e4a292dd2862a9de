//! The daemon's own life: the process that owns one hyperd and lets the programs of one user share it.
//!
//! ```text
//!  Boot ──lock──► Locked ──no older daemon, a port──► Listening ──hyperd up──► EngineUp ──record──► Ready
//!   │ held           │ one found                        ▲  │ failed                                │  │
//!   ▼                ▼                                  │  ▼          hyperd ended, verified       │  │
//!  Gone ◄─────────── Gone                               │ Gone  ◄──────────────────────────────────┘  │
//!   ▲                                                   └──────────── generation + 1 ◄────────────────┤
//!   └── hyperd ended ◄── no lease left ◄── Draining ◄── STOP, idle, an older daemon, lock lost ... ◄──┘
//! ```
//!
//! Holding the lock is being the daemon, from before the first side effect until the process ends, and the hyperd that
//! it starts inherits it. A lease is an open connection: it ends when the connection does, however the client ended.
//! A daemon that is told to stop takes no new leases, and goes when the last holder has gone.
//!
//! # Driving one
//!
//! Take effects out with [`Daemon::poll_effect`] and carry them out in order; those that have an [`Answer`] come one
//! at a time, and while one is outstanding everything else may still be handed in. See
//! [`election`](crate::election) for the rest of the rules: they are the same.

mod config;
mod connection;
mod drain;
mod effect;
mod engine;
mod start;
mod status;
mod watch;

#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use config::Config;
pub use connection::{Connection, MAX_CONNECTIONS};
pub use effect::{Answer, Effect, EngineProbe, Exit, LockWatch, Timer};
pub use engine::{ENGINE_ANSWERS_WITHIN, ENGINE_HUNG_WITHIN, RESTART_LIMIT, RESTART_WINDOW};
pub use watch::SELF_CHECK;

use crate::control::{
    DrainReason, Incarnation, LockBody, Mutant, Mutation, Phase, Process, Secret, StartReport, StopMode,
};
use crate::time::Instant;
use connection::Peer;
use engine::Engine;

/// One daemon; see the [module](self) for how to drive it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Daemon {
    config: Arc<Config>,
    incarnation: Incarnation,
    secret: Secret,
    started: Instant,
    phase: Phase,
    /// What the outstanding answer is about.
    asked: Option<Asked>,
    port: Option<u16>,
    start: start::Progress,
    engine: Engine,
    endpoint: Option<Arc<str>>,
    engine_process: Option<Process>,
    generation: u32,
    /// When hyperd was restarted lately.
    restarts: Vec<Instant>,
    suspicion: engine::Suspicion,
    watch: watch::Watch,
    peers: BTreeMap<Connection, Peer>,
    /// Since when nobody used it.
    idle_since: Instant,
    /// Go as soon as nobody holds a lease.
    retire: bool,
    drain: Option<drain::Drain>,
    announced: bool,
    timers: [Option<Instant>; Timer::ALL.len()],
    effects: VecDeque<Effect>,
    mutation: Mutation,
}

/// The effect whose answer is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Lock,
    Orphan,
    LegacyScan(u16),
    Listen(u16),
    Start,
    Publish,
    Files,
    /// Does a daemon without leases answer here?
    Rival(u16),
    ProbeEngine,
    RemoveRecord,
    CountSessions,
    StopEngine,
}

impl Daemon {
    /// A process that is to become the daemon. `incarnation` and `secret` must be fresh random bytes.
    #[must_use]
    pub fn new(config: Config, incarnation: Incarnation, secret: Secret, now: Instant) -> Self {
        let mut daemon = Self {
            config: Arc::new(config),
            incarnation,
            secret,
            started: now,
            phase: Phase::Boot,
            asked: None,
            port: None,
            start: start::Progress::default(),
            engine: Engine::Off,
            endpoint: None,
            engine_process: None,
            generation: 0,
            restarts: Vec::new(),
            suspicion: engine::Suspicion::default(),
            watch: watch::Watch::default(),
            peers: BTreeMap::new(),
            idle_since: now,
            retire: false,
            drain: None,
            announced: false,
            timers: [None; Timer::ALL.len()],
            effects: VecDeque::new(),
            mutation: Mutation::default(),
        };
        daemon.ask(Effect::TryLock, Asked::Lock);
        daemon
    }

    /// One with a known mistake.
    #[cfg(hyperwire_mutants)]
    #[doc(hidden)]
    #[must_use]
    pub fn with_mutant(
        config: Config,
        incarnation: Incarnation,
        secret: Secret,
        now: Instant,
        mutant: Option<Mutant>,
    ) -> Self {
        Self { mutation: Mutation::new(mutant), ..Self::new(config, incarnation, secret, now) }
    }

    /// The next thing to do. Those that are answered come one at a time.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The ports that it will ask one after the other if nobody answers on the one that it asks now. A port that keeps
    /// silent costs [`SCAN_WITHIN`](crate::control::SCAN_WITHIN), so a runtime asks all of them at once.
    pub fn ports_ahead(&self) -> impl Iterator<Item = u16> + use<> {
        let (ports, own) = (self.config.ports, self.port);
        let next = match self.asked {
            Some(Asked::LegacyScan(port)) => ports.after(Some(port)),
            Some(Asked::Rival(port)) => self.watch.next().or_else(|| ports.after(Some(port))),
            _ => None,
        };
        core::iter::successors(next, move |port| ports.after(Some(*port)))
            .filter(move |port| Some(*port) != own)
    }

    /// What it is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Which run of which daemon.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// How often it started its hyperd.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Where it listens, once it does.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// How many leases are held.
    #[must_use]
    pub fn leases(&self) -> usize {
        self.peers.values().filter(|peer| peer.has_lease()).count()
    }

    /// Whether this connection holds one.
    #[must_use]
    pub fn holds_lease(&self, connection: Connection) -> bool {
        self.peers.get(&connection).is_some_and(Peer::has_lease)
    }

    /// Why it is leaving, if it is.
    #[must_use]
    pub fn draining(&self) -> Option<DrainReason> {
        self.drain.map(|drain| drain.reason)
    }

    /// Whether an answer to an effect is to come.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.asked.is_some()
    }

    /// When to call [`Self::handle_timeout`], and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        if !self.effects.is_empty() {
            return Some((Instant::EPOCH, Timer::Queued));
        }
        Timer::ALL
            .into_iter()
            .filter_map(|timer| Some((self.timers[timer as usize]?, timer)))
            .min_by_key(|(at, _)| *at)
    }

    /// Says what time it is.
    pub fn handle_timeout(&mut self, now: Instant) {
        for timer in Timer::ALL {
            if self.timers[timer as usize].is_some_and(|at| at <= now) {
                self.expire(timer, now);
            }
        }
    }

    /// Lets one timer pass, whatever the time; see [`Election::expire`](crate::election::Election::expire).
    #[doc(hidden)]
    pub fn expire(&mut self, timer: Timer, now: Instant) {
        if self.timers[timer as usize].take().is_none() {
            return;
        }
        match timer {
            Timer::Queued => {}
            Timer::Lock => self.ask(Effect::TryLock, Asked::Lock),
            Timer::Orphan => self.look_for_orphan(),
            Timer::SelfCheck => self.watch.due = true,
            Timer::Idle => self.on_idle(now),
            Timer::EngineProbe => self.suspicion.due = true,
            Timer::Restart => self.engine = Engine::Off,
            Timer::Sessions => self.recount_sessions(),
            Timer::Strays => self.forget_strays(),
            Timer::DrainLimit => self.force(),
        }
        self.advance(now);
    }

    /// This machine as if nobody were connected to it. For checkers, to which clients are interchangeable.
    #[doc(hidden)]
    #[must_use]
    pub fn without_peers(&self) -> Self {
        Self { peers: BTreeMap::new(), ..self.clone() }
    }

    /// What it knows of one connection. For checkers.
    #[doc(hidden)]
    #[must_use]
    pub fn peer(&self, connection: Connection) -> Option<impl core::hash::Hash + use<>> {
        self.peers.get(&connection).cloned()
    }

    /// The timers that are armed. For checkers.
    #[doc(hidden)]
    pub fn armed(&self) -> impl Iterator<Item = Timer> + use<'_> {
        Timer::ALL.into_iter().filter(|timer| self.timers[*timer as usize].is_some())
    }

    /// The system or a person asks it to end.
    pub fn stop(&mut self, mode: StopMode, now: Instant) {
        self.on_stop(mode, now);
        self.advance(now);
    }

    /// What came of the effect that is outstanding. An answer that belongs to none is ignored.
    pub fn handle_answer(&mut self, answer: Answer, now: Instant) {
        let Some(asked) = self.asked.take() else { return };
        if self.drain.is_some() && self.port.is_none() {
            // It is to end before it served anybody.
            return self.advance(now);
        }
        match (asked, answer) {
            (Asked::Lock, Answer::Lock(lock)) => self.on_lock(&lock, now),
            (Asked::Orphan, Answer::Orphan { alive }) => self.on_orphan(alive, now),
            (Asked::LegacyScan(port), Answer::Probe(probe)) => self.on_legacy_scan(port, &probe),
            (Asked::Listen(port), Answer::Listening(result)) => self.on_listening(port, result),
            (Asked::Start, Answer::Started(result)) => self.on_started(result, now),
            (Asked::Publish, Answer::Published(result)) => self.on_published(result, now),
            (Asked::Files, Answer::Files { lock, record }) => self.on_files(lock, &record, now),
            (Asked::Rival(port), Answer::Probe(probe)) => self.on_rival(port, &probe, now),
            (Asked::ProbeEngine, Answer::Engine(probe)) => self.on_engine_probe(probe, now),
            (Asked::RemoveRecord, Answer::Removed) => self.on_removed(),
            (Asked::CountSessions, Answer::Sessions(count)) => self.on_sessions(count, now),
            (Asked::StopEngine, Answer::Stopped) => self.on_engine_stopped(),
            (asked, _) => self.asked = Some(asked),
        }
        self.advance(now);
    }

    /// Decides what is next, from where things are. Everything that happens ends here.
    fn advance(&mut self, now: Instant) {
        if self.asked.is_some() || self.phase == Phase::Gone {
            return;
        }
        if self.drain.is_some() {
            return self.advance_drain(now);
        }
        match self.phase {
            Phase::Listening => self.advance_engine(now),
            Phase::EngineUp => self.publish(),
            Phase::Ready => self.advance_ready(now),
            Phase::Boot | Phase::Locked | Phase::Draining | Phase::Gone => {}
        }
    }

    fn ask(&mut self, effect: Effect, asked: Asked) {
        self.effects.push_back(effect);
        self.asked = Some(asked);
    }

    fn arm(&mut self, timer: Timer, at: Instant) {
        self.timers[timer as usize] = Some(at);
    }

    fn disarm(&mut self, timer: Timer) {
        self.timers[timer as usize] = None;
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.effects.push_back(Effect::Describe(
            LockBody {
                host: self.config.host.clone(),
                daemon: self.config.process,
                engine: self.engine_process,
                incarnation: self.incarnation,
                phase,
                port: self.port,
            }
            .into(),
        ));
    }

    /// The end: what is left to be done is done by the end of the process, the lock last.
    fn exit(&mut self, exit: Exit) {
        self.phase = Phase::Gone;
        self.timers = [None; Timer::ALL.len()];
        self.peers.clear();
        self.announce(exit.report());
        self.effects.push_back(Effect::Exit(exit));
    }

    /// The first word to whoever started it is the last.
    fn announce(&mut self, report: StartReport) {
        if !core::mem::replace(&mut self.announced, true) {
            self.effects.push_back(Effect::Announce(report));
        }
    }

    /// Somebody used it just now.
    fn touch(&mut self, now: Instant) {
        self.idle_since = now;
        if let Some(idle) = self.config.idle
            && self.phase == Phase::Ready
        {
            self.arm(Timer::Idle, now + idle);
        }
    }

    fn on_idle(&mut self, now: Instant) {
        if self.leases() > 0 && !self.mutation.is(Mutant::R22IdleIgnoresLeases) {
            return self.touch(now);
        }
        self.begin_drain(DrainReason::Idle, now);
    }
}
