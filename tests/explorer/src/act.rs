//! What happens when a client does something, and when something goes wrong.

use hyperwire_core::control::{Command, LockTest, LockTry, Nonce, Probe, RecordRead, Reply};
use hyperwire_core::election::{self, Answer, Effect, Election, Greeting};

use super::search::Violation;
use super::town::{Action, Bounds};
use super::world::{BASE, Mail, NOW, Party, Port, World};

/// At the other end of a connection is somebody who only pretends to be a daemon.
pub(super) const IMPOSTOR: u8 = 250;
/// Connections that are closed again in the same step.
pub(super) const VISITOR: u8 = 100;
pub(super) const NONCE: Nonce = Nonce([0; 16]);

/// One transition in the making.
pub(super) struct Run<'a> {
    pub(super) bounds: &'a Bounds,
    pub(super) world: World,
    pub(super) kinds: Vec<&'static str>,
    pub(super) story: String,
    pub(super) tell: bool,
    pub(super) violations: Vec<Violation>,
}

impl<'a> Run<'a> {
    pub(super) fn new(bounds: &'a Bounds, world: World, tell: bool) -> Self {
        Self {
            bounds,
            world,
            kinds: Vec::with_capacity(2),
            story: String::new(),
            tell,
            violations: Vec::new(),
        }
    }

    pub(super) fn kind(&mut self, kind: &'static str, story: impl FnOnce() -> String) {
        self.kinds.push(kind);
        if self.tell {
            if !self.story.is_empty() {
                self.story.push_str("; ");
            }
            self.story.push_str(&story());
        }
    }

    pub(super) fn also(&mut self, story: impl FnOnce() -> String) {
        if self.tell {
            self.story.push_str("; ");
            self.story.push_str(&story());
        }
    }

    pub(super) fn violate(&mut self, invariant: &'static str, what: impl Into<String>) {
        self.violations.push(Violation { invariant, what: what.into() });
    }

    pub(super) fn act_here(&mut self, action: Action) {
        match action {
            Action::ClientDoes(c) => self.client_does(c),
            Action::ClientFindsSilence(c) => {
                self.world.left.slow -= 1;
                self.kind("a client finds a slow port silent", || {
                    format!("client {c} waits in vain for a slow answer")
                });
                self.silence(c);
                // It would not be slow the next time.
                self.world.clients[usize::from(c)].edit(|client| client.dirty = true);
            }
            Action::ClientReceives(c) => self.client_receives(c),
            Action::ClientReadsPipe(c) => {
                let report = self.world.clients[usize::from(c)].edit(|client| client.report.take()).flatten();
                let kind =
                    if report.is_some() { "a client reads a report" } else { "a client sees a pipe end" };
                self.kind(kind, || format!("client {c} reads its pipe: {report:?}"));
                self.machine(c, |machine| machine.handle_report(report, NOW));
                let hello = matches!(
                    self.world.clients[usize::from(c)].pending,
                    Some(Effect::Hello { .. } | Effect::ReadRecord)
                );
                if hello && !self.bounds.fine {
                    self.client_does(c);
                }
            }
            Action::ClientTimer(c, timer) => {
                let kind = match timer {
                    election::Timer::Poll => "a client looks again",
                    election::Timer::Reply => "a client waits in vain for a reply",
                    _ => "an election runs out of time",
                };
                self.kind(kind, || format!("client {c}: {timer}"));
                self.world.clients[usize::from(c)].edit(|client| client.dirty = false);
                self.machine(c, |machine| machine.expire(timer, NOW));
                if timer == election::Timer::Poll && !self.bounds.fine {
                    self.client_does(c);
                }
            }
            Action::QueryBegins(c) => self.query_begins(c),
            Action::QueryEnds(c) => {
                self.kind("a query ends", || format!("client {c}'s query ends"));
                self.end_query(c);
            }
            Action::ClientLeaves(c) => {
                self.kind("a client leaves", || format!("client {c} leaves"));
                self.client_ends(c);
            }
            Action::ClientIsKilled(c) => {
                self.world.left.kills -= 1;
                self.kind("a client is killed", || format!("client {c} is killed"));
                self.client_ends(c);
            }
            Action::Report(c) => {
                self.world.left.reports -= 1;
                self.kind("a client reports hyperd", || format!("client {c} reports a hyperd that is well"));
                self.machine(c, |machine| machine.report("?", NOW));
            }
            Action::RecordIsDeleted => {
                self.world.left.record_deletions -= 1;
                self.kind("the record is deleted", || "somebody deletes the record".into());
                self.world.folder.record = None;
            }
            Action::FolderIsDeleted => {
                self.world.left.folder_deletions -= 1;
                self.kind("the folder is deleted", || "somebody deletes the state folder".into());
                self.world.folder.record = None;
                self.world.folder.inode += 1;
                self.world.folder.spawn_lock = None;
            }
            Action::ImpostorListens(port) => {
                self.world.left.impostors -= 1;
                self.kind("an impostor listens", || format!("an impostor listens on port +{port}"));
                self.world.ports[usize::from(port)] = Port::Impostor;
            }
            Action::LegacyClientDoes(c) => self.legacy_client_does(c),
            Action::LegacyClientGivesUp(c) => self.legacy_client_gives_up(c),
            Action::LegacyDaemonDoes(d) => self.legacy_daemon_does(d),
            action => self.daemon_action(action),
        }
    }

