//! The server's own tables, beside the user's: what `memory`, `catalog` and `watch` keep. Those that hyperdb-mcp has too
//! have its names and columns, so that whoever comes from there finds what they kept.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyperwire_tokio::Client;
use hyperwire_tokio::hyperwire_core::row::{ToParameter, Type};
use hyperwire_tokio::hyperwire_core::wire::Format;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::answer::Answer;
use super::call::Call;
use super::changes::Change;
use super::engine::databases::{LOCAL, PERSISTENT};
use super::engine::{Lease, Needs, quoted};
use super::failure::Failure;
use super::state::State;

/// How long a write waits for others who write to the same database, or read the same table slowly.
const PATIENCE: Duration = Duration::from_secs(20);
/// A table that is missing is created, unless that does not help.
const ATTEMPTS_TO_CREATE: u32 = 20;
/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// One of these tables.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    /// As in CREATE TABLE.
    columns: &'static str,
}

/// Keys and their values, by store.
pub(crate) const MEMORY: Table =
    Table { name: "_hyperdb_kv_store", columns: "store_name TEXT NOT NULL, key TEXT NOT NULL, value TEXT" };
/// Queries by name.
pub(crate) const QUERIES: Table = Table {
    name: "_hyperdb_saved_queries",
    columns: "name TEXT NOT NULL, sql TEXT NOT NULL, description TEXT, created_at TIMESTAMP NOT NULL",
};
/// Notes on tables of the same database.
pub(crate) const NOTES: Table = Table {
    name: "_table_catalog",
    columns: "table_name TEXT NOT NULL, source_url TEXT, source_description TEXT, purpose TEXT, load_tool TEXT, \
        load_params TEXT, license TEXT, loaded_at TIMESTAMP NOT NULL, last_refreshed_at TIMESTAMP NOT NULL, \
        row_count BIGINT, notes TEXT, created_by TEXT, last_modified_by TEXT, data_url TEXT",
};
/// Which files of which folders were loaded into a database, and with what outcome.
pub(crate) const WATCHED_FILES: Table = Table {
    name: "_hyperdb_watched_files",
    columns: "folder TEXT NOT NULL, target TEXT NOT NULL, file TEXT NOT NULL, version TEXT NOT NULL, \
        outcome TEXT NOT NULL, row_count BIGINT, detail TEXT, recorded_at TIMESTAMP NOT NULL",
};
/// One row that every transaction on the others changes first. Hyper knows no unique keys: two that find a key missing
/// would both insert it, were it not for their conflict here.
const TURN: Table = Table { name: "_hyperdb_turn", columns: "turn BIGINT NOT NULL" };

/// Whether a table is the server's own, and of no interest to who asks what data there is.
pub(crate) fn is_own(name: &str) -> bool {
    name.starts_with("_hyperdb_") || name == NOTES.name
}

/// Lets one write of this server happen after the other, since they would only make each other try again.
#[derive(Debug, Default)]
pub(crate) struct Bookkeeping(Mutex<()>);

/// A statement, with values for `$1`, `$2` ...
#[derive(Debug)]
pub(crate) struct Statement {
    sql: String,
    params: Vec<Text>,
}

/// A text or NULL, declared as that: Hyper infers no type where nothing tells it, as in VALUES.
#[derive(Debug)]
struct Text(Option<String>);

/// What a statement did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Row>,
    /// How many rows it inserted, changed, deleted or returned.
    pub(crate) affected: u64,
}

/// A row's values, as Hyper writes them.
pub(crate) type Row = Vec<Option<String>>;

/// What all statements of a write did.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) outcomes: Vec<Outcome>,
    /// What the caller should know, such as when it will be on disk.
    pub(crate) warning: Option<String>,
}

impl Written {
    /// An answer with the warning, if there is one.
    pub(crate) fn answer(self, mut answer: Value) -> Answer {
        if let Some(warning) = self.warning {
            answer["warnings"] = json!([warning]);
        }
        Answer::json(answer)
    }
}

impl Table {
    /// Its name in SQL.
    pub(crate) fn of(&self, alias: &str) -> String {
        format!("{}.{}.{}", quoted(alias), quoted("public"), quoted(self.name))
    }

    fn create(&self, alias: &str) -> String {
        format!("CREATE TABLE IF NOT EXISTS {} ({})", self.of(alias), self.columns)
    }
}

impl Statement {
    pub(crate) fn new(sql: String, params: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { sql, params: params.into_iter().map(|param| Text(Some(param.into()))).collect() }
    }

    /// With values that may be NULL.
    pub(crate) fn nullable(sql: String, params: Vec<Option<String>>) -> Self {
        Self { sql, params: params.into_iter().map(Text).collect() }
    }

    async fn run(&self, client: &mut Client) -> Result<Outcome, Failure> {
        let explain = |error| Failure::of_statement(&error, &self.sql);
        let mut rows = if self.params.is_empty() {
            client.query(&self.sql).await.map_err(explain)?
        } else {
            let params: Vec<_> = self.params.iter().map(|param| param as &(dyn ToParameter + Sync)).collect();
            client.query_params(&self.sql, &params).await.map_err(explain)?
        };
        let mut outcome = Outcome::default();
        while let Some(row) = rows.next().await.map_err(explain)? {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            outcome.rows.push(row.iter().map(|value| value.bytes().map(text)).collect());
        }
        let tag = rows.finish().await.map_err(explain)?;
        outcome.affected = tag.and_then(|tag| tag.rows()).unwrap_or(0);
        Ok(outcome)
    }
}

impl ToParameter for Text {
    fn type_oid(&self) -> u32 {
        Type::Text.oid()
    }

