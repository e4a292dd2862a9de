//! Statements and their results, against the real hyperd.
#![cfg(target_os = "linux")]

use hyperwire_blocking::hyperwire_core::row::{DecodeErrorKind, Type, ValueError};
use hyperwire_blocking::hyperwire_core::session::{Blame, Misuse, ServerBlame, StatementError};
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::real_hyperd::{RealHyperd, assert_usable, sqlstate, value, values};
use rstest::rstest;

const FIVE: &str = "SELECT i, 'row ' || i::text AS name FROM generate_series(1, 5) AS s(i) ORDER BY i";

#[test]
fn a_query_returns_columns_rows_and_a_tag() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let mut rows = client.query(FIVE).unwrap();
    let names: Vec<_> = rows.columns().unwrap().iter().map(|column| column.name().to_owned()).collect();
    let mut seen = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        seen.push((row.get::<i32>(0).unwrap(), row.get::<String>("name").unwrap()));
    }

    assert_eq!(names, ["i", "name"]);
    assert_eq!(seen, (1..=5).map(|i| (i, format!("row {i}"))).collect::<Vec<_>>());
    assert_eq!(rows.tag().unwrap().as_str(), "SELECT 5");
    assert!(rows.next().unwrap().is_none(), "the end of a result stays its end");
    drop(rows);
    assert_usable(&mut client);
}

#[test]
fn a_result_without_rows_has_its_columns() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let mut rows = client.query("SELECT 1 AS a, 'x' AS b WHERE false").unwrap();

    assert_eq!(rows.columns().unwrap().len(), 2);
    assert!(rows.next().unwrap().is_none());
    assert_eq!(rows.finish().unwrap().unwrap().rows(), Some(0));
}

#[test]
fn execute_counts_what_it_changed() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    assert_eq!(client.execute("CREATE TEMP TABLE t (a int)").unwrap(), 0);
    assert_eq!(client.execute("INSERT INTO t SELECT i FROM generate_series(1, 100) s(i)").unwrap(), 100);
    assert_eq!(client.execute("UPDATE t SET a = 0 WHERE a <= 10").unwrap(), 10);
    assert_eq!(client.execute("DELETE FROM t WHERE a = 0").unwrap(), 10);
    assert_eq!(client.execute("SELECT * FROM t").unwrap(), 90);
    assert_eq!(client.execute_params("DELETE FROM t WHERE a > $1", &[&50]).unwrap(), 50);
    assert_eq!(client.execute("DROP TABLE t").unwrap(), 0);
}

#[rstest]
#[case::nothing("")]
#[case::blanks(" \n\t ")]
#[case::semicolon(";")]
#[case::comment("-- nothing to do")]
fn an_empty_statement_returns_nothing(#[case] sql: &str) {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let mut rows = client.query(sql).unwrap();

    assert!(rows.columns().is_none());
    assert!(rows.next().unwrap().is_none());
    assert_eq!(rows.finish().unwrap(), None);
    assert_eq!(client.execute(sql).unwrap(), 0);
    assert_usable(&mut client);
}

#[test]
fn with_parameters_only_the_empty_text_is_an_empty_statement() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    assert_eq!(client.execute_params("", &[]).unwrap(), 0);
    // By the extended protocol hyperd looks for a statement where it does not by the simple one.
    for sql in [" ", ";", "-- nothing to do"] {
        assert_eq!(sqlstate(&client.execute_params(sql, &[]).unwrap_err()), "42601");
    }
    assert_usable(&mut client);
}

#[test]
fn a_batch_returns_what_each_statement_did() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let counts = client
        .batch(["CREATE TEMP TABLE t (a int)", "INSERT INTO t VALUES (1), (2)", "", "DELETE FROM t"])
        .unwrap();

    assert_eq!(counts, [0, 2, 0, 2]);
}

#[test]
fn a_batch_ends_at_the_first_failure_and_says_which_it_was() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    client.execute("CREATE TEMP TABLE t (a int)").unwrap();

    let outcome = client.batch([
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t VALUES (2)",
        "INSERT INTO t VALUES (1 / 0)",
        "INSERT INTO t VALUES (4)",
    ]);

    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Batch { index: 2, .. }), "{error:?}");
    assert_eq!(sqlstate(&error), "22012");
    assert!(error.to_string().starts_with("statement 3 of the batch failed"), "{error}");
    assert_eq!(values::<i32>(&mut client, "SELECT a FROM t ORDER BY a"), [1, 2], "those before it stay");
    assert_usable(&mut client);
}

