//! Bytes to lines, with a bound.

use alloc::string::String;
use alloc::vec::Vec;

/// The longest line either side takes, its end included. `hyperdb-mcp` reads replies of 64 KiB.
pub const MAX_LINE: usize = 64 * 1024;

/// The peer does not speak the line protocol. Close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// A line does not end.
    #[error("the peer sent a line of more than {MAX_LINE} bytes; it does not speak the daemon's protocol")]
    TooLong,
    /// A line is not UTF-8.
    #[error("the peer sent a line that is not UTF-8; it does not speak the daemon's protocol")]
    NotText,
}

/// Cuts what arrives into lines, however it was split on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LineDecoder {
    unread: Vec<u8>,
    /// How much of it was handed out. 0 once there is no further line, so that equal decoders are equal.
    taken: usize,
    /// How much of it is known to hold no further line end.
    searched: usize,
}

impl LineDecoder {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes in, in the order they arrived. Call [`Self::next_line`] until it returns `None` before the next;
    /// then no more is held than [`MAX_LINE`] and what one read brings.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The next whole line, without its end and without white space around it.
    ///
    /// # Errors
    /// The peer does not speak the protocol; what it sent is dropped.
    pub fn next_line(&mut self) -> Result<Option<String>, LineError> {
        let end = self.unread[self.searched..].iter().position(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| self.searched + end) else {
            // Once for all lines that were here: moving the rest up for each would take the square of their bytes.
            self.unread.drain(..core::mem::take(&mut self.taken));
            self.searched = self.unread.len();
            return if self.searched < MAX_LINE { Ok(None) } else { self.give_up(LineError::TooLong) };
        };
        if end - self.taken >= MAX_LINE {
            return self.give_up(LineError::TooLong);
        }
        let Ok(line) = core::str::from_utf8(&self.unread[self.taken..end]) else {
            return self.give_up(LineError::NotText);
        };
        let line = line.trim().into();
        self.taken = end + 1;
        self.searched = self.taken;
        Ok(Some(line))
    }

    fn give_up<T>(&mut self, error: LineError) -> Result<T, LineError> {
        *self = Self::new();
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn lines_are_the_same_however_the_bytes_are_split() {
        let bytes = b"PING\r\n\nSTATUS\nHEART";
        for split in 0..bytes.len() {
            let mut decoder = LineDecoder::new();
            let mut lines = vec![];

            for part in [&bytes[..split], &bytes[split..]] {
                decoder.extend(part);
                while let Some(line) = decoder.next_line().expect("all of it is text") {
                    lines.push(line);
                }
            }

            assert_eq!(lines, ["PING", "", "STATUS"], "split at {split}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_bound_and_not_kept() {
        let mut decoder = LineDecoder::new();

        decoder.extend(&[b'x'; MAX_LINE - 1]);
        assert_eq!(decoder.next_line(), Ok(None));
        decoder.extend(b"x");

        assert_eq!(decoder.next_line(), Err(LineError::TooLong));
        assert_eq!(decoder, LineDecoder::new());
    }

    #[test]
    fn a_line_that_is_not_text_is_refused() {
        let mut decoder = LineDecoder::new();

        decoder.extend(b"PING \xff\n");

        assert_eq!(decoder.next_line(), Err(LineError::NotText));
    }
}
