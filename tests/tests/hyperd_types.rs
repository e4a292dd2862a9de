//! Every data type of Hyper, in each format, there and back, against the real hyperd.
#![cfg(target_os = "linux")]

use std::fmt::Debug;

use hyperwire_blocking::hyperwire_core::row::{
    AnyValue, Date, DecodeError, Geography, Interval, Numeric, Time, Timestamp, TimestampTz, ToParameter,
    Type, Uuid, Value,
};
use hyperwire_blocking::hyperwire_core::wire::Format;
use hyperwire_blocking::{Client, Error, Rows};
use hyperwire_tests::real_hyperd::{RealHyperd, sqlstate};
use rstest::rstest;

/// A client that gets everything in one format. In text, doubles come with all their digits.
fn client(hyperd: &RealHyperd, format: Format) -> Client {
    let mut config = hyperd.config();
    config.session.result_format = format;
    config.session.options.push(("extra_float_digits".into(), "3".into()));
    Client::connect(config).unwrap()
}

/// The one value of a result, and the type of its column.
fn only<T>(rows: Rows<'_>, read: impl Fn(Value<'_>) -> Result<T, DecodeError>) -> Result<(T, Type), Error> {
    let ty = rows.columns().expect("a result").first().expect("a column").ty();
    let mut values = rows.map(|row| Ok::<_, Error>(read(row.value(0).expect("a value"))?))?;
    assert_eq!(values.len(), 1);
    Ok((values.remove(0), ty))
}

fn any(rows: Rows<'_>) -> Result<(AnyValue, Type), Error> {
    only(rows, |value| value.get())
}

/// NaN equals itself, 0 is not -0, and decimals have their scale: what `Debug` shows.
#[track_caller]
fn assert_same(found: impl Debug, expected: impl Debug, how: &str) {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{how}");
}

fn numeric(text: &str) -> AnyValue {
    AnyValue::Numeric(text.parse().unwrap())
}

fn text(text: &str) -> AnyValue {
    AnyValue::Text(text.to_owned())
}

fn bytes(bytes: &[u8]) -> AnyValue {
    AnyValue::Bytes(bytes.to_owned())
}

fn date(year: i32, month: u32, day: u32) -> Date {
    Date::from_ymd(year, month, day).unwrap()
}

fn time(hour: u32, minute: u32, second: u32, micro: u32) -> Time {
    Time::from_hms_micro(hour, minute, second, micro).unwrap()
}

fn timestamp(date: Date, time: Time) -> Timestamp {
    Timestamp::new(date, time).unwrap()
}

fn interval(months: i32, days: i32, microseconds: i64) -> AnyValue {
    AnyValue::Interval(Interval { months, days, microseconds })
}

fn array(elements: impl IntoIterator<Item = AnyValue>) -> AnyValue {
    AnyValue::Array(elements.into_iter().collect())
}

const HOUR: i64 = 3_600_000_000;
const NINES: &str = "99999999999999999999999999999999999999";
const LAST_MOMENT: &str = "294276-12-31 23:59:59.999999";

