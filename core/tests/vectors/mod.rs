//! Messages captured between a client and a real hyperd, one file a conversation.

use std::path::{Path, PathBuf};

use hyperwire_core::wire::{
    BackendMessage, Frame, FrameError, FrontendMessage, InitialMessage, Limits, Split, Violation,
};

/// One entry of a file: what one side sent in one piece.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Entry {
    /// The message's name in the protocol, with a remark in parentheses if it is a special one.
    pub(crate) name: String,
    pub(crate) direction: Direction,
    #[serde(deserialize_with = "hex::serde::deserialize", rename = "hex")]
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub(crate) enum Direction {
    #[serde(rename = "C->S")]
    ToServer,
    #[serde(rename = "S->C")]
    ToClient,
}

/// How the bytes of an entry are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Typed messages of the client.
    Frontend,
    /// Typed messages of the server.
    Backend,
    /// The untyped message that opens a connection.
    Initial,
    /// Not a message: the one-byte answer to SSLRequest.
    SslAnswer,
    /// Not a message: what hyperd writes on the callback connection.
    Callback,
    /// Not a message: the connection ended.
    Eof,
}

impl Entry {
    pub(crate) fn kind(&self) -> Kind {
        match (self.direction, self.name.split(" (").next().expect("split gives one piece at least")) {
            (_, "EOF") => Kind::Eof,
            (Direction::ToClient, "SSL answer") => Kind::SslAnswer,
            (Direction::ToClient, "callback endpoint announcement") => Kind::Callback,
            (Direction::ToClient, _) => Kind::Backend,
            (Direction::ToServer, "StartupMessage" | "SSLRequest" | "GSSENCRequest" | "CancelRequest") => {
                Kind::Initial
            }
            (Direction::ToServer, _) => Kind::Frontend,
        }
    }
}

/// All entries of one file.
pub(crate) fn load(path: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All entries of all files, in the order of the file names.
pub(crate) fn load_all() -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of the vectors can be read")
        .map(|entry| entry.expect("an entry of the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths.iter().flat_map(|path| load(path)).collect()
}

/// A message that was decoded, with every part of it looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) name: &'static str,
    /// The message, encoded again.
    pub(crate) bytes: Vec<u8>,
    /// Whether its last part is bytes without a structure: any cut or extension of it is another good message.
    pub(crate) opaque: bool,
}

/// Takes the first message of `bytes`; `Ok(Err(n))` when `n` bytes are needed first.
pub(crate) fn decode_first(
    kind: Kind,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Result<Decoded, usize>, FrameError> {
    let split = match kind {
        Kind::Initial => Frame::split_untyped(bytes, limits)?,
        _ => Frame::split(bytes, limits)?,
    };
    match split {
        Split::Needs(count) => Ok(Err(count)),
        Split::Frame(frame) => Ok(Ok(decode(kind, frame)?)),
    }
}

pub(crate) fn decode(kind: Kind, frame: Frame<'_>) -> Result<Decoded, Violation> {
    match kind {
        Kind::Frontend => FrontendMessage::decode(frame).map(|message| frontend(&message)),
        Kind::Backend => BackendMessage::decode(frame).map(|message| backend(&message)),
        Kind::Initial => InitialMessage::decode(frame.body).map(|message| initial(&message)),
        Kind::SslAnswer | Kind::Callback | Kind::Eof => panic!("{kind:?} is not a message"),
    }
}

fn frontend(message: &FrontendMessage<'_>) -> Decoded {
    match message {
        FrontendMessage::Bind(bind) => {
            assert_eq!(bind.values.iter().count(), bind.values.count, "Bind lists all its values");
        }
        FrontendMessage::Parse { types, .. } => assert_eq!(types.oids().len(), types.len()),
        _ => {}
    }
    let opaque = matches!(message, FrontendMessage::CopyData(_) | FrontendMessage::Password(_));
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    Decoded { name: message.name(), bytes, opaque }
}

fn backend(message: &BackendMessage<'_>) -> Decoded {
    use hyperwire_core::wire::Authentication::{Other, SaslContinue, SaslFinal};

    match message {
        BackendMessage::Authentication(authentication) => {
            assert!(authentication.mechanisms().all(|name| !name.is_empty()));
        }
        BackendMessage::DataRow(row) => assert_eq!(row.fields().count(), row.len()),
        BackendMessage::RowDescription(columns) => assert_eq!(columns.columns().count(), columns.len()),
        BackendMessage::ParameterDescription(types) => assert_eq!(types.oids().len(), types.len()),
        BackendMessage::ErrorResponse(report) | BackendMessage::NoticeResponse(report) => {
            assert!(report.fields().all(|(code, _)| code != 0));
        }
        _ => {}
    }
    let opaque = matches!(
        message,
        BackendMessage::CopyData(_)
            | BackendMessage::Authentication(SaslContinue(_) | SaslFinal(_) | Other { .. })
    );
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    Decoded { name: message.name(), bytes, opaque }
}

fn initial(message: &InitialMessage<'_>) -> Decoded {
    let name = match message {
        InitialMessage::Startup(parameters) => {
            assert!(parameters.iter().all(|(name, _)| !name.is_empty()));
            "StartupMessage"
        }
        InitialMessage::SslRequest => "SSLRequest",
        InitialMessage::GssEncRequest => "GSSENCRequest",
        InitialMessage::CancelRequest(_) => "CancelRequest",
        other => panic!("a new initial message has no name here: {other:?}"),
    };
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    Decoded { name, bytes, opaque: false }
}
