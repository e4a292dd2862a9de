//! What must come of it: the client's story is held against what the server said, message by message.
//!
//! The oracle knows nothing of the session but its interface. From the server's side it knows what every byte means; from
//! the client's side, what was asked for and what left the output. At every moment, each message that has arrived must
//! have been told, unless the caller has no demand for it, and nothing else may have been told. A session may die of
//! what was done to it, and must name that.

mod fault;
mod fit;

use std::collections::BTreeMap;

use hyperwire_core::session::{CancelDelivery, Event, LinkLoss, RequestId, StatementError};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::{FrontendMessage, TransactionStatus};

use super::heard::{Heard, Listener, Start};
use super::machine::{Machine, Told};
use super::plan::Kind;
use super::said::{Said, What};
use super::server::{KEY, Server};

#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) asked: BTreeMap<usize, Asked>,
    numbers: BTreeMap<RequestId, usize>,
    /// Messages of the server that were told, or that nobody had to be told of.
    passed: usize,
    /// Whose request each that the server received is; `None` inside is the session's own.
    owners: BTreeMap<usize, Option<usize>>,
    listener: Listener,
    /// The request that left the output and is not over.
    on_wire: Option<Option<usize>>,
    cancel_under_way: bool,
    /// A CancelRequest may arrive at any time.
    pub(super) is_burnt: bool,
    canceled_on_wire: bool,
    ready: bool,
    transaction: TransactionStatus,
    /// The error that the open request was answered with.
    last_error: Option<(String, String)>,
    /// It was just told that this one failed without having been sent.
    ends_unsent: Option<usize>,
    pub(super) lost: Option<LinkLoss>,
    pub(super) terminated: bool,
    pub(super) dead: bool,
    /// Bytes were damaged on the way: what is told from now on may be anything.
    pub(super) blind: bool,
}

/// A request from its caller's side.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) copy: bool,
    pub(super) deadline: Option<Instant>,
    /// The name of the statement that it closes.
    pub(super) closes: Option<String>,
    pub(super) granted: u64,
    pub(super) taken: u64,
    pub(super) canceled: bool,
    pub(super) abandoned: Option<Instant>,
    pub(super) given: Vec<u8>,
    pub(super) told: bool,
    pub(super) over: bool,
    sent: bool,
    /// Since when the rest is thrown away, because it failed on this side.
    discards: Option<Instant>,
    /// Columns of the rows that come.
    width: usize,
    streams: bool,
    pub(super) takes_data: bool,
}

impl Asked {
    pub(super) fn new(kind: Kind, copy: bool, deadline: Option<Instant>) -> Self {
        Self {
            kind,
            copy,
            deadline,
            closes: None,
            granted: 0,
            taken: 0,
            canceled: false,
            abandoned: None,
            given: Vec::new(),
            told: false,
            over: false,
            sent: false,
            discards: None,
            width: 0,
            streams: false,
            takes_data: false,
        }
    }

    fn is_silent(&self) -> bool {
        self.discards.is_some() || self.abandoned.is_some()
    }

    fn is_paused(&self) -> bool {
        self.streams && self.granted <= self.taken && !self.is_silent()
    }
}

impl Oracle {
    pub(super) fn submitted(&mut self, number: usize, id: RequestId, asked: Asked) {
        self.numbers.insert(id, number);
        self.asked.insert(number, asked);
    }

    /// Notes that nobody looks at a request any more. One that was not sent is gone at once.
    pub(super) fn abandoned(&mut self, number: usize, now: Instant) {
        if let Some(asked) = self.asked.get_mut(&number).filter(|asked| !asked.over) {
            asked.abandoned = asked.abandoned.or(Some(now));
            asked.over = !asked.sent;
            asked.takes_data = false;
        }
    }

    fn is_paused(&self) -> bool {
        self.current().and_then(|number| self.asked.get(&number)).is_some_and(Asked::is_paused)
    }

    /// Whether a row, or COPY data, has begun to arrive that nobody has demand for.
    fn is_held_back(&self, server: &Server, fed: u64) -> bool {
        let begins = self.passed.checked_sub(1).map_or(0, |last| server.said[last].end);
        self.is_paused() && server.said.get(self.passed).is_some_and(|said| said.is_row() && begins < fed)
    }

    pub(super) fn cancel_ended(&mut self, delivery: CancelDelivery) {
        self.cancel_under_way = false;
        self.is_burnt |= delivery == CancelDelivery::Unknown;
    }

    /// The caller's request that is on the wire.
    pub(super) fn current(&self) -> Option<usize> {
        self.on_wire.flatten()
    }

