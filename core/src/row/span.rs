//! Where the fields of a row are.

use alloc::vec::Vec;

use crate::wire::Violation;

const MESSAGE: &str = "DataRow";

/// Where one field lies in the body of a DataRow. Meaningless without that body.
///
/// The buffer of spans is the caller's, so that one allocation serves a whole result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSpan {
    offset: u32,
    /// What the length word said; [`NULL`] for NULL.
    length: u32,
}

/// -1 as the length word has it. No field is that long: a message stays under 2 GiB.
const NULL: u32 = u32::MAX;

impl FieldSpan {
    /// The field's bytes in the body that it was found in, `None` for NULL.
    #[inline]
    pub(super) fn bytes(self, body: &[u8]) -> Option<&[u8]> {
        if self.length == NULL {
            return None;
        }
        let start = self.offset as usize;
        Some(&body[start..start + self.length as usize])
    }
}

/// Walks the body of a DataRow once and notes where its fields are.
///
/// All of the body is checked, so nothing that is read later can be out of bounds. `spans` then holds `expected`
/// spans; it keeps its memory from row to row. After an error its content is of no use.
#[inline]
pub(crate) fn split_fields(
    body: &[u8],
    expected: usize,
    spans: &mut Vec<FieldSpan>,
) -> Result<(), Violation> {
    let Some((count, mut rest)) = body.split_first_chunk() else {
        return Err(truncated());
    };
    // The cast extends the sign, so that a negative count is no column count there is.
    if i16::from_be_bytes(*count) as usize != expected || body.len() > i32::MAX as usize {
        return Err(bad_count(*count, expected, body.len()));
    }
    if spans.len() != expected {
        resize(spans, expected);
    }
    for span in spans.iter_mut() {
        let Some((length, tail)) = rest.split_first_chunk() else {
            return Err(truncated());
        };
        let length = u32::from_be_bytes(*length);
        let offset = body.len() - tail.len();
        // `body` is shorter than 2 GiB, so neither number is cut.
        *span = FieldSpan { offset: offset as u32, length };
        rest = match tail.get(length as usize..) {
            Some(rest) => rest,
            None if length == NULL => tail,
            None => return Err(bad_length(length)),
        };
    }
    if rest.is_empty() { Ok(()) } else { Err(trailing(rest.len())) }
}

#[cold]
#[inline(never)]
fn resize(spans: &mut Vec<FieldSpan>, expected: usize) {
    spans.resize(expected, FieldSpan::default());
}

#[cold]
#[inline(never)]
fn truncated() -> Violation {
    Violation::Truncated { message: MESSAGE }
}

#[cold]
#[inline(never)]
fn trailing(count: usize) -> Violation {
    Violation::TrailingBytes { message: MESSAGE, count }
}

#[cold]
#[inline(never)]
fn bad_count(count: [u8; 2], described: usize, body: usize) -> Violation {
    match usize::try_from(i16::from_be_bytes(count)) {
        Ok(found) if found != described => Violation::FieldCount { found, described },
        Ok(_) => Violation::BadValue {
            message: MESSAGE,
            field: "length",
            value: i64::try_from(body).unwrap_or(i64::MAX),
        },
        Err(_) => Violation::BadValue {
            message: MESSAGE,
            field: "field count",
            value: i16::from_be_bytes(count).into(),
        },
    }
}

#[cold]
#[inline(never)]
fn bad_length(length: u32) -> Violation {
    match length.cast_signed() {
        value @ ..0 => Violation::BadValue { message: MESSAGE, field: "value length", value: value.into() },
        _ => truncated(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::DataRow;
    use alloc::vec;
    use proptest::prelude::*;

    fn body(fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = Vec::new();
        DataRow::write_fields(fields, &mut body);
        body
    }

    fn fields<'a>(body: &'a [u8], spans: &[FieldSpan]) -> Vec<Option<&'a [u8]>> {
        spans.iter().map(|span| span.bytes(body)).collect()
    }

    #[test]
    fn null_and_empty_are_different_fields() {
        let body = body(&[Some(b"ab"), None, Some(b""), Some(b"c")]);
        let mut spans = Vec::new();

        split_fields(&body, 4, &mut spans).expect("a well-formed row");

        assert_eq!(fields(&body, &spans), [Some(&b"ab"[..]), None, Some(b""), Some(b"c")]);
    }

    #[test]
    fn spans_of_an_earlier_row_do_not_show_through() {
        let (long, short) = (body(&[Some(b"a"), Some(b"b"), Some(b"c")]), body(&[None]));
        let mut spans = Vec::new();

        split_fields(&long, 3, &mut spans).expect("a well-formed row");
        split_fields(&short, 1, &mut spans).expect("a well-formed row");

        assert_eq!(fields(&short, &spans), [None]);
    }

    #[test]
    fn every_way_to_break_a_row_has_its_violation() {
        let check =
            |body: &[u8], expected| split_fields(body, expected, &mut vec![]).expect_err("a broken row");

        assert_eq!(check(&[0], 0), Violation::Truncated { message: "DataRow" });
        assert_eq!(check(&[0, 2], 1), Violation::FieldCount { found: 2, described: 1 });
        assert_eq!(check(&[0xff, 0xff], 1), bad_value("field count", -1));
        assert_eq!(check(&[0xff, 0xff], 65_535), bad_value("field count", -1));
        assert_eq!(check(&[0, 1, 0, 0, 0], 1), Violation::Truncated { message: "DataRow" });
        assert_eq!(check(&[0, 1, 0, 0, 0, 2, 7], 1), Violation::Truncated { message: "DataRow" });
        assert_eq!(check(&[0, 1, 0xff, 0xff, 0xff, 0xfe], 1), bad_value("value length", -2));
        assert_eq!(check(&[0, 0, 9], 0), Violation::TrailingBytes { message: "DataRow", count: 1 });
    }

    fn bad_value(field: &'static str, value: i64) -> Violation {
        Violation::BadValue { message: "DataRow", field, value }
    }

    proptest! {
        /// `DataRow` was written independently and walks a body with the checked reader.
        #[test]
        fn splitting_agrees_with_the_decoder_of_the_message(
            body in arbitrary_body(),
            expected in 0_usize..5,
        ) {
            let mut spans = Vec::new();
            let split = split_fields(&body, expected, &mut spans);
            match DataRow::from_body(&body) {
                Ok(row) if row.len() == expected => {
                    prop_assert_eq!(split, Ok(()));
                    prop_assert_eq!(fields(&body, &spans), row.fields().collect::<Vec<_>>());
                }
                Ok(row) => prop_assert_eq!(split, Err(Violation::FieldCount { found: row.len(), described: expected })),
                Err(_) => prop_assert!(split.is_err()),
            }
        }
    }

    /// Bodies that are mostly right, with a byte changed, added or missing here and there.
    fn arbitrary_body() -> impl Strategy<Value = Vec<u8>> {
        let field = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..6));
        (proptest::collection::vec(field, 0..5), 0_usize..60, proptest::option::of(any::<u8>()), 0_usize..8)
            .prop_map(|(fields, at, byte, cut)| {
                let fields: Vec<_> = fields.iter().map(Option::as_deref).collect();
                let mut body = body(&fields);
                match (byte, body.len()) {
                    (Some(byte), length) if at < length => body[at] = byte,
                    (Some(byte), _) => body.push(byte),
                    (None, length) if cut < 3 => body.truncate(length.saturating_sub(cut)),
                    _ => {}
                }
                body
            })
    }
}
