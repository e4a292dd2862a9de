//! `execute`: change something with SQL.

use std::sync::Arc;

use hyperwire_tokio::hyperwire_core::wire::TransactionStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Definition;
use super::arguments::{Seconds, seconds_schema};
use super::query::elapsed_ms;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::changes::Change;
use crate::mcp::engine::Needs;
use crate::mcp::failure::Failure;
use crate::mcp::result::{Head, Limits, Page};
use crate::mcp::state::State;

/// How much is shown of what a statement returns, such as the rows of RETURNING or SHOW: `query` is for reading.
const SHOWN: Limits = Limits { rows: 20, bytes: 4_000 };
/// How much is answered of all statements together, in bytes of JSON.
const ANSWERED: usize = 23_000;
/// How much of one value, in bytes.
const LONGEST_VALUE: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    sql: Vec<String>,
    database: Option<String>,
    timeout_s: Option<Seconds>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "execute",
        title: "Execute",
        description: "Run SQL statements that change data or tables, one a string, in order, up to the first that fails. \
            Changes of rows are all or nothing between BEGIN and COMMIT, in the same call; CREATE, DROP and ALTER cannot \
            be undone. Unqualified tables are those of `database` (default: local, which is temporary; persistent is \
            kept). Temporary tables and settings end with the call. `on_disk` says whether changes to other databases \
            than local would survive a crash.",
        input: json!({
            "type": "object",
            "properties": {
                "sql": {"type": "array", "items": {"type": "string"}},
                "database": {"type": "string", "description": "Alias"},
                "timeout_s": seconds_schema()
            },
            "required": ["sql"],
            "additionalProperties": false
        }),
        output: Some(json!({
            "type": "object",
            "properties": {
                "statements": {"type": "array", "items": {"type": "object"}},
                "elapsed_ms": {"type": "number"},
                "on_disk": {"type": "boolean"},
                "warnings": {"type": "array", "items": {"type": "string"}}
            },
            "required": ["statements", "elapsed_ms"]
        })),
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    let statements = arguments.sql;
    if statements.is_empty() {
        return Err(Failure::new("`sql` holds no statement. Nothing was run."));
    }
    let limit = arguments.timeout_s.map(|seconds| seconds.0);
    call.bounded(limit, execute(state, &statements, arguments.database, call)).await
}

async fn execute(
    state: &Arc<State>,
    statements: &[String],
    database: Option<String>,
    call: &Call,
) -> Result<Answer, Failure> {
    let text = statements.join("\n");
    for sql in statements {
        state.policy.check_network(sql)?;
    }
    if !state.protection.folders_by_kernel() {
        state.paths.allow_sql(&text).await?;
    }
    let needs = Needs { database: database.as_deref(), sql: &text, light: false };
    let mut lease = state.engine.lease(needs, call).await?;
    // Temporary tables and settings are the caller's, and end with the call.
    lease.soil();
    // What was done before a statement fails, or before the call is stopped, is done.
    let _told = state.changes.tell_later(Change::Tables(None));
    let mut done = Vec::new();
    let mut room = ANSWERED;
    for (index, sql) in statements.iter().enumerate() {
        call.progress.doing(format!("statement {} of {}", index + 1, statements.len()));
        call.effect(format!(
            "{} Statement {} was running: it has no effect unless it ended at that very moment.",
            before(index),
            index + 1
        ));
        match one(&mut lease, sql, room).await {
            Ok(outcome) => {
                let bytes = outcome.to_string().len() + 1;
                if bytes <= room {
                    room -= bytes;
                    done.push(outcome);
                }
            }
            Err(failure) => {
                if failure.session_lost {
                    lease.report_lost();
                }
                return Err(failure.advise(&format!(
                    "This was statement {} of {}. {}",
                    index + 1,
                    statements.len(),
                    before(index)
                )));
            }
        }
    }
    if lease.transaction_status() != TransactionStatus::Idle {
        return Err(Failure::new(
            "All statements were run, but the last of them left a transaction open, which is rolled back now: no rows that \
             it changed stay changed. Next: the same again with COMMIT at the end.",
        ));
    }
    call.effect(
        "All statements were run and have their effect; only whether it is on disk was not known yet.",
    );
    call.progress.doing("writing to disk");
    let finished = lease.finish().await.map_err(|failure| {
        failure.advise("All statements had been run; whether what they wrote is on disk is unknown.")
    })?;
    let mut answer = json!({"statements": done, "elapsed_ms": elapsed_ms(call.started)});
    if done.len() < statements.len() {
        answer["warnings"] = json!([format!(
            "All {} statements were run; what {} of them answered does not fit here.",
            statements.len(),
            statements.len() - done.len()
        )]);
    }
    if finished.on_disk {
        answer["on_disk"] = true.into();
    }
    if let Some(warning) = finished.warning {
        answer["on_disk"] = false.into();
        match answer.get_mut("warnings").and_then(Value::as_array_mut) {
            Some(warnings) => warnings.push(warning.into()),
            None => answer["warnings"] = json!([warning]),
        }
    }
    Ok(Answer::json(answer))
}

/// What is known of the statements before that number.
fn before(index: usize) -> String {
    match index {
        0 => "Nothing before it was run.".to_owned(),
        1 => "The one before it was run; what it did outside of a transaction stays.".to_owned(),
        _ => format!("The {index} before it were run; what they did outside of a transaction stays."),
    }
}

async fn one(client: &mut hyperwire_tokio::Client, sql: &str, room: usize) -> Result<Value, Failure> {
    let limits = Limits { bytes: SHOWN.bytes.min(room), ..SHOWN };
    let explain = |error| Failure::of_statement(&error, sql);
    let mut rows = client.query(sql).await.map_err(explain)?;
    let mut shown = None;
    if let Some(columns) = rows.columns() {
        let head = Head::of(columns).within(limits);
        let mut page = Page::of(&head, limits);
        let (mut line, mut count, mut fits) = (Vec::new(), 0_u64, true);
        // To the end, or the statement would be canceled.
        while let Some(row) = rows.next().await.map_err(explain)? {
            count += 1;
            if fits {
                line.clear();
                head.put_row(&row, Some(LONGEST_VALUE), &mut line)?;
                fits = page.push(&line, &head)?;
            }
        }
        shown = Some(json!({
            "columns": head.json(), "rows": page.json()?, "row_count": count, "truncated": count > page.rows as u64
        }));
    }
    let tag = rows.finish().await.map_err(explain)?;
    let mut outcome = json!({"did": tag.as_ref().map_or("nothing", |tag| tag.as_str())});
    if let Some(shown) = shown {
        outcome["result"] = shown;
    }
    Ok(outcome)
}
