//! Whole rows: as a server sent them, and broken ones.

use hyperwire_core::row::{
    Column, Columns, Date, Encoding, Geography, Interval, Numeric, Row, Time, Timestamp, TimestampTz, Type,
    Uuid,
};
use hyperwire_core::wire::{
    BackendMessage, DataRow, Format, Frame, Limits, RowDescription, Split, Violation,
};

/// RowDescription and DataRow of a table with a column of each type, read from hyperd 0.0.26963.
const DESCRIPTION: &str = "\
    54000002160016635f626f6f6c00000027110001000000100001ffffffff0000635f693200000027110002000000150002ffffff\
    ff0000635f693400000027110003000000170004ffffffff0000635f693800000027110004000000140008ffffffff0000635f66\
    3400000027110005000002bc0004ffffffff0000635f663800000027110006000002bd0008ffffffff0000635f6e350000002711\
    0007000006a4ffff000500060000635f6e333800000027110008000006a4ffff002600060000635f746578740000002711000900\
    000019ffffffffffff0000635f76630000002711000a00000413ffff0000000e0000635f6368350000002711000b00000412ffff\
    000000090000635f6368310000002711000c000000120001ffffffff0000635f62797465610000002711000d00000011ffffffff\
    ffff0000635f6a736f6e0000002711000e00000072ffffffffffff0000635f646174650000002711000f0000043a0004ffffffff\
    0000635f74696d65000000271100100000043b0004ffffffff0000635f7473000000271100110000045a0008ffffffff0000635f\
    7473747a00000027110012000004a00008ffffffff0000635f697600000027110013000004a20010ffffffff0000635f6f696400\
    0000271100140000001a0004ffffffff0000635f757569640000002711001500000b860010ffffffff0000635f67656f00000027\
    1100160000138bffffffffffff0000";
const ROW: &str = "\
    44000001010016000000010100000002feff0000000404030201000000080807060504030201000000040000c03f000000080000\
    00000000f83f000000086affffffffffffff000000106affffffffffffffffffffffffffffff0000000668c3a96c6c6f00000003\
    61626300000005616263202000000002c3a90000000300ff61000000087b2261223a20317d00000004d28a2500000000081426e6\
    8b0a0000000000000814e65200c238f30200000008149e2b53c038f3020000001088ca976c03000000030000000e000000000000\
    047b0000000000001000004455664416a7d4419be200840e550000001507aa021102917901010a00f2c9f2cc0284a5b9a601";

fn hex(digits: &str) -> Vec<u8> {
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(|pair| byte(pair).expect("two digits")).collect()
}

fn body(message: &[u8]) -> Frame<'_> {
    match Frame::split(message, &Limits::default()) {
        Ok(Split::Frame(frame)) => frame,
        other => panic!("not a message: {other:?}"),
    }
}

fn describe(message: &[u8]) -> RowDescription<'_> {
    match BackendMessage::decode(body(message)) {
        Ok(BackendMessage::RowDescription(description)) => description,
        other => panic!("not a RowDescription: {other:?}"),
    }
}

#[test]
fn every_type_is_read_from_a_row_of_the_server() {
    let (description, row) = (hex(DESCRIPTION), hex(ROW));
    let columns = Columns::from_description(&describe(&description), Format::HyperBinary);
    let mut spans = Vec::new();

    let row = Row::decode(&columns, body(&row).body, &mut spans).expect("a well-formed row");

    let numeric: Numeric = "-1.50".parse().expect("a number");
    let timestamp: Timestamp = "2024-02-29 12:34:56.789012".parse().expect("a timestamp");
    let instant: TimestampTz = "2024-02-29 12:34:56.789012+02".parse().expect("a timestamp");
    let uuid: Uuid = "550e8400-e29b-41d4-a716-446655440000".parse().expect("a uuid");
    assert_eq!(row.len(), 22);
    assert_eq!(row.get(0), Ok(true));
    assert_eq!(row.get(1), Ok(-2_i16));
    assert_eq!(row.get(2), Ok(16_909_060_i32));
    assert_eq!(row.get(3), Ok(72_623_859_790_382_856_i64));
    assert_eq!(row.get(4), Ok(1.5_f32));
    assert_eq!(row.get(5), Ok(1.5_f64));
    assert_eq!((row.get(6), row.get(7)), (Ok(numeric), Ok(Some(numeric))));
    assert_eq!((row.get(8), row.get(9)), (Ok("héllo"), Ok("abc".to_owned())));
    assert_eq!((row.get(10), row.get(11)), (Ok("abc  "), Ok("é")));
    assert_eq!((row.get(12), row.get(13)), (Ok(&b"\0\xffa"[..]), Ok("{\"a\": 1}")));
    assert_eq!(row.get(14), Ok(Date::from_ymd(2024, 2, 29).expect("a leap day")));
    assert_eq!(row.get(15), Ok(Time::from_hms_micro(12, 34, 56, 789_012).expect("a time")));
    assert_eq!((row.get(16), row.get(17)), (Ok(timestamp), Ok(instant)));
    assert_eq!(row.get(18), Ok(Interval { months: 14, days: 3, microseconds: 14_706_789_000 }));
    assert_eq!((row.get(19), row.get(20)), (Ok(123_u32), Ok(uuid)));
    assert!(matches!(row.get(21), Ok(Geography::Opaque(bytes)) if bytes.len() == 21));
    assert_eq!(columns[6].to_string(), "numeric(5, 2)");
    assert_eq!(columns[21].ty(), Type::Geography);
}

fn two_columns() -> Columns {
    let column = |name, ty| Column::new(name, Encoding::new(ty, Format::HyperBinary));
    [column("id", Type::Integer), column("name", Type::Text)].into_iter().collect()
}

fn row_body(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = Vec::new();
    DataRow::write_fields(fields, &mut body);
    body
}

#[test]
fn a_column_is_found_by_position_and_by_name() {
    let (columns, body) = (two_columns(), row_body(&[Some(&[7, 0, 0, 0]), None]));
    let mut spans = Vec::new();
    let row = Row::decode(&columns, &body, &mut spans).expect("a well-formed row");

    assert_eq!((row.get(0), row.get("id"), row.get(String::from("id").as_str())), (Ok(7), Ok(7), Ok(7)));
    assert_eq!(row.get("name"), Ok(None::<&str>));
    assert_eq!(row.iter().map(|value| value.bytes()).collect::<Vec<_>>(), [Some(&[7, 0, 0, 0][..]), None]);
    assert_eq!(row.value(2), None);
    assert_eq!(
        row.get::<i32>(2).expect_err("there is none").to_string(),
        "the result has no column 2; it has 2 columns: id, name"
    );
    assert_eq!(
        row.get::<i32>("Id").expect_err("there is none").to_string(),
        "the result has no column \"Id\"; it has 2 columns: id, name"
    );
}

#[test]
fn a_row_with_other_fields_than_described_is_a_violation() {
    let (columns, mut spans) = (two_columns(), Vec::new());

    let one = Row::decode(&columns, &row_body(&[None]), &mut spans).map(|row| row.len());
    assert_eq!(one, Err(Violation::FieldCount { found: 1, described: 2 }));

    // The buffer serves the next row nevertheless.
    let two = Row::decode(&columns, &row_body(&[None, None]), &mut spans).map(|row| row.len());
    assert_eq!(two, Ok(2));
}
