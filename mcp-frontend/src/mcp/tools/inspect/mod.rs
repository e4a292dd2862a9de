//! `inspect`: what there is.

mod file;
mod files;
mod listing;
mod overview;
mod stats;

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::Definition;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::disk::blocking;
use crate::mcp::failure::Failure;
use crate::mcp::files::{FoundFiles, find_files};
use crate::mcp::names::{has_slash, is_pattern};
use crate::mcp::resources::guide;
use crate::mcp::state::State;
use crate::mcp::tables::{Found, TablePattern, all, find, near_tables, tables};
use listing::{Asked, Detail, SAMPLED};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    target: Option<String>,
    database: Option<String>,
    detail: Option<Detail>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "inspect",
        title: "Inspect",
        description: "What there is. Without arguments, at once: databases, their first tables, engine, running calls, limits. \
            target: a table, a pattern with * or % (sales.*), a database alias, a data file's path, a folder or a pattern of files (/data/*.csv: kinds and sizes, or with detail what is in each), or hyper://sql (the guide \
            to Hyper's SQL). detail: names, \
            columns (with the row count), sample (first rows), stats (nulls, distinct, min, max, mean; of more than 100,000 rows distinct_about, an estimate).",
        input: json!({
            "type": "object",
            "properties": {
                "target": {"type": "string"},
                "database": {"type": "string", "description": "Alias"},
                "detail": {"type": "string", "enum": ["names", "columns", "sample", "stats"]},
                "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "Tables, or rows of a sample"},
                "cursor": {"type": "string"}
            },
            "additionalProperties": false
        }),
        output: Some(json!({
            "type": "object",
            "properties": {
                "databases": {"type": "array", "items": {"type": "object"}},
                "tables": {"type": "array", "items": {"type": "object"}},
                "files": {"type": "array", "items": {"type": "object"}},
                "cursor": {"type": "string"}
            }
        })),
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    let Arguments { target, database, detail, limit, cursor } = arguments;
    if target.as_deref() == Some("hyper://sql") {
        // Models seldom read resources.
        let guide = guide(&state.offers);
        return Ok(Answer { text: Some(guide.clone()), ..Answer::json(json!({"guide": guide})) });
    }
    let found = match (&target, &database) {
        (None, None) if detail.is_none() && cursor.is_none() => {
            return Ok(overview::overview(state, call).await);
        }
        (None, None) => all(state, call).await,
        (None, Some(alias)) => of_database(state, alias, call).await?,
        (Some(target), database) => match target_of(state, target, database.as_deref(), call).await? {
            Target::Tables(found) => found,
            Target::File(path) => {
                let described = file::describe(state, &path, detail, limit, call).await?;
                return Ok(tell_of_limit(described, detail.unwrap_or(Detail::Sample), limit));
            }
            Target::Files(found) => {
                return files::list(state, found, detail, limit, cursor.as_deref(), call).await;
            }
        },
    };
    let is_one = target.is_some() && found.len() == 1;
    let detail = detail.unwrap_or(if is_one { Detail::Columns } else { Detail::Names });
    let listed = listing::list(state, found, Asked { detail, limit, cursor }, call).await?;
    Ok(tell_of_limit(listed, detail, limit))
}

/// Says so where a sample has fewer rows than were asked for.
fn tell_of_limit(answer: Answer, detail: Detail, limit: Option<usize>) -> Answer {
    match limit {
        Some(limit) if detail == Detail::Sample && limit > SAMPLED => answer.with_warning(&format!(
            "`limit` was {limit}, and a sample has {SAMPLED} rows at most: {SAMPLED} was used."
        )),
        _ => answer,
    }
}

enum Target {
    Tables(Vec<Found>),
    File(std::path::PathBuf),
    Files(FoundFiles),
}

async fn target_of(
    state: &Arc<State>,
    target: &str,
    database: Option<&str>,
    call: &Call,
) -> Result<Target, Failure> {
    let is_named = !Path::new(target).is_absolute() && !has_slash(target);
    if is_path(target)
        && is_named
        && let Ok(found) = find(state, target, database, call).await
    {
        // A table that is called like a file, such as public.csv.
        return Ok(Target::Tables(vec![found]));
    }
    if is_path(target) {
        let found = find_files(target, state).await?;
        if found.folder.is_some() {
            return Ok(Target::Files(found));
        }
        let path = state.paths.to_read(target).await?;
        if is_plain_folder(state, &path).await? {
            return files::of_folder(state, path).await.map(Target::Files);
        }
        // One of ours is open in its own mode, perhaps.
        let ours = state.engine.databases.all().into_iter().find(|ours| ours.path == path);
        return match ours {
            Some(ours) => of_database(state, &ours.alias, call).await.map(Target::Tables),
            None => Ok(Target::File(path)),
        };
    }
    if database.is_none() && state.engine.databases.get(target).is_ok() {
        return of_database(state, target, call).await.map(Target::Tables);
    }
    if is_pattern(target) {
        return like(state, target, database, call).await.map(Target::Tables);
    }
    find(state, target, database, call).await.map(|found| Target::Tables(vec![found]))
}

/// Whether it is a folder that is no table itself, as one of Iceberg is.
async fn is_plain_folder(state: &State, path: &Path) -> Result<bool, Failure> {
    let looking = state.disk.run(path, |path| {
        let is_folder = blocking::about(path)?.is_folder();
        Ok(is_folder && !blocking::about(&path.join("metadata")).is_ok_and(|about| about.is_folder()))
    });
    looking.await.map_err(|fault| fault.failure("read"))
}

/// Whether a file is meant: a table's name has no slash, and seldom the ending of a data file.
fn is_path(target: &str) -> bool {
    const ENDINGS: [&str; 14] = [
        "csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "pq", "arrow", "arrows", "feather", "ipc",
        "hyper", "gz",
    ];
    let path = Path::new(target);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    path.is_absolute() || has_slash(target) || ENDINGS.contains(&ending.to_lowercase().as_str())
}

async fn of_database(state: &Arc<State>, alias: &str, call: &Call) -> Result<Vec<Found>, Failure> {
    let alias = state.engine.databases.get(alias)?.alias;
    let tables = tables(state, &alias, call).await?;
    Ok(tables.into_iter().map(|table| Found { alias: alias.clone(), table }).collect())
}

/// The tables that a pattern is of: of their names, or of as many of alias.schema.name, from the end, as it has dots.
async fn like(
    state: &Arc<State>,
    pattern: &str,
    database: Option<&str>,
    call: &Call,
) -> Result<Vec<Found>, Failure> {
    let all = match database {
        Some(alias) => of_database(state, alias, call).await?,
        None => all(state, call).await,
    };
    let wanted = TablePattern::new(pattern)?;
    let found: Vec<_> = all.iter().filter(|found| wanted.matches(found)).cloned().collect();
    if found.is_empty() {
        let near = near_tables(pattern.trim_matches(['%', '*']), &all);
        let near = if near.is_empty() { String::new() } else { format!(" Nearest: {}.", near.join(", ")) };
        return Err(Failure::new(format!(
            "No table is like {pattern}.{near} Next: `inspect` without arguments shows the databases and tables."
        )));
    }
    Ok(found)
}
