//! Leaving: no new leases, the record and the port first, hyperd when nobody uses it, the lock last.

use alloc::vec::Vec;
use core::time::Duration;

use super::engine::Engine;
use super::{Asked, Daemon, Effect, Exit, Timer};
use crate::control::{DrainReason, Mutant, Phase, Reply, StopMode};
use crate::time::Instant;

/// How long sessions are waited for whose programs hold no lease, at most; they may be idle for ever.
const STRAYS: Duration = Duration::from_secs(30);
const RECOUNT: Duration = Duration::from_secs(1);

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Drain {
    pub(super) reason: DrainReason,
    /// Whatever runs.
    force: bool,
    record_removed: bool,
    /// Holders know, and the port is free.
    told: bool,
    strays: Strays,
}

/// Sessions of programs that hold no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Strays {
    Unknown,
    /// There are some: wait before counting again.
    Some,
    None,
}

impl Daemon {
    pub(super) fn begin_drain(&mut self, reason: DrainReason, now: Instant) {
        if self.drain.is_some() || self.phase == Phase::Gone {
            return;
        }
        // Without the lock the record may be a successor's.
        let record_removed = reason == DrainReason::LockLost || self.mutation.is(Mutant::RecordNotRemoved);
        self.drain =
            Some(Drain { reason, force: false, record_removed, told: false, strays: Strays::Unknown });
        for timer in [Timer::SelfCheck, Timer::Idle, Timer::EngineProbe, Timer::Restart] {
            self.disarm(timer);
        }
        if let Some(limit) = self.config.drain_limit {
            self.arm(Timer::DrainLimit, now + limit);
        }
        if self.port.is_some() {
            self.enter(Phase::Draining);
        }
        self.answer_withheld(now);
        self.advance(now);
    }

    pub(super) fn on_stop(&mut self, mode: StopMode, now: Instant) {
        match mode {
            StopMode::Idle => self.retire = true,
            StopMode::Drain => self.begin_drain(DrainReason::Stop, now),
            StopMode::Force => {
                self.begin_drain(DrainReason::Stop, now);
                self.force();
            }
        }
    }

    pub(super) fn force(&mut self) {
        if let Some(drain) = &mut self.drain {
            drain.force = true;
        }
    }

    pub(super) fn advance_drain(&mut self, now: Instant) {
        let Some(drain) = self.drain else { return };
        let reason = drain.reason;
        if self.port.is_none() {
            // It served nobody yet.
            return self.exit(Exit::Drained(reason));
        }
        if self.mutation.is(Mutant::R15LockBeforeEngine) && drain.told && self.leases() == 0 {
            return self.exit(Exit::Drained(reason));
        }
        if !drain.record_removed {
            let of = (!self.mutation.is(Mutant::R6RemovesAnyRecord)).then_some(self.incarnation);
            return self.ask(Effect::RemoveRecord { of }, Asked::RemoveRecord);
        }
        if !drain.told {
            self.tell(reason);
        }
        if self.engine != Engine::Running {
            return self.exit(Exit::Drained(reason));
        }
        if drain.force || self.mutation.is(Mutant::R4StopKills) {
            return self.ask(Effect::StopEngine, Asked::StopEngine);
        }
        if self.leases() > 0 {
            return;
        }
        match drain.strays {
            Strays::Unknown => self.ask(Effect::CountSessions, Asked::CountSessions),
            Strays::Some => {
                if self.timers[Timer::Sessions as usize].is_none() {
                    self.arm(Timer::Sessions, now + RECOUNT);
                }
            }
            Strays::None => self.ask(Effect::StopEngine, Asked::StopEngine),
        }
    }

    fn tell(&mut self, reason: DrainReason) {
        if let Some(drain) = &mut self.drain {
            drain.told = true;
        }
        self.effects.push_back(Effect::CloseListener);
        let (holders, others): (Vec<_>, Vec<_>) =
            self.peers.keys().copied().partition(|it| self.holds_lease(*it));
        for to in holders {
            self.effects.push_back(Effect::Send { to, reply: Reply::Draining(reason) });
        }
        // They may be about to ask for a lease; they find the next daemon sooner this way.
        for connection in others {
            self.peers.remove(&connection);
            self.effects.push_back(Effect::Close(connection));
        }
    }

    pub(super) fn on_removed(&mut self) {
        if let Some(drain) = &mut self.drain {
            drain.record_removed = true;
        }
    }

    pub(super) fn on_sessions(&mut self, count: Option<u32>, now: Instant) {
        let Some(drain) = &mut self.drain else { return };
        if drain.strays == Strays::None {
            return;
        }
        // Where nobody can tell, the leases were all there is to go by.
        if count.unwrap_or(0) == 0 {
            drain.strays = Strays::None;
            return;
        }
        drain.strays = Strays::Some;
        if self.timers[Timer::Strays as usize].is_none() {
            self.arm(Timer::Strays, now + STRAYS);
        }
    }

    pub(super) fn recount_sessions(&mut self) {
        if let Some(drain) = &mut self.drain
            && drain.strays == Strays::Some
        {
            drain.strays = Strays::Unknown;
        }
    }

    /// They may be idle as well as busy, and nobody can tell.
    pub(super) fn forget_strays(&mut self) {
        if let Some(drain) = &mut self.drain {
            drain.strays = Strays::None;
        }
        self.disarm(Timer::Sessions);
    }
}
