//! What names and strings say, once quotes and escapes are resolved.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::token::{Kind, Token, continuation, escaped_part, uescape};

impl<'a> Token<'a> {
    /// The name as hyperd looks it up: a [`Word`](Kind::Word) in lower case (ASCII letters only; a blank beyond ASCII at
    /// its end is part of it), a [`QuotedName`](Kind::QuotedName) without quotes and with its escapes resolved.
    ///
    /// `None` for any other token, and for a name whose escapes hyperd refuses.
    #[must_use]
    pub fn identifier(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            Kind::Word if self.text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Some(Cow::Owned(self.text.to_ascii_lowercase()))
            }
            Kind::Word => Some(Cow::Borrowed(self.text)),
            Kind::QuotedName => match self.text.strip_prefix(['u', 'U']) {
                None => undoubled(self.text, '"').map(|(text, _)| text),
                Some(rest) => {
                    let (text, length) = undoubled(&rest[1..], '"')?;
                    let escape = uescape(&rest[1 + length..]).map_or('\\', |(escape, _)| escape);
                    unicode(&text, escape).map(Cow::Owned)
                }
            },
            _ => None,
        }
    }

    /// The text that a [`String`](Kind::String) stands for.
    ///
    /// `None` for any other token, for a bit string, and for one whose escapes hyperd refuses.
    #[must_use]
    pub fn string(&self) -> Option<Cow<'a, str>> {
        if self.kind != Kind::String {
            return None;
        }
        match self.text.as_bytes()[0] {
            b'$' => {
                let tag = 1 + self.text[1..].find('$')? + 1;
                Some(Cow::Borrowed(&self.text[tag..self.text.len() - tag]))
            }
            b'e' | b'E' => backslashes(&self.text[1..]).map(Cow::Owned),
            b'u' | b'U' => {
                let (text, length) = parts(&self.text[2..])?;
                let escape = uescape(&self.text[2 + length..]).map_or('\\', |(escape, _)| escape);
                unicode(&text, escape).map(Cow::Owned)
            }
            b'n' | b'N' => parts(&self.text[1..]).map(|(text, _)| text),
            b'\'' => parts(self.text).map(|(text, _)| text),
            _ => None,
        }
    }
}

/// The content of the quotes at the beginning, in which the quote is doubled, and how long it is with them.
fn undoubled(text: &str, quote: char) -> Option<(Cow<'_, str>, usize)> {
    let mut content: Cow<'_, str> = Cow::Borrowed("");
    let mut at = 1;
    loop {
        let length = text.get(at..)?.find(quote)?;
        let part = &text[at..at + length];
        match content {
            Cow::Borrowed("") => content = Cow::Borrowed(part),
            _ => content.to_mut().push_str(part),
        }
        at += length + 1;
        if !text[at..].starts_with(quote) {
            return Some((content, at));
        }
        content.to_mut().push(quote);
        at += 1;
    }
}

/// A string of one or more parts, and how long it is.
fn parts(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let (mut content, mut at) = undoubled(text, '\'')?;
    while let Some(gap) = continuation(&text[at..]) {
        at += gap;
        let (more, length) = undoubled(&text[at..], '\'')?;
        content.to_mut().push_str(&more);
        at += length;
    }
    Some((content, at))
}

/// Resolves the `\XXXX` and `\+XXXXXX` of `U&`, with any escape character.
fn unicode(text: &str, escape: char) -> Option<String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        resolved.push_str(before);
        if let Some(after) = after.strip_prefix(escape) {
            resolved.push(escape);
            rest = after;
            continue;
        }
        let (digits, length) = match after.strip_prefix('+') {
            Some(digits) => (digits, 6),
            None => (after, 4),
        };
        let (code, after) = hexadecimal(digits, length)?;
        resolved.push(char::from_u32(code)?);
        rest = after;
    }
    resolved.push_str(rest);
    Some(resolved)
}

/// So many hexadecimal digits, and what follows them.
fn hexadecimal(text: &str, length: usize) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(length)?;
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hexadecimal.then(|| u32::from_str_radix(digits, 16).ok()).flatten().map(|code| (code, rest))
}

/// The parts of an `E'...'` behind its E.
fn backslashes(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    loop {
        let length = escaped_part(&text[at..])?;
        resolve(&text[at + 1..at + length - 1], &mut bytes)?;
        at += length;
        match continuation(&text[at..]) {
            Some(0) => bytes.push(b'\''),
            Some(gap) => at += gap,
            None => return String::from_utf8(bytes).ok(),
        }
    }
}

/// Appends a text whose backslashes are resolved as hyperd does.
fn resolve(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let head = after.chars().next()?;
        rest = &after[head.len_utf8()..];
        match head {
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'u' | 'U' => {
                let (code, after) = hexadecimal(rest, if head == 'u' { 4 } else { 8 })?;
                let mut buffer = [0; 4];
                bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
                rest = after;
            }
            '0'..='7' => rest = number(after, 8, 3, bytes)?,
            'x' => rest = number(rest, 16, 2, bytes)?,
            _ => bytes.extend_from_slice(&after.as_bytes()[..head.len_utf8()]),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(())
}

/// Appends the byte that up to `most` digits at the beginning stand for; what follows them. Only its lowest eight bits count.
fn number<'t>(text: &'t str, radix: u32, most: usize, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let length = text.bytes().take(most).take_while(|byte| char::from(*byte).is_digit(radix)).count();
    let code = u32::from_str_radix(&text[..length], radix).ok()?;
    bytes.push(u8::try_from(code & 0xff).ok()?);
    Some(&text[length..])
}
