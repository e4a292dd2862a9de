//! Processes, seen from outside.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The hyperd that this process has started.
#[track_caller]
pub(crate) fn hyperd_of(parent: u32) -> u32 {
    wait_for("a hyperd", || {
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|pid: &u32| {
            let Some(status) = status(*pid) else { return false };
            status.name.starts_with("hyperd") && status.parent == parent
        })
    })
}

/// Kills a process and waits until it is gone, and with it its sockets.
#[track_caller]
pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
    // Its first thread is a zombie long before the last one has let go of the sockets.
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    wait_for("an end of what was killed", || (!is_there(pid) && threads() <= 1).then_some(()));
}

pub(crate) fn is_there(pid: u32) -> bool {
    status(pid).is_some_and(|status| status.state != 'Z')
}

/// Waits until a process hardly does anything any more: less than 5 % of a core.
#[track_caller]
pub(crate) fn wait_until_idle(pid: u32) {
    wait_for("an idle hyperd", || {
        let before = status(pid)?.ticks;
        thread::sleep(Duration::from_millis(400));
        (status(pid)?.ticks - before <= 2).then_some(())
    });
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("the process is there");
}

/// The most memory that a process has had, in bytes.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    of_status(pid, "VmHWM:")
}

/// The memory that a process has, in bytes.
pub(crate) fn memory(pid: u32) -> u64 {
    of_status(pid, "VmRSS:")
}

fn of_status(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("proc(5)");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Looks until it is there, for a minute.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "there is not {what} within a minute");
        thread::sleep(Duration::from_millis(5));
    }
}

struct Status {
    name: String,
    state: char,
    parent: u32,
    ticks: u64,
}

fn status(pid: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (start, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Status {
        name: start.split_once('(')?.1.to_owned(),
        state: fields[0].chars().next()?,
        parent: fields[1].parse().ok()?,
        ticks: fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?,
    })
}
