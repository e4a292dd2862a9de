//! The answer to a request, result by result.

use std::task::{Poll, ready};

use hyperwire_core::row::{Columns, Row};
use hyperwire_core::session::{CommandTag, Event, RequestId, StatementError};

use crate::client::Client;
use crate::error::Error;
use crate::statement::Statement;
use crate::transport::Transport;

/// How many rows are demanded at a time: enough to cost nothing, few enough to hold the server back.
const DEMAND: u64 = 1 << 10;

/// The answer to one request, as far as it has been read. To drop it before its end, call [`Response::abandon`] first.
#[derive(Debug)]
pub struct Response {
    id: RequestId,
    columns: Option<Columns>,
    tag: Option<CommandTag>,
    state: State,
    /// The event after the result that is over: the beginning of the next.
    ahead: Option<Event>,
    failure: Option<StatementError>,
    /// Closed by the client if nobody takes it.
    prepared: Option<Statement>,
    /// The tag of the first result, once that is over.
    first: Option<Option<CommandTag>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Another result may follow.
    Between,
    /// Rows may follow.
    Streaming,
    /// The result has ended; whether it succeeded is not known yet. `new` marks a result without rows.
    Ending { new: bool },
    /// The result is over, the request is not.
    ResultOver,
    /// The request failed and is not over.
    Failing,
    /// The request is over.
    Finished,
}

impl Response {
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

    /// The columns of the current result; `None` if it returns no rows.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    /// What the statement did, in the server's words; known after the last row.
    #[must_use]
    pub fn tag(&self) -> Option<&CommandTag> {
        self.tag.as_ref()
    }

    /// Whether the request is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// Whether rows may follow.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.state == State::Streaming
    }

    /// Moves to the next row if it has arrived, by far the most frequent case. If false, ask [`Response::poll_row`].
    #[inline(always)]
    pub fn next_row<T: Transport>(&self, client: &mut Client<T>) -> bool {
        self.state == State::Streaming && client.connection.session.next_row(&mut client.connection.input)
    }

    /// The current row.
    #[inline(always)]
    pub fn row<'a, T: Transport>(&self, client: &'a Client<T>) -> Option<Row<'a>> {
        client.connection.session.row(&client.connection.input)
    }

    /// Calls `each` with every row that has arrived.
    ///
    /// # Errors
    /// What `each` returns.
    #[inline]
    pub fn each_row<T: Transport, E>(
        &self,
        client: &mut Client<T>,
        each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        client.connection.session.each_row(&mut client.connection.input, each)
    }

    /// Releases the current row.
    pub fn release<T: Transport>(&self, client: &mut Client<T>) {
        client.connection.session.release(&mut client.connection.input);
    }

    /// Moves to the next row, which [`Response::row`] then returns; false after the last.
    pub fn poll_row<T: Transport>(&mut self, client: &mut Client<T>) -> Poll<Result<bool, Error>> {
        while self.state == State::Streaming {
            match client.next_event_of(self.id)? {
                Some(Event::Row(_)) => return Poll::Ready(Ok(true)),
                Some(event) => self.end_of_rows(event),
                None if client.cancel_due.is_none() && client.connection.session.wants_demand() => {
                    client.connection.session.demand(self.id, DEMAND)
                }
                None => return Poll::Pending,
            }
        }
        self.poll_verdict(client).map_ok(|()| false)
    }

    /// Skips the rest of this result and moves to the next one of the request; false after the last.
    pub fn poll_result<T: Transport>(&mut self, client: &mut Client<T>) -> Poll<Result<bool, Error>> {
        loop {
            match self.state {
                State::Streaming => while ready!(self.poll_row(client))? {},
                State::Ending { new: true } => {
                    return self.poll_verdict(client).map_ok(|()| true);
                }
                State::Ending { .. } | State::Failing => ready!(self.poll_verdict(client))?,
                State::Finished => return Poll::Ready(Ok(false)),
                State::ResultOver => {
                    (self.columns, self.tag) = (None, None);
                    self.state = State::Between;
                }
                State::Between => {
                    let event = match self.ahead.take() {
                        Some(event) => Some(event),
                        None => client.next_event_of(self.id)?,
                    };
                    match event {
                        Some(Event::Columns { columns, .. }) => {
                            self.columns = Some(columns);
                            self.state = State::Streaming;
                            return Poll::Ready(Ok(true));
                        }
                        Some(Event::Prepared { statement, .. }) => {
                            self.prepared = Some(Statement::new(*statement, client.pending_closes()));
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

    /// Reads to the end; the tag of the first result, `None` for an empty statement.
    pub fn poll_finished<T: Transport>(
        &mut self,
        client: &mut Client<T>,
    ) -> Poll<Result<Option<CommandTag>, Error>> {
        if self.state == State::Between {
            ready!(self.poll_result(client))?;
        }
        while ready!(self.poll_row(client))? {}
        loop {
            if self.first.is_none() {
                self.first = Some(self.tag.take());
            }
            if !ready!(self.poll_result(client))? {
                return Poll::Ready(Ok(self.first.take().flatten()));
            }
        }
    }

    /// The statement that was to be prepared.
    pub(crate) fn poll_prepared<T: Transport>(
        &mut self,
        client: &mut Client<T>,
    ) -> Poll<Result<Statement, Error>> {
        ready!(self.poll_finished(client))?;
        Poll::Ready(self.prepared.take().ok_or_else(|| StatementError::NeverSent.into()))
    }

    /// Gives up the rest of it. [`Client::poll_ready`] then discards what is still arriving, and has the server cancel the
    /// statement if that is much or takes long.
    pub fn abandon<T: Transport>(&self, client: &mut Client<T>) {
        if self.state != State::Finished {
            client.abandon(self.id);
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

    /// Whether the result succeeded, which only the message after it tells: a statement may complete and then fail when
    /// its transaction ends.
    fn poll_verdict<T: Transport>(&mut self, client: &mut Client<T>) -> Poll<Result<(), Error>> {
        while matches!(self.state, State::Ending { .. } | State::Failing) {
            match client.next_event_of(self.id)? {
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
