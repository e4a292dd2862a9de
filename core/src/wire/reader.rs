//! A cursor over the body of one message. Every read is bounds-checked and none allocates.

use super::Violation;

/// Reads the fields of one message body in order.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    message: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'static str, body: &'a [u8]) -> Self {
        Self { rest: body, message }
    }

    /// Takes everything that is left.
    pub(crate) fn remainder(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Violation> {
        let (head, rest) =
            self.rest.split_at_checked(count).ok_or(Violation::Truncated { message: self.message })?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (head, rest) =
            self.rest.split_first_chunk().ok_or(Violation::Truncated { message: self.message })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Violation> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Violation> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Violation> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Violation> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads an Int16 that must not be negative.
    pub(crate) fn count(&mut self, field: &'static str) -> Result<usize, Violation> {
        let value = self.i16()?;
        usize::try_from(value).map_err(|_| self.bad_value(field, value.into()))
    }

    /// Reads a length word and that many bytes; `None` if the length is -1 (NULL).
    pub(crate) fn value(&mut self) -> Result<Option<&'a [u8]>, Violation> {
        match self.i32()? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => self.bytes(length).map(Some),
                Err(_) => Err(self.bad_value("value length", length.into())),
            },
        }
    }

    /// Reads the bytes up to a zero byte, and consumes the zero byte too.
    pub(crate) fn cstr(&mut self) -> Result<&'a [u8], Violation> {
        let end = self
            .rest
            .iter()
            .position(|&byte| byte == 0)
            .ok_or(Violation::MissingTerminator { message: self.message })?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    /// Reads a zero-terminated string that must be UTF-8.
    pub(crate) fn text(&mut self) -> Result<&'a str, Violation> {
        core::str::from_utf8(self.cstr()?).map_err(|_| Violation::NotUtf8 { message: self.message })
    }

    pub(crate) fn finish(self) -> Result<(), Violation> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(Violation::TrailingBytes { message: self.message, count }),
        }
    }

    pub(crate) fn bad_value(&self, field: &'static str, value: i64) -> Violation {
        Violation::BadValue { message: self.message, field, value }
    }
}
