//! Which files were loaded, kept in the database that they were loaded into: what the next server goes by.

use std::path::Path;
use std::sync::Arc;

use super::Target;
use super::folder::{Folder, Standing, Version};
use crate::mcp::bookkeeping::{self, Statement, WATCHED_FILES};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::state::State;

/// A file of no name stands for the folder: it has been watched for this table.
const FOLDER: &str = "";
/// Hyper's own clock, without its zone.
const NOW: &str = "(now() AT TIME ZONE 'UTC')";
/// How many records are written in one statement; each takes two of its 65,535 parameters.
const AT_ONCE: usize = 1000;

/// What is known of a folder's files, and whether the folder is new.
pub(super) async fn recall(
    state: &Arc<State>,
    path: &Path,
    target: &Target,
    call: &Call,
) -> Result<(Folder, bool), Failure> {
    let sql = format!(
        "SELECT file, version, outcome, row_count, detail FROM {} WHERE folder = $1 AND target = $2",
        WATCHED_FILES.of(&target.database)
    );
    let statement = Statement::new(sql, [folder_name(path)?, &target.table]);
    let rows = bookkeeping::read(state, &target.database, &statement, call).await?;
    let mut folder = Folder::default();
    let is_new = rows.is_empty();
    for row in rows {
        let Ok([Some(file), Some(version), Some(outcome), count, detail]) = <[_; 5]>::try_from(row) else {
            continue;
        };
        if file != FOLDER {
            let count = count.and_then(|count| count.parse().ok());
            folder.recall(file, Version(version), standing(&outcome, count, detail.unwrap_or_default()));
        }
    }
    Ok((folder, is_new))
}

/// Notes that a folder is watched, and which of its files are not to be loaded.
pub(super) async fn begin(
    state: &Arc<State>,
    path: &Path,
    target: &Target,
    skipped: &[(&String, &Version)],
    call: &Call,
) -> Result<(), Failure> {
    let table = WATCHED_FILES.of(&target.database);
    let folder = folder_name(path)?;
    let mut statements = vec![Statement::new(
        format!("INSERT INTO {table} SELECT $1, $2, '{FOLDER}', '', 'watched', NULL, NULL, {NOW}"),
        [folder, &target.table],
    )];
    for some in skipped.chunks(AT_ONCE) {
        let rows: Vec<_> = (0..some.len()).map(|at| format!("(${}, ${})", 2 * at + 3, 2 * at + 4)).collect();
        let params = [folder, &target.table]
            .into_iter()
            .chain(some.iter().flat_map(|(name, version)| [name.as_str(), version.0.as_str()]));
        statements.push(Statement::new(
            format!(
                "INSERT INTO {table} SELECT $1, $2, given.file, given.version, 'skipped', NULL, NULL, {NOW} \
                 FROM (VALUES {}) given(file, version)",
                rows.join(", ")
            ),
            params,
        ));
    }
    bookkeeping::write(state, &target.database, &WATCHED_FILES, &statements, call).await.map(drop)
}

/// Notes that a file is being loaded; false if another server has that file, or had it.
pub(super) async fn claim(
    state: &Arc<State>,
    path: &Path,
    target: &Target,
    name: &str,
    version: &Version,
    call: &Call,
) -> Result<bool, Failure> {
    let table = WATCHED_FILES.of(&target.database);
    let folder = folder_name(path)?;
    let params = [folder, &target.table, name, &version.0];
    let this = "folder = $1 AND target = $2 AND file = $3";
    let again = Statement::new(
        format!(
            "DELETE FROM {table} WHERE {this} AND (outcome = 'skipped' OR (version <> $4 AND outcome <> 'loaded'))"
        ),
        params,
    );
    let claim = Statement::new(
        format!(
            "INSERT INTO {table} SELECT $1, $2, $3, $4, 'loading', NULL, NULL, {NOW} \
             WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {this})"
        ),
        params,
    );
    let written = bookkeeping::write(state, &target.database, &WATCHED_FILES, &[again, claim], call).await?;
    Ok(written.outcomes.last().is_some_and(|claimed| claimed.affected > 0))
}

/// Notes what became of a file that was claimed.
pub(super) async fn put(
    state: &Arc<State>,
    path: &Path,
    target: &Target,
    name: &str,
    standing: &Standing,
    call: &Call,
) -> Result<(), Failure> {
    let (outcome, count, detail) = match standing {
        Standing::Loaded(rows) => ("loaded", *rows, None),
        Standing::Failed(why) => ("failed", None, Some(why.clone())),
        Standing::Unknown(why) => ("unknown", None, Some(why.clone())),
        // Nothing else comes of it.
        Standing::Settling(_) | Standing::Loading | Standing::Skipped | Standing::Elsewhere => return Ok(()),
    };
    let count = count.map_or_else(|| "NULL".to_owned(), |count| count.to_string());
    let update = Statement::nullable(
        format!(
            "UPDATE {} SET outcome = '{outcome}', row_count = {count}, detail = $4, recorded_at = {NOW} \
             WHERE folder = $1 AND target = $2 AND file = $3",
            WATCHED_FILES.of(&target.database)
        ),
        [folder_name(path)?, &target.table, name]
            .map(|text| Some(text.to_owned()))
            .into_iter()
            .chain([detail])
            .collect(),
    );
    bookkeeping::write(state, &target.database, &WATCHED_FILES, &[update], call).await.map(drop)
}

fn standing(outcome: &str, count: Option<u64>, detail: String) -> Standing {
    match outcome {
        "loaded" => Standing::Loaded(count),
        "skipped" => Standing::Skipped,
        "failed" => Standing::Failed(detail),
        "loading" => Standing::Unknown(
            "When this watch began, another server was loading this file or had ended while it did: all of its rows are \
             in the table, or none."
                .to_owned(),
        ),
        _ => Standing::Unknown(detail),
    }
}

fn folder_name(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| Failure::new(format!("The path {} is not UTF-8. Rename it.", path.display())))
}
