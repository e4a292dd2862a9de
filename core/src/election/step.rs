//! The search: each answer leads to the next effect.

use alloc::sync::Arc;
use core::mem;

use super::{Answer, Effect, Election, ElectionError, Greeting, MAX_SPAWNS, Obstacle, Phase, Timer, bit};
use crate::control::{
    self, Command, LockTest, LockTry, Mutant, Probe, Record, RecordRead, Reply, StartReport, StopMode,
    Transcript,
};
use crate::time::Instant;

/// What an election is waiting for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Off,
    ReadRecord,
    /// The record is that of a daemon without leases: does the port say the same?
    Verify(Arc<Record>),
    /// Does whoever listens there prove to be this one?
    Hello(Arc<Record>),
    SpawnLock,
    TestLock,
    ScanPort(u16),
    Spawning,
    AwaitChild,
    Waiting,
    /// The daemon is proven and not on the lowest port: is there a lower one?
    LookLower {
        port: u16,
        record: Arc<Record>,
    },
    /// There is; this one was told to retire.
    StopHigher {
        lower: Arc<Record>,
    },
    Leasing(Arc<Record>),
    Adopted {
        record: Arc<Record>,
        lease: Option<u32>,
        leaving: bool,
    },
    Failed(ElectionError),
}

impl Step {
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Off => Phase::Off,
            Self::ReadRecord
            | Self::Verify(_)
            | Self::Hello(_)
            | Self::SpawnLock
            | Self::TestLock
            | Self::ScanPort(_) => Phase::Scan,
            Self::Spawning => Phase::Spawn,
            Self::AwaitChild | Self::Waiting => Phase::Wait,
            Self::LookLower { .. } => Phase::RescanLower,
            Self::StopHigher { .. } => Phase::Stop,
            Self::Leasing(_) => Phase::Adopt,
            Self::Adopted { .. } => Phase::Adopted,
            Self::Failed(_) => Phase::Failed,
        }
    }

    pub(super) fn is_search(&self) -> bool {
        !matches!(self, Self::Off | Self::Adopted { .. } | Self::Failed(_))
    }
}

