//! Proofs that a peer can read the record.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

use super::incarnation::{from_hex, write_hex};
use super::{Incarnation, Nonce, NotHex, Phase, Secret, StopMode};

/// HMAC-SHA-256 over what both sides of an exchange know.
#[derive(Clone, Copy, Debug)]
pub struct Mac([u8; 32]);

impl PartialEq for Mac {
    /// Takes the same time wherever the two differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |diff, (left, right)| diff | (left ^ right)) == 0
    }
}

impl Eq for Mac {}

impl Hash for Mac {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl FromStr for Mac {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        from_hex(text).map(Self)
    }
}

/// What a connection's MACs are bound to. The port is in it so that whoever sits on one port cannot pass on the proof
/// of a daemon on another; both nonces are, so that nothing can be said twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transcript {
    /// From the client's HELLO.
    pub client: Nonce,
    /// From the server's answer.
    pub server: Nonce,
    /// Who the server says it is.
    pub incarnation: Incarnation,
    /// Where the client reached it, on 127.0.0.1.
    pub port: u16,
}

impl Transcript {
    /// The server's proof, in its answer to HELLO.
    #[must_use]
    pub fn hello(&self, secret: &Secret, generation: u32, phase: Phase) -> Mac {
        self.mac(secret, b"HELLO", &generation.to_be_bytes(), phase.name().as_bytes())
    }

    /// The client's proof, in LEASE.
    #[must_use]
    pub fn lease(&self, secret: &Secret, client: &str) -> Mac {
        self.mac(secret, b"LEASE", client.as_bytes(), b"")
    }

    /// The client's proof, in STOP-IF.
    #[must_use]
    pub fn stop_if(&self, secret: &Secret, mode: StopMode) -> Mac {
        self.mac(secret, b"STOP-IF", mode.name().as_bytes(), b"")
    }

    /// Only `detail` and `more` vary in length, and for a verb only one of the two does.
    fn mac(&self, secret: &Secret, verb: &[u8], detail: &[u8], more: &[u8]) -> Mac {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else { return Mac([0; 32]) };
        mac.update(b"hyperwire daemon 2\0");
        for part in [verb, b"\0", &self.client.0, &self.server.0, &self.incarnation.0] {
            mac.update(part);
        }
        for part in [b"127.0.0.1:".as_slice(), &self.port.to_be_bytes(), detail, b"\0", more] {
            mac.update(part);
        }
        Mac(mac.finalize().into_bytes().into())
    }
}
