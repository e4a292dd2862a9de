//! Messages from the client.

use alloc::vec::Vec;

use super::{Frame, ParameterTypes, Reader, Violation, put_count, put_cstr, put_message};

/// A typed message from the client, borrowed from the bytes it came in or from the caller's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrontendMessage<'a> {
    /// `B`
    Bind(Bind<'a>),
    /// `C`
    Close(Target<'a>),
    /// `d`
    CopyData(&'a [u8]),
    /// `c`
    CopyDone,
    /// `f`, with a reason, which the server repeats in its error
    CopyFail(&'a str),
    /// `D`
    Describe(Target<'a>),
    /// `E`
    Execute {
        /// The portal's name, empty for the unnamed one.
        portal: &'a str,
        /// 0 for all rows. For any other number Hyper keeps the whole result in memory, so do not use one.
        max_rows: i32,
    },
    /// `H`
    Flush,
    /// `P`
    Parse {
        /// The name to give the statement, empty for the unnamed one.
        statement: &'a str,
        /// The text of one statement.
        query: &'a str,
        /// A type for every `$n`, or 0 to let Hyper infer it. Hyper refuses a statement that has more `$n` than this
        /// list has entries.
        types: ParameterTypes<'a>,
    },
    /// `p`: a password or a SASL message, whichever the server asked for
    Password(&'a [u8]),
    /// `Q`
    Query(&'a str),
    /// `S`
    Sync,
    /// `X`
    Terminate,
}

/// What a Describe or Close message refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A prepared statement.
    Statement(&'a str),
    /// A portal.
    Portal(&'a str),
}

/// How a value is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Format {
    /// Text.
    Text = 0,
    /// PostgreSQL's binary format, big endian.
    PgBinary = 1,
    /// Hyper's binary format, little endian.
    #[default]
    HyperBinary = 2,
}

impl Format {
    /// The format code used in messages.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The format's name as a value of the setting `result_format_code`.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::PgBinary => "PGBinary",
            Self::HyperBinary => "HyperBinary",
        }
    }
}

/// The body of a Bind message, which makes a portal from a statement and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal's name, empty for the unnamed one.
    pub portal: &'a str,
    /// The statement's name, empty for the unnamed one.
    pub statement: &'a str,
    /// The parameters.
    pub values: ParameterValues<'a>,
    /// Big-endian format codes of the result: empty for the session's default, one code for all columns, or one per
    /// column.
    pub result_formats: &'a [[u8; 2]],
}

/// The parameters in a Bind message: format codes and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterValues<'a> {
    /// Big-endian format codes: empty for text, one code for all values, or one per value.
    pub formats: &'a [[u8; 2]],
    /// The number of values.
    pub count: usize,
    /// The values, each preceded by its big-endian length word (-1 for NULL).
    pub values: &'a [u8],
}

impl<'a> ParameterValues<'a> {
    /// No parameters.
    pub const NONE: Self = Self { formats: &[], count: 0, values: &[] };

    /// The values in order, `None` for NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut reader = Reader::new("Bind", self.values);
        core::iter::from_fn(move || reader.value().ok()).take(self.count)
    }
}

impl<'a> Bind<'a> {
    fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new("Bind", body);
        let (portal, statement) = (reader.text()?, reader.text()?);
        let formats = formats(&mut reader)?;
        let count = reader.count("parameter count")?;
        let start = reader.clone().remainder();
        for _ in 0..count {
            reader.value()?;
        }
        let values = &start[..start.len() - reader.clone().remainder().len()];
        let result_formats = self::formats(&mut reader)?;
        reader.finish()?;
        Ok(Self { portal, statement, values: ParameterValues { formats, count, values }, result_formats })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_cstr(out, self.portal.as_bytes());
        put_cstr(out, self.statement.as_bytes());
        put_count(out, self.values.formats.len());
        out.extend_from_slice(self.values.formats.as_flattened());
        put_count(out, self.values.count);
        out.extend_from_slice(self.values.values);
        put_count(out, self.result_formats.len());
        out.extend_from_slice(self.result_formats.as_flattened());
    }
}

