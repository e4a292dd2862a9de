//! How the bytes of a value are to be read.

use core::fmt;

use super::Type;
use crate::wire::Format;

/// What it takes to read the bytes of a value: its type, the type's modifier, and the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    ty: Type,
    modifier: i32,
    format: Format,
    /// The type's OID if the format is Hyper's binary one, else 0: one comparison for the fast paths.
    hyper_binary: u32,
}

/// Modifiers of `varchar`, `char` and `numeric` are this much larger than what they carry, as in PostgreSQL.
const MODIFIER_OFFSET: i32 = 4;

impl Encoding {
    /// A type without a modifier.
    #[must_use]
    pub const fn new(ty: Type, format: Format) -> Self {
        Self::with_modifier(ty, -1, format)
    }

    /// A type with the modifier that the server gives it.
    #[must_use]
    pub const fn with_modifier(ty: Type, modifier: i32, format: Format) -> Self {
        let hyper_binary = match format {
            Format::HyperBinary => ty.oid(),
            Format::Text | Format::PgBinary => 0,
        };
        Self { ty, modifier, format, hyper_binary }
    }

    /// The data type.
    #[must_use]
    pub const fn ty(&self) -> Type {
        self.ty
    }

    /// Length, or precision and scale, as the type packs them; -1 if there is none. An array has its elements' one.
    #[must_use]
    pub const fn modifier(&self) -> i32 {
        self.modifier
    }

    /// How the value is written down.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Digits in all, of a `numeric` or an array of them.
    #[must_use]
    pub fn precision(&self) -> Option<u8> {
        u8::try_from(self.numeric_modifier()? >> 16).ok()
    }

    /// Digits behind the decimal point, of a `numeric` or an array of them.
    #[must_use]
    pub fn scale(&self) -> Option<u8> {
        u8::try_from(self.numeric_modifier()? & 0xffff).ok()
    }

    /// Characters of a `varchar(n)` or `char(n)` or an array of them; `None` if there is no bound.
    #[must_use]
    pub fn length(&self) -> Option<u32> {
        match self.scalar() {
            Type::VarChar | Type::Char if self.modifier >= MODIFIER_OFFSET => {
                u32::try_from(self.modifier - MODIFIER_OFFSET).ok()
            }
            Type::Char1 => Some(1),
            _ => None,
        }
    }

    /// How the elements of an array are to be read, `None` if this is no array.
    #[must_use]
    pub fn element(&self) -> Option<Self> {
        self.ty.element().map(|ty| Self::with_modifier(ty, self.modifier, self.format))
    }

    /// Whether this is Hyper's binary format of that very type, which must have an OID: what the fast paths ask.
    #[inline]
    pub(super) const fn is_hyper_binary(&self, ty: Type) -> bool {
        self.hyper_binary == ty.oid()
    }

    fn numeric_modifier(&self) -> Option<i32> {
        (self.scalar() == Type::Numeric && self.modifier >= MODIFIER_OFFSET)
            .then(|| self.modifier - MODIFIER_OFFSET)
    }

    fn scalar(&self) -> Type {
        self.ty.element().unwrap_or(self.ty)
    }
}

impl fmt::Display for Encoding {
    /// The type as SQL writes it, with its modifier: `numeric(18, 2)`, `array(varchar(10))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(element) = self.element() {
            return write!(f, "array({element})");
        }
        match (self.ty, self.precision(), self.scale(), self.length()) {
            (Type::Numeric, Some(precision), Some(scale), _) => write!(f, "numeric({precision}, {scale})"),
            (Type::VarChar | Type::Char, _, _, Some(length)) => write!(f, "{}({length})", self.ty),
            _ => self.ty.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn encoding(ty: Type, modifier: i32) -> Encoding {
        Encoding::with_modifier(ty, modifier, Format::Text)
    }

    #[test]
    fn a_modifier_holds_precision_and_scale_or_a_length() {
        let numeric = encoding(Type::Numeric, 327_686);
        assert_eq!((numeric.precision(), numeric.scale(), numeric.length()), (Some(5), Some(2), None));
        assert_eq!(encoding(Type::VarChar, 14).length(), Some(10));
        assert_eq!(encoding(Type::Char1, -1).length(), Some(1));
        assert_eq!(encoding(Type::Text, -1).length(), None);
        assert_eq!(encoding(Type::Integer, 327_686).precision(), None);
    }

    #[test]
    fn the_modifier_is_displayed_with_the_type() {
        assert_eq!(encoding(Type::Numeric, 1_179_650 + 4).to_string(), "numeric(18, 2)");
        assert_eq!(encoding(Type::NumericArray, 327_686).to_string(), "array(numeric(5, 2))");
        assert_eq!(encoding(Type::Char, 9).to_string(), "char(5)");
        assert_eq!(encoding(Type::Numeric, -1).to_string(), "numeric");
        assert_eq!(encoding(Type::VarChar, -1).to_string(), "varchar");
        assert_eq!(encoding(Type::Char1, -1).to_string(), "char(1)");
    }
}
