//! Tables of `.hyper` files that are not attached.

use std::path::PathBuf;
use std::sync::Arc;

use super::relation::{Relation, describe, texts};
use crate::mcp::engine::databases::Mode;
use crate::mcp::engine::{Lease, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::names::{parts, shown};
use crate::mcp::state::State;

/// A table of another database's file, which is attached for it.
pub(super) async fn table(
    state: &Arc<State>,
    lease: &mut Lease,
    file: PathBuf,
    table: Option<&str>,
) -> Result<Relation, Failure> {
    let known = state.engine.databases.all().into_iter().find(|database| database.path == file);
    if let Some(database) = known {
        return Err(Failure::new(format!(
            "{} is attached as {}. Next: select from it with `sql` (load) or name {}.public.table in the query.",
            file.display(),
            database.alias,
            database.alias
        )));
    }
    let alias = "hyperwire source";
    let attach = |mode: Mode| {
        let how = if mode == Mode::ReadOnly { "readonly" } else { "readwrite" };
        format!(
            "ATTACH DATABASE {} AS {} WITH (access_mode = '{how}')",
            quoted(&file.to_string_lossy()),
            quoted(alias)
        )
    };
    lease.soil();
    let sql = attach(Mode::ReadOnly);
    match lease.execute(&sql).await {
        // Another program of this hyperd has it open for writing; it is only read here.
        Err(error) if error.server().is_some_and(|server| server.code().as_str() == "55000") => {
            let sql = attach(Mode::ReadWrite);
            lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql))?;
        }
        outcome => drop(outcome.map_err(|error| Failure::of_statement(&error, &sql))?),
    }
    let found = find_table(lease, alias, table).await;
    let (schema, name) = match found {
        Ok(found) => found,
        Err(failure) => {
            let _ = lease.execute(&format!("DETACH DATABASE {}", quoted(alias))).await;
            return Err(failure);
        }
    };
    let from = format!("{}.{}.{}", quoted(alias), quoted(&schema), quoted(&name));
    let columns = describe(lease, &from).await?;
    let mut relation = Relation::new(from, columns, "hyper", vec![file]);
    relation.attached = Some(alias.to_owned());
    Ok(relation)
}

/// The table that is meant: the only one, if none is named.
async fn find_table(
    lease: &mut Lease,
    alias: &str,
    wanted: Option<&str>,
) -> Result<(String, String), Failure> {
    let sql =
        format!("SELECT schemaname, tablename FROM {}.pg_catalog.pg_tables ORDER BY 1, 2", quoted(alias));
    let all = texts(lease, &sql).await?;
    let all: Vec<(String, String)> = all
        .into_iter()
        .filter_map(|row| <[String; 2]>::try_from(row).ok())
        .map(|[schema, table]| (schema, table))
        .filter(|(schema, _)| schema != "pg_catalog")
        .collect();
    let names: Vec<_> =
        all.iter().map(|(schema, table)| format!("{}.{}", shown(schema), shown(table))).collect();
    let found = match (wanted, all.as_slice()) {
        (None, [one]) => Some(one),
        (None, _) => None,
        (Some(wanted), all) => all
            .iter()
            .find(|(schema, table)| match parts(wanted).as_deref() {
                Some([of_table]) => table == of_table,
                Some([of_schema, of_table]) => schema == of_schema && table == of_table,
                _ => false,
            })
            // Who asks may not have quoted it.
            .or_else(|| all.iter().find(|(_, table)| table == wanted)),
    };
    found.cloned().ok_or_else(|| {
        Failure::new(match wanted {
            Some(wanted) => format!("The file has no table {wanted}. It has: {}.", names.join(", ")),
            None => format!("Which table of the file? It has: {}. Next: pass from_table.", names.join(", ")),
        })
    })
}
