//! How much a peer may ask of us.

use super::{LimitExceeded, LimitKind};

/// Bounds on what one peer can make this side hold or compute. All are checked before anything is allocated: those on
/// lengths against the length that a message declares, before its body has arrived.
///
/// Before the login is over nothing is known of the peer, so every message has the length of
/// [`Limits::control_length`], and all of them together that of [`Limits::startup_length`]. Afterwards it depends on
/// the kind of message:
///
/// | message | bound | beyond it |
/// |---|---|---|
/// | DataRow, CopyData | `message_length` | the session ends |
/// | RowDescription, ParameterDescription, CopyInResponse, CopyOutResponse | `description_length` | the session ends |
/// | ErrorResponse, NoticeResponse | `control_length` | the text is cut off there and the rest is thrown away; beyond `message_length` the session ends |
/// | every other | `control_length` | the session ends |
///
/// No bound is larger than `message_length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one row or one piece of COPY data, its length word included. Default 256 MiB: hyperd was seen to send a
    /// single value of 150 MB as one DataRow.
    pub message_length: u32,
    /// Bytes of the description of a result or of parameters. Default 16 MiB: enough for 16 384 columns with names of
    /// 1 000 bytes; hyperd was seen to send a name of 300 000 bytes.
    pub description_length: u32,
    /// Bytes of any other message, and of every message before the login is over. Default 64 KiB: hyperd's own are
    /// below 1 KiB, except for errors that quote a value (one of 3 MB was seen), which are cut off.
    pub control_length: u32,
    /// Bytes of all messages before the login is over. Default 1 MiB; hyperd sends about 1 KiB.
    pub startup_length: u32,
    /// Columns of one result. Default 16 384: hyperd refuses somewhere between 5 000 and 40 000.
    pub columns: u16,
    /// SCRAM iterations. Default 100 000, about 0.1 s of computing; hyperd asks for 4 096.
    pub scram_iterations: u32,
    /// Settings that the server may report. Default 256; hyperd reports 17.
    pub settings: u16,
    /// Bytes of their names and values together. Default 128 KiB; hyperd reports less than 1 KiB, of which only the
    /// application's name can be longer.
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

/// How long a message may be, and what becomes of one that is longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// It is not read.
    Refuse(u32),
    /// Its beginning is read: as much as `kept`, if the whole is not longer than `most`.
    Cut { kept: u32, most: u32 },
}

impl Limits {
    pub(crate) fn check(what: LimitKind, found: u64, limit: u64) -> Result<(), LimitExceeded> {
        if found > limit { Err(LimitExceeded { what, found, limit }) } else { Ok(()) }
    }

    /// For a message from a server that has not let us in yet.
    pub(crate) fn before_login(&self) -> Bound {
        Bound::Refuse(self.control_length.min(self.message_length))
    }

    /// For a message of this type from a server that has let us in.
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
