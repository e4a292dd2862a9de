//! The statements of a source, run in order until one fails.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use hyperwire_core::sql::{Statement, split};

use super::client::{Client, Failure, QUERY_CANCELED};
use super::format::RowWriter;
use super::interrupt::Interrupt;
use super::report;
use super::source::Source;
use crate::exit::Exit;

/// What a run works with.
pub(crate) struct Run<'r> {
    pub(crate) source: &'r Source,
    pub(crate) client: &'r mut dyn Client,
    pub(crate) rows: &'r mut dyn RowWriter,
    pub(crate) interrupt: &'r Interrupt,
    /// For errors, warnings and, if `timing`, how long each statement took.
    pub(crate) err: &'r mut dyn Write,
    pub(crate) timing: bool,
}

impl Run<'_> {
    /// Runs every statement, or up to the first that fails. Failures to report a failure are not reported.
    pub(crate) fn run(mut self) -> Exit {
        let source = self.source;
        for statement in split(&source.text) {
            let exit = self.statement(statement).unwrap_or_else(|failure| self.failed(statement, failure));
            if exit != Exit::Success {
                let _ = self.err.flush();
                return exit;
            }
        }
        Exit::Success
    }

    fn statement(&mut self, statement: Statement<'_>) -> Result<Exit, Failure> {
        if self.interrupt.requested() {
            return Ok(self.interrupted());
        }
        let start = Instant::now();
        let err = &mut *self.err;
        self.client.run(statement.text, self.rows, &mut |notice| drop(report::notice(err, notice)))?;
        if self.timing {
            let _ = writeln!(self.err, "{}", elapsed(start.elapsed()));
        }
        Ok(Exit::Success)
    }

    fn failed(&mut self, statement: Statement<'_>, failure: Failure) -> Exit {
        // What arrived before the failure is shown before the failure.
        if !matches!(failure, Failure::Output(_))
            && let Err(error) = self.rows.break_off()
        {
            return self.output_failed(&error);
        }
        match failure {
            Failure::Server(report) if report.sqlstate == QUERY_CANCELED && self.interrupt.requested() => {
                self.interrupted()
            }
            Failure::Server(report) => {
                let _ = report::server_error(self.err, &report, self.source, statement);
                Exit::Statement
            }
            Failure::Statement(_) if self.interrupt.requested() => self.interrupted(),
            Failure::Statement(message) => {
                let _ = report::error(self.err, &message);
                Exit::Statement
            }
            Failure::Connection(message) => {
                let _ = report::error(self.err, &message);
                Exit::Connection
            }
            Failure::Output(error) => self.output_failed(&error),
        }
    }

    fn output_failed(&mut self, error: &io::Error) -> Exit {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Exit::BrokenPipe;
        }
        let _ = report::error(self.err, &format!("cannot write the results: {error}"));
        Exit::Output
    }

    fn interrupted(&mut self) -> Exit {
        let _ = writeln!(self.err, "canceled");
        Exit::Interrupted
    }
}

