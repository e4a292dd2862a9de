//! The rows of a result, as they come.

use std::task::{Context, Poll};

use hyperwire_carrier::{Error, Response};
use hyperwire_core::row::{Columns, Row};
use hyperwire_core::session::CommandTag;

use crate::client::Client;
use crate::stream::RowStream;

/// The result of a statement. A row borrows the connection's buffer and is copied nowhere, so this is read with
/// [`next`](Rows::next) and not as a `Stream`; [`Rows::into_stream`] makes one of what the caller takes out of each row.
///
/// What nobody asks for stays in the server. Dropping this, or any future of it, is fine: the next call of the client
/// throws away what is on its way, and has the server stop if that is much or takes long.
#[derive(Debug)]
pub struct Rows<'c> {
    client: &'c mut Client,
    response: Response,
}

impl<'c> Rows<'c> {
    pub(crate) async fn start(client: &'c mut Client, response: Response) -> Result<Self, Error> {
        // From here on it is abandoned if this future is dropped.
        let mut rows = Self { client, response };
        rows.next_result().await?;
        Ok(rows)
    }

    /// What the columns are; `None` for a statement that returns no rows.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.response.columns()
    }

    /// What the statement did, in the server's words; known behind the last row.
    #[must_use]
    pub fn tag(&self) -> Option<&CommandTag> {
        self.response.tag()
    }

    /// The next row, or `None` behind the last. No row is lost when this future is dropped: the next call goes on.
    ///
    /// # Errors
    /// The server failed the statement on its way, or the connection is lost.
    #[inline]
    pub async fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        let more = self.response.next_row(&mut self.client.inner) || self.advance().await?;
        Ok(if more { self.response.row(&self.client.inner) } else { None })
    }

    /// Leaves what is left of this result and moves to the next one of the same request; false when there is none.
    /// Hyper takes one statement at a time, so that only other servers have a second result.
    ///
    /// # Errors
    /// As for [`Rows::next`].
    pub async fn next_result(&mut self) -> Result<bool, Error> {
        self.client.until(|inner| self.response.poll_result(inner)).await
    }

    /// Reads to the end and returns what the statement did; `None` if it was empty.
    ///
    /// # Errors
    /// As for [`Rows::next`].
    pub async fn finish(mut self) -> Result<Option<CommandTag>, Error> {
        self.client.until(|inner| self.response.poll_finished(inner)).await
    }

    /// Calls `each` with every row that is left, up to the first that it fails on; the fastest way to read many.
    ///
    /// # Errors
    /// What `each` returns, or as for [`Rows::next`].
    pub async fn for_each<E: From<Error>>(
        mut self,
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // The caller of `next` had that one.
        self.response.release(&mut self.client.inner);
        while self.response.is_streaming() {
            self.response.each_row(&mut self.client.inner, &mut each)?;
            self.advance().await?;
        }
        Ok(())
    }

    /// Collects what `each` makes of every row that is left.
    ///
    /// # Errors
    /// As for [`Rows::for_each`].
    pub async fn map<T, E: From<Error>>(
        mut self,
        mut each: impl FnMut(Row<'_>) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let mut all = Vec::new();
        while let Some(row) = self.next().await? {
            all.push(each(row)?);
        }
        Ok(all)
    }

    /// A `Stream` of what `each` makes of every row that is left. It allocates nothing that `each` does not.
    pub fn into_stream<T, E, F>(self, each: F) -> RowStream<'c, F>
    where
        F: FnMut(Row<'_>) -> Result<T, E>,
        E: From<Error>,
    {
        RowStream::new(self, each)
    }

    pub(crate) fn poll_advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        if self.response.next_row(&mut self.client.inner) {
            return Poll::Ready(Ok(true));
        }
        self.client.poll_until(cx, |inner| self.response.poll_row(inner))
    }

    pub(crate) fn row(&self) -> Option<Row<'_>> {
        self.response.row(&self.client.inner)
    }

    async fn advance(&mut self) -> Result<bool, Error> {
        self.client.until(|inner| self.response.poll_row(inner)).await
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        self.response.abandon(&mut self.client.inner);
    }
}
