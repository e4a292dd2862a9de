//! What a script says.

use std::time::Duration;

use hyperwire_core::wire::{BackendMessage, CopyResponse, Report, TransactionStatus};

use super::rows::put_row;
use super::stream::deadline;
use super::{Failure, Rows, Session};
use crate::virtual_time::pause;

/// Bytes that a repeated row is handed to the socket in.
const BLOCK: usize = 64 * 1024;

impl Session {
    /// Sends one message.
    ///
    /// # Errors
    /// When the client is gone, or takes nothing.
    pub fn send(&mut self, message: &BackendMessage<'_>) -> Result<(), Failure> {
        self.send_all(std::slice::from_ref(message))
    }

    /// Sends messages in one piece.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_all(&mut self, messages: &[BackendMessage<'_>]) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        for message in messages {
            message.encode(&mut bytes);
        }
        self.send_bytes(&bytes)
    }

    /// Sends whatever bytes.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let held = std::mem::take(&mut self.unsent);
        for part in [&held[..], bytes] {
            let left = self.offer(part, self.patience)?;
            if left > 0 {
                return Err(Failure::NotTaken { left, waited: self.patience });
            }
        }
        let flushed = self.stream.flush_until(deadline(self.patience)).map_err(write_failed)?;
        if flushed { Ok(()) } else { Err(Failure::NotTaken { left: 0, waited: self.patience }) }
    }

    /// Sends bytes in pieces that end before these places. Each piece is a write of its own, and the client's thread
    /// gets a chance to run in between, but the system may still deliver several pieces at once: what must hold for
    /// every split is a matter for a test of the core.
    ///
    /// # Panics
    /// When a place is not in order or behind the end.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_split(&mut self, bytes: &[u8], places: &[usize]) -> Result<(), Failure> {
        let mut start = 0;
        for &end in places.iter().chain([&bytes.len()]) {
            self.send_bytes(&bytes[start..end])?;
            pause();
            start = end;
        }
        Ok(())
    }

    /// Sends bytes one by one; see [`Session::send_split`].
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_byte_by_byte(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let places: Vec<_> = (1..bytes.len()).collect();
        self.send_split(bytes, &places)
    }

    /// Sends a whole result: RowDescription, the rows, `SELECT n`.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_rows(&mut self, rows: &Rows) -> Result<(), Failure> {
        let mut bytes = [rows.description(), rows.rows()].concat();
        BackendMessage::CommandComplete(&format!("SELECT {}", rows.count())).encode(&mut bytes);
        self.send_bytes(&bytes)
    }

    /// Sends the same DataRow so many times; cheap, however many.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_row_repeatedly(&mut self, fields: &[Option<&[u8]>], mut count: u64) -> Result<(), Failure> {
        let (row, block) = repeated(fields);
        let rows_a_block = (block.len() / row) as u64;
        while count >= rows_a_block {
            self.send_bytes(&block)?;
            count -= rows_a_block;
        }
        let rest = usize::try_from(count).expect("less than a block is left");
        self.send_bytes(&block[..rest * row])
    }

    /// Sends the same DataRow until the client leaves no room for `stall`, and returns how many bytes it and the
    /// sockets took, or `most` if they took that much. A row that was sent in part is completed by the next step that
    /// sends.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn send_until_blocked(
        &mut self,
        fields: &[Option<&[u8]>],
        stall: Duration,
        most: u64,
    ) -> Result<u64, Failure> {
        let (row, block) = repeated(fields);
        let held = std::mem::take(&mut self.unsent);
        let left = self.offer(&held, stall)?;
        self.unsent = held[held.len() - left..].to_vec();
        let mut taken = 0;
        while taken < most && self.unsent.is_empty() {
            let left = self.offer(&block, stall)?;
            taken += (block.len() - left) as u64;
            self.unsent = block[block.len() - left % row..].to_vec();
            if left > 0 {
                break;
            }
        }
        Ok(taken)
    }

    /// Sends CommandComplete.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn complete(&mut self, tag: &str) -> Result<(), Failure> {
        self.send(&BackendMessage::CommandComplete(tag))
    }

    /// Sends ReadyForQuery.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn ready(&mut self, status: TransactionStatus) -> Result<(), Failure> {
        self.send(&BackendMessage::ReadyForQuery(status))
    }

    /// Sends the heartbeat that hyperd sends every 5 s while a statement runs.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn pulse(&mut self) -> Result<(), Failure> {
        self.send(&BackendMessage::ParameterStatus { name: "alive", value: "?" })
    }

    /// Sends ErrorResponse with the fields that hyperd always sends.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_error(&mut self, sqlstate: &str, message: &str) -> Result<(), Failure> {
        self.send_error_fields(&[(b'S', "ERROR"), (b'C', sqlstate), (b'M', message), (b'B', "User")])
    }

    /// Sends ErrorResponse with these fields.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_error_fields(&mut self, fields: &[(u8, &str)]) -> Result<(), Failure> {
        let body = report(fields);
        self.send(&BackendMessage::ErrorResponse(Report::from_body(&body).expect("what was just written")))
    }

    /// Sends NoticeResponse, a warning.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_notice(&mut self, sqlstate: &str, message: &str) -> Result<(), Failure> {
        let body = report(&[(b'S', "WARNING"), (b'C', sqlstate), (b'M', message)]);
        self.send(&BackendMessage::NoticeResponse(Report::from_body(&body).expect("what was just written")))
    }

    /// Sends CopyInResponse, all formats 0 as hyperd does.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_copy_in_response(&mut self, columns: usize) -> Result<(), Failure> {
        self.send(&BackendMessage::CopyInResponse(CopyResponse {
            format: 0,
            columns: &vec![[0; 2]; columns],
        }))
    }

    /// Sends CopyOutResponse, all formats 0 as hyperd does.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub fn send_copy_out_response(&mut self, columns: usize) -> Result<(), Failure> {
        self.send(&BackendMessage::CopyOutResponse(CopyResponse {
            format: 0,
            columns: &vec![[0; 2]; columns],
        }))
    }

    /// Writes until all is gone or the client made no room for `stall`; returns how many bytes are left.
    fn offer(&mut self, mut bytes: &[u8], stall: Duration) -> Result<usize, Failure> {
        while !bytes.is_empty() {
            match self.stream.write_until(bytes, deadline(stall)).map_err(write_failed)? {
                0 => break,
                count => bytes = &bytes[count..],
            }
        }
        Ok(bytes.len())
    }
}

/// The length of one such row, and a block of as many as fit.
fn repeated(fields: &[Option<&[u8]>]) -> (usize, Vec<u8>) {
    let mut row = Vec::new();
    put_row(fields, &mut row);
    let count = (BLOCK / row.len()).max(1);
    (row.len(), row.repeat(count))
}

fn report(fields: &[(u8, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    Report::write_fields(fields.iter().copied(), &mut body);
    body
}

fn write_failed(error: std::io::Error) -> Failure {
    Failure::Io { doing: "write to the client", error }
}
