//! Text and byte strings.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Encoding, FromValue, Type, ValueError};
use crate::wire::Format;

impl<'a> FromValue<'a> for &'a str {
    /// Takes `text`, `varchar`, `char` (with its padding), `json`, and the names that `regclass` and `regtype` have in
    /// text.
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            // These are written the same way in every format.
            (Type::Text | Type::VarChar | Type::Char | Type::Char1 | Type::Json, _)
            | (Type::RegClass | Type::RegType, Format::Text) => {
                core::str::from_utf8(bytes).map_err(|_| ValueError::Malformed("UTF-8"))
            }
            _ => Err(ValueError::WrongType),
        }
    }
}

impl<'a> FromValue<'a> for Cow<'a, [u8]> {
    /// Takes `bytea`: borrowed from binary, owned from text, whether that is `hex` or `escape`.
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            (Type::Bytes, Format::HyperBinary) => Ok(Cow::Borrowed(bytes)),
            (Type::Bytes, Format::Text) => unescape(bytes).map(Cow::Owned),
            (Type::Bytes, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
            _ => Err(ValueError::WrongType),
        }
    }
}

impl<'a> FromValue<'a> for &'a [u8] {
    /// Takes `bytea` in binary. For the raw bytes of any value there is [`Value::bytes`](super::Value::bytes).
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match Cow::from_value(bytes, encoding)? {
            Cow::Borrowed(bytes) => Ok(bytes),
            Cow::Owned(_) => Err(ValueError::CannotBorrow),
        }
    }
}

/// The owned types by way of a borrowing one.
macro_rules! owned {
    ($($owned:ty as $borrowed:ty)*) => {$(
        impl<'a> FromValue<'a> for $owned {
            #[inline]
            fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
                <$borrowed>::from_value(bytes, encoding).map(Into::into)
            }
        }
    )*};
}

owned! {
    String as &'a str
    Box<str> as &'a str
    Cow<'a, str> as &'a str
    Vec<u8> as Cow<'a, [u8]>
    Box<[u8]> as Cow<'a, [u8]>
}

/// A `bytea` in text. `\x` cannot begin the `escape` form, where a backslash stands before another or three digits.
fn unescape(text: &[u8]) -> Result<Vec<u8>, ValueError> {
    match text.strip_prefix(b"\\x") {
        Some(hex) => from_hex(hex),
        None => from_escape(text),
    }
    .ok_or(ValueError::Malformed("a byte string like \\x00ff"))
}

fn from_hex(hex: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = hex.as_chunks() else { return None };
    pairs.iter().map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?)).collect()
}

fn from_escape(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((&first, rest)) = text.split_first() {
        let (byte, rest) = match (first, rest) {
            (b'\\', [b'\\', rest @ ..]) => (b'\\', rest),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..]) => {
                ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), rest)
            }
            (b'\\', _) => return None,
            (plain, rest) => (plain, rest),
        };
        bytes.push(byte);
        text = rest;
    }
    Some(bytes)
}

/// What a hexadecimal digit stands for.
pub(super) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
