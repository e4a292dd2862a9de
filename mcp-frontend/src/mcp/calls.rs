//! The calls that run now.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::call::Call;
use super::jobs::{Job, Outcome};
use super::owner::Owner;

/// All of them, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    running: BTreeMap<u64, Arc<Job>>,
}

/// The call runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Begun {
    calls: Calls,
    number: u64,
    /// What it is as a job, should it become one. It has an id from the beginning.
    pub(crate) job: Arc<Job>,
}

impl Calls {
    pub(crate) fn begin(&self, tool: &str, call: Arc<Call>, outcome: watch::Receiver<Outcome>) -> Begun {
        let job = Arc::new(Job::new(tool, call, outcome));
        let mut table = self.lock();
        table.last += 1;
        let number = table.last;
        table.running.insert(number, job.clone());
        Begun { calls: self.clone(), number, job }
    }

    /// Those of this client.
    pub(crate) fn all(&self, owner: &Owner) -> Vec<Arc<Job>> {
        self.lock().running.values().filter(|job| job.call.owner == *owner).cloned().collect()
    }

    /// Those of all clients.
    pub(crate) fn of_everybody(&self) -> Vec<Arc<Job>> {
        self.lock().running.values().cloned().collect()
    }

    /// Whose calls run.
    pub(crate) fn owners(&self) -> HashSet<Owner> {
        self.lock().running.values().map(|job| job.call.owner.clone()).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.calls.lock().running.remove(&self.number);
    }
}