#[test]
fn a_prepared_statement_runs_again_and_again() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    client.execute("CREATE TEMP TABLE t (a int, b text)").unwrap();

    let insert = client.prepare("INSERT INTO t VALUES ($1, $2)", &[Type::Integer, Type::Text]).unwrap();
    let select = client.prepare("SELECT b FROM t WHERE a = $1", &[Type::Integer]).unwrap();
    for i in 0..100 {
        assert_eq!(client.execute_prepared(&insert, &[&i, &format!("{i}")]).unwrap(), 1);
    }

    assert_eq!((insert.parameter_count(), insert.columns().is_none()), (2, true));
    assert_eq!((select.parameter_count(), select.columns().unwrap()[0].name()), (1, "b"));
    for i in [99, 0, 50] {
        let rows = client.query_prepared(&select, &[&i]).unwrap();
        let found = rows.map(|row| Ok::<_, Error>(row.get::<String>(0)?)).unwrap();
        assert_eq!(found, [i.to_string()]);
    }
}

#[test]
fn prepared_statements_that_were_dropped_are_closed_at_the_next_prepare() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for _ in 0..50 {
        let statement = client.prepare("SELECT 1", &[]).unwrap();
        assert_eq!(client.execute_prepared(&statement, &[]).unwrap(), 1);
    }
    let statement = client.prepare("SELECT 2", &[]).unwrap();
    // Names that the session gave to the first ones are known to the server no more.
    for number in 1..20 {
        let error = client.execute(&format!("EXECUTE hyperwire_{number}")).unwrap_err();
        assert_eq!(sqlstate(&error), "26000");
    }

    assert_eq!(client.execute_prepared(&statement, &[]).unwrap(), 1);
}

#[test]
fn wrong_parameters_of_a_prepared_statement_are_refused_before_anything_is_sent() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let statement = client.prepare("SELECT $1 + 1", &[Type::Integer]).unwrap();

    let count = client.execute_prepared(&statement, &[]).unwrap_err();
    let ty = client.execute_prepared(&statement, &[&1_i64]).unwrap_err();
    let foreign = hyperd.connect().execute_prepared(&statement, &[&1]).unwrap_err();

    assert!(matches!(count, Error::Misuse(Misuse::ParameterCount { expected: 1, found: 0 })), "{count:?}");
    let wrong = Misuse::ParameterType { number: 1, declared: Type::Integer, given: Type::BigInt };
    assert!(matches!(&ty, Error::Misuse(misuse) if *misuse == wrong), "{ty:?}");
    assert!(matches!(foreign, Error::ForeignStatement), "{foreign:?}");
    assert_eq!(foreign.blame(), Blame::Caller);
    let rows = client.query_prepared(&statement, &[&"41"]).unwrap();
    assert_eq!(rows.map(|row| Ok::<_, Error>(row.get::<i32>(0)?)).unwrap(), [42], "text is always fine");
}

#[test]
fn a_statement_that_cannot_be_prepared_leaves_the_others_alone() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let good = client.prepare("SELECT 1", &[]).unwrap();

    let syntax = client.prepare("SELEC 1", &[]).unwrap_err();
    let types = client.prepare("SELECT $1::int + $2::int", &[Type::Integer]).unwrap_err();

    assert_eq!((sqlstate(&syntax).as_str(), sqlstate(&types).as_str()), ("42601", "42601"));
    assert_eq!(client.execute_prepared(&good, &[]).unwrap(), 1);
}

