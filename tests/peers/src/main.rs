//! Row scans and latency of hyperwire side by side with other clients, on the same hyperd.
//!
//! # How to run
//!
//! ```text
//! HYPERD_PATH=/path/to/hyperd cargo run --release --manifest-path tests/peers/Cargo.toml -- bench
//! ```
//!
//! Add `--features hyperwire` before `--` for the hyperwire contenders. `-- instructions` (needs valgrind)
//! counts the client's instructions a row instead, which noise on the machine does not touch. `-- sessions`
//! measures what an idle session takes of memory. `-- bench --latency-only` leaves out the scans. `--help`
//! lists the sizes and repetitions. Building needs `protoc`, for hyperdb-api.
//!
//! # What is measured
//!
//! The parent starts a private hyperd with its log off, creates the tables, holds a connection so that the
//! database stays loaded, and runs every contender as a process of its own: one run of each a repetition, in
//! an order that rotates, warm-up repetitions first and thrown away. The figures are medians; ratios are to
//! hyperdb-api.
//!
//! | work | from ... to ... |
//! |---|---|
//! | `scan-narrow` | sending `SELECT *` ... every value of the last row read, checked for NULL and added; 4 fixed-size columns, NOT NULL |
//! | `scan-mixed` | the same; 8 columns with numeric, text, date, timestamp, 10 % NULL each |
//! | `select-one` | one call of `SELECT 1`, from SQL text to an `i32`, on an open connection |
//! | `point-query` | one call of a prepared statement with one parameter on a table of 1,000 rows, to an `f64` |
//!
//! CPU is the client's user and system time around that work, on all its threads (`getrusage`). Peak RSS is
//! `VmHWM` of the client's process, its program text included. All contenders must report the same number of
//! rows and the same checksum, or the bench fails. Under each table stands how much of the machine went
//! to programs other than client and hyperd: above some 10 % only the CPU and instruction figures mean much.
//!
//! # What is not measured
//!
//! Connecting, inserting, Arrow results, several connections, TLS, and hyperd's own CPU. Client and server
//! share the machine's cores, so a client that burns CPU also slows the server down.
//!
//! Memory a session is the growth of VmRSS by the sessions, divided by their number. The kernel's share of a
//! session, its socket, is not in there.
//!
//! # The contenders
//!
//! * `hyperdb-api`: its blocking `Connection`, rows by `Rowset::next_chunk`, which it documents as its fastest way.
//! * `hyperdb-api-async`: its asynchronous connection on a current-thread runtime, the same way.
//! * `tokio-postgres`: PostgreSQL binary results on a current-thread runtime. Numeric goes through
//!   `rust_decimal`; date and timestamp are left as the protocol's integers. Its scan streams (`query_raw`);
//!   `SELECT 1` uses `query_typed`, one round trip where `query` takes two. All of it is the extended
//!   protocol, which hyperd serves slower than simple queries.
//! * `lean`: a bare socket without error paths, HyperBinary by simple query, decoded in the read buffer.
//!   A bound for what a client can reach, not a product.
//! * `hyperwire`, `hyperwire-tokio`, `hyperwire-mio`: the clients of this repository: blocking, on a
//!   current-thread runtime, and in a loop of its own (cargo feature `hyperwire`).

mod bench;
mod contender;
mod instructions;
mod measure;
mod run;
mod server;
mod sessions;
mod table;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Row scans and latency of Hyper clients, side by side on one hyperd")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every contender's scans and calls and print the figures as markdown tables
    Bench(bench::Options),
    /// Count the client's instructions a row of each scan under valgrind's callgrind
    Instructions(instructions::Options),
    /// Measure the memory of many idle sessions in one process and print it as a markdown table
    Sessions(sessions::Options),
    /// One client's sessions, and two figures (what `sessions` starts)
    #[command(hide = true)]
    Hold(sessions::Task),
    /// One contender's work against a running server, as one line of JSON (what `bench` starts)
    #[command(hide = true)]
    Run(run::Task),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Bench(options) => bench::bench(&options),
        Command::Instructions(options) => instructions::count(&options),
        Command::Sessions(options) => sessions::compare(&options),
        Command::Hold(task) => sessions::hold(&task),
        Command::Run(task) => run::run(&task),
    }
}
