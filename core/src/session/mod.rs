//! One connection to Hyper, from its first byte to its last.
//!
//! ```text
//!            SSLRequest            StartupMessage           ReadyForQuery
//!  start ──► TlsAnswer ──► TlsHandshake ──► Login ─────────────────────► Ready ──► Closing
//!              │ N                            ▲                           │  ▲
//!              └──────────────────────────────┘              a request ──►└──┘◄── its ReadyForQuery
//!  any of them ──► Dead: a Fault, once and for ever
//! ```
//!
//! # Driving one
//!
//! The driver owns an [`InBuf`] and an [`OutBuf`]. It may do these in any order and as often as it likes:
//!
//! | | |
//! |---|---|
//! | bytes arrived | [`InBuf::space`], [`InBuf::filled`], then [`Session::poll`] until it returns `None` |
//! | end of file, an error | [`Session::handle_eof`], [`Session::handle_link_loss`] |
//! | a deadline passed | [`Session::handle_timeout`], then poll |
//! | a CancelRequest was sent, or not | [`Session::cancel_ended`], then poll |
//! | a caller wants something | [`Session::query`] and its siblings, [`Session::demand`], [`Session::cancel`], [`Session::abandon`] |
//! | what to wait for | [`Session::wants`]; write [`OutBuf::unsent`] whenever there is some, and never stop reading because a write is blocked |
//!
//! Rows come only while there is demand for them; once one is at hand without it, the session does not want to read,
//! and TCP slows the server down. The end of a result needs no demand. A row borrows the input buffer until the next
//! poll and is not copied anywhere.
//!
//! ```
//! use hyperwire_core::buffer::{InBuf, OutBuf};
//! use hyperwire_core::session::{Config, Event, RequestOptions, Session};
//! use hyperwire_core::time::Instant;
//!
//! let (mut input, mut out, now) = (InBuf::new(), OutBuf::new(), Instant::EPOCH);
//! let mut session = Session::start(Config::new("hyper"), [7; 18], now, &mut out)?;
//! let request = session.query("SELECT 1", RequestOptions::default(), &mut out)?;
//! assert!(out.unsent().len() > 8, "the StartupMessage is to be written");
//!
//! // What a server that trusts everybody answers: AuthenticationOk, ReadyForQuery.
//! input.extend(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I");
//! assert_eq!(session.poll(&mut input, &mut out, now)?, Some(Event::Ready));
//! assert!(out.unsent().ends_with(b"Q\0\0\0\rSELECT 1\0"), "the query was waiting for that");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod active;
mod cancel;
mod config;
mod copy;
mod error;
mod event;
mod request;
mod response;
mod rows;
mod scram;
mod server_error;
mod settings;
mod startup;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

pub use cancel::{CANCEL_TIMEOUT, CancelDelivery};
pub use config::{Config, Password, Tls, WeakPasswords};
pub use copy::COPY_CHUNK;
pub use error::{AuthenticationError, Blame, Fault, LinkLoss, Misuse, StatementError};
pub use event::{CommandTag, Event, Prepared, RequestId, Timer, Wants};
pub use request::RequestOptions;
pub use server_error::{ServerBlame, ServerError, SqlState};
pub use settings::Settings;

use crate::buffer::{InBuf, OutBuf};
use crate::row::{Columns, FieldSpan};
use crate::time::Instant;
use crate::wire::{
    BackendMessage, CancelKey, Format, Frame, FrontendMessage, LimitKind, Limits, Report, Split,
    TransactionStatus, Violation,
};
use active::Active;
use request::Line;
use response::Outcome;
use startup::Login;

/// Type byte and length word of a message.
const HEADER: usize = 5;

/// One connection; see the [module](self) for how to drive it.
#[derive(Clone, Debug)]
pub struct Session {
    config: Config,
    /// The encoded start-up parameters.
    startup: Vec<u8>,
    nonce: [u8; 18],
    phase: Phase,
    startup_deadline: Instant,
    active: Option<Active>,
    waiting: Line,
    next_id: u64,
    /// Handed out before anything else is read.
    events: VecDeque<Event>,
    settings: Settings,
    /// How results travel, as the server reports it.
    format: Format,
    key: Option<CancelKey>,
    cancel_on_its_way: bool,
    /// A CancelRequest may arrive at any time.
    key_is_burnt: bool,
    transaction: TransactionStatus,
    last_columns: Option<Columns>,
    /// The columns of the rows that stream to the caller.
    flow: Option<Columns>,
    spans: Vec<FieldSpan>,
    /// The next message is a row, or COPY data, that nobody has demand for.
    row_at_hand: bool,
    /// Bytes of the message that the last event shows; consumed by the next poll.
    held: usize,
    /// Bytes still to come of a message that was cut off, to be thrown away.
    beyond: usize,
    /// Bytes of all messages before the login was over.
    startup_length: u64,
}

#[derive(Clone, Debug)]
enum Phase {
    TlsAnswer,
    TlsHandshake,
    Login(Login),
    Ready,
    Closing,
    Dead(Fault),
}

