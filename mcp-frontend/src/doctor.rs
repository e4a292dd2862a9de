//! `hyperwire doctor`: what is found, what is running, what is wrong, what to do next. Changes nothing.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use hyperwire_blocking::daemon::{Answers, Place, Sight, look, look_at_ports};
use hyperwire_blocking::hyperd::{Environment, locate};
use hyperwire_blocking::hyperwire_core::control::{
    ENV_DAEMON_PORT, ENV_IDLE_TIMEOUT, ENV_STATE_DIR, LockTest, Probe, RecordRead,
};
use rustix::fs::Access;
use serde_json::json;

use crate::connection::shared::place;
use crate::connection::with_causes;
use crate::daemon_command;
use crate::exit::Exit;

/// Less than a small database with its log.
const LITTLE_SPACE: u64 = 256 * 1024 * 1024;
/// Less than what hyperd writes before it is ready.
const NO_SPACE: u64 = 1024 * 1024;

/// How it is with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    /// Works, but not as one would think.
    Odd,
    /// Does not work.
    Bad,
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    health: Health,
    found: String,
    /// What to do about it; nothing if nothing need be done.
    next: Option<String>,
}

/// Looks at everything, and shows it.
pub(crate) fn run(as_json: bool) -> Exit {
    let place = place();
    let sight = place.as_ref().ok().map(look);
    let mut findings = vec![hyperd()];
    match (&place, &sight) {
        (Ok(place), Some(sight)) => {
            findings.extend([state_folder(&place.state_folder), daemon(sight), record(sight)]);
            findings.extend(ports(place, sight));
        }
        // It says itself what to do, and with which variable.
        (Err(message), _) => findings.push(Finding::bad("environment", message, "every command needs this")),
        _ => {}
    }
    findings.extend(environment());
    let exit = match findings.iter().any(|finding| finding.health == Health::Bad) {
        true => Exit::NoHyperd,
        false => Exit::Success,
    };
    let shown = if as_json {
        let status = place.ok().zip(sight).map(|(place, sight)| daemon_command::status::json(&place, &sight));
        let findings: Vec<_> = findings.iter().map(Finding::json).collect();
        json!({ "findings": findings, "daemon": status }).to_string()
    } else {
        findings.iter().map(Finding::text).collect::<Vec<_>>().join("\n")
    };
    if writeln!(io::stdout(), "{shown}").is_ok() { exit } else { Exit::Output }
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, health: Health::Good, found: found.into(), next: None }
    }

    fn odd(what: &'static str, found: impl Into<String>, next: &str) -> Self {
        Self { what, health: Health::Odd, found: found.into(), next: Some(next.to_owned()) }
    }

    fn bad(what: &'static str, found: impl Into<String>, next: &str) -> Self {
        Self { what, health: Health::Bad, found: found.into(), next: Some(next.to_owned()) }
    }

    fn health(&self) -> &'static str {
        match self.health {
            Health::Good => "ok",
            Health::Odd => "note",
            Health::Bad => "wrong",
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({ "what": self.what, "health": self.health(), "found": self.found, "next": self.next })
    }

    fn text(&self) -> String {
        let next = self.next.as_ref().map_or_else(String::new, |next| format!("\n{:>20}-> {next}", ""));
        format!("{:>5}  {:<12} {}{next}", self.health(), self.what, self.found)
    }
}

fn hyperd() -> Finding {
    match locate(&Environment::of_this_process()) {
        Ok(located) => {
            Finding::good("hyperd", format!("{}, from {}", located.path.display(), located.source))
        }
        Err(error) => Finding::bad("hyperd", with_causes(&error), "hyperwire hyperd install"),
    }
}

fn state_folder(folder: &Path) -> Finding {
    let what = "state folder";
    let shown = folder.display();
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return state_folder_to_be_made(folder),
        Err(error) => {
            return Finding::bad(what, format!("{shown}: {error}"), "check the path (HYPERDB_STATE_DIR)");
        }
    };
    if !metadata.is_dir() {
        return Finding::bad(what, format!("{shown} is no folder"), "remove it, or set HYPERDB_STATE_DIR");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        let found = format!("{shown} belongs to the user with the id {}", metadata.uid());
        return Finding::bad(what, found, "use a folder of your own (HYPERDB_STATE_DIR)");
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        let found = format!("{shown} can be written to by others (mode {mode:o})");
        return Finding::bad(what, found, "take that right away (chmod go-w)");
    }
    if let Err(error) = rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        let found = format!("{shown} cannot be written to: {}", io::Error::from(error));
        return Finding::bad(
            what,
            found,
            "a daemon that runs can be used; to start one, make the folder writable or set HYPERDB_STATE_DIR",
        );
    }
    match free(folder) {
        Some(0..NO_SPACE) => Finding::bad(
            what,
            format!("the disk of {shown} is full"),
            "make room, or set HYPERDB_STATE_DIR to a folder on another disk",
        ),
        Some(free) if free < LITTLE_SPACE => {
            Finding::odd(what, format!("{shown}, {} MB left on its disk", free >> 20), "make room")
        }
        _ => Finding::good(what, format!("{shown} (mode {mode:o})")),
    }
}

