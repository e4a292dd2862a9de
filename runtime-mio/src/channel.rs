//! The bytes' way once there is a connection: plain, or under TLS.

use std::io::{self, Read, Write};

use hyperwire_blocking::Config;

#[cfg(feature = "tls")]
use crate::tls::TlsLayer;
use crate::transport::Transport;

/// A connection to the server. Nothing here waits: what is not possible now is [`io::ErrorKind::WouldBlock`].
#[derive(Debug)]
pub(crate) struct Channel {
    transport: Transport,
    #[cfg(feature = "tls")]
    tls: Option<TlsLayer>,
}

impl Channel {
    pub(crate) fn new(transport: Transport) -> Self {
        Self {
            transport,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// `Ok(0)` is the end of the file.
    pub(crate) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut self.transport, space);
        }
        self.transport.read(space)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(&mut self.transport, bytes);
        }
        self.transport.write(bytes)
    }

    /// Sends what TLS holds back.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.flush(&mut self.transport);
        }
        Ok(())
    }

    pub(crate) fn holds_back(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.holds_back();
        }
        false
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.is_handshaking();
        }
        false
    }

    /// Reads once for the handshake; `Ok(0)` is the end of the file.
    pub(crate) fn shake_hands(&mut self) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.take_in(&mut self.transport);
        }
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(feature = "tls")]
    pub(crate) fn start_tls(&mut self, config: &Config) -> io::Result<()> {
        self.tls = Some(TlsLayer::new(config)?);
        Ok(())
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "the same signature with and without TLS")]
    pub(crate) fn start_tls(&mut self, _: &Config) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this build has no TLS; enable the feature `tls`"))
    }
}
