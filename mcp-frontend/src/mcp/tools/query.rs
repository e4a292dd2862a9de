//! `query`: read with SQL.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperwire_tokio::Rows;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::Definition;
use super::arguments::{Seconds, seconds_schema};
use crate::mcp::advice::Advice;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::engine::{Lease, Needs};
use crate::mcp::failure::Failure;
use crate::mcp::files::{Input, bring, inputs_schema};
use crate::mcp::read_only;
use crate::mcp::result::{End, Filling, Head, LONGEST, Limits, Page, Parked};
use crate::mcp::state::State;

/// How many rows are kept between two looks at the clock.
const BATCH: u64 = 1000;
/// How long the answer waits for the end of a result that does not fit it, so that it can say how many rows there are.
const COUNTED_WITHIN: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    sql: Option<String>,
    #[serde(default)]
    params: Vec<Value>,
    #[serde(default)]
    inputs: BTreeMap<String, Input>,
    database: Option<String>,
    max_rows: Option<usize>,
    max_bytes: Option<usize>,
    cursor: Option<String>,
    timeout_s: Option<Seconds>,
}

/// What the tool does, with what can be done besides with a result that is cut.
macro_rules! described {
    ($besides:literal) => {
        concat!(
            "Run one SQL query (Hyper's dialect, like PostgreSQL's); it can change nothing. Unqualified tables are those of \
             `database` (default: local); others are alias.public.table. `inputs` makes tables of files or inline data for \
             this one query: {\"t\": {\"path\": \"/data/t.csv\"}} and SELECT ... FROM t. Answers the first rows; if \
             `truncated`, pass only `cursor` for the next ones (kept 5 minutes, up to 16 MiB), or better aggregate",
            $besides,
            ". Numbers that JSON readers would round are strings."
        )
    };
}

/// `exports` says whether the server has the tool `export`.
pub(super) fn definition(exports: bool) -> Definition {
    Definition {
        name: "query",
        title: "Query",
        description: if exports { described!(", or `export` all") } else { described!("") },
        input: json!({
            "type": "object",
            "properties": {
                "sql": {"type": "string"},
                "params": {"type": "array", "description": "Values of $1, $2 ...: strings, numbers, booleans or null", "items": {}},
                "inputs": inputs_schema(),
                "database": {"type": "string", "description": "Alias"},
                "max_rows": {"type": "integer", "default": 200, "minimum": 0, "maximum": 10000},
                "max_bytes": {"type": "integer", "default": 24000, "minimum": 1000, "maximum": 1000000, "description": "Of the whole answer"},
                "cursor": {"type": "string"},
                "timeout_s": seconds_schema()
            },
            "additionalProperties": false
        }),
        output: Some(result_schema()),
    }
}

/// What rows are answered as.
pub(super) fn result_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}, "type": {"type": "string"}}, "required": ["name", "type"]}},
            "rows": {"type": "array", "items": {"type": "array"}},
            "row_count": {"type": "integer"},
            "truncated": {"type": "boolean"},
            "total_rows": {"type": "integer"},
            "cursor": {"type": "string"},
            "elapsed_ms": {"type": "number"},
            "warnings": {"type": "array", "items": {"type": "string"}}
        },
        "required": ["columns", "rows", "row_count", "truncated", "elapsed_ms"]
    })
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    let limits = Limits::asked(arguments.max_rows, arguments.max_bytes);
    let limit = arguments.timeout_s.map(|seconds| seconds.0);
    match (arguments.sql, arguments.cursor) {
        (None, Some(cursor)) => call.bounded(limit, next_page(state, &cursor, limits, call)).await,
        (Some(sql), None) => {
            let params = arguments.params.iter().enumerate().map(parameter).collect::<Result<_, _>>()?;
            let asked = Asked { sql, params, inputs: arguments.inputs, database: arguments.database, limits };
            call.bounded(limit, first_page(state, asked, call)).await
        }
        _ => Err(Failure::new("Pass either `sql`, or `cursor` alone. Nothing was run.")),
    }
}

