//! `hyperwire mcp` side by side with hyperdb-mcp 0.7.3, as their clients have them: processes that are spoken to on
//! standard input and output, on the same hyperd.
//!
//! # How to run
//!
//! ```text
//! cargo bench -p hyperwire-tests --bench mcp_side_by_side
//! ```
//!
//! It needs Linux, root and iproute2 for a network of its own, and fetches hyperdb-mcp as the tests do. `-- --help` lists
//! rounds, calls and limits. The machine should have nothing else to do.
//!
//! # What is measured
//!
//! Contenders alternate within a round, and the next round begins with the other. Each begins with an empty state folder
//! and no daemon; "warm" is its second process, which joins the daemon that the first one left. Both keep no database
//! (`--ephemeral-only`) and have their tools and results as they come. Every figure is the median of the rounds'.
//!
//! | figure | from ... to ... |
//! |---|---|
//! | initialize | starting the process ... its answer to `initialize` |
//! | first query | starting the process ... the answer to a `query` of SELECT 1, sent when `initialize` was answered |
//! | SELECT 1 by n callers | n calls are unanswered at any time; from sending a call ... its answer |
//! | behind a slow query | a SELECT 1, sent 100 ms after a query of some seconds ... its answer |
//! | while all cores are busy | sending what needs no statement ... its answer; 2 statements a core run |
//! | so many rows | sending SELECT * ... the answer, which has 200 or 10,000 of the rows |
//! | peak RSS | the highest that the process itself had since its start, once it has nothing to do any more |
//! | end | closing its input ... its end |
//!
//! Tokens are o200k's, of the JSON of all tools as `tools/list` has it, and of the text of a result of 100 rows and 6
//! columns. A call without an answer within the limit ends the contender's round, and is told below the table.
#![allow(clippy::print_stdout, reason = "its table is what it is for")]

#[cfg(target_os = "linux")]
mod contender;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod round;
#[cfg(target_os = "linux")]
mod server;

#[cfg(target_os = "linux")]
#[derive(Clone, clap::Parser)]
struct Options {
    /// Rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Calls of SELECT 1 for each number of callers
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// Callers at once, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    callers: Vec<usize>,
    /// Rows of the large results, separated by commas, smallest first
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    rows: Vec<u32>,
    /// Seconds after which a call is not waited for any more
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// What `cargo bench` says, and `cargo test` does not
    #[arg(long, hide = true)]
    bench: bool,
}

#[cfg(target_os = "linux")]
fn main() {
    use contender::Contender;
    use figures::Figures;
    use hyperwire_tests::hyperdb_mcp::Household;

    let options: Options = clap::Parser::parse();
    if !options.bench {
        return println!("skipped: `cargo bench` runs it");
    }
    let measured = Household::run_or_skip(move |household| {
        let mut all = Contender::ALL.map(|contender| (contender, Figures::default()));
        for _ in 0..options.rounds {
            for (contender, figures) in &mut all {
                household.start_afresh();
                if let Err(failure) = round::measure(*contender, household, &options, figures) {
                    figures.fail(failure);
                }
            }
            all.reverse();
        }
        household.start_afresh();
        all.sort_by_key(|(contender, _)| contender.place());
        all
    });
    if let Some(measured) = measured {
        figures::print(&measured);
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: needs Linux");
}
