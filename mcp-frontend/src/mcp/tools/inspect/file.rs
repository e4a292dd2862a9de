//! What a data file holds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::listing::{COLUMNS_A_SCAN, Detail, MOST_BYTES, column, sample};
use super::stats::stats;
use crate::mcp::advice::{Advice, Offers};
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::engine::{Lease, Needs, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::files::{Input, Meter, Prepared, Relation};
use crate::mcp::names::shown;
use crate::mcp::result::keep_fitting;
use crate::mcp::state::State;
use crate::mcp::tables::{Column, sizes_on};

/// How long rows are counted; hyperd reads hundreds of megabytes in that time.
const COUNTED_WITHIN: Duration = Duration::from_secs(2);
/// What a database file is called while it is looked at. A name that no model chooses.
const ALIAS: &str = "hyperwire inspect";
/// Tables of a database file that are named.
const NAMED: usize = 200;

/// The file's format, its columns as they would be inferred, some rows, and how many there are where that is known soon.
pub(super) async fn describe(
    state: &Arc<State>,
    path: &Path,
    detail: Option<Detail>,
    limit: Option<usize>,
    call: &Call,
) -> Result<Answer, Failure> {
    let about = about(state, path, detail, limit, call).await?;
    Ok(Answer::json(json!({"tables": [about]})))
}

/// The same, as a part of an answer.
pub(super) async fn about(
    state: &Arc<State>,
    path: &Path,
    detail: Option<Detail>,
    limit: Option<usize>,
    call: &Call,
) -> Result<Value, Failure> {
    let mut lease = state.engine.lease(Needs::default(), call).await?;
    // What is attached or made for the file is not for others.
    lease.soil();
    let is_database = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("hyper"));
    let mut about = if is_database {
        database(&mut lease, path, &state.offers).await?
    } else {
        data(state, &mut lease, path, detail, limit, call).await?
    };
    lease.finish().await?;
    about["file"] = json!(path);
    if let Ok(file) = state.disk.about(path).await
        && file.is_file()
    {
        about["bytes"] = file.size.into();
    }
    Ok(about)
}

async fn data(
    state: &Arc<State>,
    lease: &mut Lease,
    path: &Path,
    detail: Option<Detail>,
    limit: Option<usize>,
    call: &Call,
) -> Result<Value, Failure> {
    let input: Input = serde_json::from_value(json!({"path": path}))
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}.", path.display())))?;
    let meter = Meter::default();
    let mut warnings = Vec::new();
    let prepared = Prepared::of(state, &input, false, &meter, call, &mut warnings).await?;
    let mut relation = prepared.relation(state, lease, &input, None, &meter, call).await?;
    warnings.append(&mut relation.warnings.clone());
    let looked = look(lease, &relation, detail, limit).await;
    let mut about = looked.map_err(|failure| relation.explain(failure))?;
    about["format"] = relation.read_as.as_str().into();
    if !warnings.is_empty() {
        about["warnings"] = json!(warnings);
    }
    relation.detach(lease).await?;
    Ok(about)
}

async fn look(
    lease: &mut Lease,
    relation: &Relation,
    detail: Option<Detail>,
    limit: Option<usize>,
) -> Result<Value, Failure> {
    let from = format!("({}) AS file", relation.select());
    let column_of = |name: &str, ty: &str| Column {
        name: name.to_owned(),
        ty: ty.to_owned(),
        nullable: true,
        comment: None,
    };
    let columns: Vec<_> = relation.columns.iter().map(|column| column_of(&column.name, &column.ty)).collect();
    let total = columns.len();
    let fits = |most: usize| {
        let mut left = MOST_BYTES / 2;
        let fits = columns.iter().take(most).take_while(|one| {
            let bytes = column(one).to_string().len() + 1;
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        });
        &columns[..fits.count().max(1.min(total))]
    };
    let mut about = match detail {
        Some(Detail::Stats) => {
            let (rows, columns) = stats(lease, &from, fits(COLUMNS_A_SCAN)).await?;
            json!({"columns": columns, "rows": rows})
        }
        _ => {
            let columns = fits(usize::MAX);
            let (_, rows) = sample(lease, &from, columns, limit, MOST_BYTES / 2).await?;
            let columns: Vec<_> = columns.iter().map(column).collect();
            let mut about = json!({"columns": columns, "sample": rows});
            if let Some(rows) = count(lease, &from).await {
                about["rows"] = rows.into();
            }
            about
        }
    };
    let shown = about["columns"].as_array().map_or(0, Vec::len);
    if shown < total {
        about["columns_total"] = total.into();
    }
    Ok(about)
}

async fn count(lease: &mut Lease, from: &str) -> Option<i64> {
    let sql = format!("SELECT count(*) FROM {from}");
    let counted = async {
        let counted = lease.query(&sql).await.ok()?.map(|row| Ok::<_, hyperwire_tokio::Error>(row.get(0)?));
        counted.await.ok()?.into_iter().next()
    };
    timeout(COUNTED_WITHIN, counted).await.ok().flatten()
}

/// The tables of a database file. It is let go of at once, for others may want to write to it.
async fn database(lease: &mut Lease, path: &Path, offers: &Offers) -> Result<Value, Failure> {
    let file = path.to_str().ok_or_else(|| {
        Failure::new(format!("{} is not UTF-8, which Hyper needs. Rename it.", path.display()))
    })?;
    let attach =
        format!("ATTACH DATABASE {} AS {} WITH (access_mode = 'readonly')", quoted(file), quoted(ALIAS));
    lease.execute(&attach).await.map_err(|error| Failure::of_statement(&error, ""))?;
    let sizes = sizes_on(lease, ALIAS).await?;
    lease.execute(&format!("DETACH DATABASE {}", quoted(ALIAS))).await?;
    let mut tables: Vec<_> = sizes
        .iter()
        .take(NAMED)
        .map(|size| {
            let name = format!("{}.{}", shown(&size.table.schema), shown(&size.table.name));
            json!({"table": name, "columns": size.columns, "rows_about": size.rows_about})
        })
        .collect();
    keep_fitting(&mut tables, MOST_BYTES - 1_000);
    Ok(json!({
        "format": "hyper",
        "tables": tables,
        "tables_total": sizes.len(),
        "next": Advice::QueryDatabaseFile.say(offers),
    }))
}
