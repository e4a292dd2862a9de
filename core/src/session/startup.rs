//! From the first byte to the first ReadyForQuery.

use alloc::string::String;
use alloc::vec::Vec;

use md5::{Digest, Md5};

use super::scram::{self, Scram};
use super::{AuthenticationError, Config, Event, Fault, Misuse, Phase, ServerError, Session, Tls};
use crate::buffer::{InBuf, OutBuf};
use crate::wire::{
    Authentication, BackendMessage, FrontendMessage, InitialMessage, StartupParameters, Violation,
};

/// Where the login stands.
#[derive(Clone, Debug)]
pub(super) enum Login {
    /// StartupMessage is out.
    Asked,
    /// A clear text or MD5 password is out.
    PasswordSent,
    /// A SCRAM exchange is under way.
    Scram(Scram),
    /// AuthenticationOk came; settings and the cancel key follow.
    In,
}

impl Session {
    /// Appends SSLRequest or StartupMessage.
    pub(super) fn open(&mut self, out: &mut OutBuf) {
        self.phase = if self.config.tls == Tls::Disable {
            self.send_startup(out)
        } else {
            InitialMessage::SslRequest.encode(out.queue());
            Phase::TlsAnswer
        };
    }

    fn send_startup(&self, out: &mut OutBuf) -> Phase {
        if let Ok(parameters) = StartupParameters::from_body(&self.startup) {
            InitialMessage::Startup(parameters).encode(out.queue());
        }
        Phase::Login(Login::Asked)
    }

    /// Says that the TLS handshake, asked for by [`Event::StartTls`], is done: what the session sends from now on
    /// goes through it, and so does what the driver hands in.
    pub fn tls_established(&mut self, out: &mut OutBuf) {
        if matches!(self.phase, Phase::TlsHandshake) {
            self.phase = self.send_startup(out);
        }
    }

    pub(super) fn on_tls_answer(
        &mut self,
        input: &mut InBuf,
        out: &mut OutBuf,
    ) -> Result<Option<Event>, Fault> {
        let Some((&answer, rest)) = input.unread().split_first() else {
            input.needs(1);
            return Ok(None);
        };
        match answer {
            b'S' if !rest.is_empty() => Err(Violation::BytesBeforeTls.into()),
            b'S' => {
                input.consume(1);
                self.phase = Phase::TlsHandshake;
                Ok(Some(Event::StartTls))
            }
            b'N' if self.config.tls == Tls::Require => Err(Fault::NoTls),
            b'N' => {
                input.consume(1);
                self.phase = self.send_startup(out);
                Ok(None)
            }
            answer => Err(Violation::BadTlsAnswer { answer }.into()),
        }
    }

    pub(super) fn on_login_message(
        &mut self,
        mut login: Login,
        message: BackendMessage<'_>,
        out: &mut OutBuf,
    ) -> Result<Option<Event>, Fault> {
        match (&mut login, message) {
            (_, BackendMessage::ErrorResponse(report)) => {
                return Err(Fault::Refused(ServerError::new(report).into()));
            }
            // A second one would turn every cancel against somebody else's session.
            (Login::In, BackendMessage::BackendKeyData(key)) if self.key.is_none() => self.key = Some(key),
            (Login::In, BackendMessage::ReadyForQuery(transaction)) => {
                self.enter_ready(transaction, out);
                return Ok(Some(Event::Ready));
            }
            (
                login @ (Login::Asked | Login::PasswordSent),
                BackendMessage::Authentication(Authentication::Ok),
            ) => {
                *login = Login::In;
            }
            (Login::Scram(Scram::Verified), BackendMessage::Authentication(Authentication::Ok)) => {
                login = Login::In;
            }
            (login @ Login::Asked, BackendMessage::Authentication(asked)) => {
                *login = answer(asked, &self.config, &self.nonce, out)?;
            }
            (Login::Scram(exchange), BackendMessage::Authentication(Authentication::SaslContinue(data))) => {
                let password = self.config.password.as_ref().ok_or(AuthenticationError::NoPassword)?;
                let proof = exchange.prove(data, password.as_bytes(), &self.config.limits)?;
                FrontendMessage::Password(proof.as_bytes()).encode(out.queue());
            }
            (Login::Scram(exchange), BackendMessage::Authentication(Authentication::SaslFinal(data))) => {
                exchange.verify(data)?;
            }
            (Login::Scram(_), BackendMessage::Authentication(Authentication::Ok)) => {
                return Err(Violation::Scram(
                    "the server accepts before it has proved that it knows the password",
                )
                .into());
            }
            (_, message) => {
                let phase = "the session starts up";
                return Err(Violation::UnexpectedMessage { message: message.name(), phase }.into());
            }
        }
        self.phase = Phase::Login(login);
        Ok(None)
    }
}

