//! Tools: what they are, and calls of them.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject,
    ListToolsResult, ProgressNotificationParam, ProgressToken, Resource, Tool, ToolAnnotations,
};
use rmcp::service::{Peer, RequestContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::{FIXED_TTL_MS, owner, tasks};
use crate::args::mcp::ContentKind;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::changes::Change;
use crate::mcp::failure::Failure;
use crate::mcp::jobs::{Job, Outcome};
use crate::mcp::owner::Owner;
use crate::mcp::policy::Hints;
use crate::mcp::state::State;
use crate::mcp::tools::{self, Definition};

/// How often a caller who gave a token hears of its call. One that is answered sooner hears nothing.
const PROGRESS: Duration = Duration::from_millis(200);
/// Waits for jobs itself, and so never becomes one.
const JOB: &str = "job";

pub(super) fn list(state: &State) -> ListToolsResult {
    let all = state.tools.iter().cloned().filter_map(|definition| {
        let hints = state.policy.hints(definition.name)?;
        Some(tool(definition, hints, state.options.content))
    });
    ListToolsResult::with_all_items(all.collect())
        .with_ttl_ms(FIXED_TTL_MS)
        .with_cache_scope(CacheScope::Private)
}

pub(super) async fn call(
    state: &Arc<State>,
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let name = request.name.into_owned();
    if !state.tools.iter().any(|tool| tool.name == name) {
        return Err(ErrorData::invalid_params(format!("There is no tool {name}."), None));
    }
    let mut arguments = request.arguments.unwrap_or_default();
    let in_background = match tools::take_background(&name, &mut arguments) {
        Ok(in_background) => in_background,
        Err(failure) => return Ok(result(Err(failure), state).into()),
    };
    let call = Arc::new(Call::new(&state.ending).owned_by(owner(&context)));
    let job = begin(state, &name, &call, {
        let (state, name, call) = (state.clone(), name.clone(), call.clone());
        async move { tools::run(state, &name, arguments, call).await }
    });
    let mut outcome = job.outcome.clone();
    let becomes_job = || {
        state.jobs.add(job.clone());
        let knows_tasks = context.client_capabilities().is_some_and(|client| client.supports_tasks());
        if knows_tasks {
            CallToolResponse::Task(tasks::create(state, &job))
        } else {
            result(Ok(goes_on(&job, state, in_background)), state).into()
        }
    };
    if in_background {
        return Ok(becomes_job());
    }
    let mut progress = Told::new(context.meta.get_progress_token(), context.peer.clone(), &call);
    let soft_deadline = sleep_until((call.started + state.options.soft_deadline).into());
    tokio::pin!(soft_deadline);
    loop {
        tokio::select! {
            biased;
            () = context.ct.cancelled() => {
                call.cancel.cancel();
                // Nobody is told any more.
                return Ok(result(Err(Failure::new("Canceled by the client.")), state).into());
            }
            answer = answered(&mut outcome) => {
                remember(state, &answer, &call.owner);
                return Ok(result(answer, state).into());
            }
            () = &mut soft_deadline, if name != JOB => {
                return Ok(becomes_job());
            }
            () = progress.due() => {}
        }
        // Not in the select: what is on its way is out before the answer, after which there may be no more.
        progress.tell().await;
    }
}

/// What the client gets to see of an answer.
pub(super) fn result(answer: Result<Answer, Failure>, state: &State) -> CallToolResult {
    let kind = state.options.content;
    let answer = match answer {
        Ok(answer) => answer,
        // Text alone: clients check structured content against the schema even when it is an error.
        Err(failure) => return CallToolResult::error(vec![ContentBlock::text(failure.say(&state.offers))]),
    };
    let mut content = Vec::new();
    match (&answer.text, &answer.structured) {
        (Some(text), _) => content.push(ContentBlock::text(text)),
        (None, Some(structured)) if kind != ContentKind::Structured => {
            content.push(ContentBlock::text(structured.to_string()));
        }
        _ => {}
    }
    content.extend(
        answer
            .images
            .iter()
            .map(|image| ContentBlock::image(BASE64_STANDARD.encode(&image.bytes), image.media_type)),
    );
    content.extend(answer.links.iter().map(|link| {
        ContentBlock::resource_link(Resource::new(&link.uri, &link.name).with_mime_type(link.media_type))
    }));
    let mut result = CallToolResult::success(content);
    if kind != ContentKind::Text {
        result.structured_content = answer.structured;
    }
    result
}

/// Does a call's work on a task of its own, since it may outlive its request, and may panic. What comes back has the call's
/// id and its outcome, whether or not it becomes a job.
fn begin(
    state: &Arc<State>,
    name: &str,
    call: &Arc<Call>,
    work: impl Future<Output = Result<Answer, Failure>> + Send + 'static,
) -> Arc<Job> {
    let (sender, outcome) = watch::channel(None);
    let call = call.clone();
    let begun = state.calls.begin(name, call.clone(), outcome);
    let job = begun.job.clone();
    state.work.spawn(async move {
        let _begun = begun;
        let answer = call.bounded(None, work).await;
        sender.send_replace(Some(answer));
    });
    job
}

/// Waits for what comes of a call.
pub(super) async fn answered(outcome: &mut watch::Receiver<Outcome>) -> Result<Answer, Failure> {
    match outcome.wait_for(Option::is_some).await {
        Ok(answer) => answer.clone().unwrap_or_else(|| Err(Failure::new("No answer."))),
        Err(_) => Err(Failure::new("The tool ended without an answer. This is a defect of hyperwire.")),
    }
}

/// Files that were written can be read as resources.
pub(super) fn remember(state: &State, answer: &Result<Answer, Failure>, owner: &Owner) {
    let Ok(answer) = answer else { return };
    let mut any = false;
    for link in &answer.links {
        any |= state.exports.remember(link, owner);
    }
    if any {
        state.changes.tell(Change::Results);
    }
}

/// Where the answer will be.
fn goes_on(job: &Job, state: &State, in_background: bool) -> Answer {
    let why = match in_background {
        true => "It runs in the background.".to_owned(),
        false => format!(
            "Not done after {} s ({}); it goes on.",
            state.options.soft_deadline.as_secs_f64(),
            job.call.progress.sentence()
        ),
    };
    Answer::json(json!({
        "job": job.id,
        "next": format!("{why} Call `job` with this id to wait for its result, or to cancel it."),
    }))
}

/// Tells a caller who gave a token how far its call is.
struct Told {
    token: Option<ProgressToken>,
    peer: Peer<RoleServer>,
    call: Arc<Call>,
    ticks: Interval,
}

impl Told {
    fn new(token: Option<ProgressToken>, peer: Peer<RoleServer>, call: &Arc<Call>) -> Self {
        let mut ticks = interval_at(Instant::now() + PROGRESS, PROGRESS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { token, peer, call: call.clone(), ticks }
    }

    /// Waits until there is something to tell; for ever if nobody wants to hear it.
    async fn due(&mut self) {
        match self.token {
            Some(_) => drop(self.ticks.tick().await),
            None => pending().await,
        }
    }

    async fn tell(&mut self) {
        let Some(token) = self.token.clone() else { return };
        // Seconds only ever grow, as the protocol demands of progress; rows and bytes may stand still.
        let mut told = ProgressNotificationParam::new(token, self.call.started.elapsed().as_secs_f64());
        told.message = Some(self.call.progress.sentence());
        if self.peer.notify_progress(told).await.is_err() {
            self.token = None;
        }
    }
}

fn tool(definition: Definition, hints: Hints, kind: ContentKind) -> Tool {
    let told = ToolAnnotations::new()
        .read_only(hints.read_only)
        .destructive(hints.destructive)
        .open_world(hints.open_world);
    // Every word of a list of tools costs its readers; this one matters only where something is changed.
    let hints = if hints.idempotent && !hints.read_only { told.idempotent(true) } else { told };
    let tool =
        Tool::new_with_raw(definition.name, Some(definition.description.into()), object(definition.input))
            .with_title(definition.title)
            .with_annotations(hints);
    match definition.output {
        // Who is given a schema must get structured content that fits it.
        Some(schema) if kind != ContentKind::Text => {
            let schema = if definition.name == JOB { schema } else { or_job(schema) };
            tool.with_raw_output_schema(object(schema))
        }
        _ => tool,
    }
}

/// The schema of an answer, or of where it will be.
fn or_job(mut schema: Value) -> Value {
    let required =
        schema.as_object_mut().and_then(|schema| schema.remove("required")).unwrap_or_else(|| json!([]));
    schema["properties"]["job"] = json!({"type": "string"});
    schema["anyOf"] = json!([{"required": required}, {"required": ["job"]}]);
    schema
}

fn object(schema: Value) -> Arc<JsonObject> {
    match schema {
        Value::Object(object) => Arc::new(object),
        _ => unreachable!("schemas are objects"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Arguments, Command};

    async fn state() -> Arc<State> {
        let arguments = Arguments::parse_from(["hyperwire", "mcp", "--private", "--ephemeral-only"]);
        let Command::Mcp(arguments) = arguments.command else { panic!("not mcp") };
        crate::mcp::state(&arguments).await.unwrap()
    }

    #[tokio::test]
    async fn a_tool_that_panics_fails_and_the_server_goes_on() {
        let state = state().await;
        let call = Arc::new(Call::new(&state.ending));

        let broken = begin(&state, "query", &call, async { panic!("on purpose") });
        let failure = answered(&mut broken.outcome.clone()).await.unwrap_err();
        let sound = begin(&state, "query", &call, async { Ok(Answer::json(json!("here"))) });

        assert!(failure.text().contains("defect of hyperwire"), "{}", failure.text());
        assert_eq!(answered(&mut sound.outcome.clone()).await.unwrap().structured, Some(json!("here")));
        assert!(state.calls.all(&Owner::Only).is_empty());
    }

    #[test]
    fn a_schema_takes_an_answer_or_a_job() {
        let schema = or_job(
            json!({"type": "object", "properties": {"rows": {"type": "array"}}, "required": ["rows"]}),
        );

        assert_eq!(schema["anyOf"], json!([{"required": ["rows"]}, {"required": ["job"]}]));
        assert!(schema.get("required").is_none());
    }
}
