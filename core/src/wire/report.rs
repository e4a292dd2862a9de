//! The body that ErrorResponse and NoticeResponse share: a list of typed fields.

use alloc::vec::Vec;

use super::{Reader, Violation, put_cstr};

/// The undecoded fields of an ErrorResponse or NoticeResponse: each has a code byte and a string.
///
/// Hyper sends `S` severity, `C` SQLSTATE, `M` message, `D` detail, `H` hint, `P` position and `B` blame, a field of
/// its own. Strings stay bytes, because Hyper may cut an excerpt of a statement in the middle of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    body: &'a [u8],
    /// Whether the body was cut: the last field may be incomplete, and others may be missing.
    cut: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn decode(message: &'static str, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(message, body);
        while reader.u8()? != 0 {
            reader.cstr()?;
        }
        reader.finish()?;
        Ok(Self { body, cut: false })
    }

    /// Wraps the beginning of a body that is too long to keep. It is not validated.
    pub(crate) fn cut(body: &'a [u8]) -> Self {
        Self { body, cut: true }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The fields, in wire order.
    pub fn fields(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut reader = Reader::new("ErrorResponse", self.body);
        core::iter::from_fn(move || match reader.u8() {
            Ok(0) | Err(_) => None,
            Ok(code) => Some((code, reader.cstr().unwrap_or_else(|_| reader.remainder()))),
        })
    }

    /// The first field with this code.
    #[must_use]
    pub fn field(&self, code: u8) -> Option<&'a [u8]> {
        self.fields().find(|(found, _)| *found == code).map(|(_, text)| text)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.body);
    }

    /// Encodes these fields as a message body and appends it to `out`, for a server that builds a [`Report`].
    pub fn write_fields<'f>(fields: impl IntoIterator<Item = (u8, &'f str)>, out: &mut Vec<u8>) {
        for (code, text) in fields {
            out.push(code);
            put_cstr(out, text.as_bytes());
        }
        out.push(0);
    }

    /// Wraps bytes that [`Report::write_fields`] produced.
    ///
    /// # Errors
    /// If the bytes are not a terminated list of terminated strings.
    pub fn from_body(body: &'a [u8]) -> Result<Self, Violation> {
        Self::decode("ErrorResponse", body)
    }
}
