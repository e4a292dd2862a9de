//! Booleans and binary numbers.

use core::str::FromStr;

use super::{Encoding, FromValue, Type, ValueError};
use crate::wire::Format;

impl<'a> FromValue<'a> for bool {
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format(), bytes) {
            (Type::Bool, Format::HyperBinary, [0]) | (Type::Bool, Format::Text, b"f") => Ok(false),
            (Type::Bool, Format::HyperBinary, [1]) | (Type::Bool, Format::Text, b"t") => Ok(true),
            _ => Err(not_bool(bytes, encoding)),
        }
    }
}

/// The widening integers: the very type in binary at once, everything else out of line.
macro_rules! integers {
    ($($rust:ident $sql:ident)*) => {$(
        impl<'a> FromValue<'a> for $rust {
            #[inline]
            fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
                if encoding.is_hyper_binary(Type::$sql)
                    && let Ok(exact) = bytes.try_into()
                {
                    return Ok($rust::from_le_bytes(exact));
                }
                integer(bytes, encoding, Type::$sql)
            }
        }
    )*};
}

integers! { i16 SmallInt i32 Integer i64 BigInt u32 Oid }

impl<'a> FromValue<'a> for i128 {
    /// What `i64` takes. For `numeric` there is [`Numeric`](super::Numeric), which keeps the scale.
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        i64::from_value(bytes, encoding).map(Self::from)
    }
}

impl<'a> FromValue<'a> for f64 {
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        if encoding.is_hyper_binary(Type::Double)
            && let Ok(exact) = bytes.try_into()
        {
            return Ok(Self::from_le_bytes(exact));
        }
        double(bytes, encoding)
    }
}

impl<'a> FromValue<'a> for f32 {
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        if encoding.is_hyper_binary(Type::Real)
            && let Ok(exact) = bytes.try_into()
        {
            return Ok(Self::from_le_bytes(exact));
        }
        real(bytes, encoding)
    }
}

#[cold]
#[inline(never)]
fn not_bool(bytes: &[u8], encoding: &Encoding) -> ValueError {
    match (encoding.ty(), encoding.format()) {
        (Type::Bool, Format::HyperBinary) if bytes.len() != 1 => wrong_length::<1>(bytes),
        (Type::Bool, Format::HyperBinary) => ValueError::Malformed("a boolean, 0 or 1"),
        (Type::Bool, Format::Text) => ValueError::Malformed("a boolean, t or f"),
        (Type::Bool, Format::PgBinary) => ValueError::UnsupportedFormat,
        _ => ValueError::WrongType,
    }
}

/// An integer of the type `widest` or of one that fits into it, in either format.
#[cold]
#[inline(never)]
fn integer<T: TryFrom<i64>>(bytes: &[u8], encoding: &Encoding, widest: Type) -> Result<T, ValueError> {
    let fits = match encoding.ty() {
        Type::SmallInt => matches!(widest, Type::SmallInt | Type::Integer | Type::BigInt),
        Type::Integer => matches!(widest, Type::Integer | Type::BigInt),
        Type::BigInt => widest == Type::BigInt,
        Type::Oid => matches!(widest, Type::Oid | Type::BigInt),
        // In text they are names.
        Type::RegClass | Type::RegType => widest == Type::Oid && encoding.format() != Format::Text,
        _ => false,
    };
    if !fits {
        return Err(ValueError::WrongType);
    }
    let value = match (encoding.format(), encoding.ty()) {
        (Format::PgBinary, _) => return Err(ValueError::UnsupportedFormat),
        (Format::Text, _) => parse(bytes, "an integer")?,
        (Format::HyperBinary, Type::SmallInt) => i16::from_le_bytes(exactly(bytes)?).into(),
        (Format::HyperBinary, Type::Integer) => i32::from_le_bytes(exactly(bytes)?).into(),
        (Format::HyperBinary, Type::BigInt) => i64::from_le_bytes(exactly(bytes)?),
        (Format::HyperBinary, _) => u32::from_le_bytes(exactly(bytes)?).into(),
    };
    T::try_from(value).map_err(|_| ValueError::OutOfRange)
}

#[cold]
#[inline(never)]
fn double(bytes: &[u8], encoding: &Encoding) -> Result<f64, ValueError> {
    match (encoding.ty(), encoding.format()) {
        (Type::Real, Format::HyperBinary) => exactly(bytes).map(|bytes| f32::from_le_bytes(bytes).into()),
        (Type::Double, Format::HyperBinary) => exactly(bytes).map(f64::from_le_bytes),
        (Type::Real | Type::Double, Format::Text) => parse(bytes, "a number"),
        (Type::Real | Type::Double, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
        _ => Err(ValueError::WrongType),
    }
}

#[cold]
#[inline(never)]
fn real(bytes: &[u8], encoding: &Encoding) -> Result<f32, ValueError> {
    match (encoding.ty(), encoding.format()) {
        (Type::Real, Format::HyperBinary) => exactly(bytes).map(f32::from_le_bytes),
        (Type::Real, Format::Text) => parse(bytes, "a number"),
        (Type::Real, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
        _ => Err(ValueError::WrongType),
    }
}

/// The bytes of a binary value of a fixed length.
#[inline]
pub(super) fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ValueError> {
    bytes.try_into().map_err(|_| wrong_length::<N>(bytes))
}

#[cold]
fn wrong_length<const N: usize>(bytes: &[u8]) -> ValueError {
    ValueError::WrongLength { expected: N, found: bytes.len() }
}

/// A value in text, for whose type `FromStr` reads all that Hyper writes.
pub(super) fn parse<T: FromStr>(bytes: &[u8], what: &'static str) -> Result<T, ValueError> {
    let text = core::str::from_utf8(bytes).map_err(|_| ValueError::Malformed(what))?;
    text.parse().map_err(|_| ValueError::Malformed(what))
}
