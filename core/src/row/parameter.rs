//! Values for the `$1`, `$2` ... of a statement.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use super::{Date, Geography, Interval, Numeric, Time, Timestamp, TimestampTz, Type, Uuid};
use crate::wire::{Format, ParameterTypes, ParameterValues};

/// A Rust value that can stand for a `$n` of a statement.
///
/// | Rust | declared as | format |
/// |---|---|---|
/// | `bool`, `i16`, `i32`, `i64`, `f32`, `f64`, and this module's types | their SQL type | binary |
/// | `i8`; `u32` | `smallint`; `bigint` | binary |
/// | `&[u8]`, `Vec<u8>` | `bytea` | binary |
/// | `&str`, `String` | nothing: Hyper infers it | text |
/// | [`Numeric`], `i128` | nothing: Hyper infers it | text |
/// | `None` | what a `Some` would be | NULL |
///
/// Strings are declared as nothing so that they can stand for anything that has a text form: `d = $1` takes
/// `"2024-02-29"` where `d` is a date. Where nothing tells the type, Hyper asks for a cast (`$1::text`), for example in
/// `coalesce($1, 'x')`, `max($1)`, `$1 IS NULL` and `x IN ($1)`.
///
/// Decimals are declared as nothing because a declared `numeric` is numeric(1,0) to Hyper and would be rounded. Next to
/// an integer Hyper infers an integer and refuses a fraction; write `$1::numeric(18, 2)` there.
pub trait ToParameter {
    /// The type to declare, 0 to have it inferred.
    fn type_oid(&self) -> u32;

    /// The format that [`ToParameter::write`] writes.
    fn format(&self) -> Format;

    /// Appends the value's bytes, and nothing else, to `out`; the length word is not its business. Fixed-size binary
    /// values must have exactly their size: Hyper takes others without a complaint and misreads them.
    ///
    /// Not called for NULL.
    fn write(&self, out: &mut Vec<u8>);

    /// Whether this is NULL.
    fn is_null(&self) -> bool {
        false
    }

    /// The type to declare for NULL in place of such a value, 0 to have it inferred.
    #[must_use]
    fn null_type_oid() -> u32
    where
        Self: Sized,
    {
        0
    }
}

/// The parameters of one execution of a statement, laid out as Parse and Bind carry them.
///
/// ```
/// use hyperwire_core::row::{Numeric, Parameters};
///
/// let price: Numeric = "9.90".parse()?;
/// let parameters = Parameters::new(&[&42_i64, &"2024-02-29", &price, &None::<i32>])?;
/// assert_eq!(parameters.types().oids().collect::<Vec<_>>(), [20, 0, 0, 23]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    types: Vec<[u8; 4]>,
    formats: Vec<[u8; 2]>,
    values: Vec<u8>,
}

/// Parameters that the protocol has no room for. Nothing was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The count travels as Int16.
    #[error("a statement takes at most 32767 parameters")]
    TooMany,
    /// A message is shorter than 2 GiB.
    #[error("parameter ${number} makes the parameters {length} bytes long; the protocol ends at 2147483647")]
    TooLong {
        /// The parameter, from 1.
        number: usize,
        /// Bytes of all parameters with this one.
        length: usize,
    },
}

