//! `hyperwire daemon run`: being the daemon.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use hyperwire_blocking::daemon::ground::close_inherited;
use hyperwire_blocking::daemon::{Daemon, Place, Settings, rfc3339};
use hyperwire_blocking::hyperd::{Environment, locate_or_install};
use hyperwire_core::control::StartReport;
use hyperwire_core::daemon::Exit as DaemonExit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::complain;
use crate::args::RunArguments;
use crate::connection::with_causes;
use crate::exit::Exit;
use crate::progress::Shown;

/// A log that is longer is set aside at the next start; the one before is given up.
const MAX_LOG: u64 = 1024 * 1024;

pub(super) fn run(arguments: &RunArguments, mut place: Place) -> Exit {
    let report = match arguments.detached.then(|| detach(&place)).transpose() {
        Ok(report) => report,
        Err(error) => return complain(&format!("cannot leave the terminal: {error}"), Exit::NoHyperd),
    };
    let give_up = |report: Option<File>, message: &str, failed: fn(Box<str>) -> StartReport| {
        if let Some(mut report) = report {
            // Whoever started it may be gone already.
            let _ = report.write_all(failed(message.into()).to_line().as_bytes());
        }
        complain(message, Exit::NoHyperd)
    };
    if let Some(seconds) = arguments.idle_timeout {
        place.idle_timeout = Some(Duration::from_secs(seconds));
    }
    let program = match hyperd(arguments) {
        Ok(program) => program,
        Err(message) => return give_up(report, &message, StartReport::EngineFailed),
    };
    let mut settings = Settings::new(place, program);
    settings.drain_limit = arguments.drain_limit.map(Duration::from_secs);
    let mut daemon = match Daemon::new(&settings) {
        Ok(daemon) => daemon,
        Err(error) => return give_up(report, &with_causes(&error), StartReport::Died),
    };
    if let Some(report) = report {
        daemon = daemon.reporting_to(report);
    }
    let stop = daemon.stop_handle();
    // A detached one has no terminal to lose, and passes on to hyperd that SIGHUP is ignored.
    let heard = if arguments.detached { &[SIGTERM, SIGINT][..] } else { &[SIGTERM, SIGINT, SIGHUP] };
    match Signals::new(heard) {
        Ok(mut signals) => drop(thread::spawn(move || signals.forever().for_each(|_| stop.interrupt()))),
        Err(error) => return complain(&format!("cannot listen for signals: {error}"), Exit::NoHyperd),
    }
    let pid = std::process::id();
    let ended = daemon.run(&mut |line| {
        // A log that cannot be written is no reason to end.
        let _ = writeln!(io::stderr(), "{} [{pid}] {line}", rfc3339(SystemTime::now()));
    });
    match ended {
        Ok(DaemonExit::Drained(_)) => Exit::Success,
        Ok(exit) => complain(&exit.to_string(), Exit::NoHyperd),
        Err(error) => complain(&with_causes(&error), Exit::NoHyperd),
    }
}

fn hyperd(arguments: &RunArguments) -> Result<PathBuf, String> {
    if let Some(path) = &arguments.hyperd {
        return Ok(path.clone());
    }
    let mut progress = Shown::new();
    locate_or_install(&Environment::of_this_process(), &mut |now| progress.show(now))
        .map(|located| located.path)
        .map_err(|error| with_causes(&error))
}

/// Leaves the session of whoever started this, and everything that it passed on: its files, its folder, its terminal. Gives
/// its pipe, which is the standard output.
fn detach(place: &Place) -> io::Result<File> {
    // SAFETY: this command begins with this; before it, arguments were parsed and variables read.
    unsafe { close_inherited() }?;
    std::env::set_current_dir("/")?;
    // It fails for the leader of a group, which has left already.
    let _ = rustix::process::setsid();
    let report = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    let nowhere = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    // Without a log the daemon serves as well.
    match open_log(place) {
        Ok(log) => rustix::stdio::dup2_stderr(&log)?,
        Err(_) => rustix::stdio::dup2_stderr(&nowhere)?,
    }
    Ok(File::from(report))
}

fn open_log(place: &Place) -> io::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(place.log_folder())?;
    let path = place.daemon_log();
    if fs::metadata(&path).is_ok_and(|log| log.len() > MAX_LOG) {
        fs::rename(&path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(&path)
}
