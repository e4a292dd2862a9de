//! What a request is answered, result by result.

use std::task::{Poll, ready};

use hyperwire_core::row::{Columns, Row};
use hyperwire_core::session::{CommandTag, Event, RequestId, SqlState, StatementError};

use crate::carrier::Carrier;
use crate::channel::Transport;
use crate::error::Error;
use crate::statement::Statement;

/// Rows that are asked for at once: enough that demand costs nothing, few enough that it means something.
const DEMAND: u64 = 1 << 10;

/// The answer to one request, as far as it was looked at. Whoever drops it early calls [`Answer::abandon`].
#[derive(Debug)]
pub struct Answer {
    id: RequestId,
    columns: Option<Columns>,
    tag: Option<CommandTag>,
    state: State,
    /// What comes behind the result that is over: the next one's beginning.
    ahead: Option<Event>,
    failure: Option<StatementError>,
    /// Closed if it is not taken.
    prepared: Option<Statement>,
    /// The tag of the first result, once that was finished.
    first: Option<Option<CommandTag>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A result may come.
    Between,
    /// Rows may come.
    Streaming,
    /// The result seems over; the server has yet to say whether it is good. `new` is one that had no rows.
    Ending { new: bool },
    /// The result is over, the request is not.
    ResultOver,
    /// The request failed and is not over.
    Failing,
    /// The request is over.
    Finished,
}

impl Answer {
    pub(crate) fn new(id: RequestId) -> Self {
        Self {
            id,
            columns: None,
            tag: None,
            state: State::Between,
            ahead: None,
            failure: None,
            prepared: None,
            first: None,
        }
    }

    /// The columns of the current result; `None` if it has no rows.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    /// What the server says the statement did; known once the last row was read.
    #[must_use]
    pub fn tag(&self) -> Option<&CommandTag> {
        self.tag.as_ref()
    }

