//! Statements that end before their time, against the real hyperd: cancelled, timed out, dropped, and with a server
//! that dies or hangs.
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_blocking::core::session::{
    Blame, CANCEL_TIMEOUT, Fault, LinkLoss, SqlState, StatementError, Timer,
};
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::real_hyperd::{RealHyperd, assert_usable, value, wait_until};

/// Takes hyperd hours, and sends nothing before its end.
const CROSS_JOIN: &str = "SELECT count(*) FROM generate_series(1, 4000000) a(x), generate_series(1, 4000000) b(y) \
     WHERE (x * 7 + y * 13) % 1000003 = 5";
/// Some 400 MB: more than all the buffers on its way can hold.
const MANY_ROWS: &str = "SELECT i, i * 2, 'some text' AS c FROM generate_series(1, 10000000) s(i)";
/// For what takes milliseconds when the machine has time for it.
const SOON: Duration = Duration::from_secs(20);

fn assert_canceled(error: &Error) {
    assert_eq!(error.code(), Some(SqlState::QUERY_CANCELED), "{error:?}");
    assert!(!error.is_session_lost());
}

/// Waits until hyperd has used that much more processor time: the statement runs.
fn wait_until_it_computes(hyperd: &RealHyperd) {
    let enough = hyperd.processor_time() + Duration::from_millis(200);
    wait_until("hyperd computes", SOON, || hyperd.processor_time() >= enough);
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
            wait_until_it_computes(&hyperd);
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
            wait_until_it_computes(&hyperd);
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

#[test]
fn a_statement_that_takes_longer_than_a_heartbeat_succeeds() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let mut slow = hyperd.connect();
    slow.batch([
        "CREATE TEMP TABLE t (a bigint)",
        "INSERT INTO t SELECT i FROM generate_series(1, 1000) s(i)",
    ])
    .unwrap();

    // hyperd says that it is alive every 5 s, whenever the statement began: somewhere in these it does.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        let found: i64 = value(
            &mut slow,
            "SELECT count(*) FROM generate_series(1, 20000) a(x), generate_series(1, 10000) b(y) WHERE x <> y",
        );
        assert_eq!(found, 20_000 * 10_000 - 10_000);
    }

    assert_usable(&mut slow);
    assert_usable(&mut client);
}

/// What a client finds when the server has gone.
fn assert_link_lost(error: &Error, client: &mut Client) {
    let Error::Session { fault: Fault::Link { loss, request_open: true }, .. } = error else {
        panic!("{error:?}")
    };
    assert!(matches!(loss, LinkLoss::Eof | LinkLoss::Reset), "{error:?}");
    assert_eq!(error.blame(), Blame::Link);
    assert!(error.is_session_lost() && client.is_closed());
    assert!(error.to_string().contains("may or may not have run"), "{error}");
    let again = client.execute("SELECT 1").unwrap_err();
    assert!(again.is_session_lost(), "{again:?}");
}

#[test]
fn a_hyperd_killed_between_rows_is_a_lost_link() {
    for start in [RealHyperd::start, RealHyperd::start_on_tcp] {
        let mut hyperd = start();
        let mut client = hyperd.connect();
        let begun = Instant::now();

        let mut rows = client.query(MANY_ROWS).unwrap();
        rows.next().unwrap().unwrap();
        hyperd.kill();
        let error = loop {
            match rows.next() {
                Ok(row) => drop(row.expect("a killed server cannot say that it is done")),
                Err(error) => break error,
            }
        };
        drop(rows);

        assert_link_lost(&error, &mut client);
        assert!(begun.elapsed() < SOON);
    }
}

#[test]
fn a_hyperd_killed_while_it_computes_is_a_lost_link() {
    let mut hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let (client, error) = thread::scope(|scope| {
        let running = scope.spawn(move || {
            let error = client.execute(CROSS_JOIN).unwrap_err();
            (client, error)
        });
        wait_until_it_computes(&hyperd);
        hyperd.kill();
        wait_until("the statement has ended", SOON, || running.is_finished());
        running.join().unwrap()
    });

    assert_link_lost(&error, &mut { client });
}

#[test]
fn a_hyperd_killed_while_nothing_runs_is_found_at_the_next_statement() {
    let mut hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    hyperd.kill();
    let error = client.execute("SELECT 1").unwrap_err();

    assert!(matches!(error, Error::Session { fault: Fault::Link { .. }, .. }), "{error:?}");
    assert!(client.is_closed());
}

