//! Arrays of every element type and of length 0 to 130, with and without NULLs, by each protocol and in each format,
//! against the real hyperd: every element is the one that was written.
#![cfg(target_os = "linux")]

use hyperwire_blocking::hyperwire_core::row::{
    AnyValue, Date, Interval, Time, Timestamp, TimestampTz, ToParameter, Uuid,
};
use hyperwire_blocking::hyperwire_core::wire::Format;
use hyperwire_blocking::{Client, Error, Rows};
use hyperwire_tests::real_hyperd::RealHyperd;

/// Past two words of a map of NULLs, and past every length at which a map looks like one more element.
const LONGEST: usize = 130;
/// Arrays in one statement. All of them would be too long for a parameter list that is easy to read.
const COLUMNS: usize = LONGEST + 1;

/// An element type: its name, and its elements, as they are written and as they are read.
struct Elements {
    ty: &'static str,
    /// Whether an array quotes them.
    quoted: bool,
    nth: fn(usize) -> (String, AnyValue),
}

/// Which elements of an array are NULL.
#[derive(Clone, Copy, Debug)]
enum Nulls {
    /// None, and the type says that there are none.
    Forbidden,
    None,
    /// By a pattern that repeats neither with bytes nor with words.
    Some,
    All,
}

const NULLS: [Nulls; 4] = [Nulls::Forbidden, Nulls::None, Nulls::Some, Nulls::All];

impl Nulls {
    fn hits(self, index: usize) -> bool {
        match self {
            Self::Forbidden | Self::None => false,
            Self::Some => index * index % 7 == 2 || index % 11 == 10,
            Self::All => true,
        }
    }
}

impl Elements {
    /// An array of that length: what is written, and what it is.
    fn array(&self, length: usize, nulls: Nulls) -> (String, AnyValue) {
        let elements = (0..length).map(|index| match (nulls.hits(index), (self.nth)(index)) {
            (true, _) => (String::from("NULL"), AnyValue::Null),
            (false, (written, value)) if self.quoted => (format!("\"{written}\""), value),
            (false, element) => element,
        });
        let (written, values): (Vec<_>, Vec<_>) = elements.unzip();
        (format!("[{}]", written.join(",")), AnyValue::Array(values))
    }

    fn type_of(&self, nulls: Nulls) -> String {
        let bound = if matches!(nulls, Nulls::Forbidden) { " not null" } else { "" };
        format!("array({}{bound})", self.ty)
    }
}

/// Some of them zero, which is also what a NULL leaves behind, and some that look like maps of NULLs.
fn integer(index: usize) -> i64 {
    match index % 5 {
        0 => 0,
        1 => 1 << (index % 15),
        2 => -1,
        3 => index as i64,
        _ => -(index as i64) * 31,
    }
}

fn micros(index: usize) -> i64 {
    index as i64 * 7_919_000_017 % 86_400_000_000
}

fn date(index: usize) -> Date {
    Date::from_ymd(1 + index as i32 * 17, 1 + index as u32 % 12, 1 + index as u32 % 28).expect("it exists")
}

fn time(index: usize) -> Time {
    Time::from_micros(micros(index)).expect("within a day")
}

fn timestamp(index: usize) -> Timestamp {
    Timestamp::new(date(index), time(index)).expect("within bounds")
}

fn word(index: usize) -> String {
    // Of length 0 and more, of more than one byte a character.
    "añ€𝄞 zy".chars().cycle().skip(index % 7).take(index % 6).collect()
}

fn same(value: impl ToString, read: fn(String) -> AnyValue) -> (String, AnyValue) {
    (value.to_string(), read(value.to_string()))
}

fn numeric(written: String) -> AnyValue {
    AnyValue::Numeric(written.parse().expect("a number"))
}

const ELEMENTS: &[Elements] = &[
    Elements {
        ty: "boolean",
        quoted: false,
        nth: |i| ((i % 3 == 0).to_string(), AnyValue::Bool(i % 3 == 0)),
    },
    Elements {
        ty: "smallint",
        quoted: false,
        nth: |i| (integer(i).to_string(), AnyValue::SmallInt(integer(i) as i16)),
    },
    Elements {
        ty: "integer",
        quoted: false,
        nth: |i| (integer(i).to_string(), AnyValue::Integer(integer(i) as i32)),
    },
    Elements { ty: "bigint", quoted: false, nth: |i| (integer(i).to_string(), AnyValue::BigInt(integer(i))) },
    Elements {
        ty: "real",
        quoted: false,
        nth: |i| {
            let value = integer(i) as f32 / 3.0;
            (format!("{value:?}"), AnyValue::Real(value))
        },
    },
    Elements {
        ty: "double precision",
        quoted: false,
        nth: |i| {
            let value = integer(i) as f64 / 3.0;
            (format!("{value:?}"), AnyValue::Double(value))
        },
    },
    Elements { ty: "numeric(5, 2)", quoted: false, nth: |i| same(format!("{i}.25"), numeric) },
    Elements { ty: "numeric(18, 0)", quoted: false, nth: |i| same(integer(i), numeric) },
    Elements { ty: "numeric(19, 1)", quoted: false, nth: |i| same(format!("-{i}.5"), numeric) },
    Elements { ty: "numeric(38, 2)", quoted: false, nth: |i| same(format!("{i}{i}.05"), numeric) },
    Elements { ty: "text", quoted: true, nth: |i| same(word(i), AnyValue::Text) },
    Elements { ty: "varchar(7)", quoted: true, nth: |i| same(word(i), AnyValue::Text) },
    Elements {
        ty: "char(1)",
        quoted: true,
        nth: |i| same("añ€𝄞 ".chars().nth(i % 5).expect("of five"), AnyValue::Text),
    },
    Elements {
        ty: "bytea",
        quoted: true,
        nth: |i| {
            let bytes = word(i).into_bytes();
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            (format!("\\\\x{digits}"), AnyValue::Bytes(bytes))
        },
    },
    Elements { ty: "json", quoted: true, nth: |i| same(integer(i), AnyValue::Json) },
    Elements { ty: "date", quoted: true, nth: |i| (date(i).to_string(), AnyValue::Date(date(i))) },
    Elements { ty: "time", quoted: true, nth: |i| (time(i).to_string(), AnyValue::Time(time(i))) },
    Elements {
        ty: "timestamp",
        quoted: true,
        nth: |i| (timestamp(i).to_string(), AnyValue::Timestamp(timestamp(i))),
    },
    Elements {
        ty: "timestamptz",
        quoted: true,
        nth: |i| {
            let value = TimestampTz::from_utc(timestamp(i));
            (value.to_string(), AnyValue::TimestampTz(value))
        },
    },
    Elements {
        ty: "interval",
        quoted: true,
        nth: |i| {
            // hyperd reads fractions of a second from text as binary ones: 31.000493 is 31.000492 to it.
            let microseconds = micros(i) / 500_000 * 500_000;
            let value = Interval { months: i as i32 % 9, days: -(i as i32), microseconds };
            (value.to_string(), AnyValue::Interval(value))
        },
    },
    Elements { ty: "oid", quoted: false, nth: |i| (i.to_string(), AnyValue::Oid(i as u32)) },
    Elements {
        ty: "uuid",
        quoted: true,
        nth: |i| {
            let value = Uuid::from_u128(integer(i) as u128);
            (value.to_string(), AnyValue::Uuid(value))
        },
    },
];

