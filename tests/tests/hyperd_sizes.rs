//! Large statements, values and results, against the real hyperd.
#![cfg(target_os = "linux")]

use hyperwire_blocking::Error;
use hyperwire_blocking::hyperwire_core::row::ToParameter;
use hyperwire_blocking::hyperwire_core::session::Fault;
use hyperwire_tests::real_hyperd::{RealHyperd, assert_usable, sqlstate, value};

const MIB: usize = 1 << 20;

#[test]
fn five_thousand_columns_are_read_in_order() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let list: Vec<_> = (0..5000).map(|i| format!("{i} AS c{i}")).collect();

    let mut rows = client.query(&format!("SELECT {}", list.join(", "))).unwrap();
    let row = rows.next().unwrap().unwrap();

    assert_eq!(row.len(), 5000);
    for i in 0..5000_i32 {
        assert_eq!(row.get::<i32>(usize::try_from(i).unwrap()).unwrap(), i);
    }
    assert_eq!(row.get::<i32>("c4999").unwrap(), 4999);
}

#[test]
fn a_value_of_100_mb_goes_there_and_back_unchanged() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    // A prime length: no buffer's size is a multiple of it, so that no piece passes for another.
    let sent = (0..=250_u8).collect::<Vec<_>>().repeat(100_000_000 / 251);

    let mut rows = client.query_params("SELECT $1 AS v, 7 AS behind", &[&sent.as_slice()]).unwrap();
    let row = rows.next().unwrap().unwrap();

    assert!(row.get::<&[u8]>("v").unwrap() == sent, "not the bytes that were sent");
    assert_eq!(row.get::<i32>("behind").unwrap(), 7);
    assert!(rows.next().unwrap().is_none());
    drop(rows);
    assert_usable(&mut client);
}

#[test]
fn a_value_over_the_limit_ends_the_session_and_names_the_limit() {
    let hyperd = RealHyperd::start();
    let mut config = hyperd.config();
    config.session.limits.message_length = 1 << 20;
    let mut client = hyperwire_blocking::Client::connect(config).unwrap();

    let error = client.query("SELECT repeat('x', 2000000)").and_then(|rows| rows.finish()).unwrap_err();

    assert!(matches!(error, Error::Session { fault: Fault::Limit(_), .. }), "{error:?}");
    assert!(error.to_string().contains("raise it in Limits"), "{error}");
    assert!(client.is_closed());
    let again = client.execute("SELECT 1").unwrap_err();
    assert!(again.is_session_lost(), "{again:?}");
    assert_eq!((again.to_string(), again.blame()), (error.to_string(), error.blame()));
}

#[test]
fn a_statement_of_16_mib_runs() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    // A literal with its quotes must stay within 1 MiB.
    let lengths = vec![format!("length('{}')", "x".repeat(MIB / 2)); 32];

    let found: i32 = value(&mut client, &format!("SELECT {}", lengths.join(" + ")));

    assert_eq!(usize::try_from(found).unwrap(), 16 * MIB);
}

#[test]
fn a_statement_that_is_too_long_for_hyperd_is_refused_and_the_session_goes_on() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let error = client.execute(&format!("SELECT 1 -- {}", "x".repeat(64 * MIB))).unwrap_err();

    assert_eq!(sqlstate(&error), "53400");
    assert_usable(&mut client);
}

/// Hyper quotes the value that it cannot convert.
#[test]
fn an_error_that_quotes_a_value_of_3_mb_is_cut_off_and_the_session_goes_on() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let statement = "SELECT cast(a AS integer) FROM (SELECT repeat('x', 3000000) AS a) t";

    let error = client.query(statement).and_then(|rows| rows.finish()).unwrap_err();

    assert_eq!(sqlstate(&error), "22P02");
    let text = error.to_string();
    assert!(text.contains("xxx...") && text.len() < 70_000, "{} bytes", text.len());
    assert_usable(&mut client);
}

#[test]
fn a_thousand_parameters_arrive_in_order() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let numbers: Vec<i32> = (1..=1000).collect();
    let list: Vec<_> = numbers.iter().map(|n| format!("${n}")).collect();
    let parameters: Vec<&dyn ToParameter> = numbers.iter().map(|n| n as &dyn ToParameter).collect();

    let mut rows = client.query_params(&format!("SELECT {}", list.join(", ")), &parameters).unwrap();
    let row = rows.next().unwrap().unwrap();

    let found: Vec<i32> = row.iter().map(|value| value.get().unwrap()).collect();
    assert_eq!(found, numbers);
}

#[test]
fn many_short_statements_need_no_more_than_their_round_trips() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for i in 0..2000 {
        assert_eq!(value::<i32>(&mut client, &format!("SELECT {i}")), i);
    }
}
