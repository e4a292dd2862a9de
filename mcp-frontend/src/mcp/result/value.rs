//! Values as JSON that says exactly what Hyper said.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::sql::format::json::{is_number, next_element, put_document, put_string};
use crate::sql::format::shape::Shape;

// OIDs of PostgreSQL's types, as Hyper uses them.
const BIGINT: u32 = 20;
const NUMERIC: u32 = 1700;
const BYTEA: u32 = 17;
const BYTEA_ARRAY: u32 = 1001;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;

/// Integers beyond this are not the same as doubles, which is what most readers of JSON make of numbers.
const EXACT_INTEGER: u64 = 1 << 53;

/// Appends a value, given in Hyper's text format. Numbers that a reader of doubles would change are strings, as are NaN and
/// the infinities; numerics have no zeros at their end that say nothing; times are ISO 8601, bytes Base64, arrays arrays.
pub(crate) fn put_value(field: Option<&str>, type_oid: u32, out: &mut Vec<u8>) {
    let Some(text) = field else { return out.extend_from_slice(b"null") };
    match (type_oid, Shape::of(type_oid)) {
        (BIGINT, _) if !is_exact_integer(text) => put_string(text, out),
        (NUMERIC, _) => put_decimal(text, out),
        (BYTEA, _) => put_bytes(text, out),
        (TIMESTAMP, _) => put_string(&iso(text), out),
        (TIMESTAMPTZ, _) => put_string(&iso_with_zone(text), out),
        (_, Shape::Boolean) if matches!(text, "t" | "f") => {
            out.extend_from_slice(if text == "t" { b"true" } else { b"false" });
        }
        (_, Shape::Number) if is_number(text) => out.extend_from_slice(text.as_bytes()),
        (_, Shape::Json) if survives(text) => put_document(text, out),
        (array, Shape::Array(element)) => put_array(text, element_type(array, element), out),
        _ => put_string(text, out),
    }
}

/// Whether a JSON document is still the same once a reader has parsed it: no number loses digits, no key comes twice.
/// Another order of keys is the same.
fn survives(document: &str) -> bool {
    let Ok(parsed) = serde_json::from_str::<serde_json::Value>(document) else { return false };
    histogram(without_blanks(document)) == histogram(parsed.to_string().bytes())
}

/// The bytes of a JSON document without the blanks between its words.
fn without_blanks(document: &str) -> impl Iterator<Item = u8> {
    let (mut in_string, mut escaped) = (false, false);
    document.bytes().filter(move |byte| {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_string = !in_string,
            _ => {}
        }
        in_string || !byte.is_ascii_whitespace()
    })
}

/// How often each byte comes.
fn histogram(bytes: impl Iterator<Item = u8>) -> [u32; 256] {
    let mut counts = [0; 256];
    bytes.for_each(|byte| counts[usize::from(byte)] += 1);
    counts
}

/// The element's own type where the shape does not care.
fn element_type(array: u32, element: u32) -> u32 {
    match array {
        BYTEA_ARRAY => BYTEA,
        1115 => TIMESTAMP,
        1185 => TIMESTAMPTZ,
        _ => element,
    }
}

fn is_exact_integer(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|value| value.unsigned_abs() <= EXACT_INTEGER)
}

/// A decimal number without idle zeros: as a number if a reader who makes a double of it and writes that again, in as few
/// digits as it takes, gets the same decimal; else as a string.
fn put_decimal(text: &str, out: &mut Vec<u8>) {
    let short = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    let short = if short == "-0" { "0" } else { short };
    let is_exact = match short.contains('.') {
        // Never an exponent: Rust writes doubles out.
        true => short.parse::<f64>().is_ok_and(|double| double.to_string() == short),
        false => is_exact_integer(short),
    };
    if is_exact && is_number(short) {
        out.extend_from_slice(short.as_bytes())
    } else {
        put_string(short, out)
    }
}

/// `\x00ff` as Base64.
fn put_bytes(text: &str, out: &mut Vec<u8>) {
    let digits = text.strip_prefix("\\x").unwrap_or_default().as_bytes();
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    match bytes {
        Some(bytes) if text.starts_with("\\x") => put_string(&BASE64_STANDARD.encode(bytes), out),
        _ => put_string(text, out),
    }
}

fn iso(text: &str) -> String {
    text.replacen(' ', "T", 1)
}

