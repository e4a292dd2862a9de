//! What the server answers to the request on the wire.
//!
//! A request is a list of [`Step`]s, the answers that are due in order; rows and COPY data stream inside one of them.
//! An ErrorResponse may come at any step and leaves only ReadyForQuery.

use super::active::{Active, Step, Streaming};
use super::request::Waiting;
use super::{Event, Fault, HEADER, ServerError, Session, StatementError};
use crate::buffer::OutBuf;
use crate::row::{Column, Columns, split_fields};
use crate::time::Instant;
use crate::wire::{
    BackendMessage, ColumnDescription, Format, FrontendMessage, LimitKind, Limits, RowDescription,
    TransactionStatus, Violation,
};

/// What became of a message.
pub(super) enum Outcome {
    /// An event, and the message is done with.
    Event(Event),
    /// An event that shows the message: it stays in the buffer until the next poll.
    Held(Event),
    /// Nothing to tell.
    Silent,
}

impl Session {
    /// One message while a request is open.
    pub(super) fn on_response(
        &mut self,
        message: BackendMessage<'_>,
        now: Instant,
        out: &mut OutBuf,
    ) -> Result<Outcome, Fault> {
        if matches!(message, BackendMessage::CopyData(_)) {
            self.look_at_clock(now);
        }
        let Some(active) = &mut self.active else { return on_idle_message(message) };
        let id = active.id;
        let step = active.step();
        let event = match (&active.streaming, step, message) {
            (_, _, BackendMessage::ErrorResponse(report)) => {
                if active.wants_data() {
                    active.renew_sync(out.queue());
                }
                active.failed(ServerError::new(report))
            }
            (_, Step::Ready, BackendMessage::ReadyForQuery(status))
            | (Streaming::Nothing, Step::MoreResults, BackendMessage::ReadyForQuery(status)) => {
                return Ok(self.finish(status, out));
            }

            (Streaming::Nothing, Step::ParseComplete, BackendMessage::ParseComplete)
            | (Streaming::Nothing, Step::CloseComplete, BackendMessage::CloseComplete)
            | (Streaming::Nothing, Step::PortalDescription, BackendMessage::NoData) => {
                active.next_step();
                return Ok(Outcome::Silent);
            }
            (Streaming::Nothing, Step::BindComplete, BackendMessage::BindComplete) => match active.bound() {
                Some(event) => event,
                None => return Ok(Outcome::Silent),
            },
            (Streaming::Nothing, Step::ParameterDescription, BackendMessage::ParameterDescription(types)) => {
                active.described(types.oids());
                return Ok(Outcome::Silent);
            }
            (Streaming::Nothing, Step::StatementDescription, BackendMessage::RowDescription(description)) => {
                let columns = self.prepared_columns(&description)?;
                return Ok(self.prepared(Some(columns), now));
            }
            (Streaming::Nothing, Step::StatementDescription, BackendMessage::NoData) => {
                return Ok(self.prepared(None, now));
            }
            (
                Streaming::Nothing,
                Step::PortalDescription | Step::FirstResult | Step::MoreResults,
                BackendMessage::RowDescription(description),
            ) => Event::Columns { id, columns: self.start_rows(&description)? },

            (
                Streaming::Nothing | Streaming::Rows(_) | Streaming::CopyIn { .. },
                Step::Result | Step::FirstResult | Step::MoreResults,
                BackendMessage::CommandComplete(tag),
            ) => {
                active.end_of_result();
                Event::Complete { id, tag: super::CommandTag::new(tag) }
            }
            (
                Streaming::Nothing,
                Step::Result | Step::FirstResult | Step::MoreResults,
                BackendMessage::EmptyQueryResponse,
            ) => {
                active.end_of_result();
                Event::Empty(id)
            }

            (
                Streaming::Nothing,
                Step::Result | Step::FirstResult | Step::MoreResults,
                BackendMessage::CopyInResponse(_),
            ) => {
                if active.is_copy && !active.is_discarded() {
                    active.streaming = Streaming::CopyIn { ended: false };
                    Event::CopyIn(id)
                } else {
                    active.end_copy(FrontendMessage::CopyFail(NOT_A_COPY), out.queue());
                    return Ok(Outcome::Silent);
                }
            }
            (
                Streaming::Nothing,
                Step::Result | Step::FirstResult | Step::MoreResults,
                BackendMessage::CopyOutResponse(_),
            ) => {
                active.streaming = Streaming::CopyOut;
                if active.is_copy {
                    Event::CopyOut(id)
                } else {
                    let told = active.is_discarded();
                    active.discard();
                    let event = Event::Failed { id, error: StatementError::CopiesOut };
                    return Ok(if told { Outcome::Silent } else { Outcome::Event(event) });
                }
            }
            (Streaming::CopyOut, _, BackendMessage::CopyData(data)) => {
                if active.throws_away(data.len()) {
                    return Ok(Outcome::Silent);
                }
                active.demand.hand_out(now);
                return Ok(Outcome::Held(Event::CopyData(id)));
            }
            (Streaming::CopyOut, _, BackendMessage::CopyDone) => {
                active.streaming = Streaming::Nothing;
                return Ok(Outcome::Silent);
            }

            (streaming, step, message) => {
                let phase = due(streaming, step);
                return Err(Violation::UnexpectedMessage { message: message.name(), phase }.into());
            }
        };
        if let Some(event) = self.cut_off() {
            return Ok(Outcome::Event(event));
        }
        let unread = self.active.as_ref().is_some_and(Active::is_discarded);
        Ok(if unread { Outcome::Silent } else { Outcome::Event(event) })
    }

