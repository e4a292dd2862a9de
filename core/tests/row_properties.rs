//! What must hold for every value and for every byte.

use hyperwire_core::row::{
    AnyValue, Column, Columns, Date, Encoding, FromValue, Geography, Interval, Numeric, Parameters, Row,
    Time, Timestamp, TimestampTz, ToParameter, Type, Uuid,
};
use hyperwire_core::wire::Format;
use proptest::prelude::*;

fn any_type() -> impl Strategy<Value = Type> {
    prop_oneof![20 => proptest::sample::select(Type::ALL), 1 => any::<u32>().prop_map(Type::from_oid)]
}

fn any_encoding() -> impl Strategy<Value = Encoding> {
    let format = proptest::sample::select(&[Format::Text, Format::PgBinary, Format::HyperBinary][..]);
    let modifier =
        prop_oneof![any::<i32>(), (1..40_i32, 0..40_i32).prop_map(|(p, s)| (p << 16 | s) + 4), Just(-1)];
    (any_type(), modifier, format)
        .prop_map(|(ty, modifier, format)| Encoding::with_modifier(ty, modifier, format))
}

/// Bytes of any kind, and those that look like something.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::collection::vec(0_u8..4, 0..200),
        "[-+0-9.:eTPYMDHSBC, \\[\\]\"\\\\xNULL]{0,60}".prop_map(String::into_bytes),
        any::<String>().prop_map(String::into_bytes),
    ]
}

/// Every decoder there is, for its own sake.
fn decode_as_everything(bytes: &[u8], encoding: &Encoding) {
    macro_rules! decode {
        ($($ty:ty)*) => {$( let _ = <$ty>::from_value(bytes, encoding); )*};
    }
    decode! {
        bool i16 i32 i64 i128 u32 f32 f64 &str String Box<str> std::borrow::Cow<'_, str> &[u8] Vec<u8> Box<[u8]>
        std::borrow::Cow<'_, [u8]> Numeric Date Time Timestamp TimestampTz Interval Uuid Geography<'_> AnyValue
        Vec<i32> Vec<Option<bool>> Vec<String> Vec<AnyValue> Option<Numeric>
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in any_bytes(), encoding in any_encoding()) {
        decode_as_everything(&bytes, &encoding);
        let _ = encoding.to_string();
    }

    #[test]
    fn no_bytes_make_a_row_panic(
        body in any_bytes(),
        encodings in proptest::collection::vec(any_encoding(), 0..4),
        count in 0_u16..4,
    ) {
        let columns: Columns = encodings.into_iter().map(|encoding| Column::new("c", encoding)).collect();
        let body = [&count.to_be_bytes()[..], &body].concat();
        let mut spans = Vec::new();
        if let Ok(row) = Row::decode(&columns, &body, &mut spans) {
            prop_assert_eq!(row.iter().count(), columns.len());
            for value in row.iter() {
                let _ = value.get::<AnyValue>().map_err(|error| error.to_string());
            }
        }
    }

    #[test]
    fn a_value_that_is_read_can_be_written_and_read_again(bytes in any_bytes(), encoding in any_encoding()) {
        let Ok(value) = AnyValue::from_value(&bytes, &encoding) else { return Ok(()) };
        if matches!(value, AnyValue::Geography(Geography::Opaque(_)) | AnyValue::Oid(_)) {
            // The first has no text, the second may stand for a name.
            return Ok(());
        }
        let text = Encoding::with_modifier(encoding.ty(), encoding.modifier(), Format::Text);
        let again = AnyValue::from_value(value.to_string().as_bytes(), &text);
        prop_assert_eq!(again.map(|value| value.to_string()), Ok(value.to_string()));
    }
}

/// What a parameter looks like to who gets a value back in the same type and format.
fn round_trip<T: ToParameter + for<'a> FromValue<'a>>(value: &T, encoding: &Encoding) -> Option<T> {
    let parameters = Parameters::new(&[value]).expect("it fits");
    let bytes = parameters.values().iter().next().flatten()?;
    T::from_value(bytes, encoding).ok()
}

/// A parameter in binary is declared with the type it is read back as.
fn binary_round_trip<T: ToParameter + for<'a> FromValue<'a>>(value: &T) -> Option<T> {
    assert_eq!(value.format(), Format::HyperBinary);
    assert_eq!(value.type_oid(), T::null_type_oid());
    round_trip(value, &Encoding::new(Type::from_oid(value.type_oid()), Format::HyperBinary))
}

prop_compose! {
    fn any_timestamp()(micros in Timestamp::MIN.julian_micros()..=Timestamp::MAX.julian_micros()) -> Timestamp {
        Timestamp::from_julian_micros(micros).expect("in range")
    }
}

proptest! {
    #[test]
    fn a_parameter_is_read_back_as_it_was(
        flag in any::<bool>(), small in any::<i16>(), number in any::<i32>(), big in any::<i64>(),
        real in any::<f32>(), double in any::<f64>(), bytes in any::<Vec<u8>>(), text in any::<String>(),
    ) {
        prop_assert_eq!(binary_round_trip(&flag), Some(flag));
        prop_assert_eq!(binary_round_trip(&small), Some(small));
        prop_assert_eq!(binary_round_trip(&number), Some(number));
        prop_assert_eq!(binary_round_trip(&big), Some(big));
        prop_assert_eq!(binary_round_trip(&real), Some(real));
        prop_assert_eq!(binary_round_trip(&double), Some(double));
        prop_assert_eq!(binary_round_trip(&bytes), Some(bytes));
        prop_assert_eq!(round_trip(&text, &Encoding::new(Type::Text, Format::Text)), Some(text.clone()));
        prop_assert_eq!(round_trip(&i128::from(big), &Encoding::new(Type::BigInt, Format::Text)), Some(big.into()));
        prop_assert_eq!(binary_round_trip(&Some(number)), Some(Some(number)));
    }

    #[test]
    fn a_parameter_of_our_own_types_is_read_back_as_it_was(
        day in Date::MIN.julian_day()..=Date::MAX.julian_day(), time in 0..=Time::MAX.as_micros(),
        timestamp in any_timestamp(), months in any::<i32>(), days in any::<i32>(), microseconds in any::<i64>(),
        uuid in any::<[u8; 16]>(), unscaled in any::<i64>(), scale in 0_u8..=38,
    ) {
        let date = Date::from_julian_day(day).expect("in range");
        let time = Time::from_micros(time).expect("in range");
        let interval = Interval { months, days, microseconds };
        let numeric = Numeric::new(unscaled.into(), scale).expect("small");
        prop_assert_eq!(binary_round_trip(&date), Some(date));
        prop_assert_eq!(binary_round_trip(&time), Some(time));
        prop_assert_eq!(binary_round_trip(&timestamp), Some(timestamp));
        prop_assert_eq!(binary_round_trip(&TimestampTz::from_utc(timestamp)), Some(TimestampTz::from_utc(timestamp)));
        prop_assert_eq!(binary_round_trip(&interval), Some(interval));
        prop_assert_eq!(binary_round_trip(&Uuid(uuid)), Some(Uuid(uuid)));
        prop_assert_eq!(round_trip(&numeric, &Encoding::new(Type::Numeric, Format::Text)), Some(numeric));
    }
}
