use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hyperwire_core::wire::CancelKey;

use super::{Behaviour, Event, Hang, Journal, Outcome, hang};

/// Everybody who is connected, and the journal of it.
///
/// One lock makes what the journal says true: what happens to a session and the line about it cannot be told apart by
/// another session or by the end of the engine.
pub(super) struct Sessions {
    behaviour: Behaviour,
    journal: Option<Journal>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    admitted: u64,
    open: BTreeMap<u64, Statement>,
    files: Vec<PathBuf>,
}

/// What a session is at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Statement {
    None,
    Running,
    ToBeCancelled,
}

/// Why a wait is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// The statement has taken as long as it takes.
    Done,
    /// The client asked for its end.
    Cancelled,
    /// It runs on, and it is time for a sign of life.
    Pulse,
}

/// hyperd's interval between signs of life while a statement runs.
const PULSE: Duration = Duration::from_secs(5);

impl Sessions {
    pub(super) fn new(behaviour: Behaviour) -> Result<Self, String> {
        let open = |path: &PathBuf| {
            Journal::open(path).map_err(|error| format!("the journal {}: {error}", path.display()))
        };
        let journal = behaviour.journal.as_ref().map(open).transpose()?;
        Ok(Self { behaviour, journal, state: Mutex::default(), changed: Condvar::new() })
    }

    pub(super) fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// Adds a line to the journal. An engine whose deeds would go unseen must not go on.
    pub(super) fn write(&self, event: Event) {
        let Some(journal) = &self.journal else { return };
        if let Err(error) = journal.write(process::id(), event) {
            let _ = writeln!(io::stderr(), "fake hyperd: the journal cannot be written: {error}");
            process::abort();
        }
    }

    /// Whether this is one of the starts that are to fail. Called once its own start is in the journal.
    pub(super) fn is_to_fail(&self) -> Result<bool, String> {
        if self.behaviour.failing_starts == 0 {
            return Ok(false);
        }
        let path = self.behaviour.journal.as_ref().ok_or("starts are to fail, but no journal counts them")?;
        let entries = Journal::read(path).map_err(|error| format!("the journal: {error}"))?;
        let starts = entries.iter().filter(|entry| matches!(entry.event, Event::Start { .. })).count();
        Ok(starts <= self.behaviour.failing_starts)
    }

    pub(super) fn remove_at_the_end(&self, files: Vec<PathBuf>) {
        self.state().files = files;
    }

    /// A client was let in; gives its number and what cancels its statements.
    pub(super) fn admit(&self) -> (u64, CancelKey) {
        let mut state = self.state();
        state.admitted += 1;
        let session = state.admitted;
        state.open.insert(session, Statement::None);
        self.write(Event::SessionBegin { session });
        (session, key(session))
    }

    /// The client has gone.
    pub(super) fn leave(&self, session: u64) {
        self.state().open.remove(&session);
        self.write(Event::SessionEnd { session });
    }

    pub(super) fn begin(&self, session: u64, statement: &str) {
        let mut state = self.state();
        self.write(Event::QueryBegin { session, statement: statement.to_owned() });
        state.open.insert(session, Statement::Running);
    }

    /// Waits until the statement that runs since `began` is over, is cancelled, or needs a sign of life.
    pub(super) fn wait(&self, session: u64, began: Instant, duration: Duration) -> Waited {
        let pulse = if self.behaviour.hang == Some(Hang::Query) { Duration::MAX } else { PULSE };
        let turn = Instant::now();
        let mut state = self.state();
        loop {
            if state.open.get(&session) == Some(&Statement::ToBeCancelled) {
                return Waited::Cancelled;
            }
            let left = duration.saturating_sub(began.elapsed());
            let to_pulse = pulse.saturating_sub(turn.elapsed());
            if left.is_zero() {
                return Waited::Done;
            }
            if to_pulse.is_zero() {
                return Waited::Pulse;
            }
            // No longer than the system's clocks can count.
            let nap = left.min(to_pulse).min(Duration::from_secs(3600));
            state = self.changed.wait_timeout(state, nap).expect("no holder of the lock panics").0;
        }
    }

    /// Sends the answer and writes down what came of it.
    pub(super) fn finish(
        &self,
        session: u64,
        outcome: Outcome,
        send: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state();
        state.open.insert(session, Statement::None);
        let sent = send();
        let outcome = if sent.is_ok() { outcome } else { Outcome::ClientGone };
        self.write(Event::QueryEnd { session, outcome });
        sent
    }

    /// Ends the statement that this key belongs to, if one runs.
    pub(super) fn cancel(&self, cancelled: CancelKey) {
        let mut state = self.state();
        for (session, statement) in &mut state.open {
            if key(*session) == cancelled && *statement == Statement::Running {
                *statement = Statement::ToBeCancelled;
            }
        }
        self.changed.notify_all();
    }

    /// Breaks off what runs, removes what would be left behind, and ends the process.
    pub(super) fn end(&self) -> ! {
        if self.behaviour.hang == Some(Hang::Exit) {
            hang();
        }
        // Held to the end: nobody answers a client, or writes a line, behind the last one.
        let state = self.state();
        for (&session, &statement) in &state.open {
            if statement != Statement::None {
                self.write(Event::QueryEnd { session, outcome: Outcome::BrokenOff });
            }
            self.write(Event::SessionEnd { session });
        }
        self.leave_nothing(&state, 0);
        process::exit(0)
    }

    /// The last thing of a start that failed.
    pub(super) fn fail(&self) {
        self.leave_nothing(&self.state(), 1);
    }

    fn leave_nothing(&self, state: &State, code: u8) {
        for file in &state.files {
            // Somebody may have removed the whole folder.
            let _ = fs::remove_file(file);
        }
        self.write(Event::Exit { code });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

/// Of one session of this engine.
fn key(session: u64) -> CancelKey {
    let number = i32::try_from(session).expect("a test has few sessions");
    CancelKey { process_id: number, secret_key: number.wrapping_mul(0x0101_0101) ^ 0x0fa4_e000 }
}
