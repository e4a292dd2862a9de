//! SCRAM-SHA-256 (RFC 5802, RFC 7677) from the server's side, done right and done wrong.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hyperwire_core::wire::{Authentication, FrontendMessage};
use sha2::{Digest, Sha256};

use super::{Failure, Session};

/// The server's part of the nonce. Like hyperd's it has every kind of character that a naive client trips over.
const NONCE: &str = r#"A/@`XH*fBmi>`rkq{]65r?'YI<)="u\s=LeG"#;

const SALT: [u8; 16] = *b"\x00salt\xff of a test";

/// What the server knows of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scram<'a> {
    /// The right password.
    pub password: &'a str,
    /// Iterations of the key derivation; hyperd uses 4096.
    pub iterations: u32,
}

impl<'a> Scram<'a> {
    /// This password, and hyperd's 4096 iterations.
    #[must_use]
    pub fn new(password: &'a str) -> Self {
        Self { password, iterations: 4096 }
    }
}

/// A way to break the exchange, from the first message of the server to the last. A client must give up on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramAbuse {
    /// An empty list of mechanisms.
    NoMechanism,
    /// Only mechanisms that nobody asked for.
    UnknownMechanisms,
    /// AuthenticationOk instead of the server's first message.
    OkInsteadOfFirst,
    /// Instead of the server's first message, this text; `{nonce}` stands for the client's nonce.
    First(&'static str),
    /// The server's first message, whose bytes are not UTF-8.
    FirstNotUtf8,
    /// AuthenticationOk instead of the server's last message: it does not prove that it knows the password.
    OkInsteadOfFinal,
    /// The server's first message once more instead of the last.
    FirstInsteadOfFinal,
    /// The right kind of last message with the signature of somebody who does not know the password.
    WrongSignature,
    /// Instead of the server's last message, this text.
    Final(&'static str),
    /// The right last message, and then once more instead of AuthenticationOk.
    FinalTwice,
}

impl Session {
    /// The whole exchange up to the server's last message; whether the client's proof is right. After a wrong proof
    /// no last message is sent, as with hyperd.
    pub(super) fn exchange_scram(&mut self, scram: &Scram<'_>) -> Result<bool, Failure> {
        self.send_mechanisms(&["SCRAM-SHA-256"])?;
        let client_first = self.client_first()?;
        let server_first = server_first(&client_first, scram);
        self.send_authentication(Authentication::SaslContinue(server_first.as_bytes()))?;
        let keys = self.client_final(scram, &client_first, &server_first)?;
        if keys.proof_is_right {
            self.send_authentication(Authentication::SaslFinal(keys.server_final.as_bytes()))?;
        }
        Ok(keys.proof_is_right)
    }

    /// Runs the exchange as far as it is right, and then breaks it. What the client does then is for the script to
    /// look at.
    ///
    /// # Errors
    /// When the client does something wrong before.
    pub fn abuse_scram(&mut self, scram: &Scram<'_>, abuse: ScramAbuse) -> Result<(), Failure> {
        match abuse {
            ScramAbuse::NoMechanism => return self.send_mechanisms(&[]),
            ScramAbuse::UnknownMechanisms => return self.send_mechanisms(&["GS2-KRB5", "SCRAM-MD4"]),
            _ => self.send_mechanisms(&["SCRAM-SHA-256"])?,
        }
        let client_first = self.client_first()?;
        let server_first = server_first(&client_first, scram);
        let first = match abuse {
            ScramAbuse::OkInsteadOfFirst => return self.send_authentication(Authentication::Ok),
            ScramAbuse::FirstNotUtf8 => {
                let bytes = [server_first.as_bytes(), b",x=\xff\xfe"].concat();
                return self.send_authentication(Authentication::SaslContinue(&bytes));
            }
            ScramAbuse::First(text) => {
                let text = text.replace("{nonce}", &client_first.nonce);
                return self.send_authentication(Authentication::SaslContinue(text.as_bytes()));
            }
            _ => Authentication::SaslContinue(server_first.as_bytes()),
        };
        self.send_authentication(first)?;
        let keys = self.client_final(scram, &client_first, &server_first)?;
        let right = Authentication::SaslFinal(keys.server_final.as_bytes());
        match abuse {
            ScramAbuse::OkInsteadOfFinal => self.send_authentication(Authentication::Ok),
            ScramAbuse::FirstInsteadOfFinal => self.send_authentication(first),
            ScramAbuse::WrongSignature => {
                let signature = format!("v={}", BASE64_STANDARD.encode([0x5a; 32]));
                self.send_authentication(Authentication::SaslFinal(signature.as_bytes()))
            }
            ScramAbuse::Final(text) => self.send_authentication(Authentication::SaslFinal(text.as_bytes())),
            _ => {
                self.send_authentication(right)?;
                self.send_authentication(right)
            }
        }
    }

    fn send_mechanisms(&mut self, names: &[&str]) -> Result<(), Failure> {
        let mut mechanisms = Vec::new();
        Authentication::write_mechanisms(names, &mut mechanisms);
        self.send_authentication(Authentication::Sasl { mechanisms: &mechanisms })
    }

    fn client_first(&mut self) -> Result<ClientFirst, Failure> {
        let received = self.expect_named("PasswordMessage")?;
        let FrontendMessage::Password(body) = received.message() else {
            unreachable!("its name was checked")
        };
        ClientFirst::parse(body).map_err(|wrong| format!("SASLInitialResponse: {wrong}").into())
    }

    fn client_final(
        &mut self,
        scram: &Scram<'_>,
        first: &ClientFirst,
        server_first: &str,
    ) -> Result<Keys, Failure> {
        let received = self.expect_named("PasswordMessage")?;
        let FrontendMessage::Password(body) = received.message() else {
            unreachable!("its name was checked")
        };
        check_final(body, scram, first, server_first).map_err(|wrong| format!("SASLResponse: {wrong}").into())
    }
}

/// The client's first message.
struct ClientFirst {
    /// Everything behind the GS2 header.
    bare: String,
    nonce: String,
}

impl ClientFirst {
    fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let rest = body.strip_prefix(b"SCRAM-SHA-256\0").ok_or("the mechanism is not SCRAM-SHA-256")?;
        let (length, text) = rest.split_first_chunk::<4>().ok_or("it has no length word")?;
        if usize::try_from(i32::from_be_bytes(*length)) != Ok(text.len()) {
            return Err("its length word is wrong");
        }
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
        let bare = text.strip_prefix("n,,").ok_or("its GS2 header is not `n,,`")?;
        let mut attributes = bare.split(',');
        if !attributes.next().is_some_and(|user| user.starts_with("n=")) {
            return Err("no user name `n=` comes first");
        }
        let nonce =
            attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).ok_or("it has no nonce `r=`")?;
        if nonce.len() < 18 || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("its nonce is too short, or not of printable characters");
        }
        Ok(Self { bare: bare.to_owned(), nonce: nonce.to_owned() })
    }
}