impl Parameters {
    /// Lays out the values of `$1`, `$2` ... in order.
    ///
    /// # Errors
    /// When there are more, or longer ones, than the protocol can carry.
    pub fn new(values: &[&dyn ToParameter]) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        for value in values {
            parameters.push(*value)?;
        }
        Ok(parameters)
    }

    /// Adds the next parameter.
    ///
    /// # Errors
    /// When it does not fit; then nothing was added.
    pub fn push(&mut self, value: &dyn ToParameter) -> Result<(), ParameterError> {
        if self.types.len() >= i16::MAX as usize {
            return Err(ParameterError::TooMany);
        }
        let start = self.values.len();
        self.values.extend_from_slice(&(-1_i32).to_be_bytes());
        if !value.is_null() {
            value.write(&mut self.values);
            let end = self.values.len();
            let Some(length) = i32::try_from(end).ok().and_then(|_| i32::try_from(end - start - 4).ok())
            else {
                self.values.truncate(start);
                return Err(ParameterError::TooLong { number: self.types.len() + 1, length: end });
            };
            self.values[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        self.types.push(value.type_oid().to_be_bytes());
        self.formats.push(value.format().code().to_be_bytes());
        Ok(())
    }

    /// Forgets all parameters and keeps the memory.
    pub fn clear(&mut self) {
        self.types.clear();
        self.formats.clear();
        self.values.clear();
    }

    /// How many parameters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The types to declare in Parse: one a parameter, as Hyper wants it, 0 where it is to be inferred.
    #[must_use]
    pub fn types(&self) -> ParameterTypes<'_> {
        ParameterTypes::from_be_bytes(&self.types)
    }

    /// The formats and values for Bind.
    #[must_use]
    pub fn values(&self) -> ParameterValues<'_> {
        ParameterValues { formats: &self.formats, count: self.types.len(), values: &self.values }
    }
}

/// Values in Hyper's binary format: the Rust type, its SQL type, and its bytes.
macro_rules! binary {
    ($($rust:ty as $sql:ident: |$value:ident| $bytes:expr;)*) => {$(
        impl ToParameter for $rust {
            fn type_oid(&self) -> u32 {
                Type::$sql.oid()
            }

            fn format(&self) -> Format {
                Format::HyperBinary
            }

            fn write(&self, out: &mut Vec<u8>) {
                let $value = self;
                out.extend_from_slice($bytes.as_ref());
            }

            fn null_type_oid() -> u32 {
                Type::$sql.oid()
            }
        }
    )*};
}

binary! {
    bool as Bool: |value| [u8::from(*value)];
    i8 as SmallInt: |value| i16::from(*value).to_le_bytes();
    i16 as SmallInt: |value| value.to_le_bytes();
    i32 as Integer: |value| value.to_le_bytes();
    i64 as BigInt: |value| value.to_le_bytes();
    u32 as BigInt: |value| i64::from(*value).to_le_bytes();
    f32 as Real: |value| value.to_le_bytes();
    f64 as Double: |value| value.to_le_bytes();
    Date as Date: |value| value.julian_day().to_le_bytes();
    Time as Time: |value| value.as_micros().to_le_bytes();
    Timestamp as Timestamp: |value| value.julian_micros().to_le_bytes();
    TimestampTz as TimestampTz: |value| value.utc().julian_micros().to_le_bytes();
    Interval as Interval: |value| value.to_le_bytes();
    Uuid as Uuid: |value| value.to_u128().to_le_bytes();
    &[u8] as Bytes: |value| value;
    Vec<u8> as Bytes: |value| value;
    Box<[u8]> as Bytes: |value| value;
    Cow<'_, [u8]> as Bytes: |value| value;
}

/// Values in text, of a type that Hyper infers.
macro_rules! inferred {
    ($($rust:ty: |$value:ident, $out:ident| $write:expr;)*) => {$(
        impl ToParameter for $rust {
            fn type_oid(&self) -> u32 {
                0
            }

            fn format(&self) -> Format {
                Format::Text
            }

            fn write(&self, $out: &mut Vec<u8>) {
                let $value = self;
                $write;
            }
        }
    )*};
}

inferred! {
    &str: |value, out| out.extend_from_slice(value.as_bytes());
    String: |value, out| out.extend_from_slice(value.as_bytes());
    Box<str>: |value, out| out.extend_from_slice(value.as_bytes());
    Cow<'_, str>: |value, out| out.extend_from_slice(value.as_bytes());
    Numeric: |value, out| write_text(value, out);
    i128: |value, out| write_text(value, out);
}

/// A value's text at the end of `out`.
pub(super) fn write_text(value: impl core::fmt::Display, out: &mut Vec<u8>) {
    struct Utf8<'a>(&'a mut Vec<u8>);

    impl Write for Utf8<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }

    // A vector takes everything.
    let _ = write!(Utf8(out), "{value}");
}

