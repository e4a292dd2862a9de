//! `load`: data into tables.

use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::arguments::Seconds;
use super::{Definition, Hints};
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::changes::Change;
use crate::mcp::engine::Lease;
use crate::mcp::failure::Failure;
use crate::mcp::files::{Input, Meter, Mode, Order, load};
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
            Some(other) => Err(format!("`{name}` of a source is a string, not {other}")),
            None => Ok(None),
        };
        let table = text("table")?.filter(|table| !table.is_empty());
        let table = table.ok_or("a source needs `table`, the name of the table that it goes into")?;
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
        description: "Load files, inline data or SELECTs into tables; several sources in parallel, each all or nothing. \
            Types are inferred from all of the data; `schema` overrides columns. append and merge match columns by name \
            (missing ones are NULL, or stay as they are).",
        hints: Hints::Changes,
        input: json!({
            "type": "object",
            "properties": {
                "sources": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "properties": {
                            "table": {"type": "string"},
                            "path": {"type": "string", "description": "File, or several: /dir/*.csv"},
                            "data": {"description": "CSV or JSON text, or an array of objects"},
                            "sql": {"type": "string", "description": "SELECT over tables"},
                            "format": {"type": "string", "enum": ["csv", "json", "parquet", "arrow", "iceberg", "hyper"], "description": "Default: by name and content; json takes JSON lines too"},
                            "schema": {"type": "object", "additionalProperties": {"type": "string"}, "description": "{\"zip\": \"text\", \"price\": \"numeric(18,2)\"}"},
                            "json_path": {"type": "string", "description": "To a nested array: data.items"},
                            "from_table": {"type": "string", "description": "Of a .hyper file"},
                            "delimiter": {"type": "string"},
                            "header": {"type": "boolean"},
                            "quote": {"type": "string"},
                            "encoding": {"type": "string"},
                            "null": {"type": "string", "description": "CSV text meaning NULL, as well as nothing"}
                        },
                        "required": ["table"]
                    }
                },
                "mode": {"type": "string", "enum": ["create", "replace", "append", "merge"], "default": "create", "description": "create fails if the table exists; merge updates rows with equal `key`, inserts the rest"},
                "key": {"type": "array", "items": {"type": "string"}},
                "database": {"type": "string", "description": "Alias; default local (scratch); persistent is kept"},
                "timeout_s": {"type": "number"}
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
type Outcome = Result<(Value, Lease), Failure>;

async fn load_all(state: &Arc<State>, orders: Vec<Order>, call: &Arc<Call>) -> Result<Answer, Failure> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let meter = Meter::default();
    // Dropped, it stops them all.
    let mut loading = JoinSet::new();
    let tables: Vec<_> = orders.iter().map(|order| order.table.clone()).collect();
    for (index, order) in orders.into_iter().enumerate() {
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
    let mut outcomes: Vec<Option<Outcome>> = tables.iter().map(|_| None).collect();
    while let Some(ended) = loading.join_next().await {
        let (index, outcome) = ended.map_err(|error| {
            Failure::new(format!("Loading ended with {error}. This is a defect of hyperwire."))
        })?;
        outcomes[index] = Some(outcome);
    }
    let outcomes = tables.into_iter().zip(outcomes.into_iter().flatten());
    answer(state, outcomes.collect(), call).await
}

async fn answer(state: &State, outcomes: Vec<(String, Outcome)>, call: &Call) -> Result<Answer, Failure> {
    let (mut done, mut failed, mut warning) = (Vec::new(), Vec::new(), None);
    for (table, outcome) in outcomes {
        match outcome {
            Ok((table, lease)) => {
                done.push(table);
                // The last one to leave a database finds out whether it is on disk.
                warning = lease.finish().await?.warning;
            }
            Err(failure) => failed.push((table, failure)),
        }
    }
    if let Some(table) = done.first() {
        state.changes.tell(Change::Tables(table["database"].as_str().map(str::to_owned)));
    } else if let [(_, failure)] = failed.as_slice() {
        return Err(failure.clone());
    } else {
        let all: Vec<_> =
            failed.iter().map(|(table, failure)| format!("{table}: {}", failure.text())).collect();
        return Err(Failure::new(all.join("\n\n")));
    }
    let mut answer = json!({"tables": done, "elapsed_ms": call.started.elapsed().as_millis()});
    if !failed.is_empty() {
        answer["failures"] =
            failed.iter().map(|(table, failure)| json!({"table": table, "error": failure.text()})).collect();
    }
    if let Some(warning) = warning {
        answer["warnings"] = json!([warning]);
    }
    Ok(Answer::json(answer))
}
