//! CancelRequests that are sent from outside of a session, which has to know of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant as SystemInstant};

use hyperwire_core::session::CancelDelivery;

/// How long after its time a CancelRequest is waited for whose sender neither goes on nor gives up.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// The CancelRequests of one session's handles; shared by them and by its client. A statement that is sent while one is
/// on its way could be hit by it, though it was meant for the one before.
#[derive(Debug, Default)]
pub struct Cancels {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    under_way: u32,
    /// When the last of them will have been given up, by a sender that looks at it.
    until: Option<SystemInstant>,
    /// One of them may arrive at any time.
    is_burnt: bool,
    waiting: Option<Waker>,
}

/// How a session's key stands.
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

    /// When none of them is waited for any longer.
    #[must_use]
    pub fn until(&self) -> Option<SystemInstant> {
        self.state().until
    }

    /// Ready when none is under way; else whoever asked last is woken then.
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
