//! What happened on a server: the one thing that its threads share.

use std::collections::VecDeque;
use std::sync::MutexGuard;
use std::thread::JoinHandle;
use std::time::Duration;

use hyperwire_core::wire::CancelKey;
use socket2::SockAddr;

use super::Failure;
use crate::virtual_time::Monitor;

/// What the threads of one server know together.
#[derive(Debug, Default)]
pub(super) struct Account(Monitor<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// The test is done: clients are not waited for any more to close what their script is through with.
    pub(super) finishing: bool,
    /// Where the connection comes from that is the last to be accepted.
    pub(super) farewell: Option<SockAddr>,
    /// Threads that serve a connection.
    pub(super) running: usize,
    pub(super) sessions: usize,
    pub(super) cancel_connections: usize,
    cancels: VecDeque<CancelKey>,
    pub(super) failures: Vec<(Option<usize>, Failure)>,
    pub(super) threads: Vec<JoinHandle<()>>,
}

impl Account {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.state().finishing
    }

    /// Takes the first cancel that is wanted out of the queue, waiting for it.
    pub(super) fn take_cancel(
        &self,
        patience: Duration,
        wanted: impl Fn(&CancelKey) -> bool,
    ) -> Result<CancelKey, Failure> {
        let found = |state: &State| state.cancels.iter().position(&wanted);
        let mut state = self.0.wait_while(patience, |state| found(state).is_none());
        found(&state).and_then(|index| state.cancels.remove(index)).ok_or_else(|| Failure::Silence {
            expected: format!("a CancelRequest ({} for other sessions came)", state.cancels.len()),
            waited: patience,
            held: 0,
        })
    }

    pub(super) fn add_cancel(&self, key: CancelKey) {
        let mut state = self.state();
        state.cancel_connections += 1;
        state.cancels.push_back(key);
        drop(state);
        self.0.notify();
    }

    pub(super) fn next_number(&self) -> usize {
        let mut state = self.state();
        state.sessions += 1;
        state.sessions - 1
    }

    pub(super) fn fail(&self, session: Option<usize>, failure: Failure) {
        self.state().failures.push((session, failure));
    }

    /// Counts a thread out that serves a connection no more.
    pub(super) fn count_out(&self) {
        self.state().running -= 1;
        self.0.notify();
    }

    pub(super) fn await_scripts(&self, bound: Duration) -> MutexGuard<'_, State> {
        self.0.wait_while(bound, |state| state.running > 0)
    }
}