/// `2024-02-29 10:34:56+00` with all of its zone.
fn iso_with_zone(text: &str) -> String {
    let text = iso(text);
    let zone = text.get(text.len().saturating_sub(3)..).unwrap_or_default();
    let short = zone.starts_with(['+', '-']) && zone[1..].bytes().all(|byte| byte.is_ascii_digit());
    if short { text + ":00" } else { text }
}

/// An array, element by element. What cannot be understood becomes a string, whole.
fn put_array(text: &str, element: u32, out: &mut Vec<u8>) {
    let start = out.len();
    if put_elements(text, element, out).is_none() {
        out.truncate(start);
        put_string(text, out);
    }
}

fn put_elements(text: &str, type_oid: u32, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text.strip_prefix('[')?;
    out.push(b'[');
    if rest == "]" {
        out.push(b']');
        return Some(());
    }
    loop {
        let element;
        (element, rest) = next_element(rest)?;
        put_value(element.as_deref(), type_oid, out);
        if rest == "]" {
            out.push(b']');
            return Some(());
        }
        rest = rest.strip_prefix(',')?;
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str, type_oid: u32) -> String {
        let mut out = Vec::new();
        put_value(Some(text), type_oid, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_are_numbers_as_long_as_doubles_hold_them() {
        assert_eq!(json("9007199254740992", BIGINT), "9007199254740992");
        assert_eq!(json("9007199254740993", BIGINT), "\"9007199254740993\"");
        assert_eq!(json("-9223372036854775808", BIGINT), "\"-9223372036854775808\"");
    }

    #[test]
    fn decimals_keep_every_digit() {
        assert_eq!(json("-123456789012345.6", NUMERIC), "-123456789012345.6");
        assert_eq!(json("-1234567890123456.7", NUMERIC), "\"-1234567890123456.7\"");
        assert_eq!(json("0.000000000000001234", NUMERIC), "0.000000000000001234");
        assert_eq!(json("0.10000000000000001", NUMERIC), "\"0.10000000000000001\"");
    }

    #[test]
    fn decimals_have_no_idle_zeros() {
        assert_eq!(json("9.52300000000000000000", NUMERIC), "9.523");
        assert_eq!(json("100.00", NUMERIC), "100");
        assert_eq!(json("-0.00", NUMERIC), "0");
        assert_eq!(json("100", NUMERIC), "100");
        assert_eq!(json("12345678901234567890.10", NUMERIC), "\"12345678901234567890.1\"");
    }

    #[test]
    fn what_json_has_no_number_for_is_a_string() {
        assert_eq!(json("NaN", 701), "\"NaN\"");
        assert_eq!(json("-Infinity", 700), "\"-Infinity\"");
        assert_eq!(json("1e+15", 701), "1e+15");
    }

    #[test]
    fn times_are_iso_8601() {
        assert_eq!(json("2024-02-29 12:34:56.789", TIMESTAMP), "\"2024-02-29T12:34:56.789\"");
        assert_eq!(json("2024-02-29 10:34:56+00", TIMESTAMPTZ), "\"2024-02-29T10:34:56+00:00\"");
        assert_eq!(json("2024-02-29", 1082), "\"2024-02-29\"");
    }

    #[test]
    fn bytes_are_base64() {
        assert_eq!(json("\\x00ff61", BYTEA), "\"AP9h\"");
        assert_eq!(json("\\x", BYTEA), "\"\"");
    }

    #[test]
    fn documents_are_embedded_unless_a_reader_would_change_them() {
        assert_eq!(
            json(r#"{"b": [1, 2.5, "x \" y"], "a": null}"#, 114),
            r#"{"b": [1, 2.5, "x \" y"], "a": null}"#
        );
        for changed in
            [r#"{"a":1,"a":1}"#, "[12345678901234567890123]", "[0.12345678901234567890]", "no json"]
        {
            assert_eq!(json(changed, 114), serde_json::to_string(changed).unwrap());
        }
    }

    #[test]
    fn arrays_are_arrays_of_their_elements() {
        assert_eq!(json("[1,NULL,9007199254740993]", 1016), "[1,null,\"9007199254740993\"]");
        assert_eq!(json("[\"a\",\"b,c\"]", 1009), "[\"a\",\"b,c\"]");
        assert_eq!(json("[broken", 1016), "\"[broken\"");
    }
}
