//! `load`: data into tables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::Definition;
use super::arguments::{Seconds, seconds_schema};
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::changes::Change;
use crate::mcp::engine::Finished;
use crate::mcp::failure::Failure;
use crate::mcp::files::{Input, Meter, Mode, Order, input_properties, load};
use crate::mcp::names::shown;
use crate::mcp::state::State;
use crate::mcp::tables::Found;
use crate::mcp::target::target;

/// Sources of a call that are loaded at once. Each has a session; hyperd uses all cores for each. Those of which one names
/// the table of the other are loaded one after the other, as they stand.
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
        description: "Load files, inline data or SELECTs into tables, each source all or nothing, in order where one's sql names \
            another's table. Types are inferred from all of the data; `schema` overrides columns. append and merge match \
            columns by name.",
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
                "on_disk": {"type": "boolean"},
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
    properties["table"] = json!({"type": "string", "description": "Or schema.table, alias.schema.table"});
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
    if arguments.mode == Mode::Merge && arguments.key.is_empty() {
        return Err(Failure::new(
            "Mode merge needs `key`: the columns by which rows are the same. Nothing was loaded.",
        ));
    }
    let limit = arguments.timeout_s.map(|seconds| seconds.0);
    let work = async {
        let orders = orders(state, &arguments, call).await?;
        load_all(state, orders, call).await
    };
    call.bounded(limit, work).await
}

async fn orders(state: &Arc<State>, arguments: &Arguments, call: &Call) -> Result<Vec<Order>, Failure> {
    let mut orders: Vec<Order> = Vec::new();
    for source in &arguments.sources {
        let target = target(state, &source.table, arguments.database.as_deref(), call).await?;
        if orders.iter().any(|order| order.target == target) {
            return Err(Failure::new(format!(
                "Two sources go into {}. Nothing was loaded. Next: give several files as one path with *, or load them \
                 one after the other, the second with mode append.",
                target.shown()
            )));
        }
        orders.push(Order {
            target,
            sql: source.sql.clone(),
            input: source.input.clone(),
            mode: arguments.mode,
            key: arguments.key.clone(),
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
    let mut outcomes: Vec<(Found, Option<Outcome>)> = Vec::new();
    let mut ends: Vec<watch::Receiver<Option<bool>>> = Vec::new();
    for (index, order) in orders.iter().enumerate() {
        outcomes.push((order.target.clone(), None));
        let (end, ended) = watch::channel(None);
        let earlier: Vec<_> = (0..index)
            .filter(|earlier| orders[*earlier].is_bound_to(order))
            .map(|earlier| (orders[earlier].target.clone(), ends[earlier].clone()))
            .collect();
        ends.push(ended);
        let (state, order, call, places, meter) =
            (state.clone(), order.clone(), call.clone(), places.clone(), meter.clone());
        loading.spawn(async move {
            let loaded = async {
                after(earlier).await?;
                let _place = places.acquire_owned().await;
                let since = Instant::now();
                let (mut done, lease) = load(&state, &order, &meter, &call).await?;
                done["elapsed_ms"] = json!(since.elapsed().as_millis());
                // Others may wait for it, and the last one to leave a database finds out whether it is on disk.
                Ok((done, lease.finish().await))
            };
            let outcome = loaded.await;
            end.send_replace(Some(outcome.is_ok()));
            (index, outcome)
        });
    }
    let mut finished: BTreeMap<String, Result<Finished, Failure>> = BTreeMap::new();
    while let Some(ended) = loading.join_next().await {
        let (index, outcome) = ended.map_err(|error| {
            Failure::new(format!("Loading ended with {error}. This is a defect of hyperwire."))
        })?;
        let outcome = outcome.map(|(done, end)| {
            finished.insert(outcomes[index].0.alias.clone(), end);
            done
        });
        outcomes[index].1 = Some(outcome);
    }
    answer(state, outcomes, finished, call)
}

/// Waits for earlier sources that this one has to do with; fails if one of them did.
async fn after(earlier: Vec<(Found, watch::Receiver<Option<bool>>)>) -> Result<(), Failure> {
    for (target, mut ended) in earlier {
        let is_loaded = ended.wait_for(Option::is_some).await.is_ok_and(|loaded| *loaded == Some(true));
        if !is_loaded {
            return Err(Failure::new(format!(
                "Not loaded, since the source for {} failed, which its `sql` names, or which names it.",
                target.shown()
            )));
        }
    }
    Ok(())
}

fn answer(
    state: &State,
    outcomes: Vec<(Found, Option<Outcome>)>,
    finished: BTreeMap<String, Result<Finished, Failure>>,
    call: &Call,
) -> Result<Answer, Failure> {
    let sources = outcomes.len();
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (target, outcome) in outcomes {
        match outcome {
            Some(Ok(loaded)) => {
                state.changes.tell(Change::Tables(Some(target.alias.clone())));
                done.push((target, loaded));
            }
            Some(Err(failure)) => failed.push((target, failure)),
            None => {}
        }
    }
    let mut warnings = Vec::new();
    let mut on_disk = None;
    for end in finished.into_values() {
        match end {
            Ok(Finished { on_disk: true, .. }) => on_disk = on_disk.or(Some(true)),
            Ok(Finished { warning: Some(warning), .. }) => {
                on_disk = Some(false);
                warnings.push(warning);
            }
            Ok(_) => {}
            Err(failure) => {
                on_disk = Some(false);
                warnings.push(format!(
                    "Loaded, but the database was not let go in good order: {}",
                    failure.say(&state.offers)
                ));
            }
        }
    }
    match (sources, failed.as_slice()) {
        (_, []) => {}
        (1, [(_, failure)]) => return Err(failure.clone()),
        (_, failed) => return Err(partly(state, sources, &done, failed, &warnings)),
    }
    let tables: Vec<_> = done.into_iter().map(|(_, table)| table).collect();
    let mut answer = json!({"tables": tables, "elapsed_ms": call.started.elapsed().as_millis()});
    if let Some(on_disk) = on_disk {
        answer["on_disk"] = on_disk.into();
    }
    if !warnings.is_empty() {
        answer["warnings"] = json!(warnings);
    }
    Ok(Answer::json(answer))
}

/// What became of each source, when not all were loaded.
fn partly(
    state: &State,
    sources: usize,
    done: &[(Found, Value)],
    failed: &[(Found, Failure)],
    warnings: &[String],
) -> Failure {
    let mut text = format!("{} of {sources} sources failed.", failed.len());
    match done {
        [] => text.push_str(" Nothing was loaded."),
        done => {
            let loaded = done.iter().map(|(target, done)| match done["rows"].as_u64() {
                Some(1) => format!("{} (1 row)", target.shown()),
                rows => format!("{} ({} rows)", target.shown(), rows.unwrap_or(0)),
            });
            text.push_str(&format!(
                " Loaded, and not to be loaded again: {}.",
                loaded.collect::<Vec<_>>().join(", ")
            ));
        }
    }
    for (target, failure) in failed {
        text.push_str(&format!("\n\n{}: {}", shown(&target.table.name), failure.say(&state.offers)));
    }
    for warning in warnings {
        text.push_str(&format!("\n\n{warning}"));
    }
    Failure::new(text)
}
