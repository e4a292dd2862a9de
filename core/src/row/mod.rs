//! Columns, rows and values.

mod column;
mod encoding;
mod error;
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

pub use column::{Column, ColumnIndex, Columns};
pub use encoding::Encoding;
pub use error::{ColumnError, DecodeError, ValueError};
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
