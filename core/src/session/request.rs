//! Requests: what callers ask for, how it is put on the wire, what answer each expects.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::active::{Active, Kind};
use super::{Event, Fault, Misuse, Phase, Prepared, RequestId, Session, StatementError};
use crate::buffer::OutBuf;
use crate::row::{Columns, Parameters, Type};
use crate::time::Instant;
use crate::wire::{Bind, Format, FrontendMessage, ParameterTypes, Target};

/// A message's length travels as a positive Int32; this much is left for everything but the statement's own bytes.
const MAX_BYTES: usize = i32::MAX as usize - (1 << 16);

/// What may be said about any request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestOptions {
    /// When it is canceled at the server. The session survives that.
    pub deadline: Option<Instant>,
    /// It is a COPY, in or out. Any other statement that asks for data is refused it, and one that copies out fails.
    pub copy: bool,
}

impl RequestOptions {
    /// Cancel it at the server when this instant passes.
    #[must_use]
    pub fn deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// It is a COPY.
    #[must_use]
    pub fn copy(mut self) -> Self {
        self.copy = true;
        self
    }
}

/// A request that waits for the one on the wire to finish.
///
/// Nothing is pipelined: Hyper gains 9 % from it on simple queries, while a statement sent behind one that turns out
/// to be COPY FROM STDIN costs the connection, and a cancel could hit the wrong statement.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    active: Active,
    bytes: Vec<u8>,
}

impl Session {
    /// Runs a statement without parameters by the simple protocol: one round trip. Results come in
    /// [`Config::result_format`](super::Config::result_format).
    ///
    /// # Errors
    /// A zero byte in the statement, more than 2 GiB of it, or a dead session.
    pub fn query(
        &mut self,
        sql: &str,
        options: RequestOptions,
        out: &mut OutBuf,
    ) -> Result<RequestId, Misuse> {
        check_text("the statement", sql)?;
        self.submit(Kind::Query, options, out, |out| FrontendMessage::Query(sql).encode(out))
    }

    /// Runs a statement with parameters by the extended protocol, in one round trip. `format` is how its results
    /// travel, `None` for the session's default.
    ///
    /// # Errors
    /// As for [`Session::query`], or too many parameters.
    pub fn query_params(
        &mut self,
        sql: &str,
        parameters: &Parameters,
        format: Option<Format>,
        options: RequestOptions,
        out: &mut OutBuf,
    ) -> Result<RequestId, Misuse> {
        check_text("the statement", sql)?;
        check_parameters(sql.len(), parameters)?;
        let code = format.map(|format| format.code().to_be_bytes());
        self.submit(Kind::Extended { format }, options, out, |out| {
            FrontendMessage::Parse { statement: "", query: sql, types: parameters.types() }.encode(out);
            put_bind("", parameters, code.as_slice(), out);
            FrontendMessage::Describe(Target::Portal("")).encode(out);
            put_execute(out);
        })
    }

    /// Prepares a statement under a name that the session chooses. `types` gives each `$n` a type; Hyper refuses a
    /// statement that has more `$n` than types. 0 lets Hyper infer it, and then only text is safe as its value.
    ///
    /// `numeric` and its array are sent as 0: Hyper takes a declared one for numeric(1, 0) and silently rounds its
    /// values.
    ///
    /// # Errors
    /// As for [`Session::query`].
    pub fn prepare(
        &mut self,
        sql: &str,
        types: &[u32],
        options: RequestOptions,
        out: &mut OutBuf,
    ) -> Result<RequestId, Misuse> {
        check_text("the statement", sql)?;
        if types.len() > i16::MAX as usize {
            return Err(Misuse::TooManyParameters { count: types.len() });
        }
        let types: Vec<_> = types.iter().map(|oid| declared(*oid).to_be_bytes()).collect();
        let name = alloc::format!("hyperwire_{}", self.next_id);
        let statement = Prepared { name: name.as_str().into(), parameters: Vec::new(), columns: None };
        self.submit(Kind::Prepare(statement), options, out, |out| {
            FrontendMessage::Parse {
                statement: &name,
                query: sql,
                types: ParameterTypes::from_be_bytes(&types),
            }
            .encode(out);
            FrontendMessage::Describe(Target::Statement(&name)).encode(out);
            FrontendMessage::Sync.encode(out);
        })
    }

