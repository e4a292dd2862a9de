//! A value of any type, for who learns the types only when the rows come.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display, Write};

use super::float::{write_double, write_real};
use super::{
    Date, Encoding, FromValue, Geography, Interval, Numeric, Time, Timestamp, TimestampTz, ToParameter, Type,
    Uuid, ValueError,
};
use crate::wire::Format;

/// A value of any type, owned.
///
/// Displayed as Hyper writes it in text; NULL is `NULL`, doubles have all their digits, and [`Geography::Opaque`], of
/// which only Hyper knows the text, is written like a byte string.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum AnyValue {
    /// NULL, of whatever type.
    #[default]
    Null,
    /// `boolean`
    Bool(bool),
    /// `smallint`
    SmallInt(i16),
    /// `integer`
    Integer(i32),
    /// `bigint`
    BigInt(i64),
    /// `real`
    Real(f32),
    /// `double precision`
    Double(f64),
    /// `numeric`
    Numeric(Numeric),
    /// `text`, `varchar`, `char`, the name of a `regclass` or `regtype`, and in text any type this crate does not know
    Text(String),
    /// `json`
    Json(String),
    /// `bytea`
    Bytes(Vec<u8>),
    /// `date`
    Date(Date),
    /// `time`
    Time(Time),
    /// `timestamp`
    Timestamp(Timestamp),
    /// `timestamptz`
    TimestampTz(TimestampTz),
    /// `interval`
    Interval(Interval),
    /// `oid`, and `regclass` and `regtype` in binary
    Oid(u32),
    /// `uuid`
    Uuid(Uuid),
    /// `geography`
    Geography(Geography<'static>),
    /// An array of any of them
    Array(Vec<Self>),
}

impl<'a> FromValue<'a> for AnyValue {
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        if encoding.element().is_some() {
            return Vec::from_value(bytes, encoding).map(Self::Array);
        }
        match encoding.ty() {
            Type::Bool => bool::from_value(bytes, encoding).map(Self::Bool),
            Type::SmallInt => i16::from_value(bytes, encoding).map(Self::SmallInt),
            Type::Integer => i32::from_value(bytes, encoding).map(Self::Integer),
            Type::BigInt => i64::from_value(bytes, encoding).map(Self::BigInt),
            Type::Real => f32::from_value(bytes, encoding).map(Self::Real),
            Type::Double => f64::from_value(bytes, encoding).map(Self::Double),
            Type::Numeric => Numeric::from_value(bytes, encoding).map(Self::Numeric),
            Type::Text | Type::VarChar | Type::Char | Type::Char1 => {
                String::from_value(bytes, encoding).map(Self::Text)
            }
            Type::Json => String::from_value(bytes, encoding).map(Self::Json),
            Type::Bytes => Vec::<u8>::from_value(bytes, encoding).map(Self::Bytes),
            Type::Date => Date::from_value(bytes, encoding).map(Self::Date),
            Type::Time => Time::from_value(bytes, encoding).map(Self::Time),
            Type::Timestamp => Timestamp::from_value(bytes, encoding).map(Self::Timestamp),
            Type::TimestampTz => TimestampTz::from_value(bytes, encoding).map(Self::TimestampTz),
            Type::Interval => Interval::from_value(bytes, encoding).map(Self::Interval),
            Type::RegClass | Type::RegType if encoding.format() == Format::Text => {
                String::from_value(bytes, encoding).map(Self::Text)
            }
            Type::Oid | Type::RegClass | Type::RegType => u32::from_value(bytes, encoding).map(Self::Oid),
            Type::Uuid => Uuid::from_value(bytes, encoding).map(Self::Uuid),
            Type::Geography => {
                Geography::from_value(bytes, encoding).map(|value| Self::Geography(value.into_owned()))
            }
            _ if encoding.format() == Format::Text => {
                let text = core::str::from_utf8(bytes).map_err(|_| ValueError::Malformed("UTF-8"))?;
                Ok(Self::Text(text.into()))
            }
            _ => Err(ValueError::UnsupportedFormat),
        }
    }

    fn from_null() -> Result<Self, ValueError> {
        Ok(Self::Null)
    }
}

impl Display for AnyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(value) => f.write_str(if *value { "t" } else { "f" }),
            Self::SmallInt(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::BigInt(value) => value.fmt(f),
            Self::Real(value) => write_real(*value, f),
            Self::Double(value) => write_double(*value, f),
            Self::Numeric(value) => value.fmt(f),
            Self::Text(text) | Self::Json(text) => f.write_str(text),
            Self::Bytes(bytes) => write_hex(bytes, f),
            Self::Date(value) => value.fmt(f),
            Self::Time(value) => value.fmt(f),
            Self::Timestamp(value) => value.fmt(f),
            Self::TimestampTz(value) => value.fmt(f),
            Self::Interval(value) => value.fmt(f),
            Self::Oid(value) => value.fmt(f),
            Self::Uuid(value) => value.fmt(f),
            Self::Geography(Geography::Text(text)) => f.write_str(text),
            Self::Geography(Geography::Opaque(bytes)) => write_hex(bytes, f),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    element.fmt_element(f)?;
                }
                f.write_str("]")
            }
        }
    }
}

impl AnyValue {
    /// As an element of an array: all but numbers and booleans is quoted.
    fn fmt_element(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null | Self::Bool(_) | Self::SmallInt(_) | Self::Integer(_) | Self::BigInt(_) => {
                self.fmt(f)
            }
            Self::Real(_) | Self::Double(_) | Self::Numeric(_) => self.fmt(f),
            _ => {
                f.write_str("\"")?;
                write!(Escaped(f), "{self}")?;
                f.write_str("\"")
            }
        }
    }
}

/// Puts a backslash before quotes and backslashes.
struct Escaped<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(['"', '\\']) {
            match part.strip_suffix(['"', '\\']) {
                Some(plain) => write!(self.0, "{plain}\\{}", &part[plain.len()..])?,
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\\x")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// What the value in it would be as a parameter. NULL and arrays are declared as nothing; arrays are written as text.
impl ToParameter for AnyValue {
    fn type_oid(&self) -> u32 {
        match self {
            Self::Oid(_) => Type::Oid.oid(),
            _ => self.parameter().map_or(0, ToParameter::type_oid),
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Oid(_) => Format::HyperBinary,
            _ => self.parameter().map_or(Format::Text, ToParameter::format),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match (self, self.parameter()) {
            (Self::Oid(oid), _) => out.extend_from_slice(&oid.to_le_bytes()),
            (_, Some(value)) => value.write(out),
            (_, None) => super::parameter::write_text(self, out),
        }
    }

    fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

impl AnyValue {
    /// `None` for what has no parameter of its own: NULL and arrays, and `oid`, since a `u32` is a `bigint` there, from
    /// which Hyper has no cast to `oid`.
    fn parameter(&self) -> Option<&dyn ToParameter> {
        Some(match self {
            Self::Null | Self::Oid(_) | Self::Array(_) => return None,
            Self::Bool(value) => value,
            Self::SmallInt(value) => value,
            Self::Integer(value) => value,
            Self::BigInt(value) => value,
            Self::Real(value) => value,
            Self::Double(value) => value,
            Self::Numeric(value) => value,
            Self::Text(value) | Self::Json(value) => value,
            Self::Bytes(value) => value,
            Self::Date(value) => value,
            Self::Time(value) => value,
            Self::Timestamp(value) => value,
            Self::TimestampTz(value) => value,
            Self::Interval(value) => value,
            Self::Uuid(value) => value,
            Self::Geography(value) => value,
        })
    }
}
