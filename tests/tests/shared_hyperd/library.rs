//! A program that shares hyperd through the library. What comes of elections is in `election_conformance`.

use std::ffi::OsString;

use hyperwire_blocking::daemon::Place;
use hyperwire_blocking::hyperwire_core::hyperd::DEFAULT_USER;
use hyperwire_blocking::shared::{Settings, SharedHyperd};
use hyperwire_blocking::{Client, Config};
use hyperwire_tests::household::Household;
use hyperwire_tests::hyperwire_binary::hyperwire_binary;
use hyperwire_tests::real_hyperd::hyperd_program;

use crate::{SOON, stop};

fn settings(household: &Household) -> Settings {
    let words = ["daemon", "run", "--detached", "--hyperd"].map(OsString::from);
    let command = [hyperwire_binary().into()].into_iter().chain(words).chain([hyperd_program().into()]);
    Settings::new(Place::new(household.state_folder()), "library", command)
}

#[test]
fn a_database_is_created_once_by_many() {
    Household::run_alone_or_skip(|household| {
        let shared = SharedHyperd::join(settings(household)).expect("the path is fine");
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
