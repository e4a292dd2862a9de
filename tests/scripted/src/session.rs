//! One connection, as a script sees it: what the client says, and how the connection ends.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperwire_core::wire::{
    CancelKey, Frame, FrameError, FrontendMessage, InitialMessage, Limits, Split, Violation,
};

use super::account::Account;
use super::received::describe;
use super::stream::{Arrival, Stream, deadline};
use super::wire::Wire;
use super::{Failure, Latch, Received};
use crate::virtual_time::now;

/// How often a connection that is only kept open looks whether the test is done.
const GLANCE: Duration = Duration::from_millis(20);

/// One connection. Steps that wait do so for the patience of the server and then fail with what they waited for.
pub struct Session {
    pub(super) stream: Stream,
    /// Bytes that came and were not looked at yet.
    pub(super) input: Vec<u8>,
    /// Bytes that [`Session::send_until_blocked`] could not get rid of.
    pub(super) unsent: Vec<u8>,
    pub(super) patience: Duration,
    account: Arc<Account>,
    number: usize,
    key: CancelKey,
}

/// What the client says.
impl Session {
    /// The next message, whatever it is.
    ///
    /// # Errors
    /// When none comes, or it is no message of the protocol.
    pub fn next_message(&mut self) -> Result<Received, Failure> {
        self.next_as("a message")
    }

    /// The next message, which must be exactly this one.
    ///
    /// # Errors
    /// When another comes, or none.
    pub fn expect(&mut self, expected: &FrontendMessage<'_>) -> Result<(), Failure> {
        let received = self.next_as(&describe(expected))?;
        if received.message() == *expected {
            Ok(())
        } else {
            Err(Failure::Mismatch { expected: describe(expected), found: format!("{received:?}") })
        }
    }

    /// The next message, which must have this name, such as `Bind`.
    ///
    /// # Errors
    /// When another comes, or none.
    pub fn expect_named(&mut self, name: &str) -> Result<Received, Failure> {
        let received = self.next_as(name)?;
        if received.message().name() == name {
            Ok(received)
        } else {
            Err(Failure::Mismatch { expected: name.to_owned(), found: format!("{received:?}") })
        }
    }

    /// A simple query with exactly this text.
    ///
    /// # Errors
    /// When something else comes.
    pub fn expect_query(&mut self, sql: &str) -> Result<(), Failure> {
        self.expect(&FrontendMessage::Query(sql))
    }

    /// All messages up to the next Sync, which is the last of them.
    ///
    /// # Errors
    /// When no Sync comes.
    pub fn read_to_sync(&mut self) -> Result<Vec<Received>, Failure> {
        let mut messages = Vec::new();
        loop {
            let received = self.next_as(&format!("Sync, after {messages:?}"))?;
            let last = received.message() == FrontendMessage::Sync;
            messages.push(received);
            if last {
                return Ok(messages);
            }
        }
    }

    /// All CopyData up to CopyDone, put together.
    ///
    /// # Errors
    /// When something else comes, CopyFail included.
    pub fn read_to_copy_done(&mut self) -> Result<Vec<u8>, Failure> {
        let mut data = Vec::new();
        loop {
            let received = self.next_as("CopyData or CopyDone")?;
            match received.message() {
                FrontendMessage::CopyData(more) => data.extend_from_slice(more),
                FrontendMessage::CopyDone => return Ok(data),
                other => {
                    return Err(Failure::Mismatch {
                        expected: "CopyData or CopyDone".to_owned(),
                        found: describe(&other),
                    });
                }
            }
        }
    }

    /// CopyFail, whose reason it returns, behind any amount of CopyData.
    ///
    /// # Errors
    /// When something else comes.
    pub fn read_to_copy_fail(&mut self) -> Result<String, Failure> {
        loop {
            let received = self.next_as("CopyData or CopyFail")?;
            match received.message() {
                FrontendMessage::CopyData(_) => {}
                FrontendMessage::CopyFail(reason) => return Ok(reason.to_owned()),
                other => {
                    return Err(Failure::Mismatch {
                        expected: "CopyData or CopyFail".to_owned(),
                        found: describe(&other),
                    });
                }
            }
        }
    }

