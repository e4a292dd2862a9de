//! Instructions of the client a row, by valgrind's callgrind: a figure that noise does not touch.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum as _};

use crate::contender::Contender;
use crate::run::{Task, Work};
use crate::server::Server;
use crate::table::Table;

/// The difference of two sizes leaves out starting, connecting and the first rows.
const FEW: u64 = 1_000;
const MANY: u64 = 100_000;

#[derive(Args)]
pub(crate) struct Options {
    /// Only these contenders, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Contender::value_variants().to_vec())]
    contenders: Vec<Contender>,
}

/// Counts and prints them. As in the bench, all contenders must read the same: a client that leaves out a
/// column must not look fast.
pub(crate) fn count(options: &Options) -> Result<()> {
    let tables = [Table::Narrow, Table::Mixed].map(|table| [(table, FEW), (table, MANY)]);
    let server = Server::start(tables.as_flattened())?;
    println!("Instructions of the client a row ({MANY} rows less {FEW}), hyperd {}\n", server.version());
    println!("| contender | scan narrow | scan mixed |\n|---|---|---|");
    let mut checksums = HashMap::new();
    for contender in &options.contenders {
        let [narrow, mixed] =
            [Work::ScanNarrow, Work::ScanMixed].map(|work| a_row(&server, *contender, work, &mut checksums));
        println!("| {} | {:.0} | {:.0} |", contender.name(), narrow?, mixed?);
    }
    Ok(())
}

/// The checksum of the first contender, by table.
type Checksums = HashMap<String, u64>;

fn a_row(server: &Server, contender: Contender, work: Work, checksums: &mut Checksums) -> Result<f64> {
    let mut of = |rows| {
        let task = Task { work, contender, target: server.by_tcp(), rows, calls: 0 };
        instructions(&task, checksums)
    };
    Ok(of(MANY)?.checked_sub(of(FEW)?).context("more instructions for fewer rows")? as f64
        / (MANY - FEW) as f64)
}

fn instructions(task: &Task, checksums: &mut Checksums) -> Result<u64> {
    let folder = tempfile::TempDir::with_prefix("peers-")?;
    let profile = folder.path().join("callgrind.out");
    let out = format!("--callgrind-out-file={}", profile.display());
    let report = task.start(&["valgrind", "--quiet", "--tool=callgrind", &out])?;
    let checksum = *checksums.entry(format!("{:?} {}", task.work, task.rows)).or_insert(report.checksum);
    ensure!(
        (report.rows, report.checksum) == (task.rows, checksum),
        "expected {} rows, checksum {checksum} of the first contender, but {task:?} gave {report:?}",
        task.rows
    );
    total(&profile)
}

/// The sum over the whole program, which callgrind writes as `totals: <instructions>`.
fn total(profile: &Path) -> Result<u64> {
    let profile = fs::read_to_string(profile)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.context("callgrind wrote no totals")?.trim().parse()?)
}
