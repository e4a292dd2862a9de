//! Cancel, deadline, drop: three reasons to end a statement early, one way to do it.
//!
//! The way is CancelRequest on a second connection, which the driver opens. It keeps the session. Until the driver
//! says what became of the request, nothing else is sent here: a late CancelRequest would hit the next statement. If the
//! driver cannot say, the key is burnt: the session finishes what runs and then ends.

use super::request::Active;
use super::response::Streaming;
use super::{Event, Fault, Phase, RequestId, ServerError, Session, SqlState, StatementError, Timer};
use crate::buffer::OutBuf;
use crate::time::{Duration, Instant};

/// How long a driver tries to deliver a CancelRequest before it gives up: to connect, to send 16 bytes and to see the
/// server close. That takes 1 ms, and longer only when the server is out of reach or hung.
pub const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// How much later than announced a driver may come for its time to count. One that comes later did not listen
/// meanwhile, and the server may have answered long ago.
const PUNCTUAL: Duration = Duration::from_millis(250);

/// How long the server still has when a driver that came late has begun to listen again.
const SECOND_LOOK: Duration = Duration::from_millis(250);

/// Rows that are handed out between two looks at the clock, at most, while there is a deadline. A look costs about as
/// much as two rows.
const ROWS_A_LOOK: u32 = 32;

/// A reader that takes longer than this for the rows between two looks gets the next ones one by one.
const LOOK_EVERY: Duration = Duration::from_millis(1);

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
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let Some(active) = &mut self.active else { return };
        if active.grace.as_mut().is_some_and(|grace| has_run_out(grace, now)) {
            self.die(Fault::Deadline(Timer::CancelGrace));
        } else if active.bare_sync && has_run_out(&mut active.due, now) {
            self.die(Fault::Deadline(Timer::Sync));
        } else if active.is_due(now) && !active.bare_sync {
            self.pass_deadline(now);
        } else if passed(active.patience()) {
            self.start_cancel(CancelReason::Abandoned, now);
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
        active.discard = true;
        Some(Event::Failed { id: active.id, error: StatementError::DeadlineExceeded })
    }

    /// Whether the next row has to wait for a look at the clock: poll with the time as it is now, not as of the last
    /// wait. Without a deadline no row has to.
    #[inline]
    #[must_use]
    pub fn wants_time(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.ready == 0 && active.demand > 0)
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
        if reason != CancelReason::Caller {
            active.due = Instant::NEVER;
            active.grace.get_or_insert(now + self.config.cancel_grace);
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
            (Some(active.due).filter(|due| *due < Instant::NEVER), Timer::Statement),
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

    /// Whether the caller's deadline has passed, and nothing was done about it.
    #[inline]
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// Whether rows stream whose deadline was acted upon.
    fn is_cut_off(&self) -> bool {
        let streams = matches!(self.streaming, Streaming::Rows | Streaming::CopyOut);
        streams && !self.discard && self.cancel == Some(CancelReason::Deadline)
    }

    /// Says that so many more rows are wanted.
    #[inline]
    pub(super) fn want(&mut self, rows: u64) {
        let which = if self.due == Instant::NEVER { &mut self.ready } else { &mut self.demand };
        *which = which.saturating_add(rows);
    }

    /// Counts a row, or COPY data, as handed out. Behind the last that needed no look at the clock this is one: it lets
    /// out as many as the reader is likely to take before the next look is due.
    pub(super) fn hand_out(&mut self, now: Instant) {
        if self.ready == 0 {
            let brisk = now.saturating_since(self.looked) < LOOK_EVERY;
            self.rows_a_look = if brisk { (self.rows_a_look * 2).clamp(1, ROWS_A_LOOK) } else { 1 };
            self.looked = now;
            self.ready = self.demand.min(self.rows_a_look.into());
            self.demand -= self.ready;
        }
        self.ready = self.ready.saturating_sub(1);
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

/// Whether this bound has passed, as far as its driver is a witness: one that comes late gets time for a second look.
fn has_run_out(bound: &mut Instant, now: Instant) -> bool {
    if now.saturating_since(*bound) > PUNCTUAL {
        *bound = now + SECOND_LOOK;
    }
    *bound <= now
}
