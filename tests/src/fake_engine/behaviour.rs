use std::path::PathBuf;
use std::time::Duration;

/// What the environment tells an engine to do. Without any of the variables it works and writes no journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// [`JOURNAL`]
    pub journal: Option<PathBuf>,
    /// [`START_DELAY_MS`]
    pub start_delay: Duration,
    /// [`QUERY_DELAY_MS`]
    pub query_delay: Duration,
    /// [`FAILING_STARTS`]
    pub failing_starts: usize,
    /// [`HANG`]
    pub hang: Option<Hang>,
}

/// The file that every event is appended to; see [`Journal`](super::Journal).
pub const JOURNAL: &str = "FAKE_HYPERD_JOURNAL";
/// Milliseconds between the program's beginning and its listening.
pub const START_DELAY_MS: &str = "FAKE_HYPERD_START_DELAY_MS";
/// Milliseconds that every statement takes at least.
pub const QUERY_DELAY_MS: &str = "FAKE_HYPERD_QUERY_DELAY_MS";
/// The first so many engines that write to the journal end with exit code 1 before they listen; needs a journal.
pub const FAILING_STARTS: &str = "FAKE_HYPERD_FAILING_STARTS";
/// Where the engine stops doing anything: `start`, `query` or `exit`.
pub const HANG: &str = "FAKE_HYPERD_HANG";

/// Where an engine hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hang {
    /// Before it listens.
    Start,
    /// In every statement.
    Query,
    /// When it is told to end, by SIGTERM too; only SIGKILL ends it.
    Exit,
}

impl Behaviour {
    /// Reads the variables, which `variable` looks up.
    ///
    /// # Errors
    /// What is wrong with one of them, as a sentence.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str| match variable(name) {
            None => Ok(0),
            Some(text) => text.parse::<u32>().map_err(|_| format!("{name} is {text:?}, not a number")),
        };
        let milliseconds = |name| number(name).map(|count| Duration::from_millis(count.into()));
        let hang = match variable(HANG).as_deref() {
            None => None,
            Some("start") => Some(Hang::Start),
            Some("query") => Some(Hang::Query),
            Some("exit") => Some(Hang::Exit),
            Some(other) => return Err(format!("{HANG} is {other:?}, not start, query or exit")),
        };
        Ok(Self {
            journal: variable(JOURNAL).map(PathBuf::from),
            start_delay: milliseconds(START_DELAY_MS)?,
            query_delay: milliseconds(QUERY_DELAY_MS)?,
            failing_starts: number(FAILING_STARTS)? as usize,
            hang,
        })
    }

    /// How long this statement takes: `hold 400 ms` in its text asks for that much, wherever it stands.
    #[must_use]
    pub fn duration_of(&self, statement: &str) -> Duration {
        let asked = statement
            .split_once("hold ")
            .and_then(|(_, rest)| rest.split_once(" ms"))
            .and_then(|(count, _)| count.parse().ok())
            .map_or(Duration::ZERO, Duration::from_millis);
        if self.hang == Some(Hang::Query) { Duration::MAX } else { asked.max(self.query_delay) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Behaviour, String> {
        Behaviour::from_variables(|name| {
            variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_variables_it_just_works() {
        assert_eq!(read(&[]), Ok(Behaviour::default()));
    }

    #[test]
    fn every_variable_is_heard() {
        let behaviour = read(&[
            (JOURNAL, "/j"),
            (START_DELAY_MS, "20"),
            (QUERY_DELAY_MS, "30"),
            (FAILING_STARTS, "2"),
            (HANG, "exit"),
        ]);

        let expected = Behaviour {
            journal: Some("/j".into()),
            start_delay: Duration::from_millis(20),
            query_delay: Duration::from_millis(30),
            failing_starts: 2,
            hang: Some(Hang::Exit),
        };
        assert_eq!(behaviour, Ok(expected));
    }

    #[test]
    fn a_mistyped_variable_is_an_error_and_not_a_default() {
        assert_eq!(
            read(&[(HANG, "often")]).unwrap_err(),
            "FAKE_HYPERD_HANG is \"often\", not start, query or exit"
        );
        assert!(read(&[(QUERY_DELAY_MS, "1s")]).unwrap_err().contains("not a number"));
    }

    #[test]
    fn a_statement_can_ask_for_time() {
        let behaviour = read(&[(QUERY_DELAY_MS, "30")]).expect("valid");

        let [asked, less, none] = ["SELECT 'client 7 hold 400 ms'", "SELECT 'hold 1 ms'", "SELECT 1"]
            .map(|sql| behaviour.duration_of(sql));

        assert_eq!([asked, less, none], [400, 30, 30].map(Duration::from_millis));
    }
}
