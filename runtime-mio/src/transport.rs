//! A socket of mio, of either kind.

use std::io::{self, Read, Write};

use hyperwire_carrier::socket::send;
use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use socket2::{SockAddr, SockRef, Socket};

/// A connection, or one that is being made.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Transport {
    /// Takes a non-blocking socket that leads to this address.
    pub(crate) fn new(socket: Socket, address: &SockAddr) -> Self {
        #[cfg(unix)]
        if address.is_unix() {
            return Self::Unix(UnixStream::from_std(socket.into()));
        }
        let _ = address;
        Self::Tcp(TcpStream::from_std(socket.into()))
    }

    pub(crate) fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => stream.into(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.into(),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => stream,
        }
    }
}

/// The poll is edge-triggered: only that there is nothing may end an attempt, not that it was interrupted.
impl Read for Transport {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Self::Tcp(stream) => stream.read(space),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(space),
        })
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Self::Tcp(stream) => stream.try_io(|| send(SockRef::from(&*stream), bytes)),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_io(|| send(SockRef::from(&*stream), bytes)),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl hyperwire_carrier::Transport for Transport {}

impl Source for Transport {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.source().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}

fn uninterrupted(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
