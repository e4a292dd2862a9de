//! What a data file holds.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::listing::Detail;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::engine::{Needs, literal};
use crate::mcp::failure::Failure;
use crate::mcp::result::{Head, Limits, Page};
use crate::mcp::state::State;

pub(super) async fn describe(
    state: &Arc<State>,
    path: &Path,
    _detail: Option<Detail>,
    limit: Option<usize>,
    call: &Call,
) -> Result<Answer, Failure> {
    let _ = (state, limit, call, literal, Needs::default);
    let _: Option<(Head, Page, Limits)> = None;
    Err(Failure::new(format!("{} {}", path.display(), json!("not built"))))
}
