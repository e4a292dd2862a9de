//! A program that shares hyperd through the library.

use std::ffi::OsString;

use hyperwire_blocking::core::hyperd::DEFAULT_USER;
use hyperwire_blocking::daemon::Place;
use hyperwire_blocking::shared::{InUse, JoinError, Settings, SharedHyperd};
use hyperwire_blocking::{Client, Config};
use hyperwire_tests::household::Household;
use hyperwire_tests::hyperwire_binary::hyperwire_binary;
use hyperwire_tests::real_hyperd::{hyperd_program, value, wait_until};

use crate::{SOON, stop};

fn settings(household: &Household) -> Settings {
    let words = ["daemon", "run", "--detached", "--hyperd"].map(OsString::from);
    let command = [hyperwire_binary().into()].into_iter().chain(words).chain([hyperd_program().into()]);
    Settings::new(Place::new(household.state_folder()), "library", command)
}

fn join(household: &Household) -> SharedHyperd {
    SharedHyperd::join(settings(household)).expect("the path is fine")
}

fn connect(in_use: &InUse) -> Client {
    Client::connect(Config::new(in_use.endpoint().expect("an endpoint"), DEFAULT_USER)).expect("it serves")
}

#[test]
fn an_idle_share_lets_the_daemon_go_and_follows_to_the_next() {
    Household::run_alone_or_skip(|household| {
        let shared = join(household);
        let in_use = shared.enter(SOON).expect("a daemon starts");
        let first = in_use.record().incarnation();
        assert_eq!(value::<i32>(&mut connect(&in_use), "SELECT 1"), 1);
        drop(in_use);

        // It starts the next one by itself, so the end of this one is all that can be waited for.
        let _ = household.run_hyperwire(&["daemon", "stop", "--timeout", "0"]);

        wait_until("the share has moved on", SOON, || {
            shared.enter(SOON).is_ok_and(|in_use| in_use.record().incarnation() != first)
        });
        let in_use = shared.enter(SOON).expect("it has one");
        assert_eq!(value::<i32>(&mut connect(&in_use), "SELECT 1"), 1);
        drop((in_use, shared));
        stop(household);
    });
}

#[test]
fn uses_of_one_share_are_one_lease_that_ends_with_the_last() {
    Household::run_alone_or_skip(|household| {
        let shared = join(household);
        let uses = [shared.enter(SOON).expect("it starts"), shared.enter(SOON).expect("it is there")];
        let [first, second] = uses;
        drop(first);

        let told = household.run_hyperwire(&["daemon", "stop", "--timeout", "0"]);

        assert_eq!(told.code, Some(3), "{told}");
        assert_eq!(value::<i32>(&mut connect(&second), "SELECT 1"), 1, "it stays while it is used");
        drop(shared);
        drop(second);
        wait_until("it goes with the last use", SOON, || household.processes().is_empty());
    });
}

#[test]
fn a_database_is_created_once_by_many() {
    Household::run_alone_or_skip(|household| {
        let shared = join(household);
        let in_use = shared.enter(SOON).expect("a daemon starts");
        let file = household.state_folder().with_file_name("many.hyper");
        let file = file.to_str().expect("UTF-8");

        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    in_use.create_database(file, SOON).expect("each of them");
                    let config =
                        Config::new(in_use.endpoint().expect("an endpoint"), DEFAULT_USER).database(file);
                    Client::connect(config).expect("it is there").close().expect("in order");
                });
            }
        });

        drop((in_use, shared));
        stop(household);
    });
}

#[test]
fn a_command_that_cannot_be_given_is_the_reason() {
    Household::run_alone_or_skip(|household| {
        let mut settings = settings(household);
        settings.command = Box::new(|| Err("there is no hyperd today".to_owned()));
        let shared = SharedHyperd::join(settings).expect("the path is fine");

        let error = shared.enter(SOON).expect_err("nothing can be started");

        assert!(matches!(error, JoinError::Command(_)), "{error}");
        assert!(error.to_string().contains("there is no hyperd today"), "{error}");
    });
}

#[test]
fn a_program_that_is_no_daemon_is_found_out_at_once() {
    Household::run_alone_or_skip(|household| {
        let place = Place::new(household.state_folder());
        let shared =
            SharedHyperd::join(Settings::new(place, "library", ["/bin/true"])).expect("the path is fine");

        let error = shared.enter(SOON).expect_err("it says nothing and ends");

        assert!(error.to_string().contains("3 daemons were started"), "{error}");
    });
}
