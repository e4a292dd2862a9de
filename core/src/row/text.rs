//! What the readers and writers of text have in common.

use core::fmt;
use core::str::FromStr;

use super::ValueError;

/// Why a text is not a value of the type it was parsed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is written differently; this says how it should look.
    #[error("not {0}")]
    Malformed(&'static str),
    /// The text is well written, but Hyper has no such value: the 30th of February, or more than 38 digits.
    #[error("the value is out of range")]
    OutOfRange,
}

impl From<ParseError> for ValueError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Malformed(wanted) => Self::Malformed(wanted),
            ParseError::OutOfRange => Self::OutOfRange,
        }
    }
}

/// A value in text, for one of our own types.
pub(super) fn parse_text<T: FromStr<Err = ParseError>>(bytes: &[u8]) -> Result<T, ValueError> {
    let text = core::str::from_utf8(bytes).map_err(|_| ValueError::Malformed("UTF-8"))?;
    text.parse().map_err(ValueError::from)
}

/// A string of at most `N` bytes, to format into without a heap. Writing more is an error.
pub(super) struct StackString<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> StackString<N> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    pub(super) fn as_str(&self) -> &str {
        // Only whole strings were written.
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for StackString<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Reads a text from left to right. Nothing is skipped that was not asked for.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes() }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes one byte, whatever it is.
    pub(super) fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// Takes exactly that text, if it comes next.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        match self.rest.strip_prefix(expected.as_bytes()) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the digits that come next: the number, and how many there were. `None` if there are none, or more than
    /// a `u64` surely holds.
    pub(super) fn digits(&mut self) -> Option<(u64, usize)> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=19).contains(&count) {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        let number = digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
        Some((number, count))
    }

    /// Takes a number of exactly two digits.
    pub(super) fn two_digits(&mut self) -> Option<u32> {
        match self.digits()? {
            (number, 2) => u32::try_from(number).ok(),
            _ => None,
        }
    }

    /// Takes a point and up to six digits, if a point comes next: microseconds.
    pub(super) fn fraction(&mut self) -> Option<u32> {
        if !self.take(".") {
            return Some(0);
        }
        match self.digits()? {
            (number, count @ 1..=6) => {
                Some(u32::try_from(number).ok()? * 10_u32.pow(6 - u32::try_from(count).ok()?))
            }
            _ => None,
        }
    }
}
