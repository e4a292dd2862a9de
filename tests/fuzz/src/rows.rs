//! Values of every type.
//!
//! The first byte chooses the type, the second the format, the next two the modifier. What follows is the body of a DataRow
//! with columns of that type; and, alone, a value of it.
//!
//! A row's fields are those that its message has. A value that can be read is, written as a parameter or as text, read as
//! the same again.

use hyperwire_core::row::{AnyValue, Column, Columns, Encoding, FromValue, Row, ToParameter, Type};
use hyperwire_core::wire::{DataRow, Format};

/// Panics if something does not hold of them.
pub fn judge(input: &[u8]) {
    let Some((&[ty, format, high, low], body)) = input.split_first_chunk() else { return };
    let ty = Type::ALL[usize::from(ty) % Type::ALL.len()];
    let format = [Format::HyperBinary, Format::Text, Format::PgBinary][usize::from(format) % 3];
    let modifier = match u16::from_be_bytes([high, low]) {
        0 => -1,
        // Of a numeric: precision and scale. Of a text: its length.
        _ if matches!(ty.element().unwrap_or(ty), Type::Numeric) => {
            (i32::from(high % 39) << 16 | i32::from(low % 39)) + 4
        }
        length => i32::from(length) + 4,
    };
    let encoding = Encoding::with_modifier(ty, modifier, format);
    check_value(body, &encoding);
    check_row(body, &encoding);
}

fn check_row(body: &[u8], encoding: &Encoding) {
    let decoded = DataRow::from_body(body);
    let count = decoded.as_ref().map_or(2, DataRow::len);
    let columns: Columns = (0..count).map(|_| Column::new("c", *encoding)).collect();
    let mut spans = Vec::new();
    match (Row::decode(&columns, body, &mut spans), decoded) {
        (Ok(row), Ok(decoded)) => {
            assert!(row.iter().map(|value| value.bytes()).eq(decoded.fields()));
            row.iter().for_each(|value| drop(value.get::<Option<AnyValue>>()));
        }
        (Err(_), Err(_)) => {}
        (row, decoded) => panic!("{row:?} is no {decoded:?}"),
    }
}

fn check_value(bytes: &[u8], encoding: &Encoding) {
    let _ = <Vec<Option<String>>>::from_value(bytes, encoding);
    let _ = <Vec<i64>>::from_value(bytes, encoding);
    let _ = <&str>::from_value(bytes, encoding);
    let Ok(value) = AnyValue::from_value(bytes, encoding) else { return };
    let text = value.to_string();
    if text_is_lossless(encoding) {
        let as_text = Encoding::with_modifier(encoding.ty(), encoding.modifier(), Format::Text);
        let again = AnyValue::from_value(text.as_bytes(), &as_text);
        assert_same(again.as_ref(), &value, &text);
    }
    let sent_as = Type::from_oid(value.type_oid());
    if value.format() == Format::HyperBinary && sent_as == encoding.ty() && sent_as != Type::Numeric {
        let mut written = Vec::new();
        value.write(&mut written);
        let again = AnyValue::from_value(&written, &Encoding::new(sent_as, Format::HyperBinary));
        assert_same(again.as_ref(), &value, &text);
    }
}

/// What only Hyper can write as text, and names that stand for numbers.
fn text_is_lossless(encoding: &Encoding) -> bool {
    let scalar = encoding.ty().element().unwrap_or(encoding.ty());
    !matches!(scalar, Type::Geography | Type::RegClass | Type::RegType)
}

#[track_caller]
fn assert_same<E: std::fmt::Debug>(found: Result<&AnyValue, E>, expected: &AnyValue, text: &str) {
    // NaN equals itself.
    assert_eq!(format!("{found:?}"), format!("{:?}", Ok::<_, E>(expected)), "written as {text:?}");
}
