//! Who is measured, and how one client of it gets its first answer.

use std::time::{Duration, Instant};

use hyperwire_tests::hyperdb_mcp::{Household, McpClient, Program};
use serde_json::json;

/// Whose clients and daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Hyperwire,
    HyperdbMcp,
}

impl Contender {
    pub(crate) const ALL: [Self; 2] = [Self::Hyperwire, Self::HyperdbMcp];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hyperwire => "hyperwire",
            Self::HyperdbMcp => "hyperdb-mcp",
        }
    }

    /// Starts a client, and says how long its first answer took.
    pub(crate) fn first_answer(self, household: &Household, limit: Duration) -> Result<Duration, String> {
        match self {
            Self::Hyperwire => {
                let command = household.hyperwire(&["sql", "--format", "jsonl", "SELECT 1 AS n"]);
                let finished = Program::start(command)?.finish(limit)?;
                let right = finished.code == Some(0) && finished.stdout.trim() == r#"{"n":1}"#;
                if right { Ok(finished.took) } else { Err(finished.to_string()) }
            }
            Self::HyperdbMcp => {
                let command = household.hyperdb_mcp(&["--ephemeral-only"]);
                let started = Instant::now();
                let mut client = McpClient::start(command, limit)?;
                let rows = client.query("SELECT 1 AS n")?;
                let took = started.elapsed();
                client.close()?;
                if rows == json!([{ "n": 1 }]) { Ok(took) } else { Err(format!("it answered {rows}")) }
            }
        }
    }
}
