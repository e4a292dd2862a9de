//! Which functions a statement calls, and which of them only read.
//!
//! They are allowed by a list: hyperd's plan shows what its operators do, but some functions act while it plans. Users
//! cannot define functions.

use std::collections::HashMap;
use std::sync::LazyLock;

use hyperwire_tokio::hyperwire_core::sql::{Kind, Token, is_blank, tokens};

/// The catalogue of hyperd, judged.
const LIST: &str = include_str!("functions.txt");

/// Functions that hyperd has but does not list, and that do more than read tables.
const UNLISTED: [&str; 1] = ["semantic_query"];

/// Words of Hyper's grammar that a parenthesis may follow. Without quotes none of them calls a function that is refused.
#[rustfmt::skip]
const WORDS: [&str; 136] = [
    "all", "and", "any", "array", "as", "asc", "asymmetric", "bernoulli", "between", "bigint", "bit",
    "boolean", "both", "by", "bytea", "case", "cast", "char", "character", "coalesce", "collate", "cross",
    "cube", "current_time", "current_timestamp", "date", "dec", "decimal", "desc", "distinct", "double",
    "else", "end", "escape", "except", "exclude", "exists", "extract", "false", "fetch", "filter", "first",
    "float", "for", "from", "full", "greatest", "group", "grouping", "groups", "having", "ilike", "in",
    "inner", "int", "integer", "intersect", "interval", "is", "join", "json", "json_array", "json_exists",
    "json_object", "json_query", "json_scalar", "json_value", "lambda", "last", "lateral", "leading", "least",
    "like", "limit", "localtime", "localtimestamp", "materialized", "nchar", "next", "none", "not", "null",
    "nullif", "nulls", "numeric", "offset", "oid", "on", "only", "or", "order", "ordinality", "outer", "over",
    "overlay", "partition", "position", "precision", "range", "real", "recursive", "respect", "rollup", "row",
    "rows", "select", "sets", "similar", "smallint", "some", "substring", "symmetric", "system", "table",
    "tablesample", "text", "then", "time", "timestamp", "timestamptz", "to", "trailing", "trim", "true",
    "try_cast", "union", "using", "uuid", "values", "varchar", "variadic", "varying", "when", "where", "with",
    "within",
];

/// Words without which no statement opens a file by its name.
const OPENERS: [&str; 5] = ["attach", "copy", "database", "external", "foreign_table"];

/// What the list says of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Reads,
    Refused,
}

/// Every judged function, by name.
static JUDGED: LazyLock<HashMap<&str, Verdict>> = LazyLock::new(|| {
    let listed = LIST.lines().filter_map(|line| match line.split_once(' ')? {
        ("+", name) => Some((name, Verdict::Reads)),
        ("-", rest) => Some((rest.split_once(':').map_or(rest, |(name, _)| name), Verdict::Refused)),
        _ => None,
    });
    let unlisted = UNLISTED.map(|name| (name, Verdict::Refused));
    listed.chain(unlisted).collect()
});

/// What is known of a function; nothing of a name that the list does not have.
pub(super) fn verdict(name: &str) -> Option<Verdict> {
    JUDGED.get(name).copied()
}

/// Whether it is known to do more than read.
pub(super) fn is_refused(name: &str) -> bool {
    verdict(name) == Some(Verdict::Refused)
}

/// A name that is followed by a parenthesis: a function, a type, or an alias with its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// In lower case, without quotes.
    pub(super) name: String,
    /// As it is written.
    pub(super) text: String,
}

/// What the statement calls, or what may be a call.
pub(super) fn calls(sql: &str) -> Vec<Call> {
    let all = significant(sql);
    let mut calls: Vec<_> = all
        .windows(2)
        .filter(|pair| pair[1].text == "(")
        .filter_map(|pair| {
            let name = name(&pair[0])?;
            let is_word = pair[0].kind == Kind::Word && WORDS.contains(&&*name);
            (!is_word).then(|| Call { name, text: pair[0].text.to_owned() })
        })
        .collect();
    calls.sort_by(|one, other| one.name.cmp(&other.name));
    calls.dedup_by(|one, other| one.name == other.name);
    calls
}

/// Whether the statement may open a file or a database by its name; some that do not may, too.
pub(crate) fn may_open_files(sql: &str) -> bool {
    tokens(sql).filter_map(|token| name(&token)).any(|name| OPENERS.contains(&&*name))
}

/// The tokens of a statement, without blanks and comments.
pub(super) fn significant(sql: &str) -> Vec<Token<'_>> {
    tokens(sql).filter(|token| !matches!(token.kind, Kind::Blank | Kind::Comment)).collect()
}

/// The name in lower case, whatever its spelling; one whose escapes cannot be resolved is its text, which no list has.
fn name(token: &Token<'_>) -> Option<String> {
    if !matches!(token.kind, Kind::Word | Kind::QuotedName) {
        return None;
    }
    let name = token.identifier().map_or_else(|| token.text.to_owned(), |name| name.into_owned());
    // A wide blank that touches a name belongs to it, to hyperd; here it makes no other name of it.
    Some(name.trim_matches(is_blank).to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        calls(sql).into_iter().map(|call| call.name).collect()
    }

    #[test]
    fn a_call_is_found_in_every_spelling() {
        for sql in [
            "SELECT * FROM external('/f')",
            "select * from EXTERNAL ('/f')",
            "SELECT * FROM pg_catalog.\"external\" ('/f')",
            "SELECT * FROM external/* */('/f')",
            "SELECT * FROM external -- \n ('/f')",
            "SELECT *FROM U&\"e\\0078ternal\"('/f')",
            "SELECT * FROM U&\"e!0078ternal\" UESCAPE '!' ('/f')",
            "SELECT * FROM\u{a0}external('/f')",
            "SELECT * FROM \"external\"\u{200b}('/f')",
            "SELECT * FROM external\u{3000}\u{feff}('/f')",
            "SELECT 1external('/f')",
        ] {
            assert_eq!(names(sql), ["external"], "{sql}");
        }
        assert!(is_refused("external") && is_refused("semantic_query") && is_refused("set_config"));
    }

    #[test]
    fn strings_comments_columns_and_words_of_the_grammar_are_no_calls() {
        for sql in [
            "SELECT 'external (2024)', E'\\' external(', $$external($$ FROM t -- external(",
            "SELECT external, \"set_config\" FROM t WHERE external IN (1) /* set_config( */",
            "WITH a AS (SELECT 1) SELECT CAST(i AS numeric(3,1)), EXISTS (SELECT 1) FROM a JOIN t USING (i)",
        ] {
            assert_eq!(names(sql), [""; 0], "{sql}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_says_why_what_is_refused_is() {
        let lines: Vec<_> = LIST.lines().filter(|line| !line.starts_with('#')).collect();
        let name = |line: &str| line[2..].split(':').next().unwrap_or_default().to_owned();

        assert!(lines.len() > 300 && lines.is_sorted_by_key(|line| name(line)));
        for line in lines {
            let (sign, rest) = line.split_once(' ').unwrap();
            assert!(sign == "+" && !rest.contains(':') || sign == "-" && rest.contains(": "), "{line}");
        }
    }

    #[test]
    fn no_word_of_the_grammar_is_a_function_that_is_refused() {
        for word in WORDS {
            assert!(!is_refused(word), "{word}");
        }
    }
}
