//! A real hyperd that is killed, or that hangs, under a client.
#![cfg(target_os = "linux")]

use std::thread;
use std::time::{Duration, Instant};

use hyperwire_blocking::hyperwire_core::session::{
    Blame, CANCEL_TIMEOUT, Fault, LinkLoss, StatementError, Timer,
};
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::real_hyperd::{CROSS_JOIN, MANY_ROWS, RealHyperd, assert_usable, value, wait_until};

/// For what takes milliseconds when the machine has time for it.
const SOON: Duration = Duration::from_secs(20);

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
        hyperd.wait_until_it_computes();
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
        hyperd.wait_until_it_computes();
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
