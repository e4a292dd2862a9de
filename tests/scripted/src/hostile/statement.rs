//! Attacks while a statement runs.

use super::bytes::{
    authentication_ok, column, complete, copy_data, declared, description, description_of, error, message,
    notice, one, pulse, ready, row,
};
use super::{Case, Expected, Phase, Then, framing};

pub(super) fn cases() -> Vec<Case> {
    let misplaced = [Phase::Query, Phase::Rows].map(misplaced).concat();
    let framing = [Phase::Query, Phase::Rows, Phase::Sync].map(framing::cases).concat();
    [query(), descriptions(), rows(), misplaced, sync(), framing].concat()
}

fn query() -> Vec<Case> {
    let phase = Phase::Query;
    let violation = |name, attack| Case::violation(phase, name, attack);
    let server_error = |name, attack| Case::server_error(phase, name, attack);
    vec![
        violation("a DataRow before its RowDescription", [one(), complete("SELECT 1"), ready()].concat()),
        violation("RowDescription twice", [description(), description()].concat()),
        violation(
            "a DataRow behind CommandComplete",
            [description(), complete("SELECT 1"), one(), ready()].concat(),
        ),
        violation("a DataRow behind ErrorResponse", [description(), error(), one(), ready()].concat()),
        violation("CommandComplete behind ErrorResponse", [error(), complete("SELECT 1"), ready()].concat()),
        violation("ReadyForQuery and nothing before it", ready()),
        violation("a command tag that is not UTF-8", message(b'C', b"SELECT \xff\0")),
        violation("a command tag without an end", message(b'C', b"SELECT 1")),
        violation("a command tag with bytes behind it", message(b'C', b"SELECT 1\0\0")),
        violation("an EmptyQueryResponse with a body", message(b'I', b"!")),
        violation("an ErrorResponse without an end", message(b'E', b"SERROR\0C22012\0")),
        violation("a NoticeResponse without an end", message(b'N', b"SWARNING\0")),
        violation("a CopyInResponse with a negative count", message(b'G', &[0, 0xff, 0xff])),
        violation("a CopyOutResponse with fewer formats than it counts", message(b'H', &[0, 0, 2, 0, 0])),
        Case::limit(phase, "a RowDescription that declares 2 GiB", declared(b'T', i32::MAX, b"")),
        Case::limit(phase, "a CommandComplete that declares 1 GiB", declared(b'C', 1 << 30, b"")),
        server_error("an ErrorResponse", [error(), ready()].concat()),
        server_error("an ErrorResponse behind RowDescription", [description(), error(), ready()].concat()),
        server_error(
            "an ErrorResponse that is not UTF-8",
            [message(b'E', b"SERROR\0C22012\0Mdivision \xff by \xc3\0\0"), ready()].concat(),
        ),
        server_error("an ErrorResponse without a field", [message(b'E', &[0]), ready()].concat()),
        // hyperd does so after 08P01.
        Case::new(phase, "an ErrorResponse, and closes", error(), Then::Close, Expected::ServerError),
        Case::success(phase, "a result", [description(), one(), complete("SELECT 1"), ready()].concat()),
        Case::success(
            phase,
            "a result without rows",
            [description(), complete("SELECT 0"), ready()].concat(),
        ),
        Case::success(
            phase,
            "a result with notices and heartbeats everywhere",
            [
                [pulse(), notice()].concat(),
                description(),
                [pulse(), notice()].concat(),
                one(),
                [pulse(), notice()].concat(),
                complete("SELECT 1"),
                [pulse(), notice()].concat(),
                ready(),
            ]
            .concat(),
        ),
    ]
}

fn descriptions() -> Vec<Case> {
    let violation = |name, attack| Case::violation(Phase::Query, name, attack);
    let many = |count: i16| {
        let columns: Vec<u8> =
            (0..count).flat_map(|number| column(format!("c{number}").as_bytes())).collect();
        description_of(count, &columns)
    };
    let cut = column(b"a");
    vec![
        violation("a RowDescription without a count", message(b'T', &[0])),
        violation("a RowDescription with a count of -1", description_of(-1, b"")),
        violation("a RowDescription with fewer columns than it counts", description_of(2, &column(b"a"))),
        violation("a RowDescription with more columns than it counts", description_of(0, &column(b"a"))),
        violation(
            "a RowDescription that counts 32767 columns and has one",
            description_of(i16::MAX, &column(b"a")),
        ),
        violation("a column name that is not UTF-8", description_of(1, &column(b"\xff\xfe"))),
        violation("a column name without an end", description_of(1, &[b'a'; 40])),
        violation("a RowDescription that ends inside a column", description_of(1, &cut[..cut.len() - 1])),
        Case::limit(Phase::Query, "20000 columns", many(20_000)),
    ]
}