fn elapsed(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 10.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::client::ServerReport;
    use super::super::format::{ColumnHead, writer};
    use super::*;
    use crate::args::Format;

    type Answer = Box<dyn FnMut(&mut dyn RowWriter, &Interrupt) -> Result<(), Failure>>;

    /// Answers the statements it is given, in order, and remembers them.
    #[derive(Default)]
    struct Scripted<'i> {
        answers: VecDeque<Answer>,
        interrupt: Option<&'i Interrupt>,
        ran: Vec<String>,
    }

    impl Client for Scripted<'_> {
        fn run(
            &mut self,
            statement: &str,
            rows: &mut dyn RowWriter,
            _: &mut dyn FnMut(&ServerReport),
        ) -> Result<(), Failure> {
            self.ran.push(statement.to_owned());
            self.answers.pop_front().expect("no more statements")(rows, self.interrupt.unwrap())
        }

        fn close(self: Box<Self>) -> Result<(), String> {
            Ok(())
        }
    }

    struct Outcome {
        exit: Exit,
        ran: Vec<String>,
        out: String,
        err: String,
    }

    fn run(sql: &str, format: Format, answers: Vec<Answer>) -> Outcome {
        let mut out = Vec::new();
        let (exit, ran, err) = run_into(sql, format, answers, &mut out);
        Outcome { exit, ran, out: String::from_utf8(out).unwrap(), err }
    }

    fn run_into(
        sql: &str,
        format: Format,
        answers: Vec<Answer>,
        out: &mut dyn Write,
    ) -> (Exit, Vec<String>, String) {
        let interrupt = Interrupt::default();
        let source = Source { name: None, text: sql.into() };
        let mut client = Scripted { answers: answers.into(), interrupt: Some(&interrupt), ran: Vec::new() };
        let (mut err, mut tags) = (Vec::new(), Vec::new());
        let exit = {
            let mut rows = writer(format, out, &mut tags, false);
            let mut strip = anstream::StripStream::new(&mut err as &mut dyn Write);
            let run = Run {
                source: &source,
                client: &mut client,
                rows: &mut *rows,
                interrupt: &interrupt,
                err: &mut strip,
                timing: false,
            };
            run.run()
        };
        (exit, client.ran, String::from_utf8(err).unwrap())
    }

    fn number(value: &'static str) -> Answer {
        Box::new(move |rows, _| {
            rows.begin(&[ColumnHead { name: "n", type_oid: 23 }])?;
            rows.row(&[Some(value)])?;
            rows.finish("SELECT 1")?;
            Ok(())
        })
    }

    fn refuse(sqlstate: &'static str) -> Answer {
        Box::new(move |_, _| Err(refusal(sqlstate)))
    }

    fn refusal(sqlstate: &str) -> Failure {
        Failure::Server(ServerReport {
            sqlstate: sqlstate.into(),
            message: "no".into(),
            position: Some(1),
            ..ServerReport::default()
        })
    }

    #[test]
    fn the_first_error_ends_the_run() {
        let outcome = run("select 1;\nbad;\nselect 3", Format::Jsonl, vec![number("1"), refuse("42601")]);

        assert_eq!(outcome.exit, Exit::Statement);
        assert_eq!(outcome.ran, ["select 1", "bad"]);
        assert_eq!(outcome.out, "{\"n\":1}\n");
        assert_eq!(outcome.err, "error: no\nSQLSTATE 42601\nline 2, column 1\n  bad;\n  ^\n");
    }

    #[test]
    fn rows_before_an_error_are_shown() {
        let broken: Answer = Box::new(|rows, _| {
            rows.begin(&[ColumnHead { name: "n", type_oid: 23 }])?;
            rows.row(&[Some("1")])?;
            Err(refusal("22012"))
        });

        let outcome = run("select x", Format::Table, vec![broken]);

        assert_eq!(outcome.exit, Exit::Statement);
        assert_eq!(outcome.out, " n\n---\n 1\n");
    }

    #[test]
    fn nothing_to_run_is_no_error() {
        let outcome = run("-- nothing\n;", Format::Table, vec![]);

        assert_eq!((outcome.exit, &*outcome.out, &*outcome.err), (Exit::Success, "", ""));
    }

    /// As if Ctrl-C came while the statement ran.
    fn press(interrupt: &Interrupt) {
        drop(interrupt.pressed(Instant::now()));
    }

    #[test]
    fn a_canceled_statement_is_an_interruption() {
        let canceled: Answer = Box::new(|_, interrupt| {
            press(interrupt);
            Err(refusal(QUERY_CANCELED))
        });

        let outcome = run("select 1; select 2", Format::Table, vec![canceled]);

        assert_eq!((outcome.exit, &*outcome.err), (Exit::Interrupted, "canceled\n"));
        assert_eq!(outcome.ran, ["select 1"]);
    }

    #[test]
    fn an_interruption_that_comes_too_late_for_a_statement_stops_the_next() {
        let finished: Answer = Box::new(|rows, interrupt| {
            press(interrupt);
            rows.finish("INSERT 0 1")?;
            Ok(())
        });

        let outcome = run("insert; select 2", Format::Table, vec![finished]);

        assert_eq!((outcome.exit, &*outcome.out), (Exit::Interrupted, "INSERT 0 1\n"));
        assert_eq!(outcome.ran, ["insert"]);
    }

    #[test]
    fn a_cancel_that_nobody_asked_for_here_is_an_error() {
        let outcome = run("select 1", Format::Table, vec![refuse(QUERY_CANCELED)]);

        assert_eq!(outcome.exit, Exit::Statement);
    }

    #[test]
    fn a_lost_connection_has_an_exit_code_of_its_own() {
        let lost: Answer =
            Box::new(|_, _| Err(Failure::Connection("connection lost: the server closed it".into())));

        let outcome = run("select 1; select 2", Format::Table, vec![lost]);

        assert_eq!(outcome.exit, Exit::Connection);
        assert_eq!(outcome.err, "error: connection lost: the server closed it\n");
    }

    struct Full(io::ErrorKind);

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_ends_the_run_quietly() {
        let broken = &mut Full(io::ErrorKind::BrokenPipe);

        let (exit, ran, err) = run_into("select 1; select 2", Format::Csv, vec![number("1")], broken);

        assert_eq!((exit, &*err), (Exit::BrokenPipe, ""));
        assert_eq!(ran, ["select 1"]);
    }

    #[test]
    fn a_full_disk_is_reported() {
        let full = &mut Full(io::ErrorKind::StorageFull);

        let (exit, _, err) = run_into("select 1", Format::Table, vec![number("1")], full);

        assert_eq!(exit, Exit::Output);
        assert!(err.starts_with("error: cannot write the results: "), "{err}");
    }
}
