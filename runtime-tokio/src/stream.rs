//! Rows as a `Stream`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use hyperwire_carrier::Error;
use hyperwire_core::row::Row;

use crate::rows::Rows;

/// What a closure makes of each row; see [`Rows::into_stream`]. It ends behind the first error of the server, while an
/// error of the closure concerns one row.
#[derive(Debug)]
pub struct RowStream<'c, F> {
    rows: Option<Rows<'c>>,
    each: F,
}

impl<'c, F> RowStream<'c, F> {
    pub(crate) fn new(rows: Rows<'c>, each: F) -> Self {
        Self { rows: Some(rows), each }
    }
}

// The closure is never pinned.
impl<F> Unpin for RowStream<'_, F> {}

impl<T, E, F> Stream for RowStream<'_, F>
where
    F: FnMut(Row<'_>) -> Result<T, E>,
    E: From<Error>,
{
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { rows, each } = &mut *self;
        let Some(left) = rows else { return Poll::Ready(None) };
        match ready!(left.poll_advance(cx)) {
            Ok(true) => Poll::Ready(left.row().map(each)),
            Ok(false) => {
                *rows = None;
                Poll::Ready(None)
            }
            Err(error) => {
                *rows = None;
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }
}

impl<T, E, F> FusedStream for RowStream<'_, F>
where
    F: FnMut(Row<'_>) -> Result<T, E>,
    E: From<Error>,
{
    fn is_terminated(&self) -> bool {
        self.rows.is_none()
    }
}
