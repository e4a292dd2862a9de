//! `watch`: load what appears in a folder.

use std::path::Path;
use std::sync::Arc;

use hyperwire_tokio::hyperwire_core::sql::QualifiedName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Definition, arguments, load as loading, operations};
use crate::mcp::advice::Advice;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::disk::shown;
use crate::mcp::failure::Failure;
use crate::mcp::state::State;
use crate::mcp::tables::Found;
use crate::mcp::target::target;
use crate::mcp::watching::{Target, Watch};

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Arguments {
    Start {
        path: String,
        table: String,
        database: Option<String>,
        #[serde(default)]
        existing: bool,
        ready_suffix: Option<String>,
    },
    Stop {
        path: String,
        table: Option<String>,
    },
    List {},
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "watch",
        title: "Watch",
        description: "Append new data files of a folder (CSV, JSON, Parquet, Arrow) to `table` of `database` (default: local), \
            until stop or the server ends. start: files that are there already only if `existing`; started again, it goes \
            on with what came meanwhile. A file is loaded once, when it was not written to for 2 s, and if ready_suffix is \
            given (such as .ready) only when name + suffix exists. Files stay where they are. list: what was loaded, failed \
            (with errors; tried again when changed), or changed since.",
        input: operations(
            &["start", "stop", "list"],
            json!({
                "path": {"type": "string", "description": "Folder"},
                "table": {"type": "string"},
                "database": {"type": "string"},
                "existing": {"type": "boolean"},
                "ready_suffix": {"type": "string"}
            }),
        ),
        output: None,
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    let watches = match arguments {
        Arguments::Start { path, table, database, existing, ready_suffix } => {
            let path = state.paths.to_read(&path).await?;
            let about = state.disk.about(&path).await.map_err(|fault| fault.failure("watched"))?;
            if !about.is_folder() {
                return Err(Failure::new(format!("{} is not a folder. Nothing was begun.", shown(&path)))
                    .next(Advice::FolderOrLoad));
            }
            if table.is_empty() {
                return Err(Failure::new("`table` is empty. Nothing was begun."));
            }
            if let Some(suffix) =
                ready_suffix.as_deref().filter(|suffix| suffix.is_empty() || suffix.contains(['/', '\\']))
            {
                return Err(Failure::new(format!(
                    "ready_suffix is the end of a file's name, such as .ready, not \"{suffix}\". Nothing was begun."
                )));
            }
            let Found { alias, table } = target(state, &table, database.as_deref(), call).await?;
            let target = Target { database: alias, table: table.in_database() };
            vec![state.watches.begin(state, path, target, ready_suffix, existing, call).await?]
        }
        Arguments::Stop { path, table } => {
            // As it is told by `list`, or as it was given.
            let whole = table
                .as_deref()
                .map(|name| name.parse().map_or(name.to_owned(), |name: QualifiedName| name.to_string()));
            state.watches.end(state, &path, whole.as_deref()).await?
        }
        Arguments::List {} => state.watches.all(),
    };
    let summaries: Vec<Value> = watches.iter().map(|watch| Watch::summary(watch)).collect();
    Ok(Answer::json(json!({"watches": summaries})))
}

/// Appends a file to a table, as `load` does; how many rows it had, if that is told. What fails is tried twice: another
/// server may have made the table at the same moment, and a failed load leaves no rows.
pub(in crate::mcp) async fn load(
    state: &Arc<State>,
    target: &Target,
    path: &Path,
    call: &Arc<Call>,
) -> Result<Option<u64>, Failure> {
    let path = path.to_str().filter(|path| !path.contains(['*', '?', '[']));
    let path = path.ok_or_else(|| {
        Failure::new("The file's path has a character that stands for several files: *, ? or [. Rename it.")
    })?;
    match load_once(state, target, path, call).await {
        Err(failure) if !failure.session_lost && !call.cancel.is_cancelled() => {
            load_once(state, target, path, call).await
        }
        outcome => outcome,
    }
}

async fn load_once(
    state: &Arc<State>,
    target: &Target,
    path: &str,
    call: &Arc<Call>,
) -> Result<Option<u64>, Failure> {
    let asked = json!({
        "sources": [{"table": target.table, "path": path}],
        "mode": "append",
        "database": target.database
    });
    let asked = asked.as_object().cloned().unwrap_or_default();
    let answer = loading::run(state, arguments::parse("watch", asked)?, call).await?;
    Ok(answer.structured.and_then(|answer| answer["tables"][0]["rows"].as_u64()))
}
