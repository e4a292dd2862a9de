//! The connections that a daemon accepted.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use hyperwire_core::control::{Command, LineDecoder, Reply};
use hyperwire_core::daemon::Connection;

/// What may wait for a peer to read it. One that lets more pile up only asks and never listens.
const MAX_UNREAD: usize = 256 * 1024;

/// Those that are open.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: BTreeMap<Connection, Peer>,
    last: u32,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Peer {
    stream: TcpStream,
    decoder: LineDecoder,
    unsent: Vec<u8>,
    closing: bool,
}

/// What reading from a connection brought.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub(super) commands: Vec<Command>,
    /// It ended, or speaks another protocol.
    pub(super) ended: bool,
}

impl Connections {
    /// Takes one in, and names it.
    pub(super) fn insert(&mut self, stream: TcpStream) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        self.last = self.last.wrapping_add(1);
        let name = Connection(self.last);
        let peer = Peer { stream, decoder: LineDecoder::new(), unsent: Vec::new(), closing: false };
        self.open.insert(name, peer);
        Ok(name)
    }

    /// Each with whether it has something to write.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Connection, &TcpStream, bool)> {
        self.open.iter().map(|(name, peer)| (*name, &peer.stream, !peer.unsent.is_empty()))
    }

    /// Forgets one, and with that closes it.
    pub(super) fn remove(&mut self, name: Connection) {
        self.open.remove(&name);
    }

    /// Queues a line. What of it the peer does not take now is sent when it does.
    pub(super) fn send(&mut self, to: Connection, reply: &Reply) {
        if let Some(peer) = self.open.get_mut(&to)
            && !peer.closing
        {
            peer.unsent.extend_from_slice(reply.to_line().as_bytes());
        }
    }

    /// Closes one once it has got what was sent to it.
    pub(super) fn close(&mut self, name: Connection) {
        if let Some(peer) = self.open.get_mut(&name) {
            peer.closing = true;
        }
    }

    /// Writes what can be written; gives those that are over.
    pub(super) fn flush(&mut self) -> Vec<Connection> {
        let over = self.open.iter_mut().filter_map(|(name, peer)| peer.flush().then_some(*name));
        let over: Vec<_> = over.collect();
        for name in &over {
            self.open.remove(name);
        }
        over
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, from: Connection) -> Arrived {
        self.open.get_mut(&from).map(Peer::read).unwrap_or_default()
    }
}

impl Peer {
    /// Whether it is over.
    fn flush(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) if count > 0 => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.unsent.len() > MAX_UNREAD;
                }
                _ => return true,
            }
        }
        self.closing
    }

    /// One read: whoever sends without end must not keep the others waiting.
    fn read(&mut self) -> Arrived {
        let mut bytes = [0; 4096];
        let mut arrived = Arrived::default();
        match self.stream.read(&mut bytes) {
            Ok(0) => arrived.ended = true,
            Ok(count) => self.decoder.extend(&bytes[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => arrived.ended = true,
        }
        loop {
            match self.decoder.next_line() {
                Ok(Some(line)) => arrived.commands.push(Command::parse(&line)),
                Ok(None) => return arrived,
                Err(_) => {
                    arrived.ended = true;
                    return arrived;
                }
            }
        }
    }
}
