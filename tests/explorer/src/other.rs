//! Another user, or the same user's other state folder, on the same ports.
//!
//! A world has one state folder, or two. Whoever acts does so in its own: the two are exchanged for the time of a step
//! of the others. What passes between the two goes over ports, and nothing may come of it.

use std::hash::{Hash, Hasher};

use hyperwire_core::control::{Command, Owner};

use super::act::{IMPOSTOR, Run, VISITOR};
use super::slot::Slot;
use super::town::{Action, Bounds};
use super::world::{Body, FOLDER, Posted, World};

/// Whose the other state folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Another user's.
    AnotherUser,
    /// The same user's.
    SameUser,
}

/// Those with the other state folder.
#[derive(Clone, Copy, Debug)]
pub struct Other {
    /// Whose it is.
    pub whose: Whose,
    /// Clients of ours.
    pub clients: u8,
    /// Clients of the superseded design.
    pub legacy_clients: u8,
    /// A daemon of the superseded design is up, on this port, counted from 0.
    pub legacy_daemon: Option<u8>,
    /// A mistake to be found: nobody can tell whose a daemon is, nor its folder.
    pub hidden: bool,
}

impl Other {
    /// Nobody yet.
    pub fn new(whose: Whose) -> Self {
        Self { whose, clients: 0, legacy_clients: 0, legacy_daemon: None, hidden: false }
    }
}

impl Bounds {
    /// Who a peer takes a process for.
    pub(super) fn owner(&self, one: bool, another: bool) -> Owner {
        match self.other {
            Some(Other { whose: Whose::AnotherUser, hidden: false, .. }) if one != another => {
                Owner::OtherUser
            }
            _ => Owner::SameUser,
        }
    }

    /// Where the hyperd of an older daemon listens: on TCP, unless that is all that tells the folders apart.
    pub(super) fn endpoint(&self, elsewhere: bool) -> String {
        match self.other {
            Some(Other { whose: Whose::SameUser, hidden: false, .. }) => {
                format!("tab.domain://{}/x", folder(elsewhere))
            }
            _ => String::new(),
        }
    }

    /// How many clients of the superseded design share a folder, and how many of ours.
    pub(super) fn sharing(&self, elsewhere: bool) -> (u8, u8) {
        match self.other {
            Some(other) if elsewhere => (other.legacy_clients, other.clients),
            _ => (self.legacy_clients, self.clients),
        }
    }
}

/// What is in a state folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) record: Option<Slot<Posted>>,
    pub(super) spawn_lock: Option<u8>,
    /// Which file the path of the daemon's lock names.
    pub(super) inode: u8,
    /// The client that holds the daemon's lock for the moment in which it looks.
    pub(super) looks: Option<u8>,
}

impl Folder {
    /// Whether the lock is still the file that it was in the beginning.
    pub(super) fn keeps_its_lock_file(&self) -> bool {
        [0, OTHER_INODE].contains(&self.inode)
    }
}

/// The lock file of the other state folder. None of that one is ever deleted.
pub(super) const OTHER_INODE: u8 = 100;

/// What they have in common, apart from who holds a lock.
impl Hash for Folder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.record, self.spawn_lock.is_some(), self.inode).hash(state);
    }
}

/// The path of a state folder.
pub(super) fn folder(elsewhere: bool) -> &'static str {
    if elsewhere { "/t" } else { FOLDER }
}

impl World {
    /// What is in a state folder, between steps.
    pub(super) fn folder(&self, elsewhere: bool) -> &Folder {
        if elsewhere { &self.other } else { &self.folder }
    }

    fn acts_elsewhere(&self, action: Action) -> bool {
        match action {
            Action::ClientDoes(c)
            | Action::ClientFindsSilence(c)
            | Action::ClientReceives(c)
            | Action::ClientReadsPipe(c)
            | Action::ClientTimer(c, _)
            | Action::QueryBegins(c)
            | Action::QueryEnds(c)
            | Action::ClientLeaves(c)
            | Action::LegacyClientDoes(c)
            | Action::LegacyClientGivesUp(c)
            | Action::ClientIsKilled(c)
            | Action::Report(c) => self.clients[usize::from(c)].elsewhere,
            Action::DaemonDoes(d)
            | Action::DaemonFails(d)
            | Action::DaemonTimer(d, _)
            | Action::DaemonSeesEngineEnd(d)
            | Action::OrphanEnds(d)
            | Action::LegacyDaemonDoes(d)
            | Action::DaemonCrashes(d)
            | Action::UserStops(d)
            | Action::DaemonFreezes(d)
            | Action::DaemonThaws(d)
            | Action::EngineCrashes(d)
            | Action::EngineHangs(d)
            | Action::StaleStop(d)
            | Action::ListenerIsLost(d) => self.daemons[usize::from(d)].elsewhere,
            Action::RecordIsDeleted | Action::FolderIsDeleted | Action::ImpostorListens(_) => false,
        }
    }
}

impl Run<'_> {
    /// Lets somebody act, in the folder that is its own.
    pub(super) fn act(&mut self, action: Action) {
        let elsewhere = self.world.acts_elsewhere(action);
        if elsewhere {
            self.exchange_folders();
        }
        self.act_here(action);
        if elsewhere {
            self.exchange_folders();
        }
    }

    fn exchange_folders(&mut self) {
        std::mem::swap(&mut self.world.folder, &mut self.world.other);
    }

    /// Of a client that takes a daemon for its own, or says something that is only for its own.
    pub(super) fn check_mine(&mut self, c: u8, d: u8, does: &str) {
        let client = self.world.clients[usize::from(c)].elsewhere;
        let process = self.world.daemons.get(usize::from(d));
        if d != IMPOSTOR && process.is_some_and(|process| process.elsewhere != client) {
            self.violate("S9", format!("client {c} {does} daemon {d}, which has another state folder"));
        }
    }

    /// Of a daemon that has looked at a port, and leaves or not.
    pub(super) fn check_gives_way(&mut self, d: u8, other: u8, left: bool) {
        let elsewhere = |d: u8| self.world.daemons[usize::from(d)].elsewhere;
        if left && elsewhere(other) != elsewhere(d) {
            self.violate("S9", format!("daemon {d} gives way to {other}, which has another state folder"));
        }
    }

    /// STOP by port, to whatever daemon is there.
    pub(super) fn bare_stop(&mut self, d: u8, owner: Owner) {
        if matches!(self.world.daemons[usize::from(d)].body, Body::Legacy(_)) {
            return self.legacy_daemon_stops(d);
        }
        let before = self.leaves(d);
        self.visit(d, owner, |run| run.delivered(d, VISITOR, Some(Command::Stop)));
        if owner == Owner::OtherUser && self.leaves(d) && !before {
            self.violate("S9", format!("daemon {d} obeys another user"));
        }
    }

    /// Whether a daemon goes, or is gone.
    pub(super) fn leaves(&self, d: u8) -> bool {
        match &self.world.daemons[usize::from(d)].body {
            Body::Ours(machine) => machine.draining().is_some(),
            _ => true,
        }
    }
}
