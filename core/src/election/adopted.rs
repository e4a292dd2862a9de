//! Life with a daemon, until it leaves.

use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use super::step::Step;
use super::{Effect, Election, Event, Obstacle, Timer};
use crate::control::{Command, DrainReason, Mutant, Record, Reply};
use crate::time::Instant;

/// How often a daemon without leases is told that it is in use; what `hyperdb-mcp` does.
const HEARTBEAT: Duration = Duration::from_secs(60);

impl Election {
    /// Something is about to run on the daemon's hyperd. Says whether it may; if not, wait for the next
    /// [`Event::Adopted`].
    #[must_use]
    pub fn begin(&mut self) -> bool {
        let may = matches!(self.step, Step::Adopted { leaving: false, .. });
        self.busy |= may;
        may
    }

    /// Nothing runs any more. If the daemon leaves, or left, another is looked for now.
    pub fn end(&mut self, now: Instant) {
        self.busy = false;
        if matches!(self.step, Step::Adopted { leaving: true, .. }) {
            self.start(now);
        }
    }

    /// Whether something runs.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// The daemon's hyperd looks dead from here. The daemon is told, and finds out for itself; meanwhile this client looks
    /// again, and gets the lease back with the endpoint of a hyperd that runs.
    pub fn report(&mut self, reason: &str, now: Instant) {
        let Step::Adopted { record, lease, .. } = &self.step else { return };
        if lease.is_some() {
            let generation = record.advertised.as_ref().map_or(0, |own| own.generation);
            self.effects
                .push_back(Effect::Say(Command::Report2 { generation, reason: String::from(reason) }));
        }
        self.lose(now);
    }

    /// A line that arrived on the open connection. Lines that answer nothing and mean nothing are ignored.
    pub fn handle_line(&mut self, line: &Reply, now: Instant) {
        match (&self.step, line) {
            (Step::Leasing(record), &Reply::Leased { id }) => {
                let record = record.clone();
                self.adopt(record, Some(id));
            }
            (Step::Leasing(_), Reply::Draining(_) | Reply::NotMe(_) | Reply::Err(_)) => {
                self.wait(Obstacle::NotReady, now);
            }
            (Step::Leasing(_), _) => self.wait(Obstacle::Lost, now),
            (Step::StopHigher { lower }, _) => {
                let lower = lower.clone();
                self.adopt_legacy(lower, now);
            }
            (Step::Adopted { leaving: false, .. }, &Reply::Draining(reason)) => self.leave(reason, now),
            _ => {}
        }
    }

    /// The open connection ended.
    pub fn handle_hangup(&mut self, now: Instant) {
        if self.link.take().is_none() {
            return;
        }
        match &self.step {
            Step::Leasing(_) => self.wait(Obstacle::Lost, now),
            Step::StopHigher { lower } => {
                let lower = lower.clone();
                self.adopt_legacy(lower, now);
            }
            Step::Adopted { .. } => self.lose(now),
            _ => {}
        }
    }

    fn adopt(&mut self, record: Arc<Record>, lease: Option<u32>) {
        self.timer = None;
        self.unlock();
        self.silent = None;
        self.asked_again = false;
        self.spawns = 0;
        self.obstacle = None;
        self.events.push_back(Event::Adopted { record: record.clone(), lease });
        self.step = Step::Adopted { record, lease, leaving: false };
    }

    pub(super) fn adopt_legacy(&mut self, record: Arc<Record>, now: Instant) {
        self.hang_up();
        self.adopt(record, None);
        self.arm_heartbeat(now);
    }

    pub(super) fn arm_heartbeat(&mut self, now: Instant) {
        self.timer = Some((now + HEARTBEAT, Timer::Heartbeat));
    }

    /// Told to leave: at once if nothing runs, else when it has ended.
    fn leave(&mut self, reason: DrainReason, now: Instant) {
        if !self.busy && self.mutation.is(Mutant::IdleHolderStays) {
            return;
        }
        self.move_on(Event::Draining(reason), now);
    }

    fn lose(&mut self, now: Instant) {
        self.move_on(Event::Lost, now);
    }

    fn move_on(&mut self, event: Event, now: Instant) {
        let Step::Adopted { leaving, .. } = &mut self.step else { return };
        *leaving = true;
        if !self.busy {
            self.start(now);
        }
        self.events.push_back(event);
    }
}
