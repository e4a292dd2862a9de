//! Memory a session, with many idle ones in one process.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use crate::contender::Target;
use crate::measure::{median, resident_kib};
use crate::server::Server;
use crate::table::Table;

#[derive(Args)]
pub(crate) struct Options {
    /// Sessions that are open at once
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    sessions: u32,
    /// Repetitions
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
}

/// A client that can have many sessions in one thread.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Holder {
    /// The bare process: what it grows by without sessions
    Nothing,
    /// `tokio-postgres`, with a task for each
    TokioPostgres,
    /// `hyperdb-api`'s asynchronous connection
    HyperdbApiAsync,
    /// This repository's client for tokio
    #[cfg(feature = "hyperwire")]
    HyperwireTokio,
    /// This repository's client for mio
    #[cfg(feature = "hyperwire")]
    HyperwireMio,
}

/// What the child is told.
#[derive(Args)]
pub(crate) struct Task {
    #[arg(long)]
    holder: Holder,
    #[command(flatten)]
    target: Target,
    #[arg(long)]
    sessions: u32,
}

/// Measures and prints.
pub(crate) fn compare(options: &Options) -> Result<()> {
    let server = Server::start(&[(Table::Points, 1)])?;
    println!(
        "{} idle sessions by domain socket in one thread, each after one `SELECT 1`; hyperd {}; medians of {}\n",
        options.sessions,
        server.version(),
        options.repetitions
    );
    println!("| client | RSS before, KiB | with the sessions, KiB | KiB a session |\n|---|---|---|---|");
    for holder in Holder::value_variants() {
        let runs: Result<Vec<_>> =
            (0..options.repetitions).map(|_| start(*holder, &server.by_socket(), options.sessions)).collect();
        let runs = runs?;
        let before = median(runs.iter().map(|(before, _)| *before));
        let after = median(runs.iter().map(|(_, after)| *after));
        let each = (after - before) / f64::from(options.sessions);
        println!("| {} | {before:.0} | {after:.0} | {each:.1} |", name(*holder));
    }
    Ok(())
}

/// The child: prints its RSS before and with the sessions.
pub(crate) fn hold(task: &Task) -> Result<()> {
    let target = &task.target;
    let (before, after) = match task.holder {
        Holder::Nothing => (resident_kib()?, resident_kib()?),
        Holder::TokioPostgres => crate::contender::tokio_postgres::hold(target, task.sessions)?,
        Holder::HyperdbApiAsync => crate::contender::hyperdb_api_async::hold(target, task.sessions)?,
        #[cfg(feature = "hyperwire")]
        Holder::HyperwireTokio => crate::contender::hyperwire_tokio::hold(target, task.sessions)?,
        #[cfg(feature = "hyperwire")]
        Holder::HyperwireMio => crate::contender::hyperwire_mio::hold(target, task.sessions)?,
    };
    println!("{before} {after}");
    Ok(())
}

fn start(holder: Holder, target: &Target, sessions: u32) -> Result<(f64, f64)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["hold", "--holder", &name(holder), "--sessions", &sessions.to_string()]);
    command.args(["--endpoint", &target.endpoint, "--database"]).arg(&target.database);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?} ended with {}", output.status);
    let said = String::from_utf8(output.stdout)?;
    let (before, after) = said.trim().split_once(' ').context("two figures")?;
    Ok((before.parse()?, after.parse()?))
}

fn name(holder: Holder) -> String {
    holder.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
