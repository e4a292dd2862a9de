//! Effects out, answers in.

use std::time::Instant;

use hyperwire_blocking::daemon::ground::{fresh_nonce, spawn, system_error};
use hyperwire_core::control::{Command, DAEMON_LOCK, SPAWN_LOCK, SystemError};
use hyperwire_core::election::{Answer, Effect, Greeting};
use mio::Token;

use super::Election;
use super::question::Question;
use super::report::ReportPipe;

/// What each token is for, counted from the first.
const QUESTION: usize = 0;
const HEARTBEAT: usize = 1;
const LINK: usize = 2;
const REPORT: usize = 3;

/// Lines that are taken from a daemon, before others get their turn.
const LINES_AT_ONCE: u32 = 16;

impl Election {
    /// Does everything that takes no waiting.
    pub(super) fn carry(&mut self) {
        self.share.election.handle_timeout(self.clock.now());
        let mut lines = LINES_AT_ONCE;
        loop {
            while let Some(effect) = self.share.election.poll_effect() {
                if let Some(answer) = self.carry_out(effect) {
                    self.share.election.handle_answer(answer, self.clock.now());
                }
            }
            if !(self.take_answer() || self.take_line(&mut lines) || self.take_report()) {
                break;
            }
        }
        if self.heartbeat.as_mut().is_some_and(|heartbeat| heartbeat.advance().is_some()) {
            // Whether it was heard makes no difference: the next search will tell.
            self.heartbeat = None;
        }
    }

    /// Undoes what was done for a search that is given up.
    pub(super) fn undo(&mut self) {
        while let Some(effect) = self.share.election.poll_effect() {
            if matches!(effect, Effect::Say(_) | Effect::HangUp | Effect::Unlock) {
                self.carry_out(effect);
            }
        }
    }

    /// Carries out, or begins to; gives the answer if there is one already.
    fn carry_out(&mut self, effect: Effect) -> Option<Answer> {
        if effect.is_answered() && !matches!(effect, Effect::Probe { .. }) {
            // Another look at the ports is to see them as they are then.
            self.probes.end();
        }
        match effect {
            Effect::ReadRecord => return Some(Answer::Record(self.folder.read_record())),
            Effect::TestLock => return Some(Answer::DaemonLock(self.folder.test_lock(DAEMON_LOCK))),
            Effect::TryLock => {
                let (tried, file) = self.folder.try_lock(SPAWN_LOCK);
                self.spawn_lock = file;
                return Some(Answer::SpawnLock(tried));
            }
            Effect::Spawn => return Some(Answer::Spawned(self.spawn())),
            Effect::Probe { port } => self.probe(port),
            Effect::Hello { port } => {
                let Ok(nonce) = fresh_nonce() else {
                    return Some(Answer::Hello(Greeting::Error(SystemError::Exhausted)));
                };
                let question = self.open(port, &Command::Hello { nonce }, QUESTION);
                self.hello = Some((nonce, question));
            }
            Effect::Heartbeat { port } => {
                self.heartbeat = Some(self.open(port, &Command::Heartbeat, HEARTBEAT));
            }
            Effect::Say(command) => {
                if let Some(link) = &mut self.link {
                    // Whether it could be sent, reading tells.
                    link.say(&command);
                    let _ = link.flush();
                }
            }
            Effect::HangUp => self.link = None,
            Effect::Unlock => {
                if let Some(file) = self.spawn_lock.take() {
                    // Closing would do, unless another thread has just copied the descriptor into a child.
                    let _ = file.unlock();
                }
            }
            // Of a later core; the election's deadline ends what depends on it.
            _ => {}
        }
        None
    }

    fn open(&self, port: u16, command: &Command, token: usize) -> Question {
        Question::start(port, command, &self.registry, self.token(token))
    }

    fn token(&self, number: usize) -> Token {
        Token(self.first.0 + number)
    }

    fn spawn(&mut self) -> Result<(), SystemError> {
        self.report = None;
        let began = Instant::now();
        let command = (self.command)();
        // Fetching hyperd takes as long as it takes; the election's time is for the election.
        self.clock.leave_out(began.elapsed());
        self.share.note_command(&command);
        let command = command.map_err(|_| SystemError::NotFound)?;
        let started = spawn(&command, &self.place)
            .and_then(|reader| ReportPipe::new(reader, &self.registry, self.token(REPORT)));
        self.report = Some(started.map_err(|error| system_error(&error))?);
        Ok(())
    }

    /// Asks a port, and with it all that the machine will ask if nobody answers.
    fn probe(&mut self, port: u16) {
        let ahead = self.share.election.ports_ahead();
        self.probes.ask(port, ahead, &self.registry, Token(self.first.0 + QUESTION));
    }

    /// Goes on with what the machine waits for; whether it is over.
    fn take_answer(&mut self) -> bool {
        if let Some(answer) = self.probes.answer() {
            self.share.election.handle_answer(Answer::Probe(answer), self.clock.now());
            return true;
        }
        let Some((nonce, mut question)) = self.hello.take() else { return false };
        let greeting = match question.advance() {
            None => {
                self.hello = Some((nonce, question));
                return false;
            }
            Some(Err(none)) => none.into(),
            Some(Ok(reply)) => {
                self.keep(question);
                Greeting::Reply { nonce, reply }
            }
        };
        self.share.election.handle_answer(Answer::Hello(greeting), self.clock.now());
        true
    }

    /// The connection of a HELLO that was answered is the link from now on.
    fn keep(&mut self, question: Question) {
        let token = self.token(LINK);
        self.link = question.into_line();
        // If that fails, the machine's own deadline for the next line ends what depends on it.
        self.link.as_mut().map(|link| link.move_to(&self.registry, token));
    }

    /// Takes the next line from the daemon, or its end; whether there was one.
    fn take_line(&mut self, left: &mut u32) -> bool {
        let Some(link) = &mut self.link else { return false };
        if *left == 0 {
            self.due = true;
            return false;
        }
        *left -= 1;
        match link.advance() {
            Ok(None) => return false,
            Ok(Some(reply)) => self.share.election.handle_line(&reply, self.clock.now()),
            Err(_) => {
                self.link = None;
                self.share.election.handle_hangup(self.clock.now());
            }
        }
        true
    }

    /// Takes the word of a daemon that was started; whether there was one.
    fn take_report(&mut self) -> bool {
        let Some(report) = self.report.as_mut().and_then(ReportPipe::advance) else { return false };
        self.report = None;
        self.share.election.handle_report(Some(report), self.clock.now());
        true
    }
}
