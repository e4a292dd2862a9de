//! The data types that Hyper has.

use core::fmt;

/// One row a type: variant, its array's variant, OID, the array's OID, and the name in SQL. The OIDs are
/// PostgreSQL's where PostgreSQL has the type; all were read from the server's own row descriptions.
macro_rules! types {
    ($($(#[$doc:meta])* $scalar:ident $array:ident $oid:literal $array_oid:literal $name:literal)*) => {
        /// A data type of Hyper. Every type has an array type; arrays have one dimension.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Type {
            $($(#[$doc])* $scalar,)*
            $(#[doc = concat!("`array(", $name, ")`.")] $array,)*
            /// A type that this crate has no name for, by its OID.
            Other(u32),
        }

        impl Type {
            /// The type that an OID stands for.
            #[must_use]
            pub const fn from_oid(oid: u32) -> Self {
                match oid {
                    $($oid => Self::$scalar, $array_oid => Self::$array,)*
                    other => Self::Other(other),
                }
            }

            /// The OID that stands for the type.
            #[must_use]
            pub const fn oid(self) -> u32 {
                match self {
                    $(Self::$scalar => $oid, Self::$array => $array_oid,)*
                    Self::Other(oid) => oid,
                }
            }

            /// What the elements of an array are, `None` if this is no array.
            #[must_use]
            pub const fn element(self) -> Option<Self> {
                match self {
                    $(Self::$array => Some(Self::$scalar),)*
                    _ => None,
                }
            }

            /// The array of this type, `None` if this is an array already or unknown.
            #[must_use]
            pub const fn array(self) -> Option<Self> {
                match self {
                    $(Self::$scalar => Some(Self::$array),)*
                    _ => None,
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$scalar => $name, Self::$array => concat!("array(", $name, ")"),)*
                    Self::Other(_) => "",
                }
            }

            /// Every type that has a name here, arrays included.
            pub const ALL: &'static [Self] = &[$(Self::$scalar, Self::$array),*];
        }
    };
}

types! {
    /// `boolean`.
    Bool BoolArray 16 1000 "boolean"
    /// `smallint`: 16 bits.
    SmallInt SmallIntArray 21 1005 "smallint"
    /// `integer`: 32 bits.
    Integer IntegerArray 23 1007 "integer"
    /// `bigint`: 64 bits.
    BigInt BigIntArray 20 1016 "bigint"
    /// `real`: binary floating point, 32 bits.
    Real RealArray 700 1021 "real"
    /// `double precision`: binary floating point, 64 bits.
    Double DoubleArray 701 1022 "double precision"
    /// `numeric(precision, scale)`: decimal, up to 38 digits.
    Numeric NumericArray 1700 1231 "numeric"
    /// `text`, and `varchar` without a length.
    Text TextArray 25 1009 "text"
    /// `varchar(n)`.
    VarChar VarCharArray 1043 1015 "varchar"
    /// `char(n)` with n over 1; padded with blanks.
    Char CharArray 1042 1014 "char"
    /// `char(1)`, a type of its own in Hyper: one character, of up to four bytes.
    Char1 Char1Array 18 1002 "char(1)"
    /// `bytea`.
    Bytes BytesArray 17 1001 "bytea"
    /// `json`, kept as the text it came in.
    Json JsonArray 114 199 "json"
    /// `date`.
    Date DateArray 1082 1182 "date"
    /// `time` of day, in microseconds.
    Time TimeArray 1083 1183 "time"
    /// `timestamp` without a time zone, in microseconds.
    Timestamp TimestampArray 1114 1115 "timestamp"
    /// `timestamptz`: a point in time, in microseconds.
    TimestampTz TimestampTzArray 1184 1185 "timestamptz"
    /// `interval`: months, days and microseconds.
    Interval IntervalArray 1186 1187 "interval"
    /// `oid`.
    Oid OidArray 26 1028 "oid"
    /// `uuid`.
    Uuid UuidArray 2950 2951 "uuid"
    /// `geography`, which Hyper also calls `tableau.tabgeography`.
    Geography GeographyArray 5003 5004 "geography"
    /// `regclass`: a relation.
    RegClass RegClassArray 2205 2210 "regclass"
    /// `regtype`: a type.
    RegType RegTypeArray 2206 2211 "regtype"
}

impl fmt::Display for Type {
    /// The name in SQL, without length, precision or scale.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(oid) => write!(f, "type {oid}"),
            known => f.write_str(known.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_type_is_found_again_by_its_oid() {
        for &ty in Type::ALL {
            assert_eq!(Type::from_oid(ty.oid()), ty);
        }
        assert_eq!(Type::from_oid(4711), Type::Other(4711));
        assert_eq!(Type::Other(4711).oid(), 4711);
    }

    #[test]
    fn an_array_and_its_element_know_each_other() {
        for &ty in Type::ALL {
            match ty.element() {
                Some(element) => assert_eq!(element.array(), Some(ty)),
                None => assert_eq!(ty.array().and_then(Type::element), Some(ty)),
            }
        }
        assert_eq!(Type::Other(1).array(), None);
    }

    #[test]
    fn types_are_displayed_as_sql_writes_them() {
        assert_eq!(Type::Double.to_string(), "double precision");
        assert_eq!(Type::IntegerArray.to_string(), "array(integer)");
        assert_eq!(Type::Other(9).to_string(), "type 9");
    }
}
