//! The processes on a network, as `/proc` shows them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// hyperd.
    Engine,
    /// `hyperwire daemon ...` or `hyperdb-mcp daemon ...`.
    Daemon,
    /// Everything else: clients, and what cleans up behind a hyperd.
    Other,
}

/// A process that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// What it is there for.
    pub role: Role,
    /// Its command line.
    pub command: String,
}

/// What a process has used since its start, all threads that still live together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// How often it was given up for another, or waited.
    pub context_switches: u64,
    /// Processor time.
    pub processor_time: Duration,
    /// Memory that it holds now, in KiB, and how much of that is no file's.
    pub resident_kib: (u64, u64),
}

impl Process {
    /// What it has used so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn usage(&self) -> io::Result<Usage> {
        let folder = PathBuf::from(format!("/proc/{}", self.pid));
        let mut usage = Usage::default();
        for task in fs::read_dir(folder.join("task"))? {
            let status = fs::read_to_string(task?.path().join("status"))?;
            usage.context_switches += field(&status, "voluntary_ctxt_switches:");
            usage.context_switches += field(&status, "nonvoluntary_ctxt_switches:");
        }
        let stat = fs::read_to_string(folder.join("stat"))?;
        // The name in parentheses may hold anything; after it, user and system time are the 12th and 13th field.
        let (_, fields) = stat.rsplit_once(") ").ok_or(io::ErrorKind::InvalidData)?;
        let ticks: u64 = fields.split(' ').skip(11).take(2).flat_map(str::parse::<u64>).sum();
        usage.processor_time = Duration::from_millis(ticks * 1000 / clock_ticks_per_second());
        let status = fs::read_to_string(folder.join("status"))?;
        usage.resident_kib = (field(&status, "VmRSS:"), field(&status, "RssAnon:"));
        Ok(usage)
    }
}

/// The network of the calling thread.
pub(super) fn own_network() -> PathBuf {
    fs::read_link("/proc/thread-self/ns/net").expect("every thread has a network")
}

/// All processes that live on that network. Zombies do not live.
pub(super) fn on_network(network: &Path) -> Vec<Process> {
    let listed = fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let pids = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let there = |pid: &u32| fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|its| its == network);
    // One that ends meanwhile is left out.
    pids.filter(there).filter_map(|pid| describe(pid).ok()).collect()
}

fn describe(pid: u32) -> io::Result<Process> {
    let program = fs::read_link(format!("/proc/{pid}/exe"))?;
    let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline"))?;
    let role = match arguments.split('\0').nth(1) {
        _ if program.file_name() == Some(OsStr::new("hyperd")) => Role::Engine,
        Some("daemon") => Role::Daemon,
        _ => Role::Other,
    };
    Ok(Process { pid, role, command: arguments.replace('\0', " ").trim_end().to_owned() })
}

/// The number behind a name in `/proc/.../status`.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
