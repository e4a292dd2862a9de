//! What may go wrong, and how often.

use hyperwire_core::control::Phase;

use super::town::Action;
use super::visited::Spare;
use super::world::{Body, Party, Port, World};

/// How often each thing may go wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Left {
    pub crashes: u8,
    pub kills: u8,
    pub stops: u8,
    pub slow: u8,
    pub freezes: u8,
    pub record_deletions: u8,
    pub folder_deletions: u8,
    pub disk_full: u8,
    pub engine_crashes: u8,
    pub engine_hangs: u8,
    pub engine_failures: u8,
    pub idles: u8,
    pub stale_stops: u8,
    pub reports: u8,
    pub impostors: u8,
    pub listener_losses: u8,
    /// How many of all these together, at most; 0: no limit.
    pub together: u8,
}

impl Left {
    /// Each of them.
    pub(super) fn kinds(&self) -> Spare {
        [
            self.crashes,
            self.kills,
            self.stops,
            self.slow,
            self.freezes,
            self.record_deletions,
            self.folder_deletions,
            self.disk_full,
            self.engine_crashes,
            self.engine_hangs,
            self.engine_failures,
            self.idles,
            self.stale_stops,
            self.reports,
            self.impostors,
            self.listener_losses,
        ]
    }

    /// All of them together.
    pub(super) fn sum(&self) -> usize {
        self.kinds().into_iter().map(usize::from).sum()
    }

    /// Whether there are none but crashes, kills, STOPs and slow ports.
    pub(super) fn only_common(&self) -> bool {
        self.sum()
            == [self.crashes, self.kills, self.stops, self.slow].into_iter().map(usize::from).sum::<usize>()
    }
}

/// Everything that may go wrong in this state.
pub(super) fn faults(world: &World, list: &mut Vec<Action>) {
    let left = &world.left;
    for (index, process) in world.daemons.iter().enumerate() {
        let d = index as u8;
        if !process.alive {
            continue;
        }
        if left.crashes > 0 {
            list.push(Action::DaemonCrashes(d));
        }
        if process.frozen {
            list.push(Action::DaemonThaws(d));
            continue;
        }
        if left.freezes > 0 {
            list.push(Action::DaemonFreezes(d));
        }
        if left.stops > 0 && process.port.is_some() {
            list.push(Action::UserStops(d));
        }
        if let Body::Ours(machine) = &process.body {
            if left.stale_stops > 0 && process.port.is_some() {
                list.push(Action::StaleStop(d));
            }
            if left.listener_losses > 0 && machine.phase() == Phase::Ready {
                list.push(Action::ListenerIsLost(d));
            }
        }
        if let Some(engine) = &process.engine {
            if left.engine_crashes > 0 {
                list.push(Action::EngineCrashes(d));
            }
            if left.engine_hangs > 0 && !engine.hung {
                list.push(Action::EngineHangs(d));
            }
        }
    }
    for (index, client) in world.clients.iter().enumerate() {
        let c = index as u8;
        if left.kills > 0 && !matches!(client.party, Party::Gone) {
            list.push(Action::ClientIsKilled(c));
        }
        if let Party::Ours(machine) = &client.party
            && left.reports > 0
            && machine.has_lease()
        {
            list.push(Action::Report(c));
        }
    }
    if left.record_deletions > 0 && world.folder.record.is_some() {
        list.push(Action::RecordIsDeleted);
    }
    if left.folder_deletions > 0 {
        list.push(Action::FolderIsDeleted);
    }
    if left.impostors > 0 {
        for port in 0..world.ports.len() {
            if world.ports[port] == Port::Free {
                list.push(Action::ImpostorListens(port as u8));
            }
        }
    }
}