    /// Acts upon the open request's deadline before a row is handed out behind it.
    fn look_at_clock(&mut self, now: Instant) {
        if self.active.as_ref().is_some_and(|active| active.is_due(now)) {
            self.pass_deadline(now);
        }
    }

    /// One whole DataRow while rows stream.
    pub(super) fn on_row(&mut self, message: &[u8], now: Instant) -> Result<Outcome, Fault> {
        self.look_at_clock(now);
        let Some(active) = &mut self.active else { return Err(unexpected_row("no request is open")) };
        let Streaming::Rows(columns) = &active.streaming else {
            return Err(unexpected_row(due(&active.streaming, active.step())));
        };
        let described = columns.len();
        if active.throws_away(message.len()) {
            return Ok(Outcome::Silent);
        }
        match split_fields(message, HEADER, described, &mut self.spans) {
            Ok(_) => {
                active.demand.hand_out(now);
                Ok(Outcome::Held(Event::Row(active.id)))
            }
            Err(Violation::FieldCount { found, described }) if active.is_prepared() => {
                active.discard();
                let error = StatementError::Stale { described, found };
                Ok(Outcome::Event(Event::Failed { id: active.id, error }))
            }
            Err(violation) => Err(violation.into()),
        }
    }

    /// Keeps the columns of streaming rows at hand, where the next row finds them at once. What streams changes only
    /// between messages that are no rows. Behind a message that was cut off comes its rest, whatever it looks like.
    pub(super) fn note_flow(&mut self) {
        let flow = self.active.as_ref().and_then(Active::flow).filter(|_| self.beyond == 0);
        if self.flow.is_some() != flow.is_some() {
            self.flow = flow.cloned();
        }
    }

    /// ReadyForQuery: the request is over and the next may go.
    fn finish(&mut self, transaction: TransactionStatus, out: &mut OutBuf) -> Outcome {
        self.transaction = transaction;
        let active = self.active.take();
        self.end_if_burnt();
        self.send_next(out);
        match active {
            Some(active) if !active.is_abandoned() => {
                Outcome::Event(Event::Finished { id: active.id, transaction })
            }
            _ => Outcome::Silent,
        }
    }

