//! Functions that do more than read tables: hyperd's plan does not show which functions are called.
//!
//! A call in disguise is refused with the plain one, and so is now and then something harmless that looks like a call.

/// What they do: read files and other servers, change settings, write to the log, run what a text says.
const FUNCTIONS: [&str; 9] = [
    "external",
    "foreign_table",
    "hyper_execute_query_plan",
    "hyper_log",
    "raw_sql_aggregate",
    "raw_sql_function",
    "raw_sql_subquery",
    "dumpsqlast",
    "set_config",
];
/// `U&"..."` is a name that is spelled with the numbers of its characters.
const ESCAPED_NAME: &str = "u&\"";

/// What in the statement must not be there.
pub(super) fn refused(sql: &str) -> Option<&'static str> {
    let sql = sql.to_ascii_lowercase();
    if sql.contains(ESCAPED_NAME) {
        return Some("a name in the spelling U&\"...\"");
    }
    FUNCTIONS.into_iter().find(|function| is_called(function, &sql))
}

/// Whether the statement may open a file or a database by its name; many that do not may, too.
pub(crate) fn may_open_files(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    sql.contains(ESCAPED_NAME)
        || ["external", "foreign_table", "copy", "attach", "database"]
            .into_iter()
            .any(|word| sql.match_indices(word).any(|(at, _)| is_word(&sql, at, word)))
}

/// Whether the name is followed by an argument list; a comment may hide one.
fn is_called(function: &str, sql: &str) -> bool {
    sql.match_indices(function).any(|(at, _)| {
        let behind = sql[at + function.len()..].trim_start_matches('"').trim_start();
        is_word(sql, at, function) && ["(", "/*", "--"].iter().any(|start| behind.starts_with(start))
    })
}

/// Whether `word`, which stands there, is not a part of a longer name.
fn is_word(sql: &str, at: usize, word: &str) -> bool {
    // A number ends where a name begins.
    !sql[..at].ends_with(|c: char| is_in_name(c) && !c.is_ascii_digit())
        && !sql[at + word.len()..].starts_with(is_in_name)
}

fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_found_in_every_spelling() {
        for sql in [
            "SELECT * FROM external('/f')",
            "select * from EXTERNAL ('/f')",
            "SELECT * FROM pg_catalog.\"external\" ('/f')",
            "SELECT * FROM external/* */('/f')",
            "SELECT * FROM external -- \n ('/f')",
            "SELECT 1,Set_Config('a','b',false)",
            "SELECT * FROM U&\"e\\0078ternal\"('/f')",
        ] {
            assert!(refused(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn names_that_contain_one_and_columns_of_that_name_are_fine() {
        for sql in [
            "SELECT external_id, is_external, max(external_id) FROM t",
            "SELECT external FROM t WHERE external",
            "SELECT \"external\", 'external' FROM t",
            "SELECT my_external(1)",
            "SELECT U&'\\0061'",
        ] {
            assert_eq!(refused(sql), None, "{sql}");
        }
    }
}
