//! The Authentication messages: every kind of login that the server can ask for.

use alloc::vec::Vec;

use super::{Reader, Violation, put_cstr};

/// An Authentication message. In tests, Hyper has sent only `Ok` and the three SASL kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication<'a> {
    /// The login succeeded.
    Ok,
    /// The server asks for the password in clear text.
    CleartextPassword,
    /// The server asks for the password, hashed with MD5 and this salt.
    Md5Password {
        /// The salt.
        salt: [u8; 4],
    },
    /// The server asks for a SASL exchange with one of these mechanisms.
    Sasl {
        /// The mechanisms' names, each followed by a zero byte; one more zero byte ends the list.
        mechanisms: &'a [u8],
    },
    /// The server's next SASL message.
    SaslContinue(&'a [u8]),
    /// The server's last SASL message.
    SaslFinal(&'a [u8]),
    /// A method that this crate does not know.
    Other {
        /// The method's number.
        method: i32,
        /// The rest of the message.
        data: &'a [u8],
    },
}

impl<'a> Authentication<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new("Authentication", body);
        let message = match reader.i32()? {
            0 => Self::Ok,
            3 => Self::CleartextPassword,
            5 => {
                let salt = reader.u32()?.to_be_bytes();
                Self::Md5Password { salt }
            }
            10 => {
                let mechanisms = reader.clone().remainder();
                while !reader.cstr()?.is_empty() {}
                Self::Sasl { mechanisms }
            }
            11 => Self::SaslContinue(reader.remainder()),
            12 => Self::SaslFinal(reader.remainder()),
            method => Self::Other { method, data: reader.remainder() },
        };
        reader.finish()?;
        Ok(message)
    }

    /// The mechanisms that [`Authentication::Sasl`] offers; empty for the other kinds.
    pub fn mechanisms(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let list = if let Self::Sasl { mechanisms } = self { *mechanisms } else { &[] };
        list.split(|&byte| byte == 0).take_while(|name| !name.is_empty())
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let (method, data): (i32, &[u8]) = match self {
            Self::Ok => (0, &[]),
            Self::CleartextPassword => (3, &[]),
            Self::Md5Password { salt } => (5, salt),
            Self::Sasl { mechanisms } => (10, mechanisms),
            Self::SaslContinue(data) => (11, data),
            Self::SaslFinal(data) => (12, data),
            Self::Other { method, data } => (*method, data),
        };
        out.extend_from_slice(&method.to_be_bytes());
        out.extend_from_slice(data);
    }

    /// Appends a mechanism list as [`Authentication::Sasl`] carries it.
    pub fn write_mechanisms(names: &[&str], out: &mut Vec<u8>) {
        for name in names {
            put_cstr(out, name.as_bytes());
        }
        out.push(0);
    }
}
