//! Rows into structs and tuples.

use hyperwire_core::row::{Column, Columns, DecodeError, Encoding, Row, Type};
use hyperwire_core::wire::{DataRow, Format};
use serde::Deserialize;

/// One row in text: names, types and values.
struct Result {
    columns: Columns,
    body: Vec<u8>,
}

fn result(fields: &[(&str, Type, Option<&str>)]) -> Result {
    let columns =
        fields.iter().map(|(name, ty, _)| Column::new(name, Encoding::new(*ty, Format::Text))).collect();
    let values: Vec<_> = fields.iter().map(|(.., value)| value.map(str::as_bytes)).collect();
    let mut body = Vec::new();
    DataRow::write_fields(&values, &mut body);
    Result { columns, body }
}

impl Result {
    fn deserialize<'a, T: Deserialize<'a>>(&'a self) -> std::result::Result<T, DecodeError> {
        // Borrowed values borrow from the body, not from the spans.
        let spans = Box::leak(Box::default());
        Row::decode(&self.columns, &self.body, spans).expect("a well-formed row").deserialize()
    }

    fn error<'a, T: Deserialize<'a> + std::fmt::Debug>(&'a self) -> String {
        self.deserialize::<T>().expect_err("it does not fit").to_string()
    }
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Blue,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Metres(f64);

#[derive(Deserialize, Debug, PartialEq)]
struct Everything<'a> {
    flag: bool,
    small: i8,
    id: u64,
    price: String,
    ratio: f64,
    length: Metres,
    name: &'a str,
    day: String,
    bytes: Vec<u8>,
    tags: Vec<Option<String>>,
    prices: Vec<f64>,
    colour: Colour,
    nothing: Option<i32>,
    absent: Option<i32>,
    letter: char,
}

#[test]
fn a_struct_takes_its_fields_from_the_columns_of_their_names() {
    let result = result(&[
        ("id", Type::BigInt, Some("42")),
        ("flag", Type::Bool, Some("t")),
        ("small", Type::Integer, Some("-7")),
        ("price", Type::Numeric, Some("1.50")),
        ("ratio", Type::Numeric, Some("0.25")),
        ("length", Type::Double, Some("1e+15")),
        ("name", Type::Text, Some("Ada")),
        ("unused", Type::Integer, Some("not decoded, so not wrong")),
        ("day", Type::Date, Some("0044-03-15 BC")),
        ("bytes", Type::Bytes, Some("\\x00ff")),
        ("tags", Type::TextArray, Some(r#"["a\"b",NULL]"#)),
        ("prices", Type::NumericArray, Some("[1.50,2.00]")),
        ("colour", Type::VarChar, Some("blue")),
        ("nothing", Type::Integer, None),
        ("letter", Type::Char1, Some("é")),
    ]);

    let everything: Everything<'_> = result.deserialize().expect("it fits");

    assert_eq!(
        everything,
        Everything {
            flag: true,
            small: -7,
            id: 42,
            price: "1.50".into(),
            ratio: 0.25,
            length: Metres(1e15),
            name: "Ada",
            day: "0044-03-15 BC".into(),
            bytes: vec![0, 255],
            tags: vec![Some("a\"b".into()), None],
            prices: vec![1.5, 2.0],
            colour: Colour::Blue,
            nothing: None,
            absent: None,
            letter: 'é',
        }
    );
}

#[test]
fn a_tuple_takes_the_columns_in_order() {
    let row = result(&[("a", Type::Integer, Some("1")), ("b", Type::Text, None)]);

    assert_eq!(row.deserialize::<(i32, Option<&str>)>(), Ok((1, None)));
    assert_eq!(row.error::<(i32,)>(), "the row does not fit: invalid length 2, expected a tuple of size 1");
}

#[derive(Deserialize, Debug)]
#[expect(dead_code, reason = "only its errors are looked at")]
struct Small {
    n: i8,
}

#[test]
fn errors_name_the_column() {
    let error = |ty, value| result(&[("first", Type::Bool, Some("t")), ("n", ty, value)]).error::<Small>();

    assert!(error(Type::Integer, Some("300")).starts_with("column 1 (\"n\") of type integer in format Text"));
    assert!(error(Type::Integer, Some("300")).ends_with("invalid value: integer `300`, expected i8"));
    assert!(error(Type::Text, Some("x")).ends_with("invalid type: string \"x\", expected i8"));
    assert!(error(Type::Integer, None).contains("the value is NULL"));
    assert!(error(Type::Integer, Some("x")).ends_with("the value is not an integer"));
    assert_eq!(
        result(&[("m", Type::Integer, Some("1"))]).error::<Small>(),
        "the row does not fit: it has no column `n`"
    );
}
