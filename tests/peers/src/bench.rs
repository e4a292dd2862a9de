//! The side-by-side run: every contender alternating, medians, markdown.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum as _};

use crate::contender::{Contender, Target};
use crate::measure::{Laps, OtherLoad, Report, median};
use crate::run::{POINTS, Task, Work};
use crate::server::Server;
use crate::table::Table;

#[derive(Args)]
pub(crate) struct Options {
    /// Rows of the narrow table
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    narrow_rows: u64,
    /// Rows of the mixed table
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    mixed_rows: u64,
    /// Timed calls of `SELECT 1` and of the point query, a repetition
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// Repetitions that count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Repetitions before those, thrown away
    #[arg(long, default_value_t = 1)]
    warm_ups: u32,
    /// Leave out the scans
    #[arg(long)]
    latency_only: bool,
    /// Only these contenders, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Contender::value_variants().to_vec())]
    contenders: Vec<Contender>,
}

/// Runs everything and prints it.
pub(crate) fn bench(options: &Options) -> Result<()> {
    let scanned = [(Table::Narrow, options.narrow_rows), (Table::Mixed, options.mixed_rows)];
    let scanned = if options.latency_only { &[][..] } else { &scanned };
    let server = Server::start(&[scanned, &[(Table::Points, POINTS)]].concat())?;
    let mut bench = Bench { options, server, others: Vec::new() };
    println!(
        "hyperd {}; {} repetitions after {} to warm up, medians; the factor in parentheses is to hyperdb-api.",
        bench.server.version(),
        options.repetitions,
        options.warm_ups
    );
    if !options.latency_only {
        bench.scan(Work::ScanNarrow, options.narrow_rows)?;
        bench.scan(Work::ScanMixed, options.mixed_rows)?;
    }
    bench.latency(Work::SelectOne, "`SELECT 1`, open connection")?;
    bench.latency(Work::PointQuery, "Point query, prepared, one parameter")
}

struct Bench<'a> {
    options: &'a Options,
    server: Server,
    /// The share of the machine that other programs took during each run of the table at hand.
    others: Vec<f64>,
}

/// A contender and its reports, one a repetition.
type Runs = Vec<(Contender, Vec<Report>)>;

impl Bench<'_> {
    fn scan(&mut self, work: Work, rows: u64) -> Result<()> {
        let runs = self.repeat(work, self.server.by_tcp(), rows)?;
        let million = rows as f64 / 1e6;
        let columns = [
            (Column::new(&runs, |report| million / report.seconds), 2),
            (Column::new(&runs, |report| report.cpu_seconds / million), 4),
            (Column::new(&runs, |report| report.peak_rss_kib as f64 / 1024.0), 1),
        ];
        println!("\n{work:?}, {rows} rows, TCP\n");
        println!("| contender | Mrow/s | CPU s/Mrow | peak RSS MiB |\n|---|---|---|---|");
        print_rows(&runs, &columns);
        self.print_others();
        Ok(())
    }

    fn latency(&mut self, work: Work, title: &str) -> Result<()> {
        let tcp = self.repeat(work, self.server.by_tcp(), 0)?;
        let socket = self.repeat(work, self.server.by_socket(), 0)?;
        let p50 = |runs| (Column::new(runs, |report| report.p50_us.unwrap_or(f64::NAN)), 0);
        let p99 = |runs| (Column::new(runs, |report| report.p99_us.unwrap_or(f64::NAN)), 0);
        println!("\n{title}, µs, {} calls a repetition\n", self.options.calls);
        println!(
            "| contender | TCP p50 | TCP p99 | domain socket p50 | domain socket p99 |\n|---|---|---|---|---|"
        );
        print_rows(&tcp, &[p50(&tcp), p99(&tcp), p50(&socket), p99(&socket)]);
        self.print_others();
        Ok(())
    }

    fn print_others(&mut self) {
        let shares = std::mem::take(&mut self.others);
        let most = shares.iter().copied().fold(0.0, f64::max);
        let middle = median(shares);
        println!(
            "\nCPU that other programs took: {:.0} % (median), {:.0} % (most).",
            middle * 1e2,
            most * 1e2
        );
    }

    /// All repetitions of all contenders, alternating, and the check that they read the same.
    fn repeat(&mut self, work: Work, target: Target, rows: u64) -> Result<Runs> {
        let calls = if rows == 0 { self.options.calls } else { 0 };
        let expected_rows = if rows == 0 { u64::from(calls + Laps::WARM_UP) } else { rows };
        let mut runs: Runs =
            self.options.contenders.iter().map(|contender| (*contender, Vec::new())).collect();
        let mut order: Vec<_> = (0..runs.len()).collect();
        let mut checksum = None;
        for repetition in 0..self.options.warm_ups + self.options.repetitions {
            for &index in &order {
                let (contender, reports) = &mut runs[index];
                let task = Task { work, contender: *contender, target: target.clone(), rows, calls };
                let others = OtherLoad::start(self.server.pid())?;
                let report = task.start(&[])?;
                let share = others.share(self.server.pid())?;

                let expected_checksum = *checksum.get_or_insert(report.checksum);
                ensure!(
                    (report.rows, report.checksum) == (expected_rows, expected_checksum),
                    "{work:?}: expected {expected_rows} rows, checksum {expected_checksum} of the first run, but \
                     {} gave {report:?}",
                    contender.name()
                );
                if repetition >= self.options.warm_ups {
                    self.others.push(share);
                    reports.push(report);
                }
            }
            // The next repetition starts with another contender.
            order.rotate_left(1);
        }
        Ok(runs)
    }
}

/// A line of markdown a contender; each column with its digits after the point.
fn print_rows(runs: &Runs, columns: &[(Column, usize)]) {
    for (row, (contender, _)) in runs.iter().enumerate() {
        let cells: Vec<_> = columns.iter().map(|(column, digits)| column.cell(row, *digits)).collect();
        println!("| {} | {} |", contender.name(), cells.join(" | "));
    }
}

/// One figure of every contender: the medians, and their factors to hyperdb-api's.
struct Column {
    medians: Vec<f64>,
    base: Option<f64>,
}

impl Column {
    fn new(runs: &Runs, figure: impl Fn(&Report) -> f64) -> Self {
        let medians: Vec<_> = runs.iter().map(|(_, reports)| median(reports.iter().map(&figure))).collect();
        let base = runs.iter().position(|(contender, _)| *contender == Contender::HyperdbApi);
        Self { base: base.map(|row| medians[row]), medians }
    }

    /// The contender's median with so many digits after the point, and its factor if there is one.
    fn cell(&self, row: usize, digits: usize) -> String {
        let figure = self.medians[row];
        let factor = self.base.map_or_else(String::new, |base| format!(" ({:.2}×)", figure / base));
        format!("{figure:.digits$}{factor}")
    }
}
