//! What there is: processes, locks, files, ports.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hyperwire_core::control::{Process as Id, Record, Reply, Secret, StartReport};
use hyperwire_core::daemon::{self, Daemon};
use hyperwire_core::election::{self, Election};
use hyperwire_core::time::Instant;

use super::baseline::{LegacyClient, LegacyDaemon};
use super::faults::Left;
use super::mutant;
use super::other::{Folder, OTHER_INODE, folder};
use super::slot::{Bytes, Part, Slot, fingerprint};
use super::town::{Base, Bounds};

/// The clock stands here.
pub(super) const NOW: Instant = Instant::EPOCH;
/// The number of the lowest port.
pub(super) const BASE: u16 = 7485;
/// The host, and the state folder.
pub(super) const HOST: &str = "h";
pub(super) const FOLDER: &str = "/s";

/// A state. Clients of a kind are interchangeable: two states that differ only in which of them is which hash alike.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) clients: Vec<Slot<Client>>,
    /// In the order of their starts; never shortened.
    pub(super) daemons: Vec<Slot<Process>>,
    pub(super) ports: Vec<Port>,
    /// The state folder of whoever acts; see [`super::other`].
    pub(super) folder: Folder,
    pub(super) other: Folder,
    /// What may still go wrong.
    pub(super) left: Left,
    /// See [`Bounds::distinct`].
    pub(super) distinct: bool,
}

/// The record, and which process wrote it.
#[derive(Clone, Debug, Hash)]
pub(super) struct Posted {
    pub(super) record: Arc<Record>,
    pub(super) by: u8,
}

/// Who listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Port {
    Free,
    Foreign,
    Mute,
    /// Speaks the protocol, and cannot read the record.
    Impostor,
    Daemon(u8),
}

/// A client's process, with what the system holds for it.
#[derive(Clone, Debug, Hash)]
pub(super) struct Client {
    pub(super) party: Party,
    /// Its state folder is the other one.
    pub(super) elsewhere: bool,
    /// Begun and not done.
    pub(super) pending: Option<election::Effect>,
    /// The daemon at the other end of its connection.
    pub(super) link: Option<u8>,
    pub(super) inbox: VecDeque<Mail>,
    /// What came out of its pipe: a line or the end.
    pub(super) report: Option<Option<StartReport>>,
    pub(super) child: Option<u8>,
    /// Something that it could see has changed since it last began to look.
    pub(super) dirty: bool,
    /// Whose hyperd runs its query.
    pub(super) busy: Option<u8>,
    pub(super) queries: u8,
    /// It could not open a session, and said so.
    pub(super) reported: bool,
}

#[derive(Clone, Debug, Hash)]
#[allow(clippy::large_enum_variant, reason = "most are the large one")]
pub(super) enum Party {
    Ours(Election),
    Legacy(LegacyClient),
    Gone,
}

/// What waits at a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mail {
    Line(Reply),
    HangUp,
}

/// A daemon's process, with what the system holds for it; and its hyperd, which may outlive it.
#[derive(Clone, Debug, Hash)]
pub(super) struct Process {
    pub(super) body: Body,
    /// Its state folder is the other one.
    pub(super) elsewhere: bool,
    pub(super) alive: bool,
    pub(super) frozen: bool,
    /// Which lock file it locked.
    pub(super) lock: Option<u8>,
    pub(super) pending: Option<daemon::Effect>,
    /// The temporary record is written and not renamed.
    pub(super) wrote: bool,
    pub(super) port: Option<u8>,
    /// Whose pipe it writes to.
    pub(super) parent: Option<u8>,
    pub(super) engine: Option<Engine>,
    /// And the daemon has not noticed.
    pub(super) engine_ended: bool,
    pub(super) engine_starts: u8,
    /// What it published last: a generation, and which start that was.
    pub(super) published: (u32, u8),
    pub(super) dirty: bool,
    /// What arrived while it was frozen.
    pub(super) mail: VecDeque<(u8, Option<hyperwire_core::control::Command>)>,
}

