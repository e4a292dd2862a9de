//! Finding a daemon, starting one, and going on to the next.

use hyperwire_tests::household::Role;
use hyperwire_tokio::core::election::Phase;
use hyperwire_tokio::shared::{JoinError, Settings, SharedHyperd};
use hyperwire_tokio::{Client, daemon::Place};
use rstest::rstest;
use tokio::runtime::Runtime;

use crate::{
    SOON, in_time, join, leave, one_thread, run, select_one, settings_without_command, trusted, two_threads,
};

#[rstest]
fn where_there_is_no_daemon_one_is_started_and_two_shares_have_it(
    #[values(one_thread, two_threads)] runtime: fn() -> Runtime,
) {
    run(runtime, async |household| {
        let shares = [join(household), join(household)];

        let (first, mut client) = in_time(shares[0].connect(SOON, trusted)).await.expect("a daemon starts");
        let (second, mut other) = in_time(shares[1].connect(SOON, trusted)).await.expect("it is there");

        assert_eq!((select_one(&mut client).await, select_one(&mut other).await), (1, 1));
        assert_eq!(first.record().pid, second.record().pid, "one daemon for both");
        assert_eq!(household.processes_as(Role::Daemon).len(), 1, "{:?}", household.processes());
        assert_eq!(shares.each_ref().map(SharedHyperd::phase), [Phase::Adopted; 2]);
        leave(household, (first, second, client, other, shares)).await;
    });
}

#[test]
fn a_daemon_that_is_there_is_adopted() {
    run(one_thread, async |household| {
        let status = household.start_our_daemon();
        let shared = SharedHyperd::join(settings_without_command(household)).expect("the path is fine");

        let (in_use, mut client) = in_time(shared.connect(SOON, trusted)).await.expect("it is there");

        assert_eq!(status["pid"], in_use.record().pid);
        assert_eq!(select_one(&mut client).await, 1);
        leave(household, (in_use, client, shared)).await;
    });
}

#[rstest]
fn an_idle_share_lets_the_daemon_go_and_follows_to_the_next(
    #[values(one_thread, two_threads)] runtime: fn() -> Runtime,
) {
    run(runtime, async |household| {
        let shared = join(household);
        let in_use = in_time(shared.enter(SOON)).await.expect("a daemon starts");
        let first = in_use.record().incarnation();
        drop(in_use);
        let start = std::time::Instant::now();

        // It starts the next one by itself, so the end of this one is all that can be waited for. The task has to run
        // meanwhile.
        let mut command = household.hyperwire(&["daemon", "stop", "--timeout", "0"]);
        let told = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
        told.expect("it runs");
        let next = loop {
            assert!(start.elapsed() < SOON, "the share has not moved on");
            let in_use = in_time(shared.enter(SOON)).await.expect("there is another");
            if in_use.record().incarnation() != first {
                break in_use;
            }
            drop(in_use);
            tokio::task::yield_now().await;
        };

        let mut client = Client::connect(trusted(next.endpoint().expect("one"))).await.expect("it serves");
        assert_eq!(select_one(&mut client).await, 1);
        leave(household, (client, next, shared)).await;
    });
}

#[test]
fn a_hyperd_that_is_reported_dead_is_had_anew() {
    run(one_thread, async |household| {
        let shared = join(household);
        let in_use = in_time(shared.enter(SOON)).await.expect("a daemon starts");
        let engine = household.processes_as(Role::Engine).first().expect("its hyperd").pid;
        let pid = rustix::process::Pid::from_raw(engine.cast_signed()).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
        in_use.report("killed by this test");
        drop(in_use);

        let (in_use, mut client) = in_time(shared.connect(SOON, trusted)).await.expect("there is another");

        assert_eq!(select_one(&mut client).await, 1);
        leave(household, (client, in_use, shared)).await;
    });
}

#[test]
fn a_database_is_created_once_by_many_also_by_those_who_do_not_wait() {
    run(one_thread, async |household| {
        let shared = join(household);
        let in_use = in_time(shared.enter(SOON)).await.expect("a daemon starts");
        let file = household.state_folder().with_file_name("many.hyper");
        let file = file.to_str().expect("UTF-8").to_owned();
        let in_use = std::sync::Arc::new(in_use);

        let creating: Vec<_> = (0..8)
            .map(|number| {
                let (in_use, file) = (in_use.clone(), file.clone());
                tokio::spawn(async move {
                    let created = in_use.create_database(&file, SOON);
                    if number % 2 == 0 {
                        let _ = tokio::time::timeout(std::time::Duration::ZERO, created).await;
                        return;
                    }
                    created.await.expect("each of them");
                    let config = trusted(in_use.endpoint().expect("an endpoint")).database(&file);
                    let client = Client::connect(config).await.expect("it is there");
                    client.close().await.expect("in order");
                })
            })
            .collect();
        for created in creating {
            in_time(created).await.expect("no panic");
        }

        leave(household, (in_use, shared)).await;
    });
}

#[test]
fn a_command_that_cannot_be_given_is_the_reason() {
    run(one_thread, async |household| {
        let shared = SharedHyperd::join(settings_without_command(household)).expect("the path is fine");

        let error = in_time(shared.enter(SOON)).await.expect_err("nothing can be started");

        assert!(matches!(error, JoinError::Command(_)), "{error}");
        assert!(error.to_string().contains("there is no hyperd today"), "{error}");
        assert_eq!(shared.phase(), Phase::Failed);
        // Whoever asks later gets a search of their own.
        let again = in_time(shared.enter(SOON)).await.expect_err("nor now");
        assert!(matches!(again, JoinError::Command(_)), "{again}");
    });
}

#[test]
fn a_program_that_is_no_daemon_is_found_out_at_once() {
    run(one_thread, async |household| {
        let place = Place::new(household.state_folder());
        let shared =
            SharedHyperd::join(Settings::new(place, "library", ["/bin/true"])).expect("the path is fine");

        let error = in_time(shared.enter(SOON)).await.expect_err("it says nothing and ends");

        assert!(error.to_string().contains("3 daemons were started"), "{error}");
    });
}