    /// Feeds a machine of ours, and begins what it wants done.
    pub(super) fn machine(&mut self, c: u8, input: impl FnOnce(&mut Election)) {
        self.world.clients[usize::from(c)].edit(|client| {
            if let Party::Ours(machine) = &mut client.party {
                input(machine);
            }
        });
        self.settle_client(c);
    }

    /// Begins the effects in order; one that others can see, or that is answered, waits for a step of its own.
    pub(super) fn settle_client(&mut self, c: u8) {
        let index = usize::from(c);
        loop {
            let (event, effect) = self.world.clients[index].edit(|client| match &mut client.party {
                Party::Ours(machine) => {
                    let event = machine.poll_event();
                    let effect = if client.pending.is_none() { machine.poll_effect() } else { None };
                    (event, effect)
                }
                _ => (None, None),
            });
            if event.is_none() && effect.is_none() {
                return;
            }
            if let Some(event) = event {
                self.on_event(c, &event);
            }
            match effect {
                Some(Effect::HangUp) => self.client_hangs_up(c),
                Some(Effect::Unlock) => {
                    if self.world.folder.spawn_lock == Some(c) {
                        self.world.folder.spawn_lock = None;
                    }
                }
                Some(Effect::Heartbeat { .. }) | None => {}
                Some(effect) => self.world.clients[index].edit(|client| client.pending = Some(effect)),
            }
        }
    }

    /// The client's end of the connection closes; what was on its way to it is lost.
    pub(super) fn client_hangs_up(&mut self, c: u8) {
        let link = self.world.clients[usize::from(c)].edit(|client| {
            client.inbox.clear();
            client.link.take()
        });
        if let Some(d) = link.filter(|d| *d != IMPOSTOR) {
            self.arrives(d, c, None);
        }
    }

    fn client_ends(&mut self, c: u8) {
        let index = usize::from(c);
        self.client_hangs_up(c);
        if self.world.folder.spawn_lock == Some(c) {
            self.world.folder.spawn_lock = None;
        }
        self.world.folder.looks = self.world.folder.looks.filter(|looks| *looks != c);
        self.clear_query(c);
        self.world.clients[index].edit(|client| {
            client.party = Party::Gone;
            client.pending = None;
            client.report = None;
            client.child = None;
            client.dirty = true;
            client.queries = 0;
        });
    }

    fn clear_query(&mut self, c: u8) {
        let busy = self.world.clients[usize::from(c)].edit(|client| client.busy.take());
        if let Some(d) = busy {
            self.world.daemons[usize::from(d)].edit(|process| {
                if let Some(engine) = &mut process.engine {
                    engine.busy &= !(1 << c);
                }
            });
        }
    }

    fn end_query(&mut self, c: u8) {
        self.clear_query(c);
        self.world.clients[usize::from(c)].edit(|client| client.queries -= 1);
        self.machine(c, |machine| machine.end(NOW));
    }

    fn query_begins(&mut self, c: u8) {
        let index = usize::from(c);
        let (d, generation) = match &self.world.clients[index].party {
            Party::Ours(machine) => {
                let Some(record) = machine.adopted() else { return };
                (record.pid as u8, record.advertised.as_ref().map(|own| own.generation))
            }
            Party::Legacy(legacy) => match legacy.adopted() {
                Some(d) => (d, None),
                None => return,
            },
            Party::Gone => return,
        };
        let runs = self.world.daemons[usize::from(d)]
            .engine
            .as_ref()
            .is_some_and(|engine| generation.is_none_or(|generation| generation == engine.generation));
        if !runs {
            self.kind("a session cannot be opened", || format!("client {c} finds no hyperd and says so"));
            self.world.clients[index].edit(|client| client.reported = true);
            return self.machine(c, |machine| machine.report("refused", NOW));
        }
        self.kind("a query begins", || format!("client {c} begins a query on daemon {d}"));
        self.world.daemons[usize::from(d)].edit(|process| {
            if let Some(engine) = &mut process.engine {
                engine.busy |= 1 << c;
            }
        });
        self.world.clients[index].edit(|client| {
            client.busy = Some(d);
            client.reported = false;
        });
        self.machine(c, |machine| {
            let _ = machine.begin();
        });
    }

