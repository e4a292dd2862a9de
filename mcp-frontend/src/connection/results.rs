//! A session's results, handed to a writer of rows.

use hyperwire_blocking::Error;
use hyperwire_blocking::hyperwire_core::row::Value;
use hyperwire_blocking::hyperwire_core::session::{ServerError, StatementError};

use super::{Connection, with_causes};
use crate::sql::client::{Client, Failure, ServerReport};
use crate::sql::format::{ColumnHead, RowWriter};

impl Client for Connection {
    fn run(
        &mut self,
        statement: &str,
        rows: &mut dyn RowWriter,
        notice: &mut dyn FnMut(&ServerReport),
    ) -> Result<(), Failure> {
        let outcome = self.stream(statement, rows);
        if matches!(outcome, Err(Failure::Connection(_))) {
            self.server.report_lost();
        }
        for said in self.session.notices() {
            notice(&ServerReport::from(&said));
        }
        outcome.map_err(|failure| match failure {
            Failure::Server(report) if self.server.is_shared() => {
                Failure::Server(hint_at_relative_path(report))
            }
            failure => failure,
        })
    }

    fn close(self: Box<Self>) -> Result<(), String> {
        self.server.end(self.session)
    }
}

impl Connection {
    fn stream(&mut self, statement: &str, rows: &mut dyn RowWriter) -> Result<(), Failure> {
        let mut result = self.session.query(statement)?;
        if let Some(columns) = result.columns().cloned() {
            let heads: Vec<_> = columns
                .iter()
                .map(|column| ColumnHead { name: column.name(), type_oid: column.type_oid() })
                .collect();
            rows.begin(&heads)?;
            while let Some(row) = result.next()? {
                let fields = row.iter().map(|value| text(&value)).collect::<Result<Vec<_>, _>>()?;
                rows.row(&fields)?;
            }
        }
        let tag = result.finish()?;
        rows.finish(tag.as_ref().map_or("", |tag| tag.as_str()))?;
        Ok(())
    }
}

/// What a session answers to hyperd for a statement that wants data.
const NOT_A_COPY: &str = "run it as a copy, not as a query";

/// `58P01`: a file is not there or cannot be made.
const UNDEFINED_FILE: &str = "58P01";

/// A relative path is relative to hyperd's folder; a hyperd that many programs share has none that would be right.
fn hint_at_relative_path(mut report: ServerReport) -> ServerReport {
    let quoted =
        |text: &str| text.split('"').nth(1).map(|path| path.trim_start_matches("hyper.file:").to_owned());
    let path = report.detail.as_deref().and_then(quoted).or_else(|| quoted(&report.message));
    let relative = path.is_some_and(|path| !path.starts_with('/') && !path.contains("://"));
    if report.sqlstate == UNDEFINED_FILE && relative && report.hint.is_none() {
        report.hint = Some("Give an absolute path: this hyperd is shared. Or use --private.".to_owned());
    }
    report
}

/// Hyper checks that stored text is UTF-8 on most ways in, not on all.
fn text<'a>(value: &Value<'a>) -> Result<Option<&'a str>, Failure> {
    value.bytes().map(str::from_utf8).transpose().map_err(|_| {
        let name = value.column().name();
        Failure::Statement(format!(
            "column \"{name}\" has a text that is not UTF-8; leave it out of the query"
        ))
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            // Our own session says so to hyperd, in the words of callers who can copy.
            Error::Statement(StatementError::Server(server)) if server.message().contains(NOT_A_COPY) => Self::Statement(
                "COPY ... FROM STDIN cannot be run here: nothing sends it data; use COPY ... FROM 'FILE', or INSERT".into(),
            ),
            Error::Statement(StatementError::Server(server)) => Self::Server((&**server).into()),
            Error::Statement(StatementError::CopiesOut) => Self::Statement(
                "COPY ... TO STDOUT cannot be shown here; use --format csv, or COPY ... TO 'FILE'".into(),
            ),
            lost if lost.is_session_lost() => Self::Connection(with_causes(&error)),
            _ => Self::Statement(with_causes(&error)),
        }
    }
}

impl From<&ServerError> for ServerReport {
    fn from(error: &ServerError) -> Self {
        Self {
            sqlstate: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
            position: error.position(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(message: &str, detail: Option<&str>) -> Option<String> {
        let sqlstate = UNDEFINED_FILE.to_owned();
        let report = ServerReport {
            sqlstate,
            message: message.to_owned(),
            detail: detail.map(str::to_owned),
            ..ServerReport::default()
        };
        hint_at_relative_path(report).hint
    }

    #[test]
    fn a_relative_path_that_is_not_there_has_a_hint_and_an_absolute_one_has_none() {
        let reading =
            |path: &str| missing("could not read from external source", Some(&format!("Source: \"{path}\"")));

        assert!(reading("data.csv").is_some_and(|hint| hint.contains("absolute")));
        assert!(missing("The database \"hyper.file:x.hyper\" could not be created", None).is_some());
        assert_eq!(reading("/data.csv"), None);
        assert_eq!(reading("s3://bucket/data.csv"), None);
    }
}
