//! `hyperwire daemon ...`

mod run;
pub(crate) mod status;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::time::Duration;

use hyperwire_blocking::daemon::{Place, Stopped, stop};
use hyperwire_blocking::hyperwire_core::control::StopMode;

use crate::args::{DaemonCommand, StopArguments};
use crate::connection::shared::{Shared, place};
use crate::exit::Exit;
use crate::sql::report;

/// Carries out the command.
pub(crate) fn run(command: &DaemonCommand) -> Exit {
    let place = match place() {
        Ok(place) => place,
        Err(message) => return complain(&message, Exit::NoHyperd),
    };
    match command {
        DaemonCommand::Run(arguments) => run::run(arguments, place),
        DaemonCommand::Start => start(&place),
        DaemonCommand::Status { json } => status::run(&place, *json),
        DaemonCommand::Stop { how } => stop_and_say(&place, *how),
        DaemonCommand::Restart { how } => match stop_and_say(&place, *how) {
            Exit::Success => start(&place),
            exit => exit,
        },
        DaemonCommand::Logs { lines } => logs(&place, *lines),
    }
}

/// Reports what stopped the command.
fn complain(message: &str, exit: Exit) -> Exit {
    // Standard error is the last resort: if it is closed, the exit code has to do.
    let _ = report::error(&mut anstream::stderr(), message);
    exit
}

fn say(text: &str) -> Exit {
    let written = writeln!(io::stdout(), "{text}");
    if written.is_ok() { Exit::Success } else { Exit::Output }
}

fn start(place: &Place) -> Exit {
    match Shared::join() {
        Ok(shared) => {
            drop(shared);
            status::run(place, false)
        }
        Err(message) => complain(&message, Exit::NoHyperd),
    }
}

fn stop_and_say(place: &Place, how: StopArguments) -> Exit {
    let mode = if how.now { StopMode::Force } else { StopMode::Drain };
    match stop(place, mode, Duration::from_secs(how.timeout)) {
        Ok(Stopped::NotRunning) => say("no daemon is running"),
        Ok(Stopped::Gone) => say("the daemon has ended"),
        Ok(Stopped::Draining) => complain(
            "the daemon takes nobody in any more but is still in use, and ends when that is over; `hyperwire daemon \
             stop --now` ends it at once",
            Exit::NoHyperd,
        ),
        Ok(other) => say(&format!("{other:?}")),
        Err(error) => complain(&error.to_string(), Exit::NoHyperd),
    }
}

fn logs(place: &Place, lines: usize) -> Exit {
    let path = place.daemon_log();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return complain(
                &format!("there is no log {} yet: no daemon was started in the background", path.display()),
                Exit::NoHyperd,
            );
        }
        Err(error) => return complain(&format!("cannot read {}: {error}", path.display()), Exit::NoHyperd),
    };
    let mut last = VecDeque::new();
    for line in BufReader::new(file).split(b'\n') {
        let Ok(line) = line else { break };
        if last.len() == lines {
            last.pop_front();
        }
        last.push_back(line);
    }
    let mut out = io::stdout().lock();
    let written = last.iter().try_for_each(|line| {
        out.write_all(line)?;
        out.write_all(b"\n")
    });
    match written {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::BrokenPipe,
        Err(_) => Exit::Output,
    }
}