    pub(super) fn client_does(&mut self, c: u8) {
        let index = usize::from(c);
        let Some(effect) = self.world.clients[index].edit(|client| client.pending.take()) else { return };
        match effect {
            Effect::ReadRecord => {
                let read = self.read_record();
                if self.bounds.reduces() {
                    self.world.clients[index].edit(|client| client.dirty = false);
                }
                self.kind("a client reads the record", || {
                    let by = read.incarnation().map(|incarnation| incarnation.0[0]);
                    format!("client {c} reads the record: {by:?} {}", matches!(read, RecordRead::Missing))
                });
                self.machine(c, |machine| machine.handle_answer(Answer::Record(read), NOW));
            }
            Effect::Probe { port } => {
                let probe = self.probe(port, self.world.clients[index].elsewhere);
                self.kind("a client probes a port", || {
                    format!("client {c} probes port +{}: {probe:?}", port - BASE)
                });
                if probe == Probe::Silent {
                    self.world.clients[index].edit(|client| client.pending = Some(Effect::Probe { port }));
                    return self.silence(c);
                }
                self.machine(c, |machine| machine.handle_answer(Answer::Probe(probe), NOW));
            }
            Effect::Hello { port } => self.hello(c, port),
            Effect::Say(command) => {
                let link = self.world.clients[index].link;
                let kind = match &command {
                    Command::Lease { .. } => "a client asks for a lease",
                    Command::StopIf { .. } => "a client says STOP-IF",
                    _ => "a client says REPORT2",
                };
                self.kind(kind, || format!("client {c} says {command:?} to {link:?}"));
                if link == Some(IMPOSTOR) && !matches!(command, Command::Release) {
                    self.violate("S9", format!("client {c} talks to a daemon that has not proved itself"));
                }
                if let Some(d) = link {
                    self.check_mine(c, d, "speaks as its client to");
                    self.arrives(d, c, Some(command));
                }
                self.settle_client(c);
            }
            Effect::TryLock => {
                let free = self.world.folder.spawn_lock.is_none();
                self.kind("a client tries the spawn lock", || {
                    format!("client {c} tries the spawn lock: {free}")
                });
                if free {
                    self.world.folder.spawn_lock = Some(c);
                }
                let answer = if free { LockTry::Locked(None) } else { LockTry::Held };
                self.machine(c, |machine| machine.handle_answer(Answer::SpawnLock(answer), NOW));
            }
            Effect::TestLock => {
                let held = self.world.lock_held();
                if self.bounds.looks_hold && !held && self.world.folder.looks != Some(c) {
                    self.kind("a client begins to look at the daemon lock", || {
                        format!("client {c} holds the daemon's lock to see whether it can")
                    });
                    self.world.folder.looks = Some(c);
                    self.world.clients[index].edit(|client| client.pending = Some(Effect::TestLock));
                    return;
                }
                self.world.folder.looks = self.world.folder.looks.filter(|looks| *looks != c);
                self.kind("a client looks at the daemon lock", || {
                    format!("client {c} looks whether there is a daemon: {held}")
                });
                let answer = if held { LockTest::Held(None) } else { LockTest::Free };
                self.machine(c, |machine| machine.handle_answer(Answer::DaemonLock(answer), NOW));
            }
            Effect::Spawn => {
                let d = self.spawn(Some(c));
                self.kind("a client starts a daemon", || format!("client {c} starts daemon {d}"));
                self.machine(c, |machine| machine.handle_answer(Answer::Spawned(Ok(())), NOW));
            }
            effect => unreachable!("{effect:?} is carried out at once"),
        }
    }

    /// The port that the client asks keeps silent.
    pub(super) fn silence(&mut self, c: u8) {
        let asked = self.world.clients[usize::from(c)].edit(|client| client.pending.take());
        let answer = match asked {
            Some(Effect::Hello { .. }) => Answer::Hello(Greeting::Silent),
            Some(Effect::Probe { .. }) => Answer::Probe(Probe::Silent),
            _ => return,
        };
        self.machine(c, |machine| machine.handle_answer(answer, NOW));
    }

    pub(super) fn client_receives(&mut self, c: u8) {
        let mail = self.world.clients[usize::from(c)].edit(|client| client.inbox.pop_front());
        match mail {
            Some(Mail::Line(reply)) => {
                self.kind("a client receives a line", || format!("client {c} receives {reply:?}"));
                self.world.clients[usize::from(c)]
                    .edit(|client| client.dirty |= matches!(reply, Reply::Draining(_)));
                self.machine(c, |machine| machine.handle_line(&reply, NOW));
            }
            Some(Mail::HangUp) => {
                self.kind("a client sees its connection end", || {
                    format!("client {c} sees its connection end")
                });
                self.machine(c, |machine| machine.handle_hangup(NOW));
            }
            None => {}
        }
    }
}
