//! The tools, one a file.

mod arguments;
mod execute;
mod query;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::state::State;

/// What clients are told of a tool.
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

/// The tools that this server has, always in the same order.
pub(crate) fn definitions(state: &State) -> Vec<Definition> {
    let mut all = vec![query::definition()];
    if !state.options.read_only {
        all.push(execute::definition());
    }
    all
}

/// The names of [`definitions`].
pub(crate) fn is_there(state: &State, name: &str) -> bool {
    definitions(state).iter().any(|tool| tool.name == name)
}

/// Runs a tool.
pub(crate) async fn run(
    state: Arc<State>,
    name: &str,
    arguments: Map<String, Value>,
    call: Arc<Call>,
) -> Result<Answer, Failure> {
    match name {
        "query" => query::run(&state, arguments::parse(arguments)?, &call).await,
        "execute" => execute::run(&state, arguments::parse(arguments)?, &call).await,
        _ => Err(Failure::new(format!("There is no tool {name}."))),
    }
}
