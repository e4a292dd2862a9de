//! What a daemon does that takes time: on a thread of its own, one thing after the other, while the daemon answers.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, mpsc};
use std::thread;

use hyperwire_core::control::{DAEMON_LOCK, LockBody, SystemError};
use hyperwire_core::daemon::{Answer, Effect, LockWatch};

use super::engine::Engine;
use super::host;
use super::probes::Probes;
use super::state_folder::{StateFolder, describe};
use super::system_error::system_error;

/// What the daemon's loop hands over.
#[derive(Debug)]
pub(super) enum Job {
    /// To be answered.
    Do(Effect),
    /// To be answered; the ports behind it may be asked next.
    Probe { port: u16, ahead: Vec<u16> },
    /// Not to be answered.
    Describe(Box<LockBody>),
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Done {
    Answer(Answer),
    /// With the answer that it listens.
    Listening(TcpListener),
    /// With the answer that hyperd runs: readable when it ends.
    Started(Answer, UnixStream),
    /// For the log.
    Note(String),
}

/// The thread, and the lock, which it holds as long as it lives.
#[derive(Debug)]
pub(super) struct Worker {
    folder: StateFolder,
    engine: Engine,
    lock: Option<Arc<File>>,
    probes: Probes,
    done: Sender<Done>,
    wake: UnixStream,
}

impl Worker {
    /// Starts the thread. It ends, and with it hyperd and the lock, when the sender is dropped; each thing done is
    /// followed by a byte in `wake`.
    pub(super) fn start(
        folder: StateFolder,
        engine: Engine,
        wake: UnixStream,
    ) -> std::io::Result<(Sender<Job>, Receiver<Done>, thread::JoinHandle<()>)> {
        let (jobs, taken) = mpsc::channel();
        let (done, results) = mpsc::channel();
        let mut worker = Self { folder, engine, lock: None, probes: Probes::default(), done, wake };
        let thread = thread::Builder::new().name("hyperwire-daemon".to_owned()).spawn(move || {
            for job in &taken {
                worker.carry_out(job);
            }
        })?;
        Ok((jobs, results, thread))
    }

    fn carry_out(&mut self, job: Job) {
        let done = match job {
            Job::Probe { port, ahead } => Done::Answer(Answer::Probe(self.probes.ask(port, ahead))),
            Job::Do(effect) => {
                // Another look at the ports is to see them as they are then.
                self.probes = Probes::default();
                self.answer(effect)
            }
            Job::Describe(body) => {
                if let Some(lock) = &self.lock {
                    describe(lock, &body);
                }
                return;
            }
        };
        self.report(done);
    }

    fn report(&mut self, done: Done) {
        // Whoever does not want to know any more has ended, and ends this thread next. A full pipe wakes as well.
        let _ = self.done.send(done);
        let _ = self.wake.write(&[1]);
    }

    fn answer(&mut self, effect: Effect) -> Done {
        Done::Answer(match effect {
            Effect::TryLock => {
                let (tried, file) = self.folder.try_lock(DAEMON_LOCK);
                self.lock = file.map(Arc::new);
                Answer::Lock(tried)
            }
            Effect::FindProcess(process) => Answer::Orphan { alive: host::is_alive(process) },
            Effect::Listen { port } => match listen(port) {
                Ok(listener) => return Done::Listening(listener),
                Err(error) => Answer::Listening(Err(error)),
            },
            Effect::StartEngine { .. } => return self.start_engine(),
            Effect::Publish { record, temporary } => {
                Answer::Published(self.folder.publish(&record, &temporary))
            }
            Effect::RemoveRecord { of } => {
                self.folder.remove_record(of);
                Answer::Removed
            }
            Effect::CheckFiles => {
                let intact = self.lock.as_ref().is_some_and(|lock| self.folder.is_intact(lock, DAEMON_LOCK));
                let lock = if intact { LockWatch::Intact } else { LockWatch::Lost };
                Answer::Files { lock, record: self.folder.read_record() }
            }
            Effect::ProbeEngine => Answer::Engine(self.engine.probe()),
            Effect::CountSessions => Answer::Sessions(self.engine.sessions()),
            Effect::StopEngine => {
                if let Err(error) = self.engine.stop() {
                    self.report(Done::Note(format!("hyperd did not end as it should: {error}")));
                }
                Answer::Stopped
            }
            other => return Done::Note(format!("an effect that this version does not know: {other:?}")),
        })
    }

    fn start_engine(&mut self) -> Done {
        // One that ended by itself has left its folder.
        let _ = self.engine.stop();
        match self.engine.start(self.lock.clone()) {
            Ok((endpoint, process, watch)) => {
                Done::Started(Answer::Started(Ok((endpoint.to_string().into(), process))), watch)
            }
            Err(why) => Done::Answer(Answer::Started(Err(why.into()))),
        }
    }
}

/// Binds and listens. The standard library's SO_REUSEADDR lets a port be taken that is only in TIME_WAIT; on Linux two
/// sockets may then be bound, but only one can listen, and this does both.
fn listen(port: u16) -> Result<TcpListener, SystemError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| system_error(&error))?;
    listener.set_nonblocking(true).map_err(|error| system_error(&error))?;
    Ok(listener)
}
