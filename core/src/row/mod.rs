//! Columns, rows, typed values, and parameters. Rows borrow the bytes they came in; reading one allocates nothing.
//!
//! * [`Columns`] says what a result's columns are, made from the server's description and the format that was asked for.
//! * [`Row`] is one row: [`Row::get`] reads a value as any [`FromValue`] type, by position or by name.
//! * [`Numeric`], [`Date`], [`Time`], [`Timestamp`], [`TimestampTz`], [`Interval`], [`Uuid`] and [`Geography`] are SQL types
//!   that Rust does not have; [`AnyValue`] is for who does not know the types beforehand.
//! * [`Parameters`] lays out the values of `$1`, `$2` ... from [`ToParameter`] types.
//! * With the feature `serde`, `Row::deserialize` makes structs and tuples of rows.
//!
//! Values are read from text and from Hyper's binary format. PostgreSQL's binary format is read where it is the same
//! bytes (strings, `json`, `uuid`) and else refused with [`ValueError::UnsupportedFormat`].
//!
//! ```
//! use hyperwire_core::row::{Columns, Date, Numeric, Row};
//! use hyperwire_core::wire::{BackendMessage, Format, Frame, Limits, Split};
//!
//! // What hyperd sends for: select 7 as id, 1.50::numeric(5,2) as price, null::date as day
//! let received = b"T\0\0\0\x49\0\x03\
//!     id\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0\
//!     price\0\0\0\0\0\0\0\0\0\x06\xa4\xff\xff\0\x05\0\x06\0\0\
//!     day\0\0\0\0\0\0\0\0\0\x04\x3a\0\x04\xff\xff\xff\xff\0\0\
//!     D\0\0\0\x1e\0\x03\0\0\0\x04\x07\0\0\0\0\0\0\x08\x96\0\0\0\0\0\0\0\xff\xff\xff\xff";
//! let Split::Frame(description) = Frame::split(received, &Limits::default())? else { panic!("it is all there") };
//! let Split::Frame(row) = Frame::split(&received[description.len()..], &Limits::default())? else { panic!() };
//! let BackendMessage::RowDescription(description) = BackendMessage::decode(description)? else { panic!() };
//!
//! // The format is the one that was asked for: the server describes every format as text.
//! let columns = Columns::from_description(&description, Format::HyperBinary);
//! let mut spans = Vec::new();
//! let row = Row::decode(&columns, row.body, &mut spans)?;
//!
//! assert_eq!(row.get::<i64>("id")?, 7);
//! assert_eq!(row.get::<Numeric>(1)?.to_string(), "1.50");
//! assert_eq!(row.get::<Option<Date>>("day")?, None);
//! let error = row.get::<i32>("price").unwrap_err();
//! assert!(error.to_string().starts_with("column 1 (\"price\") of type numeric(5, 2) in format HyperBinary as i32"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod any;
mod array;
mod calendar;
mod column;
#[cfg(feature = "serde")]
mod de;
mod encoding;
mod error;
mod float;
mod geography;
mod numeric;
mod parameter;
#[expect(clippy::module_inception, reason = "a row is what this module is about, and has a file of its own")]
mod row;
mod scalar;
mod span;
mod string;
mod text;
mod ty;
mod uuid;
mod value;

pub use any::AnyValue;
pub use calendar::{Date, Interval, Time, Timestamp, TimestampTz};
pub use column::{Column, ColumnIndex, Columns};
pub use encoding::Encoding;
pub use error::{ColumnError, DecodeError, DecodeErrorKind, ValueError};
pub use geography::Geography;
pub use numeric::Numeric;
pub use parameter::{ParameterError, Parameters, ToParameter};
pub use row::Row;
pub use span::FieldSpan;
pub(crate) use span::split_fields;
pub use text::ParseError;
pub use ty::Type;
pub use uuid::Uuid;
pub use value::{FromValue, Value};

use text::{StackString, parse_text};
