//! Calls that outlive their request.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::owner::Owner;

/// How long the outcome of a job is kept. The tool's description says so.
pub(crate) const KEPT: Duration = Duration::from_secs(3600);
/// How many outcomes are kept of one client. The tool's description says so.
const MOST: usize = 64;
/// How many outcomes are kept of all clients.
const MOST_OF_ALL: usize = 512;

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
    /// Keeps a call's outcome from now on.
    pub(crate) fn add(&self, job: Arc<Job>) {
        let mut all = self.lock();
        all.push(job.clone());
        sweep(&mut all, &job.call.owner);
    }

    /// One of this client's.
    pub(crate) fn get(&self, id: &str, owner: &Owner) -> Option<Arc<Job>> {
        self.all(owner).into_iter().find(|job| job.id == id)
    }

    /// All of this client's that are known, oldest first.
    pub(crate) fn all(&self, owner: &Owner) -> Vec<Arc<Job>> {
        let mut all = self.lock();
        sweep(&mut all, owner);
        all.iter().filter(|job| job.call.owner == *owner).cloned().collect()
    }

    /// Whether it is anybody's.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.lock().iter().any(|job| job.id == id)
    }

    /// Forgets what a client had that is gone.
    pub(crate) fn forget(&self, owner: &Owner) {
        self.lock().retain(|job| job.call.owner != *owner);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    pub(crate) fn new(tool: &str, call: Arc<Call>, outcome: watch::Receiver<Outcome>) -> Self {
        let id = format!("job-{:016x}", RandomState::new().hash_one(tool));
        Self { id, tool: tool.to_owned(), call, outcome, done: OnceLock::new() }
    }

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
fn sweep(jobs: &mut Vec<Arc<Job>>, owner: &Owner) {
    jobs.retain(|job| !job.is_old());
    let is_his = |job: &Arc<Job>| job.call.owner == *owner;
    while jobs.iter().filter(|job| is_his(job)).count() > MOST {
        let Some(oldest) = jobs.iter().position(|job| is_his(job) && job.is_done()) else { break };
        jobs.remove(oldest);
    }
    while jobs.len() > MOST_OF_ALL {
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
        let job = Arc::new(Job::new("query", Arc::new(Call::new(&CancellationToken::new())), outcome));
        jobs.add(job.clone());
        (job.id.clone(), sender)
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

        assert_eq!(jobs.all(&Owner::Only).len(), MOST);
        assert!(jobs.get(&running, &Owner::Only).is_some());
        assert!(jobs.get(&oldest, &Owner::Only).is_none());
        assert!(jobs.get(&running, &Owner::Session("other".into())).is_none());
    }

    #[test]
    fn a_call_that_ends_without_a_word_is_done() {
        let jobs = Jobs::default();
        let (id, sender) = add(&jobs);

        assert!(!jobs.get(&id, &Owner::Only).unwrap().is_done());
        drop(sender);
        assert!(jobs.get(&id, &Owner::Only).unwrap().is_done());
    }

    #[test]
    fn no_two_jobs_have_one_id() {
        let jobs = Jobs::default();

        assert_ne!(add(&jobs).0, add(&jobs).0);
    }
}
