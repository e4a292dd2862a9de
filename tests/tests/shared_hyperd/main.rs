//! The daemon and those who share its hyperd, as a user has them: the real binary, the real hyperd, a network, a state
//! folder and a home of their own.
#![cfg(target_os = "linux")]

mod commands;
mod engine_faults;
mod inherited;
mod leaving;
mod library;
mod sharing;
mod state_faults;
mod strangers;

use std::time::Duration;

use hyperwire_tests::household::{Finished, Household};

/// For what takes a second when the machine has time for it.
const SOON: Duration = Duration::from_secs(60);

/// Runs a statement on the shared hyperd and gives what it printed.
fn sql(household: &Household, statement: &str) -> String {
    household.run_hyperwire(&["sql", "--format", "csv", statement]).expect_code(0)
}

fn stop(household: &Household) {
    let said = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
    assert_eq!(said, "the daemon has ended\n");
}

/// The sentence that a failed command leaves.
fn complaint(finished: &Finished, code: i32) -> &str {
    assert_eq!(finished.code, Some(code), "{finished}");
    finished.stderr.trim()
}
