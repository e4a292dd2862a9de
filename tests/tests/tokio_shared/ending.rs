//! The end of a share, of its runtime, and of those who wait.

use std::time::{Duration, Instant};

use hyperwire_tests::household::Household;
use hyperwire_tests::real_hyperd::wait_until;
use hyperwire_tokio::daemon::Place;
use hyperwire_tokio::hyperwire_core::hyperd::Endpoint;
use hyperwire_tokio::shared::{JoinError, Settings, SharedHyperd};
use rstest::rstest;
use tokio::runtime::Runtime;

use crate::{SOON, in_time, join, leave, one_thread, run, settings, shares_have_ended, stop, two_threads};

#[rstest]
fn uses_of_one_share_are_one_lease_that_ends_with_the_last(
    #[values(one_thread, two_threads)] runtime: fn() -> Runtime,
) {
    Household::run_alone_or_skip(move |household| {
        let runtime = runtime();
        let (shared, first, second) = runtime.block_on(async {
            let shared = join(household);
            let first = in_time(shared.enter(SOON)).await.expect("it starts");
            let second = in_time(shared.enter(SOON)).await.expect("it is there");
            (shared, first, second)
        });
        drop(first);

        let told = household.run_hyperwire(&["daemon", "stop", "--timeout", "0"]);

        assert_eq!(told.code, Some(3), "{told}");
        drop(shared);
        assert!(!household.processes().is_empty(), "it stays while it is used");
        // What is dropped outside of the runtime wakes the task all the same.
        drop(second);
        runtime.block_on(shares_have_ended());
        wait_until("it goes with the last use", SOON, || household.processes().is_empty());
    });
}

/// The task is dropped wherever it is, and what it held is let go.
#[rstest]
fn a_runtime_that_ends_lets_the_daemon_go(#[values(one_thread, two_threads)] runtime: fn() -> Runtime) {
    Household::run_alone_or_skip(move |household| {
        let ended = runtime();
        let (shared, in_use) = ended.block_on(async {
            let shared = join(household);
            let in_use = in_time(shared.enter(SOON)).await.expect("it starts");
            (shared, in_use)
        });

        drop(ended);

        stop(household);
        let error = runtime().block_on(shared.enter(SOON)).expect_err("nobody looks any more");
        assert!(matches!(error, JoinError::System(_)), "{error}");
        drop(in_use);
    });
}

#[test]
fn who_waits_too_short_is_told_where_the_search_is_and_has_entered_nothing() {
    run(one_thread, async |household| {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut settings = settings(household);
        let mut give = settings.command;
        settings.command = Box::new(move || {
            // Until the test has seen what it came for.
            let _ = held.recv();
            give()
        });
        let shared = SharedHyperd::join(settings).expect("the path is fine");

        let error = shared.enter(Duration::from_millis(300)).await.expect_err("no daemon as yet");

        assert!(matches!(error, JoinError::Late { .. }), "{error}");
        drop(release);
        drop(in_time(shared.enter(SOON)).await.expect("it starts after all"));
        leave(household, shared).await;
    });
}

#[test]
fn a_share_is_dropped_in_the_midst_of_its_search() {
    run(one_thread, async |household| {
        let spawn_lock = household.state_folder().join("spawn.lock");
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut settings = settings(household);
        settings.command = Box::new(move || {
            let _ = held.recv();
            Err("too late".to_owned())
        });
        let shared = SharedHyperd::join(settings).expect("the path is fine");
        let start = Instant::now();
        while !spawn_lock.exists() {
            assert!(start.elapsed() < SOON, "it does not begin");
            tokio::task::yield_now().await;
        }

        drop(shared);
        in_time(shares_have_ended()).await;

        // Another program is not kept waiting for the lock.
        let other = join(household);
        drop(in_time(other.enter(SOON)).await.expect("it starts"));
        leave(household, (other, release)).await;
    });
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let settings = Settings::new(Place::new("/nonexistent/state"), "library", ["/bin/true"]);

    let error = SharedHyperd::join(settings).expect_err("no runtime");

    assert!(matches!(error, JoinError::System(_)), "{error}");
}

/// They go wherever tasks go.
#[test]
fn shares_and_their_futures_can_be_sent() {
    fn is_send<T: Send>(_: &T) {}
    fn of(shared: &SharedHyperd) {
        is_send(shared);
        is_send(&shared.enter(SOON));
        is_send(&shared.connect(SOON, |_: Endpoint| unreachable!()));
    }
    let _ = of;
}
