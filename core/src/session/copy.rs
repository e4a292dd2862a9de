//! COPY: data in, data out.

use super::{Misuse, Session};
use crate::buffer::{InBuf, OutBuf};
use crate::wire::FrontendMessage;

/// The most data that one CopyData message carries. Throughput grows with it up to 4 MiB (3.1 million rows/s at 8 KiB,
/// 9.4 at 1 MiB, 10.2 at 4 MiB); above 150 MiB Hyper breaks the connection.
pub const COPY_CHUNK: usize = 1 << 20;

impl Session {
    /// Appends data for the COPY FROM STDIN that asked for it, in messages of at most [`COPY_CHUNK`]. Hyper reports
    /// bad data only after [`Session::copy_done`].
    ///
    /// # Errors
    /// No COPY waits for data.
    pub fn copy_in(&mut self, data: &[u8], out: &mut OutBuf) -> Result<(), Misuse> {
        self.check_copying()?;
        for chunk in data.chunks(COPY_CHUNK) {
            FrontendMessage::CopyData(chunk).encode(out.queue());
        }
        Ok(())
    }

    /// Says that all data was given.
    ///
    /// # Errors
    /// No COPY waits for data.
    pub fn copy_done(&mut self, out: &mut OutBuf) -> Result<(), Misuse> {
        self.end_copy(FrontendMessage::CopyDone, out)
    }

    /// Ends the COPY without keeping anything; the server answers SQLSTATE 57014 with this reason.
    ///
    /// # Errors
    /// No COPY waits for data, or a zero byte in the reason.
    pub fn copy_fail(&mut self, reason: &str, out: &mut OutBuf) -> Result<(), Misuse> {
        if reason.contains('\0') {
            return Err(Misuse::ZeroByte { what: "the reason" });
        }
        self.end_copy(FrontendMessage::CopyFail(reason), out)
    }

    /// The COPY data that the last event announced.
    #[must_use]
    pub fn copy_data<'i>(&self, input: &'i InBuf) -> &'i [u8] {
        self.held_body(input)
    }

    fn end_copy(&mut self, message: FrontendMessage<'_>, out: &mut OutBuf) -> Result<(), Misuse> {
        self.check_copying()?;
        if let Some(active) = &mut self.active {
            active.end_copy(message, out.queue());
        }
        Ok(())
    }

    fn check_copying(&self) -> Result<(), Misuse> {
        match &self.active {
            Some(active) if active.wants_data() => Ok(()),
            _ => Err(Misuse::NotCopying),
        }
    }
}
