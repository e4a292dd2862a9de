//! The rows of a result, as they come.

use hyperwire_carrier::{Answer, Error};
use hyperwire_core::row::{Columns, Row};
use hyperwire_core::session::CommandTag;

use crate::connection::Connection;

/// The result of a statement. Rows are read from the server as they are asked for: one that nobody asks for stays in
/// the server, which waits.
///
/// Dropping it early is fine: what is on its way is thrown away, and if that is much, the server is told to stop.
/// Hyper holds back writers of a table while somebody reads it slowly, so do not keep one open for longer than needed.
#[derive(Debug)]
pub struct Rows<'c> {
    connection: &'c mut Connection,
    answer: Answer,
}

impl<'c> Rows<'c> {
    /// Waits until the statement has shown what it returns, or has failed.
    pub(crate) fn start(connection: &'c mut Connection, answer: Answer) -> Result<Self, Error> {
        let mut rows = Self { connection, answer };
        rows.next_result()?;
        Ok(rows)
    }

    /// The columns; `None` if the statement returns no rows.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.answer.columns()
    }

    /// What the server says the statement did; known once the last row was read.
    #[must_use]
    pub fn tag(&self) -> Option<&CommandTag> {
        self.answer.tag()
    }

    /// The next row, or `None` when the result is over. It borrows the connection's buffer until the next call.
    ///
    /// # Errors
    /// The statement failed on its way, or the connection is lost.
    #[expect(clippy::should_implement_trait, reason = "a row borrows from this, which Iterator cannot say")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        if self.advance()? { Ok(self.answer.row(&self.connection.carrier)) } else { Ok(None) }
    }

    /// Whether there is another row; it is then what [`Rows::next`] would have returned, to be had from `row`.
    #[inline]
    fn advance(&mut self) -> Result<bool, Error> {
        if self.answer.next_row(&mut self.connection.carrier) {
            return Ok(true);
        }
        self.advance_any()
    }

    fn advance_any(&mut self) -> Result<bool, Error> {
        self.connection.until(|carrier| self.answer.poll_row(carrier))
    }

    /// Moves on to the next result of the same request, past what is left of this one. Hyper takes one statement at a
    /// time, so there is a second result only where a server is more generous.
    ///
    /// # Errors
    /// As for [`Rows::next`].
    pub fn next_result(&mut self) -> Result<bool, Error> {
        self.connection.until(|carrier| self.answer.poll_result(carrier))
    }

    /// Reads what is left and returns what the server says the statement did; `None` for an empty statement.
    ///
    /// # Errors
    /// As for [`Rows::next`].
    pub fn finish(mut self) -> Result<Option<CommandTag>, Error> {
        self.connection.until(|carrier| self.answer.poll_finished(carrier))
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
        self.answer.release(&mut self.connection.carrier);
        while self.answer.is_streaming() {
            self.answer.each_row(&mut self.connection.carrier, &mut each)?;
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
        if !self.answer.is_finished() {
            self.answer.abandon(&mut self.connection.carrier);
            // Bounded by the session: patience, then a cancel and its grace. A failure shows at the next call.
            let _ = self.connection.ready();
        }
    }
}
