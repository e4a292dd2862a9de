//! The request on the wire: what it asks, how far its answer is, who reads that, and how it may end early.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Event, Prepared, RequestId, RequestOptions, ServerError, SqlState, StatementError, Timer};
use crate::row::Columns;
use crate::time::{Duration, Instant};
use crate::wire::{Format, FrontendMessage};

/// Rows that are handed out between two looks at the clock, at most, while there is a deadline. A look costs about as
/// much as two rows.
const ROWS_A_LOOK: u32 = 32;

/// A reader that takes longer than this for the rows between two looks gets the next ones one by one.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How much later than announced a driver may come for its time to count. One that comes later did not listen
/// meanwhile, and the server may have answered long ago.
const PUNCTUAL: Duration = Duration::from_millis(250);

/// How long the server still has when a driver that came late has begun to listen again.
const SECOND_LOOK: Duration = Duration::from_millis(250);

/// A request, from the moment it is asked until its ReadyForQuery.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) id: RequestId,
    kind: Kind,
    /// The caller means to copy, in or out.
    pub(super) is_copy: bool,
    /// What the server has to answer yet; the first is due.
    steps: &'static [Step],
    pub(super) streaming: Streaming,
    pub(super) demand: Demand,
    audience: Audience,
    ending: Ending,
}

/// What a request asks.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A statement by the simple protocol.
    Query,
    /// A statement by the extended protocol, and how its result travels, if not as the session's do.
    Extended { format: Option<Format> },
    /// A statement that is being prepared.
    Prepare(Prepared),
    /// A prepared statement, with the columns that it was described with.
    Execute { columns: Option<Columns> },
    /// The end of a prepared statement.
    Close,
    /// A Sync alone, which runs nothing and cannot be canceled.
    Sync,
}

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
    /// The first result of a simple Query.
    FirstResult,
    /// More results of it, or ReadyForQuery.
    MoreResults,
    Ready,
}

/// What streams right now.
#[derive(Clone, Debug)]
pub(super) enum Streaming {
    Nothing,
    Rows(Columns),
    CopyIn {
        /// CopyDone or CopyFail is out.
        ended: bool,
    },
    CopyOut,
    /// The server failed the request: only ReadyForQuery is left.
    Failed(Box<ServerError>),
}

/// How many rows, or COPY messages, the caller can take.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    /// Those that may be handed out before the next look at the clock. Without a deadline, all that the caller wants.
    pub(super) ready: u64,
    /// Those that the caller wants besides.
    wanted: u64,
    /// When the clock was looked at for its rows, and for how many.
    looked: Instant,
    rows_a_look: u32,
}

/// Who reads the answer.
#[derive(Clone, Copy, Debug)]
enum Audience {
    /// The caller, all of it.
    Reads,
    /// The caller, who waits for its end: the statement failed on this side, and so many bytes were thrown away.
    WaitsForTheEnd { discarded: u64 },
    /// Nobody. If the answer still arrives at `patience`, the statement is canceled.
    Gone { discarded: u64, patience: Instant },
}

/// Who wants the request to end early. Of several, the last in this list counts.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// Nobody, before its deadline.
    Open { due: Instant },
    /// The caller, who waits for what the server says to it.
    Canceled { due: Instant },
    /// The deadline that the caller gave. The session is given up at `grace`.
    Overdue { grace: Instant },
    /// Nobody waits for the result any more. The session is given up at `grace`.
    Abandoned { grace: Instant },
}

/// Why a request is canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CancelReason {
    Caller,
    Deadline,
    Abandoned,
}

impl Kind {
    /// The answers that it expects, in order.
    fn steps(&self) -> &'static [Step] {
        match self {
            Self::Query => &[Step::FirstResult],
            Self::Extended { .. } => {
                &[Step::ParseComplete, Step::BindComplete, Step::PortalDescription, Step::Result, Step::Ready]
            }
            Self::Prepare(_) => {
                &[Step::ParseComplete, Step::ParameterDescription, Step::StatementDescription, Step::Ready]
            }
            Self::Execute { .. } => &[Step::BindComplete, Step::Result, Step::Ready],
            Self::Close => &[Step::CloseComplete, Step::Ready],
            Self::Sync => &[Step::Ready],
        }
    }
}