/// A query.
struct Asked {
    sql: String,
    params: Vec<Option<String>>,
    inputs: BTreeMap<String, Input>,
    database: Option<String>,
    limits: Limits,
}

async fn next_page(state: &Arc<State>, cursor: &str, limits: Limits, call: &Call) -> Result<Answer, Failure> {
    let paged = state.parking.page(cursor, limits, &call.owner).await?;
    let mut answer =
        shown(&paged.head, &paged.page, paged.next.is_some() || paged.cut.is_some(), call.started)?;
    if let Some(total) = paged.total {
        answer.insert("total_rows".to_owned(), total.into());
    }
    if let Some(next) = paged.next {
        answer.insert("cursor".to_owned(), next.into());
    }
    if let Some(why) = paged.cut.and_then(|end| end.warning(&state.offers)) {
        match answer.get_mut("warnings").and_then(Value::as_array_mut) {
            Some(warnings) => warnings.push(why.into()),
            None => drop(answer.insert("warnings".to_owned(), json!([why]))),
        }
    }
    Ok(Answer::json(answer.into()))
}

async fn first_page(state: &Arc<State>, asked: Asked, call: &Arc<Call>) -> Result<Answer, Failure> {
    let needs = Needs { database: asked.database.as_deref(), sql: &asked.sql, light: false };
    let mut lease = state.engine.lease_to_read(needs, call).await?;
    if !asked.inputs.is_empty() {
        lease.soil();
        bring(state, &mut lease, &asked.inputs, call).await?;
    }
    call.progress.doing("running");
    let (answer, answered) = oneshot::channel();
    // Of its own, since it goes on after the answer; until then it ends with the call.
    let reading = read(state.clone(), lease, asked, call.clone(), answer);
    let reading = AbortOnDropHandle::new(tokio::spawn(reading));
    let answer = answered
        .await
        .map_err(|_| Failure::new("The query ended without an answer. This is a defect of hyperwire."))?;
    drop(reading.detach());
    answer.map(Answer::json)
}

/// A JSON value as the text of a parameter, whose type hyperd infers.
fn parameter((index, value): (usize, &Value)) -> Result<Option<String>, Failure> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => Err(Failure::new(format!(
            "`params[{index}]` is a string, a number, a boolean or null, not {}. Nothing was run. Next: pass JSON as a \
             string and cast it: ${}::json.",
            if value.is_array() { "an array" } else { "an object" },
            index + 1
        ))),
    }
}

async fn read(
    state: Arc<State>,
    mut lease: Lease,
    asked: Asked,
    call: Arc<Call>,
    answer: oneshot::Sender<Result<Value, Failure>>,
) {
    let outcome = match read_only::query(&mut lease, &asked.sql, &asked.params).await {
        Ok(mut rows) => answered(&state, &mut rows, asked.limits, &call, answer).await,
        Err(failure) => {
            let _ = answer.send(Err(failure.clone()));
            Err(failure)
        }
    };
    if outcome.is_err_and(|failure| failure.session_lost) {
        lease.report_lost();
    }
    // Nobody waits for what this does but the session's next user.
    let _ = lease.finish().await;
}

