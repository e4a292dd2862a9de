//! What can be asked for on the command line.

#[cfg(feature = "mcp")]
pub(crate) mod mcp;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;
use crate::hyperd_command::pinned_version;

/// SQL on Hyper, from the shell.
#[derive(Debug, Parser)]
#[command(name = "hyperwire", version = version(), after_help = exit::HELP, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run SQL statements and print what they return.
    Sql(SqlArguments),
    /// Serve SQL to language models over the Model Context Protocol, on standard input and output.
    #[cfg(feature = "mcp")]
    Mcp(mcp::McpArguments),
    /// Find or fetch hyperd, the database server.
    Hyperd {
        #[command(subcommand)]
        command: HyperdCommand,
    },
    /// The daemon that lets your programs share one hyperd.
    #[cfg(unix)]
    #[command(after_help = exit::HELP)]
    Daemon {
        #[command(subcommand)]
        command: DaemonCommand,
    },
    /// What is found, what is running, what is wrong and what to do next. Changes nothing.
    #[cfg(unix)]
    #[command(after_help = exit::HELP)]
    Doctor {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Run SQL statements, one after the other, and print what they return.
#[derive(Args, Debug)]
#[command(long_about = SQL_ABOUT, after_help = exit::HELP)]
pub(crate) struct SqlArguments {
    /// The statements, separated by `;`. `-`, or nothing when input is piped in, reads them from standard input.
    #[arg(value_name = "SQL")]
    pub(crate) statements: Option<String>,
    /// Read the statements from a file.
    #[arg(long, short, value_name = "FILE", conflicts_with = "statements")]
    pub(crate) file: Option<PathBuf>,
    /// Use this .hyper file; without one, only temporary tables and external files can be used.
    #[arg(long, short, value_name = "FILE.hyper")]
    pub(crate) database: Option<PathBuf>,
    /// Create the database if it does not exist.
    #[arg(long, requires = "database")]
    pub(crate) create: bool,
    /// Start a hyperd for this command alone, instead of sharing one with your other programs.
    #[arg(long)]
    pub(crate) private: bool,
    /// How results are written; the same on a terminal and into a pipe.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, Subcommand, PartialEq, Eq)]
pub(crate) enum HyperdCommand {
    /// Print where hyperd is.
    Path,
    /// Fetch the hyperd that this version of hyperwire is tested with.
    Install,
}

/// The state folder is HYPERDB_STATE_DIR, or .hyperdb in your home folder.
#[cfg(unix)]
#[derive(Clone, Debug, Subcommand, PartialEq, Eq)]
pub(crate) enum DaemonCommand {
    /// Be the daemon, here, until stopped. Ctrl-C lets those who use it finish; a second one ends it.
    Run(RunArguments),
    /// Start the daemon in the background unless it runs.
    Start,
    /// Show the daemon and who uses it. Exit code 3 if there is none.
    Status {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Stop the daemon when those who use it have done, and wait for that.
    Stop {
        #[command(flatten)]
        how: StopArguments,
    },
    /// Stop the daemon as `stop` does, and start a new one.
    Restart {
        #[command(flatten)]
        how: StopArguments,
    },
    /// Print the end of the daemon's log.
    Logs {
        /// How many lines.
        #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50)]
        lines: usize,
    },
}

#[cfg(unix)]
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunArguments {
    /// Retire when nobody used the daemon for so many seconds; HYPERDB_DAEMON_IDLE_TIMEOUT says the same.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle_timeout: Option<u64>,
    /// When told to stop, end after so many seconds whatever still runs.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain_limit: Option<u64>,
    /// Leave the terminal, write to the log file, and report on standard output how the start went.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
    /// The hyperd to start.
    #[arg(long, hide = true, value_name = "PATH")]
    pub(crate) hyperd: Option<PathBuf>,
}

#[cfg(unix)]
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StopArguments {
    /// End it at once, whatever runs.
    #[arg(long)]
    pub(crate) now: bool,
    /// How many seconds to wait for its end.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// Comma-separated, with a header.
    Csv,
    /// One array of objects a result.
    Json,
    /// One object a line.
    Jsonl,
}

const SQL_ABOUT: &str = "\
Run SQL statements, one after the other, and print what they return. The first error ends the run.

Rows are printed as they arrive, so memory stays flat however many there are. Values are Hyper's own text, digit for
digit.

table  Columns are as wide as the first rows need (500 rows, 1 MiB or 1 s); later values that are wider move the rest
       of their row, nothing is cut. A missing value reads NULL; a text that says NULL has quotes around it. Lines of
       a value are continued below it, marked `+`; other control characters are shown as escapes.
csv    A missing value is empty, an empty text is \"\" (as in PostgreSQL's COPY). Lines end in a line feed.
json   Numbers are written with every digit; NaN and Infinity are strings. Columns of type json are embedded, arrays
       are arrays, bytes are \\x and hexadecimal digits. When several columns have one name, all but the first get _2,
       _3 ... appended.

Statements without rows print what they did, as in INSERT 0 3: among the tables, and on standard error for the other
formats, whose output holds results only.

Ctrl-C cancels the running statement; a second one within 2 s ends the command at once.";

fn version() -> String {
    let hyperd = pinned_version()
        .map_or("no hyperd for this platform".to_owned(), |version| format!("hyperd {version}"));
    format!("{} ({hyperd})", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["hyperwire"], arguments].concat())
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_table_is_the_default_format() {
        let arguments = parse(&["sql", "select 1"]).unwrap();

        let Command::Sql(sql) = arguments.command else { panic!("not sql") };
        assert_eq!(sql.format, Format::Table);
        assert_eq!(sql.statements.as_deref(), Some("select 1"));
    }

    #[test]
    fn contradictions_are_refused() {
        for arguments in [
            &["sql", "select 1", "--file", "x.sql"][..],
            &["sql", "select 1", "--create"],
            &["sql", "select 1", "--format", "xml"],
            &["hyperd"],
            &["hyperd", "remove"],
        ] {
            let refused = parse(arguments).expect_err("contradictory");
            assert_eq!(refused.exit_code(), exit::Exit::Usage as i32, "{arguments:?}");
        }
    }

    #[test]
    fn the_version_names_the_hyperd_it_is_tested_with() {
        let shown = parse(&["--version"]).expect_err("clap reports the version this way");

        let hyperd =
            pinned_version().map_or("(no hyperd".to_owned(), |version| format!("(hyperd {version})\n"));
        let start = format!("hyperwire {} {hyperd}", env!("CARGO_PKG_VERSION"));
        assert!(shown.to_string().starts_with(&start), "{shown}");
    }
}
