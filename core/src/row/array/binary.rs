//! Arrays in Hyper's binary format.
//!
//! * Elements of a fixed size: the values, zero where NULL, then a map of the NULLs, a bit an element, lowest first.
//! * Elements of a variable size: how many there are, where each ends, the map, then their bytes.
//! * The map is missing if the element type is NOT NULL, which the row description does not say.
//! * No elements: no bytes at all.

use super::Push;
use crate::row::numeric::binary_size;
use crate::row::{Date, Encoding, Time, Timestamp, Type, ValueError};

/// Gives each element to `push`, in the binary form that it has outside of an array.
pub(super) fn elements(bytes: &[u8], element: &Encoding, push: Push<'_>) -> Result<(), ValueError> {
    if bytes.is_empty() {
        return Ok(());
    }
    match size(element) {
        Some(size) => fixed(bytes, element.ty(), size, push),
        None => variable(bytes, push),
    }
}

const MALFORMED: ValueError = ValueError::Malformed("a binary array of one dimension");

/// Bytes of an element, `None` if they vary.
fn size(element: &Encoding) -> Option<usize> {
    match element.ty() {
        Type::Bool => Some(1),
        Type::SmallInt => Some(2),
        // Inside of an array, a single character is a code point of 32 bits.
        Type::Integer
        | Type::Real
        | Type::Date
        | Type::Oid
        | Type::RegClass
        | Type::RegType
        | Type::Char1 => Some(4),
        Type::BigInt | Type::Double | Type::Time | Type::Timestamp | Type::TimestampTz => Some(8),
        Type::Interval | Type::Uuid => Some(16),
        Type::Numeric => Some(binary_size(element.precision())),
        _ => None,
    }
}

/// The length alone may allow for a reading with and one without a map of NULLs. Taking one of them on faith could give
/// wrong values, so it must be the only one that makes sense.
fn fixed(bytes: &[u8], ty: Type, size: usize, push: Push<'_>) -> Result<(), ValueError> {
    let with_map = split_map(bytes, size).filter(|(values, map)| is_consistent(values, Some(map), ty, size));
    let without_map = bytes.len().is_multiple_of(size).then_some(bytes);
    let without_map = without_map.filter(|values| is_consistent(values, None, ty, size));
    let (values, map) = match (with_map, without_map) {
        (Some(_), Some(_)) => return Err(ValueError::AmbiguousArray),
        (Some((values, map)), None) => (values, Some(map)),
        (None, Some(values)) => (values, None),
        (None, None) => return Err(MALFORMED),
    };
    for (index, value) in values.chunks_exact(size).enumerate() {
        if is_null(map, index) {
            push(None)?;
        } else if ty == Type::Char1 {
            let character = character(value).ok_or(MALFORMED)?;
            push(Some(character.encode_utf8(&mut [0; 4]).as_bytes()))?;
        } else {
            push(Some(value))?;
        }
    }
    Ok(())
}

/// The values and the map, if there is a count of elements for which both have just that length together.
fn split_map(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    // An element takes a bit more than `size` bytes; more of them do not fit, and fewer would leave a byte over.
    let count = bytes.len().checked_mul(8)? / (size * 8 + 1);
    let (values, map) = bytes.split_at_checked(count * size)?;
    (map.len() == count.div_ceil(8)).then_some((values, map))
}

/// Whether every NULL has zero bytes, every value is one that the type has, and the map's last bits are unused.
fn is_consistent(values: &[u8], map: Option<&[u8]>, ty: Type, size: usize) -> bool {
    let count = values.len() / size;
    let unused = map
        .unwrap_or_default()
        .last()
        .is_some_and(|last| !count.is_multiple_of(8) && last >> (count % 8) != 0);
    !unused
        && values.chunks_exact(size).enumerate().all(|(index, value)| {
            if is_null(map, index) { value.iter().all(|byte| *byte == 0) } else { is_possible(value, ty) }
        })
}

fn is_null(map: Option<&[u8]>, index: usize) -> bool {
    map.and_then(|map| map.get(index / 8)).is_some_and(|bits| bits >> (index % 8) & 1 == 1)
}

/// Whether the type has such a value; of most types, every pattern of bits is one.
fn is_possible(value: &[u8], ty: Type) -> bool {
    match (ty, value, value.first_chunk(), value.first_chunk()) {
        (Type::Bool, [byte], ..) => *byte <= 1,
        (Type::Char1, ..) => character(value).is_some(),
        (Type::Date, _, Some(value), _) => Date::from_julian_day(u32::from_le_bytes(*value)).is_some(),
        (Type::Time, _, _, Some(value)) => Time::from_micros(i64::from_le_bytes(*value)).is_some(),
        (Type::Timestamp | Type::TimestampTz, _, _, Some(value)) => {
            Timestamp::from_julian_micros(u64::from_le_bytes(*value)).is_some()
        }
        _ => true,
    }
}

/// An element of `char(1)`: a code point, 0 for the blank that the empty string is padded to.
fn character(value: &[u8]) -> Option<char> {
    match u32::from_le_bytes(value.try_into().ok()?) {
        0 => Some(' '),
        code_point => char::from_u32(code_point),
    }
}

