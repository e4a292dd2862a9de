//! From nothing to a port: lock, no orphan, no older daemon, listen.

use alloc::sync::Arc;
use core::time::Duration;

use super::{Asked, Daemon, Effect, Exit, Timer};
use crate::control::{LockTry, Mutant, Phase, Probe, Process, StartReport, SystemError};
use crate::time::Instant;

/// A client that looks whether the lock is held holds it for a moment.
const LOCK_TRIES: u8 = 4;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// hyperd ends within 42 ms of its daemon (measured); one that is stopped or hung needs a person.
const ORPHAN_TRIES: u8 = 50;
const ORPHAN_PAUSE: Duration = Duration::from_millis(200);

/// How far the start is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Progress {
    tries: u8,
    orphan: Option<Process>,
}

impl Daemon {
    pub(super) fn on_lock(&mut self, lock: &LockTry, now: Instant) {
        match lock {
            LockTry::Locked(body) => {
                self.start =
                    Progress { orphan: body.as_deref().and_then(|body| body.engine), ..Progress::default() };
                self.enter(Phase::Locked);
                self.look_for_orphan();
            }
            LockTry::Held if self.mutation.is(Mutant::R1LockIgnored) => {
                self.enter(Phase::Locked);
                self.scan_for_legacy(None);
            }
            LockTry::Held => {
                self.start.tries += 1;
                if self.start.tries == LOCK_TRIES {
                    return self.exit(Exit::NotStarted(StartReport::AlreadyRunning));
                }
                self.arm(Timer::Lock, now + LOCK_PAUSE);
            }
            LockTry::Error(error) => self.exit_state_folder(*error),
        }
    }

    fn exit_state_folder(&mut self, error: SystemError) {
        let why = alloc::string::ToString::to_string(&error);
        self.exit(Exit::NotStarted(StartReport::StateFolder(why.into())));
    }

    /// Where hyperd inherits the lock, having it proves that there is none; elsewhere the last holder's word counts.
    pub(super) fn look_for_orphan(&mut self) {
        match self.start.orphan {
            Some(process) if !self.mutation.is(Mutant::R33OrphanIgnored) => {
                self.ask(Effect::FindProcess(process), Asked::Orphan);
            }
            _ => self.scan_for_legacy(None),
        }
    }

    pub(super) fn on_orphan(&mut self, alive: bool, now: Instant) {
        if !alive {
            self.start.orphan = None;
            return self.scan_for_legacy(None);
        }
        self.start.tries += 1;
        if self.start.tries == ORPHAN_TRIES {
            return self.exit(Exit::NotStarted(StartReport::Orphan));
        }
        self.arm(Timer::Orphan, now + ORPHAN_PAUSE);
    }

    pub(super) fn scan_for_legacy(&mut self, after: Option<u16>) {
        match self.config.ports.after(after) {
            Some(port) => self.ask(Effect::Probe { port }, Asked::LegacyScan(port)),
            None => self.listen(None),
        }
    }

    /// A port that keeps silent is not waited for. It may be an older daemon's that is starting: `hyperdb-mcp` binds its
    /// port before it starts hyperd, typically 0.2 s and up to 70 s before it answers, and has no lock that would tell.
    /// The self-check looks again for as long as that may take, and this daemon gives way then.
    pub(super) fn on_legacy_scan(&mut self, port: u16, probe: &Probe) {
        if probe.legacy(&self.config.state_folder).is_some() {
            return self.exit(Exit::NotStarted(StartReport::LegacyFound { port }));
        }
        self.scan_for_legacy(Some(port));
    }

    fn listen(&mut self, after: Option<u16>) {
        match self.config.ports.after(after) {
            Some(port) => self.ask(Effect::Listen { port }, Asked::Listen(port)),
            None => self.exit(Exit::NotStarted(StartReport::NoPort)),
        }
    }

    pub(super) fn on_listening(&mut self, port: u16, result: Result<(), SystemError>) {
        if result.is_err() {
            return self.listen(Some(port));
        }
        self.port = Some(port);
        self.start = Progress::default();
        self.enter(Phase::Listening);
        if self.mutation.is(Mutant::R1ReadyWhenBound) {
            self.endpoint = self.endpoint.take().or_else(|| Some(Arc::from("")));
            self.enter(Phase::EngineUp);
        }
    }
}
