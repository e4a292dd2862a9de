//! Rows into structs and tuples, with serde.

use alloc::string::{String, ToString};
use core::fmt::Display;

use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{
    AnyValue, DecodeError, DecodeErrorKind, FromValue, Geography, Numeric, Row, Type, Value, ValueError,
};
use crate::wire::Format;

impl<'de> Row<'de> {
    /// The row as a struct, whose fields are columns by name, or as a tuple, whose fields are columns by position.
    ///
    /// | column | becomes |
    /// |---|---|
    /// | NULL | `None` |
    /// | numbers, booleans | themselves, where the field can hold the value |
    /// | `numeric` | a string, or a float if the field is one |
    /// | text, `json` | a string, which may borrow |
    /// | `bytea` | bytes, which may borrow in binary, or a sequence of numbers |
    /// | dates, times, intervals, `uuid`, geography in text | a string as Hyper writes it |
    /// | an array | a sequence |
    ///
    /// Columns without a field are skipped. A field without a column is an error, unless it is an `Option` or has
    /// `#[serde(default)]`: so serde has it.
    ///
    /// ```
    /// # use hyperwire_core::row::{Column, Columns, Encoding, Row, Type};
    /// # use hyperwire_core::wire::{DataRow, Format};
    /// #[derive(serde::Deserialize)]
    /// struct City<'a> {
    ///     name: &'a str,
    ///     inhabitants: Option<u32>,
    /// }
    ///
    /// # let columns: Columns = [("name", Type::Text), ("inhabitants", Type::BigInt)]
    /// #     .into_iter().map(|(name, ty)| Column::new(name, Encoding::new(ty, Format::Text))).collect();
    /// # let mut body = Vec::new();
    /// # DataRow::write_fields(&[Some(b"Ulm"), Some(b"129942")], &mut body);
    /// # let mut spans = Vec::new();
    /// # let row = Row::decode(&columns, &body, &mut spans)?;
    /// let city: City = row.deserialize()?;
    /// assert_eq!((city.name, city.inhabitants), ("Ulm", Some(129_942)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When a value does not fit its field, which names the column, or a field has no column, which names the field.
    pub fn deserialize<T: Deserialize<'de>>(&self) -> Result<T, DecodeError> {
        T::deserialize(RowDeserializer(*self))
    }
}

struct RowDeserializer<'de>(Row<'de>);

impl<'de> Deserializer<'de> for RowDeserializer<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_map(ByName(Remaining {
            row: self.0,
            next: 0,
            target: core::any::type_name::<V::Value>(),
        }))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(ByPosition(Remaining {
            row: self.0,
            next: 0,
            target: core::any::type_name::<V::Value>(),
        }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        if length != self.0.len() {
            return Err(DecodeError::invalid_length(self.0.len(), &visitor));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(length, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct map
        struct enum identifier ignored_any
    }
}

/// The values that have not been asked for yet.
struct Remaining<'de> {
    row: Row<'de>,
    next: usize,
    /// What errors say was wanted.
    target: &'static str,
}

impl<'de> Remaining<'de> {
    fn peek(&self) -> Option<Value<'de>> {
        self.row.value(self.next)
    }

    fn read<S: DeserializeSeed<'de>>(&mut self, value: Value<'de>, seed: S) -> Result<S::Value, DecodeError> {
        self.next += 1;
        seed.deserialize(ValueDeserializer(value))
            .map_err(|error| DecodeError::value(value.column(), value.index(), self.target, error))
    }
}

struct ByName<'de>(Remaining<'de>);

impl<'de> MapAccess<'de> for ByName<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some(value) = self.0.peek() else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(value.column().name())).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        match self.0.peek() {
            Some(value) => self.0.read(value, seed),
            None => Err(DecodeError::custom("a value was asked for before its name")),
        }
    }
}

struct ByPosition<'de>(Remaining<'de>);

impl<'de> SeqAccess<'de> for ByPosition<'de> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        match self.0.peek() {
            Some(value) => self.0.read(value, seed).map(Some),
            None => Ok(None),
        }
    }
}

struct ValueDeserializer<'de>(Value<'de>);

impl<'de> Deserializer<'de> for ValueDeserializer<'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let encoding = self.0.column().encoding();
        let Some(bytes) = self.0.bytes() else {
            return AnyValue::Null.deserialize_any(visitor);
        };
        match (encoding.ty(), encoding.format()) {
            (Type::Text | Type::VarChar | Type::Char | Type::Char1 | Type::Json, _) => {
                BorrowedStrDeserializer::new(<&str>::from_value(bytes, encoding)?).deserialize_any(visitor)
            }
            (Type::Bytes, Format::HyperBinary) => {
                BorrowedBytesDeserializer::new(bytes).deserialize_any(visitor)
            }
            _ => AnyValue::from_value(bytes, encoding)?.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match (self.0.bytes(), self.0.column().encoding()) {
            (Some(bytes), encoding) if encoding.ty() == Type::Numeric => {
                visitor.visit_f64(Numeric::from_value(bytes, encoding)?.to_f64())
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match (self.0.bytes(), self.0.column().encoding()) {
            (Some(bytes), encoding) if encoding.ty() == Type::Bytes => {
                let bytes: alloc::vec::Vec<u8> = FromValue::from_value(bytes, encoding)?;
                SeqDeserializer::new(bytes.into_iter()).deserialize_seq(visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let bytes = self.0.bytes().ok_or(ValueError::Null)?;
        let variant = <&str>::from_value(bytes, self.0.column().encoding())?;
        BorrowedStrDeserializer::new(variant).deserialize_enum(name, variants, visitor)
    }

    /// A column that no field asks for is not decoded, so it cannot fail.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct
        map struct identifier
    }
}

impl<'de> IntoDeserializer<'de, ValueError> for AnyValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// As [`Row::deserialize`] takes a value of that type.
impl<'de> Deserializer<'de> for AnyValue {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            // Who has a place for NULL asks for an option.
            Self::Null => Err(ValueError::Null),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::SmallInt(value) => visitor.visit_i16(value),
            Self::Integer(value) => visitor.visit_i32(value),
            Self::BigInt(value) => visitor.visit_i64(value),
            Self::Real(value) => visitor.visit_f32(value),
            Self::Double(value) => visitor.visit_f64(value),
            Self::Oid(value) => visitor.visit_u32(value),
            Self::Text(text) | Self::Json(text) => visitor.visit_string(text),
            Self::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Self::Geography(Geography::Opaque(bytes)) => visitor.visit_byte_buf(bytes.into_owned()),
            Self::Array(elements) => SeqDeserializer::new(elements.into_iter()).deserialize_any(visitor),
            // Everything else has a text form and none of serde's.
            other => visitor.visit_string(other.to_string()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if self == Self::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Self::Numeric(value) => visitor.visit_f64(value.to_f64()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl Error for ValueError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Other(message.to_string().into())
    }
}

impl Error for DecodeError {
    fn custom<T: Display>(message: T) -> Self {
        let message: String = message.to_string();
        DecodeErrorKind::Row(message.into()).into()
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("it has no column `{field}`"))
    }
}
