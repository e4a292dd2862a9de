//! CancelRequests that are sent from outside of a session, which has to know of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant as Clock};

use hyperwire_core::session::CancelDelivery;

/// How long after its time a CancelRequest is waited for whose sender neither goes on nor gives up.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// The CancelRequests of one session's handles; shared by them and by its carrier. A statement that is sent while one is
/// on its way could be hit by it, though it was meant for the one before.
#[derive(Debug, Default)]
pub struct Cancels {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    under_way: u32,
    /// When the last of them will have been given up, by a sender that looks at it.
    until: Option<Clock>,
    /// One of them may arrive at any time.
    is_burnt: bool,
    waiting: Option<Waker>,
}

/// How a session's key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Clear,
    UnderWay,
    Burnt,
}

impl Cancels {
    pub(super) fn begin(self: &Arc<Self>, until: Clock) -> UnderWay {
        let mut state = self.state();
        state.under_way += 1;
        state.until = state.until.max(Some(until + FORGOTTEN));
        UnderWay(Arc::clone(self))
    }

    pub(super) fn standing(&self, now: impl FnOnce() -> Clock) -> Standing {
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

    /// When none of them is waited for any longer.
    #[must_use]
    pub fn until(&self) -> Option<Clock> {
        self.state().until
    }

    /// Waits on this thread until none is under way.
    pub fn wait(&self) {
        let mut state = self.state();
        while state.under_way > 0 && !state.is_burnt {
            let left = state.until.map(|until| until.saturating_duration_since(Clock::now()));
            let Some(left) = left.filter(|left| !left.is_zero()) else { return };
            state = self.settled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ready when none is under way; else the task is woken then.
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

/// A CancelRequest that is on its way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Cancels>);

impl UnderWay {
    pub(super) fn end(self, delivery: CancelDelivery) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.is_burnt |= delivery == CancelDelivery::Unknown;
        let waiting = state.waiting.take();
        drop(state);
        self.0.settled.notify_all();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}