    /// Runs a prepared statement, in one round trip.
    ///
    /// # Errors
    /// Another number of parameters than it was prepared with, or as for [`Session::query`].
    pub fn execute(
        &mut self,
        statement: &Prepared,
        parameters: &Parameters,
        options: RequestOptions,
        out: &mut OutBuf,
    ) -> Result<RequestId, Misuse> {
        let (expected, found) = (statement.parameters.len(), parameters.len());
        if expected != found {
            return Err(Misuse::ParameterCount { expected, found });
        }
        check_parameters(0, parameters)?;
        check_types(&statement.parameters, parameters)?;
        let columns = statement.columns.clone();
        let formats: Vec<_> = columns.iter().flat_map(Columns::format_codes).collect();
        self.submit(Kind::Execute { columns }, options, out, |out| {
            put_bind(&statement.name, parameters, &formats, out);
            put_execute(out);
        })
    }

    /// Closes a prepared statement.
    ///
    /// # Errors
    /// A dead session.
    pub fn close_statement(
        &mut self,
        name: &str,
        options: RequestOptions,
        out: &mut OutBuf,
    ) -> Result<RequestId, Misuse> {
        check_text("the statement's name", name)?;
        self.submit(Kind::Close, options, out, |out| {
            FrontendMessage::Close(Target::Statement(name)).encode(out);
            FrontendMessage::Sync.encode(out);
        })
    }

    /// Puts the closing of a statement in line whose prepare was abandoned. Nobody looks at its answer either. It runs
    /// nothing that could be canceled; only the grace bounds it.
    pub(super) fn close_unclaimed(&mut self, name: &str, now: Instant) {
        let patience = now + self.config.abandon_patience;
        let grace = patience + self.config.cancel_grace;
        let active = Active::unread(RequestId(self.next_id), Kind::Close, patience, grace);
        self.next_id += 1;
        let mut bytes = Vec::new();
        FrontendMessage::Close(Target::Statement(name)).encode(&mut bytes);
        FrontendMessage::Sync.encode(&mut bytes);
        self.waiting.push_front(Waiting { active, bytes });
    }

    /// The cheapest round trip: shows that the server answers. Runs nothing.
    ///
    /// # Errors
    /// A dead session.
    pub fn sync(&mut self, options: RequestOptions, out: &mut OutBuf) -> Result<RequestId, Misuse> {
        self.submit(Kind::Sync, options, out, |out| FrontendMessage::Sync.encode(out))
    }

