//! What is said on one connection.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use hyperwire_core::wire::{
    Authentication, BackendMessage, CancelKey, Format, Frame, FrontendMessage, InitialMessage, Limits,
    ParameterTypes, Report, Split, Target, TransactionStatus,
};
use socket2::Socket;

use super::Outcome;
use super::sessions::{Sessions, Waited};
use crate::scripted::{Rows, SETTINGS, oid};

/// How long a client may leave no room for an answer. Answers are small; only one that reads nothing has none.
const PATIENCE: Duration = Duration::from_secs(10);

/// A sign of life.
const PULSE: BackendMessage<'_> = BackendMessage::ParameterStatus { name: "alive", value: "?" };

/// Serves one client until it goes.
pub(super) fn hold(socket: Socket, sessions: &Sessions) {
    // A client that breaks off or talks nonsense is gone; the journal says so.
    let _ = Conversation { socket, input: Vec::new(), format: Format::Text }.hold(sessions);
}

struct Conversation {
    socket: Socket,
    input: Vec<u8>,
    /// That of results, unless Bind asks for another.
    format: Format,
}

impl Conversation {
    fn hold(mut self, sessions: &Sessions) -> io::Result<()> {
        self.socket.set_write_timeout(Some(PATIENCE))?;
        let Some(user) = self.startup(sessions)? else { return Ok(()) };
        let (session, key) = sessions.admit();
        let outcome = self.welcome(&user, key).and_then(|()| self.serve(sessions, session));
        sessions.leave(session);
        outcome
    }

    /// Reads up to StartupMessage; gives the user, or nothing when the connection was for a CancelRequest.
    fn startup(&mut self, sessions: &Sessions) -> io::Result<Option<String>> {
        loop {
            let Some(Message { length, body, .. }) = self.next(Turn::Initial)? else { return Ok(None) };
            let initial = InitialMessage::decode(&body).map_err(io::Error::other)?;
            let mut user = None;
            match initial {
                InitialMessage::CancelRequest(key) => {
                    sessions.cancel(key);
                    return Ok(None);
                }
                InitialMessage::Startup(parameters) => {
                    let options = parameters.get("options").unwrap_or_default();
                    self.format = format_named(options.split(|c: char| c.is_whitespace() || c == '='));
                    user = Some(parameters.get("user").unwrap_or_default().to_owned());
                }
                _ => (&self.socket).write_all(b"N")?,
            }
            self.input.drain(..length);
            if user.is_some() {
                return Ok(user);
            }
        }
    }

    fn welcome(&self, user: &str, key: CancelKey) -> io::Result<()> {
        let settings = SETTINGS.map(|(name, value)| BackendMessage::ParameterStatus {
            name,
            value: match name {
                "session_authorization" => user,
                "result_format_code" => self.format.setting(),
                _ => value,
            },
        });
        let key = BackendMessage::BackendKeyData(key);
        let ready = BackendMessage::ReadyForQuery(TransactionStatus::Idle);
        let ok = BackendMessage::Authentication(Authentication::Ok);
        self.send(&encoded(&[&[ok], &settings[..], &[key, ready]].concat()))
    }

    fn serve(&mut self, sessions: &Sessions, session: u64) -> io::Result<()> {
        let mut prepared = Prepared::default();
        // What an extended query was not told yet.
        let mut answer = Vec::new();
        while let Some(Message { length, tag, body }) = self.next(Turn::Further)? {
            let message = FrontendMessage::decode(Frame { tag, body: &body }).map_err(io::Error::other)?;
            match message {
                FrontendMessage::Terminate => return Ok(()),
                FrontendMessage::Query(sql) => {
                    let outcome = self.take_time(sessions, session, sql);
                    if outcome == Outcome::Answered && returns_rows(sql) {
                        answer.extend_from_slice(row(self.format).description());
                    }
                    put_result(outcome, sql, self.format, &mut answer);
                    BackendMessage::ReadyForQuery(TransactionStatus::Idle).encode(&mut answer);
                    sessions.finish(session, outcome, || self.send(&answer))?;
                    answer.clear();
                }
                FrontendMessage::Parse { statement, query, .. } => {
                    prepared.statements.insert(statement.to_owned(), query.to_owned());
                    BackendMessage::ParseComplete.encode(&mut answer);
                }
                FrontendMessage::Bind(bind) => {
                    let format = bind.result_formats.first().map_or(self.format, |code| format_of(*code));
                    prepared.bind(bind.portal, bind.statement, format);
                    BackendMessage::BindComplete.encode(&mut answer);
                }
                FrontendMessage::Describe(target) => {
                    if matches!(target, Target::Statement(_)) {
                        let none = ParameterTypes::from_be_bytes(&[]);
                        BackendMessage::ParameterDescription(none).encode(&mut answer);
                    }
                    let (sql, format) = prepared.get(target, self.format);
                    if returns_rows(sql) {
                        answer.extend_from_slice(row(format).description());
                    } else {
                        BackendMessage::NoData.encode(&mut answer);
                    }
                }
                FrontendMessage::Execute { portal, .. } => {
                    let (sql, format) = prepared.get(Target::Portal(portal), self.format);
                    let outcome = self.take_time(sessions, session, sql);
                    put_result(outcome, sql, format, &mut answer);
                    sessions.finish(session, outcome, || self.send(&answer))?;
                    answer.clear();
                }
                FrontendMessage::Close(_) => BackendMessage::CloseComplete.encode(&mut answer),
                FrontendMessage::Sync => {
                    BackendMessage::ReadyForQuery(TransactionStatus::Idle).encode(&mut answer);
                    self.send(&answer)?;
                    answer.clear();
                }
                FrontendMessage::Flush => {
                    self.send(&answer)?;
                    answer.clear();
                }
                other => return Err(io::Error::other(format!("{} is not understood here", other.name()))),
            }
            self.input.drain(..length);
        }
        Ok(())
    }

