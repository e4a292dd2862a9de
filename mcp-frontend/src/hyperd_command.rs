//! `hyperwire hyperd ...`: where the server's program is, and getting it.

use std::env::consts;
use std::io::{self, Write};
use std::path::PathBuf;

use hyperwire_core::hyperd::Wheel;

use crate::args::HyperdCommand;
use crate::exit::Exit;

/// The hyperd that this version is tested with; `None` where Hyper was never published.
pub(crate) fn pinned_version() -> Option<&'static str> {
    Wheel::for_platform(consts::OS, consts::ARCH).map(|wheel| wheel.version)
}

/// What the commands need to know of hyperd. Errors are sentences for the user, with what to do next.
pub(crate) trait Hyperd {
    /// Where it is.
    fn path(&self) -> Result<PathBuf, String>;
    /// Fetches it, showing how far it is; says where it is then.
    fn install(&self) -> Result<PathBuf, String>;
}

/// Carries out the command and prints the path.
pub(crate) fn run(
    command: HyperdCommand,
    hyperd: &dyn Hyperd,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let found = match command {
        HyperdCommand::Path => hyperd.path(),
        HyperdCommand::Install => hyperd.install(),
    };
    match found {
        Ok(path) => {
            writeln!(out, "{}", path.display())?;
            out.flush()?;
            Ok(Exit::Success)
        }
        Err(message) => {
            crate::sql::report::error(err, &message)?;
            Ok(Exit::NoHyperd)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Somewhere(Result<PathBuf, String>);

    impl Hyperd for Somewhere {
        fn path(&self) -> Result<PathBuf, String> {
            self.0.clone()
        }

        fn install(&self) -> Result<PathBuf, String> {
            self.0.clone()
        }
    }

    fn run_with(command: HyperdCommand, hyperd: &Somewhere) -> (Exit, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit =
            run(command, hyperd, &mut out, &mut anstream::StripStream::new(&mut err as &mut dyn Write))
                .unwrap();
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn the_path_alone_goes_to_standard_output() {
        let hyperd = Somewhere(Ok(PathBuf::from("/opt/hyper/hyperd")));

        let (exit, out, err) = run_with(HyperdCommand::Install, &hyperd);

        assert_eq!((exit, &*out, &*err), (Exit::Success, "/opt/hyper/hyperd\n", ""));
    }

    #[test]
    fn a_missing_hyperd_has_an_exit_code_of_its_own() {
        let hyperd = Somewhere(Err("hyperd was not found; run `hyperwire hyperd install`".into()));

        let (exit, out, err) = run_with(HyperdCommand::Path, &hyperd);

        assert_eq!(exit, Exit::NoHyperd);
        assert_eq!(out, "");
        assert_eq!(err, "error: hyperd was not found; run `hyperwire hyperd install`\n");
    }
}
