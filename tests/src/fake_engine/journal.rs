//! The journal: what engines did, and what was done to them, in one file that outlives them all.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use rustix::time::{ClockId, clock_gettime};

/// A statement longer than this is cut: a line must reach the file in one write.
const LONGEST_STATEMENT: usize = 400;

/// A journal that is open for writing. Any number of processes may write to one: each line is one write to a file
/// that is open for appending, so lines neither mix nor vanish, even when the writer is killed in between.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

/// One line: something happened to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Nanoseconds of the system's monotonic clock, which all processes share.
    pub at: u64,
    /// The process that it happened to.
    pub pid: u32,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program began.
    Start {
        /// The process that started it.
        parent: u32,
    },
    /// A client was let in.
    SessionBegin {
        /// Its number, counted from 1 for each engine.
        session: u64,
    },
    /// The client has gone, or the engine broke the session off.
    SessionEnd {
        /// Its number.
        session: u64,
    },
    /// A statement came.
    QueryBegin {
        /// The session.
        session: u64,
        /// The statement, without control characters, and cut when it is long.
        statement: String,
    },
    /// The statement is over.
    QueryEnd {
        /// The session.
        session: u64,
        /// How.
        outcome: Outcome,
    },
    /// The program ends, as its very next step.
    Exit {
        /// The exit code.
        code: u8,
    },
    /// Somebody sent it SIGKILL; written by who did, with the time before.
    Killed,
    /// Somebody ordered it to end whatever runs; written by who did, with the time before.
    Forced,
}

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole answer was handed to the system.
    Answered,
    /// The client asked for its end, and was told of it.
    Cancelled,
    /// The client had gone.
    ClientGone,
    /// The engine was told to end while it ran.
    BrokenOff,
}

impl Journal {
    /// Opens a journal, a new one if there is none.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::options().append(true).create(true).open(path)? })
    }

    /// Adds what happens to a process now.
    ///
    /// # Errors
    /// When the system does not take it.
    pub fn write(&self, pid: u32, event: Event) -> io::Result<()> {
        self.write_entry(&Entry { at: monotonic_nanoseconds(), pid, event })
    }

    /// Adds what happened to a process at some time.
    ///
    /// # Errors
    /// When the system does not take it.
    pub fn write_entry(&self, entry: &Entry) -> io::Result<()> {
        (&self.file).write_all(format!("{entry}\n").as_bytes())
    }

    /// All entries of a journal, in the order of time; none if there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, or a line is not an entry.
    pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let entry = |line: &str| {
            line.parse().map_err(|()| io::Error::other(format!("not a line of a journal: {line:?}")))
        };
        let mut entries = text.lines().map(entry).collect::<io::Result<Vec<Entry>>>()?;
        entries.sort_by_key(|entry| entry.at);
        Ok(entries)
    }
}

/// The clock of every journal of this machine.
#[must_use]
pub fn monotonic_nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |part: i64| u64::try_from(part).expect("the monotonic clock counts from the boot");
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at, self.pid, self.event)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { parent } => write!(f, "start {parent}"),
            Self::SessionBegin { session } => write!(f, "session-begin {session}"),
            Self::SessionEnd { session } => write!(f, "session-end {session}"),
            Self::QueryBegin { session, statement } => {
                let plain = statement.chars().map(|c| if c.is_control() { ' ' } else { c });
                write!(f, "query-begin {session} {}", plain.take(LONGEST_STATEMENT).collect::<String>())
            }
            Self::QueryEnd { session, outcome } => write!(f, "query-end {session} {}", outcome.word()),
            Self::Exit { code } => write!(f, "exit {code}"),
            Self::Killed => f.write_str("killed"),
            Self::Forced => f.write_str("forced"),
        }
    }
}

impl FromStr for Entry {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().ok_or(());
        let at = number(word()?)?;
        let pid = number(word()?)?;
        let (event, rest) = (word()?, words.next().unwrap_or_default());
        Ok(Self { at, pid, event: parse_event(event, rest)? })
    }
}

fn parse_event(event: &str, rest: &str) -> Result<Event, ()> {
    Ok(match event {
        "start" => Event::Start { parent: number(rest)? },
        "session-begin" => Event::SessionBegin { session: number(rest)? },
        "session-end" => Event::SessionEnd { session: number(rest)? },
        "query-begin" => {
            let (session, statement) = rest.split_once(' ').ok_or(())?;
            Event::QueryBegin { session: number(session)?, statement: statement.to_owned() }
        }
        "query-end" => {
            let (session, word) = rest.split_once(' ').ok_or(())?;
            let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.word() == word).ok_or(())?;
            Event::QueryEnd { session: number(session)?, outcome }
        }
        "exit" => Event::Exit { code: number(rest)? },
        "killed" if rest.is_empty() => Event::Killed,
        "forced" if rest.is_empty() => Event::Forced,
        _ => return Err(()),
    })
}

fn number<N: FromStr>(word: &str) -> Result<N, ()> {
    word.parse().map_err(|_| ())
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Answered, Self::Cancelled, Self::ClientGone, Self::BrokenOff];

    fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Cancelled => "cancelled",
            Self::ClientGone => "client-gone",
            Self::BrokenOff => "broken-off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_event() -> Vec<Event> {
        let mut events = vec![
            Event::Start { parent: 7 },
            Event::SessionBegin { session: 1 },
            Event::SessionEnd { session: 1 },
            Event::QueryBegin { session: 2, statement: "SELECT 'a  b'".to_owned() },
            Event::QueryBegin { session: 2, statement: String::new() },
            Event::Exit { code: 3 },
            Event::Killed,
            Event::Forced,
        ];
        events.extend(Outcome::ALL.map(|outcome| Event::QueryEnd { session: 2, outcome }));
        events
    }

    #[test]
    fn what_is_written_is_read_in_the_order_of_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal");
        let mut entries: Vec<_> =
            every_event().into_iter().zip(10..).map(|(event, at)| Entry { at, pid: 5, event }).collect();

        let journal = Journal::open(&path).expect("a new file");
        entries.iter().rev().for_each(|entry| journal.write_entry(entry).expect("there is room"));
        Journal::open(&path).expect("an old file").write(6, Event::Killed).expect("there is room");

        let mut read = Journal::read(&path).expect("a journal");
        let last = read.pop().expect("the one that was added now");
        entries.sort_by_key(|entry| entry.at);
        assert_eq!(read, entries);
        assert_eq!((last.pid, last.event), (6, Event::Killed));
    }

    #[test]
    fn a_statement_of_several_lines_takes_one_line_and_a_long_one_is_cut() {
        let statement = format!("SELECT\n\t1{}", " ".repeat(10_000));

        let line = Event::QueryBegin { session: 1, statement }.to_string();

        assert!(line.starts_with("query-begin 1 SELECT  1 ") && line.len() < 500, "{line}");
    }

    #[test]
    fn what_is_not_an_entry_is_refused() {
        for line in ["", "1", "1 2", "x 2 killed", "1 2 slept", "1 2 query-end 1 lost", "1 2 exit 256"] {
            assert_eq!(line.parse::<Entry>(), Err(()), "{line:?}");
        }
    }
}
