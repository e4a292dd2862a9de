//! What a client's bytes mean: used by the server, which receives them, and by the oracle, which sees them leave.

use hyperwire_core::wire::{Frame, FrontendMessage, InitialMessage, Limits, Split, Target};

/// Takes the client's bytes apart.
#[derive(Debug, Default)]
pub(super) struct Listener {
    bytes: Vec<u8>,
    started: bool,
}

/// Something that the client said, whole.
#[derive(Debug)]
pub(super) enum Heard {
    SslRequest,
    Startup,
    Message(Frontend),
}

/// A message that owns its bytes.
#[derive(Debug)]
pub(super) struct Frontend {
    tag: u8,
    body: Vec<u8>,
}

/// The message that a request begins with. The number is the request's in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Query(usize),
    Params(usize),
    Prepare { number: usize, name: String },
    Execute(usize),
    Close(String),
    Sync,
}

impl Listener {
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if it is there as a whole.
    pub(super) fn next(&mut self) -> Result<Option<Heard>, String> {
        let limits = Limits::default();
        if self.started {
            let split = Frame::split(&self.bytes, &limits).map_err(|error| error.to_string())?;
            let Split::Frame(frame) = split else { return Ok(None) };
            FrontendMessage::decode(frame).map_err(|error| error.to_string())?;
            let (length, tag, body) = (frame.len(), frame.tag, frame.body.to_vec());
            self.bytes.drain(..length);
            return Ok(Some(Heard::Message(Frontend { tag, body })));
        }
        let split = Frame::split_untyped(&self.bytes, &limits).map_err(|error| error.to_string())?;
        let Split::Frame(frame) = split else { return Ok(None) };
        let heard = match InitialMessage::decode(frame.body).map_err(|error| error.to_string())? {
            InitialMessage::SslRequest => Heard::SslRequest,
            InitialMessage::Startup(_) => Heard::Startup,
            other => return Err(format!("{other:?} on the session's connection")),
        };
        self.started = matches!(heard, Heard::Startup);
        let length = frame.body.len() + 4;
        self.bytes.drain(..length);
        Ok(Some(heard))
    }
}

impl Frontend {
    pub(super) fn message(&self) -> FrontendMessage<'_> {
        FrontendMessage::decode(Frame { tag: self.tag, body: &self.body })
            .expect("it was decoded when it came")
    }
}

impl Start {
    /// What begins with this message, if no request is open.
    pub(super) fn of(message: &FrontendMessage<'_>) -> Option<Self> {
        Some(match message {
            FrontendMessage::Query(sql) => Self::Query(number_in(sql)?),
            FrontendMessage::Parse { statement: "", query, .. } => Self::Params(number_in(query)?),
            FrontendMessage::Parse { statement, query, .. } => {
                Self::Prepare { number: number_in(query)?, name: (*statement).to_owned() }
            }
            FrontendMessage::Bind(bind) => {
                let first = bind.values.iter().next()??;
                Self::Execute(std::str::from_utf8(first).ok()?.parse().ok()?)
            }
            FrontendMessage::Close(Target::Statement(name)) => Self::Close((*name).to_owned()),
            FrontendMessage::Sync => Self::Sync,
            _ => return None,
        })
    }

    pub(super) fn number(&self) -> Option<usize> {
        match self {
            Self::Query(number)
            | Self::Params(number)
            | Self::Prepare { number, .. }
            | Self::Execute(number) => Some(*number),
            Self::Close(_) | Self::Sync => None,
        }
    }
}

/// The text of a request: its number is all that the server needs to know what to answer.
pub(super) fn text_of(number: usize) -> String {
    format!("request {number}")
}

fn number_in(sql: &str) -> Option<usize> {
    sql.strip_prefix("request ")?.parse().ok()
}
