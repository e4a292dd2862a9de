//! Lines out of bytes, in bounded memory.

use super::outline::{Scanner, Shape};

/// A buffer that has grown beyond this is given back once its line is done.
const KEPT: usize = 1 << 20;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Splits a stream of bytes into lines. However the bytes are split into pieces, the lines are the same.
#[derive(Debug)]
pub(crate) struct Lines {
    limit: usize,
    buffer: Vec<u8>,
    /// Reads what it can of a line that is too long, of which nothing is kept.
    skipping: Option<Scanner>,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// All of it, without its end and without a byte order mark. Never blank.
    Whole(&'a [u8]),
    /// It is longer than the limit; this is what could be read on the way.
    TooLong(Shape),
}

impl Lines {
    /// Lines of at most `limit` bytes, ends not counted.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, buffer: Vec::new(), skipping: None }
    }

    /// Takes the next bytes; `each` gets every line that they complete, in order.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Line<'_>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.add(&bytes[..end]);
            self.complete(&mut each);
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    /// Ends the stream: its last line may lack an end.
    pub(crate) fn end(&mut self, mut each: impl FnMut(Line<'_>)) {
        self.complete(&mut each);
    }

    /// How many bytes are held. Tests look at it.
    #[cfg_attr(not(test), allow(dead_code, reason = "the fuzz target looks at it, too"))]
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    fn add(&mut self, bytes: &[u8]) {
        if let Some(scanner) = &mut self.skipping {
            scanner.push(bytes);
        } else if self.buffer.len() + bytes.len() <= self.limit.saturating_add(1) {
            // One more than allowed, which may turn out to be the carriage return of the line's end.
            self.buffer.extend_from_slice(bytes);
        } else {
            let mut scanner = Scanner::default();
            scanner.push(&self.buffer);
            scanner.push(bytes);
            self.buffer = Vec::new();
            self.skipping = Some(scanner);
        }
    }

    fn complete(&mut self, each: &mut impl FnMut(Line<'_>)) {
        if let Some(scanner) = self.skipping.take() {
            each(Line::TooLong(scanner.finish()));
            return;
        }
        let line = self.buffer.strip_suffix(b"\r").unwrap_or(&self.buffer);
        if line.len() > self.limit {
            let mut scanner = Scanner::default();
            scanner.push(line);
            self.buffer.clear();
            return each(Line::TooLong(scanner.finish()));
        }
        let line = line.strip_prefix(BOM).unwrap_or(line);
        if !line.trim_ascii().is_empty() {
            each(Line::Whole(line));
        }
        self.buffer.clear();
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outline::Id;
    use super::*;

    /// All lines of these bytes, given in pieces of `size`.
    fn split(bytes: &[u8], limit: usize, size: usize) -> Vec<String> {
        let mut lines = Lines::new(limit);
        let mut all = Vec::new();
        let mut each = |line: Line<'_>| {
            all.push(match line {
                Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                Line::TooLong(shape) => format!("{shape:?}"),
            });
        };
        for piece in bytes.chunks(size) {
            lines.push(piece, &mut each);
            assert!(lines.held() <= limit + 1);
        }
        lines.end(&mut each);
        all
    }

    #[test]
    fn ends_marks_and_blank_lines_are_no_part_of_lines() {
        let bytes = b"one\r\n\n  \t\n\xEF\xBB\xBFtwo\n\r\n\0\nlast";

        assert_eq!(split(bytes, 100, bytes.len()), ["one", "two", "\0", "last"]);
    }

    #[test]
    fn pieces_change_nothing() {
        let bytes = b"{\"id\":1,\"x\":\"0123456789\"}\nshort\r\n{\"id\":2}\n0123456789abcdef\r\n0123456789abcdefg\r\n";
        let whole = split(bytes, 16, bytes.len());

        for size in 1..bytes.len() {
            assert_eq!(split(bytes, 16, size), whole, "in pieces of {size}");
        }
        assert_eq!(&whole[1..4], ["short", "{\"id\":2}", "0123456789abcdef"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_read_for_its_id_to_its_end() {
        let mut lines = Lines::new(1000);
        let mut seen = Vec::new();
        lines.push(b"{\"params\":{\"x\":\"", |_| panic!("no line yet"));
        for _ in 0..1000 {
            lines.push(&[b'x'; 1000], |_| panic!("no line yet"));
            assert!(lines.held() <= 1000);
        }
        lines.push(b"\"},\"method\":\"ping\",\"id\":\"last\"}\n", |line| match line {
            Line::TooLong(Shape::Object(outline)) => seen.push(outline.id),
            other => panic!("{other:?}"),
        });

        assert_eq!(seen, [Id::Written("\"last\"".to_owned())]);
    }
}
