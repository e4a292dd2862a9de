//! Statements that end before their time, against the real hyperd: canceled, timed out, dropped.
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_blocking::Error;
use hyperwire_blocking::hyperwire_core::session::{SqlState, StatementError};
use hyperwire_tests::real_hyperd::{CROSS_JOIN, MANY_ROWS, RealHyperd, assert_usable, wait_until};

/// For what takes milliseconds when the machine has time for it.
const SOON: Duration = Duration::from_secs(20);

fn assert_canceled(error: &Error) {
    assert_eq!(error.code(), Some(SqlState::QUERY_CANCELED), "{error:?}");
    assert!(!error.is_session_lost());
}

#[test]
fn a_statement_that_exceeds_its_timeout_is_canceled_and_the_session_goes_on() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let timeout = Duration::from_millis(300);
    client.set_statement_timeout(Some(timeout));

    for _ in 0..2 {
        let begun = Instant::now();
        let error = client.execute(CROSS_JOIN).unwrap_err();
        let took = begun.elapsed();

        assert!(matches!(error, Error::Statement(StatementError::DeadlineExceeded)), "{error:?}");
        assert!(took >= timeout, "ended after {took:?}");
        assert!(took < timeout + SOON, "ended only after {took:?}");
        client.set_statement_timeout(None);
        assert_usable(&mut client);
        client.set_statement_timeout(Some(timeout));
    }
}

#[test]
fn a_timeout_that_is_not_reached_changes_nothing() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    client.set_statement_timeout(Some(Duration::from_secs(600)));

    for _ in 0..50 {
        assert_usable(&mut client);
    }
    assert_eq!(client.execute("SELECT i FROM generate_series(1, 100000) s(i)").unwrap(), 100_000);
}

#[test]
fn a_timeout_also_ends_a_result_whose_reader_is_slow() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    client.set_statement_timeout(Some(Duration::from_millis(300)));

    let mut rows = client.query(MANY_ROWS).unwrap();
    rows.next().unwrap().unwrap();
    thread::sleep(Duration::from_millis(400));
    let error = loop {
        match rows.next() {
            Ok(row) => drop(row.expect("the deadline has passed before the last row")),
            Err(error) => break error,
        }
    };

    assert!(matches!(error, Error::Statement(StatementError::DeadlineExceeded)), "{error:?}");
    drop(rows);
    client.set_statement_timeout(None);
    assert_usable(&mut client);
}

#[test]
fn another_thread_cancels_a_statement_and_the_session_goes_on() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let handle = client.cancel_handle().unwrap();

    let error = thread::scope(|scope| {
        scope.spawn(|| {
            hyperd.wait_until_it_computes();
            handle.cancel().unwrap();
        });
        client.execute(CROSS_JOIN).unwrap_err()
    });

    assert_canceled(&error);
    assert_usable(&mut client);
}

#[test]
fn a_cancel_in_a_transaction_fails_it() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let handle = client.cancel_handle().unwrap();

    let mut transaction = client.transaction().unwrap();
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            hyperd.wait_until_it_computes();
            handle.cancel().unwrap();
        });
        transaction.execute(CROSS_JOIN).unwrap_err()
    });

    assert_canceled(&error);
    assert!(matches!(transaction.commit(), Err(Error::RolledBack)));
    assert_usable(&mut client);
}

#[test]
fn a_cancel_without_a_running_statement_has_no_effect() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let handle = client.cancel_handle().unwrap();

    for _ in 0..50 {
        handle.cancel().unwrap();
        assert_usable(&mut client);
        handle.cancel().unwrap();
    }
}

#[test]
fn a_cancel_hits_nobody_else() {
    let hyperd = RealHyperd::start();
    let (mut client, mut other) = (hyperd.connect(), hyperd.connect());
    let handle = client.cancel_handle().unwrap();
    let over = AtomicBool::new(false);

    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                handle.cancel().unwrap();
            }
        });
        for _ in 0..200 {
            assert_usable(&mut other);
        }
        over.store(true, Ordering::Relaxed);
    });

    assert_usable(&mut client);
}

#[test]
fn a_cancel_handle_outlives_its_client() {
    let hyperd = RealHyperd::start();
    let client = hyperd.connect();
    let handle = client.cancel_handle().unwrap();

    client.close().unwrap();

    handle.cancel().unwrap();
    assert_usable(&mut hyperd.connect());
}

#[test]
fn a_dropped_result_leaves_the_client_usable_and_the_server_idle() {
    let hyperd = RealHyperd::start();
    let database = hyperd.create_database("rows.hyper");
    let mut client = hyperd.connect_to(&database);
    client.execute("CREATE TABLE t (a bigint, b bigint, c text)").unwrap();
    assert_eq!(client.execute(&format!("INSERT INTO t {MANY_ROWS}")).unwrap(), 10_000_000);

    let begun = Instant::now();
    for read in [0, 1, 1000] {
        let mut rows = client.query("SELECT * FROM t").unwrap();
        for _ in 0..read {
            rows.next().unwrap().unwrap();
        }
        drop(rows);
        assert_usable(&mut client);
    }
    let took = begun.elapsed();

    assert!(took < SOON, "{took:?} for three results that nobody wanted");
    // A result that is still open would hold back whoever writes to its table.
    let mut writer = hyperd.connect_to(&database);
    writer.set_statement_timeout(Some(SOON));
    assert_eq!(writer.execute("DELETE FROM t WHERE a = 1").unwrap(), 1);
    wait_until("hyperd has nothing to do", SOON, || {
        let before = hyperd.processor_time();
        thread::sleep(Duration::from_millis(300));
        hyperd.processor_time() - before <= Duration::from_millis(20)
    });
}

#[test]
fn small_results_may_be_dropped_at_any_row() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for read in 0..=10 {
        let mut rows = client.query("SELECT i FROM generate_series(1, 10) s(i)").unwrap();
        for _ in 0..read {
            rows.next().unwrap().unwrap();
        }
        drop(rows);
        assert_usable(&mut client);
    }
}

/// hyperd says that it is alive every 5 s while a statement runs.
#[test]
fn signs_of_life_are_neither_answers_nor_settings() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    client.set_statement_timeout(Some(Duration::from_millis(5500)));

    let error = client.execute(CROSS_JOIN).unwrap_err();

    assert!(matches!(error, Error::Statement(StatementError::DeadlineExceeded)), "{error:?}");
    assert_eq!(client.settings().get("alive"), None);
    client.set_statement_timeout(None);
    assert_usable(&mut client);
}
