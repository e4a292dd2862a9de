//! `job`: calls that outlived their request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Definition;
use super::arguments::Seconds;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::jobs::Job;
use crate::mcp::state::State;

/// How long a result is waited for, unless the caller says.
const WAIT: Duration = Duration::from_secs(30);
/// How often who waits hears of the job's progress.
const TELL: Duration = Duration::from_millis(100);
/// How long a cancel may take to show before the answer says that it is on its way.
const CANCEL: Duration = Duration::from_millis(30);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    id: Option<String>,
    #[serde(default)]
    action: Action,
    wait_s: Option<Seconds>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    #[default]
    Wait,
    Status,
    Cancel,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "job",
        title: "Job",
        description: "A call that takes too long for one answer goes on as a job; query, execute, load and export with \
            background: true are jobs at once. wait: its result, as its own tool would answer it, or how far it is after \
            wait_s; status: how far it is; cancel: stops it. Calls that still run have an id, too (see `inspect`). Without \
            id: all jobs and running calls. Results are kept for 1 hour (the last 64).",
        input: json!({
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "action": {"type": "string", "enum": ["wait", "status", "cancel"], "default": "wait"},
                "wait_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400, "default": 30}
            },
            "additionalProperties": false
        }),
        // What is waited for has its own tool's shape.
        output: None,
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    let Some(id) = arguments.id else {
        let running = running(state, call);
        if matches!(arguments.action, Action::Cancel) {
            return Err(which(&running));
        }
        let all: Vec<_> = state.jobs.all(&call.owner).iter().map(|job| status(job)).collect();
        let running: Vec<_> = running
            .iter()
            .filter(|running| state.jobs.get(&running.id, &call.owner).is_none())
            .map(|running| status(running))
            .collect();
        return Ok(Answer::json(json!({"jobs": all, "calls": running})));
    };
    let job = state.jobs.get(&id, &call.owner);
    let job = job.or_else(|| running(state, call).into_iter().find(|running| running.id == id));
    let job = job.ok_or_else(|| unknown(state, &id, call))?;
    match arguments.action {
        Action::Wait => {
            // Else this call would become a job itself.
            let longest = state.options.soft_deadline.mul_f64(0.8);
            wait(&job, arguments.wait_s.map_or(WAIT, |seconds| seconds.0).min(longest), call).await
        }
        Action::Status => Ok(Answer::json(status(&job))),
        Action::Cancel => {
            job.call.cancel.cancel();
            let _ = timeout(CANCEL, job.outcome.clone().wait_for(Option::is_some)).await;
            Ok(Answer::json(status(&job)))
        }
    }
}

/// This client's calls that run, without those that only look.
fn running(state: &State, call: &Call) -> Vec<Arc<Job>> {
    let all = state.calls.all(&call.owner).into_iter();
    all.filter(|running| running.tool != "job" && !std::ptr::eq(&*running.call, call)).collect()
}

/// What to say to a cancel of nothing in particular.
fn which(running: &[Arc<Job>]) -> Failure {
    let all: Vec<_> = running
        .iter()
        .map(|job| {
            format!(
                "{} ({}, {} s: {})",
                job.id,
                job.tool,
                job.call.started.elapsed().as_secs(),
                job.call.progress.sentence()
            )
        })
        .collect();
    Failure::new(match all.is_empty() {
        true => "`id` is missing: nothing was canceled. No call of yours is running.".to_owned(),
        false => format!(
            "`id` is missing: nothing was canceled. Next: pass the id of one of these: {}.",
            all.join("; ")
        ),
    })
}

/// The job's own answer, or where it is.
async fn wait(job: &Arc<Job>, longest: Duration, call: &Call) -> Result<Answer, Failure> {
    let until = Instant::now() + longest;
    let mut outcome = job.outcome.clone();
    loop {
        call.progress.doing(format!("{}: {}", job.tool, job.call.progress.sentence()));
        let left = until.saturating_duration_since(Instant::now());
        let done = timeout(TELL.min(left), outcome.wait_for(Option::is_some)).await;
        match done.map(|done| done.map(|done| done.clone())) {
            Ok(Ok(Some(answer))) => return answer,
            Ok(Ok(None) | Err(_)) => return Err(Failure::new(WORDLESS)),
            Err(_) if left.is_zero() => return Ok(Answer::json(status(job))),
            Err(_) => {}
        }
    }
}

const WORDLESS: &str = "The call ended without an answer. This is a defect of hyperwire.";

/// How far a job is, and what can be done with it.
pub(super) fn status(job: &Job) -> Value {
    let failed = job.outcome.borrow().as_ref().map(Result::is_err);
    let (status, next) = match (job.is_done(), failed) {
        (false, _) if job.call.cancel.is_cancelled() => ("canceling", None),
        (false, _) => {
            ("running", Some("`job` with action wait waits for its result, with action cancel stops it"))
        }
        (true, Some(false)) => ("done", Some("`job` with action wait answers its result")),
        (true, Some(true)) if job.call.cancel.is_cancelled() => ("canceled", None),
        (true, _) => ("failed", Some("`job` with action wait answers why")),
    };
    let mut shown = json!({"job": job.id, "tool": job.tool, "status": status});
    if !job.is_done() {
        shown["doing"] = job.call.progress.sentence().into();
        shown["running_s"] = job.call.started.elapsed().as_secs().into();
    }
    if let Some(next) = next {
        shown["next"] = next.into();
    }
    shown
}

fn unknown(state: &State, id: &str, call: &Call) -> Failure {
    let known: Vec<_> =
        state.jobs.all(&call.owner).iter().chain(&running(state, call)).map(|job| job.id.clone()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Failure::new(format!(
        "There is no job {id}. It was of an earlier server, or its result is forgotten: it is kept for 1 hour, and of the \
         last 64 jobs. There are: {known}. Next: look with `inspect` or `query` whether the call has done its work, before \
         you make one again that writes."
    ))
}
