//! Which machine, which boot and which process this is.

use std::fs;

use hyperwire_core::control::Process;

/// Names this machine, its boot and its network, so that a record from elsewhere is not taken for one whose ports can be
/// reached from here. Containers that share a state folder have networks of their own.
pub fn name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let network = fs::read_link("/proc/thread-self/ns/net").unwrap_or_default();
    format!("{name}/{}/{}", boot.trim(), network.display())
}

/// This process.
pub(crate) fn this_process() -> Process {
    process(std::process::id())
}

/// The process that has this id now.
pub(crate) fn process(pid: u32) -> Process {
    Process { pid, started: started(pid).unwrap_or(0) }
}

/// Whether this very process is still there, and not another that got its id.
pub(crate) fn is_alive(process: Process) -> bool {
    started(process.pid).is_some_and(|started| started == process.started)
}

/// Sends SIGTERM to this very process.
pub(crate) fn terminate(process: Process) -> bool {
    let pid = i32::try_from(process.pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.filter(|_| is_alive(process))
        .is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok())
}

/// When the process started, in clock ticks since the boot (proc(5), field 22 of `stat`); `None` if it is gone or only
/// waits to be waited for.
#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok();
    started.filter(|_| !matches!(state, "Z" | "X"))
}

/// Where the system does not tell when: whether there is one.
#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<u64> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)?;
    rustix::process::test_kill_process(pid).ok().map(|()| 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_an_earlier_owner_of_its_id_is_not() {
        let me = this_process();

        assert!(is_alive(me));
        assert!(!is_alive(Process { started: me.started + 1, ..me }));
    }

    #[test]
    fn a_process_that_was_not_waited_for_is_not_alive() {
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", "read line"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let process = process(child.id());
        assert!(is_alive(process));

        drop(child.stdin.take());
        let bound = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while is_alive(process) {
            assert!(std::time::Instant::now() < bound, "it has no more input, so it ends");
            std::thread::yield_now();
        }

        assert!(child.wait().unwrap().code().is_some());
    }
}
