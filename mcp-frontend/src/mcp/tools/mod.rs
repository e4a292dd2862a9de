//! The tools, one a file.

mod arguments;
mod catalog;
mod chart;
mod database;
mod execute;
mod export;
mod inspect;
mod job;
mod load;
mod memory;
mod query;
pub(super) mod watch;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::missing::{self, Said};
use super::state::{Options, State};
use crate::args::mcp::Toolset;

/// What clients are told of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) hints: Hints,
    pub(crate) input: Value,
    /// The schema of structured answers; tools without one answer with something else.
    pub(crate) output: Option<Value>,
}

/// MCP's tool annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hints {
    /// It changes nothing.
    Reads,
    /// It adds and never takes away.
    Adds,
    /// It may change or remove what is there.
    Changes,
    /// Calling it twice is as calling it once.
    Repeats,
}

/// The arguments of a tool that does what `op` says.
fn operations(ops: &[&str], mut properties: Value) -> Value {
    properties["op"] = json!({"type": "string", "enum": ops});
    json!({"type": "object", "properties": properties, "required": ["op"], "additionalProperties": false})
}

/// What a read-only server says to an operation that it does not have.
fn refused_read_only(tool: &str, ops: &[&str]) -> Failure {
    Failure::new(format!(
        "This server is read-only: nothing was changed. `{tool}` has {} here.",
        ops.join(", ")
    ))
}

/// The tools that this server has, always in the same order.
pub(crate) fn definitions(options: &Options) -> Vec<Definition> {
    let has = |toolset| options.toolsets.contains(&toolset);
    let mut all = vec![query::definition()];
    if !options.read_only {
        all.push(execute::definition());
    }
    all.push(inspect::definition());
    if !options.read_only {
        all.push(load::definition());
    }
    if !options.read_only || options.export_dir.is_some() {
        all.push(export::definition());
    }
    if !options.read_only {
        all.push(database::definition());
    }
    all.push(chart::definition());
    all.push(job::definition());
    if has(Toolset::Memory) {
        all.push(memory::definition(options.read_only));
    }
    if has(Toolset::Watch) && !options.read_only {
        all.push(watch::definition());
    }
    if has(Toolset::Catalog) {
        all.push(catalog::definition(options.read_only));
    }
    all
}

/// Runs a tool.
pub(crate) async fn run(
    state: Arc<State>,
    name: &str,
    arguments: Map<String, Value>,
    call: Arc<Call>,
) -> Result<Answer, Failure> {
    let said = Said::of(&arguments);
    let outcome = match run_one(&state, name, arguments, &call).await {
        Err(failure) => Err(missing::explain(&state, failure, &said, &call).await),
        answer => answer,
    };
    match state.engine.notice() {
        Some(notice) => {
            outcome.map(|answer| answer.with_warning(&notice)).map_err(|failure| failure.advise(&notice))
        }
        None => outcome,
    }
}

async fn run_one(
    state: &Arc<State>,
    name: &str,
    arguments: Map<String, Value>,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    // Boxed one by one: the largest would else be moved and held for each of them.
    match name {
        "query" => Box::pin(query::run(state, arguments::parse(arguments)?, call)).await,
        "execute" => Box::pin(execute::run(state, arguments::parse(arguments)?, call)).await,
        "inspect" => Box::pin(inspect::run(state, arguments::parse(arguments)?, call)).await,
        "load" => Box::pin(load::run(state, arguments::parse(arguments)?, call)).await,
        "export" => Box::pin(export::run(state, arguments::parse(arguments)?, call)).await,
        "database" => Box::pin(database::run(state, arguments::parse(arguments)?, call)).await,
        "chart" => Box::pin(chart::run(state, arguments::parse(arguments)?, call)).await,
        "job" => Box::pin(job::run(state, arguments::parse(arguments)?, call)).await,
        "memory" => Box::pin(memory::run(state, arguments::parse(arguments)?, call)).await,
        "watch" => Box::pin(watch::run(state, arguments::parse(arguments)?, call)).await,
        "catalog" => Box::pin(catalog::run(state, arguments::parse(arguments)?, call)).await,
        _ => Err(Failure::new(format!("There is no tool {name}."))),
    }
}
