//! Arrays.

mod binary;
mod text;

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Encoding, FromValue, ValueError};
use crate::wire::Format;

impl<'a, T: for<'e> FromValue<'e>> FromValue<'a> for Vec<T> {
    /// Takes an array; `Vec<Option<_>>` if elements may be NULL. Elements do not borrow, because text has to be
    /// unescaped: `Vec<String>`, not `Vec<&str>`.
    ///
    /// Elements of `char(n)` are padded in text and not in binary.
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        let element = encoding.element().ok_or(ValueError::WrongType)?;
        let mut values = Self::new();
        let mut push = |bytes: Option<&[u8]>| {
            let read = match bytes {
                Some(bytes) => T::from_value(bytes, &element),
                None => T::from_null(),
            };
            match read {
                Ok(value) => values.push(value),
                Err(error) => {
                    return Err(ValueError::Element { index: values.len(), error: Box::new(error) });
                }
            }
            Ok(())
        };
        match encoding.format() {
            Format::Text => text::elements(bytes, &mut push)?,
            Format::HyperBinary => binary::elements(bytes, &element, &mut push)?,
            Format::PgBinary => return Err(ValueError::UnsupportedFormat),
        }
        Ok(values)
    }
}

/// Takes the elements in order, `None` for NULL.
type Push<'a> = &'a mut dyn FnMut(Option<&[u8]>) -> Result<(), ValueError>;
