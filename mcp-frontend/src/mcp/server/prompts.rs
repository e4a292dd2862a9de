//! Prompts in the protocol's words.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, GetPromptRequestParams, GetPromptResult, ListPromptsResult, Prompt, PromptArgument,
    PromptMessage, Role,
};
use serde_json::Value;

use super::FIXED_TTL_MS;
use crate::mcp::call::Call;
use crate::mcp::prompts::{self, PROMPTS};
use crate::mcp::state::State;

pub(super) fn list() -> ListPromptsResult {
    let all = PROMPTS.iter().map(|prompt| {
        let arguments = prompt.arguments.iter().map(|argument| {
            PromptArgument::new(argument.name)
                .with_description(argument.description)
                .with_required(argument.required)
        });
        Prompt::new(prompt.name, Some(prompt.description), Some(arguments.collect())).with_title(prompt.title)
    });
    ListPromptsResult::with_all_items(all.collect())
        .with_ttl_ms(FIXED_TTL_MS)
        .with_cache_scope(CacheScope::Private)
}

pub(super) async fn get(
    state: Arc<State>,
    request: GetPromptRequestParams,
) -> Result<GetPromptResult, ErrorData> {
    let mut given = BTreeMap::new();
    for (name, value) in request.arguments.unwrap_or_default() {
        let Value::String(value) = value else {
            return Err(ErrorData::invalid_params(format!("The argument {name} is not a text."), None));
        };
        given.insert(name, value);
    }
    let call = Call::new(&state.ending);
    let text = prompts::text(&state, &request.name, &given, &call)
        .await
        .map_err(|failure| ErrorData::invalid_params(failure.say(&state.offers), None))?;
    let mut result = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]);
    result.description =
        PROMPTS.iter().find(|prompt| prompt.name == request.name).map(|prompt| prompt.description.to_owned());
    Ok(result)
}