fn rows() -> Vec<Case> {
    let phase = Phase::Rows;
    let violation = |name, attack| Case::violation(phase, name, attack);
    let raw = |body: &[u8]| message(b'D', body);
    vec![
        violation("a row with more fields than columns", row(&[Some(b"1"), Some(b"2")])),
        violation("a row with fewer fields than columns", row(&[])),
        violation("a row without a count", raw(&[0])),
        violation("a row with a count of -1", raw(&[0xff, 0xff])),
        violation("a row with fewer fields than it counts", raw(&[0, 1])),
        violation("a row with bytes behind its fields", raw(&[0, 1, 0, 0, 0, 1, b'1', 0])),
        violation("a field with a length of -2", raw(&[0, 1, 0xff, 0xff, 0xff, 0xfe])),
        violation("a field with the smallest length there is", raw(&[0, 1, 0x80, 0, 0, 0])),
        violation("a field that is longer than its row", raw(&[0, 1, 0, 0, 0, 2, b'1'])),
        violation("a field of 2 GiB in a small row", raw(&[0, 1, 0x7f, 0xff, 0xff, 0xff, b'1'])),
        violation("a field with half a length", raw(&[0, 1, 0, 0])),
        violation("a row with a length of 0", declared(b'D', 0, b"")),
        violation("a row with a length of 3", declared(b'D', 3, &[0, 1, 0, 0])),
        violation("RowDescription behind a row", description()),
        violation("ReadyForQuery without CommandComplete", ready()),
        violation("EmptyQueryResponse behind a row", message(b'I', b"")),
        violation("CopyInResponse behind a row", message(b'G', &[0, 0, 0])),
        violation("CopyOutResponse behind a row", message(b'H', &[0, 0, 0])),
        violation(
            "ReadyForQuery with a status that nobody knows",
            [complete("SELECT 1"), message(b'Z', b"?")].concat(),
        ),
        Case::limit(phase, "a row that declares 2 GiB", declared(b'D', i32::MAX, &[0, 1])),
        Case::limit(phase, "a row just above 256 MiB", declared(b'D', (256 << 20) + 1, &[0, 1])),
        Case::closed(phase, "half a row, and closes", declared(b'D', 40, &[0, 1, 0, 0, 0, 30, b'1'])),
        Case::closed(phase, "CommandComplete, and closes", complete("SELECT 1")),
        Case::new(phase, "one more row, and resets", one(), Then::Reset, Expected::Closed),
        Case::server_error(phase, "an ErrorResponse", [error(), ready()].concat()),
        Case::success(phase, "the end", [complete("SELECT 1"), ready()].concat()),
        Case::success(
            phase,
            "a NULL, a heartbeat and the end",
            [row(&[None]), pulse(), complete("SELECT 2"), pulse(), ready()].concat(),
        ),
    ]
}

/// Messages that have no place in the answer to a simple query, wherever they come in it.
fn misplaced(phase: Phase) -> Vec<Case> {
    let violation = |name, attack| Case::violation(phase, name, attack);
    vec![
        violation("AuthenticationOk", authentication_ok()),
        violation("BackendKeyData", message(b'K', &[0; 8])),
        violation("ParseComplete", message(b'1', b"")),
        violation("BindComplete", message(b'2', b"")),
        violation("CloseComplete", message(b'3', b"")),
        violation("NoData", message(b'n', b"")),
        violation("ParameterDescription", message(b't', &[0, 0])),
        violation("PortalSuspended", message(b's', b"")),
        violation("CopyData", copy_data(b"1\n")),
        violation("CopyDone", message(b'c', b"")),
        violation("CopyBothResponse", message(b'W', &[0, 0, 0])),
        violation("FunctionCallResponse", message(b'V', &[0xff; 4])),
    ]
}

fn sync() -> Vec<Case> {
    let phase = Phase::Sync;
    let violation = |name, attack| Case::violation(phase, name, attack);
    let server_error = |name, attack| Case::server_error(phase, name, attack);
    let (parsed, bound) = (message(b'1', b""), message(b'2', b""));
    vec![
        violation("BindComplete before ParseComplete", bound.clone()),
        violation("RowDescription before ParseComplete", description()),
        violation("DataRow before ParseComplete", one()),
        violation("CommandComplete before ParseComplete", complete("SELECT 1")),
        violation("CloseComplete before ParseComplete", message(b'3', b"")),
        violation("ReadyForQuery before any answer", ready()),
        violation("ParseComplete twice", parsed.repeat(2)),
        violation("ParseComplete with a body", message(b'1', b"!")),
        violation("BindComplete twice", [parsed.clone(), bound.repeat(2)].concat()),
        violation("ReadyForQuery behind BindComplete", [parsed.clone(), bound.clone(), ready()].concat()),
        violation(
            "a ParameterDescription with a negative count",
            [parsed.clone(), message(b't', &[0xff, 0xff])].concat(),
        ),
        violation(
            "AuthenticationOk behind BindComplete",
            [parsed.clone(), bound.clone(), authentication_ok()].concat(),
        ),
        violation("a DataRow behind ErrorResponse", [parsed.clone(), error(), one()].concat()),
        violation("BindComplete behind ErrorResponse", [parsed.clone(), error(), bound.clone()].concat()),
        Case::closed(phase, "ParseComplete, and closes", parsed.clone()),
        Case::closed(phase, "BindComplete, and closes", [parsed.clone(), bound.clone()].concat()),
        server_error("an ErrorResponse for Parse", [error(), ready()].concat()),
        server_error("an ErrorResponse for Bind", [parsed.clone(), error(), ready()].concat()),
        server_error(
            "an ErrorResponse for Execute",
            [parsed.clone(), bound.clone(), error(), ready()].concat(),
        ),
        server_error(
            "heartbeats around an ErrorResponse",
            [pulse(), parsed, pulse(), bound, pulse(), error(), pulse(), ready()].concat(),
        ),
    ]
}
