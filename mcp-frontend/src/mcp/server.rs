//! The protocol's words for what this server does: the one module that knows rmcp well.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ProgressToken, Resource,
    ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{Peer, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::instructions::INSTRUCTIONS;
use super::jobs::Outcome;
use super::state::State;
use super::tools::{self, Definition, Hints};

/// What is listed does not change while the server runs.
const LIST_TTL_MS: u64 = 3_600_000;
/// How often a caller who gave a token hears of its call.
const PROGRESS: Duration = Duration::from_millis(200);

/// One client's view of the server.
#[derive(Clone)]
pub(crate) struct Server(pub(crate) Arc<State>);

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let me = Implementation::new("hyperwire", env!("CARGO_PKG_VERSION")).with_title("Hyper");
        ServerConfig::new(capabilities).with_server_info(me).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let all = tools::definitions(&self.0).into_iter().map(tool).collect();
        Ok(ListToolsResult::with_all_items(all)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.into_owned();
        if !tools::is_there(&self.0, &name) {
            return Err(ErrorData::invalid_params(format!("There is no tool {name}."), None));
        }
        let call = Arc::new(Call::new(&self.0.ending));
        let outcome = self.begin(name.clone(), request.arguments.unwrap_or_default(), call.clone());
        let told = tell(context.meta.get_progress_token(), context.peer.clone(), &call);
        let answer = tokio::select! {
            answer = self.wait(&name, &call, outcome) => answer,
            () = told => unreachable!("progress is told until the answer"),
            () = context.ct.cancelled() => {
                call.cancel.cancel();
                // Nobody is told any more.
                Err(Failure::new("Canceled by the client."))
            }
        };
        Ok(result(answer).into())
    }
}

impl Server {
    /// Starts a call on a task of its own, since it may outlive its request.
    fn begin(
        &self,
        name: String,
        arguments: rmcp::model::JsonObject,
        call: Arc<Call>,
    ) -> watch::Receiver<Outcome> {
        let (sender, outcome) = watch::channel(None);
        let state = self.0.clone();
        tokio::spawn(async move {
            let answer = call.bounded(None, tools::run(state, &name, arguments, call.clone())).await;
            sender.send_replace(Some(answer));
        });
        outcome
    }

    /// The answer, or where it will be.
    async fn wait(
        &self,
        name: &str,
        call: &Arc<Call>,
        mut outcome: watch::Receiver<Outcome>,
    ) -> Result<Answer, Failure> {
        let done = timeout(self.0.options.soft_deadline, outcome.wait_for(Option::is_some)).await;
        match done.map(|answer| answer.map(|answer| answer.clone())) {
            Ok(Ok(answer)) => answer.unwrap_or_else(|| Err(Failure::new("No answer."))),
            Ok(Err(_)) => {
                Err(Failure::new("The tool ended without an answer. This is a defect of hyperwire."))
            }
            Err(_) => {
                let job = self.0.jobs.add(name, call.clone(), outcome);
                let seconds = self.0.options.soft_deadline.as_secs();
                Ok(Answer::text(
                    json!({
                        "job": job,
                        "status": "running",
                        "doing": call.progress.sentence(),
                        "next": format!("It takes longer than {seconds} s and goes on. Call `job` with this id to wait for its result or to cancel it."),
                    })
                    .to_string(),
                ))
            }
        }
    }
}

/// Tells a caller who gave a token how far its call is, until this is dropped.
fn tell(
    token: Option<ProgressToken>,
    peer: Peer<RoleServer>,
    call: &Arc<Call>,
) -> impl Future<Output = ()> + use<> {
    let call = call.clone();
    async move {
        let Some(token) = token else { return std::future::pending().await };
        let mut ticks = interval(PROGRESS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Seconds only ever grow, as the protocol demands of progress; rows and bytes may stand still.
            let mut told =
                ProgressNotificationParam::new(token.clone(), call.started.elapsed().as_secs_f64());
            told.message = Some(call.progress.sentence());
            if peer.notify_progress(told).await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

fn tool(definition: Definition) -> Tool {
    let hints = ToolAnnotations::new().open_world(false);
    let hints = match definition.hints {
        Hints::Reads => hints.read_only(true),
        Hints::Adds => hints.read_only(false).destructive(false),
        Hints::Changes => hints.read_only(false).destructive(true),
        Hints::Repeats => hints.read_only(false).destructive(false).idempotent(true),
    };
    let tool =
        Tool::new_with_raw(definition.name, Some(definition.description.into()), object(definition.input))
            .with_title(definition.title)
            .with_annotations(hints);
    match definition.output {
        Some(schema) => tool.with_raw_output_schema(object(schema)),
        None => tool,
    }
}

fn object(schema: Value) -> Arc<rmcp::model::JsonObject> {
    match schema {
        Value::Object(object) => Arc::new(object),
        _ => unreachable!("schemas are objects"),
    }
}

fn result(answer: Result<Answer, Failure>) -> CallToolResult {
    match answer {
        Ok(answer) => {
            let mut content = Vec::new();
            match (&answer.text, &answer.structured) {
                (Some(text), _) => content.push(ContentBlock::text(text)),
                (None, Some(structured)) => content.push(ContentBlock::text(structured.to_string())),
                (None, None) => {}
            }
            content.extend(
                answer
                    .images
                    .iter()
                    .map(|image| ContentBlock::image(BASE64_STANDARD.encode(&image.bytes), image.media_type)),
            );
            content.extend(answer.links.iter().map(|link| {
                ContentBlock::resource_link(
                    Resource::new(&link.uri, &link.name).with_mime_type(link.media_type),
                )
            }));
            let mut result = CallToolResult::success(content);
            result.structured_content = answer.structured;
            result
        }
        // Text alone: clients check structured content against the schema even when it is an error.
        Err(failure) => CallToolResult::error(vec![ContentBlock::text(failure.text())]),
    }
}
