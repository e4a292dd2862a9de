//! The daemon's loop: waits, and carries between the machine and the system.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use hyperwire_carrier::Clock;
use hyperwire_core::control::{Incarnation, Nonce, Secret, StartReport, StopMode};
use hyperwire_core::daemon::{self, Answer, Config, Connection, Effect, Exit};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connections::Connections;
use super::door::{Came, Door};
use super::engine::Engine;
use super::state_folder::StateFolder;
use super::worker::{Done, Job, Worker};
use super::{Place, door, host, owner, timestamp};

/// How many connections are accepted before those that are open get their turn.
const ACCEPTED_AT_ONCE: usize = 32;
/// How long the last words may take to be read, when the daemon ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How a daemon is to live.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Whose daemon it is, where it listens, and when it retires.
    pub place: Place,
    /// hyperd.
    pub program: PathBuf,
    /// How long programs that still use it may go on when it was told to stop; `None`: as long as they like.
    pub drain_limit: Option<Duration>,
}

impl Settings {
    /// A daemon for this place with this hyperd.
    #[must_use]
    pub fn new(place: Place, program: impl Into<PathBuf>) -> Self {
        Self { place, program: program.into(), drain_limit: None }
    }
}

/// A daemon that has not begun; see [`Daemon::run`].
#[derive(Debug)]
pub struct Daemon {
    machine: daemon::Daemon,
    clock: Clock,
    jobs: Sender<Job>,
    done: Receiver<Done>,
    worker: thread::JoinHandle<()>,
    wake: UnixStream,
    stop: StopHandle,
    door: Door,
    crowded: bool,
    connections: Connections,
    engine: Option<UnixStream>,
    report: Option<Box<dyn Report>>,
    exit: Option<Exit>,
}

/// Tells a daemon of this process to end, from any thread.
#[derive(Clone, Debug)]
pub struct StopHandle {
    asked: Arc<Mutex<VecDeque<Asked>>>,
    wake: Arc<UnixStream>,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Stop(StopMode),
    Interrupt,
}

/// Why a daemon could not even begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The state folder's path is of no use.
    #[error(
        "the state folder {} is not an absolute path in UTF-8; name another with HYPERDB_STATE_DIR",
        path.display()
    )]
    StateFolder {
        /// The path.
        path: PathBuf,
    },
    /// The system did not give what a daemon needs.
    #[error("the system did not let the daemon begin")]
    System(#[from] io::Error),
    /// The thread that works for the daemon ended.
    #[error("a thread of the daemon ended of a defect; its log says which, and the next start cleans up")]
    Worker,
}

trait Report: Write + fmt::Debug + Send {}
impl<T: Write + fmt::Debug + Send> Report for T {}

impl Daemon {
    /// Prepares a daemon. Nothing is locked, bound or started yet.
    ///
    /// # Errors
    /// See [`RunError`].
    pub fn new(settings: &Settings) -> Result<Self, RunError> {
        let place = &settings.place;
        let folder = place.text().filter(|_| place.state_folder.is_absolute());
        let folder = folder.ok_or_else(|| RunError::StateFolder { path: place.state_folder.clone() })?;
        let (mut incarnation, mut secret) = (Incarnation([0; 16]), Secret([0; 32]));
        for bytes in [&mut incarnation.0[..], &mut secret.0[..]] {
            getrandom::fill(bytes).map_err(io::Error::from)?;
        }
        let state = StateFolder::new(&place.state_folder);
        let engine = Engine::new(settings.program.clone(), state.clone(), incarnation);
        let started_at = timestamp::rfc3339(SystemTime::now());
        let mut config = Config::new(folder, &host::name(), host::this_process(), &started_at);
        config.ports = place.ports;
        config.idle = place.idle_timeout;
        config.drain_limit = settings.drain_limit;
        config.max_connections = door::make_room();
        config.executable =
            std::env::current_exe().ok().and_then(|file| file.into_os_string().into_string().ok());
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let (jobs, done, worker) = Worker::start(state, engine, waker.try_clone()?)?;
        let clock = Clock::start();
        Ok(Self {
            machine: daemon::Daemon::new(config, incarnation, secret, clock.now()),
            clock,
            jobs,
            done,
            worker,
            wake,
            stop: StopHandle { asked: Arc::default(), wake: Arc::new(waker) },
            door: Door::new(),
            crowded: false,
            connections: Connections::default(),
            engine: None,
            report: None,
            exit: None,
        })
    }