    /// The end of the connection from the client, in good order, with nothing before it.
    ///
    /// # Errors
    /// When a message comes, a reset, or nothing.
    pub fn expect_eof(&mut self) -> Result<(), Failure> {
        match self.next_as("the end of the connection") {
            Err(Failure::Closed { how: "closed", held: 0, .. }) => Ok(()),
            Err(failure) => Err(failure),
            Ok(found) => Err(Failure::Mismatch {
                expected: "the end of the connection".to_owned(),
                found: format!("{found:?}"),
            }),
        }
    }

    /// The end of the connection, in whatever order, with whatever before it: the client has given this one up.
    ///
    /// # Errors
    /// When the client keeps the connection.
    pub fn expect_client_to_give_up(&mut self) -> Result<(), Failure> {
        let until = deadline(self.patience);
        self.input.clear();
        loop {
            match self.arrival(until)? {
                Arrival::Bytes(_) => self.input.clear(),
                Arrival::Closed | Arrival::Reset => return Ok(()),
                Arrival::TimedOut => {
                    return Err(self.silence("the client to give the connection up", self.patience));
                }
            }
        }
    }

    /// Nothing for so long. A client that is slow to err passes; one that does not err never fails.
    ///
    /// # Errors
    /// When something comes, the end of the connection included.
    pub fn expect_nothing_for(&mut self, duration: Duration) -> Result<(), Failure> {
        let expected = format!("nothing for {duration:?}");
        if !self.input.is_empty() {
            return Err(Failure::Mismatch { expected, found: format!("{} bytes", self.input.len()) });
        }
        match self.arrival(deadline(duration))? {
            Arrival::TimedOut => Ok(()),
            arrival => Err(Failure::Mismatch { expected, found: format!("{arrival:?}") }),
        }
    }

    /// Waits for a CancelRequest with this session's key on a connection of its own.
    ///
    /// # Errors
    /// When none comes.
    pub fn expect_cancel(&mut self) -> Result<(), Failure> {
        let key = self.key;
        self.account.take_cancel(self.patience, |found| *found == key).map(|_| ())
    }

    /// Whether such a CancelRequest came already; takes it.
    #[must_use]
    pub fn is_canceled(&mut self) -> bool {
        let key = self.key;
        self.account.take_cancel(Duration::ZERO, |found| *found == key).is_ok()
    }
}

/// How the connection stands, and how it ends.
impl Session {
    /// 0 for the first connection that ran the script, and so on.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// The key that BackendKeyData carries.
    #[must_use]
    pub fn cancel_key(&self) -> CancelKey {
        self.key
    }

    /// Chooses the key that BackendKeyData will carry. Unless told otherwise it is the session's number, as with
    /// hyperd, and a secret made from it.
    pub fn set_cancel_key(&mut self, key: CancelKey) {
        self.key = key;
    }

    /// Changes how long the steps of this session wait from now on.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Says nothing and reads nothing until the latch is released.
    ///
    /// # Errors
    /// When nobody releases it.
    pub fn stall(&mut self, latch: &Latch) -> Result<(), Failure> {
        latch.wait(self.patience)
    }

    /// Ends the server's half of the connection; the client's half stays open.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn half_close(&mut self) -> Result<(), Failure> {
        self.stream.half_close().map_err(|error| Failure::Io { doing: "close one half", error })
    }

    /// Closes the connection, as a process does that dies. What was sent still arrives, unless the client had sent
    /// something that the script has not read: then the system may send a reset.
    pub fn close(&mut self) {
        self.stream.close();
    }

    /// Ends the connection with a TCP reset. Unix sockets have none: there it is [`Session::close`].
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn reset(&mut self) -> Result<(), Failure> {
        self.stream.reset().map_err(|error| Failure::Io { doing: "reset the connection", error })
    }
}

