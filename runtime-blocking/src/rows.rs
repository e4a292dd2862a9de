//! The rows of a result, as they come.

use hyperwire_core::row::{Columns, Row};
use hyperwire_core::session::{CommandTag, Event, RequestId};

use crate::connection::Connection;
use crate::error::Error;

/// The result of a statement. Rows are read from the server as they are asked for: one that nobody asks for stays in
/// the server, which waits.
///
/// Dropping it early is fine: what is on its way is thrown away, and if that is much, the server is told to stop.
/// Hyper holds back writers of a table while somebody reads it slowly, so do not keep one open for longer than needed.
#[derive(Debug)]
pub struct Rows<'c> {
    connection: &'c mut Connection,
    id: RequestId,
    columns: Option<Columns>,
    tag: Option<CommandTag>,
    state: State,
    /// What comes behind the result that is over: the next one's beginning.
    ahead: Option<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Rows may come.
    Streaming,
    /// The result is over, the request is not.
    ResultOver,
    /// The request is over.
    Finished,
}

/// Rows that are asked for at once: enough that demand costs nothing, few enough that it means something.
const DEMAND: u64 = 1 << 10;

impl<'c> Rows<'c> {
    /// Waits until the statement has shown what it returns, or has failed.
    pub(crate) fn start(connection: &'c mut Connection, id: RequestId) -> Result<Self, Error> {
        connection.rows_of = Some(id);
        let mut rows =
            Self { connection, id, columns: None, tag: None, state: State::ResultOver, ahead: None };
        rows.next_result()?;
        Ok(rows)
    }

    /// The columns; `None` if the statement returns no rows.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    /// What the server says the statement did; known once the last row was read.
    #[must_use]
    pub fn tag(&self) -> Option<&CommandTag> {
        self.tag.as_ref()
    }

    /// The next row, or `None` when the result is over. It borrows the connection's buffer until the next call.
    ///
    /// # Errors
    /// The statement failed on its way, or the connection is lost.
    #[expect(clippy::should_implement_trait, reason = "a row borrows from this, which Iterator cannot say")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        if self.advance()? { Ok(self.connection.session.row(&self.connection.input)) } else { Ok(None) }
    }

    /// Whether there is another row; it is then what [`Rows::next`] would have returned, to be had from `row`.
    #[inline]
    fn advance(&mut self) -> Result<bool, Error> {
        // The next result may have begun already.
        if self.state == State::Streaming && self.connection.session.next_row(&mut self.connection.input) {
            return Ok(true);
        }
        self.advance_any()
    }

    fn advance_any(&mut self) -> Result<bool, Error> {
        if self.state != State::Streaming {
            return Ok(false);
        }
        match self.connection.poll_row(self.id, DEMAND)? {
            Event::Row(_) => Ok(true),
            event => self.end_of_result(event).map(|()| false),
        }
    }

    /// A result is over and good only when the server says so behind it: a statement may complete, and fail when its
    /// transaction ends.
    #[cold]
    fn end_of_result(&mut self, event: Event) -> Result<(), Error> {
        self.state = State::ResultOver;
        let event = match event {
            Event::Complete { tag, .. } => {
                self.tag = Some(tag);
                self.connection.next_event_of(self.id)?
            }
            Event::Empty(_) => self.connection.next_event_of(self.id)?,
            event => event,
        };
        match event {
            Event::Failed { error, .. } => {
                self.state = State::Finished;
                self.connection.finish(self.id)?;
                return Err(error.into());
            }
            Event::Finished { .. } => self.state = State::Finished,
            event => self.ahead = Some(event),
        }
        Ok(())
    }

    /// Moves on to the next result of the same request, past what is left of this one. Hyper takes one statement at a
    /// time, so there is a second result only where a server is more generous.
    ///
    /// # Errors
    /// As for [`Rows::next`].
    pub fn next_result(&mut self) -> Result<bool, Error> {
        while self.advance()? {}
        if self.state == State::Finished {
            return Ok(false);
        }
        (self.columns, self.tag) = (None, None);
        loop {
            let event = match self.ahead.take() {
                Some(event) => event,
                None => self.connection.next_event_of(self.id)?,
            };
            match event {
                Event::Columns { columns, .. } => {
                    self.columns = Some(columns);
                    self.state = State::Streaming;
                    return Ok(true);
                }
                event @ (Event::Complete { .. } | Event::Empty(_)) => {
                    self.end_of_result(event)?;
                    return Ok(true);
                }
                event @ (Event::Failed { .. } | Event::Finished { .. }) => {
                    self.end_of_result(event)?;
                    return Ok(false);
                }
                _ => {}
            }
        }
    }

    /// Reads what is left and returns what the server says the statement did; `None` for an empty statement.
    ///
    /// # Errors
    /// As for [`Rows::next`].
    pub fn finish(mut self) -> Result<Option<CommandTag>, Error> {
        while self.advance()? {}
        let tag = self.tag.take();
        while self.next_result()? {}
        Ok(tag)
    }

    /// Calls `each` with every row that is left, up to the first that it fails on. The fastest way to read many.
    ///
    /// # Errors
    /// As for [`Rows::next`], or what `each` returns.
    pub fn for_each<E: From<Error>>(
        mut self,
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // A row that was announced here before went to the caller of `next`.
        self.connection.session.release(&mut self.connection.input);
        while self.state == State::Streaming {
            let Connection { session, input, .. } = &mut *self.connection;
            session.each_row(input, &mut each)?;
            self.advance_any()?;
        }
        Ok(())
    }

    /// Collects something from every row that is left.
    ///
    /// # Errors
    /// As for [`Rows::next`], or what `each` returns.
    pub fn map<T, E: From<Error>>(
        mut self,
        mut each: impl FnMut(Row<'_>) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let mut all = Vec::new();
        while let Some(row) = self.next()? {
            all.push(each(row)?);
        }
        Ok(all)
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if self.state != State::Finished && self.connection.session.fault().is_none() {
            self.connection.abandon(self.id);
            // Bounded by the session: patience, then a cancel and its grace. A failure shows at the next call.
            let _ = self.connection.settle();
        }
    }
}
