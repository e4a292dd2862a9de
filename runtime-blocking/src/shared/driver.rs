//! The thread that looks after the lease.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hyperwire_carrier::Clock;
use hyperwire_core::control::{Command, DAEMON_LOCK, Record, ReportReader, SPAWN_LOCK, SystemError};
use hyperwire_core::election::{Answer, Effect, Election, Event, Phase};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::share::Share;
use super::{JoinError, Settings};
use crate::daemon::{self, Link, Place, Probes, StateFolder, system_error};

/// How long the end of the thread is waited for: it may be waiting for an answer.
const ENDING: Duration = Duration::from_secs(3);

/// The handle to the thread.
#[derive(Debug)]
pub(super) struct Driver {
    common: Arc<Common>,
    folder: StateFolder,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its owner share.
#[derive(Debug)]
struct Common {
    state: Mutex<State>,
    changed: Condvar,
    wake: UnixStream,
}

#[derive(Debug)]
struct State {
    share: Share,
    clock: Clock,
    over: bool,
    ended: bool,
}

impl Driver {
    pub(super) fn start(settings: Settings) -> Result<Self, JoinError> {
        let place = &settings.place;
        let clock = Clock::start();
        let share = Share::begin(&settings, clock.now())?;
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let state = State { share, clock, over: false, ended: false };
        let common = Arc::new(Common { state: Mutex::new(state), changed: Condvar::new(), wake });
        let folder = StateFolder::new(&place.state_folder);
        let worker = Worker {
            common: common.clone(),
            folder: folder.clone(),
            place: settings.place,
            command: settings.command,
            woken,
            spawn_lock: None,
            probes: Probes::default(),
            link: None,
            report: None,
        };
        let thread = thread::Builder::new().name("hyperwire-lease".to_owned()).spawn(move || worker.run())?;
        Ok(Self { common, folder, thread: Some(thread) })
    }

    pub(super) fn folder(&self) -> &StateFolder {
        &self.folder
    }

    pub(super) fn phase(&self) -> Phase {
        self.common.lock().share.election.phase()
    }

    pub(super) fn enter(&self, deadline: Instant) -> Result<Arc<Record>, JoinError> {
        let mut state = self.common.lock();
        let mut has_waited = false;
        loop {
            let now = state.clock.now();
            if let Some(record) = state.share.enter(has_waited, now)? {
                return Ok(record);
            }
            self.common.wake();
            has_waited = true;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(JoinError::Late { phase: state.share.election.phase() });
            }
            let waited = self.common.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn leave(&self) {
        let mut state = self.common.lock();
        let now = state.clock.now();
        if state.share.leave(now) {
            self.common.wake();
        }
    }

    pub(super) fn report(&self, reason: &str) {
        let mut state = self.common.lock();
        let now = state.clock.now();
        state.share.election.report(reason, now);
        self.common.wake();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let mut state = self.common.lock();
        state.over = true;
        state.share.election.release();
        self.common.wake();
        let bound = Instant::now() + ENDING;
        while !state.ended && Instant::now() < bound {
            let left = bound.saturating_duration_since(Instant::now());
            state = self.common.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let ended = state.ended;
        drop(state);
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            let _ = thread.join();
        }
    }
}

impl Common {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A full pipe wakes as well.
        let _ = (&self.wake).write(&[1]);
    }
}

/// What the thread has in its hands.
struct Worker {
    common: Arc<Common>,
    folder: StateFolder,
    place: Place,
    command: Box<dyn FnMut() -> Result<Vec<std::ffi::OsString>, String> + Send>,
    woken: UnixStream,
    spawn_lock: Option<File>,
    probes: Probes,
    link: Option<Link>,
    report: Option<(PipeReader, ReportReader)>,
}

impl Worker {
    fn run(mut self) {
        loop {
            let effects = self.next_effects();
            let busy = !effects.is_empty();
            for effect in effects {
                if let Some(answer) = self.carry_out(effect) {
                    self.tell(|election, now| election.handle_answer(answer, now));
                }
            }
            if busy {
                continue;
            }
            if self.is_over() {
                return;
            }
            self.wait_and_take_in();
        }
    }

    fn next_effects(&self) -> Vec<Effect> {
        let mut state = self.common.lock();
        let now = state.clock.now();
        state.share.election.handle_timeout(now);
        let effects: Vec<_> = std::iter::from_fn(|| state.share.election.poll_effect()).collect();
        let events: Vec<Event> = std::iter::from_fn(|| state.share.election.poll_event()).collect();
        if !events.is_empty() {
            self.common.changed.notify_all();
        }
        effects
    }

    fn is_over(&self) -> bool {
        let mut state = self.common.lock();
        if state.over {
            state.ended = true;
            self.common.changed.notify_all();
        }
        state.over
    }

