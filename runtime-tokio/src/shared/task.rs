//! The task: effects out, answers in.

use std::ffi::OsString;
use std::fs::File;
use std::future::{pending, poll_fn};
use std::io::{self, PipeReader};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyperwire_blocking::daemon::Place;
use hyperwire_blocking::daemon::ground::{StateFolder, spawn, system_error};
use hyperwire_blocking::shared::Settings;
use hyperwire_core::control::{DAEMON_LOCK, Reply, SPAWN_LOCK, StartReport, SystemError};
use hyperwire_core::election::{Answer, Effect, Election, Greeting};
use tokio::task::{JoinHandle, spawn_blocking, yield_now};
use tokio::time::sleep;

use super::driver::Common;
use super::port::{Link, heartbeat, hello};
use super::probes::Probes;
use super::report::ReportPipe;

/// A timer that fires early changes nothing, and tokio's do not reach further than two years.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);
/// Lines that are taken from a daemon before other tasks have a turn.
const LINES_AT_ONCE: u32 = 16;

type Greeted = (Greeting, Option<Link>);
type GiveCommand = Box<dyn FnMut() -> Result<Vec<OsString>, String> + Send>;

/// What the task has in its hands.
pub(super) struct Task {
    common: Arc<Common>,
    folder: StateFolder,
    place: Place,
    /// A blocking thread has it while a daemon is started.
    command: Option<GiveCommand>,
    spawn_lock: Option<File>,
    asked: Asked,
    probes: Probes,
    heartbeat: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    link: Option<Link>,
    report: Option<ReportPipe>,
    /// Taken since other tasks had a turn.
    lines: u32,
}

/// What the machine waits for the answer of.
enum Asked {
    Nothing,
    Probe(u16),
    Hello(Pin<Box<dyn Future<Output = Greeted> + Send>>),
    Spawn(JoinHandle<Started>),
}

/// What came of starting a daemon.
struct Started {
    command: GiveCommand,
    given: Result<Vec<OsString>, String>,
    giving_took: Duration,
    outcome: Result<PipeReader, SystemError>,
}

enum Happened {
    Probed(hyperwire_core::control::Probe),
    Greeted(Greeted),
    Started(Started),
    Line(io::Result<Reply>),
    Reported(StartReport),
    /// There may be more to do, or more time has passed.
    Woken,
}

impl Task {
    pub(super) fn new(common: Arc<Common>, folder: StateFolder, settings: Settings) -> Self {
        Self {
            common,
            folder,
            place: settings.place,
            command: Some(settings.command),
            spawn_lock: None,
            asked: Asked::Nothing,
            probes: Probes::default(),
            heartbeat: None,
            link: None,
            report: None,
            lines: 0,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let (effects, over) = self.next_effects();
            let busy = !effects.is_empty();
            for effect in effects {
                if let Some(answer) = self.carry_out(effect).await {
                    self.answer(answer);
                }
            }
            if over {
                return;
            }
            if !busy {
                let happened = self.next().await;
                self.take_in(happened);
            }
            if self.lines >= LINES_AT_ONCE {
                self.lines = 0;
                yield_now().await;
            }
        }
    }

    fn next_effects(&self) -> (Vec<Effect>, bool) {
        let mut state = self.common.lock();
        // What fetching hyperd takes is left out of the clock once it is known.
        if !matches!(self.asked, Asked::Spawn(_)) {
            let now = state.now();
            state.share.election.handle_timeout(now);
        }
        let election = &mut state.share.election;
        let effects = std::iter::from_fn(|| election.poll_effect()).collect();
        if std::iter::from_fn(|| election.poll_event()).count() > 0 {
            self.common.changed.notify_waiters();
        }
        (effects, state.over)
    }

    fn tell(&self, what: impl FnOnce(&mut Election, hyperwire_core::time::Instant)) {
        let mut state = self.common.lock();
        let now = state.now();
        what(&mut state.share.election, now);
    }

    fn answer(&self, answer: Answer) {
        self.tell(|election, now| election.handle_answer(answer, now));
    }

    /// Carries out, or begins to; gives the answer if there is one already.
    async fn carry_out(&mut self, effect: Effect) -> Option<Answer> {
        match effect {
            Effect::Probe { port } => {
                self.probe(port);
                return None;
            }
            Effect::Say(command) => {
                let said = match &mut self.link {
                    Some(link) => link.say(&command).await,
                    None => Ok(()),
                };
                if said.is_err() {
                    self.hang_up();
                }
                return None;
            }
            Effect::HangUp => {
                self.link = None;
                return None;
            }
            Effect::Heartbeat { port } => {
                self.heartbeat = Some(Box::pin(heartbeat(port)));
                return None;
            }
            Effect::Unlock => {
                self.unlock();
                return None;
            }
            _ => {}
        }
        // Another look at the ports is to see them as they are then.
        self.probes = Probes::default();
        match effect {
            Effect::ReadRecord => Some(Answer::Record(self.folder.read_record())),
            Effect::TestLock => Some(Answer::DaemonLock(self.folder.test_lock(DAEMON_LOCK))),
            Effect::TryLock => {
                let (tried, file) = self.folder.try_lock(SPAWN_LOCK);
                self.spawn_lock = file;
                Some(Answer::SpawnLock(tried))
            }
            Effect::Hello { port } => {
                self.asked = Asked::Hello(Box::pin(hello(port)));
                None
            }
            Effect::Spawn => self.start_daemon(),
            // Of a later core; the election's deadline ends what depends on it.
            _ => None,
        }
    }

