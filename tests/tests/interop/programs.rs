//! hyperdb-mcp alone: what the other tests take for granted.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hyperwire_tests::hyperdb_mcp::{Household, Role};
use hyperwire_tests::real_hyperd::wait_until;

use crate::{SOON, assert_theirs_answers, their_client};

#[test]
fn its_client_starts_a_daemon_that_outlives_it() {
    Household::run_or_skip(|household| {
        let mut client = their_client(household);
        assert_theirs_answers(&mut client);
        let record = household.record().expect("the record of the daemon that it started");
        assert_eq!(client.close(), Ok(()));

        assert_eq!(household.processes_as(Role::Daemon).len(), 1, "{:?}", household.processes());
        assert_eq!(household.processes_as(Role::Engine).len(), 1, "{:?}", household.processes());
        let said = household.run_hyperdb_mcp(&["daemon", "status"]).expect_code(0);
        assert!(said.contains(&record["pid"].to_string()), "{said}");

        let said = household.run_hyperdb_mcp(&["daemon", "stop"]).expect_code(0);
        assert!(said.contains("STOPPING"), "{said}");
    });
}

#[test]
fn a_refused_statement_is_an_error_and_the_next_one_is_answered() {
    Household::run_or_skip(|household| {
        let mut client = their_client(household);

        let refused = client.query("SELECT * FROM there_is_no_such_table");

        assert!(refused.is_err_and(|error| error.contains("there_is_no_such_table")));
        assert_theirs_answers(&mut client);
        assert_eq!(client.close(), Ok(()));
        let _ = household.run_hyperdb_mcp(&["daemon", "stop"]).expect_code(0);
    });
}

#[test]
fn what_one_household_starts_is_not_seen_in_another() {
    Household::run_or_skip(|household| {
        let (daemon, _) = household.start_their_daemon();

        let seen = Household::run_or_skip(|other| other.run_hyperdb_mcp(&["daemon", "status"]));

        let status = seen.expect("one household was possible");
        assert_eq!(status.code, Some(1), "{status}");
        let _ = household.run_hyperdb_mcp(&["daemon", "stop"]).expect_code(0);
        let _ = daemon.finish(SOON).expect("a daemon ends that was told to").expect_code(0);
    });
}

#[test]
fn a_test_that_fails_leaves_no_daemon() {
    let pid = Arc::new(AtomicU32::new(0));
    let seen = pid.clone();
    let outcome = catch_unwind(|| {
        Household::run_or_skip(move |household| {
            let (daemon, _) = household.start_their_daemon();
            seen.store(daemon.pid(), Ordering::SeqCst);
            panic!("as a test that fails");
        })
    });
    let pid = pid.load(Ordering::SeqCst);
    if pid == 0 {
        return; // Skipped.
    }

    assert!(outcome.is_err());
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Its parent, this process, does not wait for it.
    wait_until("the daemon is gone", SOON, || state().is_empty() || state().contains(") Z "));
}
