//! The server's side of authentication.

use hyperwire_core::wire::{Authentication, BackendMessage, FrontendMessage};
use md5::{Digest, Md5};

use super::{Failure, Scram, Session, Startup};

/// How the server makes sure of the client.
#[derive(Clone, Copy, Debug)]
pub enum Auth<'a> {
    /// Not at all, as hyperd started with `--no-password`.
    Trust,
    /// SCRAM-SHA-256, as hyperd started with a password.
    Scram(Scram<'a>),
    /// The password in clear text. Hyper was never seen to ask for it.
    Cleartext(&'a str),
    /// The password as an MD5 hash. Hyper was never seen to ask for it.
    Md5(&'a str),
}

impl Session {
    /// Runs an authentication up to AuthenticationOk.
    ///
    /// # Errors
    /// When the client does something else. When the password is wrong, the client is told so as hyperd does, the
    /// connection is closed, and this is [`Failure::WrongPassword`].
    pub fn authenticate(&mut self, auth: &Auth<'_>, startup: &Startup) -> Result<(), Failure> {
        let user = startup.get("user").ok_or("the StartupMessage has no user")?;
        let right = match auth {
            Auth::Trust => true,
            Auth::Scram(scram) => self.exchange_scram(scram)?,
            Auth::Cleartext(password) => {
                self.send_authentication(Authentication::CleartextPassword)?;
                self.password()? == password.as_bytes()
            }
            Auth::Md5(password) => {
                let salt = [0x01, 0x00, 0xfe, 0x27];
                self.send_authentication(Authentication::Md5Password { salt })?;
                self.password()? == md5_answer(user, password, salt).as_bytes()
            }
        };
        if right {
            return self.send_authentication(Authentication::Ok);
        }
        self.send_error("42501", &format!("could not connect as '{user}'"))?;
        self.half_close()?;
        Err(Failure::WrongPassword)
    }

    /// Sends one message of the Authentication family.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn send_authentication(&mut self, authentication: Authentication<'_>) -> Result<(), Failure> {
        self.send(&BackendMessage::Authentication(authentication))
    }

    /// The text of a PasswordMessage, without the zero byte that must end it.
    fn password(&mut self) -> Result<Vec<u8>, Failure> {
        let received = self.expect_named("PasswordMessage")?;
        match received.message() {
            FrontendMessage::Password([text @ .., 0]) => Ok(text.to_owned()),
            _ => Err("a PasswordMessage has no terminating zero byte".into()),
        }
    }
}

fn md5_answer(user: &str, password: &str, salt: [u8; 4]) -> String {
    let inner = hex::encode(Md5::digest([password, user].concat()));
    format!("md5{}", hex::encode(Md5::digest([inner.as_bytes(), &salt].concat())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with another implementation: `md5(md5('secretadm') || salt)`.
    #[test]
    fn the_md5_answer_is_the_one_that_postgresql_defines() {
        let answer = md5_answer("adm", "secret", *b"salt");

        assert_eq!(answer, "md5f9f11856d99af9a26ef19c5882080119");
    }
}
