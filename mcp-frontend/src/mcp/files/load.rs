//! One source into one table.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::relation::{Prepared, Relation, describe, texts};
use super::staging::{Staging, is_conflict, is_missing, is_there, qualified, sweep};
use super::{Input, Meter};
use crate::mcp::bookkeeping::pause;
use crate::mcp::call::Call;
use crate::mcp::engine::databases::{LOCAL, Mode as Access};
use crate::mcp::engine::{Lease, Needs, quoted};
use crate::mcp::failure::{Failure, nearest};
use crate::mcp::read_only;
use crate::mcp::state::State;
use crate::mcp::tables::Column;

/// What becomes of a table that is there.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// It must not be.
    #[default]
    Create,
    Replace,
    Append,
    Merge,
}

/// What to load, and how.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) table: String,
    /// Instead of `input`'s data.
    pub(crate) sql: Option<String>,
    pub(crate) input: Input,
    pub(crate) mode: Mode,
    /// By which rows are the same, for [`Mode::Merge`].
    pub(crate) key: Vec<String>,
    /// Its alias; the scratch database if none.
    pub(crate) database: Option<String>,
}

/// What was done to a table.
#[derive(Clone, Copy, Debug, Default)]
struct Effect {
    rows: u64,
    /// Of them, those that were there; rows that were merged.
    updated: Option<u64>,
}

/// How often something is tried when others change the same table.
const TRIES: u32 = 16;

/// Loads it, all or nothing. The session comes back with what was done, to be ended by the caller.
pub(crate) async fn load(
    state: &Arc<State>,
    order: &Order,
    meter: &Meter,
    call: &Call,
) -> Result<(Value, Lease), Failure> {
    let alias = order.database.as_deref().unwrap_or(LOCAL);
    let database = state.engine.databases.get(alias)?;
    if database.mode == Access::ReadOnly {
        return Err(Failure::new(format!(
            "{alias} is attached read-only. Nothing was loaded. Next: detach it and attach it with mode readwrite."
        )));
    }
    let mut warnings = Vec::new();
    let prepared = match &order.sql {
        None => Some(Prepared::of(state, &order.input, meter, call, &mut warnings).await?),
        Some(_) => None,
    };
    let sql = order.sql.as_deref().unwrap_or_default();
    let needs = Needs { database: Some(&database.alias), sql, light: false };
    let mut lease = state.engine.lease(needs, call).await?;
    sweep(state, &mut lease, &database.alias).await?;
    let target = qualified(&database.alias, &order.table);
    let existing = columns(&mut lease, &target).await?;
    if existing.is_some() && order.mode == Mode::Create {
        return Err(exists(&order.table));
    }
    let into = existing.as_deref().filter(|_| matches!(order.mode, Mode::Append | Mode::Merge));
    let mut relation = match prepared {
        Some(prepared) => prepared.relation(state, &mut lease, &order.input, into, meter, call).await?,
        None => {
            read_only::check(&mut lease, sql).await?;
            Relation::of_sql(&mut lease, sql, &order.input, into).await?
        }
    };
    warnings.append(&mut relation.warnings);
    call.progress.doing(format!("loading {}", order.table));
    let (effect, mut lease) = match (order.mode, into) {
        (Mode::Append, Some(_)) => append(lease, &target, &relation).await?,
        (Mode::Merge, Some(into)) => merge(lease, &target, order, &relation, into).await?,
        (mode, _) => {
            if mode == Mode::Merge {
                check_key(order, &relation)?;
            }
            stage(state, lease, &database.alias, order, &relation).await?
        }
    };
    if matches!(order.mode, Mode::Append | Mode::Merge) && into.is_none() {
        warnings.push(format!("There was no table \"{}\"; it was created.", order.table));
    }
    relation.detach(&mut lease).await?;
    call.progress.add_rows(effect.rows);
    let columns: Vec<_> =
        relation.columns.iter().map(|column| json!({"name": column.name, "type": column.ty})).collect();
    let mut done = json!({
        "table": order.table,
        "database": database.alias,
        "rows": effect.rows,
        "columns": columns,
        "read_as": relation.read_as,
    });
    if let Some(updated) = effect.updated {
        done["updated"] = updated.into();
        done["inserted"] = effect.rows.saturating_sub(updated).into();
    }
    if !warnings.is_empty() {
        done["warnings"] = json!(warnings);
    }
    Ok((done, lease))
}

