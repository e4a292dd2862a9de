//! What the server says, as bytes and as what it means: the truth that the client's story is held against.

use std::time::Duration;

use hyperwire_core::wire::{
    BackendMessage, ColumnDescription, CopyResponse, DataRow, ParameterTypes, Report, RowDescription,
    TransactionStatus,
};

use super::plan::ResultSet;

/// A message that the server has said.
#[derive(Debug)]
pub(super) struct Said {
    /// Bytes up to its end since the beginning of the connection.
    pub(super) end: u64,
    /// The request that it answers, an index of the server's list.
    pub(super) of: Option<usize>,
    pub(super) what: What,
}

impl Said {
    /// Whether it needs demand: it is a row or COPY data, or begins like one.
    pub(super) fn is_row(&self) -> bool {
        matches!(self.what, What::Row(_) | What::CopyData(_) | What::Malformed(b'D' | b'd'))
    }
}

/// What a message means to whoever waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Silent,
    TlsAccepted,
    Ready(TransactionStatus),
    /// The type OIDs of a result.
    Columns(Vec<u32>),
    Row(Vec<Option<Vec<u8>>>),
    CopyIn,
    CopyOut,
    CopyData(Vec<u8>),
    CopyDone,
    Complete(String),
    Empty,
    /// The type OIDs of a prepared statement's result.
    Prepared(Option<Vec<u32>>),
    Error {
        code: String,
        message: String,
    },
    Notice(String),
    Pulse,
    /// What no server may say; the first byte decides what it is taken for.
    Malformed(u8),
}

/// Something that the server does next.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Say(What, Vec<u8>),
    Sleep(Duration),
    /// Read COPY data until its end.
    Collect,
    Close,
}

impl Act {
    pub(super) fn say(what: What, message: &BackendMessage<'_>) -> Self {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        Self::Say(what, bytes)
    }

    pub(super) fn silent(message: &BackendMessage<'_>) -> Self {
        Self::say(What::Silent, message)
    }

    pub(super) fn error(code: &str, message: &str) -> Self {
        let body = report(&[(b'S', "ERROR"), (b'C', code), (b'M', message)]);
        let what = What::Error { code: code.to_owned(), message: message.to_owned() };
        let report = Report::from_body(&body).expect("what was just written");
        Self::say(what, &BackendMessage::ErrorResponse(report))
    }

    pub(super) fn notice(message: &str) -> Self {
        let body = report(&[(b'S', "WARNING"), (b'C', "01000"), (b'M', message)]);
        let report = Report::from_body(&body).expect("what was just written");
        Self::say(What::Notice(message.to_owned()), &BackendMessage::NoticeResponse(report))
    }

    pub(super) fn pulse() -> Self {
        Self::say(What::Pulse, &BackendMessage::ParameterStatus { name: "alive", value: "?" })
    }

    pub(super) fn ready(status: u8) -> Self {
        let status = match status {
            b'T' => TransactionStatus::InTransaction,
            b'E' => TransactionStatus::Failed,
            _ => TransactionStatus::Idle,
        };
        Self::say(What::Ready(status), &BackendMessage::ReadyForQuery(status))
    }

    pub(super) fn complete(tag: &str) -> Self {
        Self::say(What::Complete(tag.to_owned()), &BackendMessage::CommandComplete(tag))
    }

    pub(super) fn parameters(oids: &[[u8; 4]]) -> Self {
        Self::silent(&BackendMessage::ParameterDescription(ParameterTypes::from_be_bytes(oids)))
    }

    /// RowDescription, or NoData for what returns no rows. `what` says what it means there.
    pub(super) fn description(result: &ResultSet, what: impl FnOnce(Option<Vec<u32>>) -> What) -> Self {
        let ResultSet::Rows { columns: oids, .. } = result else {
            return Self::say(what(None), &BackendMessage::NoData);
        };
        let names: Vec<_> = (0..oids.len()).map(column_name).collect();
        let columns: Vec<_> = oids
            .iter()
            .zip(&names)
            .map(|(&type_oid, name)| ColumnDescription {
                name,
                table_oid: 0,
                attribute: 0,
                type_oid,
                type_size: -1,
                type_modifier: -1,
                format: 0,
            })
            .collect();
        let mut body = Vec::new();
        RowDescription::write_columns(&columns, &mut body);
        let description = RowDescription::from_body(&body).expect("what was just written");
        Self::say(what(Some(oids.clone())), &BackendMessage::RowDescription(description))
    }

    /// A result without its description.
    pub(super) fn result(result: &ResultSet) -> Vec<Self> {
        let response = CopyResponse { format: 0, columns: &[[0; 2]] };
        match result {
            ResultSet::Rows { rows, .. } => {
                let complete = Self::complete(&format!("SELECT {}", rows.len()));
                rows.iter().map(|row| Self::row(row)).chain([complete]).collect()
            }
            ResultSet::Command => vec![Self::complete("CREATE TABLE")],
            ResultSet::Empty => vec![Self::say(What::Empty, &BackendMessage::EmptyQueryResponse)],
            ResultSet::CopyIn { deaf } => vec![
                Self::say(What::CopyIn, &BackendMessage::CopyInResponse(response)),
                Self::Sleep(*deaf),
                Self::Collect,
            ],
            ResultSet::CopyOut { chunks } => {
                let begin = Self::say(What::CopyOut, &BackendMessage::CopyOutResponse(response));
                let data = chunks
                    .iter()
                    .map(|data| Self::say(What::CopyData(data.clone()), &BackendMessage::CopyData(data)));
                let done = Self::say(What::CopyDone, &BackendMessage::CopyDone);
                [begin].into_iter().chain(data).chain([done, Self::complete("COPY 1")]).collect()
            }
        }
    }

    fn row(row: &[Option<Vec<u8>>]) -> Self {
        let fields: Vec<_> = row.iter().map(Option::as_deref).collect();
        let mut body = Vec::new();
        DataRow::write_fields(&fields, &mut body);
        let message = DataRow::from_body(&body).expect("what was just written");
        Self::say(What::Row(row.to_vec()), &BackendMessage::DataRow(message))
    }
}

/// The name of a column by its place.
pub(super) fn column_name(index: usize) -> String {
    format!("c{index}")
}

fn report(fields: &[(u8, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    Report::write_fields(fields.iter().copied(), &mut body);
    body
}
