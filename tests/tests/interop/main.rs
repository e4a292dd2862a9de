//! hyperwire and the real hyperdb-mcp 0.7.3 share one daemon, whoever started it; its successor 1.0.0-rc.5 is replayed.
#![cfg(target_os = "linux")]

mod adopting;
mod cold_start;
mod keeping;
mod programs;
mod release_candidate;
mod servers;
mod stopping;

use std::time::Duration;

use hyperwire_tests::hyperdb_mcp::{Household, McpClient};
use serde_json::json;

/// For what takes a second when the machine has time for it.
const SOON: Duration = Duration::from_secs(60);
const FORTY_TWO: &str = "SELECT 40 + 2 AS n";

/// A client of theirs, which has a daemon by now.
fn their_client(household: &Household) -> McpClient {
    McpClient::start(household.hyperdb_mcp(&["--ephemeral-only"]), SOON)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn assert_theirs_answers(client: &mut McpClient) {
    assert_eq!(client.query(FORTY_TWO), Ok(json!([{ "n": 42 }])));
}

fn assert_ours_answers(household: &Household) {
    let said = household.run_hyperwire(&["sql", "--format", "jsonl", FORTY_TWO]).expect_code(0);
    assert_eq!(said.trim(), r#"{"n":42}"#);
}
