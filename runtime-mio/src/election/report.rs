//! The pipe of a daemon that was started.

use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;

use hyperwire_core::control::{ReportReader, StartReport};
use mio::event::Source;
use mio::unix::pipe::Receiver;
use mio::{Interest, Registry, Token};

/// Brings one report, or what was said instead.
#[derive(Debug)]
pub(super) struct ReportPipe {
    receiver: Receiver,
    report: ReportReader,
}

impl ReportPipe {
    pub(super) fn new(reader: PipeReader, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut receiver = Receiver::from(OwnedFd::from(reader));
        receiver.set_nonblocking(true)?;
        receiver.register(registry, token, Interest::READABLE)?;
        Ok(Self { receiver, report: ReportReader::new() })
    }

    /// The report, if it is here.
    pub(super) fn advance(&mut self) -> Option<StartReport> {
        loop {
            let mut bytes = [0; 4096];
            let count = match self.receiver.read(&mut bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let report = self.report.push(&bytes[..count]);
            if report.is_some() || count == 0 {
                return report.or_else(|| Some(self.report.end()));
            }
        }
    }
}