/// The total length tells whether there is a map.
fn variable(bytes: &[u8], push: Push<'_>) -> Result<(), ValueError> {
    let (count, rest) = bytes.split_first_chunk().ok_or(MALFORMED)?;
    let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| MALFORMED)?;
    let (ends, rest) = count.checked_mul(4).and_then(|size| rest.split_at_checked(size)).ok_or(MALFORMED)?;
    let (ends, _) = ends.as_chunks();
    let end = |index: usize| ends.get(index).map_or(0, |end| u32::from_le_bytes(*end) as usize);
    let total = count.checked_sub(1).map(end).ok_or(MALFORMED)?;
    let map_size = rest.len().checked_sub(total).ok_or(MALFORMED)?;
    let (map, values) = match map_size {
        0 => (None, rest),
        _ if map_size == count.div_ceil(8) => (Some(&rest[..map_size]), &rest[map_size..]),
        _ => return Err(MALFORMED),
    };
    let mut start = 0;
    for index in 0..count {
        let value = values.get(start..end(index)).ok_or(MALFORMED)?;
        match (is_null(map, index), value) {
            (true, []) => push(None)?,
            (true, _) => return Err(MALFORMED),
            (false, _) => push(Some(value))?,
        }
        start = end(index);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::FromValue;
    use crate::wire::Format;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec;

    fn read<T: for<'a> FromValue<'a>>(ty: Type, bytes: &[u8]) -> Result<Vec<T>, ValueError> {
        Vec::from_value(bytes, &Encoding::new(ty.array().expect("a scalar"), Format::HyperBinary))
    }

    #[test]
    fn an_array_is_read_with_and_without_a_map_of_nulls() {
        let (one, two) = (1_i64.to_le_bytes(), 2_i64.to_le_bytes());
        assert_eq!(read::<i64>(Type::BigInt, &[one, two].concat()), Ok(vec![1, 2]));
        assert_eq!(read::<i64>(Type::BigInt, &[&one[..], &two, &[0]].concat()), Ok(vec![1, 2]));
        assert_eq!(read(Type::BigInt, &[&one[..], &[0; 8], &[2]].concat()), Ok(vec![Some(1_i64), None]));
        assert_eq!(read::<i64>(Type::BigInt, &[]), Ok(vec![]));
    }

    #[test]
    fn two_readings_that_make_sense_are_an_error() {
        // [t, f] with a map, or [t, f, f] without one.
        assert_eq!(read::<bool>(Type::Bool, &[1, 0, 0]), Err(ValueError::AmbiguousArray));
        // [f, NULL] with a map; 2 is no boolean.
        assert_eq!(read(Type::Bool, &[0, 0, 2]), Ok(vec![Some(false), None]));
        // 32 integers and a map, or 33 integers.
        assert_eq!(read::<i32>(Type::Integer, &[0; 132]), Err(ValueError::AmbiguousArray));
    }

    #[test]
    fn a_reading_with_a_value_that_the_type_does_not_have_is_none() {
        // As above, but a date of Julian day 0 does not exist.
        let dates = [&2_440_588_u32.to_le_bytes().repeat(32)[..], &[0; 4]].concat();
        assert_eq!(read::<Date>(Type::Date, &dates).map(|dates| dates.len()), Ok(32));
    }

    #[test]
    fn a_null_without_a_place_names_its_position() {
        let error = read::<i32>(Type::Integer, &[1, 0, 0, 0, 0, 0, 0, 0, 2]).expect_err("a NULL");
        assert_eq!(error, ValueError::Element { index: 1, error: ValueError::Null.into() });
    }

    #[test]
    fn what_fits_no_reading_is_refused() {
        // Padding bits of the map, bytes below a NULL, and lengths that no count has.
        assert_eq!(read::<i64>(Type::BigInt, &[0, 0, 0, 0, 0, 0, 0, 0, 4]), Err(MALFORMED));
        assert_eq!(read::<Option<i64>>(Type::BigInt, &[5, 0, 0, 0, 0, 0, 0, 0, 1]), Err(MALFORMED));
        assert_eq!(read::<i64>(Type::BigInt, &[0; 10]), Err(MALFORMED));
        // No count, a count beyond the end, ends that go back, a NULL with bytes.
        assert_eq!(read::<String>(Type::Text, &[0, 0, 0, 0]), Err(MALFORMED));
        assert_eq!(read::<String>(Type::Text, &[255, 255, 255, 255]), Err(MALFORMED));
        assert_eq!(read::<String>(Type::Text, &[2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), Err(MALFORMED));
        assert_eq!(read::<Option<String>>(Type::Text, &[1, 0, 0, 0, 1, 0, 0, 0, 1, b'a']), Err(MALFORMED));
    }

    proptest! {
        #[test]
        fn what_was_written_with_a_map_is_read_or_called_ambiguous(
            values in proptest::collection::vec(any::<Option<i16>>(), 1..80),
        ) {
            let mut bytes: Vec<u8> = values.iter().flat_map(|value| value.unwrap_or(0).to_le_bytes()).collect();
            let mut map = vec![0_u8; values.len().div_ceil(8)];
            for (index, _) in values.iter().enumerate().filter(|(_, value)| value.is_none()) {
                map[index / 8] |= 1 << (index % 8);
            }
            bytes.extend(map);
            let read = read::<Option<i16>>(Type::SmallInt, &bytes);
            prop_assert!(read == Ok(values.clone()) || read == Err(ValueError::AmbiguousArray), "{read:?}");
            if !bytes.len().is_multiple_of(2) {
                prop_assert_eq!(read, Ok(values));
            }
        }
    }
}