    fn probe(&mut self, port: u16) {
        let ahead = self.common.lock().share.election.ports_ahead();
        self.probes.ask(port, ahead);
        self.asked = Asked::Probe(port);
    }

    fn start_daemon(&mut self) -> Option<Answer> {
        self.report = None;
        // Only an earlier start that is still under way has it; the machine asks for one at a time.
        let Some(mut command) = self.command.take() else {
            return Some(Answer::Spawned(Err(SystemError::Exhausted)));
        };
        let place = self.place.clone();
        self.asked = Asked::Spawn(spawn_blocking(move || {
            let began = Instant::now();
            let given = command();
            let giving_took = began.elapsed();
            let outcome = match &given {
                Ok(given) => spawn(given, &place).map_err(|error| system_error(&error)),
                Err(_) => Err(SystemError::NotFound),
            };
            Started { command, given, giving_took, outcome }
        }));
        None
    }

    /// Waits until something happens.
    async fn next(&mut self) -> Happened {
        let until = match self.asked {
            Asked::Spawn(_) => None,
            _ => {
                let state = self.common.lock();
                state.share.election.deadline().map(|(at, _)| at - state.now())
            }
        };
        let mut woken = pin!(self.common.wake.notified());
        let mut time = pin!(sleep(until.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)));
        let mut line = pin!(async {
            match &mut self.link {
                Some(link) => link.reply().await,
                None => pending().await,
            }
        });
        let mut report = pin!(async {
            match &mut self.report {
                Some(report) => report.next().await,
                None => pending().await,
            }
        });
        poll_fn(|cx| {
            if let Some(heartbeat) = &mut self.heartbeat
                && heartbeat.as_mut().poll(cx).is_ready()
            {
                self.heartbeat = None;
            }
            if let Poll::Ready(happened) = self.asked.poll(&mut self.probes, cx) {
                return Poll::Ready(happened);
            }
            if let Poll::Ready(line) = line.as_mut().poll(cx) {
                return Poll::Ready(Happened::Line(line));
            }
            if let Poll::Ready(report) = report.as_mut().poll(cx) {
                return Poll::Ready(Happened::Reported(report));
            }
            let is_woken = woken.as_mut().poll(cx).is_ready() || time.as_mut().poll(cx).is_ready();
            if is_woken { Poll::Ready(Happened::Woken) } else { Poll::Pending }
        })
        .await
    }

    fn take_in(&mut self, happened: Happened) {
        match happened {
            Happened::Probed(probe) => {
                self.asked = Asked::Nothing;
                self.answer(Answer::Probe(probe));
            }
            Happened::Greeted((greeting, link)) => {
                self.asked = Asked::Nothing;
                self.link = link;
                self.answer(Answer::Hello(greeting));
            }
            Happened::Started(started) => {
                self.asked = Asked::Nothing;
                let outcome = self.take_in_start(started);
                self.answer(Answer::Spawned(outcome));
            }
            Happened::Line(Ok(reply)) => {
                self.lines += 1;
                self.tell(|election, now| election.handle_line(&reply, now));
            }
            Happened::Line(Err(_)) => self.hang_up(),
            Happened::Reported(report) => {
                self.report = None;
                self.tell(|election, now| election.handle_report(Some(report), now));
            }
            Happened::Woken => {}
        }
    }

    fn take_in_start(&mut self, started: Started) -> Result<(), SystemError> {
        self.command = Some(started.command);
        let mut state = self.common.lock();
        // Fetching hyperd takes as long as it takes; the election's time is for the election.
        state.clock.leave_out(started.giving_took);
        state.share.note_command(&started.given);
        drop(state);
        let pipe = ReportPipe::new(started.outcome?).map_err(|error| system_error(&error))?;
        self.report = Some(pipe);
        Ok(())
    }

    fn hang_up(&mut self) {
        self.link = None;
        self.tell(Election::handle_hangup);
    }

    fn unlock(&mut self) {
        if let Some(file) = self.spawn_lock.take() {
            // Closing would do, unless another thread has just copied the descriptor into a child.
            let _ = file.unlock();
        }
    }
}

impl Asked {
    fn poll(&mut self, probes: &mut Probes, cx: &mut Context<'_>) -> Poll<Happened> {
        match self {
            Self::Nothing => Poll::Pending,
            Self::Probe(port) => probes.poll_answer(*port, cx).map(Happened::Probed),
            Self::Hello(greeted) => greeted.as_mut().poll(cx).map(Happened::Greeted),
            Self::Spawn(started) => match ready!(Pin::new(started).poll(cx)) {
                Ok(started) => Poll::Ready(Happened::Started(started)),
                Err(error) => {
                    // A panic of the command ends the task, too.
                    if let Ok(panic) = error.try_into_panic() {
                        resume_unwind(panic);
                    }
                    // The runtime ends, and this task will in a moment.
                    *self = Self::Nothing;
                    Poll::Pending
                }
            },
        }
    }
}

/// Also when the runtime ends in the midst of something.
impl Drop for Task {
    fn drop(&mut self) {
        self.unlock();
        self.common.lock().ended = true;
        self.common.changed.notify_waiters();
    }
}
