//! Data from files and from the caller, brought to hyperd.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::engine::Lease;
use super::failure::Failure;
use super::state::State;

/// Where data comes from, and what it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {}

/// What a tool's `inputs` argument is, in JSON Schema.
pub(crate) fn inputs_schema() -> Value {
    json!({"type": "object", "additionalProperties": {"type": "object"}})
}

/// Makes each input a temporary table of its name on the session.
pub(crate) async fn bring(
    _state: &Arc<State>,
    _lease: &mut Lease,
    _inputs: &BTreeMap<String, Input>,
    _call: &Call,
) -> Result<(), Failure> {
    Err(Failure::new("not built"))
}