impl Session {
    pub(super) fn new(wire: Wire, patience: Duration, account: Arc<Account>) -> Self {
        let key = CancelKey { process_id: 0, secret_key: 0 };
        let stream = Stream::Plain(wire);
        Self { stream, input: Vec::new(), unsent: Vec::new(), patience, account, number: 0, key }
    }

    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    pub(super) fn set_number(&mut self, number: usize) {
        let process_id = i32::try_from(number).expect("a test has few connections");
        self.number = number;
        self.key = CancelKey { process_id, secret_key: process_id.wrapping_mul(0x0101_0101) ^ 0x5eed_1234 };
    }

    /// Waits until the first message is there, without taking it; a CancelRequest is [`Failure::Cancel`].
    pub(super) fn wait_for_initial(&mut self) -> Result<(), Failure> {
        let body = self.initial("StartupMessage")?.1;
        match InitialMessage::decode(&body) {
            Ok(InitialMessage::CancelRequest(key)) => Err(Failure::Cancel(key)),
            _ => Ok(()),
        }
    }

    /// The length and the body of the untyped message that is first in the input.
    pub(super) fn initial(&mut self, expected: &str) -> Result<(usize, Vec<u8>), Failure> {
        let until = deadline(self.patience);
        loop {
            match Frame::split_untyped(&self.input, &limits()) {
                Ok(Split::Frame(frame)) => return Ok((frame.body.len() + 4, frame.body.to_owned())),
                Ok(Split::Needs(_)) => self.read_more(expected, until)?,
                Err(error) => return Err(malformed(expected, error)),
            }
        }
    }

    pub(super) fn next_as(&mut self, expected: &str) -> Result<Received, Failure> {
        let until = deadline(self.patience);
        loop {
            match Frame::split(&self.input, &limits()) {
                Ok(Split::Frame(frame)) => {
                    let length = frame.len();
                    let received =
                        Received::decode(frame).map_err(|violation| malformed(expected, violation.into()))?;
                    self.input.drain(..length);
                    return Ok(received);
                }
                Ok(Split::Needs(_)) => self.read_more(expected, until)?,
                Err(error) => return Err(malformed(expected, error)),
            }
        }
    }

    /// Ends a connection whose script is through: tells the client, and keeps the socket until the client has closed
    /// its side, so that no reset destroys what is still on its way.
    pub(super) fn end(mut self) {
        let until = deadline(self.patience);
        if self.stream.is_ended() || self.stream.half_close().is_err() {
            return;
        }
        while !self.account.is_finishing() && now() < until {
            match self.arrival(until.min(deadline(GLANCE))) {
                Ok(Arrival::Bytes(_)) => self.input.clear(),
                Ok(Arrival::TimedOut) => {}
                Ok(Arrival::Closed | Arrival::Reset) | Err(_) => return,
            }
        }
    }

    fn read_more(&mut self, expected: &str, until: Instant) -> Result<(), Failure> {
        let (expected, held) = (expected.to_owned(), self.input.len());
        match self.arrival(until)? {
            Arrival::Bytes(_) => Ok(()),
            Arrival::Closed => Err(Failure::Closed { expected, how: "closed", held }),
            Arrival::Reset => Err(Failure::Closed { expected, how: "reset", held }),
            Arrival::TimedOut => Err(self.silence(&expected, self.patience)),
        }
    }

    fn arrival(&mut self, until: Instant) -> Result<Arrival, Failure> {
        let mut buffer = [0; 64 * 1024];
        let arrival = self.stream.read_until(&mut buffer, until).map_err(read_failed)?;
        if let Arrival::Bytes(count) = arrival {
            self.input.extend_from_slice(&buffer[..count]);
        }
        Ok(arrival)
    }

    fn silence(&self, expected: &str, waited: Duration) -> Failure {
        Failure::Silence { expected: expected.to_owned(), waited, held: self.input.len() }
    }
}

fn read_failed(error: io::Error) -> Failure {
    Failure::Io { doing: "read from the client", error }
}

fn malformed(expected: &str, error: FrameError) -> Failure {
    Failure::Malformed { expected: expected.to_owned(), error }
}

/// A client may send what it likes, up to a gigabyte a message.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.message_length = 1 << 30;
    limits
}

/// A violation where a message was expected.
pub(super) fn violation(expected: &str, violation: Violation) -> Failure {
    malformed(expected, violation.into())
}
