//! `EXPLAIN` and `SHOW`, which read too, told from everything else.

use hyperwire_tokio::hyperwire_core::sql::{Kind, Token};

use super::functions::significant;

/// What kind of statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// `SHOW name`: a setting.
    Show,
    /// `EXPLAIN ...`. What is explained has to be judged if it is run, or might be; a statement that is only planned may
    /// be one that writes.
    Explain { inner: Option<&'a str> },
    /// Whatever else; hyperd says what.
    Other,
}

/// Options of `EXPLAIN` that run nothing.
const HARMLESS: [&str; 4] = ["costs", "format", "sql_dialect", "verbose"];
/// What a statement that is only planned may begin with.
const PLANNED: [&str; 7] = ["delete", "insert", "select", "table", "update", "values", "with"];

pub(super) fn of(sql: &str) -> Form<'_> {
    let mut all = significant(sql);
    while all.last().is_some_and(|token| token.kind == Kind::Separator) {
        all.pop();
    }
    match all.split_first() {
        Some((first, rest)) if is(first, "show") && is_name(rest) => Form::Show,
        Some((first, rest)) if is(first, "explain") => explain(sql, rest),
        _ => Form::Other,
    }
}

/// `a`, or `a.b`.
fn is_name(tokens: &[Token<'_>]) -> bool {
    tokens.len() % 2 == 1
        && tokens.iter().enumerate().all(|(at, token)| match at % 2 {
            0 => matches!(token.kind, Kind::Word | Kind::QuotedName),
            _ => token.text == ".",
        })
}

fn explain<'a>(sql: &'a str, tokens: &[Token<'_>]) -> Form<'a> {
    let (mut at, mut runs) = (0, false);
    // A parenthesis holds options, unless a query begins with it.
    if tokens.first().is_some_and(|token| token.text == "(")
        && !tokens.get(1).is_some_and(|token| token.text == "(" || begins_query(token))
    {
        let Some(end) = tokens.iter().position(|token| token.text == ")") else { return Form::Other };
        let options = tokens[1..end].split(|token| token.text == ",");
        runs = !options
            .clone()
            .all(|option| option.first().is_some_and(|name| HARMLESS.iter().any(|word| is(name, word))));
        at = end + 1;
    }
    while let Some(word) =
        tokens.get(at).filter(|token| ["analyse", "analyze", "verbose"].iter().any(|word| is(token, word)))
    {
        runs |= !is(word, "verbose");
        at += 1;
    }
    match tokens.get(at) {
        Some(first) if runs => Form::Explain { inner: Some(&sql[first.start..]) },
        Some(first) if first.text == "(" || begins_planned(first) => Form::Explain { inner: None },
        _ => Form::Other,
    }
}

fn begins_query(token: &Token<'_>) -> bool {
    ["select", "table", "values", "with"].iter().any(|word| is(token, word))
}

fn begins_planned(token: &Token<'_>) -> bool {
    PLANNED.iter().any(|word| is(token, word))
}

fn is(token: &Token<'_>, word: &str) -> bool {
    token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_planned_need_not_read() {
        for sql in [
            "EXPLAIN SELECT 1",
            "explain /* */ (SELECT 1) UNION SELECT 2",
            "EXPLAIN (COSTS false, FORMAT JSON) DELETE FROM t",
            "EXPLAIN VERBOSE INSERT INTO t VALUES (1);",
            "EXPLAIN ((SELECT 1))",
        ] {
            assert_eq!(of(sql), Form::Explain { inner: None }, "{sql}");
        }
    }

    #[test]
    fn what_is_run_or_might_be_has_to_read() {
        for (sql, inner) in [
            ("EXPLAIN ANALYZE SELECT 1", "SELECT 1"),
            ("EXPLAIN (ANALYZE) DELETE FROM t", "DELETE FROM t"),
            ("EXPLAIN (FORMAT JSON, \"analyze\" false) DELETE FROM t", "DELETE FROM t"),
            ("EXPLAIN (U&\"\\0061nalyze\") DELETE FROM t", "DELETE FROM t"),
            ("EXPLAIN (COSTS) ANALYSE VERBOSE DELETE FROM t", "DELETE FROM t"),
            ("EXPLAIN () DELETE FROM t", "DELETE FROM t"),
        ] {
            assert_eq!(of(sql), Form::Explain { inner: Some(inner) }, "{sql}");
        }
    }

    #[test]
    fn what_is_neither_is_left_to_hyperd() {
        for sql in [
            "",
            "EXPLAIN",
            "EXPLAIN COPY t TO '/f'",
            "EXPLAIN (COSTS",
            "SHOW",
            "SHOW a; DROP TABLE t",
            "SHOWS a",
            "SELECT 1",
        ] {
            assert_eq!(of(sql), Form::Other, "{sql}");
        }
        for sql in ["SHOW timezone", "show ALL;", "SHOW global.memory_limit -- x", "SHOW \"TimeZone\""] {
            assert_eq!(of(sql), Form::Show, "{sql}");
        }
    }
}
