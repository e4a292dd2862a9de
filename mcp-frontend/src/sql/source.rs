//! Where the statements come from.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::args::SqlArguments;

/// The text of the statements, and what to call it in an error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The file's name; nothing for an argument or standard input.
    pub(crate) name: Option<String>,
    pub(crate) text: String,
}

/// Why there is nothing to run. Each is a sentence for the user.
#[derive(Debug)]
pub(crate) enum SourceError {
    Missing,
    Unreadable(PathBuf, io::Error),
    NotText { name: String, at: usize },
    Nul { name: String, line: usize },
}

impl Source {
    /// Takes the argument, the file or `stdin`, whichever is meant.
    pub(crate) fn read(
        arguments: &SqlArguments,
        stdin: &mut dyn Read,
        typed: bool,
    ) -> Result<Self, SourceError> {
        match (&arguments.file, arguments.statements.as_deref()) {
            (Some(path), _) => {
                let unreadable = |error| SourceError::Unreadable(path.clone(), error);
                let mut file = File::open(path).map_err(unreadable)?;
                Self::from_reader(&mut file, Some(path))
            }
            (None, Some(text)) if text != "-" => Self::from_text(text.to_owned(), None),
            (None, None) if typed => Err(SourceError::Missing),
            (None, _) => Self::from_reader(stdin, None),
        }
    }

    fn from_reader(reader: &mut dyn Read, path: Option<&Path>) -> Result<Self, SourceError> {
        let mut bytes = Vec::new();
        let shown = path.unwrap_or(Path::new("standard input"));
        reader.read_to_end(&mut bytes).map_err(|error| SourceError::Unreadable(shown.to_owned(), error))?;
        let text = String::from_utf8(bytes).map_err(|error| SourceError::NotText {
            name: shown.display().to_string(),
            at: error.utf8_error().valid_up_to(),
        })?;
        Self::from_text(text, path)
    }

    fn from_text(text: String, path: Option<&Path>) -> Result<Self, SourceError> {
        let name = path.map(|path| path.display().to_string());
        // A Query message ends at the first NUL: the server would see less than was written, and hang up.
        if let Some(at) = text.find('\0') {
            let line = 1 + text[..at].matches('\n').count();
            return Err(SourceError::Nul { name: name.unwrap_or_else(|| "the input".to_owned()), line });
        }
        Ok(Self { name, text })
    }
}

impl std::fmt::Display for SourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => {
                f.write_str("no statement given; write it as an argument, pipe it in, or use --file")
            }
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::NotText { name, at } => {
                write!(
                    f,
                    "{name} is not UTF-8 text: the first wrong byte is number {}; convert it first",
                    at + 1
                )
            }
            Self::Nul { name, line } => {
                write!(f, "{name} has a NUL character in line {line}, which SQL cannot hold; remove it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Format;

    fn arguments(statements: Option<&str>, file: Option<&Path>) -> SqlArguments {
        SqlArguments {
            statements: statements.map(str::to_owned),
            file: file.map(Path::to_owned),
            database: None,
            create: false,
            private: false,
            format: Format::Table,
        }
    }

    #[test]
    fn an_argument_wins_over_what_is_piped_in() {
        let source = Source::read(&arguments(Some("select 1"), None), &mut &b"select 2"[..], false).unwrap();

        assert_eq!(source, Source { name: None, text: "select 1".into() });
    }

    #[test]
    fn a_dash_or_nothing_reads_what_is_piped_in() {
        for given in [Some("-"), None] {
            let source = Source::read(&arguments(given, None), &mut &b"select 2"[..], false).unwrap();

            assert_eq!(source.text, "select 2");
        }
    }

    #[test]
    fn nothing_on_a_terminal_is_an_error_instead_of_a_wait() {
        let error = Source::read(&arguments(None, None), &mut io::empty(), true).unwrap_err();

        assert!(error.to_string().starts_with("no statement given"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let path = Path::new("no/such/file.sql");

        let error = Source::read(&arguments(None, Some(path)), &mut io::empty(), true).unwrap_err();

        assert!(error.to_string().starts_with("cannot read no/such/file.sql: "), "{error}");
    }

    #[test]
    fn input_that_sql_cannot_hold_is_refused_with_its_place() {
        let not_text = Source::read(&arguments(None, None), &mut &b"select '\xff'"[..], false).unwrap_err();
        let nul = Source::read(&arguments(None, None), &mut &b"select\n'\0'"[..], false).unwrap_err();

        assert_eq!(
            not_text.to_string(),
            "standard input is not UTF-8 text: the first wrong byte is number 9; convert it first"
        );
        assert_eq!(
            nul.to_string(),
            "the input has a NUL character in line 2, which SQL cannot hold; remove it"
        );
    }
}
