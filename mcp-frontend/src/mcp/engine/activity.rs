//! What a process does, as the system counts it.

use std::time::Duration;

use crate::mcp::disk::process_status;

/// How much processor time a process has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Activity {
    used: Duration,
}

/// An idle hyperd uses 0.2 to 0.5 s a minute; one that runs a statement a good part of a core.
const IDLE_SHARE: f64 = 0.03;

impl Activity {
    /// `None` where the system does not tell.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let [user, system] = status(pid)?.ticks;
        // proc(5): in units of 1/sysconf(_SC_CLK_TCK) s, which Linux has shown as 1/100 s for ever.
        Some(Self { used: Duration::from_millis((user + system) * 10) })
    }

    /// Whether it has done hardly anything in the time between.
    pub(super) fn is_idle_since(self, before: Self, time: Duration) -> bool {
        !time.is_zero()
            && self.used.saturating_sub(before.used).as_secs_f64() / time.as_secs_f64() < IDLE_SHARE
    }
}

/// Whether somebody stopped it with a signal.
pub(super) fn is_stopped(pid: u32) -> bool {
    status(pid).is_some_and(|status| matches!(status.state, 'T' | 't'))
}

struct Status {
    state: char,
    /// User and system time.
    ticks: [u64; 2],
}

/// proc(5): the name is in parentheses and may hold anything; the state is the 3rd field, the times are the 14th and 15th.
fn status(pid: u32) -> Option<Status> {
    let text = process_status(pid)?;
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let mut ticks = fields.skip(10).map(|ticks| ticks.parse().ok());
    Some(Status { state, ticks: [ticks.next()??, ticks.next()??] })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn who_sleeps_is_idle_and_who_works_is_not() {
        let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
        let me = std::process::id();
        let (since, sleeping, working) =
            (Instant::now(), Activity::of(sleeper.id()).unwrap(), Activity::of(me).unwrap());

        while Activity::of(me).unwrap().used < working.used + Duration::from_millis(300) {}

        let time = since.elapsed();
        assert!(Activity::of(sleeper.id()).unwrap().is_idle_since(sleeping, time));
        assert!(!Activity::of(me).unwrap().is_idle_since(working, Duration::from_secs(1)));
        assert!(!is_stopped(sleeper.id()));
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
}