    /// Whoever started it reads here how the start ended: one line, then the end.
    #[must_use]
    pub fn reporting_to(mut self, report: impl Write + fmt::Debug + Send + 'static) -> Self {
        self.report = Some(Box::new(report));
        self
    }

    /// For ending it.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Lives, until it is over. `log` gets a line for what a person may want to read later.
    ///
    /// # Errors
    /// See [`RunError`]; hyperd and the lock are gone then too.
    pub fn run(mut self, log: &mut dyn FnMut(&str)) -> Result<Exit, RunError> {
        let lived = self.live(log);
        // The worker ends hyperd if it still runs; then the lock goes.
        drop(self.jobs);
        let worked = self.worker.join();
        lived?;
        worked.map_err(|_| RunError::Worker)?;
        self.exit.ok_or(RunError::Worker)
    }

    fn live(&mut self, log: &mut dyn FnMut(&str)) -> Result<(), RunError> {
        loop {
            self.carry_out(log)?;
            if self.exit.is_some() {
                self.say_last_words();
                return Ok(());
            }
            self.wait_and_take_in(log)?;
        }
    }

    fn carry_out(&mut self, log: &mut dyn FnMut(&str)) -> Result<(), RunError> {
        loop {
            while let Some(effect) = self.machine.poll_effect() {
                self.begin(effect, log)?;
            }
            let over = self.connections.flush();
            if over.is_empty() {
                return Ok(());
            }
            for connection in over {
                self.machine.handle_hangup(connection, self.clock.now());
            }
        }
    }

    fn begin(&mut self, effect: Effect, log: &mut dyn FnMut(&str)) -> Result<(), RunError> {
        match effect {
            Effect::Describe(body) => {
                log(&format!("phase {}", body.phase.name()));
                return self.jobs.send(Job::Describe(body)).map_err(|_| RunError::Worker);
            }
            Effect::Announce(report) => {
                log(&report.to_string());
                self.announce(&report);
            }
            Effect::Send { to, reply } => self.connections.send(to, &reply),
            Effect::Close(connection) => self.connections.close(connection),
            Effect::CloseListener => self.door.close(),
            Effect::Exit(exit) => self.exit = Some(exit),
            Effect::Probe { port } => {
                let ahead = self.machine.ports_ahead().collect();
                return self.jobs.send(Job::Probe { port, ahead }).map_err(|_| RunError::Worker);
            }
            effect => {
                match &effect {
                    Effect::StartEngine { generation } => {
                        log(&format!("starting hyperd, generation {generation}"))
                    }
                    Effect::StopEngine => log("ending hyperd"),
                    _ => {}
                }
                return self.jobs.send(Job::Do(effect)).map_err(|_| RunError::Worker);
            }
        }
        Ok(())
    }

    fn announce(&mut self, report: &StartReport) {
        if let Some(mut pipe) = self.report.take() {
            // Whoever started it may be gone already; that changes nothing.
            let _ = pipe.write_all(report.to_line().as_bytes()).and_then(|()| pipe.flush());
        }
    }

