//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the client's side, as PostgreSQL and Hyper use it: without channel binding and
//! with an empty user name, since the StartupMessage has it already.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Fault;
use crate::wire::{LimitExceeded, LimitKind, Limits, Violation};

/// The mechanism's name.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";
/// "n": no channel binding supported; its Base64 goes into the `c` attribute.
const GS2_HEADER: &str = "n,,";
const GS2_HEADER_BASE64: &str = "biws";

/// Where the exchange stands.
#[derive(Clone, Debug)]
pub(super) enum Scram {
    /// The client's first message is out.
    First { bare: String },
    /// The client's proof is out.
    Final { server_signature: [u8; 32] },
    /// The server proved that it knows the password.
    Verified,
}

impl Scram {
    /// Starts an exchange; `nonce` must be fresh random bytes. Returns the client-first-message too.
    pub(super) fn start(nonce: &[u8; 18]) -> (Self, String) {
        let bare = format!("n=,r={}", BASE64.encode(nonce));
        let message = format!("{GS2_HEADER}{bare}");
        (Self::First { bare }, message)
    }

    /// Takes the server-first-message and returns the client-final-message.
    pub(super) fn prove(
        &mut self,
        server_first: &[u8],
        password: &[u8],
        limits: &Limits,
    ) -> Result<String, Fault> {
        let Self::First { bare } = &*self else {
            return Err(scram("a second challenge"));
        };
        let server_first =
            core::str::from_utf8(server_first).map_err(|_| scram("a challenge that is not UTF-8"))?;
        let challenge = Challenge::parse(server_first)?;
        let client_nonce = bare.strip_prefix("n=,r=").unwrap_or_default();
        if challenge.nonce.len() <= client_nonce.len() || !challenge.nonce.starts_with(client_nonce) {
            return Err(scram("the server's nonce does not continue ours"));
        }
        Limits::check(
            LimitKind::ScramIterations,
            challenge.iterations.into(),
            limits.scram_iterations.into(),
        )
        .map_err(LimitExceeded::into_fault)?;

        let mut salted = [0; 32];
        pbkdf2::pbkdf2::<Hmac<Sha256>>(password, &challenge.salt, challenge.iterations, &mut salted)
            .map_err(|_| scram("the password cannot be hashed"))?;
        let client_key = hmac(&salted, b"Client Key");
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let without_proof = format!("c={GS2_HEADER_BASE64},r={}", challenge.nonce);
        let auth_message = format!("{bare},{server_first},{without_proof}");
        let signature = hmac(&stored_key, auth_message.as_bytes());
        let mut proof = client_key;
        proof.iter_mut().zip(signature).for_each(|(key, sign)| *key ^= sign);

        let server_key = hmac(&salted, b"Server Key");
        *self = Self::Final { server_signature: hmac(&server_key, auth_message.as_bytes()) };
        Ok(format!("{without_proof},p={}", BASE64.encode(proof)))
    }

    /// Takes the server-final-message: only who knows the password can have signed it.
    pub(super) fn verify(&mut self, server_final: &[u8]) -> Result<(), Fault> {
        let Self::Final { server_signature } = self else {
            return Err(scram("a signature before the proof"));
        };
        let text = core::str::from_utf8(server_final).map_err(|_| scram("a signature that is not UTF-8"))?;
        let first = text.split(',').next().unwrap_or_default();
        let signature = match first.split_once('=') {
            Some(("v", signature)) => BASE64.decode(signature).map_err(|_| scram("a malformed signature"))?,
            Some(("e", _)) => return Err(scram("the server reports a failed exchange")),
            _ => return Err(scram("a final message without a signature")),
        };
        if !equal(&signature, server_signature) {
            return Err(scram("the server's signature is wrong: it does not know the password"));
        }
        *self = Self::Verified;
        Ok(())
    }
}

struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> Challenge<'a> {
    /// Attributes end at a comma and start at their first `=`: Hyper's nonces contain `=`, quotes and backslashes.
    fn parse(message: &'a str) -> Result<Self, Fault> {
        let mut attributes =
            message.split(',').map(|attribute| attribute.split_once('=').unwrap_or_default());
        let mut next =
            |name: &str| attributes.next().filter(|(found, _)| *found == name).map(|(_, value)| value);
        // RFC 5802 section 5.1 fixes their order, and calls for failure on an unknown mandatory extension ("m").
        let nonce = next("r").ok_or_else(|| scram("a challenge without a nonce"))?;
        let salt = next("s").ok_or_else(|| scram("a challenge without a salt"))?;
        let iterations = next("i").ok_or_else(|| scram("a challenge without an iteration count"))?;
        let salt = BASE64.decode(salt).map_err(|_| scram("a malformed salt"))?;
        let iterations = iterations
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| scram("a malformed iteration count"))?;
        Ok(Self { nonce, salt, iterations })
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Compares in a time that depends on the lengths alone.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |diff, (l, r)| diff | (l ^ r)) == 0
}

fn scram(what: &'static str) -> Fault {
    Violation::Scram(what).into()
}

impl LimitExceeded {
    fn into_fault(self) -> Fault {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677 section 3, with the user name that PostgreSQL leaves out.
    const SERVER_FIRST: &str =
        "r=AQIDBAUGBwgJCgsMDQ4PEBES%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn nonce() -> [u8; 18] {
        core::array::from_fn(|i| i as u8 + 1)
    }

    #[test]
    fn a_nonce_with_an_equals_sign_is_not_cut() {
        let challenge = Challenge::parse("r=a=b\\\"c=,s=AAAA,i=4096").unwrap();

        assert_eq!(challenge.nonce, "a=b\\\"c=");
    }

    #[test]
    fn the_proof_repeats_nonce_and_binding() {
        let (mut scram, first) = Scram::start(&nonce());

        let last = scram.prove(SERVER_FIRST.as_bytes(), b"pencil", &Limits::default()).unwrap();

        assert_eq!(first, "n,,n=,r=AQIDBAUGBwgJCgsMDQ4PEBES");
        assert!(last.starts_with("c=biws,r=AQIDBAUGBwgJCgsMDQ4PEBES%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="));
    }

    #[test]
    fn a_foreign_nonce_is_refused() {
        let (mut scram, _) = Scram::start(&[9; 18]);

        let outcome = scram.prove(SERVER_FIRST.as_bytes(), b"pencil", &Limits::default());

        assert_eq!(outcome, Err(super::scram("the server's nonce does not continue ours")));
    }

    #[test]
    fn too_many_iterations_are_refused_before_they_are_computed() {
        let (mut scram, _) = Scram::start(&nonce());
        let challenge = SERVER_FIRST.replace("i=4096", "i=4000000000");

        let outcome = scram.prove(challenge.as_bytes(), b"pencil", &Limits::default());

        assert!(matches!(outcome, Err(Fault::Limit(limit)) if limit.what == LimitKind::ScramIterations));
    }

    #[test]
    fn a_wrong_signature_is_refused() {
        let (mut scram, _) = Scram::start(&nonce());
        scram.prove(SERVER_FIRST.as_bytes(), b"pencil", &Limits::default()).unwrap();
        let forged = format!("v={}", BASE64.encode([0; 32]));

        let outcome = scram.verify(forged.as_bytes());

        assert!(matches!(outcome, Err(Fault::Violation(Violation::Scram(_)))));
    }
}