    /// Whether the request is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// Whether rows may come.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.state == State::Streaming
    }

    /// Moves to the next row if it is here already, by far the most frequent case. False means that only
    /// [`Answer::poll_row`] will tell.
    #[inline(always)]
    pub fn next_row<T: Transport>(&self, carrier: &mut Carrier<T>) -> bool {
        self.state == State::Streaming && carrier.conduit.session.next_row(&mut carrier.conduit.input)
    }

    /// The row that was moved to.
    #[inline(always)]
    pub fn row<'a, T: Transport>(&self, carrier: &'a Carrier<T>) -> Option<Row<'a>> {
        carrier.conduit.session.row(&carrier.conduit.input)
    }

    /// Hands every row that is here to `each`.
    ///
    /// # Errors
    /// What `each` returns.
    #[inline]
    pub fn each_row<T: Transport, E>(
        &self,
        carrier: &mut Carrier<T>,
        each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        carrier.conduit.session.each_row(&mut carrier.conduit.input, each)
    }

    /// Lets go of the row that was moved to.
    pub fn release<T: Transport>(&self, carrier: &mut Carrier<T>) {
        carrier.conduit.session.release(&mut carrier.conduit.input);
    }

    /// Whether there is another row, to be had from [`Answer::row`].
    pub fn poll_row<T: Transport>(&mut self, carrier: &mut Carrier<T>) -> Poll<Result<bool, Error>> {
        while self.state == State::Streaming {
            match carrier.news_of(self.id)? {
                Some(Event::Row(_)) => return Poll::Ready(Ok(true)),
                Some(event) => self.end_of_rows(event),
                None if carrier.cancel_due.is_none() && carrier.conduit.session.wants_demand() => {
                    carrier.conduit.session.demand(self.id, DEMAND)
                }
                None => return Poll::Pending,
            }
        }
        self.poll_verdict(carrier).map_ok(|()| false)
    }

    /// Moves on to the next result of the request, past what is left of this one; false when there is none.
    pub fn poll_result<T: Transport>(&mut self, carrier: &mut Carrier<T>) -> Poll<Result<bool, Error>> {
        loop {
            match self.state {
                State::Streaming => while ready!(self.poll_row(carrier))? {},
                State::Ending { new: true } => {
                    return self.poll_verdict(carrier).map_ok(|()| true);
                }
                State::Ending { .. } | State::Failing => ready!(self.poll_verdict(carrier))?,
                State::Finished => return Poll::Ready(Ok(false)),
                State::ResultOver => {
                    (self.columns, self.tag) = (None, None);
                    self.state = State::Between;
                }
                State::Between => {
                    let event = match self.ahead.take() {
                        Some(event) => Some(event),
                        None => carrier.news_of(self.id)?,
                    };
                    match event {
                        Some(Event::Columns { columns, .. }) => {
                            self.columns = Some(columns);
                            self.state = State::Streaming;
                            return Poll::Ready(Ok(true));
                        }
                        Some(Event::Prepared { statement, .. }) => {
                            self.prepared = Some(Statement::new(*statement, carrier.graveyard()));
                        }
                        Some(Event::Complete { tag, .. }) => {
                            self.tag = Some(tag);
                            self.state = State::Ending { new: true };
                        }
                        Some(Event::Empty(_)) => self.state = State::Ending { new: true },
                        Some(event @ (Event::Failed { .. } | Event::Finished { .. })) => self.end(event),
                        Some(_) => {}
                        None => return Poll::Pending,
                    }
                }
            }
        }
    }

    /// Reads what is left; what the server says the first result did, `None` for an empty statement.
    pub fn poll_finished<T: Transport>(
        &mut self,
        carrier: &mut Carrier<T>,
    ) -> Poll<Result<Option<CommandTag>, Error>> {
        if self.state == State::Between {
            ready!(self.poll_result(carrier))?;
        }
        while ready!(self.poll_row(carrier))? {}
        loop {
            if self.first.is_none() {
                self.first = Some(self.tag.take());
            }
            if !ready!(self.poll_result(carrier))? {
                return Poll::Ready(Ok(self.first.take().flatten()));
            }
        }
    }

    /// Waits for what [`Carrier::prepare`] asked for.
    pub fn poll_prepared<T: Transport>(
        &mut self,
        carrier: &mut Carrier<T>,
    ) -> Poll<Result<Statement, Error>> {
        ready!(self.poll_finished(carrier))?;
        Poll::Ready(self.prepared.take().ok_or_else(|| StatementError::NeverSent.into()))
    }

    /// Waits for the end of a DETACH DATABASE.
    pub fn poll_detached<T: Transport>(&mut self, carrier: &mut Carrier<T>) -> Poll<Result<(), Error>> {
        Poll::Ready(match ready!(self.poll_finished(carrier)) {
            // The caller has detached it before.
            Err(error) if error.code() == Some(SqlState::INVALID_CATALOG_NAME) => Ok(()),
            outcome => outcome.map(drop),
        })
    }

    /// Says that nobody will look at the rest of it: what is on its way is thrown away, and if that is much, or takes
    /// long, the server is told to stop; [`Carrier::poll_ready`] sees to that. Does not wait.
    pub fn abandon<T: Transport>(&self, carrier: &mut Carrier<T>) {
        if self.state != State::Finished {
            carrier.abandon(self.id);
        }
    }

    #[cold]
    fn end_of_rows(&mut self, event: Event) {
        match event {
            Event::Complete { tag, .. } => {
                self.tag = Some(tag);
                self.state = State::Ending { new: false };
            }
            Event::Empty(_) => self.state = State::Ending { new: false },
            event => self.end(event),
        }
    }

    /// A result is over and good only when the server says so behind it: a statement may complete, and fail when its
    /// transaction ends.
    fn poll_verdict<T: Transport>(&mut self, carrier: &mut Carrier<T>) -> Poll<Result<(), Error>> {
        while matches!(self.state, State::Ending { .. } | State::Failing) {
            match carrier.news_of(self.id)? {
                Some(event) => self.end(event),
                None => return Poll::Pending,
            }
        }
        Poll::Ready(self.failure.take().map_or(Ok(()), |error| Err(error.into())))
    }

    fn end(&mut self, event: Event) {
        match event {
            Event::Failed { error, .. } => {
                self.failure = Some(error);
                self.state = State::Failing;
            }
            Event::Finished { .. } => self.state = State::Finished,
            _ if self.state == State::Failing => {}
            event => {
                self.ahead = Some(event);
                self.state = State::ResultOver;
            }
        }
    }
}

/// How many rows a statement inserted, updated, deleted or returned.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "for `Result::map`")]
pub fn affected(tag: Option<CommandTag>) -> u64 {
    tag.as_ref().and_then(CommandTag::rows).unwrap_or(0)
}
