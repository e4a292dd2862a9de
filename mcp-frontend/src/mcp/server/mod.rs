//! The protocol's words for what this server does: the one module that knows rmcp well.

mod completion;
mod incoming;
mod prompts;
mod resources;
mod skills;
mod subscriptions;
mod tasks;
mod tools;

use std::future::Future;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
    DiscoverResult, GetPromptRequestParams, GetPromptResponse, GetSkillRequestParams, GetSkillResult,
    GetTaskParams, GetTaskResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListSkillsResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio_util::task::AbortOnDropHandle;

use super::http::SESSION;
use super::instructions::instructions;
use super::owner::Owner;
use super::state::State;
pub(crate) use incoming::{Incoming, begins, cancels, is_light, read};
use subscriptions::Subscriptions;
pub(crate) use tasks::Tasks;

/// How long clients may take for true what does not change while the server runs, in milliseconds.
const FIXED_TTL_MS: u64 = 3_600_000;
/// The same for what changes, of which subscribers are told.
const CHANGING_TTL_MS: u64 = 1_000;

/// One client's view of the server: a connection of stdio, a session of HTTP, or one request of HTTP where there are no
/// sessions any more (2026-07-28).
#[derive(Clone)]
pub(crate) struct Server {
    state: Arc<State>,
    subscriptions: Arc<Subscriptions>,
}

impl Server {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state, subscriptions: Arc::default() }
    }

    /// Does a request's work until the client cancels it; a panic ends that request alone.
    async fn guarded<T: Send + 'static>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl Future<Output = Result<T, ErrorData>> + Send + 'static,
    ) -> Result<T, ErrorData> {
        let work = AbortOnDropHandle::new(self.state.work.spawn(work));
        tokio::select! {
            done = work => done.unwrap_or_else(|_| {
                Err(ErrorData::internal_error("The request ended without an answer. This is a defect of hyperwire.", None))
            }),
            // Nobody is told any more.
            () = context.ct.cancelled() => Err(ErrorData::internal_error("Canceled.", None)),
            () = self.state.ending.cancelled() => Err(ErrorData::internal_error("The server ends.", None)),
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions()
            .enable_tasks()
            .enable_skills()
            .build();
        let me = Implementation::new("hyperwire", env!("CARGO_PKG_VERSION")).with_title("Hyper");
        ServerConfig::new(capabilities).with_server_info(me).with_instructions(instructions(&self.state))
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info()).with_ttl_ms(FIXED_TTL_MS))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        one_page(request)?;
        Ok(tools::list(&self.state))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        tools::call(&self.state, request, context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let owner = owner(&context);
        self.guarded(&context, resources::list(self.state.clone(), request, owner)).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        one_page(request)?;
        Ok(resources::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let owner = owner(&context);
        self.guarded(&context, resources::read(self.state.clone(), request.uri, owner)).await.map(Into::into)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.add(&request.uri)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.remove(&request.uri);
        Ok(())
    }

    /// Only clients that began with `initialize` say this; the others ask with `subscriptions/listen`.
    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.subscriptions.tell(&self.state, context.peer);
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(subscriptions::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        subscriptions::listen(&self.state, context).await;
        Ok(())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        one_page(request)?;
        Ok(prompts::list())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.guarded(&context, prompts::get(self.state.clone(), request)).await.map(Into::into)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let owner = owner(&context);
        self.guarded(&context, completion::complete(self.state.clone(), request, owner)).await
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        tasks::get(&self.state, &request.task_id, &owner(&context))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        // No task ever asks for input, and answers to what was not asked are to be ignored.
        tasks::get(&self.state, &request.task_id, &owner(&context)).map(drop)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::cancel(&self.state, &request.task_id, &owner(&context))
    }

    async fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        one_page(request)?;
        Ok(skills::list(&self.state.offers))
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        skills::get(&self.state.offers, &request.uri)
    }
}

/// Whose request this is.
fn owner(context: &RequestContext<RoleServer>) -> Owner {
    let Some(parts) = context.extensions.get::<axum::http::request::Parts>() else { return Owner::Only };
    let session = parts.headers.get(SESSION).and_then(|id| id.to_str().ok());
    match session {
        // The SDK has looked it up.
        Some(id) if context.meta.protocol_version().is_none() => Owner::Session(id.into()),
        _ => {
            let program = context.meta.client_info();
            let name = program.map(|program| format!("{}\n{}", program.name, program.version));
            Owner::Program(name.unwrap_or_default().into())
        }
    }
}

/// A list that has only one page has no cursor to it.
fn one_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        Some(cursor) => Err(no_cursor(&cursor)),
        None => Ok(()),
    }
}

fn no_cursor(cursor: &str) -> ErrorData {
    ErrorData::invalid_params(
        format!("{cursor} is no cursor of this list. Next: list again from the beginning."),
        None,
    )
}