/// Each value is written in SQL and read in every way; then it is sent as a parameter and read again.
#[rstest]
#[case::yes("boolean", "t", AnyValue::Bool(true))]
#[case::no("boolean", "f", AnyValue::Bool(false))]
#[case::smallint("smallint", "258", AnyValue::SmallInt(258))]
#[case::smallint_min("smallint", "-32768", AnyValue::SmallInt(i16::MIN))]
#[case::smallint_max("smallint", "32767", AnyValue::SmallInt(i16::MAX))]
#[case::integer("integer", "16909060", AnyValue::Integer(16_909_060))]
#[case::integer_min("integer", "-2147483648", AnyValue::Integer(i32::MIN))]
#[case::integer_max("integer", "2147483647", AnyValue::Integer(i32::MAX))]
#[case::bigint("bigint", "72623859790382856", AnyValue::BigInt(72_623_859_790_382_856))]
#[case::bigint_min("bigint", "-9223372036854775808", AnyValue::BigInt(i64::MIN))]
#[case::bigint_max("bigint", "9223372036854775807", AnyValue::BigInt(i64::MAX))]
#[case::real("real", "0.1", AnyValue::Real(0.1))]
#[case::real_min("real", "-3.4028235e38", AnyValue::Real(f32::MIN))]
#[case::real_tiny("real", "1.1754944e-38", AnyValue::Real(f32::MIN_POSITIVE))]
#[case::real_nan("real", "NaN", AnyValue::Real(f32::NAN))]
#[case::real_infinity("real", "-Infinity", AnyValue::Real(f32::NEG_INFINITY))]
#[case::double("double precision", "0.1", AnyValue::Double(0.1))]
#[case::double_max("double precision", "1.7976931348623157e308", AnyValue::Double(f64::MAX))]
#[case::double_third("double precision", "0.3333333333333333", AnyValue::Double(1.0 / 3.0))]
#[case::double_smallest("double precision", "5e-324", AnyValue::Double(5e-324))]
#[case::double_negative_zero("double precision", "-0", AnyValue::Double(-0.0))]
#[case::double_nan("double precision", "NaN", AnyValue::Double(f64::NAN))]
#[case::double_infinity("double precision", "Infinity", AnyValue::Double(f64::INFINITY))]
#[case::double_negative_infinity("double precision", "-Infinity", AnyValue::Double(f64::NEG_INFINITY))]
#[case::numeric("numeric(5, 2)", "-1.50", numeric("-1.50"))]
#[case::numeric_whole("numeric(18, 0)", "999999999999999999", numeric("999999999999999999"))]
#[case::numeric_all_behind("numeric(18, 18)", "-0.999999999999999999", numeric("-0.999999999999999999"))]
#[case::numeric_wide("numeric(19, 2)", "1.50", numeric("1.50"))]
#[case::numeric_38("numeric(38, 0)", NINES, numeric(NINES))]
#[case::numeric_38_negative("numeric(38, 0)", &format!("-{NINES}"), numeric(&format!("-{NINES}")))]
#[case::numeric_38_behind("numeric(38, 38)", &format!("0.{NINES}"), numeric(&format!("0.{NINES}")))]
#[case::text("text", "h\u{e9}llo \u{1f980}", text("h\u{e9}llo \u{1f980}"))]
#[case::text_empty("text", "", text(""))]
#[case::varchar("varchar(10)", "abc", text("abc"))]
#[case::char_padded("char(5)", "abc", text("abc  "))]
#[case::char_one("char(1)", "\u{e9}", text("\u{e9}"))]
#[case::bytea("bytea", "\\x00ff61", bytes(&[0, 0xff, b'a']))]
#[case::bytea_empty("bytea", "", bytes(&[]))]
#[case::json("json", "{\"a\": [1, 2.0, null]}", AnyValue::Json("{\"a\": [1, 2.0, null]}".into()))]
#[case::date("date", "2024-02-29", AnyValue::Date(date(2024, 2, 29)))]
#[case::date_epoch("date", "1970-01-01", AnyValue::Date(date(1970, 1, 1)))]
#[case::date_bc("date", "0044-03-15 BC", AnyValue::Date(date(-43, 3, 15)))]
#[case::date_beyond_9999("date", "10000-01-01", AnyValue::Date(date(10_000, 1, 1)))]
#[case::date_min("date", "4713-01-01 BC", AnyValue::Date(Date::MIN))]
#[case::date_max("date", "294276-12-31", AnyValue::Date(Date::MAX))]
#[case::time("time", "12:34:56.789012", AnyValue::Time(time(12, 34, 56, 789_012)))]
#[case::time_min("time", "00:00:00", AnyValue::Time(Time::MIN))]
#[case::time_last("time", "23:59:59.999999", AnyValue::Time(time(23, 59, 59, 999_999)))]
#[case::time_24("time", "24:00:00", AnyValue::Time(Time::MAX))]
#[case::timestamp(
    "timestamp",
    "2024-02-29 12:34:56.789012",
    AnyValue::Timestamp(timestamp(date(2024, 2, 29), time(12, 34, 56, 789_012)))
)]
#[case::timestamp_bc(
    "timestamp", "0044-03-15 12:00:00 BC", AnyValue::Timestamp(timestamp(date(-43, 3, 15), time(12, 0, 0, 0)))
)]
#[case::timestamp_min("timestamp", "4713-01-01 00:00:00 BC", AnyValue::Timestamp(Timestamp::MIN))]
#[case::timestamp_max("timestamp", LAST_MOMENT, AnyValue::Timestamp(Timestamp::MAX))]
#[case::timestamptz(
    "timestamptz",
    "2024-02-29 12:34:56.789012+02",
    AnyValue::TimestampTz(TimestampTz::from_utc(timestamp(date(2024, 2, 29), time(10, 34, 56, 789_012))))
)]
#[case::timestamptz_min("timestamptz", "4713-01-01 00:00:00+00 BC", AnyValue::TimestampTz(TimestampTz::MIN))]
#[case::timestamptz_max(
    "timestamptz", &format!("{LAST_MOMENT}+00"), AnyValue::TimestampTz(TimestampTz::MAX)
)]
#[case::interval(
    "interval", "1 year 2 months 3 days 04:05:06.789", interval(14, 3, 4 * HOUR + 306_789_000)
)]
#[case::interval_zero("interval", "P0D", interval(0, 0, 0))]
#[case::interval_24_hours("interval", "PT24H", interval(0, 0, 24 * HOUR))]
#[case::interval_mixed_signs("interval", "P-1M25DT-24H", interval(-1, 25, -24 * HOUR))]
#[case::interval_mixed_signs_within_a_part("interval", "P1Y-13MT1H-61M", interval(-1, 0, -HOUR / 60))]
#[case::interval_microsecond("interval", "PT-0.000001S", interval(0, 0, -1))]
#[case::oid("oid", "4294967295", AnyValue::Oid(u32::MAX))]
#[case::uuid(
    "uuid",
    "550e8400-e29b-41d4-a716-446655440000",
    AnyValue::Uuid(Uuid::from_u128(0x550e_8400_e29b_41d4_a716_4466_5544_0000))
)]
#[case::array("array(integer)", "[1,2,3]", array([1, 2, 3].map(AnyValue::Integer)))]
#[case::array_with_null("array(integer)", "[1,NULL]", array([AnyValue::Integer(1), AnyValue::Null]))]
#[case::array_empty("array(integer)", "[]", array([]))]
#[case::array_of_null("array(text)", "[NULL]", array([AnyValue::Null]))]
#[case::array_of_empty("array(text)", "[\"\"]", array([text("")]))]
#[case::array_of_text("array(text)", "[\"a\\\"\\\\,]\",\"NULL\",NULL]", array([text("a\"\\,]"), text("NULL"), AnyValue::Null]))]
#[case::array_of_doubles("array(double precision)", "[1.5,NaN]", array([1.5, f64::NAN].map(AnyValue::Double)))]
#[case::array_of_numerics("array(numeric(30, 2))", "[1.50,NULL]", array([numeric("1.50"), AnyValue::Null]))]
#[case::array_of_dates("array(date)", "[\"0044-03-15 BC\"]", array([AnyValue::Date(date(-43, 3, 15))]))]
fn values_go_there_and_back(#[case] sql_type: &str, #[case] written: &str, #[case] expected: AnyValue) {
    let hyperd = RealHyperd::start();
    let literal = format!("SELECT '{written}'::{sql_type}");
    let parameter = format!("SELECT $1::{sql_type}");

    for format in [Format::HyperBinary, Format::Text] {
        let mut client = client(&hyperd, format);
        let how = |what: &str| format!("{literal} in {}: {what}", format.setting());

        let (found, ty) = any(client.query(&literal).unwrap()).unwrap();
        assert_same(&found, &expected, &how("plain"));

        let statement = client.prepare(&literal, &[]).unwrap();
        assert_eq!(statement.columns().unwrap()[0].ty(), ty);
        let (found, _) = any(client.query_prepared(&statement, &[]).unwrap()).unwrap();
        assert_same(&found, &expected, &how("prepared"));

        for value in [&expected as &dyn ToParameter, &written] {
            let (found, found_type) = any(client.query_params(&parameter, &[value]).unwrap()).unwrap();
            assert_same(&found, &expected, &how("a parameter"));
            assert_eq!(found_type, ty);
        }

        // Arrays have no binary form as parameters, and travel as text.
        let declared = if ty.element().is_some() { Type::Text } else { ty };
        let statement = client.prepare(&parameter, &[declared]).unwrap();
        let (found, _) = any(client.query_prepared(&statement, &[&expected]).unwrap()).unwrap();
        assert_same(&found, &expected, &how("a declared parameter"));
    }
}

