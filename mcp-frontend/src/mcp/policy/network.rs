//! Whether a statement names a place on another machine: hyperd reads and writes those like files.
//!
//! hyperd takes only constants for places, so they stand in the text.

use hyperwire_tokio::hyperwire_core::sql::{Kind, Token, is_blank, tokens};

/// Functions that reach other servers, whatever their arguments.
const FUNCTIONS: [&str; 14] = [
    "azure_location",
    "foreign_table",
    "gcs_location",
    "http_location",
    "hybrid_search",
    "hybrid_search_direct",
    "keyword_search",
    "mask_text_using_metadata",
    "predict",
    "raw_sql_subquery",
    "s3_location",
    "semantic_query",
    "train",
    "vector_search",
];
/// The function whose arguments are files, or places.
const EXTERNAL: &str = "external";
/// Words before a file, or a place, in COPY and CREATE EXTERNAL TABLE.
const BEFORE: [&str; 3] = ["for", "from", "to"];

/// The first place on another machine that a statement names.
pub(super) fn location(sql: &str) -> Option<String> {
    let all: Vec<_> =
        tokens(sql).filter(|token| !matches!(token.kind, Kind::Blank | Kind::Comment)).collect();
    // The depths of parentheses at which `external` was called.
    let (mut depth, mut external) = (0_usize, Vec::new());
    for (at, token) in all.iter().enumerate() {
        match token.text {
            "(" => {
                depth += 1;
                let called = at.checked_sub(1).and_then(|before| name(&all[before])).unwrap_or_default();
                if FUNCTIONS.contains(&&*called) {
                    return Some(format!("{called}(...)"));
                }
                if called == EXTERNAL {
                    external.push(depth);
                }
            }
            ")" => {
                external.retain(|opened| *opened < depth);
                depth = depth.saturating_sub(1);
            }
            _ if token.kind == Kind::String => {
                let is_place = !external.is_empty() || is_behind_word(&all[..at]);
                // One that cannot be read is a place for all that is known; hyperd cannot read it either.
                let text = token.string().unwrap_or_else(|| token.text.into());
                if is_place && is_remote(&text) {
                    return Some(format!("'{text}'"));
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether a list of places, or the first place, follows one of the words: `FROM array['...', '...'`.
fn is_behind_word(before: &[Token<'_>]) -> bool {
    let is_list = |token: &&Token<'_>| {
        matches!(token.text, "(" | "[" | ",")
            || token.kind == Kind::String
            || name(token).as_deref() == Some("array")
    };
    let word = before.iter().rev().find(|token| !is_list(token));
    word.is_some_and(|word| {
        word.kind == Kind::Word && BEFORE.iter().any(|before| word.text.eq_ignore_ascii_case(before))
    })
}

/// `scheme:...`, but for `file:` and the drives of Windows.
fn is_remote(place: &str) -> bool {
    let Some((scheme, _)) = place.trim_start().split_once(':') else { return false };
    scheme.len() > 1
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !scheme.eq_ignore_ascii_case("file")
}

fn name(token: &Token<'_>) -> Option<String> {
    let name = token.identifier()?;
    Some(name.trim_matches(is_blank).to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_on_other_machines_are_found_in_every_spelling() {
        for sql in [
            "SELECT * FROM external('s3://b/a.parquet')",
            "SELECT * FROM EXTERNAL\u{a0}(E'\\x733://b/a.parquet')",
            "SELECT * FROM U&\"e\\0078ternal\"/**/(ARRAY['/f', $$s3://b/a$$])",
            "SELECT * FROM external(s3_location('s3://b/a'))",
            "SELECT * FROM external(\"azure_location\"('x'))",
            "CREATE TEMP TABLE t AS SELECT * FROM \u{a0}external( U&'\\0073\\0033://b/a' , format => 'csv')",
            "COPY t TO 's3://b/a' WITH (FORMAT csv)",
            "COPY t FROM ARRAY['/f', 'https://h/a']",
            "COPY (SELECT 1) TO gcs_location('gs://b')",
            "CREATE TEMP EXTERNAL TABLE t FOR 'S3://b/a.parquet'",
            "EXPLAIN ANALYZE COPY t TO ' abfss://c@h/x'",
            "SELECT * FROM external('s3:' 's')",
        ] {
            assert!(location(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn addresses_that_are_data_and_local_files_are_none() {
        for sql in [
            "INSERT INTO links VALUES ('https://example.com', 's3://b')",
            "SELECT 'https://a', external FROM t WHERE s3_location = 'http://b' -- external('s3://')",
            "COPY (SELECT 'https://a' AS u) TO '/tmp/f' WITH (FORMAT csv)",
            "COPY t FROM 'file:///tmp/f'",
            "SELECT * FROM external('C:\\a.csv'), t WHERE u LIKE 'http://%'",
            "SELECT count(*) FROM external('/a') AS a WHERE a.u = 'https://x'",
        ] {
            assert_eq!(location(sql), None, "{sql}");
        }
    }
}
