//! Data from files and from the caller, brought to hyperd.

mod arrow;
mod budget;
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
mod merge;
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
pub(crate) use budget::{LONGEST_ROW, LONGEST_VALUE};
pub(crate) use input::{FoundFiles, Input, find as find_files};
pub(crate) use load::{Mode, Order, load};
pub(crate) use meter::Meter;
use relation::describe;
pub(crate) use relation::{Prepared, Relation};
pub(crate) use staging::is_stand_in;

/// What describes one input: [`Input`]'s fields.
pub(crate) fn input_properties() -> Value {
    let one_or_more = json!([{"type": "string"}, {"type": "array", "items": {"type": "string"}}]);
    json!({
        "path": {"anyOf": one_or_more, "description": "A file, or several: /dir/*.csv"},
        "data": {"description": "CSV or JSON as text, or an array of objects"},
        "format": {"type": "string", "enum": ["csv", "json", "jsonl", "parquet", "arrow", "iceberg", "hyper"]},
        "schema": {"type": "object", "description": "Types by column: {\"zip\": \"text\"}", "additionalProperties": {"type": "string"}},
        "json_path": {"type": "string", "description": "Like data.items"},
        "from_table": {"type": "string", "description": "Of a .hyper file"},
        "delimiter": {"type": "string"},
        "header": {"type": "boolean"},
        "quote": {"type": "string"},
        "escape": {"type": "string"},
        "encoding": {"type": "string"},
        "null": {"anyOf": one_or_more, "description": "Text that means NULL"}
    })
}

/// The schema of tables that are there for one call, by name.
pub(crate) fn inputs_schema() -> Value {
    json!({
        "type": "object",
        "description": "Tables for this call, by name: {\"t\": {\"path\": \"/data/t.csv\"}}",
        "additionalProperties": {
            "type": "object",
            "properties": input_properties(),
            "additionalProperties": false
        }
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
    let prepared = Prepared::of(state, input, false, meter, call, &mut Vec::new()).await?;
    let mut relation = prepared.relation(state, lease, input, None, meter, call).await?;
    call.progress.doing(format!("bringing {name}"));
    let sql = format!("CREATE TEMPORARY TABLE {} AS {}", quoted(name), relation.select());
    let created = lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql));
    created.map_err(|failure| relation.explain(failure))?;
    relation.detach(lease).await
}
