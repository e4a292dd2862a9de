//! One source into one table.

use std::sync::Arc;

use hyperwire_tokio::hyperwire_core::sql::{Token, tokens};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::merge::merge;
use super::relation::{Prepared, Relation, describe};
use super::staging::{Staging, is_conflict, is_missing, is_there, sweep};
use super::{Input, Meter};
use crate::mcp::bookkeeping::pause;
use crate::mcp::call::Call;
use crate::mcp::engine::databases::Mode as Access;
use crate::mcp::engine::{Lease, Needs, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::read_only;
use crate::mcp::state::State;
use crate::mcp::tables::{Column, Found, all, near_tables};

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
    pub(crate) target: Found,
    /// Instead of `input`'s data.
    pub(crate) sql: Option<String>,
    pub(crate) input: Input,
    pub(crate) mode: Mode,
    /// By which rows are the same, for [`Mode::Merge`].
    pub(crate) key: Vec<String>,
}

impl Order {
    /// Whether one of the two names the other's table in its SQL, so that it matters which comes first.
    pub(crate) fn is_bound_to(&self, other: &Self) -> bool {
        self.names(&other.target) || other.names(&self.target)
    }

    /// By the table's own name, wherever it stands: at worst two wait for each other that need not.
    fn names(&self, target: &Found) -> bool {
        let named = |token: Token<'_>| token.identifier().is_some_and(|name| name == target.table.name);
        self.sql.as_deref().is_some_and(|sql| tokens(sql).any(named))
    }
}

/// What was done to a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Effect {
    /// Of the source.
    pub(super) rows: u64,
    pub(super) merged: Option<Merged>,
}

/// What a merge did, as hyperd counted it.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    /// Rows of the table whose key the source has.
    pub(super) updated: u64,
    pub(super) inserted: u64,
    /// Those that the updated rows got values in.
    pub(super) columns: Vec<String>,
}

/// How often something is tried when others change the same table.
pub(super) const TRIES: u32 = 16;

/// Loads it, all or nothing. The session comes back with what was done, to be ended by the caller.
pub(crate) async fn load(
    state: &Arc<State>,
    order: &Order,
    meter: &Meter,
    call: &Call,
) -> Result<(Value, Lease), Failure> {
    let Order { target, mode, .. } = order;
    let database = state.engine.databases.get(&target.alias)?;
    if database.mode == Access::ReadOnly {
        return Err(Failure::new(format!(
            "{} is attached read-only. Nothing was loaded. Next: detach it and attach it with mode readwrite.",
            target.alias
        )));
    }
    let mut warnings = Vec::new();
    let prepared = match &order.sql {
        None => {
            let is_merge = *mode == Mode::Merge;
            let prepared = Prepared::of(state, &order.input, is_merge, meter, call, &mut warnings).await;
            Some(prepared.map_err(|failure| unloaded(state, failure))?)
        }
        Some(_) => None,
    };
    let sql = order.sql.as_deref().unwrap_or_default();
    let needs = Needs { database: Some(&database.alias), sql, light: false };
    let mut lease = state.engine.lease(needs, call).await?;
    sweep(state, &mut lease, &database.alias).await?;
    let existing = columns(&mut lease, &target.quoted()).await?;
    match (mode, &existing) {
        (Mode::Create, Some(_)) => return Err(exists(target)),
        (Mode::Merge, None) => return Err(nothing_to_merge_into(state, target, call).await),
        _ => {}
    }
    let into = existing.as_deref().filter(|_| matches!(mode, Mode::Append | Mode::Merge));
    let mut relation = match prepared {
        Some(prepared) => {
            let relation = prepared.relation(state, &mut lease, &order.input, into, meter, call).await;
            relation.map_err(|failure| unloaded(state, failure))?
        }
        None => {
            read_only::check(&mut lease, sql).await?;
            Relation::of_sql(&mut lease, sql, &order.input, into).await?
        }
    };
    warnings.append(&mut relation.warnings);
    call.progress.doing(format!("loading {}", target.table.name));
    let (effect, mut lease) = match (mode, into) {
        (Mode::Append, Some(_)) => append(lease, target, &relation).await?,
        (Mode::Merge, Some(into)) => merge(lease, order, &relation, into).await?,
        _ => stage(state, lease, order, &relation).await?,
    };
    relation.detach(&mut lease).await?;
    call.progress.add_rows(effect.rows);
    let columns: Vec<_> =
        relation.columns.iter().map(|column| json!({"name": column.name, "type": column.ty})).collect();
    let mut done = json!({
        "table": target.table.name,
        "database": target.alias,
        "name": target.shown(),
        "rows": effect.rows,
        "columns": columns,
        "read_as": relation.read_as,
    });
    if *mode == Mode::Append && into.is_none() {
        done["created"] = true.into();
        let near = nearest_tables(state, target, call).await;
        warnings.push(format!("There was no table \"{}\"; it was created.{near}", target.table.name));
    }
    if order.input.has_path() {
        done["files"] = relation.names.len().into();
    }
    if let Some(Merged { updated, inserted, columns }) = effect.merged {
        done["updated"] = updated.into();
        done["inserted"] = inserted.into();
        done["updated_columns"] = columns.into();
    }
    if !warnings.is_empty() {
        done["warnings"] = json!(warnings);
    }
    Ok((done, lease))
}

