//! The same with the real hyperd, for what only it can show.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use hyperwire_blocking::hyperd::{Environment, locate_or_install};
use hyperwire_tests::fake_engine::Journal;
use hyperwire_tests::hyperwire_binary::hyperwire_binary;
use hyperwire_tests::real_hyperd::{CROSS_JOIN, wait_until};

use crate::clients::{Barrier, Ending, Report};
use crate::ground::{Ground, on_ground_of_its_own};
use crate::leftovers::{command, drain};
use crate::place::Place;
use crate::processes;
use crate::watcher::Watcher;

const SETTLING: Duration = Duration::from_secs(15);

fn real_hyperd() -> PathBuf {
    locate_or_install(&Environment::of_this_process(), &mut |_| ControlFlow::Continue(()))
        .unwrap_or_else(|error| panic!("this test needs the real hyperd: {error}"))
        .path
}

/// Prepares before the namespaces are entered, where there may be no network to fetch anything from.
fn on_a_place_with_hyperd(test: impl FnOnce(&Place, Ground) + Send + 'static) {
    let _built = hyperwire_binary();
    let hyperd = real_hyperd();
    on_ground_of_its_own(move |ground| {
        let place = Place::new(&hyperd, ground.port, &[]);
        test(&place, ground);
        let left = drain(&place, ground.port, false, SETTLING);
        assert!(left.is_empty(), "{left:?}");
    });
}

/// hyperd refuses some of them with 55006 or deadlocks, the latter more rarely with many threads, unless those who
/// create a database do so one at a time.
#[test]
fn many_that_create_and_open_the_same_new_database_at_once_are_all_served() {
    on_a_place_with_hyperd(|place, ground| {
        let watcher = Watcher::start(&place.state(), ground.port);
        for round in 0..3 {
            let database = place.path().join(format!("round{round}.hyper"));
            let database = database.to_str().expect("UTF-8");
            let create = ["sql", "--format", "jsonl", "--database", database, "--create"];
            let statements = "CREATE TABLE IF NOT EXISTS t (a INT); SELECT count(*) AS n FROM t";
            let arguments = [&create[..], &[statements]].concat().into_iter().map(str::to_owned).collect();

            let barrier = Barrier::raise(place, &vec![arguments; 32]).expect("the system has room");
            let reports = barrier.fall().wait(place);

            let served = |report: &Report| report.ending == Ending::Code(0) && report.output == "{\"n\":0}\n";
            let unserved: Vec<_> =
                reports.iter().filter(|report| !served(report)).map(|report| format!("{report:?}")).collect();
            assert!(
                unserved.is_empty(),
                "round {round}: {} of 32 were not served:\n{}",
                unserved.len(),
                unserved.join("\n")
            );
        }
        let seen = watcher.finish();
        assert!(seen.is_empty(), "{seen:?}");
    });
}

#[test]
fn a_client_whose_daemon_is_killed_during_its_statement_is_told_and_the_next_call_works() {
    on_a_place_with_hyperd(|place, _| {
        let mut asking = place.hyperwire(&["sql", "--format", "jsonl", CROSS_JOIN]);
        let words = place.path().join("asking");
        asking
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&words).expect("a new file"));
        let mut asking = asking.spawn().expect("hyperwire was built");
        wait_until("hyperd computes", Duration::from_secs(60), || {
            processor_time(place) > Duration::from_millis(300)
        });
        let all = processes::of(&place.state());
        let daemon = processes::daemons(&all).find(|daemon| daemon.holds_the_lock()).expect("it serves");
        let journal = Journal::open(&place.journal()).expect("a new file");

        assert!(daemon.kill(&journal), "it was there");

        let mut told = None;
        wait_until("the client ends", Duration::from_secs(30), || {
            told = asking.try_wait().expect("it is our child");
            told.is_some()
        });
        let said = fs::read_to_string(&words).expect("UTF-8");
        assert_eq!(told.and_then(|status| status.code()), Some(4), "{said}");
        assert!(!said.trim().is_empty(), "it says why");
        let next =
            command(place, &["sql", "--format", "jsonl", "SELECT 7 AS n"], 0).expect("the next call works");
        assert_eq!(next.stdout, b"{\"n\":7}\n");
    });
}

/// Of all engines of this place; none has used any before there is one.
fn processor_time(place: &Place) -> Duration {
    let all = processes::of(&place.state());
    processes::engines(&all).map(|engine| engine.processor_time()).sum()
}