impl Session {
    /// Starts a session: appends the first message to `out`. `nonce` must be fresh random bytes; SCRAM needs them.
    ///
    /// # Errors
    /// A configuration that cannot be sent.
    pub fn start(config: Config, nonce: [u8; 18], now: Instant, out: &mut OutBuf) -> Result<Self, Misuse> {
        let startup = startup::encode(&config)?;
        let mut session = Self {
            startup_deadline: now + config.startup_timeout,
            config,
            startup,
            nonce,
            phase: Phase::Closing,
            active: None,
            waiting: Line::new(),
            next_id: 1,
            events: VecDeque::new(),
            settings: Settings::default(),
            format: Format::Text,
            key: None,
            cancel_on_its_way: false,
            key_is_burnt: false,
            transaction: TransactionStatus::Idle,
            last_columns: None,
            flow: None,
            spans: Vec::new(),
            row_at_hand: false,
            held: 0,
            beyond: 0,
            startup_length: 0,
        };
        session.open(out);
        Ok(session)
    }

    /// Takes the next event out. Call it until it returns `None`; then more bytes, demand or time are needed.
    ///
    /// # Errors
    /// The session is dead; it says the same every time from then on.
    #[inline]
    pub fn poll(
        &mut self,
        input: &mut InBuf,
        out: &mut OutBuf,
        now: Instant,
    ) -> Result<Option<Event>, Fault> {
        if !self.is_due(now) && self.next_row_if_any(input) {
            let id = self.active.as_ref().map_or(RequestId(0), |active| active.id);
            return Ok(Some(Event::Row(id)));
        }
        self.poll_any(input, out, now)
    }

    /// Whether the open request's deadline has passed, and nothing was done about it.
    #[inline]
    fn is_due(&self, now: Instant) -> bool {
        self.active.as_ref().is_some_and(|active| active.is_due(now))
    }

