//! Jobs as tasks, for clients that have the tasks extension (SEP-2663).
//!
//! rmcp has a store for tasks of its own; this shows what [`Jobs`](crate::mcp::jobs::Jobs) keeps anyway, so that the tool
//! `job` and `tasks/get` always agree.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::ErrorData;
use rmcp::model::{CreateTaskResult, DetailedTask, GetTaskResult, JsonObject, Task, TaskPayload, TaskStatus};
use rmcp::task_manager::current_timestamp;
use serde_json::Value;

use super::tools::{remember, result};
use crate::mcp::call::Call;
use crate::mcp::state::State;

/// How often a client should ask, in milliseconds.
const POLL_MS: u64 = 500;

/// Which jobs are known as tasks, by the name that only their client knows.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<BTreeMap<String, Known>>);

#[derive(Clone, Debug)]
struct Known {
    job: u64,
    created: String,
    /// When it was first seen to have ended.
    ended: Option<String>,
}

impl Tasks {
    fn add(&self, job: u64) -> (String, String) {
        let name = format!("{job}-{:016x}{:016x}", nonce(job), nonce(job));
        let created = current_timestamp();
        self.lock().insert(name.clone(), Known { job, created: created.clone(), ended: None });
        (name, created)
    }

    fn get(&self, name: &str) -> Option<Known> {
        self.lock().get(name).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a task of a job.
pub(super) fn create(state: &State, job: u64, call: &Call) -> CreateTaskResult {
    // What the jobs have forgotten is forgotten here, too.
    state.tasks.lock().retain(|_, known| known.job == job || state.jobs.get(known.job).is_some());
    let (name, created) = state.tasks.add(job);
    let task = Task::new(name, TaskStatus::Working, created.clone(), created)
        .with_status_message(call.progress.sentence())
        .with_poll_interval_ms(POLL_MS);
    CreateTaskResult::new(task)
}

/// How far a task is, and what came of it.
pub(super) fn get(state: &Arc<State>, name: &str) -> Result<GetTaskResult, ErrorData> {
    let known = state.tasks.get(name).ok_or_else(|| unknown(name))?;
    let job = state.jobs.get(known.job).ok_or_else(|| unknown(name))?;
    let outcome = job.outcome.borrow().clone();
    let panicked = outcome.is_none() && job.outcome.has_changed().is_err();
    let now = current_timestamp();
    let (payload, updated) = match outcome {
        None if panicked => (failed("The tool ended without an answer. This is a defect of hyperwire."), now),
        None => (TaskPayload::Working, now),
        Some(answer) => {
            let updated = match &mut state.tasks.lock().get_mut(name) {
                Some(known) => known.ended.get_or_insert(now).clone(),
                None => now,
            };
            remember(state, &answer);
            let payload = match serde_json::to_value(result(answer, state.options.content)) {
                Ok(Value::Object(_)) if job.call.cancel.is_cancelled() => TaskPayload::Cancelled,
                Ok(Value::Object(result)) => TaskPayload::Completed { result },
                _ => failed("The result is no JSON. This is a defect of hyperwire."),
            };
            (payload, updated)
        }
    };
    let task = Task::new(name, payload.status(), known.created, updated)
        .with_status_message(job.call.progress.sentence())
        .with_poll_interval_ms(POLL_MS);
    Ok(GetTaskResult::new(DetailedTask::new(task, payload)))
}

/// Cancels a task; one that has ended stays as it is.
pub(super) fn cancel(state: &State, name: &str) -> Result<(), ErrorData> {
    let known = state.tasks.get(name).ok_or_else(|| unknown(name))?;
    let job = state.jobs.get(known.job).ok_or_else(|| unknown(name))?;
    if !job.is_done() {
        job.call.cancel.cancel();
    }
    Ok(())
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

/// Keyed anew each time, from the system's randomness.
fn nonce(seed: u64) -> u64 {
    RandomState::new().hash_one(seed)
}
