//! Attacks on the frame around a message. They are the same wherever the server may send a typed message.

use super::bytes::declared;
use super::{Case, Expected, Phase, Then};

/// Every way to get the type byte or the length wrong, or to stop in the middle of a message.
pub(super) fn cases(phase: Phase) -> Vec<Case> {
    let limit = |name, tag, length| Case::limit(phase, name, declared(tag, length, b""));
    vec![
        Case::violation(phase, "a message with a length of 0", declared(b'N', 0, b"")),
        Case::violation(phase, "a message with a length of 3", declared(b'N', 3, b"")),
        Case::violation(phase, "a message with a length of -1", declared(b'N', -1, b"")),
        Case::violation(phase, "a message with the smallest length there is", declared(b'N', i32::MIN, b"")),
        Case::violation(phase, "a message of type 0", declared(0, 4, b"")),
        Case::violation(phase, "a message of type 0xff", declared(0xff, 4, b"")),
        Case::violation(phase, "a Query, which is the client's", declared(b'Q', 13, b"select 1\0")),
        // Its beginning reads as a CopyOutResponse that declares 1.3 GiB.
        Case::limit(
            phase,
            "a line of HTTP",
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec(),
        ),
        Case::violation(phase, "zero bytes without end", vec![0; 64 << 10]),
        limit("a NoticeResponse that declares 2 GiB", b'N', i32::MAX),
        limit("a ParameterStatus that declares 2 GiB", b'S', i32::MAX),
        limit("an ErrorResponse that declares 1 GiB", b'E', 1 << 30),
        Case::closed(phase, "nothing, and closes", Vec::new()),
        Case::new(phase, "nothing, and resets", Vec::new(), Then::Reset, Expected::Closed),
        Case::closed(phase, "a type byte, and closes", b"N".to_vec()),
        Case::closed(phase, "half a length, and closes", b"N\0\0".to_vec()),
        Case::closed(phase, "a header, and closes", declared(b'N', 40, b"")),
        Case::closed(phase, "half a message, and closes", declared(b'N', 40, b"SWARNING\0C01")),
        Case::closed(phase, "all of a message but a byte, and closes", declared(b'S', 12, b"alive\0?")),
        promise(phase),
        Case::new(
            phase,
            "half a message, and resets",
            declared(b'N', 40, b"SWARN"),
            Then::Reset,
            Expected::Closed,
        ),
    ]
}

/// A client must not set memory aside for what it was only promised. Before the login is over it does not wait for so much.
fn promise(phase: Phase) -> Case {
    let bytes = declared(b'N', 200 << 20, b"SWARNING\0");
    match phase {
        Phase::SslAnswer | Phase::Authentication | Phase::Settings => {
            Case::limit(phase, "the header of 200 MiB", bytes)
        }
        _ => Case::closed(phase, "the header of 200 MiB, and closes", bytes),
    }
}
