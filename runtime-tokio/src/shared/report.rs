//! The pipe of a daemon that was started.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;

use hyperwire_core::control::{LineDecoder, StartReport};
use tokio::net::unix::pipe::Receiver;

use super::port::is_passing;

/// Brings one line, and then its end.
#[derive(Debug)]
pub(super) struct ReportPipe {
    receiver: Receiver,
    decoder: LineDecoder,
}

impl ReportPipe {
    pub(super) fn new(reader: PipeReader) -> io::Result<Self> {
        let receiver = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok(Self { receiver, decoder: LineDecoder::new() })
    }

    /// Waits for the report; `None` when none will come. Dropped, this future has lost nothing.
    pub(super) async fn next(&mut self) -> Option<StartReport> {
        loop {
            let mut bytes = [0; 4096];
            let count = match self.receiver.readable().await.and_then(|()| self.receiver.try_read(&mut bytes))
            {
                Ok(count) => count,
                Err(error) if is_passing(&error) => continue,
                Err(_) => 0,
            };
            self.decoder.extend(&bytes[..count]);
            match self.decoder.next_line() {
                Ok(Some(line)) => return StartReport::parse(&line),
                Ok(None) if count > 0 => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}