impl Active {
    pub(super) fn new(id: RequestId, kind: Kind, options: RequestOptions) -> Self {
        Self {
            id,
            is_copy: options.copy,
            steps: kind.steps(),
            kind,
            streaming: Streaming::Nothing,
            demand: Demand::default(),
            audience: Audience::Reads,
            ending: Ending::Open { due: options.deadline.unwrap_or(Instant::NEVER) },
        }
    }

    /// One that nobody reads from the start, and that cannot be canceled: only the grace bounds it.
    pub(super) fn unread(id: RequestId, kind: Kind, patience: Instant, grace: Instant) -> Self {
        Self {
            audience: Audience::Gone { discarded: 0, patience },
            ending: Ending::Abandoned { grace },
            ..Self::new(id, kind, RequestOptions::default())
        }
    }

    pub(super) fn is_bare_sync(&self) -> bool {
        matches!(self.kind, Kind::Sync)
    }

    pub(super) fn is_prepared(&self) -> bool {
        matches!(self.kind, Kind::Execute { .. })
    }

    /// How its result travels, if not as the session's do.
    pub(super) fn format(&self) -> Option<Format> {
        match self.kind {
            Kind::Extended { format } => format,
            _ => None,
        }
    }
}

/// How far the answer is.
impl Active {
    /// The answer that is due.
    pub(super) fn step(&self) -> Step {
        match self.streaming {
            Streaming::Failed(_) => Step::Ready,
            _ => self.steps.first().copied().unwrap_or(Step::Ready),
        }
    }

    pub(super) fn next_step(&mut self) {
        self.steps = self.steps.get(1..).unwrap_or_default();
    }

    /// BindComplete: a prepared statement's rows come without a description.
    pub(super) fn bound(&mut self) -> Option<Event> {
        self.next_step();
        let Kind::Execute { columns: Some(columns) } = &self.kind else { return None };
        self.streaming = Streaming::Rows(columns.clone());
        Some(Event::Columns { id: self.id, columns: columns.clone() })
    }

    /// ParameterDescription of a statement that is being prepared.
    pub(super) fn described(&mut self, parameters: impl Iterator<Item = u32>) {
        self.next_step();
        if let Kind::Prepare(statement) = &mut self.kind {
            statement.parameters = parameters.collect::<Vec<_>>();
        }
    }

    /// RowDescription or NoData of a statement that is being prepared: now it is.
    pub(super) fn prepared(&mut self, columns: Option<Columns>) -> Option<Prepared> {
        self.next_step();
        let Kind::Prepare(statement) = &self.kind else { return None };
        Some(Prepared { columns, ..statement.clone() })
    }

    /// RowDescription: rows follow.
    pub(super) fn start_rows(&mut self, columns: Columns) {
        if self.step() == Step::PortalDescription {
            self.next_step();
        }
        self.streaming = Streaming::Rows(columns);
    }

    /// CommandComplete or EmptyQueryResponse.
    pub(super) fn end_of_result(&mut self) {
        self.streaming = Streaming::Nothing;
        match self.step() {
            Step::FirstResult => self.steps = &[Step::MoreResults],
            Step::Result => self.next_step(),
            _ => {}
        }
    }

    /// ErrorResponse: what it means for this request's caller.
    pub(super) fn failed(&mut self, error: ServerError) -> Event {
        let canceled = error.code() == SqlState::QUERY_CANCELED;
        let error = Box::new(error);
        self.streaming = Streaming::Failed(error.clone());
        let error = match self.ending {
            Ending::Overdue { .. } if canceled => StatementError::DeadlineExceeded,
            _ => StatementError::Server(error),
        };
        Event::Failed { id: self.id, error }
    }

