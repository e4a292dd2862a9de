//! Arrays in Hyper's binary format, as rows carry them.
//!
//! * Elements of a fixed size: the values, then a map of the NULLs, a bit an element, lowest first.
//! * Elements of a variable size: how many there are, where each ends, the map, then their bytes.
//! * No elements: no bytes at all.
//!
//! The map is always there, also where the element type is NOT NULL: of 8 700 arrays of twenty element types, out of
//! literals, temporary tables, functions and operators, hyperd 0.0.26963 sent none without. Only COPY in its own format
//! leaves the map out. `tests/tests/hyperd_arrays.rs` holds hyperd to it.

use super::Push;
use crate::row::numeric::binary_size;
use crate::row::{Encoding, Type, ValueError};

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

fn fixed(bytes: &[u8], ty: Type, size: usize, push: Push<'_>) -> Result<(), ValueError> {
    let (values, map) = split_map(bytes, size).ok_or(MALFORMED)?;
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

fn is_null(map: &[u8], index: usize) -> bool {
    map.get(index / 8).is_some_and(|bits| bits >> (index % 8) & 1 == 1)
}

/// An element of `char(1)`: a code point, 0 for the blank that the empty string is padded to.
fn character(value: &[u8]) -> Option<char> {
    match u32::from_le_bytes(value.try_into().ok()?) {
        0 => Some(' '),
        code_point => char::from_u32(code_point),
    }
}

fn variable(bytes: &[u8], push: Push<'_>) -> Result<(), ValueError> {
    let (count, rest) = bytes.split_first_chunk().ok_or(MALFORMED)?;
    let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| MALFORMED)?;
    let (ends, rest) = count.checked_mul(4).and_then(|size| rest.split_at_checked(size)).ok_or(MALFORMED)?;
    let (ends, _) = ends.as_chunks();
    let (map, values) = rest.split_at_checked(count.div_ceil(8)).ok_or(MALFORMED)?;
    let end = |index: usize| ends.get(index).map_or(0, |end| u32::from_le_bytes(*end) as usize);
    if count.checked_sub(1).map(end) != Some(values.len()) {
        return Err(MALFORMED);
    }
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
    fn an_array_ends_with_a_map_of_its_nulls() {
        let (one, two) = (1_i64.to_le_bytes(), 2_i64.to_le_bytes());
        assert_eq!(read::<i64>(Type::BigInt, &[&one[..], &two, &[0]].concat()), Ok(vec![1, 2]));
        assert_eq!(read(Type::BigInt, &[&one[..], &[0; 8], &[2]].concat()), Ok(vec![Some(1_i64), None]));
        assert_eq!(read::<i64>(Type::BigInt, &[]), Ok(vec![]));
        assert_eq!(read::<i64>(Type::BigInt, &[one, two].concat()), Err(MALFORMED));
    }

    #[test]
    fn a_map_that_is_as_long_as_an_element_is_a_map() {
        assert_eq!(read(Type::Bool, &[1, 0, 0]), Ok(vec![true, false]));
        assert_eq!(read(Type::Integer, &[0; 132]), Ok(vec![0; 32]));
    }

    #[test]
    fn a_null_without_a_place_names_its_position() {
        let error = read::<i32>(Type::Integer, &[1, 0, 0, 0, 0, 0, 0, 0, 2]).expect_err("a NULL");
        assert_eq!(error, ValueError::Element { index: 1, error: ValueError::Null.into() });
    }

    #[test]
    fn what_fits_no_reading_is_refused() {
        // A length that no count has.
        assert_eq!(read::<i64>(Type::BigInt, &[0; 10]), Err(MALFORMED));
        // No count, a count beyond the end, ends that go back, a NULL with bytes.
        assert_eq!(read::<String>(Type::Text, &[0, 0, 0, 0]), Err(MALFORMED));
        assert_eq!(read::<String>(Type::Text, &[255, 255, 255, 255]), Err(MALFORMED));
        assert_eq!(read::<String>(Type::Text, &[2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Err(MALFORMED));
        assert_eq!(read::<Option<String>>(Type::Text, &[1, 0, 0, 0, 1, 0, 0, 0, 1, b'a']), Err(MALFORMED));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            values in proptest::collection::vec(any::<Option<i16>>(), 1..80),
        ) {
            let mut bytes: Vec<u8> = values.iter().flat_map(|value| value.unwrap_or(0).to_le_bytes()).collect();
            let mut map = vec![0_u8; values.len().div_ceil(8)];
            for (index, _) in values.iter().enumerate().filter(|(_, value)| value.is_none()) {
                map[index / 8] |= 1 << (index % 8);
            }
            bytes.extend(map);
            let read = read::<Option<i16>>(Type::SmallInt, &bytes);
            prop_assert_eq!(read, Ok(values));
        }
    }
}
