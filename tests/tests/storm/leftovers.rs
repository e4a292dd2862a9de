//! The end of a round: one more call, what the daemon says of itself, the drain, and what is left then.

use std::fs::{self, File};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::processes::{self, listening_ports};
use crate::violation::Violation;

/// For a command that has nothing to wait for but a start of the engine.
const COMMAND_BOUND: Duration = Duration::from_secs(100);

/// Runs a command to its end; what is wrong is that it has none, or another exit code.
pub(crate) fn command(place: &Place, arguments: &[&str], code: i32) -> Result<Output, Violation> {
    let failed = |problem: String| Violation::CommandFailed { command: arguments.join(" "), problem };
    let files = ["out", "err"].map(|kind| place.path().join(format!("command.{kind}")));
    let [out, err] = [&files[0], &files[1]].map(|path| File::create(path).expect("a disk with room"));
    let mut command: Command = place.hyperwire(arguments);
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    let mut child = command.spawn().expect("hyperwire was built");
    let deadline = Instant::now() + COMMAND_BOUND;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the system knows its own children") {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(format!("did not end within {COMMAND_BOUND:?}")));
        }
        thread::sleep(Duration::from_millis(5));
    };
    let [stdout, stderr] = [&files[0], &files[1]].map(|path| fs::read(path).expect("what was just written"));
    if status.code() != Some(code) {
        let words = String::from_utf8_lossy(&stderr);
        return Err(failed(format!(
            "ended with {status}, not with exit code {code}; it said: {}",
            words.trim()
        )));
    }
    Ok(Output { status, stdout, stderr })
}

/// What `daemon status` says while nobody uses the daemon, against what the system shows. `engine` is the one that
/// lives by the journal.
pub(crate) fn check_status(place: &Place, engine: Option<u32>) -> Vec<Violation> {
    let mut said = serde_json::Value::Null;
    let mut failure = None;
    // The last client's lease ends with its connection, a moment after its process.
    let settled = holds_within(Duration::from_secs(5), || {
        match command(place, &["daemon", "status", "--json"], 0) {
            Ok(output) => said = serde_json::from_slice(&output.stdout).unwrap_or_default(),
            Err(violation) => failure = Some(violation),
        }
        failure.is_some() || said["leases"].as_array().is_some_and(Vec::is_empty)
    });
    if let Some(failure) = failure {
        return vec![failure];
    }
    let processes = processes::of(&place.state());
    let holders: Vec<_> = processes::daemons(&processes)
        .filter(|daemon| daemon.holds_the_lock())
        .map(|it| it.pid.into())
        .collect();
    let number = |name: &str| said[name].as_u64();
    let mut violations = Vec::new();
    let mut lies = |seen: String| violations.push(Violation::StatusLies { said: said.to_string(), seen });
    if !settled {
        lies("all clients have ended".to_owned());
    }
    if said["running"] != true || !number("pid").is_some_and(|pid| holders.contains(&pid)) {
        lies(format!("the lock is held by {holders:?}"));
    }
    if engine.is_some() && number("engine_pid") != engine.map(u64::from) {
        lies(format!("the engine is {engine:?}"));
    }
    if said["state_folder"] != place.state().to_string_lossy().as_ref() {
        lies(format!("the state folder is {}", place.state().display()));
    }
    violations
}

/// Drains, and looks for what is left. `patience` is for daemons that were not told to go, but lost their folder.
pub(crate) fn drain(place: &Place, port: u16, record_may_stay: bool, patience: Duration) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(command(place, &["daemon", "stop"], 0).err());
    let mut left = processes::of(&place.state());
    holds_within(patience, || {
        left = processes::of(&place.state());
        left.is_empty()
    });
    for process in left {
        violations.push(Violation::LeftProcess { pid: process.pid, words: process.words });
    }
    let leftover = |what: String| Violation::Leftover { what };
    violations.extend(sockets_in(place.path()).into_iter().map(|path| Violation::LeftSocket { path }));
    for name in ["daemon.lock", "spawn.lock"] {
        // One that was never made is free.
        if let Ok(file) = File::open(place.state().join(name))
            && file.try_lock().is_err()
        {
            violations.push(leftover(format!("{name} is still locked")));
        }
    }
    if place.state().join("daemon.json").exists() && !record_may_stay {
        violations.push(leftover("daemon.json names a daemon that is gone".to_owned()));
    }
    for entry in fs::read_dir(place.tmp()).into_iter().flatten().flatten() {
        violations.push(leftover(format!("{:?} among the temporary files", entry.file_name())));
    }
    for port in listening_ports(port) {
        violations.push(leftover(format!("somebody listens on port {port}")));
    }
    violations
}

/// Whether a condition holds within this time.
pub(crate) fn holds_within(bound: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + bound;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

fn sockets_in(folder: &Path) -> Vec<PathBuf> {
    let mut sockets = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => sockets.extend(sockets_in(&entry.path())),
            Ok(kind) if kind.is_socket() => sockets.push(entry.path()),
            _ => {}
        }
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::new(Path::new("/nowhere"), 1, &[])
    }

    /// Only what `drain` finds besides that its command failed: there is no daemon here.
    fn left(place: &Place) -> Vec<String> {
        let processes: Vec<_> =
            processes::of(&place.state()).into_iter().map(|process| process.words).collect();
        let sockets = sockets_in(place.path()).iter().map(|path| path.display().to_string()).collect();
        [processes, sockets].concat()
    }

    #[test]
    fn a_process_of_the_place_and_a_socket_in_it_are_found() {
        let place = place();
        assert_eq!(left(&place), Vec::<String>::new());
        let socket = place.state().join("sockets").join("0123abcd");
        fs::create_dir_all(&socket).expect("a new folder");
        let _listener = std::os::unix::net::UnixListener::bind(socket.join("hyper")).expect("a new socket");
        let mut sleeper =
            place.command(Path::new("/bin/sleep")).arg("60").spawn().expect("every Unix has it");
        let is_there = || left(&place).iter().any(|it| it.contains("sleep"));

        let seen = holds_within(Duration::from_secs(10), is_there);
        let found = left(&place);
        sleeper.kill().expect("it is our child");
        sleeper.wait().expect("it is our child");

        assert!(seen && found.len() == 2 && found[1].ends_with("/0123abcd/hyper"), "{found:?}");
        assert_eq!(left(&place).len(), 1, "the process is gone");
    }

    #[test]
    fn the_holder_of_the_lock_is_told_from_who_only_has_it_open() {
        let place = place();
        let file = File::create(place.state().join("daemon.lock")).expect("a new file");
        let sleeper = |file: &File| {
            let mut command = place.command(Path::new("/bin/sleep"));
            command.arg("60").stdin(file.try_clone().expect("open")).spawn().expect("every Unix has it")
        };
        let mut holder = sleeper(&file);
        let mut reader = sleeper(&File::open(place.state().join("daemon.lock")).expect("it is there"));
        file.try_lock().expect("nobody else knows it");
        let holds = |child: &std::process::Child| {
            let all = processes::of(&place.state());
            all.iter().any(|process| process.pid == child.id() && process.holds_the_lock())
        };

        let held = holds_within(Duration::from_secs(10), || holds(&holder));
        let only_open = holds(&reader);
        for child in [&mut holder, &mut reader] {
            child.kill().expect("it is our child");
            child.wait().expect("it is our child");
        }

        assert!(held, "it inherited the lock");
        assert!(!only_open, "it has a file of its own");
    }
}