    /// What the server said when it failed the request.
    pub(super) fn refusal(self) -> Option<Box<ServerError>> {
        match self.streaming {
            Streaming::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a COPY waits for data.
    pub(super) fn wants_data(&self) -> bool {
        matches!(self.streaming, Streaming::CopyIn { ended: false })
    }

    /// Appends the message that ends the data of a COPY.
    pub(super) fn end_copy(&mut self, message: FrontendMessage<'_>, out: &mut Vec<u8>) {
        message.encode(out);
        self.streaming = Streaming::CopyIn { ended: true };
        self.renew_sync(out);
    }

    /// After an extended statement the Sync that was sent with it is lost: Hyper swallows it while it waits for data.
    pub(super) fn renew_sync(&self, out: &mut Vec<u8>) {
        if self.step() == Step::Result {
            FrontendMessage::Sync.encode(out);
        }
    }
}

/// Who reads it.
impl Active {
    /// Whether the rest of the answer is thrown away.
    pub(super) fn is_discarded(&self) -> bool {
        !matches!(self.audience, Audience::Reads)
    }

    /// Whether nobody looks at its events any more.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(self.audience, Audience::Gone { .. })
    }

    /// The statement failed on this side: its caller waits for the end of its answer.
    pub(super) fn discard(&mut self) {
        if let Audience::Reads = self.audience {
            self.audience = Audience::WaitsForTheEnd { discarded: 0 };
        }
    }

    /// Nobody looks at it any more.
    pub(super) fn abandon(&mut self, patience: Instant) {
        self.audience = Audience::Gone { discarded: self.discarded(), patience };
    }

    /// Throws bytes of the answer away, if nobody reads it. Whether it did.
    pub(super) fn throws_away(&mut self, bytes: usize) -> bool {
        match &mut self.audience {
            Audience::Reads => false,
            Audience::WaitsForTheEnd { discarded } | Audience::Gone { discarded, .. } => {
                *discarded += bytes as u64;
                true
            }
        }
    }

    /// Bytes that were thrown away.
    pub(super) fn discarded(&self) -> u64 {
        match self.audience {
            Audience::Reads => 0,
            Audience::WaitsForTheEnd { discarded } | Audience::Gone { discarded, .. } => discarded,
        }
    }

    fn streams(&self) -> bool {
        matches!(self.streaming, Streaming::Rows(_) | Streaming::CopyOut)
    }

    /// The columns of the rows that stream to the caller.
    pub(super) fn flow(&self) -> Option<&Columns> {
        match &self.streaming {
            Streaming::Rows(columns) if !self.is_discarded() => Some(columns),
            _ => None,
        }
    }

    /// Whether the next row has to wait for demand.
    #[inline]
    pub(super) fn is_paused(&self) -> bool {
        self.demand.is_none() && self.streams() && !self.is_discarded()
    }

    /// Says that so many more rows are wanted.
    #[inline]
    pub(super) fn want(&mut self, rows: u64) {
        let which =
            if self.due() == Instant::NEVER { &mut self.demand.ready } else { &mut self.demand.wanted };
        *which = which.saturating_add(rows);
    }
}

/// How it may end early.
impl Active {
    /// The caller's deadline, until it was acted upon.
    #[inline]
    pub(super) fn due(&self) -> Instant {
        match self.ending {
            Ending::Open { due } | Ending::Canceled { due } => due,
            Ending::Overdue { .. } | Ending::Abandoned { .. } => Instant::NEVER,
        }
    }

    /// Whether the caller's deadline has passed, and nothing was done about it.
    #[inline]
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due() <= now
    }

    pub(super) fn is_canceled(&self) -> bool {
        !matches!(self.ending, Ending::Open { .. })
    }

