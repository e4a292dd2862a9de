//! Calls that outlive their request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;

/// How long the outcome of a job is kept. The tool's description says so.
const KEPT: Duration = Duration::from_secs(3600);
/// How many outcomes are kept.
const MOST: usize = 64;

/// What came of a call; `None` while it runs.
pub(crate) type Outcome = Option<Result<Answer, Failure>>;

/// All jobs, by their number.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    jobs: BTreeMap<u64, Arc<Job>>,
}

/// One call that goes on in the background.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) tool: String,
    pub(crate) call: Arc<Call>,
    pub(crate) outcome: watch::Receiver<Outcome>,
    pub(crate) since: Instant,
}

impl Jobs {
    /// Takes a call over.
    pub(crate) fn add(&self, tool: &str, call: Arc<Call>, outcome: watch::Receiver<Outcome>) -> u64 {
        let mut table = self.lock();
        table.last += 1;
        let number = table.last;
        let job = Job { tool: tool.to_owned(), call, outcome, since: Instant::now() };
        table.jobs.insert(number, Arc::new(job));
        table.sweep();
        number
    }

    pub(crate) fn get(&self, number: u64) -> Option<Arc<Job>> {
        self.lock().jobs.get(&number).cloned()
    }

    /// All that are known, oldest first.
    pub(crate) fn all(&self) -> Vec<(u64, Arc<Job>)> {
        self.lock().jobs.iter().map(|(number, job)| (*number, job.clone())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    pub(crate) fn is_done(&self) -> bool {
        self.outcome.borrow().is_some()
    }
}

impl Table {
    /// Forgets old outcomes; what runs is kept.
    fn sweep(&mut self) {
        self.jobs.retain(|_, job| !job.is_done() || job.since.elapsed() < KEPT);
        while self.jobs.len() > MOST {
            let Some(oldest) = self.jobs.iter().find(|(_, job)| job.is_done()).map(|(number, _)| *number)
            else {
                return;
            };
            self.jobs.remove(&oldest);
        }
    }
}
