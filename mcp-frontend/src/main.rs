//! The `hyperwire` command: SQL on Hyper, from the shell.
#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests lay out files of their own")
)]

#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a command serves nobody else")]
mod args;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a command serves nobody else")]
mod connection;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a command serves nobody else")]
#[cfg(unix)]
mod daemon_command;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a command serves nobody else")]
#[cfg(unix)]
mod doctor;
mod exit;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a command serves nobody else")]
mod hyperd_command;
#[cfg(feature = "mcp")]
mod mcp;
mod progress;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a command serves nobody else")]
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
