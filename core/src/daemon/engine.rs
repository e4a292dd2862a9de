//! hyperd: started, watched, and started again only on what the daemon saw itself.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use super::{Asked, Daemon, Effect, EngineProbe, Exit, Timer};
use crate::control::{DrainReason, Mutant, Phase, Process, StartReport, SystemError};
use crate::hyperd::Endpoint;
use crate::time::Instant;

/// hyperd is started again this often within [`RESTART_WINDOW`]; then the daemon leaves (as `hyperdb-mcp` does).
pub const RESTART_LIMIT: usize = 3;
/// See [`RESTART_LIMIT`].
pub const RESTART_WINDOW: Duration = Duration::from_secs(60);
/// The pause before a start that follows a failed one.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// How long hyperd may take to let somebody in when it is asked whether it is there.
pub const ENGINE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// hyperd is restarted after this many probes without an answer, ...
const PROBES: u8 = 3;
/// ... this far apart, during which no lease holder saw progress.
const PROBE_PAUSE: Duration = Duration::from_secs(5);

/// How long it takes from a client's report until a hyperd is ended that lets nobody in.
pub const ENGINE_HUNG_WITHIN: Duration = Duration::from_secs(
    PROBES as u64 * ENGINE_ANSWERS_WITHIN.as_secs() + (PROBES as u64 - 1) * PROBE_PAUSE.as_secs(),
);

/// Where hyperd is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Engine {
    /// It is to be started.
    Off,
    /// It is to be started after a pause.
    Paused,
    Running,
    /// Its process ended by itself.
    Ended,
}

/// What speaks against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Suspicion {
    /// A client reported it, or a probe failed: ask it.
    pub(super) due: bool,
    pub(super) failures: u8,
}

impl Daemon {
    pub(super) fn advance_engine(&mut self, now: Instant) {
        if self.engine != Engine::Off {
            return;
        }
        if self.generation > 0 {
            self.restarts.retain(|at| now - *at < RESTART_WINDOW);
            if self.restarts.len() >= RESTART_LIMIT {
                return self.begin_drain(DrainReason::EngineLost, now);
            }
            self.restarts.push(now);
        }
        if self.generation == 0 || !self.mutation.is(Mutant::R26GenerationKept) {
            self.generation += 1;
        }
        self.ask(Effect::StartEngine { generation: self.generation }, Asked::Start);
    }

    pub(super) fn on_started(&mut self, result: Result<(Arc<str>, Process), Box<str>>, now: Instant) {
        match result {
            Ok((endpoint, process)) => {
                self.engine = Engine::Running;
                self.endpoint = Some(match endpoint.parse::<Endpoint>() {
                    Ok(known) => known.plain().into(),
                    Err(_) => endpoint,
                });
                self.engine_process = Some(process);
                self.suspicion = Suspicion::default();
                if self.drain.is_none() {
                    self.enter(Phase::EngineUp);
                }
            }
            Err(why) if !self.announced => {
                self.exit(Exit::NotStarted(StartReport::EngineFailed(why)));
            }
            Err(_) => {
                self.engine = Engine::Paused;
                self.arm(Timer::Restart, now + RESTART_PAUSE);
            }
        }
    }

    /// Advertises; a record that cannot be written is no reason not to serve who finds the way without it.
    pub(super) fn publish(&mut self) {
        let Some(record) = self.record() else { return };
        let temporary = crate::control::temporary_record(self.incarnation);
        self.ask(Effect::Publish { record: Arc::new(record), temporary }, Asked::Publish);
    }

    pub(super) fn on_published(&mut self, result: Result<(), SystemError>, now: Instant) {
        self.watch.publish = false;
        if self.phase != Phase::EngineUp {
            return;
        }
        if self.engine == Engine::Ended {
            self.phase = Phase::Ready;
            return;
        }
        self.enter(Phase::Ready);
        if let Some(record) = self.record() {
            self.announce(StartReport::Ready(record.into()));
        }
        self.answer_withheld(now);
        self.watch.start(result.is_ok(), now);
        self.touch(now);
        self.arm_self_check(now);
        if self.mutation.is(Mutant::R1ReadyWhenBound) && self.engine == Engine::Off {
            self.generation += 1;
            self.ask(Effect::StartEngine { generation: self.generation }, Asked::Start);
        }
    }

    /// What comes first when it is ready and something is to be done.
    pub(super) fn advance_ready(&mut self, now: Instant) {
        if self.retire && self.leases() == 0 {
            return self.begin_drain(DrainReason::Retired, now);
        }
        if self.engine == Engine::Ended {
            self.engine = Engine::Off;
            self.engine_process = None;
            self.disarm(Timer::EngineProbe);
            self.suspicion = Suspicion::default();
            self.enter(Phase::Listening);
            return self.advance_engine(now);
        }
        if core::mem::take(&mut self.suspicion.due) {
            return self.ask(Effect::ProbeEngine, Asked::ProbeEngine);
        }
        self.advance_watch(now);
    }

    /// The process of hyperd ended without having been told to.
    pub fn engine_exited(&mut self, now: Instant) {
        if self.engine == Engine::Running {
            self.engine = Engine::Ended;
        }
        self.advance(now);
    }

    /// A client thinks that hyperd is dead. That is a hint; the client may be wrong, late or hostile.
    pub(super) fn on_report(&mut self, generation: Option<u32>, now: Instant) {
        if self.mutation.is(Mutant::R25ReportTrusted) && self.phase == Phase::Ready && self.asked.is_none() {
            return self.ask(Effect::StopEngine, Asked::StopEngine);
        }
        let old = generation.is_some_and(|generation| generation != self.generation);
        let pending =
            self.timers[Timer::EngineProbe as usize].is_some() || self.asked == Some(Asked::ProbeEngine);
        if !old && !pending && self.phase == Phase::Ready {
            self.suspicion.due = true;
        }
        self.advance(now);
    }

    pub(super) fn on_engine_probe(&mut self, probe: EngineProbe, now: Instant) {
        match probe {
            EngineProbe::Alive => self.suspicion = Suspicion::default(),
            EngineProbe::Exited => self.engine = Engine::Ended,
            EngineProbe::Silent => {
                self.suspicion.failures += 1;
                if self.suspicion.failures < PROBES {
                    self.arm(Timer::EngineProbe, now + PROBE_PAUSE);
                } else if self.drain.is_none() {
                    self.ask(Effect::StopEngine, Asked::StopEngine);
                }
            }
        }
    }

    /// A lease holder saw hyperd work: whatever the probes say, it is not hung.
    pub(super) fn on_progress(&mut self) {
        self.suspicion.failures = 0;
    }

    pub(super) fn on_engine_stopped(&mut self) {
        self.engine = Engine::Ended;
        self.engine_process = None;
    }
}