    /// A result streams now. Most programs run the same statements again and again, so those of
    /// the last result are kept and compared.
    fn start_rows(&mut self, description: &RowDescription<'_>) -> Result<Columns, Fault> {
        let format = self.active.as_ref().and_then(Active::format).unwrap_or(self.format);
        self.check_columns(description)?;
        let columns = match &self.last_columns {
            Some(last) if same_columns(last, description, format) => last.clone(),
            _ => Columns::from_description(description, format),
        };
        self.last_columns = Some(columns.clone());
        if let Some(active) = &mut self.active {
            active.start_rows(columns.clone());
        }
        Ok(columns)
    }

    fn prepared_columns(&self, description: &RowDescription<'_>) -> Result<Columns, Fault> {
        self.check_columns(description)?;
        Ok(Columns::from_description(description, self.format))
    }

    fn check_columns(&self, description: &RowDescription<'_>) -> Result<(), Fault> {
        let limit = self.config.limits.columns;
        Ok(Limits::check(LimitKind::Columns, description.len() as u64, limit.into())?)
    }

    fn prepared(&mut self, columns: Option<Columns>, now: Instant) -> Outcome {
        let Some(active) = &mut self.active else { return Outcome::Silent };
        let Some(statement) = active.prepared(columns) else { return Outcome::Silent };
        if active.is_discarded() {
            // Nobody else knows its name.
            self.close_unclaimed(&statement.name, now);
            return Outcome::Silent;
        }
        Outcome::Event(Event::Prepared { id: active.id, statement: statement.into() })
    }

    /// The earliest deadline of requests in line.
    pub(super) fn line_deadline(&self) -> Option<Instant> {
        let due = self.waiting.iter().map(Waiting::due).min()?;
        (due < Instant::NEVER).then_some(due)
    }
}

/// Why a statement that waits for data is refused it, if its caller does not mean to send any.
const NOT_A_COPY: &str = "the statement reads from STDIN; run it as a copy, not as a query";

fn same_columns(columns: &Columns, description: &RowDescription<'_>, format: Format) -> bool {
    let same = |(column, described): (&Column, ColumnDescription<'_>)| {
        column.name() == described.name
            && column.type_oid() == described.type_oid
            && column.type_modifier() == described.type_modifier
            && column.table_oid() == described.table_oid
            && column.attribute() == described.attribute
            && column.format() == format
    };
    columns.len() == description.len() && columns.iter().zip(description.columns()).all(same)
}

fn on_idle_message(message: BackendMessage<'_>) -> Result<Outcome, Fault> {
    match message {
        BackendMessage::ErrorResponse(report) => Err(Fault::Refused(ServerError::new(report).into())),
        message => {
            Err(Violation::UnexpectedMessage { message: message.name(), phase: "no request is open" }.into())
        }
    }
}

#[cold]
fn unexpected_row(phase: &'static str) -> Fault {
    Violation::UnexpectedMessage { message: "DataRow", phase }.into()
}

/// What the session was waiting for, for the violation's text.
fn due(streaming: &Streaming, step: Step) -> &'static str {
    match (streaming, step) {
        (Streaming::Rows(_), _) => "rows stream",
        (Streaming::CopyIn { .. }, _) => "COPY data is sent",
        (Streaming::CopyOut, _) => "COPY data streams",
        (_, Step::ParseComplete) => "ParseComplete is due",
        (_, Step::BindComplete) => "BindComplete is due",
        (_, Step::ParameterDescription) => "ParameterDescription is due",
        (_, Step::StatementDescription | Step::PortalDescription) => "RowDescription or NoData is due",
        (_, Step::CloseComplete) => "CloseComplete is due",
        (_, Step::Result | Step::FirstResult | Step::MoreResults) => "a result is due",
        (_, Step::Ready) => "ReadyForQuery is due",
    }
}
