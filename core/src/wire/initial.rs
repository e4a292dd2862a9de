//! The untyped messages that open a connection: start-up, TLS request, cancel request.

use alloc::vec::Vec;

use super::{Reader, Violation, put_cstr, put_untyped};

/// Protocol version 3.0, the only one that Hyper accepts: for any other it closes the socket without a reply.
pub const PROTOCOL_3_0: i32 = 196_608;
const CANCEL_REQUEST: i32 = 80_877_102;
const SSL_REQUEST: i32 = 80_877_103;
const GSSENC_REQUEST: i32 = 80_877_104;

/// The first message on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InitialMessage<'a> {
    /// StartupMessage of protocol 3.0.
    Startup(StartupParameters<'a>),
    /// SSLRequest; the server answers with one byte, `S` or `N`.
    SslRequest,
    /// GSSENCRequest; Hyper always answers `N`.
    GssEncRequest,
    /// CancelRequest; the server answers by closing the connection.
    CancelRequest(CancelKey),
}

/// Identifies the session that a CancelRequest is meant for. Opaque: Hyper numbers connections from 0 and reuses
/// numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CancelKey {
    /// The first word of BackendKeyData.
    pub process_id: i32,
    /// The second word of BackendKeyData.
    pub secret_key: i32,
}

impl core::fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CancelKey").field("process_id", &self.process_id).finish_non_exhaustive()
    }
}

/// The name and value pairs of a StartupMessage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartupParameters<'a> {
    body: &'a [u8],
}

impl<'a> StartupParameters<'a> {
    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut reader = Reader::new("StartupMessage", self.body);
        core::iter::from_fn(move || {
            let name = reader.text().ok().filter(|name| !name.is_empty())?;
            Some((name, reader.text().ok()?))
        })
    }

    /// The value of one parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Appends name and value pairs as a StartupMessage carries them.
    pub fn write<'p>(parameters: impl IntoIterator<Item = (&'p str, &'p str)>, out: &mut Vec<u8>) {
        for (name, value) in parameters {
            put_cstr(out, name.as_bytes());
            put_cstr(out, value.as_bytes());
        }
        out.push(0);
    }

    /// Wraps bytes that [`StartupParameters::write`] produced.
    ///
    /// # Errors
    /// If the bytes are not a terminated list of terminated UTF-8 strings.
    pub fn from_body(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new("StartupMessage", body);
        while !reader.text()?.is_empty() {
            reader.text()?;
        }
        reader.finish()?;
        Ok(Self { body })
    }
}

impl<'a> InitialMessage<'a> {
    /// Decodes the body of an untyped message.
    ///
    /// # Errors
    /// If the request code is unknown (as for any other protocol version) or the body is malformed.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new("StartupMessage", body);
        let message = match reader.i32()? {
            PROTOCOL_3_0 => Self::Startup(StartupParameters::from_body(reader.remainder())?),
            SSL_REQUEST => Self::SslRequest,
            GSSENC_REQUEST => Self::GssEncRequest,
            CANCEL_REQUEST => {
                Self::CancelRequest(CancelKey { process_id: reader.i32()?, secret_key: reader.i32()? })
            }
            code => return Err(reader.bad_value("request code", code.into())),
        };
        reader.finish()?;
        Ok(message)
    }

    /// Appends the whole message, length word included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_untyped(out, |out| match self {
            Self::Startup(parameters) => {
                out.extend_from_slice(&PROTOCOL_3_0.to_be_bytes());
                out.extend_from_slice(parameters.body);
            }
            Self::SslRequest => out.extend_from_slice(&SSL_REQUEST.to_be_bytes()),
            Self::GssEncRequest => out.extend_from_slice(&GSSENC_REQUEST.to_be_bytes()),
            Self::CancelRequest(key) => {
                out.extend_from_slice(&CANCEL_REQUEST.to_be_bytes());
                out.extend_from_slice(&key.process_id.to_be_bytes());
                out.extend_from_slice(&key.secret_key.to_be_bytes());
            }
        });
    }
}