    /// Checks what was told against what has arrived by now.
    pub(super) fn hear(
        &mut self,
        told: &[Told],
        now: Instant,
        server: &Server,
        machine: &Machine,
    ) -> Result<(), String> {
        for told in told {
            if self.dead {
                return Err(format!("{told:?} was told after death"));
            }
            match told {
                Told::Dead(fault) => {
                    self.dead = true;
                    if !self.blind {
                        self.skip_silent(server, machine.fed());
                        self.explain(fault, now, server, machine)?;
                    }
                }
                _ if self.blind => {}
                told => self.check(told, now, server, machine.fed())?,
            }
        }
        if self.blind || self.dead || self.terminated {
            return Ok(());
        }
        self.skip_silent(server, machine.fed());
        if self.is_burnt && self.ready && self.on_wire.is_none() {
            return Err("it goes on with a key that is burnt".to_owned());
        }
        if let Some(asked) = self.current().and_then(|number| self.asked.get(&number))
            && asked.streams
            && !asked.is_silent()
            && asked.deadline.is_some_and(|deadline| deadline < now)
        {
            return Err(format!("rows still stream at {now:?}, behind their deadline: {asked:?}"));
        }
        let held_back = self.is_held_back(server, machine.fed());
        if held_back != machine.wants_demand() {
            return Err(format!(
                "a row is held back: {held_back}, and the session wants demand: {}",
                !held_back
            ));
        }
        match server.said.get(self.passed) {
            Some(said) if said.end <= machine.fed() && !held_back => {
                Err(format!("{:?} has arrived and was not told", said.what))
            }
            _ => Ok(()),
        }
    }

    /// Checks what was appended to the output.
    pub(super) fn sees_output(&mut self, bytes: &[u8], now: Instant) -> Result<(), String> {
        if self.blind || self.dead {
            return Ok(());
        }
        self.listener.hear(bytes);
        while let Some(heard) = self.listener.next()? {
            let Heard::Message(message) = heard else { continue };
            let message = message.message();
            let start = if self.on_wire.is_none() && self.ready { Start::of(&message) } else { None };
            if let Some(start) = start {
                self.begins(&start, now)?;
            } else if matches!(message, FrontendMessage::Query(_) | FrontendMessage::Parse { .. }) {
                return Err(format!("{message:?} was sent behind {:?}", self.on_wire));
            }
        }
        Ok(())
    }

    fn begins(&mut self, start: &Start, now: Instant) -> Result<(), String> {
        if self.cancel_under_way || self.is_burnt {
            return Err(format!("{start:?} was sent while a cancel is on its way"));
        }
        let owner = self.owner(start);
        if let Some(asked) = owner.and_then(|number| self.asked.get_mut(&number)) {
            if asked.over {
                return Err(format!("{start:?} was sent and is over"));
            }
            asked.sent = true;
        } else if !matches!(start, Start::Close(_)) {
            return Err(format!("{start:?} was sent at {now:?} and never asked for"));
        }
        (self.on_wire, self.canceled_on_wire) = (Some(owner), false);
        Ok(())
    }

    /// The caller's request that begins so: by its number, or the first of its kind that is not over.
    fn owner(&self, start: &Start) -> Option<usize> {
        let open = |fits: &dyn Fn(&Asked) -> bool| {
            self.asked.iter().find(|(_, asked)| !asked.over && fits(asked)).map(|(number, _)| *number)
        };
        match start {
            Start::Close(name) => open(&|asked| asked.closes.as_ref() == Some(name)),
            Start::Sync => open(&|asked| asked.kind == Kind::Sync),
            other => other.number(),
        }
    }

    fn owner_of(&mut self, said: &Said, server: &Server) -> Option<usize> {
        let index = said.of?;
        if let Some(owner) = self.owners.get(&index) {
            return *owner;
        }
        let owner = self.owner(&server.received[index].start);
        self.owners.insert(index, owner);
        owner
    }

    /// Passes what has arrived and is nobody's news.
    fn skip_silent(&mut self, server: &Server, fed: u64) {
        while let Some(said) = server.said.get(self.passed).filter(|said| said.end <= fed) {
            if self.is_paused() && said.is_row() {
                return;
            }
            let owner = self.owner_of(said, server);
            let asked = owner.and_then(|number| self.asked.get(&number));
            let silent = match &said.what {
                What::Silent | What::CopyDone => true,
                What::TlsAccepted | What::Notice(_) | What::Pulse | What::Malformed(_) => false,
                What::Ready(_) if said.of.is_some() => asked.is_none_or(|asked| asked.abandoned.is_some()),
                What::CopyIn => asked.is_none_or(|asked| asked.is_silent() || !asked.copy),
                _ => said.of.is_some() && asked.is_none_or(Asked::is_silent),
            };
            if !silent {
                return;
            }
            self.pass(said, owner);
        }
    }

