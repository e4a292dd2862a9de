//! What passes between processes: a port's answer, a greeting, a line, the birth of a child.

use std::sync::Arc;

use hyperwire_core::control::{Command, Incarnation, Mac, Owner, Phase, Probe, RecordRead, Reply};
use hyperwire_core::daemon::{self, Connection, Daemon};
use hyperwire_core::election::{Answer, Effect, Greeting};

use super::act::{IMPOSTOR, NONCE, Run};
use super::slot::Slot;
use super::world::{
    BASE, Body, FOLDER, HOST, Mail, NOW, Party, Port, Process, legacy_record, ports, process_id, secret,
};

impl Run<'_> {
    pub(super) fn hello(&mut self, c: u8, port: u16) {
        let index = usize::from(c);
        let owner = self.world.has_port(port);
        self.kind("a client says hello", || {
            format!("client {c} says hello to port +{}: {owner:?}", port - BASE)
        });
        let greeting = match owner {
            Port::Free => Greeting::Refused,
            Port::Foreign => Greeting::Foreign,
            Port::Mute => {
                self.world.clients[index].edit(|client| client.pending = Some(Effect::Hello { port }));
                return self.silence(c);
            }
            Port::Daemon(d) if !self.world.is_awake(d) => {
                self.world.clients[index].edit(|client| client.pending = Some(Effect::Hello { port }));
                return self.silence(c);
            }
            Port::Impostor => {
                self.world.clients[index].edit(|client| client.link = Some(IMPOSTOR));
                self.forged(c)
            }
            Port::Daemon(d) if matches!(self.world.daemons[usize::from(d)].body, Body::Legacy(_)) => {
                Greeting::Reply { nonce: NONCE, reply: Reply::unknown() }
            }
            Port::Daemon(d) => {
                self.world.clients[index].edit(|client| client.link = Some(d));
                self.daemon_machine(d, |machine| {
                    machine.handle_connection(Connection(u32::from(c)), Owner::SameUser, NONCE, NOW);
                    machine.handle_line(Connection(u32::from(c)), &Command::Hello { nonce: NONCE }, NOW);
                });
                match self.world.clients[index].edit(|client| client.inbox.pop_front()) {
                    Some(Mail::Line(reply)) => Greeting::Reply { nonce: NONCE, reply },
                    _ => {
                        self.world.clients[index].edit(|client| client.link = None);
                        Greeting::Foreign
                    }
                }
            }
        };
        self.machine(c, |machine| machine.handle_answer(Answer::Hello(greeting), NOW));
    }

    /// Everything right that can be known without the secret.
    fn forged(&self, c: u8) -> Greeting {
        let named = match &self.world.clients[usize::from(c)].party {
            Party::Ours(_) => self.world.record.as_ref().and_then(|posted| posted.record.advertised.clone()),
            _ => None,
        };
        let reply = Reply::Hello {
            incarnation: named.as_ref().map_or(Incarnation([0; 16]), |own| own.incarnation),
            generation: named.map_or(1, |own| own.generation),
            phase: Phase::Ready,
            nonce: NONCE,
            mac: "00".repeat(32).parse::<Mac>().expect("32 bytes"),
        };
        Greeting::Reply { nonce: NONCE, reply }
    }

    pub(super) fn read_record(&self) -> RecordRead {
        match &self.world.record {
            Some(posted) => RecordRead::Found(posted.record.clone()),
            None => RecordRead::Missing,
        }
    }

    pub(super) fn probe(&self, port: u16) -> Probe {
        match self.world.has_port(port) {
            Port::Free => Probe::Refused,
            Port::Foreign => Probe::Foreign,
            Port::Mute => Probe::Silent,
            Port::Impostor => Probe::Daemon {
                record: Arc::new(legacy_record(IMPOSTOR, (port - BASE) as u8)),
                owner: Owner::OtherUser,
            },
            Port::Daemon(d) if !self.world.is_awake(d) => Probe::Silent,
            Port::Daemon(d) => match &self.world.daemons[usize::from(d)].body {
                Body::Ours(machine) => match (machine.record(), machine.draining()) {
                    (Some(record), None) => {
                        Probe::Daemon { record: Arc::new(record), owner: Owner::SameUser }
                    }
                    (None, None) => Probe::Silent,
                    (_, Some(_)) => Probe::Foreign,
                },
                Body::Legacy(legacy) if legacy.answers() => Probe::Daemon {
                    record: Arc::new(legacy_record(d, (port - BASE) as u8)),
                    owner: Owner::SameUser,
                },
                _ => Probe::Silent,
            },
        }
    }

    /// Starts a daemon of ours.
    pub(super) fn spawn(&mut self, parent: Option<u8>) -> u8 {
        let d = self.world.daemons.len() as u8;
        let mut config = daemon::Config::new(FOLDER, HOST, process_id(d), "");
        config.ports = ports(self.bounds.ports);
        if self.bounds.faults.idles > 0 {
            config.idle = Some(hyperwire_core::time::Duration::from_secs(60));
        }
        let machine = Daemon::with_mutant(config, Incarnation([d; 16]), secret(d), NOW, self.bounds.mutant);
        self.world.daemons.push(Slot::new(Process::new(Body::Ours(machine), parent)));
        if let Some(c) = parent {
            // The pipe of an earlier child is dropped.
            let before = self.world.clients[usize::from(c)].edit(|client| {
                client.report = None;
                client.child.replace(d)
            });
            if let Some(before) = before {
                self.world.daemons[usize::from(before)].edit(|process| process.parent = None);
            }
        }
        self.settle_daemon(d);
        d
    }

    /// A line or the end of a connection reaches a daemon.
    pub(super) fn arrives(&mut self, d: u8, c: u8, command: Option<Command>) {
        if d == IMPOSTOR {
            return;
        }
        let process = &mut self.world.daemons[usize::from(d)];
        if process.frozen {
            process.edit(|process| process.mail.push_back((c, command)));
            return;
        }
        if process.alive {
            self.delivered(d, c, command);
        }
    }

    pub(super) fn delivered(&mut self, d: u8, c: u8, command: Option<Command>) {
        let connection = Connection(u32::from(c));
        let Body::Ours(before) = &self.world.daemons[usize::from(d)].body else { return };
        let (phase, draining, leases) = (before.phase(), before.draining(), before.leases());
        self.daemon_machine(d, |machine| match &command {
            Some(command) => machine.handle_line(connection, command, NOW),
            None => machine.handle_hangup(connection, NOW),
        });
        let Body::Ours(after) = &self.world.daemons[usize::from(d)].body else { return };
        let (now_draining, granted) = (after.draining(), after.leases() > leases);
        let me = Incarnation([d; 16]);
        let may_grant = phase == Phase::Ready && draining.is_none();
        match command {
            Some(Command::Lease { incarnation, .. }) if granted && !(may_grant && incarnation == me) => {
                self.violate("S5", format!("daemon {d} granted a lease in phase {}", phase.name()));
            }
            Some(Command::StopIf { incarnation, .. }) if incarnation != me && now_draining != draining => {
                self.violate("S8", format!("daemon {d} obeyed what was said to another"));
            }
            _ => {}
        }
    }
}
