//! Geography.

use alloc::borrow::Cow;

use super::{Encoding, FromValue, Type, ValueError};
use crate::wire::Format;

/// A `geography`, in the form that the format gives it. This crate does not convert between the two; the server does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Geography<'a> {
    /// Well-known text, from the text format: `POINT(1.5000000 2.5000000)`.
    Text(Cow<'a, str>),
    /// Hyper's own encoding, from the binary format. It means something to Hyper only.
    Opaque(Cow<'a, [u8]>),
}

impl Geography<'_> {
    /// The same without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Geography<'static> {
        match self {
            Self::Text(text) => Geography::Text(Cow::Owned(text.into_owned())),
            Self::Opaque(bytes) => Geography::Opaque(Cow::Owned(bytes.into_owned())),
        }
    }
}

impl<'a> FromValue<'a> for Geography<'a> {
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            (Type::Geography, Format::HyperBinary) => Ok(Self::Opaque(Cow::Borrowed(bytes))),
            (Type::Geography, Format::Text) => match core::str::from_utf8(bytes) {
                Ok(text) => Ok(Self::Text(Cow::Borrowed(text))),
                Err(_) => Err(ValueError::Malformed("UTF-8")),
            },
            (Type::Geography, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
            _ => Err(ValueError::WrongType),
        }
    }
}
