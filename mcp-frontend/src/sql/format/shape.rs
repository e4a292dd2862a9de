//! What a column's type means for showing its values.

/// How the text of a value is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `t` or `f`.
    Boolean,
    /// Digits, or `NaN`, `Infinity`, `-Infinity`.
    Number,
    /// A JSON document.
    Json,
    /// Anything else, dates among it.
    Text,
    /// `[element,NULL,"quoted"]`, with elements of this type.
    Array(u32),
}

impl Shape {
    /// By PostgreSQL's OID of the type, as Hyper uses them.
    pub(crate) fn of(type_oid: u32) -> Self {
        match type_oid {
            16 => Self::Boolean,
            // bigint, smallint, integer, oid, real, double precision, numeric
            20 | 21 | 23 | 26 | 700 | 701 | 1700 => Self::Number,
            114 => Self::Json,
            _ => element(type_oid).map_or(Self::Text, Self::Array),
        }
    }
}

/// The type of an array's elements.
fn element(array_oid: u32) -> Option<u32> {
    Some(match array_oid {
        1000 => 16,
        1005 => 21,
        1007 => 23,
        1016 => 20,
        1021 => 700,
        1022 => 701,
        1028 => 26,
        1231 => 1700,
        199 => 114,
        // char, bytea, char(n), varchar(n), text, timestamp, date, time, timestamptz, interval, regclass, regtype,
        // uuid, geography: strings to JSON, whichever it is.
        1001 | 1002 | 1009 | 1014 | 1015 | 1115 | 1182 | 1183 | 1185 | 1187 | 2210 | 2211 | 2951 | 5004 => 25,
        _ => return None,
    })
}
