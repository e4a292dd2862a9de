//! How the command ends.

use std::process::ExitCode;

/// The exit codes, all of them. [`HELP`] says the same to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Success = 0,
    /// The server refused a statement; what came before it was done, what comes after it was not tried.
    Statement = 1,
    /// The arguments or the input make no sense. `clap` uses the same code.
    Usage = 2,
    /// There is no hyperd to talk to: not found, not installed, did not start; or no daemon.
    NoHyperd = 3,
    /// The connection was lost or the server broke the protocol: the effect of the open statement is unknown.
    Connection = 4,
    /// The results could not be written.
    Output = 5,
    /// Ctrl-C: 128 + SIGINT, as a shell reports it.
    Interrupted = 130,
    /// The reader of the results went away (`| head`): 128 + SIGPIPE, as a shell reports it. Not 0, because
    /// statements that were still to come did not run.
    BrokenPipe = 141,
}

/// For `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
    0  everything was done
    1  the server refused a statement; the ones after it did not run
    2  wrong arguments or unreadable input
    3  hyperd or its daemon is not available
    4  the connection was lost; the effect of the open statement is unknown
    5  the results could not be written
  130  interrupted by Ctrl-C
  141  the reader of the results went away (as in `| head`)";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_code() {
        use Exit::*;
        for exit in [Success, Statement, Usage, NoHyperd, Connection, Output, Interrupted, BrokenPipe] {
            let line = format!("\n{:>5}  ", exit as u8);
            assert!(HELP.contains(&line), "{exit:?} is missing in the help");
        }
    }
}