/// It can be made if the nearest folder that there is can be written to.
fn state_folder_to_be_made(folder: &Path) -> Finding {
    let what = "state folder";
    let shown = folder.display();
    let above = folder.ancestors().skip(1).find(|above| above.exists()).unwrap_or(Path::new("/"));
    let next = "make that folder writable, or set HYPERDB_STATE_DIR to one that is";
    match rustix::fs::access(above, Access::WRITE_OK | Access::EXEC_OK) {
        Err(error) => {
            let (above, error) = (above.display(), io::Error::from(error));
            Finding::bad(what, format!("{shown} cannot be made: {above} cannot be written to: {error}"), next)
        }
        Ok(()) if !above.is_dir() => {
            Finding::bad(what, format!("{shown} cannot be made: {} is no folder", above.display()), next)
        }
        Ok(()) => Finding::good(what, format!("{shown}, made when it is needed")),
    }
}

fn free(folder: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

fn daemon(sight: &Sight) -> Finding {
    let what = "daemon";
    match (&sight.daemon, &sight.lock) {
        (Answers::Ours(status) | Answers::Legacy(status), _) => {
            let record = &status.record;
            Finding::good(
                what,
                format!("{}, process {}, hyperd at {}", record.version, record.pid, record.hyperd_endpoint),
            )
        }
        (_, LockTest::Free) => Finding::good(what, "none is running; whatever needs one starts it"),
        (answers, LockTest::Held(Some(body))) => Finding::bad(
            what,
            format!(
                "process {} holds the lock, in its phase {}, but {answers}",
                body.daemon.pid,
                body.phase.name()
            ),
            "if that does not change within a minute, see `hyperwire daemon logs`, then end that process",
        ),
        (answers, LockTest::Held(None)) => Finding::bad(
            what,
            format!("a process holds the lock, but {answers}"),
            "if that does not change within a minute, see `hyperwire daemon logs`",
        ),
        (_, LockTest::Error(error)) => {
            Finding::bad(what, format!("its lock cannot be looked at: {error}"), "check the state folder")
        }
    }
}

fn record(sight: &Sight) -> Finding {
    let what = "record";
    match (&sight.record, &sight.daemon) {
        (RecordRead::Found(_), Answers::Ours(_) | Answers::Legacy(_)) => {
            Finding::good(what, "names the daemon")
        }
        (RecordRead::Found(_), Answers::Elsewhere(host)) => Finding::odd(
            what,
            format!("is of another machine or container, {host:?}"),
            "share no state folder between machines; set HYPERDB_STATE_DIR on one of them",
        ),
        (RecordRead::Found(_), answers) => {
            Finding::odd(what, answers.to_string(), "nothing: the next daemon writes a new one")
        }
        (RecordRead::Missing, _) => Finding::good(what, "there is none"),
        (RecordRead::Unreadable, _) => Finding::odd(
            what,
            "daemon.json is no record",
            "nothing: a daemon that runs writes a new one within 30 s",
        ),
    }
}

/// Those on which somebody else is, or on which nobody answers.
fn ports(place: &Place, sight: &Sight) -> Vec<Finding> {
    let own = match &sight.daemon {
        Answers::Ours(status) | Answers::Legacy(status) => Some(status.record.health_port),
        _ => None,
    };
    let all: Vec<u16> =
        std::iter::successors(place.ports.after(None), |port| place.ports.after(Some(*port))).collect();
    let mut free = 0;
    let mut findings = Vec::new();
    for (port, probe) in look_at_ports(all.iter().copied().filter(|port| Some(*port) != own)) {
        let harmless = |found| Finding::odd("port", found, "nothing: the daemon takes another");
        findings.push(match probe {
            Probe::Refused => {
                free += 1;
                continue;
            }
            Probe::Daemon { record, .. } => {
                harmless(format!("{port}: a daemon, {}, process {}", record.version, record.pid))
            }
            Probe::Foreign => harmless(format!("{port}: another program")),
            Probe::Silent => Finding::bad(
                "port",
                format!("{port}: a program listens and does not answer, for which every start waits"),
                &format!(
                    "see which it is (ss -ltnp 'sport = :{port}') and end it, or set HYPERDB_DAEMON_PORT"
                ),
            ),
            Probe::Error(error) => Finding::bad(
                "port",
                format!("{port}: this system cannot ask: {error}"),
                "see what the system lacks",
            ),
            other => harmless(format!("{port}: {other:?}")),
        });
    }
    if free == 0 && own.is_none() {
        findings.push(Finding::bad(
            "ports",
            format!("none of {} is free", all.len()),
            "end what is on one of them, or set HYPERDB_DAEMON_PORT",
        ));
    }
    findings
}

fn environment() -> impl Iterator<Item = Finding> {
    ["HYPERD_PATH", ENV_STATE_DIR, ENV_DAEMON_PORT, ENV_IDLE_TIMEOUT, "HYPERWIRE_CACHE_DIR"]
        .into_iter()
        .filter_map(|name| {
            let value = std::env::var_os(name)?;
            Some(Finding::good("environment", format!("{name}={}", value.display())))
        })
}
