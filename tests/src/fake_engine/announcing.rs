use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use hyperwire_core::hyperd::Endpoint;

/// The connection to whoever started the engine.
pub(super) struct Callback {
    stream: Box<dyn Read>,
}

impl Callback {
    /// Connects, and says where the engine listens: one length byte, the endpoint, a zero byte.
    pub(super) fn announce(to: &Endpoint, listening: &Endpoint) -> Result<Self, String> {
        let failed = |error| format!("calling back to {to}: {error}");
        let text = listening.to_string();
        let length = u8::try_from(text.len() + 1).map_err(|_| format!("{text} is too long to announce"))?;
        let words = [&[length], text.as_bytes(), &[0]].concat();
        let stream: Box<dyn Read> = match to {
            Endpoint::Domain { path } => {
                let mut stream = UnixStream::connect(path).map_err(failed)?;
                stream.write_all(&words).map_err(failed)?;
                Box::new(stream)
            }
            Endpoint::Tcp { host, port } => {
                let mut stream = TcpStream::connect((host.as_str(), *port)).map_err(failed)?;
                stream.write_all(&words).map_err(failed)?;
                Box::new(stream)
            }
            _ => return Err(format!("{to} is of a new kind")),
        };
        Ok(Self { stream })
    }

    /// Returns when the other side has closed it, or is no more.
    pub(super) fn wait_for_the_end(mut self) {
        // Nothing is ever said here; a reset is an end as well.
        while matches!(self.stream.read(&mut [0; 64]), Ok(1..)) {}
    }
}
