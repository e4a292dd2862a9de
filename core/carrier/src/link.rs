//! The way to the server: a transport, plain or under TLS.

use std::io;

use crate::config::Config;
#[cfg(feature = "tls")]
use crate::tls::TlsStream;
use crate::transport::{Ready, Transport};

/// The transport, once there is one, with TLS on it if the server agreed to that.
#[derive(Debug)]
pub(crate) struct Link<T> {
    /// `None` before it is connected and after it is closed.
    transport: Option<T>,
    #[cfg(feature = "tls")]
    tls: Option<TlsStream>,
}

impl<T: Transport> Link<T> {
    pub(crate) fn new() -> Self {
        Self {
            transport: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    pub(crate) fn open(&mut self, transport: T) {
        self.transport = Some(transport);
    }

    pub(crate) fn transport(&mut self) -> io::Result<&mut T> {
        open(&mut self.transport)
    }

    /// Reads without waiting; `Ok(0)` is the end of the file.
    #[inline]
    pub(crate) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let transport = open(&mut self.transport)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(transport, space);
        }
        transport.read(space)
    }

    /// Writes without waiting.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let transport = open(&mut self.transport)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(transport, bytes);
        }
        transport.write(bytes)
    }

    /// Sends what TLS has buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.flush(open(&mut self.transport)?);
        }
        Ok(())
    }

    /// Whether it uses TLS.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "the same with and without TLS"))]
    pub(crate) fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Closes the connection, so that the server learns at once that nobody listens any more.
    pub(crate) fn close(&mut self) {
        self.transport = None;
    }

    #[cfg(feature = "tls")]
    pub(crate) fn start_tls(&mut self, config: &Config) -> io::Result<()> {
        self.tls = Some(TlsStream::new(config)?);
        Ok(())
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "the same signature with and without TLS")]
    pub(crate) fn start_tls(&mut self, _: &Config) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this build has no TLS; enable the feature `tls`"))
    }

    /// Continues the handshake as far as that takes no waiting; whether it is over.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "the same with and without TLS"))]
    pub(crate) fn shake_hands(&mut self) -> io::Result<bool> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.handshake(open(&mut self.transport)?);
        }
        Ok(true)
    }

    /// What the handshake waits for, while there is one.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "the same with and without TLS"))]
    pub(crate) fn handshake(&self) -> Option<Ready> {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.as_ref().filter(|tls| tls.is_handshaking()) {
            return Some(tls.wants());
        }
        None
    }

    /// Whether there is decrypted data that has not been read. Waiting for the transport would not reveal it.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "the same with and without TLS"))]
    pub(crate) fn holds_plaintext(&mut self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.holds_plaintext();
        }
        false
    }

    /// Whether TLS has something to send.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "the same with and without TLS"))]
    pub(crate) fn holds_back(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.wants().writable;
        }
        false
    }
}

fn open<T>(transport: &mut Option<T>) -> io::Result<&mut T> {
    transport.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
}
