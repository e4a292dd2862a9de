//! Jobs as tasks, for clients that have the tasks extension (SEP-2663).
//!
//! rmcp has a store for tasks of its own; this shows what [`Jobs`](crate::mcp::jobs::Jobs) keeps anyway, so that the tool
//! `job` and `tasks/get` always agree.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::ErrorData;
use rmcp::model::{CreateTaskResult, DetailedTask, GetTaskResult, JsonObject, Task, TaskPayload, TaskStatus};
use rmcp::task_manager::current_timestamp;
use serde_json::Value;

use super::tools::{remember, result};
use crate::mcp::jobs::Job;
use crate::mcp::owner::Owner;
use crate::mcp::state::State;

/// How often a client should ask, in milliseconds.
const POLL_MS: u64 = 500;

/// When the jobs that clients know as tasks began and ended, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<BTreeMap<String, Times>>);

/// In RFC 3339, as the protocol has them.
#[derive(Clone, Debug)]
struct Times {
    created: String,
    /// When it was first seen to have ended.
    ended: Option<String>,
}

impl Tasks {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Times>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a task of a job.
pub(super) fn create(state: &State, job: &Job) -> CreateTaskResult {
    let (job, call) = (job.id.clone(), &job.call);
    let now = current_timestamp();
    let mut all = state.tasks.lock();
    // What the jobs have forgotten is forgotten here, too.
    all.retain(|job, _| state.jobs.knows(job));
    all.insert(job.clone(), Times { created: now.clone(), ended: None });
    let task = Task::new(job, TaskStatus::Working, now.clone(), now)
        .with_status_message(call.progress.sentence())
        .with_poll_interval_ms(POLL_MS);
    CreateTaskResult::new(task)
}

/// How far a task is, and what came of it.
pub(super) fn get(state: &Arc<State>, id: &str, owner: &Owner) -> Result<GetTaskResult, ErrorData> {
    let job = known(state, id, owner)?;
    let now = current_timestamp();
    let (payload, updated, created) = {
        let mut all = state.tasks.lock();
        let times = all.get_mut(id).ok_or_else(|| unknown(id))?;
        match ended(state, &job) {
            Some(payload) => (payload, times.ended.get_or_insert(now).clone(), times.created.clone()),
            None => (TaskPayload::Working, now, times.created.clone()),
        }
    };
    let task = Task::new(id, payload.status(), created, updated)
        .with_status_message(job.call.progress.sentence())
        .with_poll_interval_ms(POLL_MS);
    Ok(GetTaskResult::new(DetailedTask::new(task, payload)))
}

/// What came of a job; `None` while it runs.
fn ended(state: &State, job: &Job) -> Option<TaskPayload> {
    if !job.is_done() {
        return None;
    }
    let Some(answer) = job.outcome.borrow().clone() else {
        return Some(failed("The tool ended without an answer. This is a defect of hyperwire."));
    };
    if answer.is_err() && job.call.cancel.is_cancelled() {
        return Some(TaskPayload::Cancelled);
    }
    remember(state, &answer, &job.call.owner);
    Some(match serde_json::to_value(result(answer, state)) {
        Ok(Value::Object(result)) => TaskPayload::Completed { result },
        _ => failed("The result is no JSON. This is a defect of hyperwire."),
    })
}

/// Cancels a task; one that has ended stays as it is.
pub(super) fn cancel(state: &State, id: &str, owner: &Owner) -> Result<(), ErrorData> {
    let job = known(state, id, owner)?;
    if !job.is_done() {
        job.call.cancel.cancel();
    }
    Ok(())
}

/// A job that is a task, too.
fn known(state: &State, id: &str, owner: &Owner) -> Result<Arc<Job>, ErrorData> {
    if !state.tasks.lock().contains_key(id) {
        return Err(unknown(id));
    }
    state.jobs.get(id, owner).ok_or_else(|| unknown(id))
}

fn failed(why: &str) -> TaskPayload {
    let error = ErrorData::internal_error(why.to_owned(), None);
    let error = match serde_json::to_value(error) {
        Ok(Value::Object(error)) => error,
        _ => JsonObject::new(),
    };
    TaskPayload::Failed { error }
}

fn unknown(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("There is no task {name}: what ended is kept for an hour."), None)
}
