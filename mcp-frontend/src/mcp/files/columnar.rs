//! Parquet and Arrow: by hyperd's own readers where they can, by ours where not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arrow::{self, ArrowColumn, Batches, Rewriting};
use super::csv_file::path;
use super::meter::Meter;
use super::relation::{Relation, describe};
use crate::mcp::advice::Offers;
use crate::mcp::call::Call;
use crate::mcp::engine::{Lease, literal, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::state::State;

/// hyperd's own reader, or if it cannot, ours.
pub(super) async fn parquet(
    state: &Arc<State>,
    lease: &mut Lease,
    files: Vec<PathBuf>,
    meter: &Meter,
    call: &Call,
) -> Result<Relation, Failure> {
    let from = format!("external({}, format => 'parquet')", array(&files)?);
    let refused = match describe(lease, &from).await {
        // Tables that are kept have no arrays.
        Ok(columns) if columns.iter().all(|(_, ty)| !is_array(ty)) => {
            return Ok(Relation::new(from, columns, "parquet", files));
        }
        Ok(_) => None,
        Err(failure) if is_unreadable(&failure) => Some(failure),
        Err(failure) => return Err(failure),
    };
    let rewritten = rewrite(state, "parquet", files, meter, call, arrow::open_parquet).await;
    rewritten.map_err(|failure| match refused {
        Some(refused) => failure.advise(&refused.say(&Offers::everything())),
        None => failure,
    })
}

pub(super) async fn arrow_ipc(
    state: &Arc<State>,
    lease: &mut Lease,
    files: Vec<PathBuf>,
    meter: &Meter,
    call: &Call,
) -> Result<Relation, Failure> {
    let first = files[0].clone();
    let look = move || {
        let (schema, _, is_file) = arrow::open(&first)?;
        let mut warnings = Vec::new();
        let columns = arrow::plan(&schema, &mut warnings)?;
        Ok((arrow::is_readable(&schema, &columns), columns, is_file))
    };
    let (is_readable, columns, is_file) = meter.branch().watch(&state.disk, &files[0], call, look).await?;
    if is_readable {
        let format = if is_file { "arrowfile" } else { "arrowstream" };
        let from = format!(
            "external({}, format => '{format}', columns => DESCRIPTOR({}))",
            array(&files)?,
            descriptor(&columns)
        );
        // It tells of compression only once it reads.
        let probe = format!("SELECT 1 FROM {from} LIMIT 1");
        match lease.execute(&probe).await {
            Ok(_) => {
                let columns = columns.into_iter().map(|column| (column.name, column.ty)).collect();
                return Ok(Relation::new(from, columns, "arrow", files));
            }
            Err(error) if error.is_session_lost() => return Err(error.into()),
            Err(_) => {}
        }
    }
    rewrite(state, "arrow", files, meter, call, |file| {
        arrow::open(file).map(|(schema, batches, _)| (schema, batches))
    })
    .await
}

/// Writes batches as what hyperd reads.
async fn rewrite(
    state: &Arc<State>,
    read_as: &str,
    files: Vec<PathBuf>,
    meter: &Meter,
    call: &Call,
    open: impl Fn(&Path) -> Result<(arrow_schema::SchemaRef, Batches), Failure> + Send + 'static,
) -> Result<Relation, Failure> {
    let scratch = state.engine.scratch.path().to_owned();
    let meter = meter.branch();
    let inside = meter.clone();
    let names = files.clone();
    let work = move || {
        let mut warnings = Vec::new();
        let (schema, batches) = open(&files[0])?;
        let columns = arrow::plan(&schema, &mut warnings)?;
        let mut rewriting = Rewriting::begin(columns.clone(), &schema, &scratch)?;
        let mut next = Some(batches);
        for file in &files {
            let batches = match next.take() {
                Some(first) => first,
                None => {
                    let (other, batches) = open(file)?;
                    if other.fields() != schema.fields() {
                        return Err(Failure::new(format!(
                            "The columns of {} are not those of {}. Next: load them separately.",
                            file.display(),
                            files[0].display()
                        )));
                    }
                    batches
                }
            };
            for batch in batches {
                inside.go_on()?;
                let batch = batch
                    .map_err(|error| Failure::new(format!("{} cannot be read: {error}.", file.display())))?;
                rewriting.write(&batch)?;
            }
        }
        Ok((rewriting.finish()?, columns, warnings))
    };
    let (copy, columns, warnings) = meter.watch(&state.disk, &names[0], call, work).await?;
    let from = format!(
        "external({}, format => 'arrowstream', columns => DESCRIPTOR({}))",
        literal(&path(&copy)?),
        descriptor(&columns)
    );
    let columns = columns.into_iter().map(|column| (column.name, column.ty)).collect();
    let mut relation = Relation::new(from, columns, read_as, names);
    relation.temporary.push(copy);
    relation.warnings = warnings;
    Ok(relation)
}

fn descriptor(columns: &[ArrowColumn]) -> String {
    let columns: Vec<_> =
        columns.iter().map(|column| format!("{} {}", quoted(&column.name), column.ty)).collect();
    columns.join(", ")
}

fn array(files: &[PathBuf]) -> Result<String, Failure> {
    let files: Vec<_> =
        files.iter().map(|file| path(file).map(|file| literal(&file))).collect::<Result<_, _>>()?;
    Ok(format!("array[{}]", files.join(", ")))
}

fn is_array(ty: &str) -> bool {
    ty.ends_with("[]") || ty.starts_with("array")
}

/// hyperd does not read this kind of file.
fn is_unreadable(failure: &Failure) -> bool {
    matches!(failure.sqlstate.as_deref(), Some("0A000" | "42804"))
}
