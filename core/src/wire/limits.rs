//! Bounds on what a peer can make this side hold or compute.

use super::{LimitExceeded, LimitKind};

/// Bounds on what one peer can make this side hold or compute. Each is checked before anything is allocated; the length
/// bounds are checked against the length that a message declares, before its body arrives.
///
/// Until the login succeeds the peer is unknown, so [`Limits::control_length`] bounds every single message and
/// [`Limits::startup_length`] bounds all of them together. Afterwards the bound depends on the kind of message:
///
/// | message | bound | beyond it |
/// |---|---|---|
/// | DataRow, CopyData | `message_length` | the session ends |
/// | RowDescription, ParameterDescription, CopyInResponse, CopyOutResponse | `description_length` | the session ends |
/// | ErrorResponse, NoticeResponse | `control_length` | the text is cut at the bound and the rest is thrown away; beyond `message_length` the session ends |
/// | any other message | `control_length` | the session ends |
///
/// `message_length` also caps each of the other length bounds for a single message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one row or one piece of COPY data, including its length word. Default 256 MiB: in tests, hyperd has
    /// sent a single value of 150 MB as one DataRow.
    pub message_length: u32,
    /// Bytes of the description of a result or of parameters. Default 16 MiB: enough for 16 384 columns with names of
    /// 1 000 bytes. In tests, hyperd has sent a name of 300 000 bytes.
    pub description_length: u32,
    /// Bytes of any other message, and of every message before the login succeeds. Default 64 KiB: hyperd's own
    /// messages are below 1 KiB, except for errors that quote a value (one of 3 MB was seen), which are cut at this
    /// bound.
    pub control_length: u32,
    /// Bytes of all messages together before the login succeeds. Default 1 MiB; hyperd sends about 1 KiB.
    pub startup_length: u32,
    /// Columns of one result. Default 16 384: hyperd's own limit lies between 5 000 and 40 000.
    pub columns: u16,
    /// SCRAM iterations. Default 100 000, which take about 0.1 s to compute; hyperd asks for 4 096.
    pub scram_iterations: u32,
    /// Settings that the server may report. Default 256; hyperd reports 17.
    pub settings: u16,
    /// Bytes of the names and values of all reported settings together. Default 128 KiB; hyperd reports less than
    /// 1 KiB, of which only the application's name can be longer.
    pub settings_length: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_length: 256 << 20,
            description_length: 16 << 20,
            control_length: 64 << 10,
            startup_length: 1 << 20,
            columns: 16_384,
            scram_iterations: 100_000,
            settings: 256,
            settings_length: 128 << 10,
        }
    }
}

/// How long a message may be, and what happens to a longer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A longer message is an error.
    Refuse(u32),
    /// A longer message is cut to its first `kept` bytes; one longer than `most` is an error.
    Cut { kept: u32, most: u32 },
}

impl Limits {
    pub(crate) fn check(what: LimitKind, found: u64, limit: u64) -> Result<(), LimitExceeded> {
        if found > limit { Err(LimitExceeded { what, found, limit }) } else { Ok(()) }
    }

    /// The bound for a message that arrives before the login succeeds.
    pub(crate) fn before_login(&self) -> Bound {
        Bound::Refuse(self.control_length.min(self.message_length))
    }

    /// The bound for a message of this type that arrives after the login.
    #[inline]
    pub(crate) fn after_login(&self, tag: u8) -> Bound {
        let length = match tag {
            b'D' | b'd' => self.message_length,
            b'T' | b't' | b'G' | b'H' => self.description_length,
            _ => self.control_length,
        };
        let length = length.min(self.message_length);
        match tag {
            b'E' | b'N' => Bound::Cut { kept: length, most: self.message_length },
            _ => Bound::Refuse(length),
        }
    }
}
