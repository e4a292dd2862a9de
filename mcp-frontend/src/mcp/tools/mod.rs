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

use self::arguments::{Fitted, fit, parse};
use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::missing::{self, Said};
use super::policy::Policy;
use super::state::State;

/// What clients are told of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) input: Value,
    /// The schema of structured answers; tools without one answer with something else.
    pub(crate) output: Option<Value>,
}

/// The arguments of a tool that does what `op` says.
fn operations(ops: &[&str], mut properties: Value) -> Value {
    properties["op"] = json!({"type": "string", "enum": ops});
    json!({"type": "object", "properties": properties, "required": ["op"], "additionalProperties": false})
}

/// What a read-only server says to an operation that only others have.
fn check_operation(read_only: bool, tool: &str, arguments: &Map<String, Value>) -> Result<(), Failure> {
    let (all, reading) = match tool {
        "memory" => (memory::OPS, memory::READ_OPS),
        "catalog" => (catalog::OPS, catalog::READ_OPS),
        _ => return Ok(()),
    };
    let asked = arguments.get("op").and_then(Value::as_str).unwrap_or_default();
    if !read_only || !all.contains(&asked) || reading.contains(&asked) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "This server is read-only: nothing was changed. `{tool}` has {} here.",
        reading.join(", ")
    )))
}

/// The tools whose calls can be jobs from the beginning.
const BACKGROUND: [&str; 4] = ["query", "execute", "load", "export"];

/// Takes `background` out of a call's arguments: whether it is a job at once. Not the tools' concern.
pub(crate) fn take_background(tool: &str, arguments: &mut Map<String, Value>) -> Result<bool, Failure> {
    if !BACKGROUND.contains(&tool) {
        return Ok(false);
    }
    match arguments.remove("background") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(false),
        Some(Value::Bool(true)) => Ok(true),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(other) => Err(Failure::new(format!(
            "`background` is true or false, not {other}. Nothing was run. Next: true makes the call a job at once."
        ))),
    }
}

/// Its schema.
fn with_background(mut definition: Definition) -> Definition {
    if BACKGROUND.contains(&definition.name) {
        definition.input["properties"]["background"] = json!({"type": "boolean", "default": false});
    }
    definition
}

/// The tools that this server has, always in the same order.
pub(crate) fn definitions(policy: &Policy) -> Vec<Definition> {
    policy.tools().map(|tool| with_background(definition(tool, policy))).collect()
}

fn definition(tool: &str, policy: &Policy) -> Definition {
    match tool {
        "query" => query::definition(policy.has("export")),
        "execute" => execute::definition(),
        "inspect" => inspect::definition(),
        "load" => load::definition(),
        "export" => export::definition(),
        "database" => database::definition(),
        "chart" => chart::definition(),
        "job" => job::definition(),
        "memory" => memory::definition(policy.is_read_only()),
        "watch" => watch::definition(),
        "catalog" => catalog::definition(policy.is_read_only()),
        _ => unreachable!("{tool} is no tool"),
    }
}

/// Runs a tool.
pub(crate) async fn run(
    state: Arc<State>,
    name: &str,
    arguments: Map<String, Value>,
    call: Arc<Call>,
) -> Result<Answer, Failure> {
    let said = Said::of(&arguments);
    let Some(definition) = state.tools.iter().find(|tool| tool.name == name) else {
        return Err(Failure::new(format!("There is no tool {name}.")));
    };
    check_operation(state.policy.is_read_only(), name, &arguments)?;
    let (asked, warnings) = Asked::of(definition, arguments)?;
    let outcome = match run_one(&state, asked, &call).await {
        Err(failure) => Err(missing::explain(&state, failure, &said, &call).await),
        Ok(answer) => Ok(warnings.iter().fold(answer, |answer, warning| answer.with_warning(warning))),
    };
    match state.engine.notice() {
        Some(notice) => {
            outcome.map(|answer| answer.with_warning(&notice)).map_err(|failure| failure.advise(&notice))
        }
        None => outcome,
    }
}

/// A call whose arguments are understood.
enum Asked {
    Query(Box<query::Arguments>),
    Execute(execute::Arguments),
    Inspect(inspect::Arguments),
    Load(load::Arguments),
    Export(Box<export::Arguments>),
    Database(database::Arguments),
    Chart(Box<chart::Arguments>),
    Job(job::Arguments),
    Memory(memory::Arguments),
    Watch(watch::Arguments),
    Catalog(Box<catalog::Arguments>),
}

impl Asked {
    /// Understands the arguments of a call of this tool; with them comes what the caller should know of how they were taken.
    fn of(definition: &Definition, arguments: Map<String, Value>) -> Result<(Self, Vec<String>), Failure> {
        let Fitted { arguments, warnings } = fit(definition, arguments)?;
        let name = definition.name;
        let asked = match name {
            "query" => Self::Query(parse(name, arguments)?),
            "execute" => Self::Execute(parse(name, arguments)?),
            "inspect" => Self::Inspect(parse(name, arguments)?),
            "load" => Self::Load(parse(name, arguments)?),
            "export" => Self::Export(parse(name, arguments)?),
            "database" => Self::Database(parse(name, arguments)?),
            "chart" => Self::Chart(parse(name, arguments)?),
            "job" => Self::Job(parse(name, arguments)?),
            "memory" => Self::Memory(parse(name, arguments)?),
            "watch" => Self::Watch(parse(name, arguments)?),
            "catalog" => Self::Catalog(parse(name, arguments)?),
            _ => return Err(Failure::new(format!("There is no tool {name}."))),
        };
        Ok((asked, warnings))
    }
}

async fn run_one(state: &Arc<State>, asked: Asked, call: &Arc<Call>) -> Result<Answer, Failure> {
    // Boxed one by one: the largest would else be moved and held for each of them.
    match asked {
        Asked::Query(asked) => Box::pin(query::run(state, *asked, call)).await,
        Asked::Execute(asked) => Box::pin(execute::run(state, asked, call)).await,
        Asked::Inspect(asked) => Box::pin(inspect::run(state, asked, call)).await,
        Asked::Load(asked) => Box::pin(load::run(state, asked, call)).await,
        Asked::Export(asked) => Box::pin(export::run(state, *asked, call)).await,
        Asked::Database(asked) => Box::pin(database::run(state, asked, call)).await,
        Asked::Chart(asked) => Box::pin(chart::run(state, *asked, call)).await,
        Asked::Job(asked) => Box::pin(job::run(state, asked, call)).await,
        Asked::Memory(asked) => Box::pin(memory::run(state, asked, call)).await,
        Asked::Watch(asked) => Box::pin(watch::run(state, asked, call)).await,
        Asked::Catalog(asked) => Box::pin(catalog::run(state, *asked, call)).await,
    }
}