#[test]
fn a_prepared_statement_whose_table_was_altered_is_stale_and_can_be_prepared_again() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    client.batch(["CREATE TEMP TABLE t (a int)", "INSERT INTO t VALUES (1), (2), (3)"]).unwrap();
    let before = client.prepare("SELECT * FROM t", &[]).unwrap();
    assert_eq!(client.execute_prepared(&before, &[]).unwrap(), 3);

    client.execute("ALTER TABLE t ADD COLUMN b int").unwrap();
    let error = client.execute_prepared(&before, &[]).unwrap_err();

    let stale = StatementError::Stale { described: 1, found: 2 };
    assert!(matches!(&error, Error::Statement(found) if *found == stale), "{error:?}");
    assert_usable(&mut client);
    let after = client.prepare("SELECT * FROM t", &[]).unwrap();
    assert_eq!(after.columns().unwrap().len(), 2);
    assert_eq!(client.execute_prepared(&after, &[]).unwrap(), 3);
}

#[test]
fn an_error_has_every_field_that_the_server_sends() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let error = client.query("SELECT 'grün', A FROM (SELECT 1 AS b) s").unwrap_err();

    assert_eq!(error.blame(), Blame::Server);
    assert!(!error.is_session_lost());
    let server = error.server().unwrap();
    assert_eq!((server.severity(), server.code().as_str()), ("ERROR", "42703"));
    assert!(server.message().contains("unknown column"), "{server}");
    assert_eq!(server.position(), Some(16), "counted in characters, not in bytes");
    assert!(server.detail().unwrap().starts_with("line 1, column 16: "), "{:?}", server.detail());
    assert_eq!(server.blame(), Some(ServerBlame::User));
    assert_eq!(server.context(), None);
    assert_usable(&mut client);
}

#[test]
fn an_error_hints_at_what_was_meant() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let error = client.query("SELECT \"Amount\" FROM (SELECT 1 AS amount) s").unwrap_err();

    let hint = error.server().unwrap().hint().expect("a hint");
    assert!(hint.contains("amount"), "{hint}");
    assert!(error.to_string().contains(hint), "{error}");
}

#[rstest]
#[case::syntax("SELEC 1", "42601")]
#[case::no_table("SELECT * FROM missing", "42P01")]
#[case::arithmetic("SELECT 1 / 0", "22012")]
#[case::overflow("SELECT 2147483647 + 1", "22003")]
#[case::bad_text("SELECT 'x'::int", "22P02")]
#[case::two_statements("SELECT 1; SELECT 2", "0A000")]
#[case::unsupported("SAVEPOINT s", "0A000")]
fn the_session_goes_on_after_an_error(#[case] sql: &str, #[case] expected: &str) {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for _ in 0..3 {
        assert_eq!(sqlstate(&client.execute(sql).unwrap_err()), expected);
        assert_usable(&mut client);
        assert!(client.execute_params(sql, &[]).is_err());
        assert_usable(&mut client);
    }
}

#[test]
fn an_error_behind_rows_comes_after_them() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let mut rows =
        client.query("SELECT 1000000 / (900000 - i) FROM generate_series(1, 1000000) AS s(i)").unwrap();
    let mut count = 0_u32;
    let error = loop {
        match rows.next() {
            Ok(row) => count += u32::from(row.expect("the statement cannot end well").len() == 1),
            Err(error) => break error,
        }
    };

    assert!(count > 0, "the server sends rows before it divides by zero");
    assert_eq!(sqlstate(&error), "22012");
    assert!(rows.next().unwrap().is_none(), "what failed is over");
    drop(rows);
    assert_usable(&mut client);
}

#[test]
fn a_value_of_another_type_is_refused_and_reading_goes_on() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let mut rows = client.query("SELECT 'x' AS word, NULL::int AS nothing").unwrap();
    let row = rows.next().unwrap().unwrap();

    let error = row.get::<i32>("word").unwrap_err();
    let DecodeErrorKind::Value(value) = error.kind() else { panic!("{error:?}") };
    assert_eq!((value.index, &*value.name, &value.error), (0, "word", &ValueError::WrongType));
    let error = row.get::<i32>("nothing").unwrap_err();
    let DecodeErrorKind::Value(value) = error.kind() else { panic!("{error:?}") };
    assert_eq!(value.error, ValueError::Null);
    for error in [row.get::<i32>("missing").unwrap_err(), row.get::<i32>(2).unwrap_err()] {
        assert!(matches!(error.kind(), DecodeErrorKind::NoSuchColumn { .. }), "{error:?}");
    }
    assert_eq!(row.get::<Option<i32>>("nothing").unwrap(), None);
    assert_eq!(row.get::<&str>("word").unwrap(), "x");
    drop(rows);
    assert_usable(&mut client);
}

