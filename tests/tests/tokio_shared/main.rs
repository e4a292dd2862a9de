//! A program that shares hyperd through the async library: the real binary, the real hyperd, a network and a state folder
//! of their own. What comes of elections is in `election_conformance`, and how the daemon behaves in `shared_hyperd`;
//! here it is about the task: that it wakes, does not wait for one thing when there is another, and ends.
#![cfg(target_os = "linux")]

mod ending;
mod ports;
mod sharing;

use std::ffi::OsString;
use std::future::Future;
use std::time::{Duration, Instant};

use hyperwire_tests::household::Household;
use hyperwire_tests::hyperwire_binary::hyperwire_binary;
use hyperwire_tests::real_hyperd::hyperd_program;
use hyperwire_tokio::daemon::Place;
use hyperwire_tokio::hyperwire_core::hyperd::{DEFAULT_USER, Endpoint};
use hyperwire_tokio::shared::{Settings, SharedHyperd};
use hyperwire_tokio::{Client, Config};
use tokio::runtime::{Builder, Handle, Runtime};

/// For what takes a second when the machine has time for it.
const SOON: Duration = Duration::from_secs(60);

/// Settings with which a daemon is started where there is none.
fn settings(household: &Household) -> Settings {
    let words = ["daemon", "run", "--detached", "--hyperd"].map(OsString::from);
    let command = [hyperwire_binary().into()].into_iter().chain(words).chain([hyperd_program().into()]);
    Settings::new(Place::new(household.state_folder()), "library", command)
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Runs this on a runtime, in a new household.
fn run(runtime: fn() -> Runtime, test: impl AsyncFnOnce(&mut Household) + Send + 'static) {
    Household::run_alone_or_skip(move |household| runtime().block_on(test(household)));
}

/// Waits for a future that must not hang.
async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.expect("it ends in time")
}

fn join(household: &Household) -> SharedHyperd {
    SharedHyperd::join(settings(household)).expect("the path is fine")
}

async fn select_one(client: &mut Client) -> i32 {
    let mut rows = client.query("SELECT 1").await.expect("it runs");
    let one = rows.next().await.expect("a row").expect("a row").get(0).expect("an integer");
    rows.finish().await.expect("it ends");
    one
}

fn trusted(endpoint: Endpoint) -> Config {
    Config::new(endpoint, DEFAULT_USER)
}

/// Waits until every share of this runtime has ended.
async fn shares_have_ended() {
    let start = Instant::now();
    while Handle::current().metrics().num_alive_tasks() > 0 {
        assert!(start.elapsed() < SOON, "a task has not ended");
        tokio::task::yield_now().await;
    }
}

/// Drops what holds leases, and ends the daemon, which nothing may hold any more.
async fn leave<T>(household: &Household, shares: T) {
    drop(shares);
    shares_have_ended().await;
    stop(household);
}

fn stop(household: &Household) {
    let said = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
    assert_eq!(said, "the daemon has ended\n");
}
