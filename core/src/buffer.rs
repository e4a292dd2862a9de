//! The two byte buffers of a connection. The driver owns both; the session reads from the [`InBuf`] and appends to the
//! [`OutBuf`].

use alloc::vec::Vec;
use core::fmt;

use crate::wire::InitialMessage;

/// The size of a new input buffer, in bytes: enough for any small result, small enough for a thousand idle sessions.
const INITIAL: usize = 8 << 10;
/// The size, in bytes, up to which an input buffer grows when reads keep filling it. Larger sizes made no difference
/// (8 KiB to 4 MiB were within 5 % of each other on a 10-million-row scan), and this size stays in a second-level
/// cache.
const STREAMING: usize = 256 << 10;

/// Bytes that have arrived and have not been consumed yet.
///
/// A driver asks for [`InBuf::space`], reads into it and reports how much it read with [`InBuf::filled`]. The buffer
/// grows while reads fill it, and to hold a message larger than itself. It grows to at most twice what has really
/// arrived, so a message that only declares a large length allocates nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct InBuf {
    /// Initialised throughout; only the bytes in `head..tail` are unread input.
    bytes: Vec<u8>,
    head: usize,
    tail: usize,
    /// How many unread bytes make the next message complete.
    needed: usize,
    /// Whether the last read filled all the space it was given.
    eager: bool,
}

impl InBuf {
    /// An empty buffer that has allocated nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), head: 0, tail: 0, needed: 0, eager: false }
    }

    /// The space to read the next bytes into; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        self.make_space();
        &mut self.bytes[self.tail..]
    }

    /// Reports that `count` bytes were written to [`InBuf::space`]. A count larger than that space is taken as all of
    /// it.
    pub fn filled(&mut self, count: usize) {
        let space = self.bytes.len() - self.tail;
        self.eager = count >= space;
        self.tail += count.min(space);
    }

    /// Copies `bytes` in, for callers that already hold them; does what [`InBuf::space`] and [`InBuf::filled`] do
    /// together.
    pub fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = self.space();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            self.filled(count);
            bytes = &bytes[count..];
        }
    }

    /// The bytes that have arrived and have not been consumed.
    #[inline]
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.head..self.tail]
    }

    /// The number of bytes allocated.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.head = (self.head + count).min(self.tail);
    }

    pub(crate) fn discard_all(&mut self) {
        self.head = self.tail;
    }

    /// Notes that the next message takes `needed` bytes.
    pub(crate) fn needs(&mut self, needed: usize) {
        self.needed = needed;
    }

    fn make_space(&mut self) {
        if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
            self.shrink();
        } else if self.head > 0
            && (self.bytes.len() - self.tail < INITIAL
                || self.needed > self.bytes.len()
                || self.is_oversized())
        {
            self.bytes.copy_within(self.head..self.tail, 0);
            (self.head, self.tail) = (0, self.tail - self.head);
            self.shrink();
        }
        let size = self.bytes.len();
        let wanted = if size == 0 {
            INITIAL
        } else if self.tail == size {
            // One incomplete message fills the whole buffer.
            (size * 2).min(self.needed.max(size + INITIAL))
        } else if self.eager && size < STREAMING {
            size * 2
        } else {
            size
        };
        if wanted > size {
            self.bytes.resize(wanted, 0);
        }
        self.eager = false;
    }
}

impl InBuf {
    /// Whether the buffer grew for a large message that has been consumed, and little has arrived since.
    fn is_oversized(&self) -> bool {
        self.bytes.len() > STREAMING && self.needed <= STREAMING && self.tail - self.head <= STREAMING / 2
    }

    /// Frees the memory that a large message needed. The unread bytes must start at 0.
    fn shrink(&mut self) {
        if self.is_oversized() {
            self.bytes.truncate(STREAMING);
            self.bytes.shrink_to_fit();
        }
    }
}

/// How much there is. The bytes are the user's, and may be many.
impl fmt::Debug for InBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InBuf").field("unread", &self.unread().len()).finish_non_exhaustive()
    }
}

/// Bytes that are waiting to be sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OutBuf {
    bytes: Vec<u8>,
    head: usize,
}