    fn format(&self) -> Format {
        Format::Text
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_deref().unwrap_or_default().as_bytes());
    }

    fn is_null(&self) -> bool {
        self.0.is_none()
    }
}

/// The alias of the database that is asked for, as it is written; if none is, of that which persists, or of the scratch one.
pub(crate) fn place(state: &State, asked: Option<&str>) -> Result<String, Failure> {
    let databases = &state.engine.databases;
    match asked {
        Some(alias) => Ok(databases.get(alias)?.alias),
        None => Ok(databases.get(PERSISTENT).map_or_else(|_| LOCAL.to_owned(), |database| database.alias)),
    }
}

/// The rows of a statement that reads one of these tables; none if the table is not there yet.
pub(crate) async fn read(
    state: &Arc<State>,
    alias: &str,
    statement: &Statement,
    call: &Call,
) -> Result<Vec<Row>, Failure> {
    if state.engine.is_unwritten(alias).await {
        return Ok(Vec::new());
    }
    let mut lease = state
        .engine
        .lease_to_read(Needs { database: Some(alias), light: true, ..Needs::default() }, call)
        .await?;
    let rows = match statement.run(&mut lease).await {
        Ok(outcome) => outcome.rows,
        Err(failure) if failure.sqlstate.as_deref() == Some("42P01") => Vec::new(),
        Err(failure) => {
            if failure.session_lost {
                lease.report_lost();
            }
            return Err(failure);
        }
    };
    lease.finish().await?;
    Ok(rows)
}

/// Runs statements that change these tables, all or nothing, and as if nobody else wrote meanwhile.
pub(crate) async fn write(
    state: &Arc<State>,
    alias: &str,
    table: &Table,
    statements: &[Statement],
    call: &Call,
) -> Result<Written, Failure> {
    let _turn = state.bookkeeping.0.lock().await;
    let needs = Needs { database: Some(alias), light: true, ..Needs::default() };
    let lease = state.engine.lease(needs, call).await?;
    let committing = AtomicBool::new(false);
    match timeout(PATIENCE, write_patiently(lease, alias, table, statements, &committing)).await {
        Ok(written) => {
            state.changes.tell(Change::Tables(Some(alias.to_owned())));
            written
        }
        Err(_) if committing.load(Ordering::Relaxed) => Err(Failure::new(format!(
            "Whether it was written is unknown: hyperd did not answer within {} s. Next: read it back.",
            PATIENCE.as_secs()
        ))),
        Err(_) => Err(Failure::new(format!(
            "Nothing was written: for {} s other statements wrote to {} or had not read all of it. Next: try again when \
             they are done; `job` shows those of this server.",
            PATIENCE.as_secs(),
            table.of(alias)
        ))),
    }
}

async fn write_patiently(
    mut lease: Lease,
    alias: &str,
    table: &Table,
    statements: &[Statement],
    committing: &AtomicBool,
) -> Result<Written, Failure> {
    let mut attempts = 0;
    let outcomes = loop {
        attempts += 1;
        let failure = match attempt(&mut lease, alias, statements, committing).await {
            Ok(Some(outcomes)) => break outcomes,
            Ok(None) => continue,
            Err(failure) => failure,
        };
        match failure.sqlstate.as_deref() {
            Some("42P01") if attempts < ATTEMPTS_TO_CREATE => create(&mut lease, alias, table).await?,
            Some("40001") => {}
            _ => {
                if failure.session_lost {
                    lease.report_lost();
                }
                return Err(failure);
            }
        }
        sleep(pause(attempts)).await;
    };
    let finished = lease.finish().await?;
    Ok(Written { outcomes, warning: finished.warning })
}

/// Does it all in one transaction; `None` if there was no row to take turns with, and now is.
async fn attempt(
    client: &mut Client,
    alias: &str,
    statements: &[Statement],
    committing: &AtomicBool,
) -> Result<Option<Vec<Outcome>>, Failure> {
    committing.store(false, Ordering::Relaxed);
    let mut transaction = client.transaction().await?;
    let turn = TURN.of(alias);
    let taken = bare(format!("UPDATE {turn} SET turn = turn + 1")).run(&mut transaction).await?;
    if taken.affected == 0 {
        // Who does the same at this moment sees this row, or has one that this one will see: both change it then.
        bare(format!("INSERT INTO {turn} VALUES (0)")).run(&mut transaction).await?;
        transaction.commit().await?;
        return Ok(None);
    }
    let mut outcomes = Vec::with_capacity(statements.len());
    for statement in statements {
        outcomes.push(statement.run(&mut transaction).await?);
    }
    committing.store(true, Ordering::Relaxed);
    transaction.commit().await?;
    Ok(Some(outcomes))
}

/// A statement without values.
fn bare(sql: String) -> Statement {
    Statement { sql, params: Vec::new() }
}

/// Creates what is missing. Who comes second may meet a conflict, and tries again.
async fn create(client: &mut Client, alias: &str, table: &Table) -> Result<(), Failure> {
    for table in [&TURN, table] {
        let sql = table.create(alias);
        match client.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql)) {
            Err(failure) if !matches!(failure.sqlstate.as_deref(), Some("40001" | "42P07")) => {
                return Err(failure);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Longer with every attempt, and never the same for two.
pub(crate) fn pause(attempts: u32) -> Duration {
    let most = (Duration::from_millis(1) * attempts.min(1000)).min(PAUSE);
    let share = RandomState::new().hash_one(attempts) % 1000;
    most.mul_f64(share as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_tables_are_told_from_others() {
        for table in [&MEMORY, &QUERIES, &NOTES, &WATCHED_FILES, &TURN] {
            assert!(is_own(table.name), "{}", table.name);
        }
        assert!(!is_own("orders"));
    }
}
