//! The client's end of the line protocol, awaited; the counterpart of the blocking runtime's, with the same bounds.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::time::Duration;

use hyperwire_blocking::daemon::ground::{NoAnswer, fresh_nonce, owner_of_peer};
use hyperwire_carrier::socket::is_not_now;
use hyperwire_core::control::{
    Command, LineDecoder, Owner, PROBE_CONNECT, PROBE_REPLY, Probe, Reply, SCAN_WITHIN, Status,
};
use hyperwire_core::election::Greeting;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection to whoever listens on a port.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    decoder: LineDecoder,
}

/// Asks PING and STATUS.
pub(super) async fn probe(port: u16) -> Probe {
    let asked = async { Link::open(port).await?.describe().await };
    within(SCAN_WITHIN, asked).await.unwrap_or_else(Probe::from)
}

/// Says HELLO with a fresh nonce. The connection is left open if the answer is a line of the protocol.
pub(super) async fn hello(port: u16) -> (Greeting, Option<Link>) {
    let asked = async {
        let mut link = Link::open(port).await?;
        let nonce = fresh_nonce()?;
        let reply = within(PROBE_REPLY, link.ask(&Command::Hello { nonce })).await?;
        Ok::<_, NoAnswer>((Greeting::Reply { nonce, reply }, link))
    };
    match asked.await {
        Ok((greeting, link)) => (greeting, Some(link)),
        Err(none) => (none.into(), None),
    }
}

/// Says HEARTBEAT. Whether it was heard makes no difference: the next search will tell.
pub(super) async fn heartbeat(port: u16) {
    if let Ok(mut link) = Link::open(port).await {
        let _ = within(PROBE_REPLY, link.ask(&Command::Heartbeat)).await;
    }
}

impl Link {
    async fn open(port: u16) -> Result<Self, NoAnswer> {
        let connecting = async { Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?) };
        let stream = within(PROBE_CONNECT, connecting).await?;
        // The lines are answers to one another; waiting to fill a segment would only delay them.
        stream.set_nodelay(true)?;
        Ok(Self { stream, decoder: LineDecoder::new() })
    }

    async fn describe(&mut self) -> Result<Probe, NoAnswer> {
        let Reply::Pong { .. } = self.ask(&Command::Ping).await? else { return Err(NoAnswer::Foreign) };
        let Reply::Status(json) = self.ask(&Command::Status).await? else { return Err(NoAnswer::Foreign) };
        let status = Status::parse(json.as_bytes()).map_err(|_| NoAnswer::Foreign)?;
        Ok(Probe::Daemon { record: status.record.into(), owner: self.owner() })
    }

    async fn ask(&mut self, command: &Command) -> Result<Reply, NoAnswer> {
        self.write(format!("{command}\n").as_bytes()).await?;
        Ok(self.reply().await?)
    }

    /// Writes a line. It fits into the buffers of a peer that reads at all; one that does not is given up on.
    pub(super) async fn say(&mut self, command: &Command) -> Result<(), NoAnswer> {
        let line = format!("{command}\n");
        within(PROBE_REPLY, async { Ok(self.write(line.as_bytes()).await?) }).await
    }

    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_not_now(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for the next line. Dropped, this future has lost nothing.
    ///
    /// # Errors
    /// The end of the connection, or what is no line of the protocol.
    pub(super) async fn reply(&mut self) -> io::Result<Reply> {
        let strange = || io::Error::from(ErrorKind::InvalidData);
        loop {
            if let Some(line) = self.decoder.next_line().map_err(|_| strange())? {
                return Reply::parse(&line).ok_or_else(strange);
            }
            self.stream.readable().await?;
            let mut bytes = [0; 4096];
            match self.stream.try_read(&mut bytes) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.decoder.extend(&bytes[..count]),
                Err(error) if is_not_now(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whose process is at the other end.
    fn owner(&self) -> Owner {
        match SockRef::from(&self.stream).try_clone() {
            Ok(socket) => owner_of_peer(&socket.into()),
            Err(_) => Owner::Unknown,
        }
    }
}

async fn within<R>(bound: Duration, asked: impl Future<Output = Result<R, NoAnswer>>) -> Result<R, NoAnswer> {
    timeout(bound, asked).await.unwrap_or(Err(NoAnswer::Silent))
}
