//! The end in good order.

use hyperwire_carrier::{Error, is_detached_already};
use hyperwire_core::session::{Event as SessionEvent, RequestId};

use super::Connection;
use crate::event::Event;

#[derive(Debug)]
pub(super) struct Closing {
    next: Step,
    /// The last one of its own.
    request: Option<RequestId>,
    /// Why the database may lack what was committed.
    failed: Option<Error>,
}

/// What comes next, once no request is open.
#[derive(Clone, Copy, Debug)]
enum Step {
    Rollback,
    Detach,
    Terminate,
    /// The server closes its end.
    Goodbye,
    /// The embedder is told.
    Tell,
    Nothing,
}

impl Connection {
    /// Begins to end the session in good order: waits for open requests, rolls back an open transaction, lets go of the
    /// database, says goodbye, and waits until the server has closed its end. [`Event::Closed`] says when that is done:
    /// then what was committed is in the file, unless another session still has the database open.
    ///
    /// That takes as long as open requests take ([cancel](Self::cancel) or [abandon](Self::abandon) them first) and as
    /// the file takes to be written, which a [statement timeout](Self::set_statement_timeout) bounds; the rest takes at
    /// most 25 s. [`Self::poll_event`] fails if the server could not write the database, or the connection was lost
    /// before it said that it had.
    pub fn close(&mut self) {
        self.due = true;
        self.closing.get_or_insert(Closing { next: Step::Rollback, request: None, failed: None });
        // A session that is dead says so to whoever polls.
        while self.go_on_closing().unwrap_or(false) {}
    }

    /// Takes the next step, if it is time; whether it did.
    pub(super) fn go_on_closing(&mut self) -> Result<bool, Error> {
        let Some(closing) = &mut self.closing else { return Ok(false) };
        if matches!(closing.next, Step::Goodbye) && self.inner.is_close_overdue() {
            self.end_closing();
            return Ok(false);
        }
        if !self.inner.session().is_idle() {
            return Ok(false);
        }
        match closing.next {
            Step::Rollback => {
                closing.next = Step::Detach;
                closing.request = self.inner.roll_back()?.or(closing.request);
            }
            Step::Detach => {
                closing.next = Step::Terminate;
                closing.request = self.inner.detach()?.or(closing.request);
            }
            Step::Terminate => {
                self.inner.say_goodbye();
                closing.next = Step::Goodbye;
            }
            Step::Goodbye | Step::Tell | Step::Nothing => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    pub(super) fn is_saying_goodbye(&self) -> bool {
        matches!(&self.closing, Some(Closing { next: Step::Goodbye, .. }))
    }

    /// Whether it came to its end in good order, of which the session only knows that it is over.
    pub(super) fn has_closed(&self) -> bool {
        matches!(&self.closing, Some(Closing { next: Step::Tell | Step::Nothing, .. }))
    }

    /// The server has closed its end, or was given the time to.
    pub(super) fn end_closing(&mut self) {
        self.hang_up();
        if let Some(closing) = &mut self.closing {
            closing.next = Step::Tell;
        }
    }

    pub(super) fn say_closed(&mut self) -> Result<Option<Event>, Error> {
        match &mut self.closing {
            Some(Closing { next: next @ Step::Tell, failed, .. }) => {
                *next = Step::Nothing;
                failed.take().map_or(Ok(Some(Event::Closed)), Err)
            }
            _ => Ok(None),
        }
    }

    /// Whether the event is about a request of the closing, which nobody else knows.
    pub(super) fn is_of_closing(&mut self, event: &SessionEvent) -> bool {
        let Some(closing) = &mut self.closing else { return false };
        let is_own = closing.request.is_some() && event.request() == closing.request;
        if is_own
            && let SessionEvent::Failed { error, .. } = event
            && !is_detached_already(error)
        {
            closing.failed = Some(error.clone().into());
        }
        is_own
    }
}
