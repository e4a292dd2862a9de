//! Names and strings in SQL, against the real hyperd: it reads them as `core::sql` does.
#![cfg(target_os = "linux")]

use hyperwire_blocking::hyperwire_core::sql::{
    Identifier, Literal, QualifiedName, Shown, is_blank, is_reserved, tokens,
};
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::real_hyperd::{RealHyperd, value};

/// Characters of every kind that a lexer may mind: all of ASCII and Latin-1, blanks, format characters, quotes of all
/// scripts, the ends of planes, emoji.
fn characters() -> Vec<char> {
    let ranges = [
        '\u{1}'..='\u{ff}',
        '\u{1680}'..='\u{1680}',
        '\u{180e}'..='\u{180e}',
        '\u{2000}'..='\u{206f}',
        '\u{2100}'..='\u{212b}',
        '\u{3000}'..='\u{3003}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{feff}'..='\u{ff40}',
        '\u{fffc}'..='\u{ffff}',
        '\u{1f600}'..='\u{1f603}',
        '\u{10fffe}'..='\u{10ffff}',
    ];
    ranges.into_iter().flatten().chain(['ẞ', 'İ', 'ſ', '日', 'ى', '\u{301}']).collect()
}

/// What stands around a character that is tried.
fn around(c: char) -> [String; 4] {
    [format!("{c}"), format!("{c}x"), format!("x{c}"), format!("x{c}{c}Y")]
}

fn column_name(client: &mut Client, sql: &str) -> Result<String, Error> {
    let rows = client.query(sql)?;
    let name = rows.columns().expect("a query has columns").iter().next().expect("one").name().to_owned();
    rows.finish()?;
    Ok(name)
}

/// The text that a query of one row returns.
fn text(client: &mut Client, sql: &str) -> Result<Option<String>, Error> {
    let mut rows = client.query(sql)?;
    let text = rows.next()?.map(|row| row.get::<String>(0)).transpose()?;
    rows.finish()?;
    Ok(text)
}

#[test]
fn every_character_is_kept_in_a_name_and_in_a_string() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for text in characters().into_iter().flat_map(around) {
        for quoted in [Identifier(&text).to_string(), Shown(&text).to_string()] {
            let name = column_name(&mut client, &format!("SELECT 1 AS {quoted}")).unwrap();
            assert_eq!(name, text, "{quoted:?}");
        }
        let sql = format!("SELECT {}", Literal(&text));
        assert_eq!(value::<String>(&mut client, &sql), text, "{sql:?}");
    }
}

#[test]
fn a_nul_in_a_string_is_kept_and_in_a_name_ends_nothing() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let text = "a\0b\\n'";

    assert_eq!(value::<String>(&mut client, &format!("SELECT {}", Literal(text))), text);
    let sql = format!("SELECT length({0}) FROM (SELECT 'four' AS {0}) AS x", Identifier("a\0b\\n\""));
    assert_eq!(value::<i32>(&mut client, &sql), 4);
}

/// Each character unquoted: hyperd and our lexer agree on whether it is a blank, belongs to a name, or neither.
#[test]
fn unquoted_names_end_where_hyperd_ends_them() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for c in characters() {
        for text in [format!("x{c}"), format!("x{c}{c}"), format!("{c}x"), format!("X1{c}{c}y")] {
            let all: Vec<_> = tokens(&text).filter(|token| !token.text.chars().all(is_blank)).collect();
            let sql = format!("SELECT 1 AS {text}");
            if let [token] = all.as_slice()
                && let Some(name) = token.identifier()
            {
                assert_eq!(column_name(&mut client, &sql).unwrap(), name, "{text:?}");
            } else if all.iter().filter(|token| token.identifier().is_some()).count() == 2 {
                assert!(client.execute(&sql).is_err(), "{text:?}");
            }
        }
        let is_skipped = client.execute(&format!("SELECT{c} {c}1 {c}")).is_ok();
        let is_ascii_blank = c.is_ascii() && is_blank(c);
        assert_eq!(is_skipped, is_ascii_blank || c == ';' && is_skipped, "{c:?} touches SELECT");
        let between = client.execute(&format!("SELECT 1 {c} AS x"));
        assert_eq!(between.is_ok(), is_blank(c), "{c:?} between tokens");
    }
}