    /// Notes that it is to end. Whether the server was not told so before.
    pub(super) fn cancel(&mut self, reason: CancelReason, new_grace: Instant) -> bool {
        let first = !self.is_canceled();
        self.ending = match (self.ending, reason) {
            (Ending::Open { due } | Ending::Canceled { due }, CancelReason::Caller) => {
                Ending::Canceled { due }
            }
            (Ending::Open { .. } | Ending::Canceled { .. }, CancelReason::Deadline) => {
                Ending::Overdue { grace: new_grace }
            }
            (Ending::Open { .. } | Ending::Canceled { .. }, CancelReason::Abandoned) => {
                Ending::Abandoned { grace: new_grace }
            }
            (Ending::Overdue { grace }, CancelReason::Abandoned) => Ending::Abandoned { grace },
            (ending @ (Ending::Overdue { .. } | Ending::Abandoned { .. }), _) => ending,
        };
        first
    }

    /// Whether rows stream whose deadline was acted upon.
    pub(super) fn is_cut_off(&self) -> bool {
        self.streams() && !self.is_discarded() && matches!(self.ending, Ending::Overdue { .. })
    }

    /// When a dropped result is canceled, until it was.
    fn patience(&self) -> Option<Instant> {
        match (self.audience, self.ending) {
            (Audience::Gone { patience, .. }, Ending::Open { .. } | Ending::Canceled { .. }) => {
                Some(patience)
            }
            _ => None,
        }
    }

    /// Which of its bounds have passed: the most serious.
    pub(super) fn has_run_out(&mut self, now: Instant) -> Option<Timer> {
        let is_bare_sync = self.is_bare_sync();
        match &mut self.ending {
            Ending::Overdue { grace } | Ending::Abandoned { grace } => {
                if has_run_out(grace, now) {
                    return Some(Timer::CancelGrace);
                }
            }
            Ending::Open { due } | Ending::Canceled { due } if is_bare_sync => {
                if has_run_out(due, now) {
                    return Some(Timer::Sync);
                }
            }
            Ending::Open { due } | Ending::Canceled { due } => {
                if *due <= now {
                    return Some(Timer::Statement);
                }
            }
        }
        self.patience().filter(|at| *at <= now).map(|_| Timer::Abandon)
    }

    /// The nearest of its bounds.
    pub(super) fn deadline(&self) -> Option<(Instant, Timer)> {
        let ending = match self.ending {
            Ending::Overdue { grace } | Ending::Abandoned { grace } => Some((grace, Timer::CancelGrace)),
            Ending::Open { due } | Ending::Canceled { due } => {
                (due < Instant::NEVER).then_some((due, Timer::Statement))
            }
        };
        let patience = self.patience().map(|at| (at, Timer::Abandon));
        ending.into_iter().chain(patience).min_by_key(|(at, _)| *at)
    }
}

impl Demand {
    pub(super) fn is_none(&self) -> bool {
        self.ready == 0 && self.wanted == 0
    }

    /// Whether the next row has to wait for a look at the clock.
    pub(super) fn wants_time(&self) -> bool {
        self.ready == 0 && self.wanted > 0
    }

    /// Counts a row, or COPY data, as handed out. Behind the last that needed no look at the clock this is one: it lets
    /// out as many as the reader is likely to take before the next look is due.
    pub(super) fn hand_out(&mut self, now: Instant) {
        if self.ready == 0 {
            let brisk = now.saturating_since(self.looked) < LOOK_EVERY;
            self.rows_a_look = if brisk { (self.rows_a_look * 2).clamp(1, ROWS_A_LOOK) } else { 1 };
            self.looked = now;
            self.ready = self.wanted.min(self.rows_a_look.into());
            self.wanted -= self.ready;
        }
        self.ready = self.ready.saturating_sub(1);
    }
}

/// Whether this bound has passed, as far as its driver is a witness: one that comes late gets time for a second look.
pub(super) fn has_run_out(bound: &mut Instant, now: Instant) -> bool {
    if now.saturating_since(*bound) > PUNCTUAL {
        *bound = now + SECOND_LOOK;
    }
    *bound <= now
}
