//! `export`: results and tables as files.

mod database;
mod format;
mod json;
mod part;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Definition;
use super::arguments::{Seconds, seconds_schema};
use super::query::elapsed_ms;
use crate::mcp::answer::{Answer, Link};
use crate::mcp::call::Call;
use crate::mcp::changes::Change;
use crate::mcp::disk::{blocking, shown};
use crate::mcp::engine::{Lease, Needs, literal};
use crate::mcp::failure::Failure;
use crate::mcp::names::is_pattern;
use crate::mcp::read_only;
use crate::mcp::state::State;
use crate::mcp::tables::{Found, TablePattern, all, find};
use database::Source;
use format::{Format, Options};
use part::{Part, is_iceberg};

/// How often it is looked how much hyperd has written.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    path: String,
    sql: Option<String>,
    table: Option<String>,
    format: Option<Format>,
    #[serde(default)]
    options: Options,
    #[serde(default)]
    overwrite: bool,
    database: Option<String>,
    timeout_s: Option<Seconds>,
}

/// What is to be done, once it is clear.
struct Plan {
    target: PathBuf,
    overwrite: bool,
    format: Format,
    options: Options,
    /// Of the one query, or of what mentions all databases that are needed.
    sql: String,
    sources: Vec<Source>,
    database: Option<String>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "export",
        title: "Export",
        description: "Write all rows of a SELECT, or a table, to a file, without showing them. format (default: by the path's \
            ending): csv, json, jsonl, parquet, arrow, arrow_stream, iceberg (a folder), hyper (a database; table may be a \
            pattern like sales.*). options: csv delimiter, header, null; parquet codec (snappy, zstd); hyper table. Cast \
            what a format lacks (uuid, interval, geography) to text.",
        input: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "sql": {"type": "string"},
                "table": {"type": "string"},
                "format": {"type": "string", "enum": ["csv", "json", "jsonl", "parquet", "arrow", "arrow_stream", "iceberg", "hyper"]},
                "options": format::options_schema(),
                "overwrite": {"type": "boolean", "default": false},
                "database": {"type": "string", "description": "Alias"},
                "timeout_s": seconds_schema()
            },
            "required": ["path"],
            "additionalProperties": false
        }),
        output: Some(json!({
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "rows": {"type": "integer"},
                "bytes": {"type": "integer"},
                "elapsed_ms": {"type": "number"}
            },
            "required": ["path", "rows", "bytes", "elapsed_ms"]
        })),
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    let limit = arguments.timeout_s.map(|seconds| seconds.0);
    call.bounded(limit, export(state, arguments, call)).await
}

async fn export(state: &Arc<State>, arguments: Arguments, call: &Arc<Call>) -> Result<Answer, Failure> {
    let plan = plan(state, arguments, call).await?;
    let (target, format) = (plan.target.clone(), plan.format);
    // A task of its own: if nobody waits any more, it still has to see to it that hyperd stops before it tidies up.
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let task = state.engine.see_to(write(state.clone(), plan, call.clone(), stop));
    let (rows, bytes) = task
        .await
        .map_err(|error| Failure::new(format!("The export broke off: {error}. Nothing was written.")))??;
    state.changes.tell(Change::Results);
    let mut answer = Answer::json(json!({
        "path": target,
        "format": format.name(),
        "rows": rows,
        "bytes": bytes,
        "elapsed_ms": elapsed_ms(call.started),
    }));
    answer.links.push(Link::file(&target, format.media_type()));
    Ok(answer)
}

/// Checks what was asked for. Nothing is written yet.
async fn plan(state: &Arc<State>, arguments: Arguments, call: &Call) -> Result<Plan, Failure> {
    let Arguments { path, sql, table, format, options, overwrite, database, .. } = arguments;
    let target = state.paths.to_write(&path, overwrite).await?;
    stays_inside(state, &target)?;
    let format = match format {
        Some(format) => format,
        None => Format::of_path(&target)?,
    };
    format.check(&options)?;
    replaceable(state, &target, format).await?;
    let name = options.table.clone().unwrap_or_else(|| stem(&target));
    let (sql, sources) = match (sql, table) {
        (Some(sql), None) => {
            let sql = sql.trim_end().trim_end_matches(';').to_owned();
            (sql.clone(), vec![Source::Query { sql, name }])
        }
        (None, Some(table)) => {
            let found = tables(state, &table, database.as_deref(), format, call).await?;
            let selects: Vec<_> =
                found.iter().map(|found| format!("SELECT * FROM {}", found.quoted())).collect();
            (selects.join("\n"), found.into_iter().map(Source::Table).collect())
        }
        _ => return Err(Failure::new("Pass either `sql` or `table`. Nothing was written.")),
    };
    Ok(Plan { target, overwrite, format, options, sql, sources, database })
}

/// The table that is named, or those of a pattern where a file can hold several.
async fn tables(
    state: &Arc<State>,
    table: &str,
    database: Option<&str>,
    format: Format,
    call: &Call,
) -> Result<Vec<Found>, Failure> {
    if format != Format::Hyper || !is_pattern(table) {
        return find(state, table, database, call).await.map(|found| vec![found]);
    }
    let mut found = all(state, call).await;
    let wanted = TablePattern::new(table)?;
    found.retain(|found| {
        wanted.matches(found) && database.is_none_or(|alias| found.alias.eq_ignore_ascii_case(alias))
    });
    let clash = found.iter().any(|one| found.iter().any(|other| one.table == other.table && one != other));
    match found.len() {
        0 => {
            Err(Failure::new(format!("No table is like {table}. Nothing was written. Next: see `inspect`.")))
        }
        _ if clash => Err(Failure::new(format!(
            "{table} is like tables of one name in several databases. Nothing was written. Next: begin the pattern with \
             the alias, as in local.*."
        ))),
        _ => Ok(found),
    }
}