    /// Begins a statement and waits as long as it takes, with signs of life as hyperd sends them.
    fn take_time(&self, sessions: &Sessions, session: u64, sql: &str) -> Outcome {
        let began = Instant::now();
        sessions.begin(session, sql);
        let duration = sessions.behaviour().duration_of(sql);
        loop {
            match sessions.wait(session, began, duration) {
                Waited::Done => return Outcome::Answered,
                Waited::Cancelled => return Outcome::Cancelled,
                // That the client has gone is found out in the end.
                Waited::Pulse => drop(self.send(&encoded(&[PULSE]))),
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.socket).write_all(bytes)
    }

    /// The next message; nothing at the end of the stream.
    fn next(&mut self, turn: Turn) -> io::Result<Option<Message>> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let split = match turn {
                Turn::Initial => Frame::split_untyped(&self.input, &Limits::default()),
                Turn::Further => Frame::split(&self.input, &Limits::default()),
            };
            match split.map_err(io::Error::other)? {
                Split::Frame(frame) => {
                    // A message without a tag has only its length in front.
                    let length = frame.body.len() + if turn == Turn::Initial { 4 } else { 5 };
                    return Ok(Some(Message { length, tag: frame.tag, body: frame.body.to_owned() }));
                }
                Split::Needs(_) => match self.socket.read(&mut buffer)? {
                    0 => return Ok(None),
                    count => self.input.extend_from_slice(&buffer[..count]),
                },
            }
        }
    }
}

/// Where a conversation is: the messages that open it have no tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Initial,
    Further,
}

/// One message, which is still in the input.
struct Message {
    /// What it takes there.
    length: usize,
    tag: u8,
    body: Vec<u8>,
}

/// Statements and portals by name.
#[derive(Default)]
struct Prepared {
    statements: HashMap<String, String>,
    portals: HashMap<String, (String, Format)>,
}

impl Prepared {
    fn bind(&mut self, portal: &str, statement: &str, format: Format) {
        let sql = self.statements.get(statement).cloned().unwrap_or_default();
        self.portals.insert(portal.to_owned(), (sql, format));
    }

    fn get(&self, target: Target<'_>, default: Format) -> (&str, Format) {
        match target {
            Target::Statement(name) => (self.statements.get(name).map_or("", String::as_str), default),
            Target::Portal(name) => {
                self.portals.get(name).map_or(("", default), |(sql, format)| (sql.as_str(), *format))
            }
        }
    }
}

fn encoded(messages: &[BackendMessage<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut bytes));
    bytes
}

/// The rows of a result, if it is one that has rows, and its end; or the error that takes their place.
fn put_result(outcome: Outcome, sql: &str, format: Format, out: &mut Vec<u8>) {
    if outcome != Outcome::Answered {
        return put_cancelled(out);
    }
    let tag = if returns_rows(sql) {
        out.extend_from_slice(row(format).rows());
        "SELECT 1".to_owned()
    } else {
        sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
    };
    BackendMessage::CommandComplete(&tag).encode(out);
}

fn returns_rows(sql: &str) -> bool {
    let word = sql.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    ["select", "with", "values", "show", "table", "explain"].contains(&word.to_ascii_lowercase().as_str())
}

/// One column, an integer, and one row, 1.
fn row(format: Format) -> Rows {
    let value = match format {
        Format::Text => b"1".to_vec(),
        Format::PgBinary => 1_i32.to_be_bytes().to_vec(),
        Format::HyperBinary => 1_i32.to_le_bytes().to_vec(),
    };
    Rows::of([("served", oid::INTEGER)]).row([Some(value)])
}

const FORMATS: [Format; 3] = [Format::Text, Format::PgBinary, Format::HyperBinary];

fn format_of(code: [u8; 2]) -> Format {
    FORMATS.into_iter().find(|format| format.code().to_be_bytes() == code).unwrap_or(Format::Text)
}

/// The format that follows its setting's name among the words of the start-up options; text otherwise, as in hyperd.
fn format_named<'a>(mut words: impl Iterator<Item = &'a str>) -> Format {
    words.find(|word| *word == "result_format_code");
    let named = words.next().unwrap_or_default();
    FORMATS.into_iter().find(|format| format.setting() == named).unwrap_or(Format::Text)
}

fn put_cancelled(out: &mut Vec<u8>) {
    let mut body = Vec::new();
    let fields = [(b'S', "ERROR"), (b'C', "57014"), (b'M', "canceled"), (b'B', "User")];
    Report::write_fields(fields, &mut body);
    BackendMessage::ErrorResponse(Report::from_body(&body).expect("what was just written")).encode(out);
}
