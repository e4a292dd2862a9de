//! The server's side of every login, with what may stand in its way.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use hyperwire_core::session::{Config, Fault, Password, Tls as AskForTls};
use hyperwire_core::wire::{Authentication, BackendMessage, FrontendMessage, Violation};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::plan::{Login, Method, Obstacle, Plan, Tls};
use super::said::{Act, What};

const PASSWORD: &str = "pencil";
const USER: &str = "u";
const SALT: &[u8] = b"salt";
const MD5_SALT: [u8; 4] = [1, 0, 255, 7];
const SERVER_NONCE: &str = "=\"server";

/// A login as far as it has come.
#[derive(Debug)]
pub(super) struct Attempt {
    login: Login,
    /// The part of SCRAM's AuthMessage that is known yet.
    exchange: Option<String>,
}

impl Attempt {
    pub(super) fn new(login: Login) -> Self {
        Self { login, exchange: None }
    }

    /// What is said to the StartupMessage. `None` is nothing, for ever.
    pub(super) fn begin(&self) -> Option<Vec<Act>> {
        let mut mechanisms = Vec::new();
        Authentication::write_mechanisms(&["SCRAM-SHA-256"], &mut mechanisms);
        let asked = match (self.login.obstacle, self.login.method) {
            (Obstacle::Silence, _) => return None,
            (Obstacle::UnknownMethod, _) => Authentication::Other { method: 7, data: &[] },
            (_, Method::Trust) => return Some(vec![say(Authentication::Ok)]),
            (_, Method::Cleartext) => Authentication::CleartextPassword,
            (_, Method::Md5) => Authentication::Md5Password { salt: MD5_SALT },
            (_, Method::Scram) => Authentication::Sasl { mechanisms: &mechanisms },
        };
        Some(vec![say(asked)])
    }

    /// What is said to a PasswordMessage; the last of it is AuthenticationOk or an error.
    pub(super) fn answer(&mut self, body: &[u8]) -> Result<Vec<Act>, String> {
        if self.login.obstacle == Obstacle::WrongPassword && self.login.method != Method::Scram {
            return Ok(vec![Act::error("42501", "login refused")]);
        }
        match self.login.method {
            Method::Trust => Err("a password that nobody asked for".to_owned()),
            Method::Cleartext => self.check(body, PASSWORD.as_bytes()),
            Method::Md5 => {
                let inner = hex::encode(Md5::digest(format!("{PASSWORD}{USER}")));
                let outer = hex::encode(Md5::digest([inner.as_bytes(), &MD5_SALT].concat()));
                self.check(body, format!("md5{outer}").as_bytes())
            }
            Method::Scram if self.exchange.is_none() => self.challenge(body),
            Method::Scram => self.verify(body),
        }
    }

    fn check(&self, body: &[u8], right: &[u8]) -> Result<Vec<Act>, String> {
        let given = body.strip_suffix(b"\0").ok_or("a password without its end")?;
        if given != right {
            return Err(format!("a wrong password: {given:?} for {:?}", self.login));
        }
        Ok(vec![say(Authentication::Ok)])
    }

    fn challenge(&mut self, body: &[u8]) -> Result<Vec<Act>, String> {
        let first = body.get(18..).and_then(|text| std::str::from_utf8(text).ok());
        let bare = first.and_then(|text| text.strip_prefix("n,,")).ok_or("a broken client-first-message")?;
        let (_, nonce) = bare.split_once(",r=").ok_or("no nonce")?;
        let iterations = self.login.iterations;
        let challenge = format!("r={nonce}{SERVER_NONCE},s={},i={iterations}", BASE64.encode(SALT));
        self.exchange = Some(format!("{bare},{challenge}"));
        if self.login.obstacle == Obstacle::OkTooSoon {
            return Ok(vec![say(Authentication::Ok)]);
        }
        Ok(vec![say(Authentication::SaslContinue(challenge.as_bytes()))])
    }

    /// As RFC 5802 section 3 has it: the proof gives the ClientKey away, whose hash the server stores.
    fn verify(&mut self, body: &[u8]) -> Result<Vec<Act>, String> {
        let text = std::str::from_utf8(body).map_err(|_| "a proof that is not UTF-8")?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or("no proof")?;
        let exchange = self.exchange.as_deref().unwrap_or_default();
        let auth_message = format!("{exchange},{without_proof}");
        let salted =
            pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(PASSWORD.as_bytes(), SALT, self.login.iterations);
        let stored = Sha256::digest(keyed(&salted, b"Client Key"));
        let mut client_key = keyed(&stored, auth_message.as_bytes());
        let proof = BASE64.decode(proof).map_err(|_| "a proof that is not Base64")?;
        client_key.iter_mut().zip(proof).for_each(|(byte, mask)| *byte ^= mask);
        if Sha256::digest(&client_key) != stored {
            return Err("a wrong proof".to_owned());
        }
        if self.login.obstacle == Obstacle::WrongPassword {
            return Ok(vec![Act::error("42501", "login refused")]);
        }
        let mut signature = keyed(&keyed(&salted, b"Server Key"), auth_message.as_bytes());
        signature[0] ^= u8::from(self.login.obstacle == Obstacle::WrongSignature);
        let last = format!("v={}", BASE64.encode(signature));
        Ok(vec![say(Authentication::SaslFinal(last.as_bytes())), say(Authentication::Ok)])
    }
}

/// The client's configuration for this plan.
pub(super) fn config(plan: &Plan) -> Config {
    let mut config = Config::new(USER);
    config.abandon_budget = plan.abandon_budget;
    config.tls = match plan.tls {
        Tls::Unasked => AskForTls::Disable,
        Tls::Given | Tls::Denied => AskForTls::Prefer,
        Tls::Missing => AskForTls::Require,
    };
    config.password = (plan.login.obstacle != Obstacle::NoPassword).then(|| Password::new(PASSWORD));
    let weak = plan.login.obstacle != Obstacle::WeakForbidden;
    (config.weak_passwords.cleartext, config.weak_passwords.md5) = (weak, weak);
    config
}

/// Whether the plan of the login calls for this fault, without a word from the server.
pub(super) fn explains(plan: &Plan, fault: &Fault) -> bool {
    match fault {
        Fault::NoTls => plan.tls == Tls::Missing,
        Fault::Authentication(_) => matches!(
            plan.login.obstacle,
            Obstacle::NoPassword | Obstacle::WeakForbidden | Obstacle::UnknownMethod
        ),
        Fault::Violation(Violation::Scram(_)) => {
            matches!(plan.login.obstacle, Obstacle::WrongSignature | Obstacle::OkTooSoon)
        }
        _ => false,
    }
}

/// What is in a PasswordMessage.
pub(super) fn password<'a>(message: &FrontendMessage<'a>) -> Option<&'a [u8]> {
    if let FrontendMessage::Password(body) = message { Some(*body) } else { None }
}

fn say(authentication: Authentication<'_>) -> Act {
    Act::say(What::Silent, &BackendMessage::Authentication(authentication))
}

fn keyed(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