/// A read-only server writes into one folder only.
fn stays_inside(state: &State, target: &Path) -> Result<(), Failure> {
    let Some(folder) = state.options.export_dir.as_ref().filter(|_| state.policy.is_read_only()) else {
        return Ok(());
    };
    if target.starts_with(folder) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "This server is read-only and exports only into {}. Nothing was written. Next: choose a path in there.",
        folder.display()
    )))
}

/// A database that somebody uses is no file to replace: what they write afterwards would be lost.
async fn replaceable(state: &State, target: &Path, format: Format) -> Result<(), Failure> {
    let ours = state.engine.databases.all().into_iter().find(|database| database.path == target);
    if let Some(ours) = ours {
        return Err(Failure::new(format!(
            "{} is the file of the database {}. Nothing was written. Next: choose another path.",
            target.display(),
            ours.alias
        )));
    }
    let looking = state.disk.run(target, |target| {
        let about = blocking::about(target)?;
        let is_open = about.is_file() && blocking::is_locked(target);
        let is_foreign = about.is_folder() && !is_iceberg(target);
        Ok((about, is_open, is_foreign))
    });
    let (about, is_open, is_foreign) = match looking.await {
        Ok(looked) => looked,
        Err(fault) if fault.is_missing() => return Ok(()),
        Err(fault) => return Err(fault.failure("overwritten").advise("Nothing was written.")),
    };
    let refused = if about.is_folder() != format.is_folder() {
        format!(
            "is a {}, which this format does not replace",
            if about.is_folder() { "folder" } else { "file" }
        )
    } else if is_foreign {
        "is a folder with something else in it".to_owned()
    } else if is_open {
        // hyperd holds a lock on it then, whichever hyperd it is.
        "is a database that some process has open".to_owned()
    } else {
        return Ok(());
    };
    Err(Failure::new(format!("{} {refused}. Nothing was written. Next: choose another path.", shown(target))))
}

/// Writes the file and puts it into its place; how many rows and bytes it has.
async fn write(
    state: Arc<State>,
    plan: Plan,
    call: Arc<Call>,
    stop: CancellationToken,
) -> Result<(u64, u64), Failure> {
    let stopped = || Failure::new("The export was stopped. Nothing was written.");
    let needs = Needs { database: plan.database.as_deref(), sql: &plan.sql, light: false };
    let mut lease = tokio::select! {
        lease = state.engine.lease_to_read(needs, &call) => lease?,
        () = stop.cancelled() => return Err(stopped()),
    };
    let part = Part::new(&state.disk, &plan.target, plan.format.is_folder(), plan.overwrite).await?;
    call.progress.doing("exporting");
    let outcome = tokio::select! {
        outcome = rows(&mut lease, &plan, &part, &call) => outcome,
        () = stop.cancelled() => Err(stopped()),
    };
    if outcome.as_ref().is_err_and(|failure| failure.session_lost) {
        lease.report_lost();
    }
    // Until hyperd has let go, it may still write.
    let ended = lease.finish().await;
    match outcome
        .map_err(|failure| failure.advise("Nothing was written."))
        .and_then(|rows| ended.map(|_| rows))
    {
        Ok(rows) => Ok((rows, part.finish().await?)),
        Err(failure) => {
            part.discard().await;
            Err(failure)
        }
    }
}

async fn rows(lease: &mut Lease, plan: &Plan, part: &Part, call: &Call) -> Result<u64, Failure> {
    let Some(path) = part.path().to_str() else {
        return Err(Failure::new(format!("{} is not UTF-8, which Hyper needs.", plan.target.display())));
    };
    for source in &plan.sources {
        read_only::check(lease, &source.sql()).await?;
    }
    match (plan.format, plan.sources.as_slice()) {
        (Format::Hyper, sources) => {
            part.clear().await?;
            watched(database::write(lease, sources, path, call), part, call).await
        }
        (Format::Json, [source]) => json::write(lease, &source.sql(), part, true, call).await,
        (Format::Jsonl, [source]) => json::write(lease, &source.sql(), part, false, call).await,
        (format, [source]) => {
            let options = format.copy_options(&plan.options, &plan.target);
            // The query first, so that the places that hyperd points at are those in it, but for a few characters.
            let copy = format!("COPY ({}\n) TO {} WITH ({options})", source.sql(), literal(path));
            let copied =
                async { lease.execute(&copy).await.map_err(|error| Failure::of_statement(&error, &copy)) };
            watched(copied, part, call).await
        }
        _ => Err(Failure::new("A file of this format holds one table.")),
    }
}

/// Does the work, and tells meanwhile how much is written.
async fn watched<T>(work: impl Future<Output = T>, part: &Part, call: &Call) -> T {
    let telling = async {
        loop {
            sleep(LOOK).await;
            call.progress.set_bytes(part.bytes().await, 0);
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        never = telling => never,
    }
}

/// The table's name in a database that gets only one.
fn stem(target: &Path) -> String {
    target.file_stem().map_or_else(|| "result".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
