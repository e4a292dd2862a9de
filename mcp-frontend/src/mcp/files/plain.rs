//! Text as UTF-8.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;

use super::meter::{Content, Meter};
use crate::mcp::disk::{Fault, Temporary, TemporaryPath};
use crate::mcp::failure::Failure;
use encoding_rs::{CoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes from which an encoding is guessed.
const HEAD: u64 = 64 * 1024;

/// A file of text that is UTF-8, or should be.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) content: Content,
    /// A copy, which is removed with this.
    pub(crate) temporary: Option<TemporaryPath>,
    /// What it was.
    pub(crate) encoding: &'static Encoding,
    /// Compressed by gzip, which hyperd reads too.
    pub(crate) is_compressed: bool,
}

impl Plain {
    /// The content as a file that hyperd can read: itself, or a copy in `scratch`.
    pub(crate) fn of(
        content: &Content,
        told: Option<&'static Encoding>,
        scratch: &Path,
        meter: &Meter,
    ) -> Result<Self, Failure> {
        let unreadable = |error| content.unreadable(&error);
        let encoding = match told {
            Some(encoding) => encoding,
            None => guess(&content.head(HEAD).map_err(unreadable)?),
        };
        if let Content::File(_) = content
            && encoding == UTF_8
        {
            let is_compressed = content.is_compressed().map_err(unreadable)?;
            return Ok(Self { content: content.clone(), temporary: None, encoding, is_compressed });
        }
        let mut copy = Temporary::new_in(scratch).map_err(|error| no_room(&error))?;
        let was_clean = transcode(&mut content.open(meter).map_err(unreadable)?, encoding, &mut copy)
            .map_err(|error| no_room(&error))?;
        if !was_clean {
            return Err(Failure::new(format!(
                "{} is not in the encoding {}. Next: give the right `encoding`, such as windows-1252 or utf-16le.",
                content.name(),
                encoding.name()
            )));
        }
        let copy = copy.into_path();
        let content = Content::File(copy.to_path_buf());
        Ok(Self { content, temporary: Some(copy), encoding, is_compressed: false })
    }
}

/// Says that a scratch file cannot be written.
pub(crate) fn no_room(error: &io::Error) -> Failure {
    if let Some(fault @ Fault::Quota { .. }) = Fault::within(error) {
        return Failure::new(format!("Too large: {}. Nothing was loaded. {}", fault.why(), fault.advice()));
    }
    Failure::new(format!("A scratch file cannot be written: {error}. Next: make room, or set TMPDIR."))
}

fn guess(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let [even, odd] = [zeros(0), zeros(1)];
    if even.max(odd) * 4 > head.len() {
        return if odd > even { UTF_16LE } else { UTF_16BE };
    }
    match str::from_utf8(head) {
        Err(error) if error.error_len().is_some() => WINDOWS_1252,
        _ => UTF_8,
    }
}

/// Writes it as UTF-8 without a byte order mark; false if some of it meant nothing.
fn transcode(input: &mut dyn BufRead, encoding: &'static Encoding, out: &mut dyn Write) -> io::Result<bool> {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut out = BufWriter::new(out);
    let mut text = vec![0; 1 << 16];
    let mut clean = true;
    loop {
        let bytes = input.fill_buf()?;
        let last = bytes.is_empty();
        let (result, read, written, had_errors) = decoder.decode_to_utf8(bytes, &mut text, last);
        input.consume(read);
        clean &= !had_errors;
        out.write_all(&text[..written])?;
        if last && result == CoderResult::InputEmpty {
            out.flush()?;
            return Ok(clean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_guessed_from_what_they_look_like() {
        assert_eq!(guess("héllo".as_bytes()), UTF_8);
        assert_eq!(guess(&"hé".as_bytes()[..2]), UTF_8);
        assert_eq!(guess(b"h\xe9llo"), WINDOWS_1252);
        assert_eq!(guess(b"\xff\xfea\0"), UTF_16LE);
        assert_eq!(guess(b"a\0,\0b\0"), UTF_16LE);
        assert_eq!(guess(b"\0a\0,\0b"), UTF_16BE);
    }

    #[test]
    fn text_becomes_utf_8() {
        let mut out = Vec::new();

        let clean = transcode(&mut &b"\xff\xfeh\0\xe9\0"[..], UTF_16LE, &mut out).unwrap();

        assert_eq!((clean, String::from_utf8(out).unwrap().as_str()), (true, "hé"));
    }
}