#[derive(Clone, Debug, Hash)]
#[allow(clippy::large_enum_variant, reason = "at most one or two are not dead")]
pub(super) enum Body {
    Ours(Daemon),
    Legacy(LegacyDaemon),
    Dead,
}

/// A hyperd.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Engine {
    pub(super) generation: u32,
    /// Which lock file it inherited the lock on.
    pub(super) inode: Option<u8>,
    /// Whose queries run, a bit a client.
    pub(super) busy: u8,
    pub(super) hung: bool,
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut clients: Vec<u128> = (0..self.clients.len()).map(|c| self.client_print(c)).collect();
        if self.distinct {
            self.left.hash(state);
        } else {
            clients.sort_unstable();
        }
        (clients, &self.daemons, &self.ports, &self.folder, &self.other).hash(state);
    }
}

impl Part for Client {
    /// Without what only the message of a failure tells of; see [`World::client_print`].
    fn print(&self) -> u128 {
        match &self.party {
            Party::Ours(machine) => {
                let party = Party::Ours(machine.without_obstacle());
                fingerprint(&Self { party, ..self.clone() })
            }
            _ => fingerprint(self),
        }
    }
}

impl Part for Posted {
    fn print(&self) -> u128 {
        fingerprint(self)
    }
}

impl Part for Process {
    /// Without what belongs to one client or another; see [`World::client_print`].
    fn print(&self) -> u128 {
        let alone = match &self.body {
            Body::Ours(machine) => Body::Ours(machine.without_peers()),
            body => body.clone(),
        };
        let engine = self.engine.as_ref().map(|engine| (engine.generation, engine.inode, engine.hung));
        fingerprint(&(
            self.elsewhere,
            (
                alone,
                self.alive,
                self.frozen,
                self.lock,
                &self.pending,
                self.wrote,
                self.port,
                self.parent.is_some(),
            ),
            (engine, self.engine_ended, self.engine_starts, self.published, self.dirty, self.mail.len()),
        ))
    }
}

impl World {
    /// One client, and all that others hold of it.
    fn client_print(&self, c: usize) -> u128 {
        let mut own = Bytes::default();
        if self.distinct {
            self.clients[c].party.hash(&mut own);
        }
        let holder = Some(c as u8);
        let folders = [&self.folder, &self.other];
        let locks = folders.map(|folder| (folder.spawn_lock == holder, folder.looks == holder));
        (self.clients[c].print(), locks).hash(&mut own);
        for process in &self.daemons {
            let busy = process.engine.as_ref().is_some_and(|engine| engine.busy & (1 << c) != 0);
            (busy, process.parent == Some(c as u8)).hash(&mut own);
            if let Body::Ours(machine) = &process.body {
                machine.peer(daemon::Connection(c as u32)).hash(&mut own);
            }
            for (place, (from, command)) in process.mail.iter().enumerate() {
                if usize::from(*from) == c {
                    (place, command).hash(&mut own);
                }
            }
        }
        own.print()
    }

    pub(super) fn new(bounds: &Bounds) -> Self {
        let mut world = Self {
            clients: Vec::new(),
            daemons: Vec::new(),
            ports: vec![Port::Free; usize::from(bounds.ports)],
            folder: Folder::default(),
            other: Folder { inode: OTHER_INODE, ..Folder::default() },
            left: bounds.faults.clone(),
            distinct: bounds.distinct,
        };
        world.ports[0] = match bounds.base {
            Base::Free => Port::Free,
            Base::Foreign => Port::Foreign,
            Base::Mute => Port::Mute,
        };
        if let Some(port) = bounds.legacy_daemon {
            world.add_legacy_daemon(bounds, port, false);
        }
        world.add_clients(bounds, false);
        if let Some(other) = bounds.other {
            if let Some(port) = other.legacy_daemon {
                world.add_legacy_daemon(bounds, port, true);
            }
            world.add_clients(bounds, true);
        }
        world
    }

