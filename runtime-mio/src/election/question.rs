//! The client's end of the line protocol: one bounded question at a time, without waiting.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use hyperwire_blocking::daemon::ground::{NoAnswer, owner_of_peer};
use hyperwire_carrier::socket::{begin_connect, finish_connect};
use hyperwire_core::control::{Command, LineDecoder, Owner, PROBE_CONNECT, PROBE_REPLY, Reply, SCAN_WITHIN};
use hyperwire_core::liveness::link::LinkPolicy;
use mio::event::Source;
use mio::{Interest, Registry, Token};

use crate::transport::Transport;

/// A connection to whoever listens on a port.
#[derive(Debug)]
pub(super) struct Line {
    transport: Transport,
    decoder: LineDecoder,
    unsent: Vec<u8>,
}

/// A question to a port of 127.0.0.1, and its answer.
#[derive(Debug)]
pub(super) struct Question {
    /// What the system said at once, until that was told.
    line: Result<Line, Option<io::Error>>,
    is_connected: bool,
    deadline: Instant,
    /// What an answer has from the moment that the connection is there; `None` if the deadline holds for both.
    reply: Option<Duration>,
}

impl Line {
    fn open(port: u16, registry: &Registry, token: Token) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into();
        let mut transport = Transport::new(begin_connect(&address, &LinkPolicy::DEFAULT)?, &address);
        transport.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { transport, decoder: LineDecoder::new(), unsent: Vec::new() })
    }

    /// Goes on under another token.
    pub(super) fn move_to(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.transport.reregister(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Queues a line.
    pub(super) fn say(&mut self, command: &Command) {
        self.unsent.extend_from_slice(format!("{command}\n").as_bytes());
    }

    /// Sends as far as there is room, and takes the next line if it is here; `None` if it is not.
    ///
    /// # Errors
    /// The end of the connection, or what is no line of the protocol.
    pub(super) fn advance(&mut self) -> io::Result<Option<Reply>> {
        self.flush()?;
        loop {
            let strange = || io::Error::from(io::ErrorKind::InvalidData);
            if let Some(line) = self.decoder.next_line().map_err(|_| strange())? {
                return Reply::parse(&line).ok_or_else(strange).map(Some);
            }
            let mut bytes = [0; 4096];
            match self.transport.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.decoder.extend(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.transport.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whose process is at the other end.
    pub(super) fn owner(&self) -> Owner {
        match self.transport.socket().try_clone() {
            Ok(socket) => owner_of_peer(&socket.into()),
            Err(_) => Owner::Unknown,
        }
    }
}

impl Question {
    /// Begins to connect, and to say this.
    pub(super) fn start(port: u16, command: &Command, registry: &Registry, token: Token) -> Self {
        Self::begin(port, command, (PROBE_CONNECT, Some(PROBE_REPLY)), registry, token)
    }

    /// The same as one of a look at several ports: one bound for everything.
    pub(super) fn probe(port: u16, command: &Command, registry: &Registry, token: Token) -> Self {
        Self::begin(port, command, (SCAN_WITHIN, None), registry, token)
    }

    fn begin(
        port: u16,
        command: &Command,
        (within, reply): (Duration, Option<Duration>),
        registry: &Registry,
        token: Token,
    ) -> Self {
        let deadline = Instant::now() + within;
        let mut line = Line::open(port, registry, token).map_err(Some);
        if let Ok(line) = &mut line {
            line.say(command);
        }
        Self { line, is_connected: false, deadline, reply }
    }

    /// Says something behind the first answer; the deadline stays.
    pub(super) fn ask(&mut self, command: &Command) {
        if let Ok(line) = &mut self.line {
            line.say(command);
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The next answer, if it is here, or that there will be none.
    pub(super) fn advance(&mut self) -> Option<Result<Reply, NoAnswer>> {
        let now = Instant::now();
        match self.reply(now) {
            Ok(Some(reply)) => Some(Ok(reply)),
            Ok(None) if now < self.deadline => None,
            Ok(None) => Some(Err(NoAnswer::Silent)),
            Err(error) => Some(Err(error.into())),
        }
    }

    fn reply(&mut self, now: Instant) -> io::Result<Option<Reply>> {
        let line = match &mut self.line {
            Ok(line) => line,
            Err(error) => return Err(error.take().unwrap_or_else(|| io::ErrorKind::NotConnected.into())),
        };
        if !self.is_connected {
            if finish_connect(line.transport.socket(), &LinkPolicy::DEFAULT)?.is_none() {
                return Ok(None);
            }
            self.is_connected = true;
            self.deadline = self.reply.map_or(self.deadline, |reply| now + reply);
        }
        line.advance()
    }

    /// Whose process answers.
    pub(super) fn owner(&self) -> Owner {
        self.line.as_ref().map_or(Owner::Unknown, Line::owner)
    }

    /// The connection, to be kept.
    pub(super) fn into_line(self) -> Option<Line> {
        self.line.ok()
    }
}