const EVERY_TYPE: &[(&str, Type)] = &[
    ("boolean", Type::Bool),
    ("smallint", Type::SmallInt),
    ("integer", Type::Integer),
    ("bigint", Type::BigInt),
    ("real", Type::Real),
    ("double precision", Type::Double),
    ("numeric(5, 2)", Type::Numeric),
    ("numeric(38, 2)", Type::Numeric),
    ("text", Type::Text),
    ("varchar(10)", Type::VarChar),
    ("char(5)", Type::Char),
    ("char(1)", Type::Char1),
    ("bytea", Type::Bytes),
    ("json", Type::Json),
    ("date", Type::Date),
    ("time", Type::Time),
    ("timestamp", Type::Timestamp),
    ("timestamptz", Type::TimestampTz),
    ("interval", Type::Interval),
    ("oid", Type::Oid),
    ("uuid", Type::Uuid),
    ("geography", Type::Geography),
    ("array(integer)", Type::IntegerArray),
    ("array(text)", Type::TextArray),
];

#[rstest]
#[case::binary(Format::HyperBinary)]
#[case::as_text(Format::Text)]
fn null_of_every_type_is_null(#[case] format: Format) {
    let hyperd = RealHyperd::start();
    let mut client = client(&hyperd, format);

    for (sql_type, ty) in EVERY_TYPE {
        let literal = format!("SELECT NULL::{sql_type}");
        assert_eq!(any(client.query(&literal).unwrap()).unwrap(), (AnyValue::Null, *ty), "{sql_type}");
        let statement = client.prepare(&literal, &[]).unwrap();
        let found = any(client.query_prepared(&statement, &[]).unwrap()).unwrap();
        assert_eq!(found, (AnyValue::Null, *ty), "{sql_type}");

        let parameter = format!("SELECT $1::{sql_type}");
        for null in [&AnyValue::Null as &dyn ToParameter, &None::<String>] {
            let found = any(client.query_params(&parameter, &[null]).unwrap()).unwrap();
            assert_eq!(found, (AnyValue::Null, *ty), "{sql_type}");
        }
    }
}

