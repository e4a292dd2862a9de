//! Cancel, deadline, drop: three reasons to end a statement early, one way to do it.
//!
//! The way is CancelRequest on a second connection, which the driver opens. It keeps the session. Until the driver
//! says that the request was delivered, nothing else is sent here: a late CancelRequest would hit the next statement.

use super::request::Active;
use super::{Event, Fault, RequestId, ServerError, Session, SqlState, StatementError, Timer};
use crate::buffer::OutBuf;
use crate::time::{Duration, Instant};

/// How long a driver tries to deliver a CancelRequest before it gives up: to connect, to send 16 bytes and to see the
/// server close. That takes 1 ms, and longer only when the server is out of reach or hung.
pub const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// Who wants a statement to end. Of several, the last in this list counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CancelReason {
    /// The caller, who waits for what the server says to it.
    Caller,
    /// The deadline that the caller gave.
    Deadline,
    /// Nobody waits for the result any more.
    Abandoned,
}

impl Session {
    /// Asks the server to end a request. One that was not sent yet fails with [`StatementError::NeverSent`]; one on
    /// the wire usually with SQLSTATE 57014, or it completes if it was faster. Unknown and finished requests are
    /// left alone.
    pub fn cancel(&mut self, id: RequestId, now: Instant) {
        if self.withdraw(id) {
            self.events.push_back(Event::Failed { id, error: StatementError::NeverSent });
            self.events.push_back(Event::Finished { id, transaction: self.transaction });
        } else if self.active.as_ref().is_some_and(|active| active.id == id) {
            self.start_cancel(CancelReason::Caller, now);
        }
    }

    /// Says that nobody will look at a request's events any more. It is taken out of the line, or what is left of its
    /// answer is thrown away; if that is long in coming or large, the server is told to stop.
    pub fn abandon(&mut self, id: RequestId, now: Instant, out: &mut OutBuf) {
        if self.withdraw(id) {
            return;
        }
        let patience = now + self.config.abandon_patience;
        if let Some(active) = self.active.as_mut().filter(|active| active.id == id) {
            active.discard = true;
            active.patience = Some(patience);
            // Not copying, nothing to end.
            let _ = self.copy_fail("the copy was dropped before it was done", out);
        }
        self.events.retain(|event| event.request() != Some(id));
        self.note_flow();
    }

    /// Says that the CancelRequest asked for by [`Event::SendCancel`] was delivered, or could not be: the server's end
    /// of that connection was seen to close, or the driver gave up on it.
    pub fn cancel_delivered(&mut self, out: &mut OutBuf) {
        self.cancel_on_its_way = false;
        self.send_next(out);
    }

    /// Tells the session what time it is. Early and repeated calls change nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.starting() && self.startup_deadline <= now {
            self.die(Fault::Deadline(Timer::Startup));
        }
        self.expire_waiting(now);
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let Some(active) = &self.active else { return };
        if passed(active.grace) {
            self.die(Fault::Deadline(Timer::CancelGrace));
        } else if passed(active.deadline()) && active.bare_sync {
            self.die(Fault::Deadline(Timer::Sync));
        } else if passed(active.deadline()) {
            self.start_cancel(CancelReason::Deadline, now);
        } else if passed(active.patience()) {
            self.start_cancel(CancelReason::Abandoned, now);
        }
    }

    /// Cancels a dropped result that turns out to be large.
    pub(super) fn check_abandon_budget(&mut self, now: Instant) {
        let budget = self.config.abandon_budget;
        if self.active.as_ref().is_some_and(|active| active.discarded > budget && active.cancel.is_none()) {
            self.start_cancel(CancelReason::Abandoned, now);
        }
    }

    fn start_cancel(&mut self, reason: CancelReason, now: Instant) {
        let Some(active) = &mut self.active else { return };
        let first = active.cancel.is_none();
        active.cancel = active.cancel.max(Some(reason));
        if reason != CancelReason::Caller && active.grace.is_none() {
            active.grace = Some(now + self.config.cancel_grace);
        }
        if let (true, Some(key)) = (first, self.key) {
            self.cancel_on_its_way = true;
            self.events.push_back(Event::SendCancel(key));
        }
    }

    /// The nearest deadline of the request on the wire.
    pub(super) fn active_deadline(&self) -> Option<(Instant, Timer)> {
        let active = self.active.as_ref()?;
        let timers = [
            (active.grace, Timer::CancelGrace),
            (active.deadline(), Timer::Statement),
            (active.patience(), Timer::Abandon),
        ];
        timers.into_iter().filter_map(|(at, timer)| Some((at?, timer))).min_by_key(|(at, _)| *at)
    }
}

impl Active {
    /// Whether nobody looks at its events any more.
    pub(super) fn abandoned(&self) -> bool {
        self.patience.is_some()
    }

    /// What a server error means for this request's caller.
    pub(super) fn failure(&self, error: ServerError) -> Event {
        let canceled = error.code() == SqlState::QUERY_CANCELED;
        let error = match self.cancel {
            Some(CancelReason::Deadline) if canceled => StatementError::DeadlineExceeded,
            _ => StatementError::Server(error.into()),
        };
        Event::Failed { id: self.id, error }
    }

    /// The caller's deadline, until it was acted upon.
    fn deadline(&self) -> Option<Instant> {
        self.options
            .deadline
            .filter(|_| !matches!(self.cancel, Some(CancelReason::Deadline | CancelReason::Abandoned)))
    }

    /// When a dropped result is canceled, until it was.
    fn patience(&self) -> Option<Instant> {
        self.patience.filter(|_| self.cancel.is_none() || self.grace.is_none())
    }
}

impl Event {
    /// The request that it is about.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Columns { id, .. }
            | Self::Row(id)
            | Self::CopyIn(id)
            | Self::CopyOut(id)
            | Self::CopyData(id)
            | Self::Complete { id, .. }
            | Self::Empty(id)
            | Self::Prepared { id, .. }
            | Self::Failed { id, .. }
            | Self::Finished { id, .. } => Some(*id),
            Self::StartTls | Self::SendCancel(_) | Self::Ready | Self::Notice(_) | Self::Pulse => None,
        }
    }
}
