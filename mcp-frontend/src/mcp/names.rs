//! Names of databases, schemas and tables, as people and models write them.

use super::engine::quoted;

/// A name in SQL, with quotes only where it needs them. Reserved words need none behind a dot.
pub(crate) fn shown(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if plain { name.to_owned() } else { quoted(name) }
}

/// `a."B c".d` in its parts; `None` if a quote or a part is missing.
pub(crate) fn parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let part;
        (part, rest) = first_part(rest)?;
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None => return rest.is_empty().then_some(parts),
        }
    }
}

fn first_part(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let (part, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        return Some((part.to_owned(), rest));
    };
    let mut part = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        part.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return Some((part, after)),
        }
    }
}

/// Whether a text has wildcards.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['%', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_there_where_a_name_needs_them() {
        assert_eq!(shown("orders_2"), "orders_2");
        assert_eq!(shown("Orders"), "\"Orders\"");
        assert_eq!(shown("2024"), "\"2024\"");
        assert_eq!(shown("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn a_name_has_parts_between_dots_that_are_not_quoted() {
        assert_eq!(parts("a.\"b.\"\"c\".d").unwrap(), ["a", "b.\"c", "d"]);
        assert_eq!(parts("orders").unwrap(), ["orders"]);
        assert_eq!(parts("a..b"), None);
        assert_eq!(parts("\"open"), None);
        assert_eq!(parts("\"a\"b"), None);
    }
}
