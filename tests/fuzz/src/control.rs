//! Lines between a daemon and its clients.
//!
//! The first byte says how the bytes are split. However they are, the same lines come out; a line that is understood is
//! written as a line that is understood as the same.

use hyperwire_core::control::{Command, LineDecoder, LineError, Ports, Reply, StartReport, idle_timeout};

/// Panics if something does not hold of them.
pub fn judge(input: &[u8]) {
    let Some((split, bytes)) = input.split_first() else { return };

    let whole = lines(bytes, bytes.len().max(1));
    let pieces = lines(bytes, usize::from(*split) + 1);

    assert_eq!(whole, pieces, "split by {}", usize::from(*split) + 1);
    whole.iter().flatten().for_each(|line| check(line));
}

fn lines(bytes: &[u8], piece: usize) -> Vec<Result<String, LineError>> {
    let mut decoder = LineDecoder::new();
    let mut lines = Vec::new();
    for piece in bytes.chunks(piece) {
        decoder.extend(piece);
        loop {
            match decoder.next_line() {
                Ok(Some(line)) => lines.push(Ok(line)),
                Ok(None) => break,
                Err(error) => {
                    lines.push(Err(error));
                    // The connection is closed.
                    return lines;
                }
            }
        }
    }
    lines
}

fn check(line: &str) {
    // A text in it may lose blanks and control characters, once.
    let command = Command::parse(line);
    if command != Command::Unknown {
        let again = Command::parse(&command.to_string());
        assert_eq!(Command::parse(&again.to_string()), again, "{line:?}");
        assert_ne!(again, Command::Unknown, "{line:?}");
    }
    if let Some(reply) = Reply::parse(line) {
        let again = Reply::parse(&reply.to_line()).expect("a reply");
        assert_eq!(Reply::parse(&again.to_line()), Some(again), "{line:?}");
    }
    if let Some(report) = StartReport::parse(line) {
        let again = StartReport::parse(&report.to_line()).expect("a report");
        assert_eq!(StartReport::parse(&again.to_line()), Some(again), "{line:?}");
    }
    let _ = Ports::from_env(Some(line));
    let _ = idle_timeout(Some(line));
}