    fn tell(&self, what: impl FnOnce(&mut Election, hyperwire_core::time::Instant)) {
        let mut state = self.common.lock();
        let now = state.clock.now();
        what(&mut state.share.election, now);
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Answer> {
        if effect.is_answered() && !matches!(effect, Effect::Probe { .. }) {
            // Another look at the ports is to see them as they are then.
            self.probes = Probes::default();
        }
        Some(match effect {
            Effect::ReadRecord => Answer::Record(self.folder.read_record()),
            Effect::Probe { port } => {
                let ahead: Vec<_> = self.common.lock().share.election.ports_ahead().collect();
                Answer::Probe(self.probes.ask(port, ahead))
            }
            Effect::Hello { port } => {
                let (greeting, link) = daemon::hello(port);
                self.link = link;
                Answer::Hello(greeting)
            }
            Effect::TryLock => {
                let (tried, file) = self.folder.try_lock(SPAWN_LOCK);
                self.spawn_lock = file;
                Answer::SpawnLock(tried)
            }
            Effect::TestLock => Answer::DaemonLock(self.folder.test_lock(DAEMON_LOCK)),
            Effect::Spawn => Answer::Spawned(self.spawn()),
            Effect::Say(command) => {
                self.say(&command);
                return None;
            }
            Effect::HangUp => {
                self.link = None;
                return None;
            }
            Effect::Heartbeat { port } => {
                // Whether it was heard makes no difference: the next search will tell.
                let _ = daemon::exchange(port, &Command::Heartbeat);
                return None;
            }
            Effect::Unlock => {
                if let Some(file) = self.spawn_lock.take() {
                    // Closing would do, unless another thread has just copied the descriptor into a child.
                    let _ = file.unlock();
                }
                return None;
            }
            // Of a later core; the election's deadline ends what depends on it.
            _ => return None,
        })
    }

    fn spawn(&mut self) -> Result<(), SystemError> {
        self.report = None;
        let began = Instant::now();
        let command = (self.command)();
        let mut state = self.common.lock();
        // Fetching hyperd takes as long as it takes; the election's time is for the election.
        state.clock.leave_out(began.elapsed());
        state.share.note_command(&command);
        drop(state);
        let command = command.map_err(|_| SystemError::NotFound)?;
        let reader = daemon::spawn(&command, &self.place).map_err(|error| system_error(&error))?;
        self.report = Some((reader, ReportReader::new()));
        Ok(())
    }

    fn say(&mut self, command: &Command) {
        let said = self.link.as_mut().map(|link| link.say(command));
        if said.is_some_and(|said| said.is_err()) {
            self.hang_up();
        }
    }

    fn hang_up(&mut self) {
        self.link = None;
        self.tell(Election::handle_hangup);
    }

    fn wait_and_take_in(&mut self) {
        // A line may have come together with the answer before it.
        if self.take_lines() {
            return;
        }
        let (woken, link, report) = self.wait();
        if woken {
            let mut bytes = [0; 64];
            while matches!((&self.woken).read(&mut bytes), Ok(1..)) {}
        }
        if link {
            let filled = self.link.as_mut().map(Link::fill);
            self.take_lines();
            let ended = filled.is_some_and(|filled| {
                filled
                    .is_err_and(|error| !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
            });
            if ended && self.link.is_some() {
                self.hang_up();
            }
        }
        if report {
            self.take_report();
        }
    }

    /// Whether there were any.
    fn take_lines(&mut self) -> bool {
        let mut any = false;
        while let Some(link) = &mut self.link {
            match link.next_reply() {
                Ok(Some(reply)) => {
                    any = true;
                    self.tell(|election, now| election.handle_line(&reply, now));
                }
                Ok(None) => return any,
                Err(_) => {
                    self.hang_up();
                    return true;
                }
            }
        }
        any
    }

    fn take_report(&mut self) {
        let Some((pipe, report)) = &mut self.report else { return };
        let mut bytes = [0; 4096];
        let count = match pipe.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            read => read.unwrap_or(0),
        };
        let ended = || count == 0;
        let Some(report) = report.push(&bytes[..count]).or_else(|| ended().then(|| report.end())) else {
            return;
        };
        self.report = None;
        self.tell(|election, now| election.handle_report(Some(report), now));
    }

    fn wait(&self) -> (bool, bool, bool) {
        let state = self.common.lock();
        let wait = state.clock.until(state.share.election.deadline().map(|(at, _)| at));
        drop(state);
        let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
        let link = self.link.as_ref().map(|link| PollFd::new(link.stream(), PollFlags::IN));
        let report = self.report.as_ref().map(|(reader, _)| PollFd::new(reader, PollFlags::IN));
        let (has_link, has_report) = (link.is_some(), report.is_some());
        fds.extend(link.into_iter().chain(report));
        let timeout = wait.and_then(|time| Timespec::try_from(time).ok());
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return (false, false, false);
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let last = fds.len() - 1;
        (is_ready(&fds[0]), has_link && is_ready(&fds[1]), has_report && is_ready(&fds[last]))
    }
}
