//! What must hold: of every transition, of every state, and wherever nothing happens any more.

use hyperwire_core::control::Phase;
use hyperwire_core::election::ElectionError;

use super::act::Run;
use super::other::{Other, Whose};
use super::search::Violation;
use super::slot::Slot;
use super::town::Bounds;
use super::world::{Body, Party, Process, World};

impl Run<'_> {
    /// Of every state.
    pub(super) fn check_state(&mut self) {
        // Whoever deletes the lock file takes the lock away; the daemons then find out. See `at_rest`.
        for elsewhere in [false, true] {
            if !self.world.folder(elsewhere).keeps_its_lock_file() {
                continue;
            }
            let own = |process: &&Slot<Process>| process.elsewhere == elsewhere;
            let holders = self.world.daemons.iter().filter(own).filter(|process| match &process.body {
                Body::Ours(machine) => (Phase::Locked..=Phase::Draining).contains(&machine.phase()),
                _ => false,
            });
            if holders.count() > 1 {
                self.violate("S1", "two daemons at once");
            }
            // Where there are older ones too, ours are those that inherited a lock.
            let all = self.bounds.ours_only();
            let engines = self.world.daemons.iter().filter(own).filter_map(|process| process.engine.as_ref());
            if engines.filter(|engine| all || engine.inode.is_some()).count() > 1 {
                self.violate("S2", "two hyperds at once");
            }
        }
        // A deleted folder takes the spawn lock away as well: each client may start one then.
        let deletions = usize::from(self.bounds.faults.folder_deletions - self.world.left.folder_deletions);
        let used = self.bounds.faults.sum() - self.world.left.sum() + deletions * self.world.clients.len();
        let other = self.bounds.other.unwrap_or(Other::new(Whose::SameUser));
        let legacy = [self.bounds.legacy_daemon, other.legacy_daemon].into_iter().flatten().count();
        let folders = 1 + usize::from(other.clients > 0);
        if self.bounds.legacy_clients + other.legacy_clients == 0
            && self.world.daemons.len() > folders + used + legacy
        {
            let count = self.world.daemons.len();
            self.violate("L4", format!("{count} daemons were started, for {used} things that went wrong"));
        }
    }

    /// Of a record that is about to appear.
    pub(super) fn check_publish(&mut self, d: u8, generation: u32) {
        let process = &self.world.daemons[usize::from(d)];
        let (holds, last, starts) =
            (process.lock == Some(self.world.folder.inode), process.published, process.engine_starts);
        if !holds && self.world.folder.keeps_its_lock_file() {
            self.violate("S3", format!("daemon {d} publishes without the lock"));
        }
        if starts == 0 {
            self.violate("S3", format!("daemon {d} publishes before it has a hyperd"));
        }
        if starts > last.1 && generation <= last.0 {
            self.violate("S13", format!("daemon {d} publishes another hyperd under generation {generation}"));
        }
        self.world.daemons[usize::from(d)].edit(|process| process.published = (generation, starts));
    }

    /// Of a hyperd that is about to be ended by its daemon.
    pub(super) fn check_stop(&mut self, d: u8) {
        let process = &self.world.daemons[usize::from(d)];
        let Some(engine) = &process.engine else { return };
        let Body::Ours(machine) = &process.body else { return };
        let leaseless = |c: usize| matches!(self.world.clients[c].party, Party::Legacy(_));
        let victim = (0..self.world.clients.len()).find(|c| engine.busy & (1 << c) != 0 && !leaseless(*c));
        let (hung, draining) = (engine.hung, machine.draining().is_some());
        if let Some(c) = victim
            && !hung
        {
            self.violate("S6", format!("daemon {d} ends the query of client {c}"));
        }
        if !draining && !hung {
            self.violate("S12", format!("daemon {d} restarts a hyperd that is well"));
        }
    }
}

