//! `hyperwire sql`: statements in, results out.

pub(crate) mod client;
pub(crate) mod format;
pub(crate) mod interrupt;
pub(crate) mod report;
mod run;
mod source;

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

use self::interrupt::Interrupt;
use self::run::Run;
use self::source::Source;
use crate::args::{Format, SqlArguments};
use crate::connection::{self, OpenError};
use crate::exit::Exit;

/// Bytes gathered before they are written; also written at the end of every statement.
const OUTPUT_BUFFER: usize = 64 * 1024;

/// Runs what the arguments ask for, on the process's own streams.
pub(crate) fn run(arguments: &SqlArguments) -> Exit {
    let err = &mut anstream::stderr();
    let stdin = io::stdin();
    let source = match Source::read(arguments, &mut stdin.lock(), stdin.is_terminal()) {
        Ok(source) => source,
        Err(error) => return complain(err, &error.to_string(), Exit::Usage),
    };
    let interrupt = match Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(error) => return complain(err, &format!("cannot listen for Ctrl-C: {error}"), Exit::Usage),
    };
    let mut client = match connection::open(arguments, &interrupt) {
        Ok(client) => client,
        Err(OpenError::Arguments(message)) => return complain(err, &message, Exit::Usage),
        Err(OpenError::NoHyperd(message)) => return complain(err, &message, Exit::NoHyperd),
        Err(OpenError::Refused(message)) => return complain(err, &message, Exit::Statement),
        Err(OpenError::Lost(message)) => return complain(err, &message, Exit::Connection),
    };

    let stdout = io::stdout();
    let styled = !matches!(AutoStream::choice(&stdout), ColorChoice::Never);
    let mut out = BufWriter::with_capacity(OUTPUT_BUFFER, stdout.lock());
    let mut tags = io::stderr();
    let run = Run {
        source: &source,
        client: &mut *client,
        rows: &mut *format::writer(arguments.format, &mut out, &mut tags, styled),
        interrupt: &interrupt,
        err,
        timing: arguments.format == Format::Table && io::stderr().is_terminal(),
    };
    let exit = run.run();
    match client.close() {
        Err(message) if exit != Exit::Connection => complain(err, &message, Exit::Connection),
        _ => exit,
    }
}

/// Reports what stopped the command before it could run anything.
fn complain(err: &mut dyn Write, message: &str, exit: Exit) -> Exit {
    // Standard error is the last resort: if it is closed, the exit code has to do.
    let _ = report::error(err, message);
    exit
}