/// Says so of data that cannot be read, if it is not said yet.
fn unloaded(state: &State, failure: Failure) -> Failure {
    if failure.say(&state.offers).contains("Nothing was loaded") {
        failure
    } else {
        failure.advise("Nothing was loaded.")
    }
}

async fn nothing_to_merge_into(state: &Arc<State>, target: &Found, call: &Call) -> Failure {
    let near = nearest_tables(state, target, call).await;
    Failure::new(format!(
        "There is no table {} to merge into.{near} Nothing was loaded. Next: correct the name, or make the table with mode \
         create.",
        target.shown()
    ))
}

/// The tables whose names are most like that of one that is not there.
async fn nearest_tables(state: &Arc<State>, target: &Found, call: &Call) -> String {
    let mut all = all(state, call).await;
    all.retain(|found| found != target);
    match near_tables(&quoted(&target.table.name), &all).as_slice() {
        [] => String::new(),
        near => format!(" Nearest: {}.", near.join(", ")),
    }
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

fn exists(target: &Found) -> Failure {
    Failure::new(format!(
        "The table \"{}\" exists. Nothing was loaded. Next: pass mode append, merge (with key) or replace, or choose \
         another name.",
        target.table.name
    ))
}

/// A new table, in another's place if it is to be replaced.
async fn stage(
    state: &Arc<State>,
    lease: Lease,
    order: &Order,
    relation: &Relation,
) -> Result<(Effect, Lease), Failure> {
    let mut staging = Staging::new(state, lease, &order.target);
    let rows = staging.fill(&relation.select()).await.map_err(|failure| relation.explain(failure))?;
    let lease = if order.mode == Mode::Replace {
        staging.replace().await?
    } else {
        match staging.put().await {
            Err(failure) if is_there(&failure) => return Err(exists(&order.target)),
            outcome => outcome?,
        }
        staging.keep()?
    };
    Ok((Effect { rows, merged: None }, lease))
}

/// One statement, so all or nothing.
async fn append(mut lease: Lease, target: &Found, relation: &Relation) -> Result<(Effect, Lease), Failure> {
    let sql = format!("INSERT INTO {} ({}) {}", target.quoted(), names(relation), relation.select());
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
    Ok((Effect { rows, merged: None }, lease))
}

pub(super) async fn run(lease: &mut Lease, sql: &str) -> Result<u64, Failure> {
    lease.execute(sql).await.map_err(|error| Failure::of_statement(&error, sql))
}

fn names(relation: &Relation) -> String {
    let names: Vec<_> = relation.columns.iter().map(|column| quoted(&column.name)).collect();
    names.join(", ")
}