#[test]
fn null_of_every_rust_type_is_null_of_its_sql_type() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let parameters: [(&dyn ToParameter, Type); 14] = [
        (&None::<bool>, Type::Bool),
        (&None::<i16>, Type::SmallInt),
        (&None::<i32>, Type::Integer),
        (&None::<i64>, Type::BigInt),
        (&None::<f32>, Type::Real),
        (&None::<f64>, Type::Double),
        (&None::<Vec<u8>>, Type::Bytes),
        (&None::<Date>, Type::Date),
        (&None::<Time>, Type::Time),
        (&None::<Timestamp>, Type::Timestamp),
        (&None::<TimestampTz>, Type::TimestampTz),
        (&None::<Interval>, Type::Interval),
        (&None::<Uuid>, Type::Uuid),
        (&None::<Geography<'_>>, Type::Geography),
    ];

    for (null, ty) in parameters {
        let found = any(client.query_params("SELECT $1", &[null]).unwrap()).unwrap();
        assert_eq!(found, (AnyValue::Null, ty));
    }
}

#[test]
fn a_parameter_without_a_cast_is_of_the_type_of_its_rust_type() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    let day = date(2024, 2, 29);
    let parameters: [(&dyn ToParameter, AnyValue); 12] = [
        (&true, AnyValue::Bool(true)),
        (&-7_i8, AnyValue::SmallInt(-7)),
        (&-7_i16, AnyValue::SmallInt(-7)),
        (&-7_i32, AnyValue::Integer(-7)),
        (&u32::MAX, AnyValue::BigInt(u32::MAX.into())),
        (&i64::MIN, AnyValue::BigInt(i64::MIN)),
        (&0.1_f32, AnyValue::Real(0.1)),
        (&0.1_f64, AnyValue::Double(0.1)),
        (&b"\0\xff".as_slice(), bytes(b"\0\xff")),
        (&day, AnyValue::Date(day)),
        (&Time::MAX, AnyValue::Time(Time::MAX)),
        (&Uuid([7; 16]), AnyValue::Uuid(Uuid([7; 16]))),
    ];

    for (value, expected) in parameters {
        let (found, _) = any(client.query_params("SELECT $1", &[value]).unwrap()).unwrap();
        assert_same(found, expected, "a parameter");
    }
}

