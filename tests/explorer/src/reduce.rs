//! What need not be told apart, and what need not wait: the reductions, each with its reason.
//!
//! None is taken in a world whose bounds say `fine`; a test compares the verdicts.

use hyperwire_core::control::{Phase, Reply};
use hyperwire_core::daemon;
use hyperwire_core::election::{self, Effect};

use super::act::Run;
use super::slot::fingerprint;
use super::town::Action;
use super::world::{Body, Mail, Party, Port, World};

/// What somebody could notice who looks again: a client, and a daemon that checks its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signs {
    client: u128,
    daemon: u128,
}

impl Run<'_> {
    pub(super) fn signs(&self) -> Signs {
        let everything = self.world.visible();
        if !self.bounds.reduces() {
            return Signs { client: everything, daemon: everything };
        }
        Signs { client: self.world.look(), daemon: self.world.files() }
    }

    /// A timer that makes somebody look passes only when what it could see has changed since it last began to look.
    /// A look that began and ended without such a change ended where it began; one that a change comes into the middle
    /// of is the last look, taken later.
    pub(super) fn look_again(&mut self, before: Signs) {
        let now = self.signs();
        if now.client != before.client {
            for client in &mut self.world.clients {
                if !client.dirty {
                    client.edit(|client| client.dirty = true);
                }
            }
        }
        if now.daemon == before.daemon {
            return;
        }
        let all = !self.bounds.reduces();
        for d in 0..self.world.daemons.len() {
            let unready = |body: &Body| !matches!(body, Body::Ours(daemon) if daemon.phase() == Phase::Ready);
            let dirty = all || unready(&self.world.daemons[d].body) || self.world.check_finds_something(d);
            if self.world.daemons[d].dirty != dirty {
                self.world.daemons[d].edit(|process| process.dirty = dirty);
            }
        }
    }

    /// Does what comes next as part of this step, if nobody can tell.
    pub(super) fn finish(&mut self) {
        if !self.bounds.reduces() {
            return;
        }
        while self.goes_on() {}
        self.forget();
    }

    /// Whether something has changed since its last look matters to a client that looks or waits to look again, and to
    /// no other: a look begins by forgetting it.
    fn forget(&mut self) {
        for client in &mut self.world.clients {
            let Party::Ours(machine) = &client.party else { continue };
            let waits = machine.armed().any(|timer| timer == election::Timer::Poll);
            let looks = match &client.pending {
                None => machine.phase() == election::Phase::Adopt,
                Some(effect) => !matches!(effect, Effect::ReadRecord | Effect::Spawn),
            };
            if !client.dirty && !waits && !looks {
                client.edit(|client| client.dirty = true);
            }
        }
        for process in &mut self.world.daemons {
            let Body::Ours(machine) = &process.body else { continue };
            if !process.dirty && machine.phase() != Phase::Ready {
                process.edit(|process| process.dirty = true);
            }
        }
    }

    /// Takes one step that commutes with whatever the others can do before it, faults included: either one after the
    /// other leads to the same state, neither makes the other impossible, and a fault that ends the process of the step
    /// leaves the same behind. Every interleaving that is left out then ends like one that is not.
    fn goes_on(&mut self) -> bool {
        for c in 0..self.world.clients.len() {
            // No port shows a client anything where there is nobody but us.
            if matches!(self.world.clients[c].pending, Some(Effect::Probe { .. })) {
                self.client_does(c as u8);
                return true;
            }
            if self.receives_at_once(c) {
                self.client_receives(c as u8);
                return true;
            }
        }
        for d in 0..self.world.daemons.len() {
            if self.daemon_does_at_once(d) {
                self.daemon_does(d as u8);
                return true;
            }
        }
        (0..self.world.clients.len()).any(|c| self.queries_at_once(c as u8))
    }

    /// Whether nothing can happen to a daemon any more but what others and itself do: clients may still be killed, or
    /// find a port slow.
    fn daemons_are_safe(&self) -> bool {
        let left = &self.world.left;
        self.bounds.faults.only_common() && left.sum() == usize::from(left.kills) + usize::from(left.slow)
    }

    fn daemon_does_at_once(&self, d: usize) -> bool {
        let process = &self.world.daemons[d];
        let at_once = match &process.pending {
            // While one starts or serves, the other ports are as they were: only the holder of the lock listens.
            Some(daemon::Effect::Probe { .. }) => true,
            // Sessions without a lease are those of older clients, and there are none.
            Some(daemon::Effect::CountSessions) => true,
            // To clients it is as unready before as after; only a crash or a STOP could tell.
            Some(daemon::Effect::StartEngine { .. }) => self.daemons_are_safe(),
            _ => false,
        };
        at_once && !process.frozen
    }

    /// Begins or ends a query on a daemon that nothing can make leave any more: only a leaving one asks who is busy.
    fn queries_at_once(&mut self, c: u8) -> bool {
        let client = &self.world.clients[usize::from(c)];
        let Party::Ours(machine) = &client.party else { return false };
        let Some(record) = machine.adopted() else { return false };
        let (busy, more) = (client.busy.is_some(), client.queries > 0);
        let stays = match &self.world.daemons[record.pid as usize].body {
            Body::Ours(daemon) => daemon.phase() == Phase::Ready && daemon.draining().is_none(),
            _ => false,
        };
        if !stays || !client.inbox.is_empty() || !(busy || more) || !self.daemons_are_safe() {
            return false;
        }
        self.act(if busy { Action::QueryEnds(c) } else { Action::QueryBegins(c) });
        true
    }

    /// Whether a client takes what waits for it as soon as it is there. More may come behind it, but nothing that was
    /// not on its way already, and whatever changes the client in between ends it.
    fn receives_at_once(&self, c: usize) -> bool {
        let client = &self.world.clients[c];
        let Party::Ours(machine) = &client.party else { return false };
        // It has no query to begin, nothing to report and stays: then it only waits for lines.
        let idle = client.busy.is_none()
            && client.queries == 0
            && self.world.left.reports == 0
            && !self.bounds.leave;
        match (client.inbox.front(), machine.phase()) {
            // The daemon counts the lease since it said so. Who adopts lets go of the spawn lock, which others see.
            (Some(Mail::Line(Reply::Leased { .. })), election::Phase::Adopt) => {
                self.world.folder.spawn_lock != Some(c as u8)
            }
            // The connection is gone for both.
            (Some(Mail::HangUp), election::Phase::Adopt) => true,
            (Some(Mail::HangUp), election::Phase::Adopted) => idle,
            // It gives its lease back. Nobody else sees how many are held, and the daemon only waits for the last; what
            // it waits for besides is the end of its hyperd, so that there must be none before its time.
            (Some(Mail::Line(Reply::Draining(_))), election::Phase::Adopted) => {
                idle && self.bounds.faults.only_common()
            }
            _ => false,
        }
    }
}