fn client(hyperd: &RealHyperd, format: Format) -> Client {
    let mut config = hyperd.config();
    config.session.result_format = format;
    // In text, doubles come with all their digits.
    config.session.options.push(("extra_float_digits".into(), "3".into()));
    Client::connect(config).expect("trusted")
}

/// Every value of the one row that there is.
fn row(rows: Rows<'_>) -> Vec<AnyValue> {
    let mut rows = rows
        .map(|row| Ok::<Vec<AnyValue>, Error>(row.iter().map(|value| value.get()).collect::<Result<_, _>>()?))
        .expect("every value is read");
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[track_caller]
fn check(found: &[AnyValue], expected: &[AnyValue], how: &str) {
    assert_eq!(found.len(), expected.len(), "{how}");
    for (length, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "length {length}, {how}");
    }
}

#[test]
fn arrays_of_every_type_and_length_are_read_as_they_were_written() {
    let hyperd = RealHyperd::start();
    for format in [Format::HyperBinary, Format::Text] {
        let mut client = client(&hyperd, format);
        for elements in ELEMENTS {
            for nulls in NULLS {
                let ty = elements.type_of(nulls);
                let how = |what: &str| format!("{ty}, {nulls:?}, {what}, session in {}", format.setting());
                let (written, expected): (Vec<_>, Vec<_>) =
                    (0..COLUMNS).map(|length| elements.array(length, nulls)).unzip();

                let literals: Vec<_> = written.iter().map(|array| format!("'{array}'::{ty}")).collect();
                let literals = format!("SELECT {}", literals.join(", "));
                check(&row(client.query(&literals).expect("rows")), &expected, &how("a query"));
                let statement = client.prepare(&literals, &[]).expect("it is prepared");
                let rows = client.query_prepared(&statement, &[]).expect("rows");
                check(&row(rows), &expected, &how("a prepared statement"));

                let parameters: Vec<_> = (1..=COLUMNS).map(|number| format!("${number}::{ty}")).collect();
                let parameters = format!("SELECT {}", parameters.join(", "));
                let values: Vec<_> = written.iter().map(|array| array as &dyn ToParameter).collect();
                let rows = client.query_params(&parameters, &values).expect("rows");
                check(&row(rows), &expected, &how("parameters in text"));
                let values: Vec<_> = expected.iter().map(|array| array as &dyn ToParameter).collect();
                let rows = client.query_params(&parameters, &values).expect("rows");
                check(&row(rows), &expected, &how("parameters"));
            }
        }
    }
}

/// What a table holds, and what functions and operators make, is laid out like a literal.
#[test]
fn arrays_out_of_tables_and_functions_are_read_as_they_were_written() {
    let hyperd = RealHyperd::start();
    let mut client = client(&hyperd, Format::HyperBinary);
    for elements in ELEMENTS {
        let ty = elements.ty;
        client.execute("DROP TABLE IF EXISTS t").expect("it is gone");
        let table = format!(
            "CREATE TEMPORARY TABLE t (a array({ty} not null) not null, n array({ty}), e {ty} not null)"
        );
        client.execute(&table).expect("it is made");
        for length in [1, 2, 8, 9, 32, 33, 57, 64, 121, 128, 130] {
            let ((whole, whole_values), (holed, holed_values)) =
                (elements.array(length, Nulls::Forbidden), elements.array(length, Nulls::Some));
            let (element, element_value) = (elements.nth)(length);
            let element = element.replace("\\\\", "\\");
            client.execute("DELETE FROM t").expect("it is empty");
            client
                .execute(&format!("INSERT INTO t SELECT '{whole}', '{holed}', '{element}'"))
                .expect("a row goes in");

            let found = row(client.query("SELECT a, n, array[e, e], coalesce(a, n) FROM t").expect("rows"));

            let pair = AnyValue::Array(vec![element_value.clone(), element_value]);
            let expected = [whole_values.clone(), holed_values, pair, whole_values];
            check(&found, &expected, &format!("of length {length}, of {ty}"));
        }
    }
}
