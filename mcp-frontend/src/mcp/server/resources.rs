//! Resources in the protocol's words.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams, ReadResourceResult,
    Resource, ResourceContents, ResourceTemplate,
};

use super::{CHANGING_TTL_MS, FIXED_TTL_MS, no_cursor};
use crate::mcp::call::Call;
use crate::mcp::owner::Owner;
use crate::mcp::resources::{self, Body, Item, Unread};
use crate::mcp::state::State;

/// How many resources are listed at once.
const PAGE: usize = 100;

/// A page of the list. A cursor is the URI after which it goes on, so that what comes and goes elsewhere moves nothing.
pub(super) async fn list(
    state: Arc<State>,
    request: Option<PaginatedRequestParams>,
    owner: Owner,
) -> Result<ListResourcesResult, ErrorData> {
    let call = Call::new(&state.ending).owned_by(owner);
    let all = resources::list(&state, &call).await;
    let start = match request.and_then(|request| request.cursor) {
        Some(cursor) => {
            1 + all.iter().position(|item| item.uri == cursor).ok_or_else(|| no_cursor(&cursor))?
        }
        None => 0,
    };
    let page = &all[start..all.len().min(start + PAGE)];
    let mut result = ListResourcesResult::with_all_items(page.iter().map(resource).collect())
        .with_ttl_ms(CHANGING_TTL_MS)
        .with_cache_scope(CacheScope::Private);
    if start + page.len() < all.len() {
        result.next_cursor = page.last().map(|item| item.uri.clone());
    }
    Ok(result)
}

pub(super) fn templates() -> ListResourceTemplatesResult {
    let all = resources::templates().map(|template| {
        ResourceTemplate::new(template.uri, template.name)
            .with_description(template.description)
            .with_mime_type("application/json")
    });
    ListResourceTemplatesResult::with_all_items(all.into())
        .with_ttl_ms(FIXED_TTL_MS)
        .with_cache_scope(CacheScope::Private)
}

pub(super) async fn read(
    state: Arc<State>,
    uri: String,
    owner: Owner,
) -> Result<ReadResourceResult, ErrorData> {
    let call = Call::new(&state.ending).owned_by(owner);
    let contents = match resources::read(&state, &uri, &call).await {
        Ok(contents) => contents,
        Err(Unread::Unknown(why)) => {
            return Err(ErrorData::resource_not_found(why, Some(serde_json::json!({"uri": uri}))));
        }
        Err(Unread::Failed(failure)) => {
            return Err(ErrorData::internal_error(failure.say(&state.offers), None));
        }
    };
    let ttl_ms = if contents.is_fixed { FIXED_TTL_MS } else { 0 };
    let contents = match contents.body {
        Body::Text(text) => ResourceContents::text(text, uri).with_mime_type(contents.media_type),
        Body::Bytes(bytes) => {
            ResourceContents::blob(BASE64_STANDARD.encode(bytes), uri).with_mime_type(contents.media_type)
        }
    };
    Ok(ReadResourceResult::new(vec![contents]).with_ttl_ms(ttl_ms).with_cache_scope(CacheScope::Private))
}

fn resource(item: &Item) -> Resource {
    Resource::new(&item.uri, &item.name).with_description(&item.description).with_mime_type(item.media_type)
}
