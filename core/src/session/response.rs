//! What the server answers to the request on the wire.
//!
//! A request is a list of [`Step`]s, the answers that are due in order; rows and COPY data stream inside one of them.
//! An ErrorResponse may come at any step and leaves only ReadyForQuery.

use super::request::Active;
use super::{Event, Fault, HEADER, RequestId, RequestOptions, ServerError, Session, StatementError};
use crate::buffer::OutBuf;
use crate::row::{Column, Columns, split_fields};
use crate::time::Instant;
use crate::wire::{
    BackendMessage, ColumnDescription, Format, FrontendMessage, LimitKind, Limits, RowDescription,
    TransactionStatus, Violation,
};

/// An answer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    ParseComplete,
    BindComplete,
    /// `t`: what a statement's parameters are.
    ParameterDescription,
    /// `T` or `n`: what a prepared statement returns.
    StatementDescription,
    /// `T` or `n`: what a portal returns.
    PortalDescription,
    CloseComplete,
    /// The result of one Execute.
    Result,
    /// Any number of results of a simple Query, up to ReadyForQuery.
    Results,
    Ready,
}

/// What streams right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Streaming {
    Nothing,
    Rows,
    CopyIn,
    CopyOut,
}

/// What became of a message.
pub(super) enum Outcome {
    /// An event, and the message is done with.
    Event(Event),
    /// An event that shows the message: it stays in the buffer until the next poll.
    Held(Event),
    /// Nothing to tell.
    Silent,
}

impl Active {
    pub(super) fn new(id: RequestId, options: RequestOptions, steps: &'static [Step]) -> Self {
        Self {
            id,
            options,
            bare_sync: steps == [Step::Ready],
            steps,
            streaming: Streaming::Nothing,
            answered: false,
            columns: None,
            prepared: false,
            format: None,
            statement: None,
            refusal: None,
            ready: 0,
            demand: 0,
            due: options.deadline.unwrap_or(Instant::NEVER),
            looked: Instant::EPOCH,
            rows_a_look: 0,
            discard: false,
            patience: None,
            discarded: 0,
            copy_ended: false,
            cancel: None,
            grace: None,
        }
    }

    /// The columns of the rows that stream to the caller.
    fn flow(&self) -> Option<&Columns> {
        self.columns.as_ref().filter(|_| self.streaming == Streaming::Rows && !self.discard)
    }

    /// Whether the next row has to wait for demand.
    #[inline]
    pub(super) fn paused(&self) -> bool {
        self.ready == 0
            && self.demand == 0
            && matches!(self.streaming, Streaming::Rows | Streaming::CopyOut)
            && !self.discard
    }

    fn next_step(&mut self) {
        self.steps = self.steps.get(1..).unwrap_or_default();
    }

