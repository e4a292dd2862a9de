//! Notices from the server, kept until the caller takes them.

use std::collections::VecDeque;

use hyperwire_core::session::ServerError;

/// How many notices are kept for a caller who does not take them ...
const MOST: usize = 256;
/// ... and how many bytes of their text. One has up to 64 KiB, and the server may send any number.
const MOST_BYTES: usize = 16 << 20;

/// The newest notices, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    kept: VecDeque<ServerError>,
    bytes: usize,
}

impl Notices {
    /// Adds one, and drops the oldest if there are too many.
    pub(crate) fn push(&mut self, notice: ServerError) {
        self.bytes += length(&notice);
        self.kept.push_back(notice);
        while self.kept.len() > MOST || self.bytes > MOST_BYTES {
            self.bytes -= self.kept.pop_front().as_ref().map_or(self.bytes, length);
        }
    }

    pub(crate) fn take(&mut self) -> Vec<ServerError> {
        self.bytes = 0;
        self.kept.drain(..).collect()
    }
}

fn length(notice: &ServerError) -> usize {
    notice.fields().map(|(_, text)| text.len()).sum()
}