    /// One that is up.
    fn add_legacy_daemon(&mut self, bounds: &Bounds, port: u8, elsewhere: bool) {
        let d = self.daemons.len() as u8;
        self.daemons.push(Slot::new(Process {
            body: Body::Legacy(LegacyDaemon::serving()),
            port: Some(port),
            engine: Some(Engine { generation: 1, inode: None, busy: 0, hung: false }),
            elsewhere,
            ..Process::new(Body::Dead, None)
        }));
        self.ports[usize::from(port)] = Port::Daemon(d);
        let record = Arc::new(legacy_record(d, port, bounds.endpoint(elsewhere)));
        let folder = if elsewhere { &mut self.other } else { &mut self.folder };
        folder.record = Some(Slot::new(Posted { record, by: d }));
    }

    fn add_clients(&mut self, bounds: &Bounds, elsewhere: bool) {
        let (legacy, ours) = bounds.sharing(elsewhere);
        for number in 0..ours + legacy {
            let party = if number < ours {
                let mut config = election::Config::new(folder(elsewhere), HOST, "c", 0);
                config.ports = ports(bounds.ports);
                let mut machine = mutant::election(config, bounds.mutant);
                machine.start(NOW);
                Party::Ours(machine)
            } else {
                Party::Legacy(LegacyClient::new(bounds.takes_over))
            };
            let mut client = Client {
                party,
                elsewhere,
                pending: None,
                link: None,
                inbox: VecDeque::new(),
                report: None,
                child: None,
                dirty: true,
                busy: None,
                queries: if number < bounds.querying { bounds.queries } else { 0 },
                reported: false,
            };
            if let Party::Ours(machine) = &mut client.party {
                client.pending = machine.poll_effect();
            }
            self.clients.push(Slot::new(client));
        }
    }

    pub(super) fn has_port(&self, port: u16) -> Port {
        self.ports[usize::from(port - BASE)]
    }

    /// Whether a daemon that is awake listens there, so that only slowness could make it look silent.
    pub(super) fn answers(&self, port: u16) -> bool {
        matches!(self.has_port(port), Port::Daemon(d) if self.is_awake(d))
    }

    pub(super) fn is_awake(&self, d: u8) -> bool {
        self.daemons.get(usize::from(d)).is_some_and(|process| process.alive && !process.frozen)
    }

    /// Whether anybody holds the lock that the path names.
    pub(super) fn lock_held(&self) -> bool {
        let inode = Some(self.folder.inode);
        self.daemons.iter().any(|process| {
            (process.alive && process.lock == inode)
                || process.engine.as_ref().is_some_and(|engine| engine.inode == inode)
        })
    }

    pub(super) fn orphans(&self) -> bool {
        self.daemons.iter().any(|process| !process.alive && process.engine.is_some())
    }

    /// Queries of clients that hold no lease.
    pub(super) fn strays(&self, d: u8) -> u32 {
        let Some(engine) = &self.daemons[usize::from(d)].engine else { return 0 };
        let legacy = |c: &usize| matches!(self.clients[*c].party, Party::Legacy(_));
        (0..self.clients.len()).filter(legacy).filter(|c| engine.busy & (1 << c) != 0).count() as u32
    }
}

impl Process {
    pub(super) fn new(body: Body, parent: Option<u8>) -> Self {
        Self {
            body,
            elsewhere: false,
            alive: true,
            frozen: false,
            lock: None,
            pending: None,
            wrote: false,
            port: None,
            parent,
            engine: None,
            engine_ended: false,
            engine_starts: 0,
            published: (0, 0),
            dirty: true,
            mail: VecDeque::new(),
        }
    }
}

pub(super) fn ports(count: u8) -> hyperwire_core::control::Ports {
    hyperwire_core::control::Ports::new(BASE, u16::from(count))
}

pub(super) fn secret(d: u8) -> Secret {
    Secret([d; 32])
}

pub(super) fn process_id(d: u8) -> Id {
    Id { pid: u32::from(d), started: 0 }
}

pub(super) fn legacy_record(d: u8, port: u8, hyperd_endpoint: String) -> Record {
    Record {
        pid: u32::from(d),
        hyperd_endpoint,
        health_port: BASE + u16::from(port),
        started_at: String::new(),
        version: String::new(),
        advertised: None,
    }
}
