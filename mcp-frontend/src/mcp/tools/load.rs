//! `load`: data into tables.

use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Definition;
use super::arguments::{Seconds, seconds_schema};
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::changes::Change;
use crate::mcp::failure::Failure;
use crate::mcp::files::{Input, Meter, Mode, Order, input_properties, load};
use crate::mcp::state::State;

/// Sources of a call that are loaded at once. Each has a session; hyperd uses all cores for each.
const AT_ONCE: usize = 3;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    sources: Vec<Source>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    key: Vec<String>,
    database: Option<String>,
    timeout_s: Option<Seconds>,
}

/// A table, and what goes into it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct Source {
    table: String,
    sql: Option<String>,
    input: Input,
}

impl TryFrom<Map<String, Value>> for Source {
    type Error = String;

    /// Besides a table a source has what an input has, or `sql`.
    fn try_from(mut source: Map<String, Value>) -> Result<Self, String> {
        let mut text = |name: &str| match source.remove(name) {
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` of a source is a string")),
            None => Ok(None),
        };
        let table = text("table")?.filter(|table| !table.is_empty());
        let table =
            table.ok_or("`sources` need a `table` each, the name of the table that the source goes into")?;
        let sql = text("sql")?;
        let input: Input =
            serde_json::from_value(Value::Object(source)).map_err(|error| error.to_string())?;
        if sql.is_some() && input.has_data() {
            return Err("a source has one of `path`, `data` and `sql`".to_owned());
        }
        Ok(Self { table, sql, input })
    }
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "load",
        title: "Load",
        description: "Load files, inline data or SELECTs into tables, each source all or nothing. Types are inferred from all \
            of the data; `schema` overrides columns. append and merge match columns by name.",
        input: json!({
            "type": "object",
            "properties": {
                "sources": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": source_properties(),
                        "required": ["table"],
                        "additionalProperties": false
                    }
                },
                "mode": {"type": "string", "enum": ["create", "replace", "append", "merge"], "default": "create", "description": "create fails if the table exists; merge updates rows with the same `key`, inserts the rest"},
                "key": {"type": "array", "items": {"type": "string"}},
                "database": {"type": "string", "description": "Alias"},
                "timeout_s": seconds_schema()
            },
            "required": ["sources"],
            "additionalProperties": false
        }),
        output: Some(json!({
            "type": "object",
            "properties": {
                "tables": {"type": "array", "items": {"type": "object"}},
                "failures": {"type": "array", "items": {"type": "object"}},
                "elapsed_ms": {"type": "number"},
                "warnings": {"type": "array", "items": {"type": "string"}}
            },
            "required": ["tables", "elapsed_ms"]
        })),
    }
}

/// Besides a table, a source has what an input has, or `sql`.
fn source_properties() -> Value {
    let mut properties = input_properties();
    properties["table"] = json!({"type": "string"});
    properties["sql"] = json!({"type": "string", "description": "A SELECT, instead of path or data"});
    properties
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    if arguments.mode != Mode::Merge && !arguments.key.is_empty() {
        return Err(Failure::new("`key` is for mode merge. Nothing was loaded."));
    }
    let orders = orders(&arguments)?;
    let limit = arguments.timeout_s.map(|seconds| seconds.0);
    call.bounded(limit, load_all(state, orders, call)).await
}

fn orders(arguments: &Arguments) -> Result<Vec<Order>, Failure> {
    let mut orders: Vec<Order> = Vec::new();
    for source in &arguments.sources {
        if orders.iter().any(|order| order.table == source.table) {
            return Err(Failure::new(format!(
                "Two sources go into \"{}\". Nothing was loaded. Next: give several files as one path with *, or load them \
                 one after the other, the second with mode append.",
                source.table
            )));
        }
        orders.push(Order {
            table: source.table.clone(),
            sql: source.sql.clone(),
            input: source.input.clone(),
            mode: arguments.mode,
            key: arguments.key.clone(),
            database: arguments.database.clone(),
        });
    }
    if orders.is_empty() {
        return Err(Failure::new("`sources` is empty: there is nothing to load."));
    }
    Ok(orders)
}

/// What came of one source.
type Outcome = Result<Value, Failure>;

async fn load_all(state: &Arc<State>, orders: Vec<Order>, call: &Arc<Call>) -> Result<Answer, Failure> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let meter = Meter::default();
    // Dropped, it stops them all.
    let mut loading = JoinSet::new();
    let mut outcomes: Vec<(String, Option<Outcome>)> = Vec::new();
    for (index, order) in orders.into_iter().enumerate() {
        outcomes.push((order.table.clone(), None));
        let (state, call, places, meter) = (state.clone(), call.clone(), places.clone(), meter.clone());
        loading.spawn(async move {
            let _place = places.acquire_owned().await;
            let since = Instant::now();
            let outcome = load(&state, &order, &meter, &call).await.map(|(mut done, lease)| {
                done["elapsed_ms"] = json!(since.elapsed().as_millis());
                (done, lease)
            });
            (index, outcome)
        });
    }
    let mut warning = None;
    while let Some(ended) = loading.join_next().await {
        let (index, outcome) = ended.map_err(|error| {
            Failure::new(format!("Loading ended with {error}. This is a defect of hyperwire."))
        })?;
        let outcome = match outcome {
            Ok((done, lease)) => {
                // The last one to leave a database finds out whether it is on disk.
                warning = match lease.finish().await {
                    Ok(finished) => finished.warning,
                    Err(failure) => Some(format!(
                        "Loaded, but the database was not let go in good order: {}",
                        failure.say(&state.offers)
                    )),
                };
                Ok(done)
            }
            Err(failure) => Err(failure),
        };
        outcomes[index].1 = Some(outcome);
    }
    answer(state, outcomes, warning, call)
}

fn answer(
    state: &State,
    outcomes: Vec<(String, Option<Outcome>)>,
    warning: Option<String>,
    call: &Call,
) -> Result<Answer, Failure> {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (table, outcome) in outcomes {
        match outcome {
            Some(Ok(loaded)) => done.push(loaded),
            Some(Err(failure)) => failed.push((table, failure)),
            None => {}
        }
    }
    match (done.first(), failed.as_slice()) {
        (Some(table), _) => {
            state.changes.tell(Change::Tables(table["database"].as_str().map(str::to_owned)));
        }
        (None, [(_, failure)]) => return Err(failure.clone()),
        (None, all) => {
            let all: Vec<_> = all
                .iter()
                .map(|(table, failure)| format!("{table}: {}", failure.say(&state.offers)))
                .collect();
            return Err(Failure::new(all.join("\n\n")));
        }
    }
    let mut answer = json!({"tables": done, "elapsed_ms": call.started.elapsed().as_millis()});
    if !failed.is_empty() {
        answer["failures"] = failed
            .iter()
            .map(|(table, failure)| json!({"table": table, "error": failure.say(&state.offers)}))
            .collect();
    }
    if let Some(warning) = warning {
        answer["warnings"] = json!([warning]);
    }
    Ok(Answer::json(answer))
}
