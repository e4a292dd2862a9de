//! Clocks, CPU time, memory, and the report that a contender's process hands to its parent.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What one contender's process did and what it took, as its one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Rows read to their end.
    pub(crate) rows: u64,
    /// [`Checksum::digest`](crate::table::Checksum::digest) of them.
    pub(crate) checksum: u64,
    /// Wall-clock time of the work.
    pub(crate) seconds: f64,
    /// User and system time of all threads of the client during the work.
    pub(crate) cpu_seconds: f64,
    /// The most memory the process ever held, in KiB (`VmHWM`).
    pub(crate) peak_rss_kib: u64,
    /// Median of a call, in microseconds; only for works made of calls.
    pub(crate) p50_us: Option<f64>,
    /// 99th percentile of a call, in microseconds.
    pub(crate) p99_us: Option<f64>,
}

/// Wall-clock and CPU time since its start.
pub(crate) struct Meter {
    wall: Instant,
    cpu: f64,
}

impl Meter {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { cpu: cpu_seconds(UsageWho::RUSAGE_SELF)?, wall: Instant::now() })
    }

    /// Seconds of wall-clock time, seconds of this process's CPU time.
    pub(crate) fn stop(&self) -> Result<(f64, f64)> {
        let wall = self.wall.elapsed().as_secs_f64();
        Ok((wall, cpu_seconds(UsageWho::RUSAGE_SELF)? - self.cpu))
    }
}

/// The durations of one call after another.
pub(crate) struct Laps {
    calls: u32,
    taken: Vec<Duration>,
}

impl Laps {
    /// Calls that are made but not counted, while caches on both sides fill.
    pub(crate) const WARM_UP: u32 = 100;

    pub(crate) fn new(calls: u32) -> Self {
        Self { calls, taken: Vec::with_capacity(calls as usize) }
    }

    /// Makes the calls; each is told its number.
    pub(crate) fn run(&mut self, mut call: impl FnMut(u32) -> Result<()>) -> Result<()> {
        (0..Self::WARM_UP).try_for_each(&mut call)?;
        for number in 0..self.calls {
            let start = Instant::now();
            call(number)?;
            self.taken.push(start.elapsed());
        }
        Ok(())
    }

    /// The duration, in microseconds, that `percent` of the calls do not exceed; `None` without calls.
    pub(crate) fn percentile_us(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        Some(sorted.get(rank - 1)?.as_secs_f64() * 1e6)
    }
}

/// How busy programs other than a contender and hyperd keep the machine.
pub(crate) struct OtherLoad {
    wall: Instant,
    busy: f64,
    ours: f64,
}

impl OtherLoad {
    pub(crate) fn start(hyperd: u32) -> Result<Self> {
        Ok(Self { wall: Instant::now(), busy: machine_seconds()?, ours: our_seconds(hyperd)? })
    }

    /// The share of all cores that went to others since the start, 0 to 1. Exact to some 0.01 s of CPU time.
    pub(crate) fn share(&self, hyperd: u32) -> Result<f64> {
        let cores = std::thread::available_parallelism()?.get() as f64;
        let others = (machine_seconds()? - self.busy) - (our_seconds(hyperd)? - self.ours);
        Ok((others / (self.wall.elapsed().as_secs_f64() * cores)).clamp(0.0, 1.0))
    }
}

/// The middle of the values, or the mean of the two in the middle; NaN of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => f64::NAN,
        (len, half) if len % 2 == 1 => values[half],
        (_, half) => f64::midpoint(values[half - 1], values[half]),
    }
}

/// `VmHWM` of this process, in KiB.
pub(crate) fn peak_rss_kib() -> Result<u64> {
    status_kib("VmHWM:")
}

/// `VmRSS` of this process, in KiB.
pub(crate) fn resident_kib() -> Result<u64> {
    status_kib("VmRSS:")
}

fn status_kib(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.with_context(|| format!("no {name} in /proc/self/status"))?.parse()?)
}

fn cpu_seconds(who: UsageWho) -> Result<f64> {
    let usage = getrusage(who)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// `USER_HZ`, the unit of times in `/proc`: 100 on every Linux that hyperd runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of the whole machine since boot, time stolen by its host included.
fn machine_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let ticks = line.split_whitespace().skip(1).map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    // user, nice, system, [idle, iowait,] irq, softirq, steal; guest time is part of user.
    Ok([0, 1, 2, 5, 6, 7].iter().filter_map(|field| ticks.get(*field)).sum::<f64>() / TICKS_PER_SECOND)
}

/// CPU time of the parent, of the contenders that have ended, and of hyperd.
fn our_seconds(hyperd: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{hyperd}/stat"))?;
    // The name, in parentheses, may hold blanks; utime and stime are fields 14 and 15 of the whole line.
    let (_, fields) = stat.rsplit_once(')').context("/proc/<hyperd>/stat without a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    let ended = cpu_seconds(UsageWho::RUSAGE_CHILDREN)? + cpu_seconds(UsageWho::RUSAGE_SELF)?;
    Ok(ticks / TICKS_PER_SECOND + ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_duration_that_occurred() {
        let mut laps = Laps::new(0);
        laps.taken = (1..=200).rev().map(Duration::from_micros).collect();

        assert_eq!(laps.percentile_us(50).map(f64::round), Some(100.0));
        assert_eq!(laps.percentile_us(99).map(f64::round), Some(198.0));
        assert_eq!(laps.percentile_us(100).map(f64::round), Some(200.0));
    }

    #[test]
    fn without_calls_there_is_no_percentile() {
        assert_eq!(Laps::new(0).percentile_us(50), None);
    }

    #[test]
    fn a_median_is_the_middle_of_unsorted_values() {
        assert_eq!(median([9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median([4.0, 1.0, 9.0, 2.0]), 3.0);
        assert!(median([]).is_nan());
    }
}
