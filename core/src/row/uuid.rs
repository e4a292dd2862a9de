//! Universally unique identifiers.

use core::fmt;
use core::str::FromStr;

use super::scalar::exactly;
use super::string::hex_digit;
use super::{Encoding, FromValue, ParseError, Type, ValueError};
use crate::wire::Format;

/// A `uuid`: 16 bytes in the order in which they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl<'a> FromValue<'a> for Uuid {
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            (Type::Uuid, Format::Text) => super::parse_text(bytes),
            (Type::Uuid, Format::PgBinary) => exactly(bytes).map(Self),
            // Hyper keeps them as one little-endian number.
            (Type::Uuid, Format::HyperBinary) => exactly(bytes).map(u128::from_le_bytes).map(Self::from_u128),
            _ => Err(ValueError::WrongType),
        }
    }
}

impl Uuid {
    /// The identifier as one number; the first byte written is the highest.
    #[must_use]
    pub const fn from_u128(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// The identifier as one number; the first byte written is the highest.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

/// Behind which bytes a hyphen stands.
const HYPHENS: [usize; 4] = [4, 6, 8, 10];

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            if HYPHENS.contains(&position) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Uuid {
    type Err = ParseError;

    /// Takes the form with hyphens, in either case.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text.as_bytes())
            .ok_or(ParseError::Malformed("a uuid like 550e8400-e29b-41d4-a716-446655440000"))
    }
}

fn parse(mut text: &[u8]) -> Option<Uuid> {
    let mut bytes = [0; 16];
    for (position, byte) in bytes.iter_mut().enumerate() {
        if HYPHENS.contains(&position) {
            text = text.strip_prefix(b"-")?;
        }
        let ([high, low], rest) = text.split_first_chunk()?;
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        text = rest;
    }
    text.is_empty().then_some(Uuid(bytes))
}
