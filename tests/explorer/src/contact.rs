//! What passes between processes: a port's answer, a greeting, a line, the birth of a child.

use std::sync::Arc;

use hyperwire_core::control::{Command, Incarnation, Mac, Owner, Phase, Probe, RecordRead, Reply};
use hyperwire_core::daemon::{self, Connection};
use hyperwire_core::election::{Answer, Effect, Event, Greeting};

use super::act::{IMPOSTOR, NONCE, Run};
use super::mutant;
use super::other::folder;
use super::slot::Slot;
use super::world::{
    BASE, Body, HOST, Mail, NOW, Party, Port, Process, legacy_record, ports, process_id, secret,
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
                let (client, daemon) = (&self.world.clients[index], &self.world.daemons[usize::from(d)]);
                let owner = self.bounds.owner(client.elsewhere, daemon.elsewhere);
                self.daemon_machine(d, |machine| {
                    machine.handle_connection(Connection(u32::from(c)), owner, NONCE, NOW);
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
            Party::Ours(_) => {
                self.world.folder.record.as_ref().and_then(|posted| posted.record.advertised.clone())
            }
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
        match &self.world.folder.record {
            Some(posted) => RecordRead::Found(posted.record.clone()),
            None => RecordRead::Missing,
        }
    }

    /// What a port shows to somebody, in the one folder or the other.
    pub(super) fn probe(&self, port: u16, elsewhere: bool) -> Probe {
        let owner = |d: u8| self.bounds.owner(elsewhere, self.world.daemons[usize::from(d)].elsewhere);
        match self.world.has_port(port) {
            Port::Free => Probe::Refused,
            Port::Foreign => Probe::Foreign,
            Port::Mute => Probe::Silent,
            Port::Impostor => Probe::Daemon {
                record: Arc::new(legacy_record(IMPOSTOR, (port - BASE) as u8, String::new())),
                owner: Owner::OtherUser,
            },
            Port::Daemon(d) if !self.world.is_awake(d) => Probe::Silent,
            Port::Daemon(d) => match &self.world.daemons[usize::from(d)].body {
                // STATUS is for its user.
                Body::Ours(_) if owner(d) == Owner::OtherUser => Probe::Foreign,
                Body::Ours(machine) => match (machine.record(), machine.draining()) {
                    (Some(record), None) if machine.phase() >= Phase::EngineUp => {
                        Probe::Daemon { record: Arc::new(record), owner: Owner::SameUser }
                    }
                    (_, None) => Probe::Silent,
                    (_, Some(_)) => Probe::Foreign,
                },
                Body::Legacy(legacy) if legacy.answers() => {
                    let endpoint = self.bounds.endpoint(self.world.daemons[usize::from(d)].elsewhere);
                    let record = Arc::new(legacy_record(d, (port - BASE) as u8, endpoint));
                    Probe::Daemon { record, owner: owner(d) }
                }
                _ => Probe::Silent,
            },
        }
    }

    /// Starts a daemon of ours.
    pub(super) fn spawn(&mut self, parent: Option<u8>) -> u8 {
        let d = self.world.daemons.len() as u8;
        let elsewhere = parent.is_some_and(|c| self.world.clients[usize::from(c)].elsewhere);
        let mut config = daemon::Config::new(folder(elsewhere), HOST, process_id(d), "");
        config.ports = ports(self.bounds.ports);
        if self.bounds.faults.idles > 0 {
            config.idle = Some(hyperwire_core::time::Duration::from_secs(60));
        }
        let machine = mutant::daemon(config, Incarnation([d; 16]), secret(d), NOW, self.bounds.mutant);
        let process = Process { elsewhere, ..Process::new(Body::Ours(machine), parent) };
        self.world.daemons.push(Slot::new(process));
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
            Some(Command::Lease { .. }) if granted => self.check_mine(c, d, "gets a lease of"),
            Some(Command::StopIf { incarnation, .. }) if incarnation != me && now_draining != draining => {
                self.violate("S8", format!("daemon {d} obeyed what was said to another"));
            }
            _ => {}
        }
    }

    /// What a client's machine tells its owner.
    pub(super) fn on_event(&mut self, c: u8, event: &Event) {
        match event {
            Event::Adopted { record, lease: Some(_) } => {
                self.world.clients[usize::from(c)].edit(|client| client.dirty = true);
                let d = record.pid as u8;
                self.check_mine(c, d, "adopts");
                self.also(|| format!("client {c} adopts daemon {d}"));
                // It may be gone by now, and the client not know yet; but as long as it lives, it knows of the lease.
                let knows = match self.world.daemons.get(usize::from(d)).map(|process| &process.body) {
                    Some(Body::Ours(machine)) => machine.holds_lease(Connection(u32::from(c))),
                    Some(Body::Dead) => true,
                    _ => false,
                };
                if !knows || record.incarnation() != Some(Incarnation([d; 16])) {
                    self.violate("S7", format!("client {c} adopted a daemon that granted it nothing"));
                }
            }
            Event::Adopted { record, lease: None } => {
                self.check_mine(c, record.pid as u8, "adopts");
                self.also(|| format!("client {c} adopts the older daemon {}", record.pid));
            }
            event => self.also(|| format!("client {c}: {event:?}")),
        }
    }
}