/// Answers the first request for authentication.
fn answer(
    asked: Authentication<'_>,
    config: &Config,
    nonce: &[u8; 18],
    out: &mut OutBuf,
) -> Result<Login, Fault> {
    let password = config.password.as_ref().ok_or(AuthenticationError::NoPassword);
    match asked {
        Authentication::Sasl { .. } => {
            if !asked.mechanisms().any(|name| name == scram::MECHANISM.as_bytes()) {
                let offered: Vec<_> = asked.mechanisms().map(String::from_utf8_lossy).collect();
                let offered = offered.join(", ");
                return Err(AuthenticationError::NoCommonMechanism { offered }.into());
            }
            password?;
            let (exchange, first) = Scram::start(nonce);
            let mut message = Vec::from(scram::MECHANISM);
            message.push(0);
            message.extend_from_slice(&i32::try_from(first.len()).unwrap_or(i32::MAX).to_be_bytes());
            message.extend_from_slice(first.as_bytes());
            FrontendMessage::Password(&message).encode(out.queue());
            Ok(Login::Scram(exchange))
        }
        Authentication::CleartextPassword if !config.weak_passwords.cleartext => {
            Err(AuthenticationError::CleartextNotAllowed.into())
        }
        Authentication::CleartextPassword => {
            send_password(password?.as_bytes(), out);
            Ok(Login::PasswordSent)
        }
        Authentication::Md5Password { .. } if !config.weak_passwords.md5 => {
            Err(AuthenticationError::Md5NotAllowed.into())
        }
        Authentication::Md5Password { salt } => {
            let inner = md5_hex(&[password?.as_bytes(), config.user.as_bytes()]);
            let hash = alloc::format!("md5{}", md5_hex(&[inner.as_bytes(), &salt]));
            send_password(hash.as_bytes(), out);
            Ok(Login::PasswordSent)
        }
        Authentication::Other { method, .. } => Err(AuthenticationError::UnknownMethod { method }.into()),
        Authentication::Ok | Authentication::SaslContinue(_) | Authentication::SaslFinal(_) => {
            Err(Violation::Scram("a SASL message outside of an exchange").into())
        }
    }
}

fn send_password(password: &[u8], out: &mut OutBuf) {
    let mut message = Vec::from(password);
    message.push(0);
    FrontendMessage::Password(&message).encode(out.queue());
}

fn md5_hex(parts: &[&[u8]]) -> String {
    let mut hash = Md5::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| alloc::format!("{byte:02x}")).collect()
}

/// Encodes the start-up parameters once, so that a configuration that cannot be sent is refused before a connection
/// is made for it.
pub(super) fn encode(config: &Config) -> Result<Vec<u8>, Misuse> {
    if config.password.as_ref().is_some_and(|password| password.as_bytes().contains(&0)) {
        return Err(Misuse::ZeroByte { what: "the password" });
    }
    let mut startup = Vec::new();
    config.write_startup(&mut startup)?;
    Ok(startup)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    #[test]
    fn a_session_that_ends_before_its_startup_message_says_nothing_more() {
        let config = Config { tls: Tls::Prefer, ..Config::new("hyper") };
        let mut out = OutBuf::new();
        let mut session = Session::start(config, [3; 18], Instant::EPOCH, &mut out).unwrap();
        let ssl_request = out.unsent().to_vec();

        session.terminate(&mut out);

        assert_eq!(out.unsent(), ssl_request);
        assert_eq!(session.fault(), Some(&Fault::Closed));
    }
}
