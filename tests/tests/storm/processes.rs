//! The processes of a place, as the system shows them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use hyperwire_tests::fake_engine::{Entry, Event, Journal, monotonic_nanoseconds};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};

/// A process of a place, not yet dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// When it started, in the system's own units: tells it from a later process with its id.
    started: u64,
    pub(crate) role: Role,
    pub(crate) words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Daemon,
    Engine,
    /// A client, a shell that waits to become one, a process that cleans up ...
    Other,
}

/// All processes that have this state folder in their environment, zombies aside.
pub(crate) fn of(state: &Path) -> Vec<Process> {
    let variable = [b"HYPERDB_STATE_DIR=", state.as_os_str().as_bytes()].concat();
    let folders = fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| read(pid, &variable)).collect()
}

pub(crate) fn daemons(processes: &[Process]) -> impl Iterator<Item = &Process> {
    let is_daemon = |process: &&Process| process.role == Role::Daemon;
    let pids: Vec<_> = processes.iter().filter(is_daemon).map(|process| process.pid).collect();
    // Between fork and exec the child of a daemon looks like one.
    processes.iter().filter(is_daemon).filter(move |process| !pids.contains(&process.parent))
}

pub(crate) fn engines(processes: &[Process]) -> impl Iterator<Item = &Process> {
    processes.iter().filter(|process| process.role == Role::Engine)
}

/// Nothing when it is of another place, or is gone.
fn read(pid: u32, variable: &[u8]) -> Option<Process> {
    let file = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok();
    file("environ")?.split(|byte| *byte == 0).find(|found| *found == variable)?;
    let words: Vec<_> = file("cmdline")?
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let stat = String::from_utf8_lossy(&file("stat")?).into_owned();
    let (_, stat) = stat.rsplit_once(") ")?;
    let stat: Vec<_> = stat.split(' ').collect();
    // Fields 3, 4 and 22 of proc(5).
    let (state, parent, started) = (*stat.first()?, stat.get(1)?.parse().ok()?, stat.get(19)?.parse().ok()?);
    let role = if words.iter().any(|word| word.starts_with("--callback-connection")) {
        Role::Engine
    } else if words.windows(2).any(|pair| pair == ["daemon", "run"]) {
        Role::Daemon
    } else {
        Role::Other
    };
    (!matches!(state, "Z" | "X")).then(|| Process { pid, parent, started, role, words: words.join(" ") })
}

impl Process {
    /// Whether it holds the lock of a daemon; also that of a folder that was deleted.
    pub(crate) fn holds_the_lock(&self) -> bool {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", self.pid)) else { return false };
        descriptors.flatten().any(|descriptor| {
            let is_lock_file = fs::read_link(descriptor.path()).is_ok_and(|file| {
                file.to_string_lossy().trim_end_matches(" (deleted)").ends_with("/daemon.lock")
            });
            let number = descriptor.file_name();
            is_lock_file && self.fdinfo(&number).is_some_and(|info| info.contains("FLOCK"))
        })
    }

    /// The processor time that it has used, all threads together; none when it is gone.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let behind_the_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        // Fields 14 and 15 of proc(5).
        let ticks: u64 = behind_the_name.split(' ').skip(11).take(2).flat_map(str::parse::<u64>).sum();
        Duration::from_millis(ticks * 1000 / clock_ticks_per_second())
    }

    fn fdinfo(&self, descriptor: &OsStr) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/fdinfo/{}", self.pid, descriptor.to_str()?)).ok()
    }

    /// Sends it a signal, unless it is gone; whether it was there.
    pub(crate) fn signal(&self, signal: Signal, variable_of: &Path) -> bool {
        let still =
            of(variable_of).iter().any(|found| found.pid == self.pid && found.started == self.started);
        still && signal_pid(self.pid, signal).is_ok()
    }

    /// Kills it, unless it is gone, and writes that down with the time before; whether it was there.
    pub(crate) fn kill(&self, journal: &Journal) -> bool {
        let at = monotonic_nanoseconds();
        let killed = signal_pid(self.pid, Signal::KILL).is_ok();
        if killed {
            let entry = Entry { at, pid: self.pid, event: Event::Killed };
            journal.write_entry(&entry).expect("the journal is on a disk with room");
        }
        killed
    }
}

pub(crate) fn signal_pid(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    Ok(kill_process(pid, signal)?)
}

/// Ports from `base` to `base + 15` on which somebody listens, in the network of the calling thread.
pub(crate) fn listening_ports(base: u16) -> Vec<u16> {
    let table = fs::read_to_string("/proc/thread-self/net/tcp").expect("Linux shows its sockets");
    let listening = table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (_, port) = words.next()?.rsplit_once(':')?;
        let is_listening = words.nth(1)? == "0A";
        u16::from_str_radix(port, 16).ok().filter(|_| is_listening)
    });
    listening.filter(|port| (base..base.saturating_add(16)).contains(port)).collect()
}
