//! Everything that a seed decides before the first byte: the server's answers, the client's program, the network's
//! faults. Each seed first draws which faults are possible at all, so that rare combinations are not drowned.

mod draw;

use std::time::Duration;

use hyperwire_core::session::LinkLoss;

use crate::virtual_time::pipe::PipePlan;
use crate::virtual_time::story::Story;

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) login: Login,
    pub(super) tls: Tls,
    /// Whether the server gives a cancel key.
    pub(super) keyed: bool,
    /// What the server does in the course of the login.
    pub(super) login_trouble: Vec<Trouble>,
    pub(super) requests: Vec<Request>,
    pub(super) program: Vec<Line>,
    pub(super) to_server: PipePlan,
    pub(super) to_client: PipePlan,
    pub(super) loss: Option<Loss>,
    /// Once in so many, a CancelRequest never reaches the server; 0 for never.
    pub(super) cancel_loss: u64,
    pub(super) cancel_delay: Duration,
    /// Once in so many, one arrives long after its driver gave up on it; 0 for never.
    pub(super) cancel_late: u64,
    pub(super) abandon_budget: u64,
    /// Columns of the result by which a session that survived shows that it is well.
    pub(super) probe: Request,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    Unasked,
    Given,
    Denied,
    Missing,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Login {
    pub(super) method: Method,
    pub(super) obstacle: Obstacle,
    pub(super) iterations: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Trust,
    Cleartext,
    Md5,
    Scram,
}

/// What stands in the way of a login. The client must name each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Nothing,
    NoPassword,
    WeakForbidden,
    WrongPassword,
    WrongSignature,
    OkTooSoon,
    UnknownMethod,
    Silence,
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) copy: bool,
    /// From its submission.
    pub(super) deadline: Option<Duration>,
    pub(super) demand: Demand,
    pub(super) data: Vec<(Duration, Vec<u8>)>,
    pub(super) data_end: DataEnd,
    pub(super) answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Params,
    Prepare,
    /// Of the request that prepared it.
    Execute(usize),
    Close(usize),
    Sync,
}

/// When the caller asks for rows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Demand {
    AtOnce,
    /// So many, so long after the session ran out of them.
    Trickle(u64, Duration),
    /// Not before the end of the program.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataEnd {
    Done,
    Fail,
    Never,
}

/// What the server says to a request, if nothing gets in the way.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) results: Vec<ResultSet>,
    /// The byte of ReadyForQuery.
    pub(super) status: u8,
    /// How long after a CancelRequest it stops; `None`: it does not.
    pub(super) heeds_cancel: Option<Duration>,
    pub(super) trouble: Vec<Trouble>,
}

#[derive(Clone, Debug)]
pub(super) enum ResultSet {
    Rows { columns: Vec<u32>, rows: Vec<Vec<Option<Vec<u8>>>> },
    Command,
    Empty,
    CopyIn { deaf: Duration },
    CopyOut { chunks: Vec<Vec<u8>> },
}

/// What happens before the message with this number of a request's answer.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) before: usize,
    pub(super) what: Disturbance,
}

#[derive(Clone, Debug)]
pub(super) enum Disturbance {
    /// Nothing for so long, but for pulses.
    Sleep(Duration),
    /// Nothing until it is canceled, but for pulses.
    Hang,
    Notice,
    /// An ErrorResponse instead of the rest.
    Error,
    /// An ErrorResponse, and then the end of the connection.
    ErrorAndClose,
    Close,
    /// Bytes that the protocol does not have, and then nothing any more.
    Malformed(Vec<u8>),
}

/// The end of the connection at some byte of one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    pub(super) toward_client: bool,
    pub(super) at: u64,
    pub(super) how: LinkLoss,
}

/// A line of the client's program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    Pause(Duration),
    Submit(usize),
    Cancel(usize),
    Abandon(usize),
    /// Until something was told about a request, or long enough.
    AwaitNews(usize),
    /// Until a request is over, or long enough.
    AwaitEnd(usize),
    Terminate,
}

impl Plan {
    /// What is going to happen, unless something else gets in the way.
    pub(super) fn tell(&self, story: &mut Story) {
        let Self { login, tls, keyed, login_trouble, loss, cancel_loss, cancel_delay, cancel_late, .. } =
            self;
        story.plan(format_args!("{login:?}, TLS {tls:?}, key {keyed}, {login_trouble:?}"));
        story.plan(format_args!("to the server {:?}", self.to_server));
        story.plan(format_args!("to the client {:?}, {loss:?}", self.to_client));
        story.plan(format_args!(
            "cancel delay {cancel_delay:?}, lost once in {cancel_loss}, late once in {cancel_late}"
        ));
        for (number, request) in self.requests.iter().chain([&self.probe]).enumerate() {
            let Request { kind, copy, deadline, demand, data, data_end, answer } = request;
            let data: Vec<_> = data.iter().map(|(pause, bytes)| (pause, bytes.len())).collect();
            story.plan(format_args!(
                "request {number}: {kind:?}, copy {copy}, deadline {deadline:?}, {demand:?}, {data:?} {data_end:?}"
            ));
            let Answer { results, status, heeds_cancel, trouble } = answer;
            let status = char::from(*status);
            story.plan(format_args!("  heeds a cancel {heeds_cancel:?}, then {status}, {trouble:?}"));
            results.iter().for_each(|result| story.plan(format_args!("  {}", result.outline())));
        }
        story.plan(format_args!("program {:?}", self.program));
    }
}

impl ResultSet {
    fn outline(&self) -> String {
        match self {
            Self::Rows { columns, rows } => {
                let widths: Vec<_> = rows.iter().map(Vec::len).collect();
                format!("columns {columns:?}, rows of {widths:?} fields")
            }
            Self::CopyOut { chunks } => {
                format!("COPY out of {:?} bytes", chunks.iter().map(Vec::len).collect::<Vec<_>>())
            }
            other => format!("{other:?}"),
        }
    }
}
