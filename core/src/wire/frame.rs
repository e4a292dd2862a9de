//! Framing: where one message ends and the next begins.

use super::limits::Bound;
use super::{LimitExceeded, LimitKind, Limits, Violation};

/// One typed message: its type byte and its body, borrowed from the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The message type.
    pub tag: u8,
    /// Everything after the length word.
    pub body: &'a [u8],
}

/// What [`Frame::split`] found at the start of a byte slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// A complete message.
    Frame(Frame<'a>),
    /// Part of a message: call again when the slice holds at least this many bytes. At most the message limit plus one
    /// type byte.
    Needs(usize),
}

/// Why framing failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The peer broke the protocol.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The message is larger than the limits allow.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

/// The size of the type byte and the length word together.
const HEADER: usize = 5;

impl<'a> Frame<'a> {
    /// Looks for one typed message at the start of `bytes`.
    ///
    /// # Errors
    /// If the declared length is below 4 or above `limits.message_length`.
    #[inline]
    pub fn split(bytes: &'a [u8], limits: &Limits) -> Result<Split<'a>, FrameError> {
        Self::split_within(bytes, |_| Bound::Refuse(limits.message_length)).map(|(split, _)| split)
    }

    /// Looks for one typed message at the start of `bytes`, within the bound for its type. Also returns how many bytes
    /// of the message follow the frame, if the frame was cut short.
    #[inline]
    pub(crate) fn split_within(
        bytes: &'a [u8],
        bound: impl FnOnce(u8) -> Bound,
    ) -> Result<(Split<'a>, usize), FrameError> {
        let Some((&[tag, a, b, c, d], rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Ok((Split::Needs(HEADER), 0));
        };
        let (length, beyond) = body_length(tag, i32::from_be_bytes([a, b, c, d]), bound(tag))?;
        Ok(match rest.get(..length) {
            Some(body) => (Split::Frame(Self { tag, body }), beyond),
            None => (Split::Needs(HEADER + length), beyond),
        })
    }

    /// Looks for one untyped message (the kind that opens a connection) at the start of `bytes`. The frame's tag is 0.
    ///
    /// # Errors
    /// The same as [`Frame::split`].
    pub fn split_untyped(bytes: &'a [u8], limits: &Limits) -> Result<Split<'a>, FrameError> {
        let Some((&length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(Split::Needs(4)) };
        let bound = Bound::Refuse(limits.message_length);
        let (length, _) = body_length(0, i32::from_be_bytes(length), bound)?;
        match rest.get(..length) {
            Some(body) => Ok(Split::Frame(Self { tag: 0, body })),
            None => Ok(Split::Needs(4 + length)),
        }
    }

    /// The length of this typed message on the wire, in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no message is empty: its header always counts")]
    pub fn len(&self) -> usize {
        HEADER + self.body.len()
    }
}

/// How many bytes of the body to keep, and how many after those to throw away.
#[inline]
fn body_length(tag: u8, length: i32, bound: Bound) -> Result<(usize, usize), FrameError> {
    let declared = u32::try_from(length).map_err(|_| Violation::LengthTooSmall { tag, length })?;
    let body = declared.checked_sub(4).ok_or(Violation::LengthTooSmall { tag, length })?;
    let kept = match bound {
        Bound::Refuse(limit) => {
            Limits::check(LimitKind::MessageLength, declared.into(), limit.into())?;
            body
        }
        Bound::Cut { kept, most } => {
            Limits::check(LimitKind::MessageLength, declared.into(), most.into())?;
            body.min(kept.saturating_sub(4))
        }
    };
    let size = |bytes: u32| {
        usize::try_from(bytes).map_err(|_| LimitExceeded {
            what: LimitKind::MessageLength,
            found: body.into(),
            limit: 0,
        })
    };
    Ok((size(kept)?, size(body - kept)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_message_says_how_many_bytes_it_needs() {
        let limits = Limits::default();

        assert_eq!(Frame::split(b"", &limits), Ok(Split::Needs(5)));
        assert_eq!(Frame::split(b"Z\0\0\0", &limits), Ok(Split::Needs(5)));
        assert_eq!(Frame::split(b"Z\0\0\0\x05", &limits), Ok(Split::Needs(6)));
    }

    #[test]
    fn a_length_below_four_is_a_violation() {
        for length in [i32::MIN, -1, 0, 3] {
            let mut bytes = std::vec![b'Z'];
            bytes.extend_from_slice(&length.to_be_bytes());

            let outcome = Frame::split(&bytes, &Limits::default());

            assert_eq!(outcome, Err(Violation::LengthTooSmall { tag: b'Z', length }.into()));
        }
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_its_bytes_arrive() {
        let limits = Limits { message_length: 100, ..Limits::default() };

        let outcome = Frame::split(b"D\0\0\0\x65", &limits);

        let expected = LimitExceeded { what: LimitKind::MessageLength, found: 101, limit: 100 };
        assert_eq!(outcome, Err(expected.into()));
    }
}
