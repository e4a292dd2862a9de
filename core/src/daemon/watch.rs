//! Are the lock, the record and the other ports still what they should be?

use core::time::Duration;

use super::{Asked, Daemon, Effect, LockWatch, Timer};
use crate::control::{DrainReason, Mutant, Probe, RecordRead};
use crate::time::Instant;

/// Pause between checks at first, when other programs that started at the same moment are still starting ...
const EAGER: Duration = Duration::from_secs(2);
/// ... for as long as the slowest of them may take, ...
const EAGER_FOR: Duration = Duration::from_secs(90);
/// ... and from then on: a lock that was lost or a record that was deleted is noticed within this time.
pub const SELF_CHECK: Duration = Duration::from_secs(30);

/// What is to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Watch {
    ready_since: Instant,
    /// It is time for a check.
    pub(super) due: bool,
    /// The record is missing, or not ours.
    pub(super) publish: bool,
    /// The next port to look at, while a check is on.
    next: Option<u16>,
    /// Where a record that is not ours says its daemon is.
    claimed: Option<u16>,
}

impl Watch {
    pub(super) fn start(&mut self, _published: bool, now: Instant) {
        *self = Self { ready_since: now, ..Self::default() };
    }

    /// The port after the one that is asked out of turn.
    pub(super) fn next(&self) -> Option<u16> {
        self.next
    }
}

impl Daemon {
    pub(super) fn arm_self_check(&mut self, now: Instant) {
        if self.mutation.is(Mutant::NoSelfCheck) {
            return;
        }
        let eager = now - self.watch.ready_since < EAGER_FOR;
        self.arm(Timer::SelfCheck, now + if eager { EAGER } else { SELF_CHECK });
    }

    /// A program that came by its port has not found the record, perhaps because it is not there.
    pub(super) fn check_soon(&mut self, now: Instant) {
        if self.timers[Timer::SelfCheck as usize].is_some_and(|at| at > now + EAGER) {
            self.arm(Timer::SelfCheck, now + EAGER);
        }
    }

    pub(super) fn advance_watch(&mut self, now: Instant) {
        if core::mem::take(&mut self.watch.due) {
            return self.ask(Effect::CheckFiles, Asked::Files);
        }
        // Somebody else's claim first: if it is good, this daemon goes and publishes nothing.
        if let Some(port) = self.watch.claimed.take().or_else(|| self.watch.next.take()) {
            return self.ask(Effect::Probe { port }, Asked::Rival(port));
        }
        if self.watch.publish {
            return self.publish();
        }
        if self.timers[Timer::SelfCheck as usize].is_none() {
            self.arm_self_check(now);
        }
    }

    pub(super) fn on_files(&mut self, lock: LockWatch, record: &RecordRead, now: Instant) {
        if lock == LockWatch::Lost && !self.mutation.is(Mutant::R37LockLossIgnored) {
            return self.begin_drain(DrainReason::LockLost, now);
        }
        // Somebody may have changed a word of it: it would lead clients astray, or nowhere.
        let own = self.record();
        self.watch.publish =
            !matches!(record, RecordRead::Found(found) if own.as_ref() == Some(found.as_ref()));
        if let RecordRead::Found(record) = record
            && record.advertised.is_none()
        {
            self.watch.claimed = Some(record.health_port);
        }
        self.watch.next = self.next_foreign(None);
    }

    /// The next port that is not its own. An older daemon that found this one silent, while hyperd was starting, went to
    /// a port above; one that was starting then itself may be below.
    fn next_foreign(&self, after: Option<u16>) -> Option<u16> {
        let port = self.config.ports.after(after)?;
        if Some(port) == self.port { self.config.ports.after(Some(port)) } else { Some(port) }
    }

    pub(super) fn on_rival(&mut self, port: u16, probe: &Probe, now: Instant) {
        let rival = probe.legacy(&self.config.state_folder).is_some();
        if rival && !self.mutation.is(Mutant::LegacyNotYieldedTo) {
            return self.begin_drain(DrainReason::Legacy, now);
        }
        // What the record claimed came out of turn.
        if self.watch.next.is_none() {
            self.watch.next = self.next_foreign(Some(port));
        }
    }
}