impl ToParameter for Geography<'_> {
    fn type_oid(&self) -> u32 {
        match self {
            // Text is converted to what the statement calls for, as any other text is.
            Self::Text(_) => 0,
            Self::Opaque(_) => Type::Geography.oid(),
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Text(_) => Format::Text,
            Self::Opaque(_) => Format::HyperBinary,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Opaque(bytes) => out.extend_from_slice(bytes),
        }
    }

    fn null_type_oid() -> u32 {
        Type::Geography.oid()
    }
}

impl<T: ToParameter> ToParameter for Option<T> {
    fn type_oid(&self) -> u32 {
        self.as_ref().map_or_else(T::null_type_oid, ToParameter::type_oid)
    }

    fn format(&self) -> Format {
        self.as_ref().map_or(Format::Text, ToParameter::format)
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn is_null(&self) -> bool {
        self.as_ref().is_none_or(ToParameter::is_null)
    }

    fn null_type_oid() -> u32 {
        T::null_type_oid()
    }
}

impl<T: ToParameter> ToParameter for &T {
    fn type_oid(&self) -> u32 {
        (**self).type_oid()
    }

    fn format(&self) -> Format {
        (**self).format()
    }

    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }

    fn is_null(&self) -> bool {
        (**self).is_null()
    }

    fn null_type_oid() -> u32 {
        T::null_type_oid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &dyn ToParameter) -> (u32, i16, Option<Vec<u8>>) {
        let parameters = Parameters::new(&[value]).expect("it fits");
        let oid = parameters.types().oids().next().expect("one type");
        let values = parameters.values();
        let value = values.iter().next().expect("one value").map(<[u8]>::to_vec);
        (oid, i16::from_be_bytes(values.formats[0]), value)
    }

    #[test]
    fn fixed_types_are_declared_and_binary() {
        assert_eq!(one(&true), (16, 2, Some([1].into())));
        assert_eq!(one(&-2_i8), (21, 2, Some([0xfe, 0xff].into())));
        assert_eq!(one(&258_i16), (21, 2, Some([2, 1].into())));
        assert_eq!(one(&1_u32), (20, 2, Some([1, 0, 0, 0, 0, 0, 0, 0].into())));
        assert_eq!(one(&Uuid::from_u128(1)), (2950, 2, Some(1_u128.to_le_bytes().into())));
        assert_eq!(one(&&b"a"[..]), (17, 2, Some(b"a".into())));
    }

    #[test]
    fn text_and_decimals_are_inferred() {
        let price: Numeric = "-1.50".parse().expect("a number");
        assert_eq!(one(&"x"), (0, 0, Some(b"x".into())));
        assert_eq!(one(&price), (0, 0, Some(b"-1.50".into())));
        assert_eq!(one(&5_i128), (0, 0, Some(b"5".into())));
        assert_eq!(one(&Geography::Text("POINT(1 2)".into())), (0, 0, Some(b"POINT(1 2)".into())));
    }

    #[test]
    fn null_is_declared_as_what_it_could_have_been() {
        assert_eq!(one(&None::<i32>), (23, 0, None));
        assert_eq!(one(&None::<&i32>), (23, 0, None));
        assert_eq!(one(&None::<&str>), (0, 0, None));
        assert_eq!(one(&Some(None::<i32>)), (23, 0, None));
    }

    #[test]
    fn too_many_parameters_are_refused_and_the_rest_kept() {
        let mut parameters = Parameters::default();
        for _ in 0..i16::MAX {
            parameters.push(&true).expect("there is room");
        }
        assert_eq!(parameters.push(&true), Err(ParameterError::TooMany));
        assert_eq!(parameters.len(), 32_767);
        assert_eq!(parameters.values().iter().count(), 32_767);
        parameters.clear();
        assert_eq!(parameters, Parameters::default());
    }
}