#[test]
fn a_hyperd_that_hangs_is_given_up_when_it_does_not_heed_the_cancel() {
    let hyperd = RealHyperd::start();
    let (timeout, grace) = (Duration::from_millis(300), Duration::from_millis(700));
    let mut config = hyperd.config();
    config.session.cancel_grace = grace;
    let mut client = Client::connect(config).unwrap();
    client.set_statement_timeout(Some(timeout));

    let stopped = hyperd.stop();
    let begun = Instant::now();
    let error = client.execute("SELECT 1").unwrap_err();
    let took = begun.elapsed();
    drop(stopped);

    assert!(matches!(error, Error::Session { fault: Fault::Deadline(Timer::CancelGrace), .. }), "{error:?}");
    assert!(error.is_session_lost() && client.is_closed());
    assert!(took >= timeout + grace, "given up after {took:?}");
    // The request to cancel waits for an answer too.
    assert!(
        took < timeout + grace.max(CANCEL_TIMEOUT) + Duration::from_secs(5),
        "given up only after {took:?}"
    );
    assert_usable(&mut hyperd.connect());
}

#[test]
fn a_hyperd_that_hangs_between_rows_is_given_up_when_it_does_not_heed_the_cancel() {
    let hyperd = RealHyperd::start();
    let mut config = hyperd.config();
    config.session.cancel_grace = Duration::from_millis(500);
    let mut client = Client::connect(config).unwrap();
    client.set_statement_timeout(Some(Duration::from_secs(1)));

    let mut rows = client.query(MANY_ROWS).unwrap();
    rows.next().unwrap().unwrap();
    let stopped = hyperd.stop();
    let error = loop {
        match rows.next() {
            Ok(row) => drop(row.expect("a stopped server cannot say that it is done")),
            Err(error) => break error,
        }
    };
    drop(rows);
    drop(stopped);

    assert!(matches!(error, Error::Session { fault: Fault::Deadline(Timer::CancelGrace), .. }), "{error:?}");
    assert!(client.is_closed());
}

#[test]
fn a_ping_of_a_hyperd_that_hangs_ends_in_time() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let timeout = Duration::from_millis(300);

    let stopped = hyperd.stop();
    let begun = Instant::now();
    let error = client.ping(timeout).unwrap_err();
    let took = begun.elapsed();
    drop(stopped);

    assert!(matches!(error, Error::Session { fault: Fault::Deadline(Timer::Sync), .. }), "{error:?}");
    assert!(took >= timeout && took < timeout + Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_hyperd_that_goes_on_after_a_while_has_lost_nothing() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for _ in 0..3 {
        let stopped = hyperd.stop();
        let (found, waited) = thread::scope(|scope| {
            let running = scope.spawn(|| value::<i32>(&mut client, "SELECT 7"));
            thread::sleep(Duration::from_millis(300));
            let waited = !running.is_finished();
            drop(stopped);
            wait_until("the statement has ended", SOON, || running.is_finished());
            (running.join().unwrap(), waited)
        });
        assert_eq!((found, waited), (7, true));
    }
    assert_usable(&mut client);
}

#[test]
fn a_hyperd_that_goes_on_within_the_grace_heeds_the_cancel_and_keeps_the_session() {
    let hyperd = RealHyperd::start();
    let mut config = hyperd.config();
    config.session.cancel_grace = Duration::from_secs(60);
    let mut client = Client::connect(config).unwrap();
    client.set_statement_timeout(Some(Duration::from_millis(600)));

    let (client, error) = thread::scope(|scope| {
        let running = scope.spawn(move || {
            let error = client.execute(CROSS_JOIN).unwrap_err();
            (client, error)
        });
        wait_until_it_computes(&hyperd);
        let stopped = hyperd.stop();
        thread::sleep(Duration::from_secs(1));
        assert!(!running.is_finished());
        drop(stopped);
        wait_until("the statement has ended", SOON, || running.is_finished());
        running.join().unwrap()
    });

    assert!(matches!(error, Error::Statement(StatementError::DeadlineExceeded)), "{error:?}");
    let mut client = client;
    client.set_statement_timeout(None);
    assert_usable(&mut client);
}
