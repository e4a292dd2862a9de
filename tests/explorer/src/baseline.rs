//! The superseded design, step by step: what it does is a model here, not code that runs anywhere. The explorer must
//! find what is wrong with it, or the explorer is worth nothing. The same model stands in for programs of that design
//! that share a user with ours.
//!
//! discover (record, one PING, delete the record if there is none) - scan (PING and STATUS, lowest port first) - spawn -
//! wait (discover, again and again) - re-scan lower - STOP to the higher one's port - adopt the lower. Its daemon binds,
//! starts hyperd, writes the record, and only then answers; STOP frees the port at once, then deletes the record,
//! whoever wrote it, then ends hyperd.

use std::sync::Arc;

use hyperwire_core::control::{Phase, Probe};

use super::act::Run;
use super::slot::Slot;
use super::world::{BASE, Body, Client, Engine, Party, Port, Posted, Process, World, legacy_record};

/// A client of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LegacyClient {
    step: Step,
    /// It is newer than the first daemon that it finds.
    takes_over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Discover,
    /// Nobody answered where the record says: delete it.
    Unlink {
        waiting: bool,
    },
    Scan {
        port: u8,
        free: Option<u8>,
    },
    Wait,
    RescanLower {
        port: u8,
        found: u8,
        below: u8,
    },
    Stop {
        port: u8,
        adopt: u8,
    },
    /// The daemon there is to go, whoever uses it.
    TakeOver(u8),
    /// It was told to: once it says PONG no more, start one in its place.
    AwaitRelease(u8),
    Adopted(u8),
    /// It starts a hyperd of its own.
    Private,
}

impl LegacyClient {
    pub(super) fn new(takes_over: bool) -> Self {
        Self { step: Step::Discover, takes_over }
    }

    pub(super) fn adopted(&self) -> Option<u8> {
        if let Step::Adopted(d) = self.step { Some(d) } else { None }
    }

    pub(super) fn waits(&self) -> bool {
        matches!(self.step, Step::Wait | Step::AwaitRelease(_))
    }
}

/// A daemon of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LegacyDaemon {
    /// To bind a port.
    Bind(u8),
    /// Bound; to start hyperd.
    Engine,
    /// To write the record.
    Record,
    /// Serving.
    Serve,
    /// To delete the record.
    Unlink,
    /// To end hyperd.
    Stop,
}

impl LegacyDaemon {
    pub(super) fn serving() -> Self {
        Self::Serve
    }

    pub(super) fn answers(&self) -> bool {
        *self == Self::Serve
    }

    pub(super) fn may_act(&self) -> bool {
        *self != Self::Serve
    }

    pub(super) fn number(&self) -> u8 {
        match self {
            Self::Bind(_) => 0,
            Self::Engine => 1,
            Self::Record => 2,
            Self::Serve => 3,
            Self::Unlink => 4,
            Self::Stop => 5,
        }
    }
}

pub(super) fn client_may_act(world: &World, legacy: &LegacyClient, client: &Client) -> bool {
    match legacy.step {
        Step::Wait => client.dirty && world.folder(client.elsewhere).record.is_some(),
        Step::AwaitRelease(port) => !says_pong(world, BASE + u16::from(port)),
        Step::Adopted(_) | Step::Private => false,
        _ => true,
    }
}

fn says_pong(world: &World, port: u16) -> bool {
    let Port::Daemon(d) = world.has_port(port) else { return false };
    world.is_awake(d)
        && match &world.daemons[usize::from(d)].body {
            Body::Ours(machine) => machine.phase() >= Phase::Listening && machine.draining().is_none(),
            Body::Legacy(legacy) => legacy.answers(),
            Body::Dead => false,
        }
}

