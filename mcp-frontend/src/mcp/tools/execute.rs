//! `execute`: change something with SQL.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::Seconds;
use super::query::elapsed_ms;
use super::{Definition, Hints};
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::engine::Needs;
use crate::mcp::failure::Failure;
use crate::mcp::result::{Head, Limits, Page};
use crate::mcp::state::State;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    sql: Statements,
    database: Option<String>,
    timeout_s: Option<Seconds>,
}

/// One, or several that run in order.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Statements {
    One(String),
    Several(Vec<String>),
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "execute",
        title: "Execute",
        description: "Run SQL statements that change data or tables, one a string, in order, up to the first that fails. \
            Two or more that only change rows (INSERT, UPDATE, DELETE) are all or nothing if the first is BEGIN and the \
            last COMMIT; CREATE, DROP and ALTER cannot be undone. Tables of `database` (default: local, which is \
            temporary; persistent is kept).",
        hints: Hints::Changes,
        input: json!({
            "type": "object",
            "properties": {
                "sql": {"type": "array", "items": {"type": "string"}},
                "database": {"type": "string", "description": "Alias"},
                "timeout_s": {"type": "number"}
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
    let statements = match arguments.sql {
        Statements::One(sql) => vec![sql],
        Statements::Several(all) => all,
    };
    let limit = arguments.timeout_s.map(|seconds| seconds.0);
    call.bounded(limit, execute(state, &statements, arguments.database.as_deref(), call)).await
}

async fn execute(
    state: &Arc<State>,
    statements: &[String],
    database: Option<&str>,
    call: &Call,
) -> Result<Answer, Failure> {
    let text = statements.join("\n");
    let mut lease = state.engine.lease(Needs { database, sql: &text, light: false }, call).await?;
    // Temporary tables and settings are the caller's, and end with the call.
    lease.soil();
    let mut done = Vec::new();
    for (index, sql) in statements.iter().enumerate() {
        call.progress.doing(format!("statement {} of {}", index + 1, statements.len()));
        match one(&mut lease, sql).await {
            Ok(outcome) => done.push(outcome),
            Err(failure) => {
                if failure.session_lost {
                    lease.report_lost();
                }
                let before = match index {
                    0 => "Nothing before it was run.".to_owned(),
                    _ => format!(
                        "The {index} before it were run; what they did outside of a transaction stays."
                    ),
                };
                return Err(failure.advise(&format!(
                    "This was statement {} of {}. {before}",
                    index + 1,
                    statements.len()
                )));
            }
        }
    }
    lease.finish().await?;
    Ok(Answer::json(json!({"statements": done, "elapsed_ms": elapsed_ms(call.started)})))
}

async fn one(client: &mut hyperwire_tokio::Client, sql: &str) -> Result<Value, Failure> {
    let explain = |error| Failure::of_statement(&error, sql);
    let mut rows = client.query(sql).await.map_err(explain)?;
    let mut shown = None;
    if let Some(columns) = rows.columns() {
        let head = Head::of(columns);
        let mut page = Page::new(Limits { rows: 20, bytes: 4_000 });
        let mut line = Vec::new();
        let mut truncated = false;
        while let Some(row) = rows.next().await.map_err(explain)? {
            line.clear();
            head.put_row(&row, Some(1_000), &mut line)?;
            truncated |= !page.push(&line);
        }
        shown = Some(json!({"columns": head.json(), "rows": page.json()?, "truncated": truncated}));
    }
    let tag = rows.finish().await.map_err(explain)?;
    let mut outcome = json!({"did": tag.as_ref().map_or("nothing", |tag| tag.as_str())});
    if let (Some(shown), Some(outcome)) = (shown, outcome.as_object_mut()) {
        outcome.insert("result".to_owned(), shown);
    }
    Ok(outcome)
}