impl World {
    /// What a client of ours sees that looks once where there is nobody but us: the record, who answers where it says,
    /// and the locks.
    fn look(&self) -> u128 {
        let answer =
            self.folder.record.as_ref().map(|posted| match self.has_port(posted.record.health_port) {
                Port::Daemon(d) => {
                    let process = &self.daemons[usize::from(d)];
                    let phase = match &process.body {
                        Body::Ours(machine) => (machine.phase() as u8, machine.generation()),
                        _ => (Phase::Gone as u8, 0),
                    };
                    (d, self.is_awake(d), phase)
                }
                port => (u8::MAX, port == Port::Free, (0, 0)),
            });
        fingerprint(&(
            &self.folder.record,
            answer,
            self.folder.spawn_lock.is_some(),
            self.lock_held(),
            self.folder.inode,
        ))
    }

    /// What a daemon sees that checks its files.
    fn files(&self) -> u128 {
        fingerprint(&(&self.folder.record, self.folder.inode))
    }

    /// Whether such a check finds anything but what should be there.
    fn check_finds_something(&self, d: usize) -> bool {
        let process = &self.daemons[d];
        let mine = self.folder.record.as_ref().is_some_and(|posted| usize::from(posted.by) == d);
        process.alive && !(mine && process.lock == Some(self.folder.inode))
    }

    /// Everything that anybody could notice.
    fn visible(&self) -> u128 {
        let daemons: Vec<_> = self
            .daemons
            .iter()
            .map(|process| {
                let phase = match &process.body {
                    Body::Ours(machine) => (machine.phase() as u8, machine.generation()),
                    Body::Legacy(legacy) => (legacy.number(), 0),
                    Body::Dead => (Phase::Gone as u8, 0),
                };
                (process.alive, process.frozen, process.lock, phase, process.engine.is_some())
            })
            .collect();
        let locks = [self.folder.spawn_lock, self.other.spawn_lock];
        fingerprint(&(&self.folder, &self.other, locks, &self.ports, daemons))
    }
}
