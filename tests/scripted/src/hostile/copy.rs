//! Attacks during COPY.

use super::bytes::{
    authentication_ok, complete, copy_data, copy_in_response, copy_out_response, description, error, message,
    notice, one, pulse, ready,
};
use super::{Case, Phase, framing};

pub(super) fn cases() -> Vec<Case> {
    let framing = [Phase::CopyIn, Phase::CopyOut].map(framing::cases).concat();
    [copy_in(), copy_out(), framing].concat()
}

fn copy_in() -> Vec<Case> {
    let violation = |name, attack| Case::violation(Phase::CopyIn, name, attack);
    vec![
        violation("CopyInResponse twice", copy_in_response()),
        violation("CopyOutResponse behind CopyInResponse", copy_out_response()),
        violation("CopyData of its own", copy_data(b"1\n")),
        violation("CopyDone of its own", message(b'c', b"")),
        violation("a DataRow", one()),
        violation("BindComplete", message(b'2', b"")),
        violation("AuthenticationOk", authentication_ok()),
        violation("ReadyForQuery without an outcome", ready()),
        Case::server_error(
            Phase::CopyIn,
            "an ErrorResponse before it has the data",
            [error(), ready()].concat(),
        ),
        Case::server_error(
            Phase::CopyIn,
            "notices and heartbeats around an ErrorResponse",
            [notice(), pulse(), error(), pulse(), ready()].concat(),
        ),
    ]
}

fn copy_out() -> Vec<Case> {
    let violation = |name, attack| Case::violation(Phase::CopyOut, name, attack);
    let done = || message(b'c', b"");
    vec![
        violation("CopyOutResponse twice", copy_out_response()),
        violation("CopyInResponse behind CopyOutResponse", copy_in_response()),
        violation("RowDescription", description()),
        violation("a DataRow", one()),
        violation("AuthenticationOk", authentication_ok()),
        violation("ReadyForQuery without an outcome", ready()),
        violation("CommandComplete without CopyDone", [complete("COPY 1"), ready()].concat()),
        violation("CopyDone twice", [done(), done()].concat()),
        violation("CopyDone with a body", message(b'c', b"!")),
        violation("CopyData behind CopyDone", [done(), copy_data(b"2\n")].concat()),
        Case::closed(Phase::CopyOut, "CopyDone, and closes", done()),
        Case::server_error(Phase::CopyOut, "an ErrorResponse", [error(), ready()].concat()),
        Case::success(Phase::CopyOut, "the end", [done(), complete("COPY 1"), ready()].concat()),
        Case::success(
            Phase::CopyOut,
            "empty data, notices and heartbeats before the end",
            [
                copy_data(b""),
                pulse(),
                notice(),
                copy_data(b"2\n"),
                pulse(),
                done(),
                complete("COPY 2"),
                ready(),
            ]
            .concat(),
        ),
    ]
}
