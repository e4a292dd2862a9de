//! Messages to bytes and back: PostgreSQL's frontend/backend protocol 3.0 as Hyper speaks it. No state.
//!
//! Both directions are here, so that the same code serves a client and a scripted server:
//!
//! | | decode | encode |
//! |---|---|---|
//! | [`BackendMessage`] (server to client) | [`BackendMessage::decode`] | [`BackendMessage::encode`] |
//! | [`FrontendMessage`] (client to server) | [`FrontendMessage::decode`] | [`FrontendMessage::encode`] |
//! | [`InitialMessage`] (first on a connection, untyped) | [`InitialMessage::decode`] | [`InitialMessage::encode`] |
//!
//! Framing is [`Frame::split`]: it looks at a byte slice and says how long the first message is, within [`Limits`],
//! without copying. Nothing here allocates while decoding; everything borrows the bytes it was given.
//!
//! ```
//! use hyperwire_core::wire::{BackendMessage, Frame, Limits, Split, TransactionStatus};
//!
//! let bytes = [b'Z', 0, 0, 0, 5, b'I', b'Z'];
//! let Split::Frame(frame) = Frame::split(&bytes, &Limits::default())? else { panic!("a whole message is there") };
//! assert_eq!(BackendMessage::decode(frame)?, BackendMessage::ReadyForQuery(TransactionStatus::Idle));
//! assert_eq!(frame.len(), 6, "the seventh byte belongs to the next message");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authentication;
mod backend;
mod description;
mod frame;
mod frontend;
mod initial;
mod limits;
mod reader;
mod report;
mod violation;

pub use authentication::Authentication;
pub use backend::{BackendMessage, CopyResponse, DataRow, TransactionStatus};
pub use description::{ColumnDescription, ParameterTypes, RowDescription};
pub use frame::{Frame, FrameError, Split};
pub use frontend::{Bind, Format, FrontendMessage, ParameterValues, Target};
pub use initial::{CancelKey, InitialMessage, PROTOCOL_3_0, StartupParameters};
pub use limits::Limits;
pub use report::Report;
pub use violation::{LimitExceeded, LimitKind, Violation};

pub(crate) use reader::Reader;

/// Appends a typed message to `out`: the tag, a length word, and whatever `body` appends.
fn put_message(out: &mut alloc::vec::Vec<u8>, tag: u8, body: impl FnOnce(&mut alloc::vec::Vec<u8>)) {
    out.push(tag);
    put_untyped(out, body);
}

/// Appends a length word, counting itself, and whatever `body` appends.
///
/// Callers keep a body under 2 GiB; the session refuses larger statements and parameters before they come here.
fn put_untyped(out: &mut alloc::vec::Vec<u8>, body: impl FnOnce(&mut alloc::vec::Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = i32::try_from(out.len() - start).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn put_cstr(out: &mut alloc::vec::Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text);
    out.push(0);
}

/// A count that travels as Int16.
fn put_count(out: &mut alloc::vec::Vec<u8>, count: usize) {
    out.extend_from_slice(&i16::try_from(count).unwrap_or(i16::MAX).to_be_bytes());
}
