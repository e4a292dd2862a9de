//! Where the fields of a row are.

use alloc::vec::Vec;

use crate::wire::{DataRow, Violation};

/// Where one field lies in a DataRow. Meaningless without that message.
///
/// The buffer of spans is the caller's, so that one allocation serves a whole result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSpan {
    start: u32,
    /// What the length word said; [`NULL`] for NULL.
    length: u32,
}

/// -1 as the length word has it. No field is that long: a message stays under 2 GiB.
const NULL: u32 = u32::MAX;

impl FieldSpan {
    /// The field's bytes in the body that it was found in, `None` for NULL.
    #[inline]
    pub(super) fn bytes(self, body: &[u8]) -> Option<&[u8]> {
        // NULL is longer than any body, so that one comparison serves both.
        let start = self.start as usize;
        // NULL is longer than any body, so that one comparison serves both.
        body.get(start..start.checked_add(self.length as usize)?)
    }
}

/// Walks a DataRow once and notes where its fields are, in the first `expected` spans, counted from the start of
/// `message`. Its body starts `skip` bytes into it: behind its header, if that is there.
///
/// All of the body is checked, so nothing that is read later can be out of bounds. `spans` keeps its memory from row to
/// row. After an error its content is of no use.
#[inline(always)]
pub(crate) fn split_fields<'s>(
    message: &[u8],
    skip: usize,
    expected: usize,
    spans: &'s mut Vec<FieldSpan>,
) -> Result<&'s [FieldSpan], Violation> {
    if spans.len() < expected {
        grow(spans, expected);
    }
    let spans = &mut spans[..expected];
    if locate(message, skip, spans) {
        Ok(spans)
    } else {
        Err(violation(message.get(skip..).unwrap_or_default(), expected))
    }
}

/// Finds as many fields as there are spans; `false` if the body is anything but a count and these fields.
#[inline(always)]
fn locate(message: &[u8], skip: usize, spans: &mut [FieldSpan]) -> bool {
    let mut end = skip + 2;
    let Some(count) = message.get(skip..end).and_then(|count| count.first_chunk()) else {
        return false;
    };
    // The cast extends the sign, so that a negative count is no number of spans there is.
    if i16::from_be_bytes(*count) as usize != spans.len() || message.len() > i32::MAX as usize {
        return false;
    }
    for span in spans {
        let start = end + 4;
        let Some(length) = message.get(end..start).and_then(|length| length.first_chunk()) else {
            return false;
        };
        let length = u32::from_be_bytes(*length);
        // `message` is shorter than 2 GiB, so the cast cuts nothing.
        *span = FieldSpan { start: start as u32, length };
        end = match start.checked_add(length as usize) {
            Some(end) if end <= message.len() => end,
            _ if length == NULL => start,
            _ => return false,
        };
    }
    end == message.len()
}

#[cold]
#[inline(never)]
fn grow(spans: &mut Vec<FieldSpan>, expected: usize) {
    spans.resize(expected, FieldSpan::default());
}

/// What is wrong with a body that could not be split: the checked reader walks it again, and says.
#[cold]
#[inline(never)]
fn violation(body: &[u8], described: usize) -> Violation {
    match DataRow::from_body(body) {
        Err(violation) => violation,
        Ok(row) => Violation::FieldCount { found: row.len(), described },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

        let spans = split_fields(&body, 0, 4, &mut spans).expect("a well-formed row");

        assert_eq!(fields(&body, spans), [Some(&b"ab"[..]), None, Some(b""), Some(b"c")]);
    }

    #[test]
    fn spans_of_an_earlier_row_do_not_show_through() {
        let (long, short) = (body(&[Some(b"a"), Some(b"b"), Some(b"c")]), body(&[None]));
        let mut spans = Vec::new();

        split_fields(&long, 0, 3, &mut spans).expect("a well-formed row");
        let spans = split_fields(&short, 0, 1, &mut spans).expect("a well-formed row");

        assert_eq!(fields(&short, spans), [None]);
    }

    #[test]
    fn every_way_to_break_a_row_has_its_violation() {
        let check = |body: &[u8], expected| {
            split_fields(body, 0, expected, &mut vec![]).map(<[_]>::len).expect_err("a broken row")
        };

        assert_eq!(check(&[0], 0), Violation::Truncated { message: "DataRow" });
        let two = body(&[None, None]);
        assert_eq!(check(&two, 1), Violation::FieldCount { found: 2, described: 1 });
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
            let split = split_fields(&body, 0, expected, &mut spans).map(|spans| fields(&body, spans));
            match DataRow::from_body(&body) {
                Ok(row) if row.len() == expected => {
                    prop_assert_eq!(split, Ok(row.fields().collect()));
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
