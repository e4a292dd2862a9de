//! The rows of a result, as they come.

use hyperwire_carrier::{Error, Response};
use hyperwire_core::row::{Columns, Row};
use hyperwire_core::session::CommandTag;

use crate::client::Client;

/// The result of a statement. Rows are read from the server as they are asked for: one that nobody asks for stays in
/// the server, which waits.
///
/// Dropping it early is fine: what is on its way is thrown away, and if that is much, the server is told to stop.
/// Hyper holds back writers of a table while somebody reads it slowly, so do not keep one open for longer than needed.
#[derive(Debug)]
pub struct Rows<'c> {
    client: &'c mut Client,
    response: Response,
}

impl<'c> Rows<'c> {
    /// Waits until the statement has shown what it returns, or has failed.
    pub(crate) fn start(client: &'c mut Client, response: Response) -> Result<Self, Error> {
        let mut rows = Self { client, response };
        rows.next_result()?;
        Ok(rows)
    }

    /// The columns; `None` if the statement returns no rows.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.response.columns()
    }

    /// What the server says the statement did; known once the last row was read.
    #[must_use]
    pub fn tag(&self) -> Option<&CommandTag> {
        self.response.tag()
    }

    /// The next row, or `None` when the result is over. It borrows the connection's buffer until the next call.
    ///
    /// # Errors
    /// The statement failed on its way, or the connection is lost.
    #[expect(clippy::should_implement_trait, reason = "a row borrows from this, which Iterator cannot say")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        if self.advance()? { Ok(self.response.row(&self.client.inner)) } else { Ok(None) }
    }

    /// Whether there is another row; it is then what [`Rows::next`] would have returned, to be had from `row`.
    #[inline]
    fn advance(&mut self) -> Result<bool, Error> {
        if self.response.next_row(&mut self.client.inner) {
            return Ok(true);
        }
        self.advance_any()
    }

    fn advance_any(&mut self) -> Result<bool, Error> {
        self.client.until(|inner| self.response.poll_row(inner))
    }

    /// Moves on to the next result of the same request, past what is left of this one. Hyper takes one statement at a
    /// time, so there is a second result only where a server is more generous.
    ///
    /// # Errors
    /// As for [`Rows::next`].
    pub fn next_result(&mut self) -> Result<bool, Error> {
        self.client.until(|inner| self.response.poll_result(inner))
    }

    /// Reads what is left and returns what the server says the statement did; `None` for an empty statement.
    ///
    /// # Errors
    /// As for [`Rows::next`].
    pub fn finish(mut self) -> Result<Option<CommandTag>, Error> {
        self.client.until(|inner| self.response.poll_finished(inner))
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
        self.response.release(&mut self.client.inner);
        while self.response.is_streaming() {
            self.response.each_row(&mut self.client.inner, &mut each)?;
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
        if !self.response.is_finished() {
            self.response.abandon(&mut self.client.inner);
            // Bounded by the session: patience, then a cancel and its grace. A failure shows at the next call.
            let _ = self.client.ready();
        }
    }
}
