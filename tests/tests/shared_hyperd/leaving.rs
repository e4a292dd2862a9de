//! How a daemon leaves.

use std::time::{Duration, Instant};

use hyperwire_tests::household::{Household, Program};
use hyperwire_tests::real_hyperd::wait_until;
use serde_json::json;

use crate::{SOON, complaint, sql, stop};

#[test]
fn a_daemon_that_is_told_to_stop_lets_a_running_statement_finish() {
    Household::run_alone_or_skip(|household| {
        let mut running = household.start_unread();

        let told = household.run_hyperwire(&["daemon", "stop", "--timeout", "0"]);

        let said = complaint(&told, 3);
        assert!(said.contains("still in use"), "{said}");
        assert!(running.runs());
        running.read_all(SOON);
        wait_until("the daemon has gone with its last user", SOON, || household.processes().is_empty());
    });
}

#[test]
fn a_client_that_comes_while_a_daemon_leaves_waits_for_the_next() {
    Household::run_alone_or_skip(|household| {
        let running = household.start_unread();
        let first = household.status().expect("it runs")["pid"].clone();
        let told = household.run_hyperwire(&["daemon", "stop", "--timeout", "0"]);
        assert_eq!(told.code, Some(3), "{told}");

        let next = Program::start(household.hyperwire(&["sql", "--format", "csv", "SELECT 1 AS n"]));
        running.read_all(SOON);

        let finished = next.and_then(|next| next.finish(SOON)).expect("the old one has gone");
        assert_eq!(finished.expect_code(0), "n\n1\n");
        assert_ne!(household.status().expect("a new one")["pid"], first);
        stop(household);
    });
}

#[test]
fn now_means_now_and_the_statement_is_told() {
    Household::run_alone_or_skip(|household| {
        let statement = ["sql", hyperwire_tests::real_hyperd::CROSS_JOIN];
        let running = Program::start(household.hyperwire(&statement)).expect("the binary was built");
        let leases = || household.status().is_some_and(|status| status["lease_count"] == 1);
        wait_until("the statement's command holds a lease", SOON, leases);

        let said = household.run_hyperwire(&["daemon", "stop", "--now"]).expect_code(0);

        assert_eq!(said, "the daemon has ended\n");
        let finished = running.finish(SOON).expect("its hyperd is gone");
        assert!(matches!(finished.code, Some(3 | 4)), "{finished}");
        assert!(!finished.stderr.is_empty(), "{finished}");
    });
}

#[test]
fn now_also_ends_one_that_is_leaving() {
    Household::run_alone_or_skip(|household| {
        let running = household.start_unread();
        let told = household.run_hyperwire(&["daemon", "stop", "--timeout", "0"]);
        assert_eq!(told.code, Some(3), "{told}");

        let said = household.run_hyperwire(&["daemon", "stop", "--now"]).expect_code(0);

        assert_eq!(said, "the daemon has ended\n");
        drop(running);
    });
}

#[test]
fn an_idle_daemon_retires_and_one_in_use_does_not() {
    Household::run_alone_or_skip(|household| {
        let mut start = household.hyperwire(&["sql", "SELECT 1"]);
        start.env("HYPERDB_DAEMON_IDLE_TIMEOUT", "2");
        let served = Program::start(start).and_then(|program| program.finish(SOON)).expect("it is served");
        assert_eq!(served.code, Some(0), "{served}");
        let running = household.start_unread();
        let began = Instant::now();

        wait_until("more time than the daemon may idle", SOON, || began.elapsed() > Duration::from_secs(4));

        let status = household.status().expect("somebody uses it");
        assert_eq!(status["lease_count"], 1, "{status}");
        running.read_all(SOON);
        wait_until("the daemon has retired", SOON, || household.processes().is_empty());
    });
}

#[test]
fn a_restart_gives_a_new_daemon() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let first = household.status().expect("it runs");

        let said = household.run_hyperwire(&["daemon", "restart"]).expect_code(0);

        let second = household.status().expect("it runs");
        assert!(said.starts_with("the daemon has ended\n"), "{said}");
        assert_ne!(first["incarnation"], second["incarnation"]);
        assert_eq!(second["generation"], json!(1));
        stop(household);
    });
}
