//! `daemon status` and `daemon stop` of either program, on the daemon of the other.

use std::time::Duration;

use hyperwire_tests::hyperdb_mcp::{Household, Role};
use hyperwire_tests::real_hyperd::wait_until;

use crate::SOON;

/// To read 150 MB through a busy machine.
const ALL_READ: Duration = Duration::from_secs(300);

#[test]
fn its_status_shows_our_daemon() {
    Household::run_or_skip(|household| {
        let ours = household.start_our_daemon();

        let said = household.run_hyperdb_mcp(&["daemon", "status"]).expect_code(0);

        for key in ["pid", "endpoint", "health_port"] {
            let value = ours[key].as_str().map_or_else(|| ours[key].to_string(), str::to_owned);
            assert!(said.contains(&value), "expected {key} {value} in {said}");
        }
        let _ = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
    });
}

#[test]
fn its_stop_drains_our_daemon() {
    Household::run_or_skip(|household| {
        let ours = household.start_our_daemon();
        let mut unread = household.start_unread();

        let said = household.run_hyperdb_mcp(&["daemon", "stop"]).expect_code(0);
        assert!(said.contains("STOPPING"), "{said}");

        wait_until("the daemon tells that it drains, by removing its record", SOON, || {
            household.record().is_none()
        });
        assert!(unread.runs(), "the statement goes on");
        let pid = ours["pid"].as_u64();
        let there = || household.processes().iter().any(|process| Some(u64::from(process.pid)) == pid);
        assert!(there(), "the daemon waits for the statement");
        unread.read_all(ALL_READ);
        wait_until("the daemon is gone", SOON, || household.processes().is_empty());
        assert_eq!(household.status(), None);
    });
}

#[test]
fn our_status_shows_its_daemon_and_our_stop_ends_it() {
    Household::run_or_skip(|household| {
        let (daemon, record) = household.start_their_daemon();

        let status = household.status().expect("our status sees it");
        assert_eq!(status["pid"], daemon.pid(), "{status}");
        assert_eq!(status["endpoint"], record["hyperd_endpoint"], "{status}");
        assert_eq!(status["health_port"], record["health_port"], "{status}");
        assert_eq!(status["version"], record["version"], "{status}");

        let _ = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);

        // As a child of this process, which has not waited for it, it may be a zombie, as those are that an MCP
        // server started: it is gone all the same.
        assert_eq!(household.processes_as(Role::Daemon), [], "gone when our stop says so");
        let _ = daemon.finish(SOON).expect("it has ended").expect_code(0);
        assert_eq!(household.status(), None);
    });
}