    fn failed(&mut self, error: ServerError) -> Event {
        self.streaming = Streaming::Nothing;
        self.steps = &[Step::Ready];
        self.refusal = Some(error.clone().into());
        self.failure(error)
    }
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
        let step = active.steps.first().copied().unwrap_or(Step::Ready);
        let event = match (active.streaming, step, message) {
            (_, _, BackendMessage::ErrorResponse(report)) => {
                active.copy_broke_off(out);
                active.failed(ServerError::new(report))
            }
            (_, Step::Ready, BackendMessage::ReadyForQuery(status)) => return Ok(self.finish(status, out)),
            (Streaming::Nothing, Step::Results, BackendMessage::ReadyForQuery(status)) if active.answered => {
                return Ok(self.finish(status, out));
            }

            (Streaming::Nothing, Step::ParseComplete, BackendMessage::ParseComplete)
            | (Streaming::Nothing, Step::CloseComplete, BackendMessage::CloseComplete) => {
                active.next_step();
                return Ok(Outcome::Silent);
            }
            (Streaming::Nothing, Step::BindComplete, BackendMessage::BindComplete) => {
                active.next_step();
                if let (true, Some(columns)) = (active.prepared, &active.columns) {
                    active.streaming = Streaming::Rows;
                    Event::Columns { id, columns: columns.clone() }
                } else {
                    return Ok(Outcome::Silent);
                }
            }
            (Streaming::Nothing, Step::ParameterDescription, BackendMessage::ParameterDescription(types)) => {
                active.next_step();
                if let Some(statement) = &mut active.statement {
                    statement.parameters = types.oids().collect();
                }
                return Ok(Outcome::Silent);
            }
            (Streaming::Nothing, Step::StatementDescription, BackendMessage::RowDescription(description)) => {
                let columns = self.prepared_columns(&description)?;
                return Ok(self.prepared(Some(columns), now));
            }
            (Streaming::Nothing, Step::StatementDescription, BackendMessage::NoData) => {
                return Ok(self.prepared(None, now));
            }
            (Streaming::Nothing, Step::PortalDescription, BackendMessage::NoData) => {
                active.next_step();
                return Ok(Outcome::Silent);
            }
            (
                Streaming::Nothing,
                Step::PortalDescription | Step::Results,
                BackendMessage::RowDescription(description),
            ) => {
                active.streaming = Streaming::Rows;
                if step == Step::PortalDescription {
                    active.next_step();
                }
                let columns = self.result_columns(&description)?;
                Event::Columns { id, columns }
            }

            (
                Streaming::Nothing | Streaming::Rows | Streaming::CopyIn,
                Step::Result | Step::Results,
                BackendMessage::CommandComplete(tag),
            ) => {
                active.end_of_result(step);
                Event::Complete { id, tag: super::CommandTag::new(tag) }
            }
            (Streaming::Nothing, Step::Result | Step::Results, BackendMessage::EmptyQueryResponse) => {
                active.end_of_result(step);
                Event::Empty(id)
            }

            (Streaming::Nothing, Step::Result | Step::Results, BackendMessage::CopyInResponse(_)) => {
                active.streaming = Streaming::CopyIn;
                if active.options.copy && !active.discard {
                    Event::CopyIn(id)
                } else {
                    active.end_copy(FrontendMessage::CopyFail(NOT_A_COPY), out);
                    return Ok(Outcome::Silent);
                }
            }
            (Streaming::Nothing, Step::Result | Step::Results, BackendMessage::CopyOutResponse(_)) => {
                active.streaming = Streaming::CopyOut;
                if active.options.copy {
                    Event::CopyOut(id)
                } else {
                    let event =
                        (!active.discard).then_some(Event::Failed { id, error: StatementError::CopiesOut });
                    active.discard = true;
                    return Ok(event.map_or(Outcome::Silent, Outcome::Event));
                }
            }
            (Streaming::CopyOut, _, BackendMessage::CopyData(data)) => {
                if active.discard {
                    active.discarded += data.len() as u64;
                    return Ok(Outcome::Silent);
                }
                active.hand_out(now);
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
        let discard = self.active.as_ref().is_some_and(|active| active.discard);
        Ok(if discard { Outcome::Silent } else { Outcome::Event(event) })
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
        let (Streaming::Rows, Some(columns)) = (active.streaming, &active.columns) else {
            let step = active.steps.first().copied().unwrap_or(Step::Ready);
            return Err(unexpected_row(due(active.streaming, step)));
        };
        if active.discard {
            active.discarded += message.len() as u64;
            return Ok(Outcome::Silent);
        }
        match split_fields(message, HEADER, columns.len(), &mut self.spans) {
            Ok(_) => {
                active.hand_out(now);
                Ok(Outcome::Held(Event::Row(active.id)))
            }
            Err(Violation::FieldCount { found, described }) if active.prepared => {
                active.discard = true;
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
            Some(active) if !active.abandoned() => {
                Outcome::Event(Event::Finished { id: active.id, transaction })
            }
            _ => Outcome::Silent,
        }
    }

    /// The columns of a result that streams now. Most programs run the same statements again and again, so those of
    /// the last result are kept and compared.
    fn result_columns(&mut self, description: &RowDescription<'_>) -> Result<Columns, Fault> {
        let format = self.active.as_ref().and_then(|active| active.format).unwrap_or(self.format);
        self.check_columns(description)?;
        let columns = match &self.last_columns {
            Some(last) if same_columns(last, description, format) => last.clone(),
            _ => Columns::from_description(description, format),
        };
        self.last_columns = Some(columns.clone());
        if let Some(active) = &mut self.active {
            active.columns = Some(columns.clone());
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
        active.next_step();
        match active.statement.take() {
            Some(mut statement) if !active.discard => {
                statement.columns = columns;
                Outcome::Event(Event::Prepared { id: active.id, statement: statement.into() })
            }
            // Nobody else knows its name.
            Some(unclaimed) => {
                self.close_unclaimed(&unclaimed.name, now);
                Outcome::Silent
            }
            None => Outcome::Silent,
        }
    }

    /// The earliest deadline of requests in line.
    pub(super) fn line_deadline(&self) -> Option<Instant> {
        self.waiting.iter().filter_map(super::request::Waiting::deadline).min()
    }
}

impl Active {
    fn end_of_result(&mut self, step: Step) {
        self.streaming = Streaming::Nothing;
        self.answered = true;
        if step == Step::Result {
            self.next_step();
        }
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
fn due(streaming: Streaming, step: Step) -> &'static str {
    match (streaming, step) {
        (Streaming::Rows, _) => "rows stream",
        (Streaming::CopyIn, _) => "COPY data is sent",
        (Streaming::CopyOut, _) => "COPY data streams",
        (_, Step::ParseComplete) => "ParseComplete is due",
        (_, Step::BindComplete) => "BindComplete is due",
        (_, Step::ParameterDescription) => "ParameterDescription is due",
        (_, Step::StatementDescription | Step::PortalDescription) => "RowDescription or NoData is due",
        (_, Step::CloseComplete) => "CloseComplete is due",
        (_, Step::Result | Step::Results) => "a result is due",
        (_, Step::Ready) => "ReadyForQuery is due",
    }
}