/// A `numeric` that is declared as such is numeric(1, 0) to Hyper: it must not be declared.
#[test]
fn decimals_keep_their_fraction_wherever_they_go() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    client.execute("CREATE TEMP TABLE t (price numeric(18, 2))").unwrap();
    let price: Numeric = "9999.99".parse().unwrap();

    client.execute_params("INSERT INTO t VALUES ($1)", &[&price]).unwrap();
    let insert = client.prepare("INSERT INTO t VALUES ($1)", &[Type::Numeric]).unwrap();
    client.execute_prepared(&insert, &[&price]).unwrap();
    let find = client.prepare("SELECT sum(price) FROM t WHERE price = $1", &[Type::Numeric]).unwrap();
    let (sum, _) =
        only(client.query_prepared(&find, &[&price]).unwrap(), |value| value.get::<Numeric>()).unwrap();

    assert_eq!(sum.to_string(), "19999.98");
}

#[test]
fn a_number_is_read_as_any_rust_type_that_has_room_and_as_no_other() {
    let hyperd = RealHyperd::start();
    for format in [Format::HyperBinary, Format::Text] {
        let mut client = client(&hyperd, format);
        let mut rows = client.query("SELECT 7::smallint AS s, 7::bigint AS b, 1.5::real AS r").unwrap();
        let row = rows.next().unwrap().unwrap();

        assert_eq!((row.get::<i16>("s").unwrap(), row.get::<i32>("s").unwrap()), (7, 7));
        assert_eq!((row.get::<i64>("s").unwrap(), row.get::<i64>("b").unwrap()), (7, 7));
        assert_eq!(row.get::<f64>("r").unwrap().to_bits(), 1.5_f64.to_bits());
        assert!(
            row.get::<i32>("b").is_err() && row.get::<i64>("r").is_err() && row.get::<&str>("s").is_err()
        );
    }
}

#[test]
fn a_geography_is_well_known_text_or_bytes_that_only_hyper_reads() {
    let hyperd = RealHyperd::start();
    let point = "POINT(1.5000000 2.5000000)";
    let select = format!("SELECT '{point}'::geography");
    let read = |rows| only(rows, |value| value.get::<Geography<'_>>().map(Geography::into_owned)).unwrap().0;

    let (mut textual, mut client) = (client(&hyperd, Format::Text), client(&hyperd, Format::HyperBinary));
    let (in_text, in_binary) = (read(textual.query(&select).unwrap()), read(client.query(&select).unwrap()));

    assert_eq!(in_text, Geography::Text(point.into()));
    assert!(matches!(&in_binary, Geography::Opaque(bytes) if !bytes.is_empty()), "{in_binary:?}");
    for sent in [&in_text, &in_binary] {
        let back =
            only(client.query_params("SELECT $1::geography::text", &[sent]).unwrap(), |v| v.get::<String>());
        assert_eq!(back.unwrap().0, point);
    }
}

#[test]
fn names_of_relations_and_types_are_read_as_numbers_or_text() {
    let hyperd = RealHyperd::start();
    let select = "SELECT pg_typeof(1)";

    let (in_text, ty) = any(client(&hyperd, Format::Text).query(select).unwrap()).unwrap();
    assert_eq!((in_text, ty), (text("integer"), Type::RegType));
    let (in_binary, _) = any(client(&hyperd, Format::HyperBinary).query(select).unwrap()).unwrap();
    assert_eq!(in_binary, AnyValue::Oid(Type::Integer.oid()));

    let select = "SELECT 'pg_class'::regclass";
    let (in_text, ty) = any(client(&hyperd, Format::Text).query(select).unwrap()).unwrap();
    assert_eq!((in_text, ty), (text("pg_class"), Type::RegClass));
}

#[test]
fn a_value_that_its_type_cannot_hold_is_refused_by_the_server() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    for (cast, value, code) in [
        ("smallint", &70_000_i32 as &dyn ToParameter, "22003"),
        ("numeric(5, 2)", &"1000.00", "22003"),
        ("date", &"2024-02-30", "22P02"),
        ("integer", &"1.5", "22P02"),
        ("uuid", &"not one", "22P02"),
    ] {
        let outcome = client.query_params(&format!("SELECT $1::{cast}"), &[value]).and_then(any);
        assert_eq!(sqlstate(&outcome.unwrap_err()), code, "{cast}");
    }
}
