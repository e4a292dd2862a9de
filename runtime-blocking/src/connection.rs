//! The loop: one session, one socket, one clock.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant as Clock};

use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::session::{Event, Fault, LinkLoss, RequestId, ServerError, Session};
use hyperwire_core::time::Instant;

use crate::cancel::CancelHandle;
use crate::config::Config;
use crate::error::Error;
use crate::socket::{self, LinkReport};
use crate::stream::{Ready, Stream};

/// Notices kept for a caller who does not fetch them.
const MAX_NOTICES: usize = 256;

/// Longer than anybody waits, and short enough for every clock to be added to.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A session and what carries it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) session: Session,
    pub(crate) input: InBuf,
    pub(crate) out: OutBuf,
    stream: Stream,
    config: Config,
    epoch: Clock,
    /// The time as of the last wait. Reading the clock for every row would cost more than the row.
    now: Instant,
    link: LinkReport,
    notices: VecDeque<ServerError>,
    /// The last request whose rows were handed out.
    pub(crate) rows_of: Option<RequestId>,
    /// What the system said when the connection was lost.
    lost: Option<io::Error>,
}

impl Connection {
    pub(crate) fn open(mut config: Config) -> Result<Self, Error> {
        let epoch = Clock::now();
        config.connect_timeout = config.connect_timeout.min(FOR_EVER);
        let (stream, link) = socket::connect(&config.endpoint, &config.link, epoch + config.connect_timeout)
            .map_err(|source| Error::Connect { endpoint: config.endpoint.clone(), source })?;
        let now = since(epoch);
        let left = config.connect_timeout.saturating_sub(epoch.elapsed());
        config.session.startup_timeout = config.session.startup_timeout.min(left);
        let mut out = OutBuf::new();
        let session = Session::start(config.session.clone(), nonce()?, now, &mut out)?;
        let mut connection = Self {
            session,
            input: InBuf::new(),
            out,
            stream: Stream::new(stream),
            config,
            epoch,
            now,
            link,
            notices: VecDeque::new(),
            rows_of: None,
            lost: None,
        };
        loop {
            if connection.next_event()? == Event::Ready {
                return Ok(connection);
            }
        }
    }

    /// Hears, without waiting, what came since the last request: a server that nobody asked has nothing to say but
    /// notices and goodbye, and nothing else may pass for the answer to the next request. After a goodbye it is
    /// certain that the next request was never sent.
    pub(crate) fn catch_up(&mut self) -> Result<(), Error> {
        if let Some(fault) = self.session.fault() {
            let fault = fault.clone();
            return Err(self.dead(fault));
        }
        if let Some(id) = self.rows_of.take()
            && !self.session.is_idle()
        {
            // Its rows were leaked: nobody will read them on, or drop them.
            self.abandon(id);
            self.settle()?;
        }
        while self.news()?.is_some() {}
        if self.read()? {
            while self.news()?.is_some() {}
        }
        Ok(())
    }

