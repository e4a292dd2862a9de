//! One contender's work: what a child process does, and how the parent starts it.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use crate::contender::{Client, Contender, Target};
use crate::measure::{Laps, Meter, Report, peak_rss_kib};
use crate::table::{Checksum, Table};

/// Rows of the table for point queries.
pub(crate) const POINTS: u64 = 1000;

/// A child that takes longer hangs. Under valgrind the longest takes seconds, too.
const LIMIT: Duration = Duration::from_secs(600);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// Every value of the narrow table
    ScanNarrow,
    /// Every value of the mixed table
    ScanMixed,
    /// `SELECT 1`, again and again
    SelectOne,
    /// A prepared statement with one parameter, again and again
    PointQuery,
}

/// One contender's work and where to do it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Task {
    #[arg(long)]
    pub(crate) work: Work,
    #[arg(long)]
    pub(crate) contender: Contender,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Rows of the table to scan, which is part of its name
    #[arg(long, default_value_t = 0)]
    pub(crate) rows: u64,
    /// Calls to time, for the works made of calls
    #[arg(long, default_value_t = 0)]
    pub(crate) calls: u32,
}

/// The child: does the work and prints its report as one line of JSON.
pub(crate) fn run(task: &Task) -> Result<()> {
    // A client that hangs must not hang the bench. The thread sleeps, and ends with the process.
    thread::spawn(|| {
        thread::sleep(LIMIT);
        eprintln!("gave up after {LIMIT:?}");
        std::process::exit(1);
    });
    println!("{}", serde_json::to_string(&task.contender.carry_out(task)?)?);
    Ok(())
}

impl Task {
    /// The parent: starts this very program as the child and waits for its report. `wrapper` is a program to
    /// start it under, with that program's options.
    pub(crate) fn start(&self, wrapper: &[&str]) -> Result<Report> {
        let program = std::env::current_exe()?;
        let mut command = match wrapper {
            [] => Command::new(program),
            [wrapper, options @ ..] => {
                let mut command = Command::new(wrapper);
                command.args(options).arg(program);
                command
            }
        };
        let output = command
            .args(["run", "--work", &self.work.name(), "--contender", &self.contender.name()])
            .args(["--endpoint", &self.target.endpoint, "--database"])
            .arg(&self.target.database)
            .args(["--rows", &self.rows.to_string(), "--calls", &self.calls.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {command:?}"))?;
        ensure!(output.status.success(), "{command:?} ended with {}", output.status);
        serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?} gave no report"))
    }

    /// The work itself, with one kind of client.
    pub(crate) fn carry_out<C: Client>(&self) -> Result<Report> {
        let mut client = C::connect(&self.target)?;
        let mut laps = Laps::new(self.calls);
        let mut sum = Checksum::default();
        let sql = self.work.sql(self.rows);
        let meter = Meter::start()?;
        match self.work {
            Work::ScanNarrow => client.scan_narrow(&sql, &mut sum)?,
            Work::ScanMixed => client.scan_mixed(&sql, &mut sum)?,
            Work::SelectOne => client.select_one(&sql, &mut laps, &mut sum)?,
            Work::PointQuery => client.point_query(&sql, key, &mut laps, &mut sum)?,
        }
        let (seconds, cpu_seconds) = meter.stop()?;
        Ok(Report {
            rows: sum.rows(),
            checksum: sum.digest(),
            seconds,
            cpu_seconds,
            peak_rss_kib: peak_rss_kib()?,
            p50_us: laps.percentile_us(50),
            p99_us: laps.percentile_us(99),
        })
    }
}

impl Work {
    /// Its name, as on the command line.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn sql(self, rows: u64) -> String {
        match self {
            Self::ScanNarrow => format!("SELECT * FROM {}", Table::Narrow.name(rows)),
            Self::ScanMixed => format!("SELECT * FROM {}", Table::Mixed.name(rows)),
            Self::SelectOne => "SELECT 1".to_owned(),
            Self::PointQuery => format!("SELECT value FROM {} WHERE id = $1", Table::Points.name(POINTS)),
        }
    }
}

/// The key that call `number` looks up: all of them in turn, in no obvious order.
fn key(number: u32) -> i32 {
    (number * 7 % POINTS as u32 + 1).cast_signed()
}
