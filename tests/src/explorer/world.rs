//! What there is: processes, locks, files, ports.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hyperwire_core::control::{Process as Id, Record, Reply, Secret, StartReport};
use hyperwire_core::daemon::{self, Daemon};
use hyperwire_core::election::{self, Election};
use hyperwire_core::time::Instant;

use super::baseline::{LegacyClient, LegacyDaemon};
use super::slot::{Bytes, Part, Slot, fingerprint};
use super::town::{Base, Bounds};
use super::visited::Spare;

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
    pub(super) record: Option<Slot<Posted>>,
    pub(super) ports: Vec<Port>,
    pub(super) spawn_lock: Option<u8>,
    /// Which file the path of the daemon's lock names.
    pub(super) inode: u8,
    /// The client that holds the daemon's lock for the moment in which it looks.
    pub(super) looks: Option<u8>,
    /// What may still go wrong.
    pub(super) left: Left,
    /// See [`Bounds::distinct`].
    pub(super) distinct: bool,
}

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
        (clients, &self.daemons, &self.record, &self.ports, self.spawn_lock.is_some(), self.inode)
            .hash(state);
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
        (self.clients[c].print(), self.spawn_lock == Some(c as u8), self.looks == Some(c as u8))
            .hash(&mut own);
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
            record: None,
            ports: vec![Port::Free; usize::from(bounds.ports)],
            spawn_lock: None,
            inode: 0,
            looks: None,
            left: bounds.faults.clone(),
            distinct: bounds.distinct,
        };
        world.ports[0] = match bounds.base {
            Base::Free => Port::Free,
            Base::Foreign => Port::Foreign,
            Base::Mute => Port::Mute,
        };
        if let Some(port) = bounds.legacy_daemon {
            world.daemons.push(Slot::new(Process {
                body: Body::Legacy(LegacyDaemon::serving()),
                port: Some(port),
                engine: Some(Engine { generation: 1, inode: None, busy: 0, hung: false }),
                ..Process::new(Body::Dead, None)
            }));
            world.ports[usize::from(port)] = Port::Daemon(0);
            let record = Arc::new(legacy_record(0, port));
            world.record = Some(Slot::new(Posted { record, by: 0 }));
        }
        for number in 0..bounds.clients + bounds.legacy_clients {
            let party = if number < bounds.clients {
                let mut config = election::Config::new(FOLDER, HOST, "c", 0);
                config.ports = ports(bounds.ports);
                let mut machine = Election::with_mutant(config, bounds.mutant);
                machine.start(NOW);
                Party::Ours(machine)
            } else {
                Party::Legacy(LegacyClient::new())
            };
            let mut client = Client {
                party,
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
            world.clients.push(Slot::new(client));
        }
        world
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
        let inode = Some(self.inode);
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

pub(super) fn legacy_record(d: u8, port: u8) -> Record {
    Record {
        pid: u32::from(d),
        hyperd_endpoint: String::new(),
        health_port: BASE + u16::from(port),
        started_at: String::new(),
        version: String::new(),
        advertised: None,
    }
}