fn formats<'a>(reader: &mut Reader<'a>) -> Result<&'a [[u8; 2]], Violation> {
    let count = reader.count("format count")?;
    Ok(reader.bytes(count * 2)?.as_chunks().0)
}

impl<'a> Target<'a> {
    fn decode(message: &'static str, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(message, body);
        let target = match reader.u8()? {
            b'S' => Self::Statement(reader.text()?),
            b'P' => Self::Portal(reader.text()?),
            other => return Err(reader.bad_value("target", other.into())),
        };
        reader.finish()?;
        Ok(target)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let (kind, name) = match self {
            Self::Statement(name) => (b'S', name),
            Self::Portal(name) => (b'P', name),
        };
        out.push(kind);
        put_cstr(out, name.as_bytes());
    }
}

impl<'a> FrontendMessage<'a> {
    /// Decodes one message. Every field is checked and nothing is copied.
    ///
    /// # Errors
    /// If the type byte is unknown, or the body is malformed for its type.
    pub fn decode(frame: Frame<'a>) -> Result<Self, Violation> {
        let mut reader = Reader::new(name(frame.tag), frame.body);
        let message = match frame.tag {
            b'B' => return Bind::decode(frame.body).map(Self::Bind),
            b'C' => return Target::decode("Close", frame.body).map(Self::Close),
            b'd' => return Ok(Self::CopyData(frame.body)),
            b'c' => Self::CopyDone,
            b'f' => Self::CopyFail(reader.text()?),
            b'D' => return Target::decode("Describe", frame.body).map(Self::Describe),
            b'E' => Self::Execute { portal: reader.text()?, max_rows: reader.i32()? },
            b'H' => Self::Flush,
            b'P' => Self::Parse {
                statement: reader.text()?,
                query: reader.text()?,
                types: ParameterTypes::read(&mut reader)?,
            },
            b'p' => return Ok(Self::Password(frame.body)),
            b'Q' => Self::Query(reader.text()?),
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            tag => return Err(Violation::UnknownMessage { tag }),
        };
        reader.finish()?;
        Ok(message)
    }

    /// Appends the whole message: type byte, length word, body.
    ///
    /// Strings must not contain a zero byte, and the message must stay under 2 GiB; the session checks both.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_message(out, self.tag(), |out| match self {
            Self::Bind(bind) => bind.encode(out),
            Self::Close(target) | Self::Describe(target) => target.encode(out),
            Self::CopyData(data) | Self::Password(data) => out.extend_from_slice(data),
            Self::CopyFail(text) | Self::Query(text) => put_cstr(out, text.as_bytes()),
            Self::Execute { portal, max_rows } => {
                put_cstr(out, portal.as_bytes());
                out.extend_from_slice(&max_rows.to_be_bytes());
            }
            Self::Parse { statement, query, types } => {
                put_cstr(out, statement.as_bytes());
                put_cstr(out, query.as_bytes());
                types.encode(out);
            }
            Self::CopyDone | Self::Flush | Self::Sync | Self::Terminate => {}
        });
    }

    /// The message's name in the protocol.
    #[must_use]
    pub fn name(&self) -> &'static str {
        name(self.tag())
    }

    fn tag(&self) -> u8 {
        match self {
            Self::Bind(_) => b'B',
            Self::Close(_) => b'C',
            Self::CopyData(_) => b'd',
            Self::CopyDone => b'c',
            Self::CopyFail(_) => b'f',
            Self::Describe(_) => b'D',
            Self::Execute { .. } => b'E',
            Self::Flush => b'H',
            Self::Parse { .. } => b'P',
            Self::Password(_) => b'p',
            Self::Query(_) => b'Q',
            Self::Sync => b'S',
            Self::Terminate => b'X',
        }
    }
}

fn name(tag: u8) -> &'static str {
    match tag {
        b'B' => "Bind",
        b'C' => "Close",
        b'd' => "CopyData",
        b'c' => "CopyDone",
        b'f' => "CopyFail",
        b'D' => "Describe",
        b'E' => "Execute",
        b'H' => "Flush",
        b'P' => "Parse",
        b'p' => "PasswordMessage",
        b'Q' => "Query",
        b'S' => "Sync",
        b'X' => "Terminate",
        _ => "unknown message",
    }
}
