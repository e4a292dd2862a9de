//! Encoding and decoding: PostgreSQL's frontend/backend protocol 3.0 as Hyper speaks it. This module keeps no state.
//!
//! It covers both directions, so that a client and a scripted server use the same code:
//!
//! | | decode | encode |
//! |---|---|---|
//! | [`BackendMessage`] (server to client) | [`BackendMessage::decode`] | [`BackendMessage::encode`] |
//! | [`FrontendMessage`] (client to server) | [`FrontendMessage::decode`] | [`FrontendMessage::encode`] |
//! | [`InitialMessage`] (first on a connection, untyped) | [`InitialMessage::decode`] | [`InitialMessage::encode`] |
//!
//! [`Frame::split`] does the framing: given a byte slice, it returns the first message, or how many bytes that message
//! still needs, within [`Limits`] and without copying. Decoding never allocates; every decoded message borrows the
//! bytes it was decoded from.
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
/// The body must stay under 2 GiB; the session refuses longer statements and parameters before they get here.
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

/// Appends a count as an Int16.
fn put_count(out: &mut alloc::vec::Vec<u8>, count: usize) {
    out.extend_from_slice(&i16::try_from(count).unwrap_or(i16::MAX).to_be_bytes());
}
