//! Arrays in text: `[1,NULL,3]`, `["a","b\"c",NULL]`.

use alloc::vec::Vec;

use super::Push;
use crate::row::ValueError;

/// Gives each element to `push`, without quotes and escapes.
pub(super) fn elements(text: &[u8], push: Push<'_>) -> Result<(), ValueError> {
    let inner = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).ok_or(MALFORMED)?;
    if inner.is_empty() {
        return Ok(());
    }
    let mut rest = inner;
    let mut unescaped = Vec::new();
    loop {
        rest = match rest.strip_prefix(b"\"") {
            Some(quoted) => {
                let rest = unescape(quoted, &mut unescaped).ok_or(MALFORMED)?;
                push(Some(&unescaped))?;
                rest
            }
            None => {
                let end = rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len());
                let (bare, rest) = rest.split_at(end);
                match bare {
                    b"NULL" => push(None)?,
                    // Whatever is more than a number or a boolean is quoted.
                    [] => return Err(MALFORMED),
                    _ if bare.contains(&b'"') || bare.contains(&b'[') => return Err(MALFORMED),
                    _ => push(Some(bare))?,
                }
                rest
            }
        };
        if rest.is_empty() {
            return Ok(());
        }
        rest = rest.strip_prefix(b",").ok_or(MALFORMED)?;
    }
}

const MALFORMED: ValueError = ValueError::Malformed("an array of one dimension like [1,NULL,3]");

/// Takes what stands before the closing quote into `unescaped`; returns what stands behind it.
fn unescape<'a>(quoted: &'a [u8], unescaped: &mut Vec<u8>) -> Option<&'a [u8]> {
    unescaped.clear();
    let mut rest = quoted;
    loop {
        let plain = rest.iter().position(|&byte| byte == b'"' || byte == b'\\')?;
        unescaped.extend_from_slice(&rest[..plain]);
        rest = match &rest[plain..] {
            [b'\\', escaped, rest @ ..] => {
                unescaped.push(*escaped);
                rest
            }
            [b'"', rest @ ..] => return Some(rest),
            _ => return None,
        };
    }
}
