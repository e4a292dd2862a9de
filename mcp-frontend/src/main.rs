//! The `hyperwire` command: SQL on Hyper, from the shell.

mod args;
mod connection;
#[cfg(unix)]
mod daemon_command;
#[cfg(unix)]
mod doctor;
mod exit;
mod hyperd_command;
#[cfg(feature = "mcp")]
mod mcp;
mod progress;
mod sql;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use exit::Exit;

fn main() -> ExitCode {
    let exit = match Arguments::parse().command {
        Command::Sql(arguments) => sql::run(&arguments),
        #[cfg(feature = "mcp")]
        Command::Mcp(arguments) => mcp::run(&arguments),
        Command::Hyperd { command } => {
            let out = &mut io::stdout().lock();
            hyperd_command::run(command, &connection::LocalHyperd, out, &mut anstream::stderr())
                .unwrap_or(Exit::Output)
        }
        #[cfg(unix)]
        Command::Daemon { command } => daemon_command::run(&command),
        #[cfg(unix)]
        Command::Doctor { json } => doctor::run(json),
    };
    exit.into()
}
