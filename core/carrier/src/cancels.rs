//! CancelRequests that other threads or tasks send, of which the session has to know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant as SystemInstant};

use hyperwire_core::session::CancelDelivery;

/// How much longer than its own bound a CancelRequest is waited for, if its sender has stopped polling it.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// The CancelRequests of one client's handles, shared between them. A statement that is sent while one is in flight could be
/// canceled by it, although it was meant for the statement before.
#[derive(Debug, Default)]
pub struct Cancels {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    under_way: u32,
    /// When the last of them is given up at the latest.
    until: Option<SystemInstant>,
    /// One of them may still arrive, at any time.
    is_burnt: bool,
    waiting: Option<Waker>,
}

/// Whether a session's cancel key could still hit a later statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Clear,
    UnderWay,
    Burnt,
}

impl Cancels {
    pub(crate) fn begin(self: &Arc<Self>, until: SystemInstant) -> UnderWay {
        let mut state = self.state();
        state.under_way += 1;
        state.until = state.until.max(Some(until + FORGOTTEN));
        UnderWay(Arc::clone(self))
    }

    pub(crate) fn standing(&self, now: impl FnOnce() -> SystemInstant) -> Standing {
        let mut state = self.state();
        if state.under_way > 0 && state.until.is_some_and(|until| until <= now()) {
            state.is_burnt = true;
        }
        match *state {
            State { is_burnt: true, .. } => Standing::Burnt,
            State { under_way: 0, .. } => Standing::Clear,
            _ => Standing::UnderWay,
        }
    }

    /// When to stop waiting for them.
    #[must_use]
    pub fn until(&self) -> Option<SystemInstant> {
        self.state().until
    }

    /// Ready when none is in flight; otherwise wakes the last task that asked.
    pub fn poll_settled(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.under_way == 0 || state.is_burnt {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A CancelRequest in flight.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Cancels>);

impl UnderWay {
    pub(crate) fn end(self, delivery: CancelDelivery) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.is_burnt |= delivery == CancelDelivery::Unknown;
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}