/// Of a state in which nothing happens any more unless something goes wrong.
pub(super) fn at_rest(bounds: &Bounds, world: &World) -> Option<Violation> {
    // Older programs that are alone in their folder are as good as they are.
    let folders = [false, true].into_iter().filter(|it| !it || bounds.sharing(true).1 > 0);
    folders.filter_map(|elsewhere| at_rest_in(bounds, world, elsewhere)).next()
}

/// Of one state folder.
fn at_rest_in(bounds: &Bounds, world: &World, elsewhere: bool) -> Option<Violation> {
    let broken = |invariant, what: String| Some(Violation { invariant, what });
    if world.daemons.iter().any(|process| process.alive && process.frozen) {
        return None;
    }
    let live: Vec<_> = (0..world.daemons.len())
        .filter(|d| world.daemons[*d].alive && world.daemons[*d].elsewhere == elsewhere)
        .collect();
    let (legacy_clients, clients) = bounds.sharing(elsewhere);
    let (ours_only, all_legacy) = (legacy_clients == 0, clients == 0);
    let folder = world.folder(elsewhere);
    if live.len() > 1 && (legacy_clients <= 1 || all_legacy) {
        return broken("S14", format!("at rest with {} live daemons", live.len()));
    }
    let ours_live = live.iter().filter(|d| matches!(world.daemons[**d].body, Body::Ours(_))).count();
    if ours_live > 1 {
        return broken("S1", "at rest with two daemons of ours".into());
    }
    for (c, client) in world.clients.iter().enumerate().filter(|(_, client)| client.elsewhere == elsewhere) {
        match &client.party {
            Party::Gone => {}
            Party::Legacy(legacy) => {
                if all_legacy {
                    match legacy.adopted() {
                        Some(d) if !world.daemons[usize::from(d)].alive => {
                            return broken("L6", format!("client {c} rests on a daemon that is gone"));
                        }
                        None => return broken("L1", format!("client {c} shares no daemon")),
                        Some(_) => {}
                    }
                }
            }
            Party::Ours(machine) => {
                if let Some(error) = machine.error() {
                    let frozen = bounds.faults.freezes > world.left.freezes;
                    if matches!(error, ElectionError::Deadline { .. }) && !frozen {
                        return broken(
                            "L1",
                            format!("client {c} gave up though nothing stood in the way: {error}"),
                        );
                    }
                    continue;
                }
                let Some(record) = machine.adopted() else {
                    return broken("L1", format!("client {c} waits for ever, in phase {}", machine.phase()));
                };
                let d = record.pid as usize;
                let serves = world.daemons.get(d).is_some_and(|process| match &process.body {
                    Body::Ours(daemon) => {
                        daemon.phase() == Phase::Ready
                            && daemon.holds_lease(hyperwire_core::daemon::Connection(c as u32))
                    }
                    Body::Legacy(legacy) => legacy.answers(),
                    Body::Dead => false,
                });
                // A daemon without leases may be stopped by whoever likes, and does not say so.
                let legacy_ended =
                    record.advertised.is_none() && (!ours_only || bounds.legacy_daemon.is_some());
                if !serves && !legacy_ended {
                    return broken("L6", format!("client {c} rests on a daemon that does not serve it"));
                }
            }
        }
    }
    for d in live {
        let process = &world.daemons[d];
        match &process.body {
            Body::Ours(machine) if machine.phase() != Phase::Ready => {
                return broken("L3", format!("daemon {d} rests in phase {}", machine.phase().name()));
            }
            Body::Ours(_) if folder.record.as_ref().is_none_or(|posted| usize::from(posted.by) != d) => {
                return broken("L2", format!("the record does not name the live daemon {d}"));
            }
            Body::Legacy(_)
                if all_legacy && folder.record.as_ref().is_none_or(|posted| usize::from(posted.by) != d) =>
            {
                return broken("L2", format!("the record does not name the live daemon {d}"));
            }
            _ => {}
        }
    }
    if folder.spawn_lock.is_some() {
        return broken("L7", "at rest with the spawn lock held".into());
    }
    None
}
