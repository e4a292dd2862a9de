//! Who wants to wait for ever says `Duration::MAX`, and who wants all rows `u64::MAX`: nothing overflows.
#![cfg(target_os = "linux")]

use std::time::Duration;

use hyperwire_blocking::daemon::{Place, stop};
use hyperwire_blocking::hyperd::{Environment, Settings, locate};
use hyperwire_blocking::hyperwire_core::control::{Ports, StopMode};
use hyperwire_blocking::hyperwire_core::row::Row;
use hyperwire_blocking::hyperwire_core::session::{Config as SessionConfig, RequestOptions, Session};
use hyperwire_blocking::hyperwire_core::time::Instant;
use hyperwire_blocking::{Client, Config, shared};
use hyperwire_tests::real_hyperd::{RealHyperd, assert_usable};
use hyperwire_tokio::{Pool, PoolConfig};

const FOR_EVER: Duration = Duration::MAX;

/// Every bound that a configuration has.
fn patient(hyperd: &RealHyperd) -> Config {
    let mut config = hyperd.config();
    config.connect_timeout = FOR_EVER;
    config.session.startup_timeout = FOR_EVER;
    config.session.cancel_grace = FOR_EVER;
    config.session.abandon_patience = FOR_EVER;
    config.session.abandon_budget = u64::MAX;
    config
}

fn patient_hyperd() -> RealHyperd {
    RealHyperd::start_with(|settings: &mut Settings| settings.ready_within = FOR_EVER)
}

/// A place without a daemon, and ports that nobody uses.
fn empty_place(folder: &tempfile::TempDir) -> Place {
    let mut place = Place::new(folder.path());
    place.ports = Ports::new(29_485, 1);
    place.idle_timeout = Some(FOR_EVER);
    place
}

#[test]
fn a_blocking_client_waits_as_long_as_it_takes() {
    let hyperd = patient_hyperd();
    let mut client = Client::connect(patient(&hyperd)).expect("it lets everybody in");

    client.ping(FOR_EVER).expect("it answers");
    client.set_statement_timeout(Some(FOR_EVER));
    assert_usable(&mut client);
    let mut rows = client.query("SELECT * FROM generate_series(1, 100000)").expect("rows");
    rows.next().expect("a row");
    drop(rows);
    assert_usable(&mut client);
    client.close().expect("in order");
}

#[test]
fn a_process_is_waited_for_as_long_as_it_takes() {
    let program = hyperwire_tests::real_hyperd::hyperd_program();
    let mut settings = Settings::new(program);
    settings.ready_within = FOR_EVER;
    let hyperd = hyperwire_blocking::hyperd::Hyperd::start(&settings).expect("it starts");

    hyperd.shutdown(FOR_EVER).expect("it ends");

    let mut environment = Environment::of_this_process();
    environment.python_answers_within = FOR_EVER;
    environment.download_stalls_after = FOR_EVER;
    drop(locate(&environment));
}

#[test]
fn a_search_for_a_daemon_may_last_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = empty_place(&folder);
    stop(&place, StopMode::Drain, FOR_EVER).expect("there is none");

    let mut settings = shared::Settings::new(place, "patient", [std::ffi::OsString::from("/nonexistent")]);
    settings.deadline = FOR_EVER;
    settings.command = Box::new(|| Err("there is no program for it".to_owned()));
    let shared = shared::SharedHyperd::join(settings).expect("the path is fine");

    drop(shared.enter(FOR_EVER).expect_err("nothing can be started"));
    let error = shared.connect(FOR_EVER, |endpoint| Config::new(endpoint, "nobody"));
    drop(error.expect_err("nothing can be started"));
}

#[tokio::test]
async fn a_pool_waits_as_long_as_it_takes() {
    let hyperd = patient_hyperd();
    let mut config = PoolConfig::new(2);
    config.checkout_timeout = FOR_EVER;
    config.reuse.trusted_for = Duration::ZERO;
    config.reuse.answer_within = FOR_EVER;
    let pool = Pool::new(patient(&hyperd), config);

    for _ in 0..2 {
        let mut client = pool.get_within(FOR_EVER).await.expect("a client");
        client.ping(FOR_EVER).await.expect("it answers");
        client.set_statement_timeout(Some(FOR_EVER));
        client.query("SELECT 1").await.expect("rows").finish().await.expect("all of them");
    }
    drop(pool.get().await.expect("a client"));
}

#[test]
fn a_connection_on_readiness_events_takes_every_bound() {
    let hyperd = patient_hyperd();
    let poll = mio::Poll::new().expect("a poll");
    let connection = hyperwire_mio::Connection::connect(patient(&hyperd), poll.registry(), mio::Token(0));
    let mut connection = connection.expect("it begins");

    connection.set_statement_timeout(Some(FOR_EVER));
    connection.ping(FOR_EVER).expect("it is taken");
    let id = connection.query("SELECT 1").expect("it is taken");
    connection.demand(id, u64::MAX);
    connection.demand(id, u64::MAX);

    assert!(connection.deadline().is_some());
}

/// Demand that was given back for an announced row must not overflow.
#[test]
fn demand_for_all_rows_can_be_given_twice() {
    use hyperwire_blocking::hyperwire_core::buffer::{InBuf, OutBuf};
    let (mut input, mut out, now) = (InBuf::new(), OutBuf::new(), Instant::EPOCH);
    let mut session = Session::start(SessionConfig::new("hyper"), [1; 18], now, &mut out).expect("plain");
    let id = session.query("SELECT 1", RequestOptions::default(), &mut out).expect("it is taken");
    input.extend(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05IT\0\0\0\x1a\0\x011\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0");
    input.extend(&b"D\0\0\0\x0e\0\x01\0\0\0\x04\x01\0\0\0".repeat(3));
    session.demand(id, u64::MAX);
    let mut seen = 0;
    while session.poll(&mut input, &mut out, now).expect("it lives").is_some() {
        session.demand(id, u64::MAX);
        let count = |_: Row<'_>| {
            seen += 1;
            Ok::<_, ()>(())
        };
        session.each_row(&mut input, count).expect("nothing fails");
    }

    assert_eq!(seen, 3);
}
