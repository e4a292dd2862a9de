//! A server of good manners that answers byte by byte, each when it is told to.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use hyperwire_tests::scripted::{Failure, Listen, Server, Session};
use hyperwire_tokio::hyperwire_core::wire::{
    BackendMessage, FrontendMessage, ParameterTypes, RowDescription, Target, TransactionStatus,
};

use crate::{serve, texts};

/// Lets one more byte of the server through each time that it is called. Dropped, it lets everything through.
pub(crate) struct Gate(Sender<()>);

impl Gate {
    pub(crate) fn let_a_byte_through(&self) {
        // The server may be done.
        let _ = self.0.send(());
    }
}

/// What the server has in mind between two messages.
struct Manners<'g> {
    gate: &'g Mutex<Receiver<()>>,
    transaction: TransactionStatus,
    /// Statements that were prepared and not closed.
    prepared: Vec<String>,
}

/// A server that knows transactions, prepared statements, and one result. When asked for `select 'usable'` it fails if
/// a transaction is open, or more statements than `kept` are prepared.
pub(crate) fn serve_in_lockstep(listen: Listen, kept: usize) -> (Server, Gate) {
    let (sender, receiver) = channel();
    let gate = Mutex::new(receiver);
    let server = serve(listen, move |session| {
        let mut manners = Manners { gate: &gate, transaction: TransactionStatus::Idle, prepared: Vec::new() };
        loop {
            let received = session.next_message()?;
            let message = received.message();
            if message == FrontendMessage::Terminate {
                return Ok(());
            }
            if message == FrontendMessage::Query("select 'usable'") {
                manners.check(kept)?;
            }
            let answer = manners.answer(&message)?;
            manners.send(session, &answer)?;
        }
    });
    (server, Gate(sender))
}

impl Manners<'_> {
    fn check(&self, kept: usize) -> Result<(), Failure> {
        if self.transaction != TransactionStatus::Idle {
            return Err("a transaction was left open".into());
        }
        if self.prepared.len() > kept {
            return Err(format!("these statements were left: {:?}", self.prepared).into());
        }
        Ok(())
    }

    fn answer(&mut self, message: &FrontendMessage<'_>) -> Result<Vec<u8>, Failure> {
        let rows = texts(&["usable"]);
        let description = RowDescription::from_body(&rows.description()[5..]).expect("made by this test");
        let mut answer = Vec::new();
        match message {
            FrontendMessage::Query("BEGIN") => {
                self.turn(TransactionStatus::InTransaction, "BEGIN", &mut answer)
            }
            FrontendMessage::Query(end @ ("COMMIT" | "ROLLBACK")) => {
                self.turn(TransactionStatus::Idle, end, &mut answer);
            }
            FrontendMessage::Query(_) => {
                answer.extend([rows.description(), rows.rows()].concat());
                BackendMessage::CommandComplete("SELECT 1").encode(&mut answer);
                BackendMessage::ReadyForQuery(self.transaction).encode(&mut answer);
            }
            FrontendMessage::Parse { statement, .. } => {
                if !statement.is_empty() {
                    self.prepared.push((*statement).to_owned());
                }
                BackendMessage::ParseComplete.encode(&mut answer);
            }
            FrontendMessage::Bind(_) => BackendMessage::BindComplete.encode(&mut answer),
            FrontendMessage::Describe(target) => {
                if let Target::Statement(_) = target {
                    BackendMessage::ParameterDescription(ParameterTypes::from_be_bytes(&[]))
                        .encode(&mut answer);
                }
                BackendMessage::RowDescription(description).encode(&mut answer);
            }
            FrontendMessage::Execute { .. } => {
                answer.extend(rows.rows());
                BackendMessage::CommandComplete("SELECT 1").encode(&mut answer);
            }
            FrontendMessage::Close(Target::Statement(name)) => {
                self.prepared.retain(|prepared| prepared != name);
                BackendMessage::CloseComplete.encode(&mut answer);
            }
            FrontendMessage::Sync => BackendMessage::ReadyForQuery(self.transaction).encode(&mut answer),
            message => return Err(format!("not known here: {message:?}").into()),
        }
        Ok(answer)
    }

    fn turn(&mut self, status: TransactionStatus, tag: &str, answer: &mut Vec<u8>) {
        self.transaction = status;
        BackendMessage::CommandComplete(tag).encode(answer);
        BackendMessage::ReadyForQuery(status).encode(answer);
    }

    fn send(&self, session: &mut Session, mut bytes: &[u8]) -> Result<(), Failure> {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((first, rest)) = bytes.split_first()
            && gate.recv().is_ok()
        {
            session.send_bytes(&[*first])?;
            bytes = rest;
        }
        if bytes.is_empty() { Ok(()) } else { session.send_bytes(bytes) }
    }
}