    /// What a message changes, told or not.
    fn pass(&mut self, said: &Said, owner: Option<usize>) {
        self.passed += 1;
        match &said.what {
            What::Ready(status) => {
                self.transaction = *status;
                self.ready = true;
                self.last_error = None;
                if said.of.is_some() {
                    self.on_wire = None;
                }
            }
            What::Error { code, message } => self.last_error = Some((code.clone(), message.clone())),
            _ => {}
        }
        let Some(asked) = owner.and_then(|number| self.asked.get_mut(&number)) else { return };
        match &said.what {
            What::Columns(oids) => (asked.width, asked.streams) = (oids.len(), true),
            What::CopyOut => asked.streams = true,
            What::Row(_) | What::CopyData(_) if !asked.is_silent() => asked.taken += 1,
            What::CopyIn => asked.takes_data = asked.copy && !asked.is_silent(),
            What::Ready(_) => asked.over = true,
            _ => {}
        }
        let ends = [What::Empty, What::CopyDone].contains(&said.what)
            || matches!(said.what, What::Complete(_) | What::Error { .. });
        if ends {
            (asked.streams, asked.takes_data) = (false, false);
        }
    }

    fn check(&mut self, told: &Told, now: Instant, server: &Server, fed: u64) -> Result<(), String> {
        if self.is_local(told, now)? {
            return Ok(());
        }
        self.skip_silent(server, fed);
        let said = server.said.get(self.passed).filter(|said| said.end <= fed);
        let Some(said) = said else {
            return Err(format!("{told:?} was told, and the server did not say so"));
        };
        let owner = self.owner_of(said, server);
        if let Told::Row(..) | Told::Data(..) = told
            && owner.is_none_or(|number| self.asked[&number].granted <= self.asked[&number].taken)
        {
            return Err(format!("{told:?} was told without demand"));
        }
        if let Told::Row(..) | Told::Data(..) = told
            && owner
                .is_some_and(|number| self.asked[&number].deadline.is_some_and(|deadline| deadline <= now))
        {
            return Err(format!("{told:?} was told behind its deadline"));
        }
        if !self.fits(told, said, owner, now) {
            return Err(format!("{told:?} was told, and the server said {:?} to {owner:?}", said.what));
        }
        if let Some(asked) = owner.and_then(|number| self.asked.get_mut(&number)) {
            asked.told = true;
            if let Told::Event(Event::Failed { error, .. }) = told
                && (matches!(error, StatementError::Stale { .. } | StatementError::CopiesOut)
                    || begins_rows(&said.what))
            {
                asked.discards = Some(now);
            }
        }
        self.pass(said, owner);
        Ok(())
    }

    /// What the session says of itself: a cancel to be sent, a request that ends before it was sent.
    fn is_local(&mut self, told: &Told, now: Instant) -> Result<bool, String> {
        let Told::Event(event) = told else { return Ok(false) };
        if let Event::SendCancel(key) = event {
            let asked = self.on_wire.map(|number| number.and_then(|number| self.asked.get(&number)));
            let wanted = asked.is_some_and(|asked| {
                asked.is_none_or(|asked| {
                    asked.canceled
                        || asked.is_silent()
                        || asked.deadline.is_some_and(|deadline| deadline <= now)
                })
            });
            if !wanted || self.canceled_on_wire || *key != KEY {
                return Err(format!("{event:?} for {:?}, which nobody wanted", self.on_wire));
            }
            (self.cancel_under_way, self.canceled_on_wire) = (true, true);
            return Ok(true);
        }
        let number = event.request().and_then(|id| self.numbers.get(&id).copied());
        if let (Event::Finished { transaction, .. }, true) = (event, self.ends_unsent.is_some()) {
            if self.ends_unsent.take() != number || *transaction != self.transaction {
                return Err(format!("{event:?} does not end the one that was not sent"));
            }
            return Ok(true);
        }
        let Event::Failed { error, .. } = event else { return Ok(false) };
        let Some(asked) = number.and_then(|number| self.asked.get_mut(&number)) else { return Ok(false) };
        if *error == StatementError::DeadlineExceeded
            && asked.streams
            && !asked.is_silent()
            && asked.deadline.is_some_and(|deadline| deadline <= now)
        {
            // What is left of its rows is thrown away.
            (asked.discards, asked.told) = (Some(now), true);
            return Ok(true);
        }
        let local = match error {
            StatementError::NeverSent => asked.canceled,
            StatementError::DeadlineExceeded => asked.deadline.is_some_and(|deadline| deadline <= now),
            _ => false,
        };
        if !local || asked.sent || asked.over {
            return Ok(false);
        }
        (asked.over, asked.told) = (true, true);
        self.ends_unsent = number;
        Ok(true)
    }
}

/// Whether rows, or COPY data, come behind it.
fn begins_rows(what: &What) -> bool {
    matches!(what, What::Columns(_) | What::CopyOut)
}
