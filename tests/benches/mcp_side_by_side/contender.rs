//! Who is measured.

use std::process::Command;

use hyperwire_tests::hyperdb_mcp::{Household, VERSION};

/// Whose MCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Hyperwire,
    HyperdbMcp,
}

impl Contender {
    pub(crate) const ALL: [Self; 2] = [Self::Hyperwire, Self::HyperdbMcp];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Hyperwire => "hyperwire".to_owned(),
            Self::HyperdbMcp => format!("hyperdb-mcp {VERSION}"),
        }
    }

    /// Its column.
    pub(crate) fn place(self) -> usize {
        usize::from(self != Self::Hyperwire)
    }

    /// Its tool that says what there is and what runs.
    pub(crate) fn overview(self) -> &'static str {
        match self {
            Self::Hyperwire => "inspect",
            Self::HyperdbMcp => "status",
        }
    }

    pub(crate) fn command(self, household: &Household) -> Command {
        match self {
            Self::Hyperwire => household.hyperwire(&["mcp", "--ephemeral-only"]),
            Self::HyperdbMcp => household.hyperdb_mcp(&["--ephemeral-only"]),
        }
    }
}