fn server_first(client: &ClientFirst, scram: &Scram<'_>) -> String {
    format!("r={}{NONCE},s={},i={}", client.nonce, BASE64_STANDARD.encode(SALT), scram.iterations)
}

/// What the client's last message shows, and the answer to it.
struct Keys {
    proof_is_right: bool,
    server_final: String,
}

fn check_final(
    body: &[u8],
    scram: &Scram<'_>,
    first: &ClientFirst,
    server_first: &str,
) -> Result<Keys, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    let (without_proof, proof) = text.rsplit_once(",p=").ok_or("it has no proof `p=`")?;
    if without_proof != format!("c=biws,r={}{NONCE}", first.nonce) {
        return Err("channel binding or nonce are wrong");
    }
    let proof = BASE64_STANDARD.decode(proof).map_err(|_| "its proof is not base64")?;

    let auth_message = format!("{},{server_first},{without_proof}", first.bare);
    let (right_proof, signature) = prove(scram.password, &SALT, scram.iterations, &auth_message);
    Ok(Keys {
        proof_is_right: proof == right_proof,
        server_final: format!("v={}", BASE64_STANDARD.encode(signature)),
    })
}

/// The client's proof and the server's signature.
fn prove(password: &str, salt: &[u8], iterations: u32, auth_message: &str) -> ([u8; 32], [u8; 32]) {
    let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations);
    let client_key = hmac_sha256(&salted, b"Client Key");
    let mask = hmac_sha256(&Sha256::digest(client_key), auth_message.as_bytes());
    let server_key = hmac_sha256(&salted, b"Server Key");
    let signature = hmac_sha256(&server_key, auth_message.as_bytes());
    (std::array::from_fn(|index| client_key[index] ^ mask[index]), signature)
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_and_signature_are_those_of_an_exchange_with_a_real_hyperd() {
        let client_first = r#"n=,r=uwkHf3ofMrKd3u0NQIoRj3Iu"#;
        let salt = "LeG28OBBlySb6ZL7+dGh+A==";
        let server_first = r#"r=uwkHf3ofMrKd3u0NQIoRj3IubA/@`XH*fBmi>`rkq{]65r?'YI<)=u"#;
        let client_final = r#"c=biws,r=uwkHf3ofMrKd3u0NQIoRj3IubA/@`XH*fBmi>`rkq{]65r?'YI<)=u"#;

        let auth_message = format!("{client_first},{server_first},s={salt},i=4096,{client_final}");
        let salt = BASE64_STANDARD.decode(salt).expect("it is base64");
        let (proof, signature) = prove("s3cret", &salt, 4096, &auth_message);

        assert_eq!(BASE64_STANDARD.encode(proof), "m8+WNvElt8MblQqajObu3BVjTCJ6Hbm2BkNFXhDcuSI=");
        assert_eq!(BASE64_STANDARD.encode(signature), "dkWbEZZtckq0U3iSsmGR3Vmi0BqBt/Dckha8xyQvwro=");
    }
}
