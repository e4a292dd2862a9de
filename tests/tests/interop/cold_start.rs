//! Nobody has a daemon, and all want one at the same moment.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::Barrier;
use std::thread;

use hyperwire_blocking::hyperwire_core::control::BASE_PORT;
use hyperwire_tests::hyperdb_mcp::{Household, Program, Role};
use hyperwire_tests::real_hyperd::wait_until;

use crate::{SOON, assert_ours_answers, assert_theirs_answers, their_client};

/// Of each kind: enough to see what happens now and then.
const ROUNDS: usize = 6;
const OURS: usize = 3;

#[test]
fn one_of_theirs_and_three_of_ours_are_all_served_and_at_most_one_daemon_stays() {
    Household::run_or_skip(|household| {
        for _ in 0..ROUNDS {
            start_at_once(household);
            at_rest(household);

            // The one that stays serves both.
            assert_ours_answers(household);
            let mut client = their_client(household);
            assert_theirs_answers(&mut client);
            assert_eq!(client.close(), Ok(()));
            at_rest(household);

            let _ = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
            wait_until("nothing runs in between", SOON, || household.processes().is_empty());
        }
    });
}

#[test]
fn ours_that_come_while_its_daemon_starts_wait_for_it() {
    Household::run_or_skip(|household| {
        for _ in 0..ROUNDS {
            let daemon = Program::start(household.hyperdb_mcp(&["daemon"])).expect("hyperdb-mcp runs");
            // From now on, and until its hyperd is up, it lets programs connect and answers nothing.
            wait_until("its port is bound", SOON, || {
                TcpStream::connect((Ipv4Addr::LOCALHOST, BASE_PORT)).is_ok()
            });

            thread::scope(|scope| {
                for _ in 0..OURS {
                    scope.spawn(|| assert_ours_answers(household));
                }
            });

            at_rest(household);
            let daemons = household.processes_as(Role::Daemon);
            let pids: Vec<_> = daemons.iter().map(|process| process.pid).collect();
            assert_eq!(pids, [daemon.pid()], "{daemons:?}");
            let _ = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
            let _ = daemon.finish(SOON).expect("a daemon ends that was told to").expect_code(0);
            wait_until("nothing runs in between", SOON, || household.processes().is_empty());
        }
    });
}

fn start_at_once(household: &Household) {
    let start = Barrier::new(OURS + 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            let mut client = their_client(household);
            assert_theirs_answers(&mut client);
            assert_eq!(client.close(), Ok(()));
        });
        for _ in 0..OURS {
            scope.spawn(|| {
                start.wait();
                assert_ours_answers(household);
            });
        }
    });
}

/// Waits until at most one daemon and one hyperd live. All clients are gone, so nobody starts another.
fn at_rest(household: &Household) {
    let at_most_one = |role| household.processes_as(role).len() <= 1;
    wait_until("at most one daemon lives, and no hyperd but its own", SOON, || {
        at_most_one(Role::Daemon) && at_most_one(Role::Engine)
    });
}