#[test]
fn a_copy_in_is_refused_by_query_and_its_table_is_free() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect_to(&hyperd.create_database("copy.hyper"));
    client.execute("CREATE TABLE t (a int)").unwrap();
    let copy = "COPY t FROM STDIN WITH (FORMAT csv)";

    for _ in 0..3 {
        let simple = client.query(copy).unwrap_err();
        assert_usable(&mut client);
        let extended = client.query_params(copy, &[]).unwrap_err();
        assert_usable(&mut client);
        for error in [simple, extended] {
            assert_eq!(sqlstate(&error), "57014");
            assert!(error.to_string().contains("run it as a copy"), "{error}");
        }
    }

    assert_eq!(client.execute("INSERT INTO t VALUES (1)").unwrap(), 1);
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM t"), 1);
}

#[test]
fn a_copy_out_is_refused_by_query() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for rows in [1, 3_000_000] {
        let copy =
            format!("COPY (SELECT i FROM generate_series(1, {rows}) s(i)) TO STDOUT WITH (FORMAT csv)");
        let error = client.query(&copy).unwrap_err();
        assert!(matches!(error, Error::Statement(StatementError::CopiesOut)), "{error:?}");
        assert_eq!(error.blame(), Blame::Caller);
        assert_usable(&mut client);
    }
}

#[test]
fn names_and_texts_are_unicode() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect_to(&hyperd.create_database("Größe 数据 🦀.hyper"));
    client.batch(["CREATE TABLE \"таблица\" (\"größe 🦀\" text)"]).unwrap();

    client.execute_params("INSERT INTO \"таблица\" VALUES ($1)", &[&"naïve 日本 \u{10FFFF}"]).unwrap();
    let mut rows = client.query("SELECT *, 'it''s ü' AS \"a\"\"b\" FROM \"таблица\"").unwrap();
    let row = rows.next().unwrap().unwrap();

    assert_eq!(row.get::<&str>("größe 🦀").unwrap(), "naïve 日本 \u{10FFFF}");
    assert_eq!(row.get::<&str>("a\"b").unwrap(), "it's ü");
}

#[test]
fn the_server_tells_of_itself() {
    let hyperd = RealHyperd::start();
    let client = hyperd.connect();

    let settings = client.settings();

    assert!(settings.get("hyper_version").unwrap().starts_with("main.0.0."), "{settings:?}");
    assert_eq!(settings.get("server_encoding"), Some("UTF8"));
    assert_eq!(settings.get("result_format_code"), Some("HyperBinary"));
    assert_eq!(settings.get("application_name"), Some("hyperwire"));
    assert_eq!(settings.get("alive"), None, "a sign of life is no setting");
}

#[test]
fn options_at_start_up_are_settings_of_the_session() {
    let hyperd = RealHyperd::start();
    let mut config = hyperd.config();
    config.session.options.push(("IntervalStyle".into(), "postgres".into()));
    config.session.application_name = "the test".into();

    let mut client = Client::connect(config).unwrap();

    assert_eq!(value::<String>(&mut client, "SELECT (interval '1 day')::text"), "1 day");
    assert_eq!(client.settings().get("application_name"), Some("the test"));
}

#[test]
fn what_is_no_error_is_a_notice() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    client.batch(["BEGIN", "BEGIN", "ROLLBACK", "ROLLBACK"]).unwrap();
    let notices = client.notices();

    let codes: Vec<_> = notices.iter().map(|notice| notice.code().to_string()).collect();
    assert_eq!(codes, ["25001", "25P01"]);
    assert!(notices.iter().all(|notice| notice.severity() == "WARNING" && notice.blame().is_none()));
    assert!(client.notices().is_empty(), "they are handed out once");
}

#[test]
fn a_zero_byte_is_refused_before_anything_is_sent() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let error = client.query("SELECT '\0'").unwrap_err();

    assert!(matches!(error, Error::Misuse(Misuse::ZeroByte { .. })), "{error:?}");
    assert_usable(&mut client);
}
