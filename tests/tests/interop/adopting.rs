//! Either program uses a daemon that the other started, and leaves it as it is.

use std::time::Duration;

use hyperwire_tests::hyperdb_mcp::{Household, Role};

use crate::{SOON, assert_ours_answers, assert_theirs_answers, their_client};

#[test]
fn its_client_adopts_our_daemon() {
    Household::run_or_skip(|household| {
        let ours = household.start_our_daemon();

        let mut client = their_client(household);
        assert_theirs_answers(&mut client);
        let engine = client.status().expect("the tool `status` answers")["engine"].take();

        assert_eq!(engine["mode"], "daemon", "{engine}");
        assert_eq!(engine["hyperd_endpoint"], ours["endpoint"], "{engine}");
        assert_eq!(engine["daemon_health_port"], ours["health_port"], "{engine}");
        assert_eq!(household.processes_as(Role::Engine).len(), 1, "{:?}", household.processes());
        assert_eq!(client.close(), Ok(()));
        let afterwards = household.status().expect("our daemon goes on");
        assert_eq!(afterwards["pid"], ours["pid"]);
        let _ = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
    });
}

#[test]
fn our_client_adopts_its_daemon_and_does_not_stop_it() {
    Household::run_or_skip(|household| {
        let (daemon, record) = household.start_their_daemon();

        assert_ours_answers(household);
        let mut unread = household.start_unread();
        let engines = household.processes_as(Role::Engine);
        let daemons = household.processes_as(Role::Daemon);
        assert!(unread.runs(), "the statement runs while the processes are counted");
        unread.read_all(Duration::from_secs(300));

        assert_eq!(engines.len(), 1, "{engines:?}");
        assert_eq!(
            daemons.iter().map(|process| process.pid).collect::<Vec<_>>(),
            [daemon.pid()],
            "{daemons:?}"
        );
        assert_eq!(household.record().as_ref(), Some(&record), "its record is as it wrote it");
        let said = household.run_hyperdb_mcp(&["daemon", "status"]).expect_code(0);
        assert!(said.contains(&daemon.pid().to_string()), "{said}");
        assert_theirs_answers(&mut their_client(household));

        let _ = household.run_hyperdb_mcp(&["daemon", "stop"]).expect_code(0);
        let _ = daemon.finish(SOON).expect("a daemon ends that was told to").expect_code(0);
    });
}
