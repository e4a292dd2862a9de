//! Messages from the server.

use alloc::vec::Vec;

use super::{
    Authentication, CancelKey, Frame, ParameterTypes, Reader, Report, RowDescription, Violation, put_count,
    put_cstr, put_message,
};

/// A message from the server, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendMessage<'a> {
    /// `R`
    Authentication(Authentication<'a>),
    /// `K`
    BackendKeyData(CancelKey),
    /// `2`
    BindComplete,
    /// `3`
    CloseComplete,
    /// `C`, with its command tag
    CommandComplete(&'a str),
    /// `d`
    CopyData(&'a [u8]),
    /// `c`
    CopyDone,
    /// `G`
    CopyInResponse(CopyResponse<'a>),
    /// `H`
    CopyOutResponse(CopyResponse<'a>),
    /// `D`
    DataRow(DataRow<'a>),
    /// `I`
    EmptyQueryResponse,
    /// `E`
    ErrorResponse(Report<'a>),
    /// `n`
    NoData,
    /// `N`
    NoticeResponse(Report<'a>),
    /// `t`
    ParameterDescription(ParameterTypes<'a>),
    /// `S`; while a statement runs, Hyper also sends `alive=?` every 5 s, between any two messages
    ParameterStatus {
        /// The setting.
        name: &'a str,
        /// Its value.
        value: &'a str,
    },
    /// `1`
    ParseComplete,
    /// `s`
    PortalSuspended,
    /// `Z`
    ReadyForQuery(TransactionStatus),
    /// `T`
    RowDescription(RowDescription<'a>),
}

/// Whether the session is in a transaction block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransactionStatus {
    /// `I`: no transaction is open.
    #[default]
    Idle,
    /// `T`: a transaction is open.
    InTransaction,
    /// `E`: the open transaction has failed and accepts only ROLLBACK.
    Failed,
}

/// The body of CopyInResponse and CopyOutResponse. Hyper sets every format to 0, whatever the data's real format is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyResponse<'a> {
    /// The overall format: 0 text, 1 binary.
    pub format: u8,
    /// One big-endian format code per column.
    pub columns: &'a [[u8; 2]],
}

/// The undecoded fields of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRow<'a> {
    fields: usize,
    body: &'a [u8],
}

impl<'a> DataRow<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new("DataRow", body);
        let fields = reader.count("field count")?;
        let body = reader.clone().remainder();
        for _ in 0..fields {
            reader.value()?;
        }
        reader.finish()?;
        Ok(Self { fields, body })
    }

    /// The number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields
    }

    /// Whether the row has no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// The fields in order, `None` for NULL.
    pub fn fields(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut reader = Reader::new("DataRow", self.body);
        core::iter::from_fn(move || reader.value().ok()).take(self.fields)
    }

    /// Encodes these fields and appends them to `out`, for a server that builds a row with [`DataRow::from_body`].
    pub fn write_fields(fields: &[Option<&[u8]>], out: &mut Vec<u8>) {
        put_count(out, fields.len());
        for field in fields {
            match field {
                None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(bytes) => {
                    out.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
                    out.extend_from_slice(bytes);
                }
            }
        }
    }

    /// Wraps bytes that [`DataRow::write_fields`] produced.
    ///
    /// # Errors
    /// If the bytes are not a well-formed field list.
    pub fn from_body(body: &'a [u8]) -> Result<Self, Violation> {
        Self::decode(body)
    }
}

impl<'a> BackendMessage<'a> {
    /// Decodes one message. Every field is checked and nothing is copied.
    ///
    /// # Errors
    /// If the type byte is unknown, or the body is malformed for its type.
    pub fn decode(frame: Frame<'a>) -> Result<Self, Violation> {
        let mut reader = Reader::new(name(frame.tag), frame.body);
        let message = match frame.tag {
            b'R' => return Authentication::decode(frame.body).map(Self::Authentication),
            b'K' => Self::BackendKeyData(CancelKey { process_id: reader.i32()?, secret_key: reader.i32()? }),
            b'2' => Self::BindComplete,
            b'3' => Self::CloseComplete,
            b'C' => Self::CommandComplete(reader.text()?),
            b'd' => return Ok(Self::CopyData(frame.body)),
            b'c' => Self::CopyDone,
            b'G' => return CopyResponse::decode("CopyInResponse", frame.body).map(Self::CopyInResponse),
            b'H' => return CopyResponse::decode("CopyOutResponse", frame.body).map(Self::CopyOutResponse),
            b'D' => return DataRow::decode(frame.body).map(Self::DataRow),
            b'I' => Self::EmptyQueryResponse,
            b'E' => return Report::decode("ErrorResponse", frame.body).map(Self::ErrorResponse),
            b'n' => Self::NoData,
            b'N' => return Report::decode("NoticeResponse", frame.body).map(Self::NoticeResponse),
            b't' => return ParameterTypes::decode(frame.body).map(Self::ParameterDescription),
            b'S' => Self::ParameterStatus { name: reader.text()?, value: reader.text()? },
            b'1' => Self::ParseComplete,
            b's' => Self::PortalSuspended,
            b'Z' => Self::ReadyForQuery(match reader.u8()? {
                b'I' => TransactionStatus::Idle,
                b'T' => TransactionStatus::InTransaction,
                b'E' => TransactionStatus::Failed,
                other => return Err(reader.bad_value("transaction status", other.into())),
            }),
            b'T' => return RowDescription::decode(frame.body).map(Self::RowDescription),
            tag => return Err(Violation::UnknownMessage { tag }),
        };
        reader.finish()?;
        Ok(message)
    }

    /// Appends the whole message: type byte, length word, body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_message(out, self.tag(), |out| match self {
            Self::Authentication(authentication) => authentication.encode(out),
            Self::BackendKeyData(key) => {
                out.extend_from_slice(&key.process_id.to_be_bytes());
                out.extend_from_slice(&key.secret_key.to_be_bytes());
            }
            Self::CommandComplete(tag) => put_cstr(out, tag.as_bytes()),
            Self::CopyData(data) => out.extend_from_slice(data),
            Self::CopyInResponse(response) | Self::CopyOutResponse(response) => {
                out.push(response.format);
                put_count(out, response.columns.len());
                out.extend_from_slice(response.columns.as_flattened());
            }
            Self::DataRow(row) => {
                put_count(out, row.fields);
                out.extend_from_slice(row.body);
            }
            Self::ErrorResponse(report) | Self::NoticeResponse(report) => report.encode(out),
            Self::ParameterDescription(types) => types.encode(out),
            Self::ParameterStatus { name, value } => {
                put_cstr(out, name.as_bytes());
                put_cstr(out, value.as_bytes());
            }
            Self::ReadyForQuery(status) => out.push(match status {
                TransactionStatus::Idle => b'I',
                TransactionStatus::InTransaction => b'T',
                TransactionStatus::Failed => b'E',
            }),
            Self::RowDescription(description) => description.encode(out),
            Self::BindComplete
            | Self::CloseComplete
            | Self::CopyDone
            | Self::EmptyQueryResponse
            | Self::NoData
            | Self::ParseComplete
            | Self::PortalSuspended => {}
        });
    }

    /// The message's name in the protocol.
    #[must_use]
    pub fn name(&self) -> &'static str {
        name(self.tag())
    }

    fn tag(&self) -> u8 {
        match self {
            Self::Authentication(_) => b'R',
            Self::BackendKeyData(_) => b'K',
            Self::BindComplete => b'2',
            Self::CloseComplete => b'3',
            Self::CommandComplete(_) => b'C',
            Self::CopyData(_) => b'd',
            Self::CopyDone => b'c',
            Self::CopyInResponse(_) => b'G',
            Self::CopyOutResponse(_) => b'H',
            Self::DataRow(_) => b'D',
            Self::EmptyQueryResponse => b'I',
            Self::ErrorResponse(_) => b'E',
            Self::NoData => b'n',
            Self::NoticeResponse(_) => b'N',
            Self::ParameterDescription(_) => b't',
            Self::ParameterStatus { .. } => b'S',
            Self::ParseComplete => b'1',
            Self::PortalSuspended => b's',
            Self::ReadyForQuery(_) => b'Z',
            Self::RowDescription(_) => b'T',
        }
    }
}

impl<'a> CopyResponse<'a> {
    fn decode(message: &'static str, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(message, body);
        let format = reader.u8()?;
        let count = reader.count("column count")?;
        let (columns, _) = reader.bytes(count * 2)?.as_chunks();
        reader.finish()?;
        Ok(Self { format, columns })
    }
}

fn name(tag: u8) -> &'static str {
    match tag {
        b'R' => "Authentication",
        b'K' => "BackendKeyData",
        b'2' => "BindComplete",
        b'3' => "CloseComplete",
        b'C' => "CommandComplete",
        b'd' => "CopyData",
        b'c' => "CopyDone",
        b'G' => "CopyInResponse",
        b'H' => "CopyOutResponse",
        b'D' => "DataRow",
        b'I' => "EmptyQueryResponse",
        b'E' => "ErrorResponse",
        b'n' => "NoData",
        b'N' => "NoticeResponse",
        b't' => "ParameterDescription",
        b'S' => "ParameterStatus",
        b'1' => "ParseComplete",
        b's' => "PortalSuspended",
        b'Z' => "ReadyForQuery",
        b'T' => "RowDescription",
        _ => "unknown message",
    }
}
