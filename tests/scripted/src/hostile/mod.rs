//! What a broken or hostile server may send, as data: every case is the right conversation up to a phase, and then
//! something that must not harm the client.
//!
//! A test lets a client meet every case, does what [`Phase`] says the client does, and compares the outcome:
//!
//! ```no_run
//! use hyperwire_scripted::{Server, hostile};
//!
//! for case in hostile::cases() {
//!     let (name, expected) = (case.name, case.expected);
//!     let server = Server::tcp(move |session| case.serve(session));
//!     // ... connect to `server.address()` with the password `hostile::PASSWORD`, do what `case.phase` asks for,
//!     // expect `expected`, drop the client ...
//!     server.finish().unwrap_or_else(|failures| panic!("{name}: {failures}"));
//! }
//! ```
//!
//! Cases that expect [`Expected::Success`] or [`Expected::ServerError`] are there so that a client that refuses
//! everything does not pass. Sizes suit a client with the default limits.

mod bytes;
mod conversation;
mod copy;
mod framing;
mod startup;
mod statement;

use super::{Failure, Scram, ScramAbuse, Session};

/// The password that the SCRAM cases are about.
pub const PASSWORD: &str = "s3cret";

/// One thing that a server may do wrong.
#[derive(Clone, Debug)]
pub struct Case {
    /// What happens, in words that fit behind "the server sends".
    pub name: &'static str,
    /// When it happens.
    pub phase: Phase,
    /// What the server sends then.
    pub attack: Attack,
    /// What the server does afterwards.
    pub then: Then,
    /// What the client has to make of it.
    pub expected: Expected,
}

/// When the attack comes, and what the client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Instead of the answer to SSLRequest. The client connects and requires TLS.
    SslAnswer,
    /// Instead of the server's first message. The client connects, with [`PASSWORD`].
    Authentication,
    /// Behind AuthenticationOk, before anything else. The client connects.
    Settings,
    /// Behind the first ReadyForQuery, in the same write, so that the client has it before it can ask for anything.
    /// The client connects and runs `select 1` with the simple
    /// protocol; where the failure shows is up to it.
    Idle,
    /// Instead of any answer to a simple query. The client runs `select 1` with the simple protocol and reads all.
    Query,
    /// Behind RowDescription of one text column and one DataRow. The client does the same.
    Rows,
    /// Instead of any answer up to Sync. The client runs `select 1` with the extended protocol and reads all.
    Sync,
    /// Behind CopyInResponse of one column, before the client has ended its data. The client runs
    /// `copy t from stdin with (format csv)`, sends `1\n` and CopyDone.
    CopyIn,
    /// Behind CopyOutResponse of one column and one CopyData. The client runs `copy t to stdout with (format csv)`.
    CopyOut,
}

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attack {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A SCRAM exchange that it breaks.
    Scram(Scram<'static>, ScramAbuse),
}

/// What the server does behind its attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It keeps the connection until the client closes it, which a client that has met a violation or a limit must do.
    Wait,
    /// It closes.
    Close,
    /// It resets.
    Reset,
}

/// What the client has to make of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expected {
    /// The server broke the protocol, a typed error says how, and the connection is over.
    Violation,
    /// The server asked for more than the client's limits allow, a typed error says what of, and the connection is
    /// over.
    Limit,
    /// The connection was lost, and the client knows that it does not know how its statement ended.
    Closed,
    /// The server asked for something that the protocol has and the client does not offer; a typed error says so.
    Unsupported,
    /// An ErrorResponse, reported as what it is; the session can be used again if it was one of a statement.
    ServerError,
    /// Nothing is wrong: the client does what it was asked for.
    Success,
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    [startup::cases(), statement::cases(), copy::cases()].concat()
}

impl Case {
    fn new(phase: Phase, name: &'static str, attack: Vec<u8>, then: Then, expected: Expected) -> Self {
        Self { name, phase, attack: Attack::Bytes(attack), then, expected }
    }

    fn violation(phase: Phase, name: &'static str, attack: Vec<u8>) -> Self {
        Self::new(phase, name, attack, Then::Wait, Expected::Violation)
    }

    fn limit(phase: Phase, name: &'static str, attack: Vec<u8>) -> Self {
        Self::new(phase, name, attack, Then::Wait, Expected::Limit)
    }

    fn closed(phase: Phase, name: &'static str, attack: Vec<u8>) -> Self {
        Self::new(phase, name, attack, Then::Close, Expected::Closed)
    }

    fn server_error(phase: Phase, name: &'static str, attack: Vec<u8>) -> Self {
        Self::new(phase, name, attack, Then::Wait, Expected::ServerError)
    }

    fn success(phase: Phase, name: &'static str, attack: Vec<u8>) -> Self {
        Self::new(phase, name, attack, Then::Wait, Expected::Success)
    }

    /// Plays the server of this case: use it as the script.
    ///
    /// # Errors
    /// When the client does not get to the phase, or does not give up a connection that it has to give up.
    pub fn serve(&self, session: &mut Session) -> Result<(), Failure> {
        conversation::lead_up(self.phase, session)?;
        match &self.attack {
            // A client may close on the first bytes of an attack, while the rest is still being sent.
            Attack::Bytes(bytes) => match session.send_bytes(&conversation::whole_write(self.phase, bytes)) {
                Err(Failure::Io { .. }) if self.expected != Expected::Success => return Ok(()),
                outcome => outcome?,
            },
            Attack::Scram(scram, abuse) => session.abuse_scram(scram, *abuse)?,
        }
        match self.then {
            Then::Wait => session.expect_client_to_give_up(),
            Then::Close => session.half_close(),
            Then::Reset => session.reset(),
        }
    }
}