    fn say_last_words(&mut self) {
        let bound = std::time::Instant::now() + LAST_WORDS;
        while self.connections.iter().any(|(_, _, unsent)| unsent) && std::time::Instant::now() < bound {
            self.connections.flush();
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_and_take_in(&mut self, log: &mut dyn FnMut(&str)) -> Result<(), RunError> {
        let wait = self.clock.until(self.machine.deadline().map(|(at, _)| at));
        let ready = self.wait(wait)?;
        if ready.woken {
            self.take_wakes();
        }
        self.take_results(log)?;
        let asked: Vec<_> =
            self.stop.asked.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        for asked in asked {
            let mode = match asked {
                Asked::Stop(mode) => mode,
                Asked::Interrupt if self.machine.draining().is_some() => StopMode::Force,
                Asked::Interrupt => StopMode::Drain,
            };
            log(&format!("told to stop: {}", mode.name()));
            self.machine.stop(mode, self.clock.now());
        }
        if ready.engine {
            self.engine = None;
            log("hyperd ended");
            self.machine.engine_exited(self.clock.now());
        }
        for connection in ready.connections {
            let arrived = self.connections.read(connection);
            let now = self.clock.now();
            for command in &arrived.commands {
                self.machine.handle_line(connection, command, now);
            }
            if arrived.ended {
                self.connections.remove(connection);
                self.machine.handle_hangup(connection, now);
            }
        }
        if ready.listener {
            self.accept(log);
        }
        self.machine.handle_timeout(self.clock.now());
        Ok(())
    }

    fn wait(&self, at_most: Option<Duration>) -> io::Result<Ready> {
        let mut fds = vec![PollFd::new(&self.wake, PollFlags::IN)];
        let engine = self.engine.as_ref().map(|engine| PollFd::new(engine, PollFlags::IN));
        let listener = self.door.listener().map(|listener| PollFd::new(listener, PollFlags::IN));
        let (has_engine, has_listener) = (engine.is_some(), listener.is_some());
        fds.extend(engine.into_iter().chain(listener));
        let first = fds.len();
        let mut names = Vec::new();
        for (name, stream, unsent) in self.connections.iter() {
            let write = if unsent { PollFlags::OUT } else { PollFlags::empty() };
            fds.push(PollFd::new(stream, PollFlags::IN | write));
            names.push(name);
        }
        let at_most = at_most.into_iter().chain(self.door.closed_for()).min();
        let timeout = at_most.and_then(|time| Timespec::try_from(time).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().difference(PollFlags::OUT).is_empty();
        let connections = names.into_iter().zip(&fds[first..]).filter(|(_, fd)| is_ready(fd));
        Ok(Ready {
            woken: is_ready(&fds[0]),
            engine: has_engine && is_ready(&fds[1]),
            listener: has_listener && is_ready(&fds[first - 1]),
            connections: connections.map(|(name, _)| name).collect(),
        })
    }

    fn take_wakes(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.wake.read(&mut bytes), Ok(1..)) {}
    }

    fn take_results(&mut self, log: &mut dyn FnMut(&str)) -> Result<(), RunError> {
        loop {
            let answer = match self.done.try_recv() {
                Ok(Done::Answer(answer)) => answer,
                Ok(Done::Listening(listener)) => {
                    self.door.open(listener);
                    Answer::Listening(Ok(()))
                }
                Ok(Done::Started(answer, watch)) => {
                    self.engine = Some(watch);
                    answer
                }
                Ok(Done::Note(note)) => {
                    log(&note);
                    continue;
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(RunError::Worker),
            };
            if let Answer::Started(Err(why)) = &answer {
                log(&format!("hyperd did not start: {why}"));
            }
            self.machine.handle_answer(answer, self.clock.now());
        }
    }

    fn accept(&mut self, log: &mut dyn FnMut(&str)) {
        for _ in 0..ACCEPTED_AT_ONCE {
            match self.door.next() {
                Came::In(stream) => {
                    self.crowded = false;
                    // An error of this one is not one of the others.
                    let _ = self.take_in(stream);
                }
                Came::Away(false) => {}
                Came::Away(true) => {
                    if !std::mem::replace(&mut self.crowded, true) {
                        log("a connection was closed: this process has as many files open as it may");
                    }
                    return;
                }
                Came::Nobody => return,
                Came::Lost(error) => {
                    log(&format!("no more connections can be accepted: {error}"));
                    return self.machine.listener_lost(self.clock.now());
                }
            }
        }
    }

    fn take_in(&mut self, stream: TcpStream) -> io::Result<()> {
        let mut nonce = Nonce([0; 16]);
        getrandom::fill(&mut nonce.0)?;
        let owner = owner::of_peer(&stream);
        let connection = self.connections.insert(stream)?;
        self.machine.handle_connection(connection, owner, nonce, self.clock.now());
        Ok(())
    }
}

struct Ready {
    woken: bool,
    engine: bool,
    listener: bool,
    connections: Vec<Connection>,
}

impl StopHandle {
    /// Asks for it. Returns at once; a daemon that is over already does not mind.
    pub fn stop(&self, mode: StopMode) {
        self.ask(Asked::Stop(mode));
    }

    /// What SIGTERM or Ctrl-C is to mean: leave when nobody uses the daemon any more; at once if it is leaving already.
    pub fn interrupt(&self) {
        self.ask(Asked::Interrupt);
    }

    fn ask(&self, asked: Asked) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push_back(asked);
        // A full pipe wakes as well, and one that is closed need not.
        let _ = (&*self.wake).write(&[1]);
    }
}
