//! What this server may do: the one value from which its list of tools, their annotations, and what is refused follow.

mod network;

use crate::args::mcp::{McpArguments, Toolset};
use crate::mcp::failure::Failure;

/// What the server may do, decided by how it was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    read_only: bool,
    /// Whether a read-only server has a folder to write results to.
    exports: bool,
    network: bool,
    toolsets: Vec<Toolset>,
}

/// MCP's tool annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hints {
    /// It changes nothing: neither data nor files.
    pub(crate) read_only: bool,
    /// It may change or remove what is there, if the arguments say so.
    pub(crate) destructive: bool,
    /// Calling it twice is as calling it once.
    pub(crate) idempotent: bool,
    /// It may reach other machines.
    pub(crate) open_world: bool,
}

/// What a tool does at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It changes nothing.
    Reads,
    /// It adds and never takes away.
    Adds,
    /// It may change or remove what is there.
    Changes,
    /// It may change or remove what is there, and runs SQL that may name other machines.
    RunsAnything,
    /// Calling it twice is as calling it once.
    Repeats,
}

impl Policy {
    /// All tools, in the order that clients see.
    const TOOLS: [&'static str; 11] = [
        "query", "execute", "inspect", "load", "export", "database", "chart", "job", "memory", "watch",
        "catalog",
    ];

    pub(crate) fn new(arguments: &McpArguments) -> Self {
        Self {
            read_only: arguments.read_only,
            exports: arguments.export_dir.is_some(),
            // What only reads reads no files, wherever they are.
            network: arguments.allow_network && !arguments.read_only,
            toolsets: arguments.toolsets.clone(),
        }
    }

    /// Whether nothing may be changed but files in the folder for exports.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether files may be written for the client.
    pub(crate) fn writes_files(&self) -> bool {
        !self.read_only || self.exports
    }

    /// Whether statements may reach other machines.
    pub(crate) fn network(&self) -> bool {
        self.network
    }

    /// Whether the server has this tool.
    pub(crate) fn has(&self, tool: &str) -> bool {
        self.effect(tool).is_some()
    }

    /// The tools that the server has, in the order that clients see.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &'static str> {
        Self::TOOLS.into_iter().filter(|tool| self.has(tool))
    }

    /// What clients are told that a tool does; nothing of a tool that the server has not got.
    pub(crate) fn hints(&self, tool: &str) -> Option<Hints> {
        let effect = self.effect(tool)?;
        Some(Hints {
            read_only: effect == Effect::Reads,
            destructive: matches!(effect, Effect::Changes | Effect::RunsAnything),
            idempotent: matches!(effect, Effect::Reads | Effect::Repeats),
            open_world: self.network && effect == Effect::RunsAnything,
        })
    }

    /// Refuses a statement that may reach other machines, unless that is allowed.
    pub(crate) fn check_network(&self, sql: &str) -> Result<(), Failure> {
        match network::location(sql).filter(|_| !self.network) {
            None => Ok(()),
            Some(location) => Err(Failure::new(format!(
                "Rejected: this server does not use the network, and the statement names {location}. Nothing was run. Next: \
                 use local files, or ask the user to start the server with --allow-network."
            ))),
        }
    }

    fn effect(&self, tool: &str) -> Option<Effect> {
        let has = |toolset| self.toolsets.contains(&toolset);
        let writes = !self.read_only;
        let kept = if writes { Effect::Changes } else { Effect::Reads };
        match tool {
            "query" | "inspect" => Some(Effect::Reads),
            "execute" => writes.then_some(Effect::RunsAnything),
            "load" => writes.then_some(Effect::Changes),
            // With `overwrite` it replaces files.
            "export" => self.writes_files().then_some(Effect::Changes),
            "database" => writes.then_some(Effect::Adds),
            "chart" => Some(if self.writes_files() { Effect::Changes } else { Effect::Reads }),
            "job" => Some(Effect::Repeats),
            "memory" => has(Toolset::Memory).then_some(kept),
            "watch" => (has(Toolset::Watch) && writes).then_some(Effect::Adds),
            "catalog" => has(Toolset::Catalog).then_some(kept),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Policy {
    /// Every policy that there is.
    pub(crate) fn all() -> Vec<Self> {
        let all_toolsets = [Toolset::Memory, Toolset::Watch, Toolset::Catalog];
        let single = all_toolsets.iter().map(|toolset| vec![*toolset]);
        let toolsets: Vec<_> = [vec![], all_toolsets.to_vec()].into_iter().chain(single).collect();
        let mut all = Vec::new();
        for (at, toolsets) in (0..8).flat_map(|at| toolsets.iter().map(move |toolsets| (at, toolsets))) {
            let [read_only, exports, network] = [1, 2, 4].map(|bit| at & bit != 0);
            if (read_only || !exports) && !(read_only && network) {
                all.push(Self { read_only, exports, network, toolsets: toolsets.clone() });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_is_said_to_do_follows_from_what_it_may_do() {
        for policy in Policy::all() {
            for tool in policy.tools() {
                let hints = policy.hints(tool).unwrap();
                assert!(!(hints.read_only && hints.destructive), "{policy:?} {tool}");
                assert!(policy.network() || !hints.open_world, "{policy:?} {tool}");
                let changes = !hints.read_only && tool != "job";
                assert!(policy.writes_files() || !changes, "{policy:?} {tool}");
            }
            for tool in Policy::TOOLS {
                assert_eq!(policy.has(tool), policy.hints(tool).is_some(), "{policy:?} {tool}");
            }
        }
    }

    #[test]
    fn what_replaces_files_is_destructive_and_what_cannot_is_not() {
        for policy in Policy::all() {
            if let Some(export) = policy.hints("export") {
                assert!(export.destructive, "{policy:?}");
            }
            let chart = policy.hints("chart").unwrap();
            assert_eq!(
                (chart.destructive, chart.read_only),
                (policy.writes_files(), !policy.writes_files()),
                "{policy:?}"
            );
        }
    }
}