/// Its columns, if it is there.
async fn columns(lease: &mut Lease, table: &str) -> Result<Option<Vec<Column>>, Failure> {
    let mut described = describe(lease, table).await;
    for _ in 1..TRIES {
        match &described {
            // It is being replaced.
            Err(failure) if is_conflict(failure) => described = describe(lease, table).await,
            _ => break,
        }
    }
    match described {
        Ok(columns) => Ok(Some(
            columns
                .into_iter()
                .map(|(name, ty)| Column { name, ty, nullable: true, comment: None })
                .collect(),
        )),
        Err(failure) if is_missing(&failure) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn exists(table: &str) -> Failure {
    Failure::new(format!(
        "The table \"{table}\" exists. Nothing was loaded. Next: pass mode append, merge (with key) or replace, or choose \
         another name."
    ))
}

/// A new table, in another's place if it is to be replaced.
async fn stage(
    state: &Arc<State>,
    lease: Lease,
    database: &str,
    order: &Order,
    relation: &Relation,
) -> Result<(Effect, Lease), Failure> {
    let mut staging = Staging::new(state, lease, database, &order.table);
    let rows = staging.fill(&relation.select()).await.map_err(|failure| relation.explain(failure))?;
    let lease = if order.mode == Mode::Replace {
        staging.replace().await?
    } else {
        match staging.put().await {
            Err(failure) if is_there(&failure) => return Err(exists(&order.table)),
            outcome => outcome?,
        }
        staging.keep()?
    };
    Ok((Effect { rows, updated: None }, lease))
}

/// One statement, so all or nothing.
async fn append(mut lease: Lease, target: &str, relation: &Relation) -> Result<(Effect, Lease), Failure> {
    let sql = format!("INSERT INTO {target} ({}) {}", names(relation), relation.select());
    let mut inserted = run(&mut lease, &sql).await;
    for attempt in 1..TRIES {
        match &inserted {
            Err(failure) if is_conflict(failure) => {
                sleep(pause(attempt)).await;
                inserted = run(&mut lease, &sql).await;
            }
            _ => break,
        }
    }
    let rows = inserted.map_err(|failure| relation.explain(failure))?;
    Ok((Effect { rows, updated: None }, lease))
}

/// The source becomes a temporary table; then rows are exchanged in one transaction.
async fn merge(
    mut lease: Lease,
    target: &str,
    order: &Order,
    relation: &Relation,
    into: &[Column],
) -> Result<(Effect, Lease), Failure> {
    check_key(order, relation)?;
    lease.soil();
    let sql = format!("CREATE TEMPORARY TABLE {SOURCE} AS {}", relation.select());
    let staged = lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql));
    staged.map_err(|failure| relation.explain(failure))?;
    let rows = check_keys(&mut lease, &order.key).await?;
    for attempt in 1.. {
        match exchange(&mut lease, target, order, relation, into, rows).await {
            Ok(updated) => return Ok((Effect { rows, updated: Some(updated) }, lease)),
            Err(failure) => {
                lease.execute("ROLLBACK").await?;
                // Somebody else changed the table at the same moment.
                if !is_conflict(&failure) || attempt == TRIES {
                    return Err(failure);
                }
                sleep(pause(attempt)).await;
            }
        }
    }
    unreachable!("the last attempt returns")
}

/// The temporary tables of a merge. They hide no others: those are named in full.
const SOURCE: &str = "\"~source\"";
const MERGED: &str = "\"~merged\"";

