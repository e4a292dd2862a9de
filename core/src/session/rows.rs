//! Rows, on their way from the input buffer to the caller: the hot path.

use super::active::Active;
use super::{HEADER, RequestId, Session};
use crate::buffer::InBuf;
use crate::row::{Row, split_fields};

impl Session {
    /// Says that the caller can take this many more rows, or COPY messages, of a request. What is no row, such as the end
    /// of its result, comes without.
    #[inline]
    pub fn demand(&mut self, id: RequestId, rows: u64) {
        self.row_at_hand = false;
        match &mut self.active {
            Some(active) if active.id == id => active.want(rows),
            _ => self.request_mut(id, |request| request.want(rows)),
        }
    }

    /// Whether a row, or COPY data, is at hand and held back because the caller has no demand for it, as of the last
    /// poll. Without one at hand the session reads on, to learn whether there is one.
    #[must_use]
    pub fn wants_demand(&self) -> bool {
        self.row_at_hand && self.active.as_ref().is_some_and(Active::is_paused)
    }

    /// The row that the last event announced.
    #[inline]
    #[must_use]
    pub fn row<'a>(&'a self, input: &'a InBuf) -> Option<Row<'a>> {
        if self.held == 0 {
            return None;
        }
        Some(Row::new(self.flow.as_ref()?, input.unread(), &self.spans))
    }

    /// Hands every row that is here and wanted to `each`, starting with the one that the last event announced, up to
    /// the first that it fails on: the fastest way to read many. What comes behind them, only polling will tell: with a
    /// deadline, the clock has to be looked at now and then.
    ///
    /// # Errors
    /// What `each` returns; the row that it failed on counts as taken.
    #[inline]
    pub fn each_row<E>(
        &mut self,
        input: &mut InBuf,
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (Some(columns), Some(active), true) = (&self.flow, &mut self.active, self.events.is_empty())
        else {
            return Ok(());
        };
        if self.held > 0 {
            // Announced, and counted, but not taken.
            self.held = 0;
            active.demand.ready = active.demand.ready.saturating_add(1);
        }
        let (unread, limit) = (input.unread(), self.config.limits.message_length);
        let mut rest = unread;
        let mut outcome = Ok(());
        while active.demand.ready > 0
            && outcome.is_ok()
            && let Some(message) = whole_row(rest, limit)
            && let Ok(spans) = split_fields(message, HEADER, columns.len(), &mut self.spans)
        {
            active.demand.ready -= 1;
            rest = &rest[message.len()..];
            outcome = each(Row::new(columns, message, spans));
        }
        let taken = unread.len() - rest.len();
        input.consume(taken);
        outcome
    }

    /// Moves on to the next row if it is here and wanted, by far the most frequent case: a [`Session::poll`] that does
    /// nothing else. False means that something else is due, which only polling will tell; nothing was skipped.
    #[inline(always)]
    pub fn next_row(&mut self, input: &mut InBuf) -> bool {
        self.release(input);
        let (Some(columns), Some(active)) = (&self.flow, &mut self.active) else { return false };
        let Some(message) = whole_row(input.unread(), self.config.limits.message_length) else {
            return false;
        };
        if active.demand.ready == 0
            || !self.events.is_empty()
            || split_fields(message, HEADER, columns.len(), &mut self.spans).is_err()
        {
            return false;
        }
        active.demand.ready -= 1;
        self.held = message.len();
        true
    }

    /// Lets go of the row or COPY data that the last event announced; the next poll would, too.
    #[inline]
    pub fn release(&mut self, input: &mut InBuf) {
        input.consume(self.held);
        self.held = 0;
    }

    /// [`Session::next_row`], out of line for callers who look for other events too.
    pub(super) fn next_row_if_any(&mut self, input: &mut InBuf) -> bool {
        self.next_row(input)
    }

    pub(super) fn held_body<'i>(&self, input: &'i InBuf) -> &'i [u8] {
        input.unread().get(HEADER..self.held).unwrap_or_default()
    }
}

/// The DataRow at the start of `unread`, if it is there as a whole and not above the limit.
#[inline(always)]
fn whole_row(unread: &[u8], limit: u32) -> Option<&[u8]> {
    let (&[tag, a, b, c, d], _) = unread.split_first_chunk::<HEADER>()?;
    let length = u32::from_be_bytes([a, b, c, d]);
    if tag == b'D' && length <= limit { unread.get(..length as usize + 1) } else { None }
}