/// Answers with the first page, and keeps what does not fit it.
async fn answered(
    state: &State,
    rows: &mut Rows<'_>,
    limits: Limits,
    call: &Call,
    answer: oneshot::Sender<Result<Value, Failure>>,
) -> Result<(), Failure> {
    let (head, page, left) = match fill(rows, limits, call).await {
        Ok(filled) => filled,
        Err(failure) => {
            if failure.session_lost {
                state.engine.doubt_parked();
            }
            let _ = answer.send(Err(failure.clone()));
            return Err(failure);
        }
    };
    let Some(row) = left else {
        let _ = answer.send(shown(&head, &page, false, call.started).map(Value::Object));
        return Ok(());
    };
    let before = page.rows as u64;
    let kept = Parked::begin(head.clone(), before, &state.disk, state.engine.scratch.path()).await;
    let mut shown = shown(&head, &page, true, call.started);
    let (parked, filling) = match (kept, &mut shown) {
        (Ok((parked, filling)), Ok(shown)) => {
            let cursor = format!("{}.0", state.parking.keep(parked.clone(), &call.owner));
            shown.insert("cursor".to_owned(), cursor.into());
            (parked, filling)
        }
        (Err(error), Ok(shown)) => {
            shown.insert(
                "warnings".to_owned(),
                json!([format!("The other rows could not be kept: {error}.")]),
            );
            let _ = answer.send(Ok(Value::Object(std::mem::take(shown))));
            return Ok(());
        }
        (_, Err(failure)) => {
            let failure = failure.clone();
            let _ = answer.send(Err(failure.clone()));
            return Err(failure);
        }
    };
    let keeping = keep(rows, &head, &row, filling);
    tokio::pin!(keeping);
    let soon = timeout(COUNTED_WITHIN, &mut keeping).await;
    if let (Ok(shown), Some(total)) = (&mut shown, parked.total()) {
        shown.insert("total_rows".to_owned(), total.into());
    }
    let _ = answer.send(shown.map(Value::Object));
    if let Ok(kept) = soon {
        return kept;
    }
    // Dropped when time is up, it is cut there.
    tokio::select! {
        kept = timeout(LONGEST, keeping) => kept.unwrap_or(Ok(())),
        () = state.ending.cancelled() => Ok(()),
    }
}

/// Reads rows into a page; the first that does not fit comes back.
async fn fill(
    rows: &mut Rows<'_>,
    limits: Limits,
    call: &Call,
) -> Result<(Head, Page, Option<Vec<u8>>), Failure> {
    let columns =
        rows.columns().ok_or_else(|| Failure::new("This statement returns no rows.").next(Advice::Change))?;
    let head = Head::of(columns).within(limits);
    let mut page = Page::of(&head, limits);
    let mut line = Vec::new();
    while let Some(row) = rows.next().await? {
        line.clear();
        head.put_row(&row, Some(page.longest()), &mut line)?;
        if !page.push(&line, &head)? {
            return Ok((head, page, Some(line)));
        }
        call.progress.set_rows(page.rows as u64);
    }
    Ok((head, page, None))
}

/// Keeps the rest of a result, as far as there is room.
async fn keep(rows: &mut Rows<'_>, head: &Head, first: &[u8], mut filling: Filling) -> Result<(), Failure> {
    let mut line = first.to_vec();
    let mut count = 0_u64;
    loop {
        if !filling.push(&line) {
            filling.end(End::Cut).await;
            return Ok(());
        }
        count += 1;
        if (count.is_multiple_of(BATCH) || filling.is_full()) && !filling.publish().await {
            return Ok(());
        }
        line.clear();
        match rows.next().await {
            Ok(Some(row)) => head.put_row(&row, Some(Limits::MOST.bytes), &mut line)?,
            Ok(None) => {
                filling.end(End::Complete).await;
                return Ok(());
            }
            Err(error) => {
                filling.end(if error.is_session_lost() { End::Lost } else { End::Cut }).await;
                return Err(error.into());
            }
        }
    }
}

fn shown(head: &Head, page: &Page, truncated: bool, started: Instant) -> Result<Map<String, Value>, Failure> {
    let mut shown = Map::new();
    shown.insert("columns".to_owned(), head.json());
    shown.insert("rows".to_owned(), page.json()?);
    shown.insert("row_count".to_owned(), page.rows.into());
    shown.insert("truncated".to_owned(), truncated.into());
    shown.insert("elapsed_ms".to_owned(), elapsed_ms(started));
    let cut = page.cut.then(|| "Values that were too long were cut; select less of them.".to_owned());
    let warnings: Vec<_> = head.warning().into_iter().chain(cut).collect();
    if !warnings.is_empty() {
        shown.insert("warnings".to_owned(), json!(warnings));
    }
    Ok(shown)
}

/// Since then, in milliseconds with one decimal.
pub(super) fn elapsed_ms(started: Instant) -> Value {
    json!((started.elapsed().as_secs_f64() * 1e4).round() / 10.0)
}