#[test]
fn escapes_in_names_and_strings_are_hyperds() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for sql in [
        r#"U&"d\0061t\+01F600""#,
        r#"u&"d!0061\" UESCAPE '!'"#,
        "U&\"d!0061\"\u{b}\nuescape\t'!'",
        r#"U&"x""\\y""#,
        r#""a\0041""#,
        "AbCÄ",
        r#"U&"\D800""#,
        r#"U&"\004""#,
    ] {
        let token = tokens(sql).next().unwrap();
        assert_eq!(token.text, sql);
        let name = column_name(&mut client, &format!("SELECT 1 AS {sql}"));
        assert_eq!(name.ok().as_deref(), token.identifier().as_deref(), "{sql:?}");
    }
    for sql in [
        r"E'\u0041\U00000042\x41\101\q\n\'''\\'",
        r"E'\xc3\xa9\b\f\r\t'",
        r"E'\1\12\1234\x4\x414\8\400\é'",
        r"E'\xg'",
        "e'a'\n'\\t'",
        r"U&'d\0061''\\'",
        "U&'d'\n'!0061' UESCAPE '!'",
        r"N'\'",
        "'a' -- c\n'b'''",
        "'a'/**/'b'",
        "$$a'$b$$",
        "$t$a$$t$",
        r"E'\xff'",
        r"E'\u00g1'",
        r"U&'\D800'",
        r"U&'\zz'",
        "X'61'",
    ] {
        let token = tokens(sql).next().unwrap();
        assert_eq!(token.text, sql);
        let text = text(&mut client, &format!("SELECT {sql}"));
        assert_eq!(text.ok().flatten().as_deref(), token.string().as_deref(), "{sql:?}");
    }
}

/// All of PostgreSQL's keywords, hyperd's own, and a few words that are none.
const WORDS: &str = include_str!("hyperd_names/words.txt");

#[test]
fn a_word_needs_quotes_where_hyperd_reserves_it() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for word in WORDS.split_whitespace() {
        let sql = format!("SELECT {word} FROM (SELECT 'five' AS {word}, 6 AS \"{word}z\") AS z");
        let is_name = text(&mut client, &sql).is_ok_and(|text| text.as_deref() == Some("five"))
            && client.execute(&format!("SELECT {word}.zy FROM (SELECT 1 AS zy) {word}")).is_ok();
        assert_eq!(is_reserved(word), !is_name, "{word}");
        let shown = Shown(word);
        let sql = format!("CREATE TEMPORARY TABLE {shown} ({shown} int)");
        client.execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        client.execute(&format!("SELECT {shown}.{shown}, {shown} FROM {shown} AS {shown}")).unwrap();
        client.execute(&format!("DROP TABLE {}", Identifier(word))).unwrap();
    }
}

#[test]
fn a_qualified_name_is_that_table_to_hyperd() {
    let hyperd = RealHyperd::start();
    let path = hyperd.create_database("names.hyper");
    let mut client = hyperd.connect();

    for [alias, schema, table] in [
        ["a", "public", "t"],
        ["select", "order", "from"],
        ["A.b", "S \"x\"", "v1.0\u{a0}"],
        ["it's", "\\", "é\n"],
    ] {
        let name = QualifiedName::from_parts([alias, schema, table]).unwrap();
        client.execute(&format!("ATTACH DATABASE {} AS {}", Identifier(&path), Shown(alias))).unwrap();
        let schema_of = format!("{}.{}", Shown(alias), Shown(schema));
        client.execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema_of}")).unwrap();
        client.execute(&format!("CREATE TABLE {name} (a) AS SELECT 7")).unwrap();
        let found = value::<i32>(&mut client, &format!("SELECT a FROM {}", name.quoted()));
        let listed = value::<i64>(
            &mut client,
            &format!(
                "SELECT count(*) FROM {}.pg_catalog.pg_tables WHERE schemaname = {} AND tablename = {}",
                Identifier(alias),
                Literal(schema),
                Literal(table)
            ),
        );
        client.execute(&format!("DETACH DATABASE {}", Shown(alias))).unwrap();

        assert_eq!((found, listed), (7, 1), "{name}");
    }
}

/// Backslashes in `'...'` are what they are; no session can change that.
#[test]
fn standard_strings_cannot_be_switched_off() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let _ = client.execute("SET standard_conforming_strings = off");

    assert_eq!(value::<String>(&mut client, "SELECT 'a\\n'"), "a\\n");
}

/// Names and strings get into SQL by `core::sql` alone, in all crates.
#[test]
fn nothing_else_quotes_by_hand() {
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<_> = ["core", "runtime-blocking", "runtime-mio", "runtime-tokio", "mcp-frontend"]
        .iter()
        .map(|name| workspace.join(name).join("src"))
        .collect();
    let by_hand = [r#"replace('"', "\"\"")"#, r#"replace('\'', "''")"#, r#"replace("'", "''")"#];
    let mut found = Vec::new();
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                found.extend(
                    by_hand.iter().filter(|way| text.contains(**way)).map(|way| (path.clone(), *way)),
                );
            }
        }
    }

    assert!(files > 300, "{files} files");
    assert_eq!(found, [], "use Identifier and Literal of core::sql");
}
