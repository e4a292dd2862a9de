//! The pipe of a daemon that was started.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;

use hyperwire_carrier::socket::is_not_now;
use hyperwire_core::control::{ReportReader, StartReport};
use tokio::net::unix::pipe::Receiver;

/// Brings one report, or what was said instead.
#[derive(Debug)]
pub(super) struct ReportPipe {
    receiver: Receiver,
    report: ReportReader,
}

impl ReportPipe {
    pub(super) fn new(reader: PipeReader) -> io::Result<Self> {
        let receiver = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok(Self { receiver, report: ReportReader::new() })
    }

    /// Waits for the report. Dropped, this future has lost nothing.
    pub(super) async fn next(&mut self) -> StartReport {
        loop {
            let mut bytes = [0; 4096];
            let count = match self.receiver.readable().await.and_then(|()| self.receiver.try_read(&mut bytes))
            {
                Ok(count) => count,
                Err(error) if is_not_now(&error) => continue,
                Err(_) => 0,
            };
            if let Some(report) = self.report.push(&bytes[..count]) {
                return report;
            }
            if count == 0 {
                return self.report.end();
            }
        }
    }
}
