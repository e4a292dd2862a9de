//! Cancel, deadline, drop: three reasons to end a statement early, one way to do it.
//!
//! The way is CancelRequest on a second connection, which the driver opens. It keeps the session. Until the driver
//! says what became of the request, nothing else is sent here: a late CancelRequest would hit the next statement. If the
//! driver cannot say, the key is burnt: the session finishes what runs and then ends.

use super::active::{CancelReason, has_run_out};
use super::{Event, Fault, Phase, RequestId, Session, StatementError, Timer};
use crate::buffer::OutBuf;
use crate::time::{Duration, Instant};

/// How long a driver tries to deliver a CancelRequest before it gives up: to connect, to send 16 bytes and to see the
/// server close. That takes 1 ms, and longer only when the server is out of reach or hung.
pub const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// What became of a CancelRequest, as far as whoever sent it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelDelivery {
    /// It was sent, and the server closed that connection, as it does once it has acted. A reset counts too: what was
    /// sent is lost then, or was acted upon.
    Delivered,
    /// The server cannot have received it: its last byte never left, and the connection was given up.
    NotSent,
    /// It may have left, and the server was not seen to close. It may arrive at any time and cancel whatever statement
    /// runs then.
    Unknown,
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
            active.abandon(patience);
            // Not copying, nothing to end.
            let _ = self.copy_fail("the copy was dropped before it was done", out);
        }
        self.events.retain(|event| event.request() != Some(id));
        self.note_flow();
    }

    /// Says what became of the CancelRequest asked for by [`Event::SendCancel`]: the server's end of that connection was
    /// seen to close, or the driver gave up on it.
    pub fn cancel_ended(&mut self, delivery: CancelDelivery, out: &mut OutBuf) {
        self.cancel_on_its_way = false;
        if delivery == CancelDelivery::Unknown {
            self.burn_cancel_key();
        }
        self.send_next(out);
    }

    /// Says that a CancelRequest with this session's [key](Self::cancel_key) may arrive at any time, which somebody else
    /// sent than the session: [`CancelDelivery::Unknown`] became of it. Once the open request is over the session ends
    /// with [`Fault::CancelUnsettled`], at once if there is none.
    pub fn burn_cancel_key(&mut self) {
        self.key_is_burnt = true;
        self.end_if_burnt();
    }

    /// Nothing may be sent any more that a late CancelRequest would hit.
    pub(super) fn end_if_burnt(&mut self) {
        if self.key_is_burnt && self.active.is_none() && matches!(self.phase, Phase::Ready) {
            self.die(Fault::CancelUnsettled);
        }
    }

    /// Tells the session what time it is. Early and repeated calls change nothing. A driver that comes late is taken not
    /// to have listened meanwhile: before the server is given up, what has arrived by now is looked at.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.starting() && has_run_out(&mut self.startup_deadline, now) {
            self.die(Fault::Deadline(Timer::Startup));
        }
        self.expire_waiting(now);
        match self.active.as_mut().and_then(|active| active.has_run_out(now)) {
            Some(timer @ (Timer::CancelGrace | Timer::Sync)) => {
                self.die(Fault::Deadline(timer));
            }
            Some(Timer::Statement) => self.pass_deadline(now),
            Some(Timer::Abandon) => self.start_cancel(CancelReason::Abandoned, now),
            Some(Timer::Startup | Timer::Queued) | None => {}
        }
    }

    /// Cancels the open request, whose deadline has passed. Rows that are left are thrown away: they would come as long
    /// as their reader likes. A statement that shows none may still have completed, and then says so.
    #[cold]
    pub(super) fn pass_deadline(&mut self, now: Instant) {
        self.start_cancel(CancelReason::Deadline, now);
        if let Some(event) = self.cut_off() {
            self.events.push_back(event);
        }
    }

    /// What is told instead of rows that come behind the deadline, or are left then.
    pub(super) fn cut_off(&mut self) -> Option<Event> {
        let active = self.active.as_mut().filter(|active| active.is_cut_off())?;
        active.discard();
        Some(Event::Failed { id: active.id, error: StatementError::DeadlineExceeded })
    }

    /// Whether the next row has to wait for a look at the clock: poll with the time as it is now, not as of the last
    /// wait. Without a deadline no row has to.
    #[inline]
    #[must_use]
    pub fn wants_time(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.demand.wants_time())
    }

    /// Cancels a dropped result that turns out to be large.
    pub(super) fn check_abandon_budget(&mut self, now: Instant) {
        let budget = self.config.abandon_budget;
        if self.active.as_ref().is_some_and(|active| active.discarded() > budget && !active.is_canceled()) {
            self.start_cancel(CancelReason::Abandoned, now);
        }
    }

    fn start_cancel(&mut self, reason: CancelReason, now: Instant) {
        let Some(active) = &mut self.active else { return };
        let first = active.cancel(reason, now + self.config.cancel_grace);
        if let (true, Some(key)) = (first, self.key) {
            self.cancel_on_its_way = true;
            self.events.push_back(Event::SendCancel(key));
        }
    }

    /// The nearest deadline of the request on the wire.
    pub(super) fn active_deadline(&self) -> Option<(Instant, Timer)> {
        self.active.as_ref()?.deadline()
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
