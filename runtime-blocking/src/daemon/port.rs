//! The client's end of the line protocol: one bounded exchange at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hyperwire_core::control::{
    Command, LineDecoder, Nonce, PROBE_CONNECT, PROBE_REPLY, Probe, Reply, Status, SystemError,
};
use hyperwire_core::election::Greeting;

use super::probes::Probes;
use super::system_error::system_error;

/// A connection to whoever listens on a port.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    decoder: LineDecoder,
}

/// Why a port gave no answer, as an election takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Not one of this protocol, or the end of the connection.
    Foreign,
    /// Nobody listens.
    Refused,
    /// Nothing came in time.
    Silent,
    /// This system could not even ask.
    Error(SystemError),
}

impl From<NoAnswer> for Probe {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Foreign => Self::Foreign,
            NoAnswer::Refused => Self::Refused,
            NoAnswer::Silent => Self::Silent,
            NoAnswer::Error(error) => Self::Error(error),
        }
    }
}

impl From<NoAnswer> for Greeting {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Foreign => Self::Foreign,
            NoAnswer::Refused => Self::Refused,
            NoAnswer::Silent => Self::Silent,
            NoAnswer::Error(error) => Self::Error(error),
        }
    }
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        no_answer(error)
    }
}

/// Asks PING and STATUS.
pub(crate) fn probe(port: u16) -> Probe {
    Probes::default().ask(port, [])
}

/// Says HELLO with a fresh nonce. The connection is left open if the answer is a line of the protocol.
pub(crate) fn hello(port: u16) -> (Greeting, Option<Link>) {
    let greeted = Link::open(port).and_then(|mut link| {
        let nonce = fresh_nonce()?;
        let reply = link.ask(&Command::Hello { nonce }, Instant::now() + PROBE_REPLY)?;
        Ok((Greeting::Reply { nonce, reply }, link))
    });
    match greeted {
        Ok((greeting, link)) => (greeting, Some(link)),
        Err(none) => (none.into(), None),
    }
}

/// A nonce that nobody can foretell.
///
/// # Errors
/// The system gives no random bits.
pub fn fresh_nonce() -> Result<Nonce, NoAnswer> {
    let mut nonce = Nonce([0; 16]);
    getrandom::fill(&mut nonce.0).map_err(|_| NoAnswer::Error(SystemError::Exhausted))?;
    Ok(nonce)
}

/// Says one thing on a connection of its own and gives the answer.
pub(crate) fn exchange(port: u16, command: &Command) -> Result<Reply, NoAnswer> {
    Link::open(port)?.ask(command, Instant::now() + PROBE_REPLY)
}

impl Link {
    fn open(port: u16) -> Result<Self, NoAnswer> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self::over(TcpStream::connect_timeout(&address, PROBE_CONNECT)?)
    }

    /// A connection that is there.
    pub(super) fn over(stream: TcpStream) -> Result<Self, NoAnswer> {
        // The lines are answers to one another; waiting to fill a segment would only delay them.
        stream.set_nodelay(true)?;
        Ok(Self { stream, decoder: LineDecoder::new() })
    }

    /// Says something and waits for the line that comes back.
    pub(crate) fn ask(&mut self, command: &Command, deadline: Instant) -> Result<Reply, NoAnswer> {
        self.say(command).map_err(no_answer)?;
        self.reply(deadline)
    }

    /// Asks STATUS.
    pub(crate) fn status(&mut self, deadline: Instant) -> Result<Status, NoAnswer> {
        let Reply::Status(json) = self.ask(&Command::Status, deadline)? else {
            return Err(NoAnswer::Foreign);
        };
        Status::parse(json.as_bytes()).map_err(|_| NoAnswer::Foreign)
    }

    /// Waits for a line.
    pub(crate) fn reply(&mut self, deadline: Instant) -> Result<Reply, NoAnswer> {
        loop {
            if let Some(reply) = self.next_reply().map_err(no_answer)? {
                return Ok(reply);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoAnswer::Silent);
            }
            let ready = self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
            ready.and_then(|()| self.fill()).map_err(no_answer)?;
        }
    }

    /// Writes a line. It fits into the buffers of a peer that reads at all.
    pub(crate) fn say(&mut self, command: &Command) -> io::Result<()> {
        self.stream.set_write_timeout(Some(PROBE_REPLY))?;
        self.stream.write_all(format!("{command}\n").as_bytes())
    }

    /// The next line that is here already.
    pub(crate) fn next_reply(&mut self) -> io::Result<Option<Reply>> {
        let strange = || io::Error::from(ErrorKind::InvalidData);
        let line = self.decoder.next_line().map_err(|_| strange())?;
        line.map(|line| Reply::parse(&line).ok_or_else(strange)).transpose()
    }

    /// Reads once, as the socket is set: waiting or not.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        let count = loop {
            match self.stream.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.decoder.extend(&bytes[..count]);
        Ok(())
    }

    /// For waiting on it together with other things.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

fn no_answer(error: io::Error) -> NoAnswer {
    match error.kind() {
        ErrorKind::ConnectionRefused => NoAnswer::Refused,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => NoAnswer::Silent,
        ErrorKind::UnexpectedEof
        | ErrorKind::InvalidData
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => NoAnswer::Foreign,
        _ => NoAnswer::Error(system_error(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Listens on a free port, and answers each connection's lines with these.
    fn answering(replies: &'static [&'static str]) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for reply in replies {
                let mut line = [0; 256];
                if !matches!(stream.read(&mut line), Ok(1..)) {
                    return;
                }
                stream.write_all(reply.as_bytes()).unwrap();
            }
        });
        port
    }

    #[test]
    fn a_daemon_of_hyperdb_mcp_is_known_by_its_answers() {
        let port = answering(&[
            "PONG hyperdb-mcp 0.7.3\n",
            "{\"pid\":7,\"hyperd_endpoint\":\"127.0.0.1:1\",\"health_port\":7485,\"started_at\":\"then\",\"version\":\"0.7.3\"}\n",
        ]);

        let probe = probe(port);

        let Probe::Daemon { record, .. } = probe else { panic!("{probe:?}") };
        assert_eq!((record.pid, record.advertised.is_none()), (7, true));
    }

    #[test]
    fn what_is_no_daemon_is_foreign_and_nobody_is_refused() {
        assert_eq!(probe(answering(&["SSH-2.0-x\n"])), Probe::Foreign);
        assert_eq!(probe(answering(&[])), Probe::Foreign);
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        assert_eq!(probe(free), Probe::Refused);
    }

    #[test]
    fn a_peer_that_says_nothing_is_silent_after_the_bound() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();

        assert_eq!(probe(port), Probe::Silent);
    }

    #[test]
    fn an_endless_line_is_cut_off() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        });

        assert_eq!(probe(port), Probe::Foreign);
    }
}