    /// The next event that is for the caller, if it is here already; does what the events before it ask of the driver.
    #[inline]
    fn news(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.session.poll(&mut self.input, &mut self.out, self.now) {
                Ok(Some(event @ Event::Row(_))) => return Ok(Some(event)),
                Ok(Some(event)) => {
                    if let Some(event) = self.act_upon(event)? {
                        return Ok(Some(event));
                    }
                }
                Ok(None) => return Ok(None),
                Err(fault) => return Err(self.dead(fault)),
            }
        }
    }

    /// Waits for the next event that is for the caller.
    fn next_event(&mut self) -> Result<Event, Error> {
        loop {
            match self.news()? {
                Some(event) => return Ok(event),
                None => self.wait()?,
            }
        }
    }

    /// Waits for the next event of this request.
    pub(crate) fn next_event_of(&mut self, id: RequestId) -> Result<Event, Error> {
        loop {
            let event = self.next_event()?;
            if event.request() == Some(id) {
                return Ok(event);
            }
        }
    }

    /// Waits for a row of this request, or for whatever ends its rows.
    #[inline]
    pub(crate) fn poll_row(&mut self, id: RequestId, demand: u64) -> Result<Event, Error> {
        loop {
            match self.news()? {
                Some(event) if event.request() == Some(id) => return Ok(event),
                Some(_) => {}
                None if self.session.wants_demand() => self.session.demand(id, demand),
                None => self.wait()?,
            }
        }
    }

    /// Waits until a request is over that has no more results. It may still turn out to have failed.
    pub(crate) fn finish(&mut self, id: RequestId) -> Result<(), Error> {
        let mut outcome = Ok(());
        loop {
            match self.next_event_of(id)? {
                Event::Failed { error, .. } => outcome = Err(error.into()),
                Event::Finished { .. } => return outcome,
                _ => {}
            }
        }
    }

    /// Waits until nothing is open: what was abandoned is thrown away or canceled on the way.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        while !self.session.is_idle() {
            if self.news()?.is_none() && !self.session.is_idle() {
                self.wait()?;
            }
        }
        Ok(())
    }

    /// Does what an event asks of the driver; gives back what is for the caller.
    fn act_upon(&mut self, event: Event) -> Result<Option<Event>, Error> {
        match event {
            Event::StartTls => {
                let deadline = self.epoch + self.config.connect_timeout;
                self.stream.start_tls(&self.config, deadline).map_err(Error::Tls)?;
                self.session.tls_established(&mut self.out);
                Ok(None)
            }
            Event::SendCancel(_) => {
                if let Some(handle) = self.cancel_handle() {
                    // Undeliverable is as good as unheeded: the session's grace bounds the wait for its effect.
                    let _ = handle.cancel();
                }
                self.now = since(self.epoch);
                self.session.cancel_delivered(&mut self.out);
                Ok(None)
            }
            Event::Notice(notice) => {
                if self.notices.len() == MAX_NOTICES {
                    self.notices.pop_front();
                }
                self.notices.push_back(*notice);
                Ok(None)
            }
            Event::Pulse => Ok(None),
            event => Ok(Some(event)),
        }
    }

    /// Sends what is to be sent and waits for what the session wants. Reading never waits for writing.
    fn wait(&mut self) -> Result<(), Error> {
        let wrote = !self.out.is_empty();
        if wrote {
            self.write()?;
        }
        let wants = self.session.wants(&self.out);
        // Behind a request the answer takes a while; within an answer, more is usually here already.
        if !wrote && wants.readable && self.read()? {
            // Also a server that never pauses has to keep to deadlines.
            self.session.handle_timeout(self.now);
            return Ok(());
        }
        let deadline = wants.deadline.map(|(at, _)| self.epoch + Duration::from_nanos(at.as_nanos()));
        let interest = Ready { readable: wants.readable, writable: wants.writable };
        let ready = self.stream.wait(interest, deadline).map_err(|error| self.link_lost(error))?;
        self.now = since(self.epoch);
        if ready.writable {
            self.write()?;
        }
        if ready.readable {
            self.read()?;
        }
        self.session.handle_timeout(self.now);
        Ok(())
    }

    /// Whether anything came.
    fn read(&mut self) -> Result<bool, Error> {
        match self.stream.read(self.input.space()) {
            Ok(0) => Err(self.end_of_file()),
            Ok(count) => {
                self.input.filled(count);
                self.now = since(self.epoch);
                Ok(true)
            }
            Err(error) if not_now(&error) => Ok(false),
            Err(error) => Err(self.link_lost(error)),
        }
    }

    fn write(&mut self) -> Result<(), Error> {
        while !self.out.is_empty() {
            match self.stream.write(self.out.unsent()) {
                Ok(count) => self.out.sent(count),
                Err(error) if not_now(&error) => return Ok(()),
                // The server may have said why before it closed: what it said is read first.
                Err(error) => {
                    self.out.clear();
                    self.lost = Some(error);
                    return Ok(());
                }
            }
        }
        self.stream.flush().or_else(|error| if not_now(&error) { Ok(()) } else { Err(self.link_lost(error)) })
    }

    fn end_of_file(&mut self) -> Error {
        // The system reports a vanished peer once. If that was to a write, a read finds the end of the file.
        let fault = match self.lost.as_ref().map(loss) {
            Some(LinkLoss::TimedOut) => self.session.handle_link_loss(LinkLoss::TimedOut),
            _ => self.session.handle_eof(),
        };
        self.dead(fault)
    }

    fn link_lost(&mut self, error: io::Error) -> Error {
        let loss = loss(&error);
        self.lost.get_or_insert(error);
        let fault = self.session.handle_link_loss(loss);
        self.dead(fault)
    }

    /// Nothing more is to be heard here. A server that still works for this session is to learn that.
    fn dead(&mut self, fault: Fault) -> Error {
        self.stream.close();
        let source = self.lost.as_ref().map(|error| io::Error::new(error.kind(), error.to_string()));
        Error::Session { fault, source: source.filter(|_| self.link_is_gone()) }
    }

    fn link_is_gone(&self) -> bool {
        matches!(self.session.fault(), Some(Fault::Link { .. }))
    }

    /// Forgets a request; what is left of its answer is thrown away.
    pub(crate) fn abandon(&mut self, id: RequestId) {
        self.now = since(self.epoch);
        self.session.abandon(id, self.now, &mut self.out);
    }

    /// The statement that lets go of the database, if there is one.
    pub(crate) fn detach_statement(&self) -> Option<String> {
        self.config.session.detach()
    }

    /// Ends the session and waits, bounded, until the server has closed its end.
    pub(crate) fn close(&mut self, bound: Duration) -> Result<(), Error> {
        self.session.terminate(&mut self.out);
        let deadline = Clock::now() + bound;
        while !self.out.is_empty() {
            self.write()?;
            if !self.out.is_empty()
                && !self.stream.wait(Ready::WRITABLE, Some(deadline)).is_ok_and(|r| r.writable)
            {
                return Ok(());
            }
        }
        while Clock::now() < deadline {
            match self.stream.read(self.input.space()) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if not_now(&error) => match self.stream.wait(Ready::READABLE, Some(deadline)) {
                    Ok(ready) if ready.readable => {}
                    _ => return Ok(()),
                },
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Says goodbye as far as that takes no waiting.
    pub(crate) fn hang_up(&mut self) {
        if self.session.is_idle() {
            self.session.terminate(&mut self.out);
            let _ = self.write();
        }
    }

    pub(crate) fn cancel_handle(&self) -> Option<CancelHandle> {
        Some(CancelHandle::new(&self.config, self.session.cancel_key()?))
    }

    pub(crate) fn link(&self) -> &LinkReport {
        &self.link
    }

    pub(crate) fn take_notices(&mut self) -> Vec<ServerError> {
        self.notices.drain(..).collect()
    }

    /// The deadline of a statement that starts now.
    pub(crate) fn deadline_in(&self, timeout: Option<Duration>) -> Option<Instant> {
        timeout.map(|timeout| since(self.epoch) + timeout)
    }
}

fn since(epoch: Clock) -> Instant {
    Instant::from_nanos(u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

fn loss(error: &io::Error) -> LinkLoss {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            LinkLoss::Reset
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            LinkLoss::TimedOut
        }
        io::ErrorKind::UnexpectedEof => LinkLoss::Eof,
        _ => LinkLoss::Other,
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn nonce() -> Result<[u8; 18], Error> {
    let mut nonce = [0; 18];
    getrandom::fill(&mut nonce).map_err(|error| Error::Session {
        fault: Fault::Closed,
        source: Some(io::Error::other(format!("the system gave no random bytes: {error}"))),
    })?;
    Ok(nonce)
}
