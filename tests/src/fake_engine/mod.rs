//! A program that whoever starts it takes for hyperd: it has the same command line, calls back, listens, lets
//! everybody in, answers every statement, and ends when the callback connection does. What it does besides is writing
//! all of that down, so that a test can see from outside whether two engines ever lived at once and whether a
//! statement was lost, and being slow, failing or hanging when the environment says so ([`Behaviour`]).
//!
//! The binary `fake_hyperd` of this package is [`main`] and nothing else.
//!
//! ```
//! use hyperwire_tests::fake_engine::{Entry, Event, Journal};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("journal");
//! Journal::open(&path)?.write(4711, Event::Start { parent: 1 })?;
//!
//! let [Entry { pid: 4711, event: Event::Start { parent: 1 }, .. }] = Journal::read(&path)?[..] else { panic!() };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod announcing;
mod arguments;
mod behaviour;
mod conversation;
mod journal;
mod listening;
mod sessions;

use std::env;
use std::io::{self, Write};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;

pub use arguments::Arguments;
pub use behaviour::{Behaviour, FAILING_STARTS, HANG, Hang, JOURNAL, QUERY_DELAY_MS, START_DELAY_MS};
pub use journal::{Entry, Event, Journal, Outcome, monotonic_nanoseconds};

use announcing::Callback;
use listening::Listener;
use nix::sys::signal::{SigSet, Signal};
use sessions::Sessions;

/// Is the program: reads the arguments and the environment of this process and is an engine until it is told to end.
///
/// Standard input is left alone: a lock that was handed over there is held to the end.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(never) => match never {},
        Err(words) => {
            // As hyperd does; whoever started it may read this or not.
            let _ = writeln!(io::stderr(), "fake hyperd: {words}");
            ExitCode::FAILURE
        }
    }
}

/// Never returns when all goes well: the process ends.
enum Never {}

fn run() -> Result<Never, String> {
    let behaviour = Behaviour::from_variables(|name| env::var(name).ok())?;
    let sessions = Arc::new(Sessions::new(behaviour)?);
    sessions.write(Event::Start { parent: std::os::unix::process::parent_id() });
    // Before any other thread is there, so that none takes the signal.
    let termination = SigSet::from(Signal::SIGTERM);
    termination.thread_block().map_err(|error| format!("blocking SIGTERM: {error}"))?;
    let outcome = serve(&sessions, termination);
    if outcome.is_err() {
        sessions.fail();
    }
    outcome
}

fn serve(sessions: &Arc<Sessions>, termination: SigSet) -> Result<Never, String> {
    let ending = Arc::clone(sessions);
    thread::spawn(move || {
        if termination.wait().is_ok() {
            ending.end();
        }
    });
    let behaviour = sessions.behaviour();
    let arguments = Arguments::parse(env::args().skip(1))?;
    if sessions.is_to_fail()? {
        return Err("told to fail this start".to_owned());
    }
    if behaviour.hang == Some(Hang::Start) {
        hang();
    }
    thread::sleep(behaviour.start_delay);
    let listener = Listener::bind(&arguments.listen)?;
    sessions.remove_at_the_end(listener.files());
    let callback = Callback::announce(&arguments.callback, listener.endpoint())?;
    let accepting = Arc::clone(sessions);
    thread::spawn(move || accept(&listener, &accepting));
    callback.wait_for_the_end();
    sessions.end()
}

fn accept(listener: &Listener, sessions: &Arc<Sessions>) {
    loop {
        match listener.accept() {
            Ok(client) => {
                let sessions = Arc::clone(sessions);
                thread::spawn(move || conversation::hold(client, &sessions));
            }
            // A client that has gone again is no reason to end; a broken listener must not look like a slow engine.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                let _ = writeln!(io::stderr(), "fake hyperd: accepting failed: {error}");
                process::abort();
            }
        }
    }
}

/// For ever.
fn hang() -> ! {
    loop {
        thread::park();
    }
}