impl Run<'_> {
    pub(super) fn legacy_client_gives_up(&mut self, c: u8) {
        self.kind("an older client falls back", || format!("older client {c} starts a hyperd of its own"));
        self.legacy_step(c, Step::Private);
    }

    fn legacy_step(&mut self, c: u8, step: Step) {
        self.world.clients[usize::from(c)].edit(|client| {
            if let Party::Legacy(legacy) = &mut client.party {
                legacy.step = step;
                legacy.takes_over &= !matches!(step, Step::TakeOver(_));
            }
        });
    }

    pub(super) fn legacy_client_does(&mut self, c: u8) {
        let Party::Legacy(LegacyClient { step, takes_over }) = self.world.clients[usize::from(c)].party
        else {
            return;
        };
        let elsewhere = self.world.clients[usize::from(c)].elsewhere;
        let count = self.world.ports.len() as u8;
        match step {
            Step::Discover | Step::Wait => {
                self.world.clients[usize::from(c)].edit(|client| client.dirty = false);
                let waiting = step == Step::Wait;
                let read = self.world.folder.record.as_ref().map(|posted| posted.record.clone());
                let Some(record) = read else {
                    self.kind("an older client finds no record", || {
                        format!("older client {c} finds no record")
                    });
                    return self.legacy_step(
                        c,
                        if waiting { Step::Wait } else { Step::Scan { port: 0, free: None } },
                    );
                };
                let (d, port) = (record.pid as u8, (record.health_port - BASE) as u8);
                if !says_pong(&self.world, record.health_port) {
                    self.kind("an older client finds a record stale", || {
                        format!("older client {c} gets no PONG from port +{port}")
                    });
                    return self.legacy_step(c, Step::Unlink { waiting });
                }
                self.kind("an older client reads the record", || {
                    format!("older client {c} reads the record of daemon {d}, port +{port}")
                });
                let next = if takes_over && !waiting {
                    Step::TakeOver(port)
                } else if waiting && port > 0 {
                    Step::RescanLower { port: 0, found: d, below: port }
                } else {
                    Step::Adopted(d)
                };
                self.legacy_step(c, next);
            }
            Step::Unlink { waiting } => {
                self.kind("an older client deletes the record", || {
                    format!("older client {c} deletes the record")
                });
                if let Some(posted) = self.world.folder.record.take()
                    && self.bounds.clients == 0
                    && self.world.daemons[usize::from(posted.by)].alive
                {
                    self.violate(
                        "S10",
                        format!("client {c} deletes the record of the live daemon {}", posted.by),
                    );
                }
                self.legacy_step(c, if waiting { Step::Wait } else { Step::Scan { port: 0, free: None } });
            }
            Step::Scan { port, free } => {
                let probe = self.probe(BASE + u16::from(port), elsewhere);
                self.kind("an older client probes a port", || {
                    format!("older client {c} probes port +{port}: {probe:?}")
                });
                if let Probe::Daemon { record, .. } = &probe
                    && record.pid < 100
                {
                    let step =
                        if takes_over { Step::TakeOver(port) } else { Step::Adopted(record.pid as u8) };
                    return self.legacy_step(c, step);
                }
                let free = free.or((probe == Probe::Refused).then_some(port));
                if port + 1 < count {
                    return self.legacy_step(c, Step::Scan { port: port + 1, free });
                }
                let Some(target) = free else { return self.legacy_step(c, Step::Private) };
                self.legacy_spawn(c, target);
            }
            Step::RescanLower { port, found, below } => {
                let probe = self.probe(BASE + u16::from(port), elsewhere);
                self.kind("an older client re-scans", || {
                    format!("older client {c} re-scans port +{port}: {probe:?}")
                });
                let next = match probe {
                    Probe::Daemon { record, .. } if record.pid < 100 => {
                        Step::Stop { port: below, adopt: record.pid as u8 }
                    }
                    _ if port + 1 < below => Step::RescanLower { port: port + 1, found, below },
                    _ => Step::Adopted(found),
                };
                self.legacy_step(c, next);
            }
            Step::Stop { port, adopt } => {
                self.kind("an older client says STOP", || {
                    format!("older client {c} says STOP to port +{port}")
                });
                self.legacy_says_stop(elsewhere, port);
                self.legacy_step(c, Step::Adopted(adopt));
            }
            Step::TakeOver(port) => {
                self.kind("an older client takes over", || {
                    format!("older client {c} says STOP to port +{port}, to put a newer daemon there")
                });
                self.legacy_says_stop(elsewhere, port);
                self.legacy_step(c, Step::AwaitRelease(port));
            }
            Step::AwaitRelease(port) => {
                self.kind("an older client finds a port released", || {
                    format!("older client {c} gets no PONG from port +{port} any more")
                });
                self.legacy_spawn(c, port);
            }
            Step::Adopted(_) | Step::Private => {}
        }
    }

    fn legacy_spawn(&mut self, c: u8, port: u8) {
        let elsewhere = self.world.clients[usize::from(c)].elsewhere;
        let process = Process::new(Body::Legacy(LegacyDaemon::Bind(port)), None);
        self.world.daemons.push(Slot::new(Process { elsewhere, ..process }));
        self.also(|| format!("it starts a daemon for port +{port}"));
        self.world.clients[usize::from(c)].edit(|client| client.dirty = true);
        self.legacy_step(c, Step::Wait);
    }

    fn legacy_says_stop(&mut self, elsewhere: bool, port: u8) {
        if let Port::Daemon(d) = self.world.ports[usize::from(port)]
            && self.world.is_awake(d)
        {
            let owner = self.bounds.owner(elsewhere, self.world.daemons[usize::from(d)].elsewhere);
            self.bare_stop(d, owner);
        }
    }

    /// STOP reaches one.
    pub(super) fn legacy_daemon_stops(&mut self, d: u8) {
        let port = self.world.daemons[usize::from(d)].edit(|process| {
            if !matches!(process.body, Body::Legacy(LegacyDaemon::Serve)) {
                return None;
            }
            process.body = Body::Legacy(LegacyDaemon::Unlink);
            process.port.take()
        });
        if let Some(port) = port {
            self.world.ports[usize::from(port)] = Port::Free;
        }
    }

    pub(super) fn legacy_daemon_does(&mut self, d: u8) {
        let index = usize::from(d);
        let Body::Legacy(legacy) = self.world.daemons[index].body else { return };
        let next = match legacy {
            LegacyDaemon::Bind(port) => {
                let free = self.world.ports[usize::from(port)] == Port::Free;
                self.kind("an older daemon binds", || format!("older daemon {d} binds port +{port}: {free}"));
                if !free {
                    return self.process_ends(d);
                }
                self.world.ports[usize::from(port)] = Port::Daemon(d);
                self.world.daemons[index].edit(|process| process.port = Some(port));
                LegacyDaemon::Engine
            }
            LegacyDaemon::Engine => {
                self.kind("an older daemon's hyperd starts", || {
                    format!("the hyperd of older daemon {d} starts")
                });
                let engine = Engine { generation: 1, inode: None, busy: 0, hung: false };
                self.world.daemons[index].edit(|process| process.engine = Some(engine));
                LegacyDaemon::Record
            }
            LegacyDaemon::Record => {
                self.kind("an older daemon publishes", || format!("older daemon {d} writes its record"));
                let port = self.world.daemons[index].port.unwrap_or(0);
                let endpoint = self.bounds.endpoint(self.world.daemons[index].elsewhere);
                self.world.folder.record =
                    Some(Slot::new(Posted { record: Arc::new(legacy_record(d, port, endpoint)), by: d }));
                LegacyDaemon::Serve
            }
            LegacyDaemon::Unlink => {
                self.kind("an older daemon deletes the record", || {
                    format!("older daemon {d} deletes the record")
                });
                if let Some(posted) = self.world.folder.record.take()
                    && self.bounds.clients == 0
                    && posted.by != d
                {
                    self.violate("S4", format!("daemon {d} deletes the record of daemon {}", posted.by));
                }
                LegacyDaemon::Stop
            }
            LegacyDaemon::Stop => {
                self.kind("an older daemon ends", || format!("older daemon {d} ends its hyperd and itself"));
                if self.bounds.clients == 0
                    && self.world.daemons[index].engine.as_ref().is_some_and(|engine| engine.busy != 0)
                {
                    self.violate("S6", format!("daemon {d} ends a query"));
                }
                self.engine_ends(d);
                return self.process_ends(d);
            }
            LegacyDaemon::Serve => return,
        };
        self.world.daemons[index].edit(|process| process.body = Body::Legacy(next));
    }
}