impl Election {
    /// What came of the effect that is outstanding. An answer that belongs to none is ignored.
    pub fn handle_answer(&mut self, answer: Answer, now: Instant) {
        if !mem::take(&mut self.outstanding) {
            return;
        }
        if mem::take(&mut self.stale) {
            self.undo(&answer);
            // The search that came after it may begin now.
            if self.step == Step::ReadRecord {
                self.ask(Effect::ReadRecord);
            }
            return;
        }
        match (mem::replace(&mut self.step, Step::Off), answer) {
            (Step::ReadRecord, Answer::Record(read)) => self.on_record(&read),
            (Step::Verify(record), Answer::Probe(probe)) => self.on_verified(record, &probe, now),
            (Step::Hello(record), Answer::Hello(greeting)) => self.on_hello(record, &greeting, now),
            (Step::SpawnLock, Answer::SpawnLock(lock)) => self.on_spawn_lock(&lock, now),
            (Step::TestLock, Answer::DaemonLock(lock)) => self.on_daemon_lock(&lock, now),
            (Step::ScanPort(port), Answer::Probe(probe)) => self.on_scanned(port, &probe, now),
            (Step::LookLower { port, record }, Answer::Probe(probe)) => {
                self.on_lower(port, record, &probe, now)
            }
            (Step::Spawning, Answer::Spawned(Ok(()))) => self.step = Step::AwaitChild,
            (Step::Spawning, Answer::Spawned(Err(error))) => self.fail(ElectionError::Spawn(error)),
            (step, _) => {
                self.step = step;
                self.outstanding = true;
            }
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, now: Instant) {
        match (timer, &self.step) {
            (Timer::Poll, Step::Waiting) => self.scan(),
            (Timer::Reply, Step::Leasing(_)) => self.wait(Obstacle::Lost, now),
            (Timer::Reply, Step::StopHigher { lower }) => {
                let lower = lower.clone();
                self.adopt_legacy(lower, now);
            }
            (Timer::Heartbeat, Step::Adopted { record, lease: None, .. }) => {
                self.effects.push_back(Effect::Heartbeat { port: record.health_port });
                self.arm_heartbeat(now);
            }
            _ => {}
        }
    }

    /// The first thing to look at, every time.
    pub(super) fn scan(&mut self) {
        self.step = Step::ReadRecord;
        if !self.stale {
            self.ask(Effect::ReadRecord);
        }
    }

    fn ask(&mut self, effect: Effect) {
        self.effects.push_back(effect);
        self.outstanding = true;
    }

    /// What an answer that nobody wants any more left behind.
    fn undo(&mut self, answer: &Answer) {
        match answer {
            Answer::SpawnLock(LockTry::Locked(_)) => self.effects.push_back(Effect::Unlock),
            Answer::Hello(Greeting::Reply { .. }) => self.effects.push_back(Effect::HangUp),
            _ => {}
        }
    }

    fn on_record(&mut self, read: &RecordRead) {
        let RecordRead::Found(record) = read else { return self.without_record() };
        match &record.advertised {
            // Its ports are those of another machine.
            Some(own) if !control::is_same_machine(&own.host, &self.config.host) => self.without_record(),
            // It was asked a moment ago, by this search, before it had the spawn lock.
            _ if self.silent == Some(record.health_port) => self.without_record(),
            Some(own) if own.auth.is_none() => self.without_record(),
            Some(_) => self.hello(record.clone()),
            None => {
                self.ask(Effect::Probe { port: record.health_port });
                self.step = Step::Verify(record.clone());
            }
        }
    }

    fn hello(&mut self, record: Arc<Record>) {
        self.ask(Effect::Hello { port: record.health_port });
        self.step = Step::Hello(record);
    }

    /// The record leads nowhere. That proves nothing: ask the locks.
    fn without_record(&mut self) {
        if self.has_spawn_lock || self.mutation.is(Mutant::R42NoSpawnLock) {
            self.ask(Effect::TestLock);
            self.step = Step::TestLock;
        } else {
            self.ask(Effect::TryLock);
            self.step = Step::SpawnLock;
        }
    }

    fn on_verified(&mut self, record: Arc<Record>, probe: &Probe, now: Instant) {
        match probe.legacy(&self.config.state_folder) {
            Some(found) if found.is_of(&record) => {
                let found = found.clone();
                self.adopt_legacy(found, now);
            }
            _ => {
                self.silent = (*probe == Probe::Silent).then_some(record.health_port);
                self.without_record();
            }
        }
    }

    fn on_hello(&mut self, record: Arc<Record>, greeting: &Greeting, now: Instant) {
        let &Greeting::Reply { nonce, ref reply } = greeting else {
            self.silent = (*greeting == Greeting::Silent).then_some(record.health_port);
            return self.without_record();
        };
        // Whatever it is, the connection is open and ours to close.
        let (Some(own), &Reply::Hello { incarnation, generation, phase, nonce: server, mac }) =
            (&record.advertised, reply)
        else {
            self.effects.push_back(Effect::HangUp);
            return self.without_record();
        };
        let transcript = Transcript { client: nonce, server, incarnation, port: record.health_port };
        let secret = own.auth.unwrap_or(control::Secret([0; 32]));
        let trusted = self.mutation.is(Mutant::R23RecordTrusted);
        let proven = incarnation == own.incarnation
            && own.auth.is_some()
            && mac == transcript.hello(&secret, generation, phase);
        self.link = Some(transcript);
        if !proven && !trusted {
            self.hang_up();
            return self.without_record();
        }
        // A record of an earlier generation names an endpoint that is gone; the next one is on its way.
        if phase != control::Phase::Ready || generation != own.generation {
            return self.wait(Obstacle::NotReady, now);
        }
        self.look_lower(None, record, now);
    }

    /// Looks at the next port below the daemon's; when there is none left, asks for the lease.
    fn look_lower(&mut self, after: Option<u16>, record: Arc<Record>, now: Instant) {
        let ports = self.config.ports;
        let mut next = ports.after(after);
        while let Some(port) = next.filter(|port| self.silent_in_scan & bit(ports, *port) != 0) {
            next = ports.after(Some(port));
        }
        match next {
            Some(port) if port < record.health_port => {
                self.ask(Effect::Probe { port });
                self.step = Step::LookLower { port, record };
            }
            _ => self.lease(record, now),
        }
    }

    fn on_lower(&mut self, port: u16, record: Arc<Record>, probe: &Probe, now: Instant) {
        if self.link.is_none() {
            return self.wait(Obstacle::Lost, now);
        }
        let lower = probe.legacy(&self.config.state_folder).cloned();
        match (lower, self.proof(&record)) {
            (Some(lower), Some((transcript, secret))) => {
                let force = self.mutation.is(Mutant::R16StopForce);
                let mode = if force { StopMode::Force } else { StopMode::Idle };
                let mac = transcript.stop_if(&secret, mode);
                self.effects.push_back(Effect::Say(Command::StopIf {
                    incarnation: transcript.incarnation,
                    mode,
                    mac,
                }));
                self.await_reply(now);
                self.step = Step::StopHigher { lower };
            }
            _ => self.look_lower(Some(port), record, now),
        }
    }

    fn proof(&self, record: &Record) -> Option<(Transcript, control::Secret)> {
        Some((self.link?, record.advertised.as_ref()?.auth?))
    }

    fn lease(&mut self, record: Arc<Record>, now: Instant) {
        self.silent_in_scan = 0;
        let Some((transcript, secret)) = self.proof(&record) else { return self.wait(Obstacle::Lost, now) };
        let mac = transcript.lease(&secret, &self.config.client);
        let client = self.config.client.clone();
        self.effects.push_back(Effect::Say(Command::Lease {
            incarnation: transcript.incarnation,
            client,
            mac,
        }));
        self.await_reply(now);
        self.step = Step::Leasing(record);
    }

    fn on_spawn_lock(&mut self, lock: &LockTry, now: Instant) {
        match lock {
            LockTry::Locked(_) => {
                self.has_spawn_lock = true;
                // Whoever had it may have left a daemon.
                self.scan();
            }
            LockTry::Held => self.wait(Obstacle::SpawnLock, now),
            LockTry::Error(error) => self.fail(ElectionError::StateFolder(*error)),
        }
    }

    fn on_daemon_lock(&mut self, lock: &LockTest, now: Instant) {
        let was_silent = self.silent.take().is_some();
        match lock {
            LockTest::Free => self.scan_port(None),
            LockTest::Held(Some(body)) if !control::is_same_machine(&body.host, &self.config.host) => {
                self.fail(ElectionError::Elsewhere { host: body.host.as_str().into() });
            }
            // It is there after all: once more at once, and then as often as for any other that does not serve.
            LockTest::Held(_) if was_silent && !mem::replace(&mut self.asked_again, true) => self.scan(),
            LockTest::Held(_) => self.wait(Obstacle::Holder, now),
            LockTest::Error(error) => self.fail(ElectionError::StateFolder(*error)),
        }
    }

    /// The daemons that know no locks can only be found by their ports.
    fn scan_port(&mut self, after: Option<u16>) {
        if after.is_none() {
            self.silent_in_scan = 0;
        }
        match self.config.ports.after(after) {
            Some(port) => {
                self.ask(Effect::Probe { port });
                self.step = Step::ScanPort(port);
            }
            None => self.spawn(),
        }
    }

    fn on_scanned(&mut self, port: u16, probe: &Probe, now: Instant) {
        match probe.legacy(&self.config.state_folder) {
            Some(legacy) => {
                let legacy = legacy.clone();
                self.adopt_legacy(legacy, now);
            }
            None => {
                if *probe == Probe::Silent {
                    self.silent_in_scan |= bit(self.config.ports, port);
                }
                self.scan_port(Some(port));
            }
        }
    }

    fn spawn(&mut self) {
        if self.spawns == MAX_SPAWNS {
            let words = mem::take(&mut self.last_words);
            return self.fail(ElectionError::Spawns { count: self.spawns, words });
        }
        self.spawns += 1;
        self.ask(Effect::Spawn);
        self.step = Step::Spawning;
    }

    pub(super) fn on_report(&mut self, report: Option<StartReport>, now: Instant) {
        match report {
            // It carries what the record does, so it need not be read, and may be deleted by whoever deletes records.
            Some(StartReport::Ready(record)) => {
                let usable = record.advertised.as_ref().is_some_and(|own| own.auth.is_some());
                if usable { self.hello((*record).into()) } else { self.scan() }
            }
            Some(StartReport::AlreadyRunning | StartReport::Stopped) => self.wait(Obstacle::Holder, now),
            Some(StartReport::LegacyFound { .. }) => self.wait(Obstacle::Legacy, now),
            Some(StartReport::Died(words)) => {
                self.last_words = words;
                self.on_report(None, now);
            }
            Some(report) => self.fail(ElectionError::Start(report.into())),
            None if self.mutation.is(Mutant::R11EofIgnored) => {}
            // It died: its lock is free, and whoever is first may start another.
            None => self.scan(),
        }
    }
}
