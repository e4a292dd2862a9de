//! Names of databases, schemas and tables, as people and models write them.

use hyperwire_tokio::hyperwire_core::sql::{QualifiedName, Shown};

/// A name in SQL, with quotes only where it needs them.
pub(crate) fn shown(name: &str) -> String {
    Shown(name).to_string()
}

/// `a."B c".d` in its parts; `None` if it is no name.
pub(crate) fn parts(text: &str) -> Option<Vec<String>> {
    text.parse().ok().map(|name: QualifiedName| name.parts().to_vec())
}

/// Whether a text has wildcards. What stands in double quotes is what it is.
pub(crate) fn is_pattern(text: &str) -> bool {
    unquoted(text).any(|piece| piece.contains(['%', '*']))
}

/// Whether a file is meant by its place: there is a slash that is not in a quoted name.
pub(crate) fn has_slash(text: &str) -> bool {
    unquoted(text).any(|piece| piece.contains(['/', '\\']))
}

/// What stands outside of double quotes.
fn unquoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').step_by(2)
}

/// The parts of a pattern between dots that are not quoted, and whether they stand in double quotes, without them.
pub(crate) fn pattern_parts(pattern: &str) -> Vec<(String, bool)> {
    let mut parts = vec![(String::new(), false)];
    for (index, piece) in pattern.split('"').enumerate() {
        let is_quoted = index % 2 == 1;
        let mut pieces = if is_quoted { vec![piece] } else { piece.split('.').collect() }.into_iter();
        let Some((last, was_quoted)) = parts.last_mut() else { break };
        // Two that touch are a doubled quote.
        if is_quoted && *was_quoted {
            last.push('"');
        }
        *was_quoted |= is_quoted;
        last.push_str(pieces.next().unwrap_or_default());
        parts.extend(pieces.map(|piece| (piece.to_owned(), false)));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_quotes_is_no_pattern_and_no_path() {
        assert!(is_pattern("a.*") && is_pattern("\"a b\".%") && !is_pattern("local.public.\"100%\""));
        assert!(has_slash("data/x") && !has_slash("public.\"a/b\""));
        let part = |text: &str, is_quoted| (text.to_owned(), is_quoted);
        assert_eq!(pattern_parts("\"My S.\".*"), [part("My S.", true), part("*", false)]);
        assert_eq!(pattern_parts("s.\"a\"\"*\""), [part("s", false), part("a\"*", true)]);
    }
}
