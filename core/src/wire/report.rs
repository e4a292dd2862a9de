//! The body that ErrorResponse and NoticeResponse share: a list of typed fields.

use alloc::vec::Vec;

use super::{Reader, Violation, put_cstr};

/// The fields of an ErrorResponse or NoticeResponse, as they came: a code byte and a string each.
///
/// Hyper sends `S` severity, `C` SQLSTATE, `M` message, `D` detail, `H` hint, `P` position and its own `B` blame.
/// Strings are kept as bytes: an excerpt of a statement may be cut inside a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    body: &'a [u8],
    /// The last field ends early, and others may be missing.
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

    /// The beginning of a body that is too long to be held. What its rest would have been is not checked.
    pub(crate) fn cut(body: &'a [u8]) -> Self {
        Self { body, cut: true }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The fields in their order on the wire.
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

    /// Appends the body that these fields have on the wire; a server uses it to build a [`Report`].
    pub fn write_fields<'f>(fields: impl IntoIterator<Item = (u8, &'f str)>, out: &mut Vec<u8>) {
        for (code, text) in fields {
            out.push(code);
            put_cstr(out, text.as_bytes());
        }
        out.push(0);
    }

    /// Takes bytes that [`Report::write_fields`] made.
    ///
    /// # Errors
    /// When they are not a terminated list of terminated strings.
    pub fn from_body(body: &'a [u8]) -> Result<Self, Violation> {
        Self::decode("ErrorResponse", body)
    }
}
