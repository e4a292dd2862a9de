//! Everything at a glance, at once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::disk::{quota, shown as path_shown};
use crate::mcp::engine::LONGEST_RESULT_ROW;
use crate::mcp::engine::databases::{Database, Mode};
use crate::mcp::files::{LONGEST_ROW, LONGEST_VALUE};
use crate::mcp::overview::{Look, Seen, look};
use crate::mcp::result::Limits;
use crate::mcp::state::State;
use crate::mcp::tables::{Found, Size};

/// How long file systems may take to say how large the databases' files are. The answer is promised within 50 ms.
const SIZED_WITHIN: Duration = Duration::from_millis(25);
/// Tables that are named of each database.
const NAMED: usize = 20;

/// What there is: databases with their first tables, the engine, what runs, and what is allowed.
pub(super) async fn overview(state: &Arc<State>, call: &Call) -> Answer {
    let look = look(state).await;
    let seen = &look.seen;
    let mut databases = Vec::new();
    let sizes = sizes(state).await;
    for (database, size) in state.engine.databases.all().iter().zip(sizes) {
        databases.push(database_json(state, database, size, seen));
    }
    let options = &state.options;
    let allowed = state.paths.allowed();
    let folders = if allowed.is_empty() { json!("any") } else { json!(allowed) };
    let mut shown = json!({
        "databases": databases,
        "engine": engine(state, &look),
        "running": running(state, call),
        "queued": state.engine.queued(),
        "jobs": state.jobs.all(&call.owner).iter().map(|job| super::super::job::status(job)).collect::<Vec<_>>(),
        "limits": {
            "max_rows": Limits::DEFAULT.rows,
            "max_bytes": Limits::DEFAULT.bytes,
            "value_bytes": LONGEST_VALUE,
            "row_bytes": LONGEST_ROW,
            "result_row_bytes": LONGEST_RESULT_ROW,
            "scratch_bytes": quota::limit(),
            "becomes_job_after_s": options.soft_deadline.as_secs_f64(),
        },
        "folders": folders,
        "read_only": state.policy.is_read_only(),
        "network": state.policy.network(),
        "protection": state.protection.lines(),
    });
    let hanging = state.disk.hanging();
    if !hanging.is_empty() {
        let hanging = hanging.iter().take(NAMED);
        shown["hanging_paths"] =
            hanging.map(|(path, seconds)| json!({"path": path_shown(path), "seconds": seconds})).collect();
    }
    if let Some(export_dir) = &options.export_dir {
        shown["export_dir"] = json!(export_dir);
    }
    Answer::json(shown)
}

fn engine(state: &State, look: &Look) -> Value {
    let kind = if state.engine.is_private() { "private" } else { "shared" };
    let mut engine = json!({"hyperd": kind});
    match &look.seen.version {
        Some(Ok(version)) => {
            engine["state"] = "ready".into();
            engine["version"] = version.as_str().into();
        }
        Some(Err(failure)) => {
            engine["state"] = "unavailable".into();
            engine["why"] = failure.say(&state.offers).into();
        }
        None => {
            engine["state"] = "starting".into();
            engine["why"] =
                "hyperd has not answered yet, so its tables are not known. Calls wait for it.".into();
        }
    }
    if look.is_fresh {
        return engine;
    }
    // It did not answer in time.
    if look.busy > 0 {
        let (count, run) =
            if look.busy == 1 { ("a", "statement runs") } else { ("several", "statements run") };
        engine["state"] = "busy".into();
        engine["why"] =
            format!("hyperd has not said what there is now, while {count} {run}; see `running`.").into();
    } else if look.seen.at.is_some() {
        engine["why"] = "hyperd has not said within 2 s what there is now: this is what there was.".into();
    }
    if let Some(at) = look.seen.at {
        engine["seen_s_ago"] = json!(at.elapsed().as_secs_f64().round());
    }
    engine
}

/// The sizes of the databases' files, in their order, where they are known at once.
async fn sizes(state: &Arc<State>) -> Vec<Option<u64>> {
    let mut looking = JoinSet::new();
    let all = state.engine.databases.all();
    for (index, database) in all.iter().enumerate() {
        let (disk, path) = (state.disk.clone(), database.path.clone());
        looking.spawn(async move { (index, disk.about(&path).await.ok().map(|about| about.size)) });
    }
    let mut sizes = vec![None; all.len()];
    let _ = timeout(SIZED_WITHIN, async {
        while let Some(looked) = looking.join_next().await {
            if let Ok((index, size)) = looked {
                sizes[index] = size;
            }
        }
    })
    .await;
    sizes
}

fn database_json(state: &State, database: &Database, size: Option<u64>, seen: &Seen) -> Value {
    let mode = match database.mode {
        Mode::ReadOnly => "readonly",
        Mode::ReadWrite => "readwrite",
    };
    let mut about = json!({"alias": database.alias, "path": database.path, "mode": mode});
    about["bytes"] = json!(size);
    match seen.databases.get(&database.alias) {
        Some(Ok(sizes)) => {
            let tables: Vec<_> = sizes.iter().take(NAMED).map(|size| table(&database.alias, size)).collect();
            about["tables"] = tables.into();
            about["tables_total"] = sizes.len().into();
        }
        Some(Err(failure)) => about["error"] = failure.say(&state.offers).into(),
        None => {}
    }
    about
}

fn table(alias: &str, size: &Size) -> Value {
    let found = Found { alias: alias.to_owned(), table: size.table.clone() };
    json!({"table": found.shown(), "columns": size.columns, "rows_about": size.rows_about})
}

/// The other calls that run.
fn running(state: &State, call: &Call) -> Vec<Value> {
    let jobs = state.jobs.all(&call.owner);
    let others = state.calls.all(&call.owner).into_iter().filter(|running| running.tool != "inspect");
    others
        .map(|running| {
            let mut about = json!({
                "id": running.id,
                "tool": running.tool,
                "doing": running.call.progress.sentence(),
                "seconds": running.call.started.elapsed().as_secs(),
            });
            if let Some(job) = jobs.iter().find(|job| job.id == running.id) {
                about["job"] = job.id.as_str().into();
            }
            about
        })
        .collect()
}
