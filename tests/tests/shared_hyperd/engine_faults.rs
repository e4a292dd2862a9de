//! hyperd or the daemon dies, or hangs.

use std::time::Duration;

use hyperwire_tests::household::{Household, Role};
use hyperwire_tests::real_hyperd::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{SOON, sql, stop};

fn signal(pid: &Value, signal: Signal) {
    let pid =
        pid.as_i64().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("it is there");
}

#[test]
fn a_hyperd_that_is_killed_is_started_again_by_the_same_daemon() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let before = household.status().expect("it runs");

        signal(&before["engine_pid"], Signal::KILL);

        let after = || household.status().is_some_and(|status| status["generation"] == 2);
        wait_until("the daemon has started the second hyperd", SOON, after);
        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
        let after = household.status().expect("it runs");
        assert_eq!((&after["pid"], &after["restarts"]), (&before["pid"], &Value::from(1)));
        stop(household);
    });
}

#[test]
fn a_hyperd_that_keeps_dying_ends_its_daemon_and_the_next_client_starts_another() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let first = household.status().expect("it runs")["incarnation"].clone();

        for generation in 1.. {
            let mut status = None;
            wait_until("the next hyperd runs, or the daemon has left", SOON, || {
                status = household.status();
                let serves =
                    |status: &Value| status["generation"] == generation && status["phase"] == "ready";
                status.as_ref().is_some_and(serves) || household.processes_as(Role::Daemon).is_empty()
            });
            let Some(status) = status else { break };
            assert!(
                generation <= 4,
                "it may start hyperd three times again within a minute, not more: {status}"
            );
            signal(&status["engine_pid"], Signal::KILL);
        }

        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
        assert_ne!(household.status().expect("a new one")["incarnation"], first);
        let log = household.run_hyperwire(&["daemon", "logs"]).expect_code(0);
        assert!(log.contains("generation 4"), "{log}");
        stop(household);
    });
}

#[test]
fn a_killed_daemon_takes_its_hyperd_with_it_and_the_next_call_is_served() {
    Household::run_alone_or_skip(|household| {
        let mut running = household.start_unread();
        let before = household.status().expect("it runs");

        signal(&before["pid"], Signal::KILL);

        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
        let after = household.status().expect("a new one");
        assert_ne!(after["pid"], before["pid"]);
        assert_eq!(household.processes_as(Role::Engine).len(), 1, "{:?}", household.processes());
        let _ = running.runs();
        drop(running);
        stop(household);
    });
}

#[test]
fn a_daemon_that_is_stopped_is_waited_for_and_never_replaced() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let before = household.status().expect("it runs");
        signal(&before["pid"], Signal::STOP);

        let next = hyperwire_tests::household::Program::start(household.hyperwire(&[
            "sql",
            "--format",
            "csv",
            "SELECT 1 AS n",
        ]))
        .expect("the binary was built");
        // Its election meets a daemon that is silent, and then a lock that is held.
        wait_until("the client waits", SOON, || household.processes().iter().any(|it| it.pid == next.pid()));
        assert_eq!(household.processes_as(Role::Daemon).len(), 1, "{:?}", household.processes());
        signal(&before["pid"], Signal::CONT);

        let served = next.finish(SOON).expect("the daemon woke");
        assert_eq!(served.expect_code(0), "n\n1\n");
        assert_eq!(household.status().expect("it runs")["pid"], before["pid"]);
        stop(household);
    });
}

/// What a client can tell of a hyperd that does not answer is a report; the daemon looks for itself, three times.
#[test]
fn a_hyperd_that_hangs_is_replaced_once_it_is_reported() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let before = household.status().expect("it runs");
        signal(&before["engine_pid"], Signal::STOP);
        let port = before["health_port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");

        let heard = crate::strangers::say(port, "REPORT_HYPERD_ERROR\n");

        assert_eq!(heard, "OK\n");
        let replaced = || household.status().is_some_and(|status| status["generation"] == 2);
        wait_until("the hyperd that hangs is replaced", 2 * SOON, replaced);
        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
        stop(household);
    });
}

#[test]
fn a_report_about_a_hyperd_that_works_changes_nothing() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let before = household.status().expect("it runs");
        let port = before["health_port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");

        for _ in 0..10 {
            assert_eq!(crate::strangers::say(port, "REPORT_HYPERD_ERROR\n"), "OK\n");
        }

        std::thread::sleep(Duration::from_millis(200));
        let after = household.status().expect("it runs");
        assert_eq!((&after["engine_pid"], &after["restarts"]), (&before["engine_pid"], &Value::from(0)));
        stop(household);
    });
}
