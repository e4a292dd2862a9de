//! `export`: not built yet.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{Definition, Hints};
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::state::State;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {}

pub(super) fn definition() -> Definition {
    Definition {
        name: "export",
        title: "Export",
        description: "Not built.",
        hints: Hints::Reads,
        input: json!({"type": "object", "properties": {}, "additionalProperties": false}),
        output: None,
    }
}

pub(super) async fn run(
    _state: &Arc<State>,
    _arguments: Arguments,
    _call: &Arc<Call>,
) -> Result<Answer, Failure> {
    Err(Failure::new("not built"))
}
