//! Data from files and from the caller, brought to hyperd.

mod arrow;
mod columnar;
mod csv_file;
mod dialect;
mod evidence;
mod hyper_file;
mod input;
mod json;
mod json_file;
mod kind;
mod load;
mod meter;
mod plain;
mod quoting;
mod relation;
mod sheet;
mod staging;
mod text_table;
mod widening;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Call;
use super::engine::{Lease, quoted};
use super::failure::Failure;
use super::state::State;
pub(crate) use input::Input;
pub(crate) use load::{Mode, Order, load};
pub(crate) use meter::Meter;
use relation::describe;
pub(crate) use relation::{Prepared, Relation};

/// What a tool's `inputs` argument is, in JSON Schema.
pub(crate) fn inputs_schema() -> Value {
    json!({
        "type": "object",
        "description": "Tables for this call, by name: {path | data, format?, schema?: {column: type}, json_path?, \
            from_table? (.hyper), delimiter?, header?, quote?, encoding?, null?}. Formats: csv, json, parquet, arrow, \
            iceberg, hyper. `data`: CSV, JSON, or an array of objects",
        "additionalProperties": {"type": "object"}
    })
}

/// Makes each input a temporary table of its name on the session.
pub(crate) async fn bring(
    state: &Arc<State>,
    lease: &mut Lease,
    inputs: &BTreeMap<String, Input>,
    call: &Call,
) -> Result<(), Failure> {
    if inputs.is_empty() {
        return Ok(());
    }
    lease.soil();
    let meter = Meter::default();
    for (name, input) in inputs {
        let brought = bring_one(state, lease, name, input, &meter, call).await;
        brought.map_err(|failure| {
            failure.advise(&format!("This was the input \"{name}\"; the SQL was not run."))
        })?;
    }
    call.progress.doing("running");
    Ok(())
}

async fn bring_one(
    state: &Arc<State>,
    lease: &mut Lease,
    name: &str,
    input: &Input,
    meter: &Meter,
    call: &Call,
) -> Result<(), Failure> {
    if describe(lease, &quoted(name)).await.is_ok() {
        return Err(Failure::new(format!(
            "There is a table \"{name}\" already. Next: give the input another name, and use that in the SQL."
        )));
    }
    let prepared = Prepared::of(state, input, meter, call, &mut Vec::new()).await?;
    let mut relation = prepared.relation(state, lease, input, None, meter, call).await?;
    call.progress.doing(format!("bringing {name}"));
    let sql = format!("CREATE TEMPORARY TABLE {} AS {}", quoted(name), relation.select());
    let created = lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql));
    created.map_err(|failure| relation.explain(failure))?;
    relation.detach(lease).await
}
