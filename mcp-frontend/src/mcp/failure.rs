//! What went wrong, as a text that a language model can act on.

use std::fmt::Write as _;

use hyperwire_tokio::Error;
use hyperwire_tokio::hyperwire_core::session::{Fault, ServerError, StatementError};
use hyperwire_tokio::hyperwire_core::wire::LimitKind;

use super::advice::{Advice, Next, Offers, Refusal, advice};
use super::engine::LONGEST_RESULT_ROW;

/// A call that did not do what it was asked: what happened, whose fault it is, and what to do next. What it says of the next
/// step depends on the server.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    parts: Vec<Part>,
    /// Hyper's SQLSTATE, if it was Hyper.
    pub(crate) sqlstate: Option<String>,
    /// Hyper's message, and where it points at in the statement, in characters from 1.
    pub(crate) said: Option<(String, Option<usize>)>,
    /// The session cannot be used any more.
    pub(crate) session_lost: bool,
}

/// A part of what is said.
#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Advice(Advice),
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text(text.into())], sqlstate: None, said: None, session_lost: false }
    }

    /// What became of a statement, with the place in `sql` that Hyper points at.
    pub(crate) fn of_statement(error: &Error, sql: &str) -> Self {
        match error.server() {
            // Our own session says so to hyperd, in the words of its own callers, who can copy.
            Some(server) if server.message().contains("run it as a copy, not as a query") => Self {
                sqlstate: Some(server.code().as_str().to_owned()),
                ..Self::new("COPY ... FROM STDIN needs a program that sends the data. It had no effect.")
            }
            .next(Advice::LoadOrInsert),
            Some(server) => Self {
                parts: server_parts(server, sql),
                sqlstate: Some(server.code().as_str().to_owned()),
                said: Some((server.message().to_owned(), server.position())),
                session_lost: error.is_session_lost(),
            },
            None if is_limit(error) => Self {
                session_lost: true,
                ..Self::new(format!(
                    "A row of the result has more than {} MiB, which is the limit for one row.",
                    LONGEST_RESULT_ROW >> 20
                ))
            }
            .next(Advice::ShorterRow),
            None if error.is_session_lost() => Self {
                parts: vec![Part::Text(format!(
                    "The connection to hyperd was lost: {}. Whether the statement took effect is unknown: look \
                     before you repeat a write. The next call gets a new connection.",
                    crate::connection::with_causes(error)
                ))],
                sqlstate: None,
                said: None,
                session_lost: true,
            },
            None if matches!(error, Error::Statement(StatementError::CopiesOut)) => {
                Self::new("COPY ... TO STDOUT cannot be answered here.").next(Advice::SelectOrExport)
            }
            None => Self::new(crate::connection::with_causes(error)),
        }
    }

    /// The same, with another line.
    #[must_use]
    pub(crate) fn advise(mut self, line: &str) -> Self {
        self.parts.push(Part::Text(format!("\n{line}")));
        self
    }

    /// The same, with the next step.
    #[must_use]
    pub(crate) fn next(mut self, advice: Advice) -> Self {
        self.parts.push(Part::Advice(advice));
        self
    }

    /// What is said in a server that has these.
    pub(crate) fn say(&self, offers: &Offers) -> String {
        let mut said = String::new();
        for part in &self.parts {
            let part = match part {
                Part::Text(text) => text.clone(),
                Part::Advice(advice) => advice.say(offers),
            };
            let is_apart =
                said.is_empty() || part.is_empty() || said.ends_with('\n') || part.starts_with('\n');
            if !is_apart {
                said.push(' ');
            }
            said.push_str(&part);
        }
        said.trim_end().to_owned()
    }

    /// What is said in a server that has everything.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        self.say(&Offers::everything())
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

fn server_parts(error: &ServerError, sql: &str) -> Vec<Part> {
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
    match advice(refusal) {
        None => vec![Part::Text(text)],
        Some(Next::Text(next)) => vec![Part::Text(format!("{text}\n{next}"))],
        Some(Next::Advice(advice)) => vec![Part::Text(format!("{text}\n")), Part::Advice(advice)],
    }
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