impl OutBuf {
    /// An empty buffer that has allocated nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), head: 0 }
    }

    /// The bytes to send next.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// Reports that the first `count` bytes of [`OutBuf::unsent`] were sent.
    pub fn sent(&mut self, count: usize) {
        self.head = self.head.saturating_add(count).min(self.bytes.len());
        if self.head == self.bytes.len() {
            self.clear();
        } else if self.head >= INITIAL && self.head >= self.bytes.len() - self.head {
            // Moves at most as many bytes as were sent since the previous move.
            self.bytes.drain(..self.head);
            self.head = 0;
            if self.bytes.capacity() / 2 > self.bytes.len() {
                self.bytes.shrink_to((2 * self.bytes.len()).max(STREAMING));
            }
        }
    }

    /// The number of bytes allocated: after a send, at most four times what is unsent, or 1 MiB, whichever is larger.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether everything has been sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head == self.bytes.len()
    }

    /// Discards what has not been sent, for a connection that is gone.
    pub fn clear(&mut self) {
        self.head = 0;
        self.bytes.clear();
        // One large statement must not pin its memory for the rest of the session.
        self.bytes.shrink_to(STREAMING);
    }

    /// Appends a message that opens a connection without a session, such as a CancelRequest.
    pub fn push(&mut self, message: &InitialMessage<'_>) {
        message.encode(&mut self.bytes);
    }

    /// The vector that messages are appended to.
    pub(crate) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// How much there is. The bytes are the user's, and may be many.
impl fmt::Debug for OutBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutBuf").field("unsent", &self.unsent().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_length_alone_allocates_nothing_more() {
        let mut input = InBuf::new();
        input.extend(b"D");
        input.needs(200 << 20);

        let space = input.space().len();

        assert!(space <= INITIAL, "{space} bytes were made for one that arrived");
    }

    #[test]
    fn the_buffer_grows_to_at_most_twice_what_arrived() {
        let mut input = InBuf::new();
        input.needs(100 << 20);
        let mut arrived = 0;
        for _ in 0..200 {
            let count = input.space().len();
            input.filled(count);
            arrived += count;

            assert!(input.unread().len() == arrived && input.bytes.len() <= 2 * arrived + INITIAL);
            if arrived > 100 << 20 {
                return;
            }
        }
        panic!("200 full reads brought only {arrived} bytes");
    }

    #[test]
    fn bytes_survive_compaction_and_growth() {
        let mut input = InBuf::new();
        let bytes: Vec<u8> = (0..50_000_u32).map(|i| i as u8).collect();
        let mut seen = Vec::new();

        for chunk in bytes.chunks(777) {
            input.extend(chunk);
            let whole = input.unread().len() / 100 * 100;
            seen.extend_from_slice(&input.unread()[..whole]);
            input.consume(whole);
        }
        seen.extend_from_slice(input.unread());

        assert_eq!(seen, bytes);
    }

    #[test]
    fn sending_a_backlog_frees_its_memory() {
        let mut out = OutBuf::new();
        out.queue().resize(64 << 20, 7);

        let mut sent = 0;
        while out.unsent().len() > 100 {
            let count = (out.unsent().len() - 100).min(64 << 10);
            out.sent(count);
            sent += count;
            assert!(out.capacity() <= (4 * out.unsent().len()).max(4 * STREAMING) || sent < 32 << 20);
        }

        assert_eq!(out.unsent(), [7; 100]);
        assert!(out.capacity() <= STREAMING, "{} bytes are held for 100", out.capacity());
    }

    /// Appends while the peer reads slowly: the allocation follows what is unsent, and no byte is lost.
    #[test]
    fn a_backlog_that_never_empties_allocates_in_proportion_to_what_is_unsent() {
        let mut out = OutBuf::new();
        let (mut appended, mut received) = (0_u64, 0_u64);
        for _ in 0..20_000 {
            out.queue().extend((0..10_000_u64).map(|index| (appended + index) as u8));
            appended += 10_000;
            while out.unsent().len() > 100 {
                let count = (out.unsent().len() - 100).min(4_096);
                assert!(out.unsent()[..count].iter().zip(received..).all(|(byte, at)| *byte == at as u8));
                out.sent(count);
                received += count as u64;
            }

            assert!(out.capacity() <= 4 * STREAMING, "{} bytes are held", out.capacity());
        }
        assert_eq!(appended - received, out.unsent().len() as u64);
    }

    #[test]
    fn a_sent_count_above_what_is_unsent_means_all_of_it() {
        let mut out = OutBuf::new();
        out.queue().extend([1, 2]);
        out.sent(1);

        out.sent(usize::MAX);

        assert!(out.is_empty());
    }

    #[test]
    fn consuming_a_large_message_frees_its_memory_when_part_of_the_next_has_arrived() {
        let mut input = InBuf::new();
        input.needs(4 << 20);
        input.extend(&std::vec![7; (4 << 20) + 3]);
        input.consume(4 << 20);
        input.needs(5);

        input.space();

        assert!(input.capacity() <= STREAMING);
        assert_eq!(input.unread(), [7; 3]);
    }

    #[test]
    fn consuming_a_large_message_frees_its_memory() {
        let mut input = InBuf::new();
        input.needs(4 << 20);
        input.extend(&std::vec![7; 4 << 20]);
        input.consume(4 << 20);
        input.needs(5);

        input.space();

        assert!(input.capacity() <= STREAMING);
    }
}
