//! One value of a row, and what can be made of it.

use super::{Column, DecodeError, Encoding, ValueError};

/// One value of a row: its bytes as they came, and the column it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    bytes: Option<&'a [u8]>,
    column: &'a Column,
    index: usize,
}

/// A Rust type that a value can be read as.
///
/// A conversion loses nothing: `i64` takes `smallint`, `integer`, `bigint` and `oid`, `f64` takes `real` and
/// `double precision`; anything else is [`ValueError::WrongType`]. NULL needs an [`Option`].
///
/// Implement it for types of your own, usually by way of one of these:
///
/// ```
/// use hyperwire_core::row::{Encoding, FromValue, ValueError};
///
/// struct Celsius(f64);
///
/// impl<'a> FromValue<'a> for Celsius {
///     fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
///         f64::from_value(bytes, encoding).map(Self)
///     }
/// }
/// ```
pub trait FromValue<'a>: Sized {
    /// Reads a value that is not NULL.
    ///
    /// # Errors
    /// When the SQL type is not one that this Rust type takes, or the bytes are not what the SQL type calls for.
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError>;

    /// What NULL becomes.
    ///
    /// # Errors
    /// [`ValueError::Null`], unless the type has a place for NULL.
    fn from_null() -> Result<Self, ValueError> {
        Err(ValueError::Null)
    }
}

impl<'a> Value<'a> {
    /// A value at a position; for tests, and for values that did not come in a row.
    #[must_use]
    #[inline]
    pub fn new(bytes: Option<&'a [u8]>, column: &'a Column, index: usize) -> Self {
        Self { bytes, column, index }
    }

    /// The bytes as they came, in the column's [format](Column::format); `None` for NULL.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        self.bytes
    }

    /// Whether the value is NULL.
    #[must_use]
    #[inline]
    pub fn is_null(&self) -> bool {
        self.bytes.is_none()
    }

    /// The column that the value belongs to.
    #[must_use]
    pub fn column(&self) -> &'a Column {
        self.column
    }

    /// The column's position, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The value as a Rust type.
    ///
    /// # Errors
    /// Names the column, the SQL type found, the Rust type wanted, and what went wrong.
    #[inline]
    pub fn get<T: FromValue<'a>>(&self) -> Result<T, DecodeError> {
        let read = match self.bytes {
            Some(bytes) => T::from_value(bytes, self.column.encoding()),
            None => T::from_null(),
        };
        match read {
            Ok(value) => Ok(value),
            Err(error) => {
                Err(DecodeError::value(self.column, self.index, core::any::type_name::<T>(), error))
            }
        }
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        T::from_value(bytes, encoding).map(Some)
    }

    #[inline]
    fn from_null() -> Result<Self, ValueError> {
        Ok(None)
    }
}
