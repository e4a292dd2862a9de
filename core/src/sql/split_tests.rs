use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::split;

fn texts(sql: &str) -> Vec<&str> {
    split(sql).map(|statement| statement.text).collect()
}

#[test]
fn statements_are_separated_by_semicolons_and_trimmed() {
    let sql = " select 1 ;\n-- the second\nselect 2;";

    let found = texts(sql);

    assert_eq!(found, ["select 1", "select 2"]);
}

#[test]
fn a_text_without_a_statement_has_none() {
    for sql in
        ["", " \t\r\n\x0b\x0c", ";", " ; ;; ", "-- only", "/* ; */;", "\u{feff}\u{a0}\u{3000};", "--\r;"]
    {
        assert_eq!(texts(sql), [""; 0], "{sql:?}");
    }
}

#[test]
fn a_statement_knows_where_it_begins() {
    let sql = "select 'é';\n\n  select 2 -- two";

    let found: Vec<_> = split(sql).map(|statement| (statement.start, statement.text)).collect();

    assert_eq!(found, [(0, "select 'é'"), (16, "select 2")]);
    assert_eq!(&sql[16..], "select 2 -- two");
}

/// Each of these is one statement for hyperd, `;` and all.
#[test]
fn a_semicolon_inside_of_a_token_separates_nothing() {
    for sql in [
        "select ';', 'it''s;'",
        r"select 'a\', E'a\';b', e'\\;', E'a''\';'",
        r"select E'a'/**/'b\';', 1",
        "select E'a' -- c\n \t\x0c'b\\';'",
        r"select U&'a;\0041', N';', X'f;f'",
        r#"select 1 as "a;""b""#,
        r#"select 1 as U&"a;""#,
        "select $$a;b$$, $tag$a;$$;$tag$, $é$;$é$",
        "select $a-b ;c$;$a-b ;c$",
        "select 1$a$;$a$",
        "select 1 /* ; ' \" $$ */ + 2 -- ; '\n + 3",
        "select 1 /*/;*/ + 2",
        "select 1 --/*\n, /*--*/ 2",
        "select 3*/*;*/2",
        "select 1 -- c\u{2028};\u{85};\x0b;\n + 2",
    ] {
        assert_eq!(texts(sql), [sql], "{sql:?}");
    }
}

#[test]
fn a_semicolon_after_a_token_that_looks_open_separates() {
    for (sql, expected) in [
        // Only E'...' knows the backslash; the E must be a token of its own.
        (r"select 'a\'; select 2", [r"select 'a\'", "select 2"]),
        (r"select xE'a\'; select 2", [r"select xE'a\'", "select 2"]),
        (r"select éE'a\'; select 2", [r"select éE'a\'", "select 2"]),
        (r"select E 'a\'; select 2", [r"select E 'a\'", "select 2"]),
        (r"select 1e5E'\';'; select 2", [r"select 1e5E'\';'", "select 2"]),
        ("select x\u{a0}E'\\';'; select 2", ["select x\u{a0}E'\\';'", "select 2"]),
        // Without a line break or comment between them these are two strings.
        (r"select E'a' 'b\'; select 2", [r"select E'a' 'b\'", "select 2"]),
        ("select E'a'\u{a0}\n'b\\'; select 2", ["select E'a'\u{a0}\n'b\\'", "select 2"]),
        // Hyper's comments do not nest, and end at a lone carriage return.
        ("select 1 /* /* ; */; select 2", ["select 1", "select 2"]),
        ("select 1 -- c\r; select 2", ["select 1", "select 2"]),
        // Parameters and a lone dollar open nothing.
        ("select $1; select '$1'", ["select $1", "select '$1'"]),
        ("select a$; select 2", ["select a$", "select 2"]),
        // A quote that is no quote of Hyper's.
        ("select `a; select b`", ["select `a", "select b`"]),
    ] {
        assert_eq!(texts(sql), expected, "{sql:?}");
    }
}

#[test]
fn what_is_not_closed_goes_to_the_server_whole() {
    for sql in [
        "select 'a; select 2",
        "select \"a;",
        r"select E'a\';",
        "select $x$;$y$;",
        "/* ; select 1",
        "select 1 /* ;",
    ] {
        assert_eq!(texts(sql), [sql], "{sql:?}");
    }
}

/// Pieces of SQL that open, close and hide things.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(alloc::vec![
        ";", "'", "''", "\"", "$", "$$", "$a$", "$1", "E'", "e'", "\\", "--", "/*", "*/", "\n", "\r", " ",
        "a", "1", "1e5", "é", "\u{a0}", "\u{feff}", "-", "/", "*", "_", "U&'", "select", "日本", "\x0c",
    ]);
    prop::collection::vec(fragment, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn statements_and_what_lies_between_them_are_the_text(sql in prop_oneof![fragments(), any::<String>()]) {
        let mut rebuilt = String::new();

        for statement in split(&sql) {
            let between = &sql[rebuilt.len()..statement.start];
            prop_assert_eq!(split(between).next(), None, "a statement was lost in {:?}", between);
            rebuilt.push_str(between);
            rebuilt.push_str(statement.text);
        }

        let after = &sql[rebuilt.len()..];
        prop_assert_eq!(split(after).next(), None, "a statement was lost in {:?}", after);
        rebuilt.push_str(after);
        prop_assert_eq!(rebuilt, sql);
    }

    #[test]
    fn a_statement_is_the_only_one_in_itself(sql in fragments()) {
        for statement in split(&sql) {
            let again: Vec<_> = split(statement.text).collect();

            prop_assert_eq!(again.len(), 1);
            prop_assert_eq!(again[0].text, statement.text);
        }
    }

    #[test]
    fn closed_statements_are_found_however_they_are_joined(
        statements in prop::collection::vec(prop::collection::vec(closed_part(), 1..6), 1..6),
        separators in prop::collection::vec(separator(), 6),
    ) {
        let statements: Vec<String> = statements.iter().map(|parts| parts.join(" + ")).collect();
        let mut sql = String::new();
        for (statement, separator) in statements.iter().zip(&separators) {
            sql.push_str(statement);
            sql.push_str(separator);
        }

        prop_assert_eq!(texts(&sql), statements);
    }
}

/// Something that hides a `;` and is closed.
fn closed_part() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^']{0,5}".prop_map(|text| alloc::format!("'{text};''{text}'")),
        "[^'\\\\]{0,5}".prop_map(|text| alloc::format!("E'{text}\\';\\\\{text}'")),
        "[^\"]{0,5}".prop_map(|text| alloc::format!("\"{text};\"\"\"")),
        ("[a-z ;é]{0,3}", "[^$]{0,5}").prop_map(|(tag, text)| alloc::format!("${tag}$;{text}${tag}$")),
        "[a-z]{1,3}".prop_map(|text| alloc::format!("x /* ' ; {text} */ y -- ; '{text}\n z")),
    ]
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(alloc::vec![
        ";",
        "; ",
        " ;\n",
        ";;",
        "/* c' */;",
        " -- c;\n;",
        "; -- '\n",
        ";\u{feff}"
    ])
}
