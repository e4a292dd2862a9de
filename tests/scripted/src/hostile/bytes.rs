//! The bytes that cases are made of.

use hyperwire_core::wire::{
    Authentication, BackendMessage, CancelKey, CopyResponse, Report, TransactionStatus,
};

use super::super::rows::{Rows, oid, put_row};
use super::super::startup::SETTINGS;

/// A message of this type with this body and a true length.
pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).expect("cases are smaller than 2 GiB");
    declared(tag, length, body)
}

/// A message of this type with this body, whatever length it declares.
pub(super) fn declared(tag: u8, length: i32, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

pub(super) fn encoded(messages: &[BackendMessage<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(&mut bytes);
    }
    bytes
}

pub(super) fn authentication(method: i32, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&method.to_be_bytes()[..], data].concat())
}

pub(super) fn authentication_ok() -> Vec<u8> {
    encoded(&[BackendMessage::Authentication(Authentication::Ok)])
}

pub(super) fn setting(name: &str, value: &str) -> Vec<u8> {
    encoded(&[BackendMessage::ParameterStatus { name, value }])
}

/// All that hyperd says between AuthenticationOk and the first statement, but ReadyForQuery.
pub(super) fn session_state() -> Vec<u8> {
    let settings = SETTINGS.map(|(name, value)| BackendMessage::ParameterStatus { name, value });
    let key = BackendMessage::BackendKeyData(CancelKey { process_id: 0, secret_key: 42 });
    encoded(&[&settings[..], &[key]].concat())
}

pub(super) fn ready() -> Vec<u8> {
    encoded(&[BackendMessage::ReadyForQuery(TransactionStatus::Idle)])
}

/// RowDescription of one text column, `a`: text is the same in every format that a client may ask for.
pub(super) fn description() -> Vec<u8> {
    Rows::of([("a", oid::TEXT)]).description().to_owned()
}

/// RowDescription that declares so many columns and has those of `fields`.
pub(super) fn description_of(columns: i16, fields: &[u8]) -> Vec<u8> {
    message(b'T', &[&columns.to_be_bytes()[..], fields].concat())
}

/// What a text column looks like in RowDescription.
pub(super) fn column(name: &[u8]) -> Vec<u8> {
    let rest = [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0];
    [name, &[0], &rest].concat()
}

/// One DataRow.
pub(super) fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_row(fields, &mut bytes);
    bytes
}

/// The DataRow of one field, `1`.
pub(super) fn one() -> Vec<u8> {
    row(&[Some(b"1")])
}

pub(super) fn complete(tag: &str) -> Vec<u8> {
    encoded(&[BackendMessage::CommandComplete(tag)])
}

pub(super) fn error() -> Vec<u8> {
    let mut body = Vec::new();
    let fields = [(b'S', "ERROR"), (b'C', "22012"), (b'M', "division by zero"), (b'B', "User")];
    Report::write_fields(fields, &mut body);
    message(b'E', &body)
}

pub(super) fn notice() -> Vec<u8> {
    let mut body = Vec::new();
    Report::write_fields([(b'S', "WARNING"), (b'C', "01000"), (b'M', "a scripted warning")], &mut body);
    message(b'N', &body)
}

pub(super) fn pulse() -> Vec<u8> {
    setting("alive", "?")
}

pub(super) fn copy_in_response() -> Vec<u8> {
    encoded(&[BackendMessage::CopyInResponse(CopyResponse { format: 0, columns: &[[0; 2]] })])
}

pub(super) fn copy_out_response() -> Vec<u8> {
    encoded(&[BackendMessage::CopyOutResponse(CopyResponse { format: 0, columns: &[[0; 2]] })])
}

pub(super) fn copy_data(data: &[u8]) -> Vec<u8> {
    encoded(&[BackendMessage::CopyData(data)])
}