    fn poll_any(
        &mut self,
        input: &mut InBuf,
        out: &mut OutBuf,
        now: Instant,
    ) -> Result<Option<Event>, Fault> {
        self.release(input);
        self.note_flow();
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.advance(input, out, now) {
                Ok(Some(Outcome::Event(event) | Outcome::Held(event))) => return Ok(Some(event)),
                Ok(Some(Outcome::Silent)) => {}
                Ok(None) if self.events.is_empty() => return Ok(None),
                Ok(None) => {}
                Err(fault) => return Err(self.fail(fault, input, out)),
            }
        }
    }

    #[cold]
    fn fail(&mut self, fault: Fault, input: &mut InBuf, out: &mut OutBuf) -> Fault {
        input.discard_all();
        out.clear();
        self.die(fault)
    }

    /// Works off one message, if one is there and wanted.
    fn advance(
        &mut self,
        input: &mut InBuf,
        out: &mut OutBuf,
        now: Instant,
    ) -> Result<Option<Outcome>, Fault> {
        let starting = match &self.phase {
            Phase::Dead(fault) => return Err(fault.clone()),
            Phase::Closing => {
                input.discard_all();
                return Ok(None);
            }
            Phase::TlsAnswer => {
                let before = input.unread().len();
                let event = self.on_tls_answer(input, out)?;
                let consumed = input.unread().len() < before;
                return Ok(event.map(Outcome::Event).or(consumed.then_some(Outcome::Silent)));
            }
            Phase::TlsHandshake => return Ok(None),
            Phase::Login(_) => true,
            Phase::Ready => false,
        };
        if !self.skip_beyond(input) {
            return Ok(None);
        }
        let is_paused = self.active.as_ref().is_some_and(Active::is_paused);
        self.row_at_hand = is_paused && matches!(input.unread().first(), Some(b'D' | b'd'));
        if self.row_at_hand {
            return Ok(None);
        }
        let limits = &self.config.limits;
        let bound = |tag| if starting { limits.before_login() } else { limits.after_login(tag) };
        let (frame, beyond) = match Frame::split_within(input.unread(), bound)? {
            (Split::Frame(frame), beyond) => (frame, beyond),
            (Split::Needs(needed), _) => {
                input.needs(needed);
                return Ok(None);
            }
        };
        let length = frame.len();
        if starting {
            self.startup_length += length as u64;
            let limit = limits.startup_length.into();
            Limits::check(LimitKind::StartupLength, self.startup_length, limit)?;
        }
        let outcome = if frame.tag == b'D' && !starting {
            self.on_row(&input.unread()[..length], now)?
        } else {
            self.on_message(decode(frame, beyond)?, now, out)?
        };
        self.beyond = beyond;
        match outcome {
            Outcome::Held(_) => self.held = length,
            Outcome::Event(_) | Outcome::Silent => input.consume(length),
        }
        self.note_flow();
        self.check_abandon_budget(now);
        Ok(Some(outcome))
    }

    /// Any message but a row of an open request.
    fn on_message(
        &mut self,
        message: BackendMessage<'_>,
        now: Instant,
        out: &mut OutBuf,
    ) -> Result<Outcome, Fault> {
        Ok(match message {
            BackendMessage::NoticeResponse(report) => {
                Outcome::Event(Event::Notice(ServerError::new(report).into()))
            }
            // Not a setting: Hyper's sign of life while a statement runs.
            BackendMessage::ParameterStatus { name: "alive", .. } => Outcome::Event(Event::Pulse),
            BackendMessage::ParameterStatus { name, value } => {
                self.settings.set(name, value, &self.config.limits)?;
                Outcome::Silent
            }
            message => match &self.phase {
                Phase::Login(login) => {
                    let login = login.clone();
                    self.on_login_message(login, message, out)?.map_or(Outcome::Silent, Outcome::Event)
                }
                _ => self.on_response(message, now, out)?,
            },
        })
    }

    /// Throws away what has come of the rest of a message that was cut off. Whether that is all of it.
    fn skip_beyond(&mut self, input: &mut InBuf) -> bool {
        let here = self.beyond.min(input.unread().len());
        input.consume(here);
        self.beyond -= here;
        if self.beyond > 0 {
            input.needs(1);
        }
        self.beyond == 0
    }

    /// What the session waits for.
    #[must_use]
    pub fn wants(&self, out: &OutBuf) -> Wants {
        let paused = self.wants_demand();
        let over = matches!(self.phase, Phase::Dead(_) | Phase::Closing | Phase::TlsHandshake);
        Wants { readable: !paused && !over, writable: !out.is_empty(), deadline: self.deadline() }
    }

    /// When to call [`Session::handle_timeout`], and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        if !self.events.is_empty() {
            return Some((Instant::EPOCH, Timer::Queued));
        }
        let startup = self.starting().then_some((self.startup_deadline, Timer::Startup));
        let line = self.line_deadline().map(|at| (at, Timer::Statement));
        startup.into_iter().chain(self.active_deadline()).chain(line).min_by_key(|(at, _)| *at)
    }

    /// Says that the server closed the connection.
    pub fn handle_eof(&mut self) -> Fault {
        self.handle_link_loss(LinkLoss::Eof)
    }

    /// Says that the connection is gone. If the server closed it behind an ErrorResponse, instead of ReadyForQuery,
    /// that error is the reason.
    pub fn handle_link_loss(&mut self, loss: LinkLoss) -> Fault {
        let active = self.active.take();
        // A Sync runs nothing.
        let request_open = active.as_ref().is_some_and(|active| !active.is_bare_sync());
        let refusal = active.and_then(Active::refusal);
        self.die(match (loss, refusal) {
            (LinkLoss::Eof | LinkLoss::Reset, Some(error)) => Fault::Refused(error),
            _ if matches!(self.phase, Phase::Closing) => Fault::Closed,
            _ => Fault::Link { loss, request_open },
        })
    }

    /// Appends Terminate: the session wants nothing any more, and the driver closes the connection once it is written.
    /// Before the StartupMessage the protocol has no goodbye, and nothing is appended.
    pub fn terminate(&mut self, out: &mut OutBuf) {
        if !matches!(self.phase, Phase::Dead(_) | Phase::Closing) {
            if !matches!(self.phase, Phase::TlsAnswer | Phase::TlsHandshake) {
                FrontendMessage::Terminate.encode(out.queue());
            }
            self.phase = Phase::Closing;
            self.active = None;
            self.waiting.clear();
            self.events.clear();
            self.note_flow();
        }
    }

    /// Whether start-up is over and no request is open or in line.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Ready) && self.active.is_none() && self.waiting.is_empty()
    }

    /// Why the session is dead, if it is.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match &self.phase {
            Phase::Dead(fault) => Some(fault),
            Phase::Closing => Some(&Fault::Closed),
            _ => None,
        }
    }

    /// Whether a transaction is open, as of the last finished request.
    #[must_use]
    pub fn transaction(&self) -> TransactionStatus {
        self.transaction
    }

    /// What the server reported of itself.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What a CancelRequest for this session carries; known once it is ready.
    #[must_use]
    pub fn cancel_key(&self) -> Option<CancelKey> {
        self.key
    }

    fn starting(&self) -> bool {
        matches!(self.phase, Phase::TlsAnswer | Phase::TlsHandshake | Phase::Login(_))
    }

    fn enter_ready(&mut self, transaction: TransactionStatus, out: &mut OutBuf) {
        self.transaction = transaction;
        self.format = request::reported_format(&self.settings).unwrap_or(Format::Text);
        self.phase = Phase::Ready;
        self.send_next(out);
    }

    /// The first fault stays.
    fn die(&mut self, fault: Fault) -> Fault {
        if let Phase::Dead(first) = &self.phase {
            return first.clone();
        }
        self.phase = Phase::Dead(fault.clone());
        self.active = None;
        self.waiting.clear();
        self.events.clear();
        self.held = 0;
        self.flow = None;
        fault
    }
}

/// A message that was cut off is an error or a notice, of which the beginning is enough.
fn decode(frame: Frame<'_>, beyond: usize) -> Result<BackendMessage<'_>, Violation> {
    match frame.tag {
        b'E' if beyond > 0 => Ok(BackendMessage::ErrorResponse(Report::cut(frame.body))),
        b'N' if beyond > 0 => Ok(BackendMessage::NoticeResponse(Report::cut(frame.body))),
        _ => BackendMessage::decode(frame),
    }
}
