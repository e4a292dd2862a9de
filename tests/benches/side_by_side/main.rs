//! The daemon of hyperwire side by side with that of hyperdb-mcp 0.7.3, on the same hyperd: how soon the first answer
//! comes, and what an idle daemon costs.
//!
//! # How to run
//!
//! ```text
//! cargo bench -p hyperwire-tests --bench side_by_side
//! ```
//!
//! It needs Linux, root and iproute2 for a network of its own, and fetches hyperdb-mcp as the tests do. `-- --help`
//! lists rounds, clients and times.
//!
//! # What is measured
//!
//! | figure | from ... to ... |
//! |---|---|
//! | cold | starting the client, with no daemon and an empty state folder ... its first answer |
//! | warm | the same, with the daemon that the cold start left and no client |
//!
//! The client is `hyperwire sql "SELECT 1"`, whose answer counts when the process has ended, or `hyperdb-mcp
//! --ephemeral-only`, whose answer counts when `initialize` and then one `query` of `SELECT 1` are answered; its end
//! does not count. Several clients start at the same moment. Contenders alternate within a round, and the next round
//! begins with the other. A client without an answer within the limit, or with an error, was not served. Medians are
//! over all clients that were; "the last of them" is the slowest client of a round, again the median of the rounds.
//!
//! Idle daemons are watched at the same time, each in a household of its own, after one client has come and gone.
//! Context switches are those of all threads; processor time comes in steps of 10 ms. The figures of hyperd stand
//! apart from those of the daemon that owns it.
#![allow(clippy::print_stdout, reason = "its tables are what it is for")]

#[cfg(target_os = "linux")]
mod contender;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod starting;

#[cfg(target_os = "linux")]
#[derive(Clone, clap::Parser)]
struct Options {
    /// Rounds of cold and warm starts
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Clients that start at the same moment, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    clients: Vec<usize>,
    /// Seconds after which a client was not served
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Seconds for which idle daemons are watched; 0 leaves that out
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// Seconds between the last client and the beginning of that; our daemon looks around more often in its first 90
    #[arg(long, default_value_t = 100)]
    settle: u64,
    /// What `cargo bench` says, and `cargo test` does not
    #[arg(long, hide = true)]
    bench: bool,
}

#[cfg(target_os = "linux")]
fn main() {
    let options: Options = clap::Parser::parse();
    if !options.bench {
        return println!("skipped: `cargo bench` runs it");
    }
    starting::compare(&options);
    if options.idle > 0 {
        idle::compare(&options);
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: needs Linux");
}
