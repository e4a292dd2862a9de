//! Every message that was captured from a real hyperd decodes, has the name it was captured under, and encodes to
//! the same bytes again.

mod vectors;

use std::collections::BTreeSet;
use std::path::PathBuf;

use hyperwire_core::wire::{
    Authentication, BackendMessage, CancelKey, FrameError, FrontendMessage, InitialMessage, Limits, Target,
    Violation,
};
use rstest::rstest;
use vectors::{Direction, Entry, Kind};

#[rstest]
fn every_captured_message_decodes_and_encodes_to_the_same_bytes(
    #[files("tests/vectors/*.json")] path: PathBuf,
) {
    let entries = vectors::load(&path);

    assert!(!entries.is_empty(), "a capture without messages proves nothing");
    for (index, entry) in entries.iter().enumerate() {
        check(entry).unwrap_or_else(|wrong| panic!("entry {index}, {}: {wrong}", entry.name));
    }
}

#[test]
fn the_captures_hold_every_message_but_the_few_that_are_tested_by_hand() {
    let names = |direction| -> BTreeSet<String> {
        vectors::load_all()
            .iter()
            .filter(|entry| entry.direction == direction)
            .flat_map(|entry| messages(entry).unwrap_or_default())
            .map(str::to_owned)
            .collect()
    };

    let to_client: BTreeSet<String> = [
        "Authentication",
        "BackendKeyData",
        "BindComplete",
        "CloseComplete",
        "CommandComplete",
        "CopyData",
        "CopyDone",
        "CopyInResponse",
        "CopyOutResponse",
        "DataRow",
        "EmptyQueryResponse",
        "ErrorResponse",
        "NoticeResponse",
        "ParameterDescription",
        "ParameterStatus",
        "ParseComplete",
        "PortalSuspended",
        "ReadyForQuery",
        "RowDescription",
    ]
    .map(str::to_owned)
    .into();
    let to_server: BTreeSet<String> = [
        "Bind",
        "CancelRequest",
        "Close",
        "CopyData",
        "CopyDone",
        "CopyFail",
        "Describe",
        "Execute",
        "Flush",
        "Parse",
        "PasswordMessage",
        "Query",
        "SSLRequest",
        "StartupMessage",
        "Sync",
        "Terminate",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(names(Direction::ToClient), to_client);
    assert_eq!(names(Direction::ToServer), to_server);
}

#[rstest]
#[case::no_data(BackendMessage::NoData, b"n\0\0\0\x04")]
#[case::cleartext_password(
    BackendMessage::Authentication(Authentication::CleartextPassword),
    b"R\0\0\0\x08\0\0\0\x03"
)]
#[case::md5_password(
    BackendMessage::Authentication(Authentication::Md5Password { salt: *b"salt" }),
    b"R\0\0\0\x0c\0\0\0\x05salt"
)]
#[case::gssapi(
    BackendMessage::Authentication(Authentication::Other { method: 7, data: b"" }),
    b"R\0\0\0\x08\0\0\0\x07"
)]
fn a_backend_message_that_no_capture_holds_is_written_as_the_protocol_says(
    #[case] message: BackendMessage<'static>,
    #[case] expected: &[u8],
) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);

    assert_eq!(bytes, expected);
    let decoded = vectors::decode_first(Kind::Backend, expected, &Limits::default());
    assert_eq!(decoded.expect("it decodes").expect("it is whole").bytes, expected);
}

#[rstest]
#[case::close_portal(FrontendMessage::Close(Target::Portal("p")), b"C\0\0\0\x07Pp\0")]
#[case::describe_statement(FrontendMessage::Describe(Target::Statement("")), b"D\0\0\0\x06S\0")]
fn a_frontend_message_that_no_capture_holds_is_written_as_the_protocol_says(
    #[case] message: FrontendMessage<'static>,
    #[case] expected: &[u8],
) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);

    assert_eq!(bytes, expected);
    let decoded = vectors::decode_first(Kind::Frontend, expected, &Limits::default());
    assert_eq!(decoded.expect("it decodes").expect("it is whole").bytes, expected);
}

#[test]
fn a_request_for_gssapi_encryption_is_written_as_the_protocol_says() {
    let mut bytes = Vec::new();
    InitialMessage::GssEncRequest.encode(&mut bytes);

    assert_eq!(bytes, [0, 0, 0, 8, 4, 210, 22, 48]);
    assert_eq!(InitialMessage::decode(&bytes[4..]), Ok(InitialMessage::GssEncRequest));
}

#[test]
fn the_debug_form_of_a_cancel_key_keeps_the_secret() {
    let text = format!("{:?}", CancelKey { process_id: 7, secret_key: 424_242 });

    assert!(text.contains('7') && !text.contains("424242"), "{text}");
}

/// Says what is wrong with the entry, if anything is.
fn check(entry: &Entry) -> Result<(), String> {
    let good = match entry.kind() {
        Kind::Eof => entry.bytes.is_empty(),
        Kind::SslAnswer => matches!(entry.bytes[..], [b'S' | b'N']),
        Kind::Callback => is_callback(&entry.bytes),
        Kind::Initial if entry.name == "StartupMessage (protocol 3.2)" => {
            let bad =
                Violation::BadValue { message: "StartupMessage", field: "request code", value: 0x3_0002 };
            messages(entry) == Err(bad.into())
        }
        Kind::Frontend if entry.name == "y" => {
            messages(entry) == Err(Violation::UnknownMessage { tag: b'y' }.into())
        }
        _ => {
            let expected = match &*entry.name {
                "SASLInitialResponse" | "SASLResponse" => "PasswordMessage",
                name => name.split(" (").next().expect("split gives one piece at least"),
            };
            let found = messages(entry).map_err(|error| error.to_string())?;
            if found.iter().any(|name| *name != expected) {
                return Err(format!("decoded as {found:?}"));
            }
            !found.is_empty()
        }
    };
    if good { Ok(()) } else { Err(format!("not what this entry must be: {:02x?}", entry.bytes)) }
}

/// The names of the messages in an entry, each of which encodes to the bytes that it was decoded from.
fn messages(entry: &Entry) -> Result<Vec<&'static str>, FrameError> {
    let mut names = Vec::new();
    let mut rest = &entry.bytes[..];
    while matches!(entry.kind(), Kind::Frontend | Kind::Backend | Kind::Initial) && !rest.is_empty() {
        let decoded = vectors::decode_first(entry.kind(), rest, &Limits::default())?
            .unwrap_or_else(|needs| panic!("{} ends early: {needs} bytes needed of {rest:02x?}", entry.name));
        let (message, behind) = rest.split_at(decoded.bytes.len().min(rest.len()));
        assert_eq!(decoded.bytes, message, "{} changed on its way through the codec", decoded.name);
        names.push(decoded.name);
        rest = behind;
    }
    Ok(names)
}

/// A length byte, then the descriptor of an endpoint with the zero byte that ends it.
fn is_callback(bytes: &[u8]) -> bool {
    match bytes {
        [length, descriptor @ .., 0] => {
            usize::from(*length) == descriptor.len() + 1 && descriptor.starts_with(b"tab.")
        }
        _ => false,
    }
}
