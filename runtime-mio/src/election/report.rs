//! The pipe of a daemon that was started.

use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;

use hyperwire_core::control::{LineDecoder, StartReport};
use mio::event::Source;
use mio::unix::pipe::Receiver;
use mio::{Interest, Registry, Token};

/// Brings one line, and then its end.
#[derive(Debug)]
pub(super) struct ReportPipe {
    receiver: Receiver,
    decoder: LineDecoder,
}

impl ReportPipe {
    pub(super) fn new(reader: PipeReader, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut receiver = Receiver::from(OwnedFd::from(reader));
        receiver.set_nonblocking(true)?;
        receiver.register(registry, token, Interest::READABLE)?;
        Ok(Self { receiver, decoder: LineDecoder::new() })
    }

    /// The report, if it is here; `Some(None)` when none will come.
    pub(super) fn advance(&mut self) -> Option<Option<StartReport>> {
        loop {
            let mut bytes = [0; 4096];
            let count = match self.receiver.read(&mut bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            self.decoder.extend(&bytes[..count]);
            match self.decoder.next_line() {
                Ok(Some(line)) => return Some(StartReport::parse(&line)),
                Ok(None) if count > 0 => {}
                Ok(None) | Err(_) => return Some(None),
            }
        }
    }
}
