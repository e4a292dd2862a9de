//! What went wrong, as a text that a language model can act on.

use std::fmt::Write as _;

use hyperwire_tokio::Error;
use hyperwire_tokio::hyperwire_core::session::{Fault, ServerError};
use hyperwire_tokio::hyperwire_core::wire::LimitKind;

use super::advice::{Refusal, advice};
use super::engine::LONGEST_RESULT_ROW;

/// A call that did not do what it was asked. The text says what happened, whose fault it is, and what to do next.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    text: String,
    /// Hyper's SQLSTATE, if it was Hyper.
    pub(crate) sqlstate: Option<String>,
    /// Hyper's message, and where it points at in the statement, in characters from 1.
    pub(crate) said: Option<(String, Option<usize>)>,
    /// The session cannot be used any more.
    pub(crate) session_lost: bool,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), sqlstate: None, said: None, session_lost: false }
    }

    /// What became of a statement, with the place in `sql` that Hyper points at.
    pub(crate) fn of_statement(error: &Error, sql: &str) -> Self {
        match error.server() {
            Some(server) => Self {
                text: server_text(server, sql),
                sqlstate: Some(server.code().as_str().to_owned()),
                said: Some((server.message().to_owned(), server.position())),
                session_lost: error.is_session_lost(),
            },
            None if is_limit(error) => Self {
                session_lost: true,
                ..Self::new(format!(
                    "A row of the result has more than {} MiB, which is the limit for one row. Next: select less of it, as with \
                     left(column, 1000), or write it to a file with COPY or `export` as csv or parquet.",
                    LONGEST_RESULT_ROW >> 20
                ))
            },
            None if error.is_session_lost() => Self {
                text: format!(
                    "The connection to hyperd was lost: {}. Whether the statement took effect is unknown: look \
                     before you repeat a write. The next call gets a new connection.",
                    crate::connection::with_causes(error)
                ),
                sqlstate: None,
                said: None,
                session_lost: true,
            },
            None => Self::new(crate::connection::with_causes(error)),
        }
    }

    /// The same, with another sentence of advice.
    #[must_use]
    pub(crate) fn advise(mut self, advice: &str) -> Self {
        self.text.push('\n');
        self.text.push_str(advice);
        self
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of_statement(&error, "")
    }
}

fn is_limit(error: &Error) -> bool {
    matches!(error, Error::Session { fault: Fault::Limit(limit), .. } if limit.what == LimitKind::MessageLength
            && limit.limit == u64::from(LONGEST_RESULT_ROW))
}

fn server_text(error: &ServerError, sql: &str) -> String {
    let mut text = format!("SQLSTATE {}: {}", error.code().as_str(), error.message());
    let place = error.position().and_then(|position| place(sql, position));
    match (&place, error.detail()) {
        (Some(place), _) => {
            let _ = write!(
                text,
                "\nline {}, column {}:\n{}\n{:>width$}",
                place.line,
                place.column,
                place.excerpt,
                "^",
                width = place.caret
            );
        }
        (None, Some(detail)) => {
            text.push('\n');
            text.push_str(detail.trim());
        }
        (None, None) => {}
    }
    if let Some(hint) = error.hint() {
        let _ = write!(text, "\nHint: {hint}");
    }
    let code = error.code();
    let refusal =
        Refusal { sqlstate: code.as_str(), message: error.message(), sql, position: error.position() };
    if let Some(advice) = advice(refusal) {
        text.push('\n');
        text.push_str(advice);
    }
    text
}

struct Place {
    line: usize,
    column: usize,
    excerpt: String,
    /// Where the caret stands under the excerpt, counted from 1.
    caret: usize,
}

/// Characters of the line that are shown on either side.
const AROUND: usize = 60;

/// `position` counts characters from 1.
fn place(sql: &str, position: usize) -> Option<Place> {
    let before: Vec<char> = sql.chars().take(position.checked_sub(1)?).collect();
    if before.len() + 1 != position {
        return None;
    }
    let line = before.iter().filter(|c| **c == '\n').count();
    let column = before.iter().rev().take_while(|c| **c != '\n').count();
    let whole: Vec<char> = sql.lines().nth(line)?.chars().collect();
    let start = column.saturating_sub(AROUND);
    let excerpt =
        whole.iter().skip(start).take(2 * AROUND).map(|c| if *c == '\t' { ' ' } else { *c }).collect();
    Some(Place { line: line + 1, column: column + 1, excerpt, caret: column - start + 1 })
}

/// The names most like `wanted`, best first, at most three.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let likeness = |name: &str| match strsim::osa_distance(&wanted, name) {
        // Of short words the other measure says too little.
        1 => strsim::jaro_winkler(&wanted, name).max(0.8),
        _ => strsim::jaro_winkler(&wanted, name),
    };
    let mut near: Vec<_> = names
        .into_iter()
        .map(|name| (likeness(&name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_in_its_line() {
        let place = place("select 1,\n  a + b from t", 15).unwrap();

        assert_eq!((place.line, place.column), (2, 5));
        assert_eq!((place.excerpt.as_str(), place.caret), ("  a + b from t", 5));
    }

    #[test]
    fn a_place_far_in_a_long_line_is_cut_out() {
        let sql = "x".repeat(500);

        let place = place(&sql, 400).unwrap();

        assert_eq!((place.excerpt.len(), place.caret), (2 * AROUND, AROUND + 1));
    }

    #[test]
    fn a_place_behind_the_end_is_none() {
        assert!(place("select", 20).is_none());
    }

    #[test]
    fn the_nearest_name_comes_first() {
        assert_eq!(nearest("ordrs", ["people", "orders", "order_lines"]).first(), Some(&"orders"));
        assert_eq!(nearest("cvs", ["json", "csv"]), ["csv"]);
        assert!(nearest("zzz", ["people"]).is_empty());
    }
}
