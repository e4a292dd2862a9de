//! Calls that outlive their request.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;

/// How long the outcome of a job is kept. The tool's description says so.
pub(crate) const KEPT: Duration = Duration::from_secs(3600);
/// How many outcomes are kept. The tool's description says so.
const MOST: usize = 64;

/// What came of a call; `None` while it runs.
pub(crate) type Outcome = Option<Result<Answer, Failure>>;

/// All jobs, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<Vec<Arc<Job>>>);

/// One call that goes on in the background.
#[derive(Debug)]
pub(crate) struct Job {
    /// What clients call it. It tells nothing and cannot be guessed, so that an id of an earlier server is no id of this one.
    pub(crate) id: String,
    pub(crate) tool: String,
    pub(crate) call: Arc<Call>,
    pub(crate) outcome: watch::Receiver<Outcome>,
    /// When it was first seen that it is done.
    done: OnceLock<Instant>,
}

impl Jobs {
    /// Takes a call over; the job's id.
    pub(crate) fn add(&self, tool: &str, call: Arc<Call>, outcome: watch::Receiver<Outcome>) -> String {
        let id = format!("job-{:016x}", RandomState::new().hash_one(tool));
        let job = Job { id: id.clone(), tool: tool.to_owned(), call, outcome, done: OnceLock::new() };
        let mut all = self.lock();
        sweep(&mut all);
        all.push(Arc::new(job));
        id
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Job>> {
        self.all().into_iter().find(|job| job.id == id)
    }

    /// All that are known, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        let mut all = self.lock();
        sweep(&mut all);
        all.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    pub(crate) fn is_done(&self) -> bool {
        // A call that ended without a word is done, too.
        let done = self.outcome.borrow().is_some() || self.outcome.has_changed().is_err();
        if done {
            self.done.get_or_init(Instant::now);
        }
        done
    }

    fn is_old(&self) -> bool {
        self.is_done() && self.done.get().is_some_and(|done| done.elapsed() >= KEPT)
    }
}

/// Forgets old outcomes; what runs is kept.
fn sweep(jobs: &mut Vec<Arc<Job>>) {
    jobs.retain(|job| !job.is_old());
    while jobs.len() > MOST {
        let Some(oldest) = jobs.iter().position(|job| job.is_done()) else { return };
        jobs.remove(oldest);
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn add(jobs: &Jobs) -> (String, watch::Sender<Outcome>) {
        let (sender, outcome) = watch::channel(None);
        (jobs.add("query", Arc::new(Call::new(&CancellationToken::new())), outcome), sender)
    }

    #[test]
    fn what_runs_is_kept_and_the_oldest_outcomes_give_way() {
        let jobs = Jobs::default();
        let (running, _runs) = add(&jobs);
        let (oldest, done) = add(&jobs);
        done.send_replace(Some(Ok(Answer::default())));
        let _others: Vec<_> = (0..MOST)
            .map(|_| {
                let (_, done) = add(&jobs);
                done.send_replace(Some(Ok(Answer::default())));
                done
            })
            .collect();

        assert_eq!(jobs.all().len(), MOST);
        assert!(jobs.get(&running).is_some());
        assert!(jobs.get(&oldest).is_none());
    }

    #[test]
    fn a_call_that_ends_without_a_word_is_done() {
        let jobs = Jobs::default();
        let (id, sender) = add(&jobs);

        assert!(!jobs.get(&id).unwrap().is_done());
        drop(sender);
        assert!(jobs.get(&id).unwrap().is_done());
    }

    #[test]
    fn no_two_jobs_have_one_id() {
        let jobs = Jobs::default();

        assert_ne!(add(&jobs).0, add(&jobs).0);
    }
}
