//! What happens when a daemon does something, or something is done to it.

use std::sync::Arc;

use hyperwire_core::control::{
    Command, Incarnation, LockBody, LockTry, Mac, Nonce, Owner, Phase, Reply, StopMode, SystemError,
};
use hyperwire_core::daemon::{Answer, Connection, Daemon, Effect, EngineProbe, LockWatch, Timer};

use super::act::{Run, VISITOR};
use super::slot::Slot;
use super::town::Action;
use super::world::{BASE, Body, Engine, HOST, Mail, NOW, Port, Posted, process_id};

impl Run<'_> {
    pub(super) fn daemon_action(&mut self, action: Action) {
        match action {
            Action::DaemonDoes(d) => self.daemon_does(d),
            Action::DaemonFails(d) => self.daemon_fails(d),
            Action::DaemonTimer(d, timer) => {
                self.kind("a daemon's timer passes", || format!("daemon {d}: {timer}"));
                if timer == Timer::Idle {
                    self.world.left.idles -= 1;
                    let Body::Ours(machine) = &self.world.daemons[usize::from(d)].body else { return };
                    let leased = machine.leases() > 0;
                    self.daemon_machine(d, |machine| machine.expire(timer, NOW));
                    let Body::Ours(machine) = &self.world.daemons[usize::from(d)].body else { return };
                    if leased && machine.draining().is_some() {
                        self.violate("S6", format!("daemon {d} retires as idle though a lease is held"));
                    }
                    return;
                }
                self.world.daemons[usize::from(d)].edit(|process| process.dirty = timer != Timer::SelfCheck);
                self.daemon_machine(d, |machine| machine.expire(timer, NOW));
                let checks = matches!(self.world.daemons[usize::from(d)].pending, Some(Effect::CheckFiles));
                if checks && !self.bounds.fine {
                    self.daemon_does(d);
                }
            }
            Action::DaemonSeesEngineEnd(d) => {
                self.kind("a daemon sees hyperd end", || format!("daemon {d} sees its hyperd end"));
                self.world.daemons[usize::from(d)].edit(|process| process.engine_ended = false);
                self.daemon_machine(d, |machine| machine.engine_exited(NOW));
            }
            Action::OrphanEnds(d) => {
                self.kind("an orphan ends", || format!("the hyperd of the dead daemon {d} ends"));
                self.engine_ends(d);
            }
            Action::DaemonCrashes(d) => {
                self.world.left.crashes -= 1;
                self.kind("a daemon crashes", || format!("daemon {d} is killed"));
                self.process_ends(d);
            }
            Action::UserStops(d) => {
                self.world.left.stops -= 1;
                self.kind("a user says STOP", || format!("a user says STOP to daemon {d}"));
                self.bare_stop(d, Owner::SameUser);
            }
            Action::DaemonFreezes(d) => {
                self.world.left.freezes -= 1;
                self.kind("a daemon freezes", || format!("daemon {d} is stopped by a signal"));
                self.world.daemons[usize::from(d)].edit(|process| process.frozen = true);
            }
            Action::DaemonThaws(d) => {
                self.kind("a daemon thaws", || format!("daemon {d} goes on"));
                let mail = self.world.daemons[usize::from(d)].edit(|process| {
                    process.frozen = false;
                    std::mem::take(&mut process.mail)
                });
                for (c, command) in mail {
                    self.delivered(d, c, command);
                }
            }
            Action::EngineCrashes(d) => {
                self.world.left.engine_crashes -= 1;
                self.kind("hyperd crashes", || format!("the hyperd of daemon {d} crashes"));
                self.engine_ends(d);
                self.world.daemons[usize::from(d)].edit(|process| process.engine_ended = true);
            }
            Action::EngineHangs(d) => {
                self.world.left.engine_hangs -= 1;
                self.kind("hyperd hangs", || format!("the hyperd of daemon {d} hangs"));
                self.world.daemons[usize::from(d)].edit(|process| {
                    if let Some(engine) = &mut process.engine {
                        engine.hung = true;
                    }
                });
            }
            Action::StaleStop(d) => {
                self.world.left.stale_stops -= 1;
                self.kind("a stale STOP-IF arrives", || format!("daemon {d} hears a STOP-IF for another"));
                let mac = "00".repeat(32).parse::<Mac>().expect("32 bytes");
                let stop = Command::StopIf { incarnation: Incarnation([99; 16]), mode: StopMode::Drain, mac };
                self.visit(d, Owner::SameUser, |run| run.delivered(d, VISITOR, Some(stop)));
            }
            Action::ListenerIsLost(d) => {
                self.world.left.listener_losses -= 1;
                self.kind("a listener is lost", || format!("daemon {d} can accept no more connections"));
                let port = self.world.daemons[usize::from(d)].edit(|process| process.port.take());
                if let Some(port) = port {
                    self.world.ports[usize::from(port)] = Port::Free;
                }
                self.daemon_machine(d, |machine| machine.listener_lost(NOW));
            }
            action => unreachable!("{action:?} is not a daemon's"),
        }
    }

    /// Somebody connects, says something and goes.
    pub(super) fn visit(&mut self, d: u8, owner: Owner, says: impl FnOnce(&mut Self)) {
        let connection = Connection(u32::from(VISITOR));
        self.daemon_machine(d, |machine| {
            machine.handle_connection(connection, owner, Nonce([0; 16]), NOW);
        });
        says(self);
        self.daemon_machine(d, |machine| machine.handle_hangup(connection, NOW));
    }

    /// Feeds a daemon of ours, and begins what it wants done.
    pub(super) fn daemon_machine(&mut self, d: u8, input: impl FnOnce(&mut Daemon)) {
        self.world.daemons[usize::from(d)].edit(|process| {
            if let Body::Ours(machine) = &mut process.body {
                input(machine);
            }
        });
        self.settle_daemon(d);
    }

    pub(super) fn settle_daemon(&mut self, d: u8) {
        let index = usize::from(d);
        loop {
            let effect = self.world.daemons[index].edit(|process| match &mut process.body {
                Body::Ours(machine) if process.alive => machine.poll_effect(),
                _ => None,
            });
            let Some(effect) = effect else { return };
            match effect {
                Effect::Send { to, reply } => {
                    if let Some(client) = self.world.clients.get_mut(to.0 as usize)
                        && client.link == Some(d)
                    {
                        // The number of a lease is for the eyes of a person; clients are interchangeable.
                        let reply = if matches!(reply, Reply::Leased { .. }) {
                            Reply::Leased { id: 0 }
                        } else {
                            reply
                        };
                        client.edit(|client| client.inbox.push_back(Mail::Line(reply)));
                    }
                }
                Effect::Close(connection) => self.daemon_hangs_up(d, connection),
                Effect::CloseListener => {
                    let port = self.world.daemons[index].edit(|process| process.port.take());
                    if let Some(port) = port {
                        self.world.ports[usize::from(port)] = Port::Free;
                    }
                }
                Effect::Announce(report) => {
                    let parent = self.world.daemons[index].edit(|process| process.parent.take());
                    if let Some(c) = parent {
                        self.world.clients[usize::from(c)].edit(|client| {
                            client.child = None;
                            client.report = Some(Some(report));
                        });
                    }
                }
                Effect::Describe(_) => {}
                Effect::Exit(exit) => {
                    self.also(|| format!("daemon {d} ends: {exit}"));
                    if self.world.daemons[index].engine.is_some() {
                        self.violate("S11", format!("daemon {d} lets go of the lock while its hyperd runs"));
                    }
                    self.process_ends(d);
                }
                effect => self.world.daemons[index].edit(|process| process.pending = Some(effect)),
            }
        }
    }

    fn daemon_hangs_up(&mut self, d: u8, connection: Connection) {
        if let Some(client) = self.world.clients.get_mut(connection.0 as usize)
            && client.link == Some(d)
        {
            client.edit(|client| {
                client.link = None;
                client.inbox.push_back(Mail::HangUp);
            });
        }
    }

    /// The process is gone, whatever it was doing; the system cleans up after it. Its hyperd notices later.
    pub(super) fn process_ends(&mut self, d: u8) {
        let index = usize::from(d);
        for c in 0..self.world.clients.len() {
            self.daemon_hangs_up(d, Connection(c as u32));
        }
        let (port, parent) = self.world.daemons[index].edit(|process| {
            process.body = Body::Dead;
            process.alive = false;
            process.frozen = false;
            process.lock = None;
            process.pending = None;
            process.wrote = false;
            process.engine_ended = false;
            process.mail.clear();
            process.dirty = true;
            process.published = (0, 0);
            process.engine_starts = 0;
            (process.port.take(), process.parent.take())
        });
        if let Some(port) = port {
            self.world.ports[usize::from(port)] = Port::Free;
        }
        if let Some(c) = parent {
            self.world.clients[usize::from(c)].edit(|client| {
                client.child = None;
                client.report = Some(None);
            });
        }
    }

    /// hyperd is gone, with every query on it.
    pub(super) fn engine_ends(&mut self, d: u8) {
        self.world.daemons[usize::from(d)].edit(|process| process.engine = None);
    }

    fn daemon_fails(&mut self, d: u8) {
        let effect = self.world.daemons[usize::from(d)].edit(|process| {
            process.wrote = false;
            process.pending.take()
        });
        let answer = match effect {
            Some(Effect::Publish { .. }) => {
                self.world.left.disk_full -= 1;
                self.kind("a record cannot be written", || format!("daemon {d} finds the disk full"));
                Answer::Published(Err(SystemError::NoSpace))
            }
            _ => {
                self.world.left.engine_failures -= 1;
                self.kind("hyperd does not start", || format!("the hyperd of daemon {d} does not start"));
                Answer::Started(Err("it does not".into()))
            }
        };
        self.daemon_machine(d, |machine| machine.handle_answer(answer, NOW));
    }

    pub(super) fn daemon_does(&mut self, d: u8) {
        let index = usize::from(d);
        let Some(effect) = self.world.daemons[index].edit(|process| process.pending.take()) else { return };
        let asked = match &effect {
            Effect::Probe { port } => Some(self.world.has_port(*port)),
            _ => None,
        };
        let answer = match effect {
            Effect::TryLock => {
                let held = self.world.lock_held() || self.world.folder.looks.is_some();
                self.kind("a daemon tries the lock", || format!("daemon {d} tries the lock: held {held}"));
                if held {
                    Answer::Lock(LockTry::Held)
                } else {
                    let inode = self.world.folder.inode;
                    self.world.daemons[index].edit(|process| process.lock = Some(inode));
                    Answer::Lock(LockTry::Locked(self.lock_body(self.world.daemons[index].elsewhere)))
                }
            }
            Effect::FindProcess(process) => {
                self.kind("a daemon looks for an orphan", || {
                    format!("daemon {d} looks for the hyperd of its predecessor")
                });
                Answer::Orphan { alive: self.world.daemons[process.pid as usize].engine.is_some() }
            }
            Effect::Probe { port } => {
                let probe = self.probe(port, self.world.daemons[index].elsewhere);
                self.kind("a daemon probes a port", || {
                    format!("daemon {d} probes port +{}: {probe:?}", port - BASE)
                });
                Answer::Probe(probe)
            }
            Effect::Listen { port } => {
                let at = usize::from(port - BASE);
                let free = self.world.ports[at] == Port::Free;
                self.kind("a daemon listens", || format!("daemon {d} listens on port +{at}: {free}"));
                if free {
                    self.world.ports[at] = Port::Daemon(d);
                    self.world.daemons[index].edit(|process| process.port = Some(at as u8));
                }
                Answer::Listening(if free { Ok(()) } else { Err(SystemError::Other(98)) })
            }
            Effect::StartEngine { generation } => {
                self.kind("hyperd starts", || {
                    format!("the hyperd of daemon {d} starts, generation {generation}")
                });
                let inherit = self.bounds.inherit;
                self.world.daemons[index].edit(|process| {
                    let inode = process.lock.filter(|_| inherit);
                    process.engine = Some(Engine { generation, inode, busy: 0, hung: false });
                    process.engine_starts += 1;
                    process.engine_ended = false;
                });
                Answer::Started(Ok((Arc::from(""), process_id(d))))
            }
            Effect::Publish { record, temporary } => {
                if !self.world.daemons[index].wrote {
                    self.kind("a daemon writes the temporary record", || {
                        format!("daemon {d} writes its record under another name")
                    });
                    self.world.daemons[index].edit(|process| {
                        process.wrote = true;
                        process.pending = Some(Effect::Publish { record, temporary });
                    });
                    // Nobody looks at that name.
                    if !self.bounds.fine {
                        self.daemon_does(d);
                    }
                    return;
                }
                self.kind("a daemon publishes", || format!("daemon {d} publishes its record"));
                self.check_publish(d, record.advertised.as_ref().map_or(0, |own| own.generation));
                self.world.daemons[index].edit(|process| process.wrote = false);
                self.world.folder.record = Some(Slot::new(Posted { record, by: d }));
                Answer::Published(Ok(()))
            }
            Effect::RemoveRecord { of } => {
                self.kind("a daemon removes the record", || format!("daemon {d} removes its record"));
                if let Some(posted) = &self.world.folder.record
                    && (of.is_none() || posted.record.incarnation() == of)
                {
                    if posted.by != d {
                        let by = posted.by;
                        self.violate("S4", format!("daemon {d} removed the record of daemon {by}"));
                    }
                    self.world.folder.record = None;
                }
                Answer::Removed
            }
            Effect::CheckFiles => {
                let intact = self.world.daemons[index].lock == Some(self.world.folder.inode);
                self.kind("a daemon checks its files", || {
                    format!("daemon {d} checks lock and record: {intact}")
                });
                let lock = if intact { LockWatch::Intact } else { LockWatch::Lost };
                Answer::Files { lock, record: self.read_record() }
            }
            Effect::ProbeEngine => {
                let probe = match &self.world.daemons[index].engine {
                    None => EngineProbe::Exited,
                    Some(engine) if engine.hung => EngineProbe::Silent,
                    Some(_) => EngineProbe::Alive,
                };
                self.kind("a daemon probes hyperd", || format!("daemon {d} probes its hyperd: {probe:?}"));
                Answer::Engine(probe)
            }
            Effect::CountSessions => {
                let strays = self.world.strays(d);
                self.kind("a daemon counts sessions", || {
                    format!("daemon {d} counts {strays} sessions without a lease")
                });
                Answer::Sessions(Some(strays))
            }
            Effect::StopEngine => {
                self.kind("a daemon stops hyperd", || format!("daemon {d} stops its hyperd"));
                self.check_stop(d);
                self.engine_ends(d);
                Answer::Stopped
            }
            effect => unreachable!("{effect:?} is carried out at once"),
        };
        let left = self.leaves(d);
        self.daemon_machine(d, |machine| machine.handle_answer(answer, NOW));
        if let Some(Port::Daemon(other)) = asked {
            let leaves = self.leaves(d) && !left;
            self.check_gives_way(d, other, leaves);
        }
    }

    /// What the last holder wrote: it matters only if its hyperd still runs.
    fn lock_body(&self, elsewhere: bool) -> Option<Arc<LockBody>> {
        let orphan = self.world.daemons.iter().position(|process| {
            !process.alive && process.engine.is_some() && process.elsewhere == elsewhere
        })?;
        Some(Arc::new(LockBody {
            host: HOST.into(),
            daemon: process_id(orphan as u8),
            engine: Some(process_id(orphan as u8)),
            incarnation: Incarnation([orphan as u8; 16]),
            phase: Phase::Ready,
            port: None,
        }))
    }
}