/// In a transaction that is left open if this fails; how many rows were there.
async fn exchange(
    lease: &mut Lease,
    target: &str,
    order: &Order,
    relation: &Relation,
    into: &[Column],
    rows: u64,
) -> Result<u64, Failure> {
    let missing: Vec<_> = into
        .iter()
        .map(|column| quoted(&column.name))
        .filter(|name| !relation.columns.iter().any(|column| quoted(&column.name) == *name))
        .collect();
    let same = |left: &str, right: &str| {
        let keys = order.key.iter().map(|key| format!("{left}.{0} = {right}.{0}", quoted(key)));
        keys.collect::<Vec<_>>().join(" AND ")
    };
    run(lease, "BEGIN").await?;
    let mut names = names(relation);
    let mut from = SOURCE;
    if !missing.is_empty() {
        // What the source does not have stays as it is.
        let old: String = missing.iter().map(|name| format!(", t.{name}")).collect();
        run(lease, &format!("DROP TABLE IF EXISTS {MERGED}")).await?;
        run(
            lease,
            &format!(
                "CREATE TEMPORARY TABLE {MERGED} AS SELECT s.*{old} FROM {SOURCE} s LEFT JOIN {target} t ON {}",
                same("s", "t")
            ),
        )
        .await?;
        if count(lease, MERGED).await? != rows {
            return Err(Failure::new(format!(
                "Several rows of \"{}\" have the same key ({}), and the source lacks columns of theirs. Nothing was \
                 changed. Next: use more key columns, or load all columns.",
                order.table,
                order.key.join(", ")
            )));
        }
        names = format!("{names}, {}", missing.join(", "));
        from = MERGED;
    }
    let sql = format!(
        "DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {SOURCE} s WHERE {})",
        same("s", &quoted(&order.table))
    );
    let updated = run(lease, &sql).await?;
    run(lease, &format!("INSERT INTO {target} ({names}) SELECT {names} FROM {from}")).await?;
    run(lease, "COMMIT").await?;
    Ok(updated)
}

/// The key has columns, and the source has them.
fn check_key(order: &Order, relation: &Relation) -> Result<(), Failure> {
    if order.key.is_empty() {
        return Err(Failure::new("Mode merge needs `key`: the columns by which rows are the same."));
    }
    let names: Vec<_> = relation.columns.iter().map(|column| column.name.as_str()).collect();
    match order.key.iter().find(|key| !names.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let near = nearest(key, names.iter().copied());
            let meant = near.first().map_or(String::new(), |near| format!(" Did you mean \"{near}\"?"));
            Err(Failure::new(format!(
                "The data has no key column \"{key}\".{meant} It has: {}. Nothing was loaded.",
                names.join(", ")
            )))
        }
    }
}

/// Every row of the source has a key of its own; how many rows there are.
async fn check_keys(lease: &mut Lease, key: &[String]) -> Result<u64, Failure> {
    let keys: Vec<_> = key.iter().map(|key| quoted(key)).collect();
    let keys_text = keys.join(", ");
    let null: Vec<_> = keys.iter().map(|key| format!("{key} IS NULL")).collect();
    let without = texts(lease, &format!("SELECT count(*) FROM {SOURCE} WHERE {}", null.join(" OR "))).await?;
    if without.first().is_some_and(|row| row.first().is_some_and(|count| count != "0")) {
        return Err(Failure::new(format!(
            "{} row(s) of the data have no key ({}). Nothing was changed. Next: leave them out, or use another key.",
            without[0][0],
            key.join(", ")
        )));
    }
    let twice = format!(
        "SELECT {keys_text}, count(*) FROM {SOURCE} GROUP BY {keys_text} HAVING count(*) > 1 ORDER BY {keys_text} LIMIT 1"
    );
    if let Some(row) = texts(lease, &twice).await?.first() {
        return Err(Failure::new(format!(
            "The key ({}) is not unique in the data: {}, {} rows. Nothing was changed. Next: use more key columns, or \
             leave out the surplus rows.",
            key.join(", "),
            row[..key.len()].join(", "),
            row[key.len()]
        )));
    }
    count(lease, SOURCE).await
}

async fn count(lease: &mut Lease, table: &str) -> Result<u64, Failure> {
    let count = texts(lease, &format!("SELECT count(*) FROM {table}")).await?;
    Ok(count.first().and_then(|row| row.first()).and_then(|count| count.parse().ok()).unwrap_or(0))
}

async fn run(lease: &mut Lease, sql: &str) -> Result<u64, Failure> {
    lease.execute(sql).await.map_err(|error| Failure::of_statement(&error, sql))
}

fn names(relation: &Relation) -> String {
    let names: Vec<_> = relation.columns.iter().map(|column| quoted(&column.name)).collect();
    names.join(", ")
}