    /// Takes a request: straight to the wire when nothing else is there, in line otherwise.
    fn submit(
        &mut self,
        kind: Kind,
        options: RequestOptions,
        out: &mut OutBuf,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<RequestId, Misuse> {
        match &self.phase {
            Phase::Dead(fault) => return Err(Misuse::Dead(fault.clone())),
            Phase::Closing => return Err(Misuse::Dead(Fault::Closed)),
            _ => {}
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        let active = Active::new(id, kind, options);
        if self.may_send() && self.waiting.is_empty() {
            encode(out.queue());
            self.active = Some(active);
        } else {
            let mut bytes = Vec::new();
            encode(&mut bytes);
            self.waiting.push_back(Waiting { active, bytes });
        }
        Ok(id)
    }

    /// Whether the wire is free: start-up is over, no request is open, and no CancelRequest is on its way that could
    /// hit the next one.
    pub(super) fn may_send(&self) -> bool {
        matches!(self.phase, Phase::Ready) && self.active.is_none() && !self.cancel_on_its_way
    }

    /// Sends the next request that waits, if the wire is free.
    pub(super) fn send_next(&mut self, out: &mut OutBuf) {
        if self.may_send()
            && let Some(Waiting { active, bytes }) = self.waiting.pop_front()
        {
            out.queue().extend_from_slice(&bytes);
            self.active = Some(active);
        }
    }

    /// Takes a request out of the line before it was sent.
    pub(super) fn withdraw(&mut self, id: RequestId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.active.id != id);
        self.waiting.len() < before
    }

    /// Fails requests whose deadline passed while they waited.
    pub(super) fn expire_waiting(&mut self, now: Instant) {
        let expired = |waiting: &Waiting| waiting.active.is_due(now);
        for waiting in self.waiting.iter().filter(|waiting| expired(waiting)) {
            let id = waiting.active.id;
            self.events.push_back(Event::Failed { id, error: StatementError::DeadlineExceeded });
            self.events.push_back(Event::Finished { id, transaction: self.transaction });
        }
        self.waiting.retain(|waiting| !expired(waiting));
    }

    /// The request on the wire or in line.
    pub(super) fn request_mut(&mut self, id: RequestId, change: impl FnOnce(&mut Active)) {
        let waiting = self.waiting.iter_mut().map(|waiting| &mut waiting.active);
        if let Some(request) = self.active.iter_mut().chain(waiting).find(|request| request.id == id) {
            change(request);
        }
    }
}

impl Waiting {
    /// When its caller does not want it any more.
    pub(super) fn due(&self) -> Instant {
        self.active.due()
    }
}

/// How long the line is and what is in it.
pub(super) type Line = VecDeque<Waiting>;

/// The type to declare for a parameter: none for what Hyper would take for something else.
fn declared(oid: u32) -> u32 {
    match Type::from_oid(oid) {
        Type::Numeric | Type::NumericArray => 0,
        _ => oid,
    }
}

fn put_bind(statement: &str, parameters: &Parameters, result_formats: &[[u8; 2]], out: &mut Vec<u8>) {
    FrontendMessage::Bind(Bind { portal: "", statement, values: parameters.values(), result_formats })
        .encode(out);
}

fn put_execute(out: &mut Vec<u8>) {
    FrontendMessage::Execute { portal: "", max_rows: 0 }.encode(out);
    FrontendMessage::Sync.encode(out);
}

fn check_text(what: &'static str, text: &str) -> Result<(), Misuse> {
    if text.len() > MAX_BYTES {
        return Err(Misuse::TooLarge { bytes: text.len(), limit: MAX_BYTES });
    }
    if text.contains('\0') { Err(Misuse::ZeroByte { what }) } else { Ok(()) }
}

fn check_parameters(other: usize, parameters: &Parameters) -> Result<(), Misuse> {
    if parameters.len() > i16::MAX as usize {
        return Err(Misuse::TooManyParameters { count: parameters.len() });
    }
    let bytes = other + parameters.values().values.len();
    if bytes > MAX_BYTES { Err(Misuse::TooLarge { bytes, limit: MAX_BYTES }) } else { Ok(()) }
}

/// Hyper takes a binary value of the wrong length for a declared or inferred type without a complaint, so a binary
/// value has to be of the very type that was declared.
fn check_types(declared: &[u32], parameters: &Parameters) -> Result<(), Misuse> {
    let values = parameters.values();
    let given = parameters.types().oids().zip(values.formats).zip(values.iter());
    for (number, (declared, ((given, format), value))) in (1..).zip(declared.iter().zip(given)) {
        if value.is_some() && *format != Format::Text.code().to_be_bytes() && given != *declared {
            let (declared, given) = (Type::from_oid(*declared), Type::from_oid(given));
            return Err(Misuse::ParameterType { number, declared, given });
        }
    }
    Ok(())
}

/// The name of a setting that says how results travel.
pub(super) fn reported_format(settings: &super::Settings) -> Option<Format> {
    let name = settings.get("result_format_code")?;
    [Format::Text, Format::PgBinary, Format::HyperBinary]
        .into_iter()
        .find(|format| format.setting().eq_ignore_ascii_case(name))
}
