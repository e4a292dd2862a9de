//! Attacks before the first statement.

use hyperwire_core::wire::{BackendMessage, CancelKey};

use super::bytes::{
    authentication, authentication_ok, complete, description, encoded, error, message, notice, one, pulse,
    ready, session_state, setting,
};
use super::{Attack, Case, Expected, PASSWORD, Phase, Scram, ScramAbuse, Then, framing};

pub(super) fn cases() -> Vec<Case> {
    [ssl_answer(), authentication_requests(), scram(), settings(), idle()].concat()
}

fn ssl_answer() -> Vec<Case> {
    let phase = Phase::SslAnswer;
    let refused = Expected::Unsupported;
    vec![
        Case::new(phase, "an answer that there is no TLS", b"N".to_vec(), Then::Wait, refused),
        Case::violation(phase, "an answer that is neither S nor N", b"X".to_vec()),
        Case::violation(phase, "an answer of a zero byte", vec![0]),
        // Before TLS anybody on the way can write an ErrorResponse, so its text is not to be trusted.
        Case::violation(phase, "an ErrorResponse for an answer", error()),
        Case::violation(
            phase,
            "a message in the same write as the answer S",
            [b"S".to_vec(), notice()].concat(),
        ),
        Case::closed(phase, "no answer, and closes", Vec::new()),
        Case::new(phase, "no answer, and resets", Vec::new(), Then::Reset, Expected::Closed),
        Case::closed(phase, "the answer S, and closes instead of a handshake", b"S".to_vec()),
    ]
}

fn authentication_requests() -> Vec<Case> {
    let phase = Phase::Authentication;
    let violation = |name, attack| Case::violation(phase, name, attack);
    let unsupported = |name, attack| Case::new(phase, name, attack, Then::Wait, Expected::Unsupported);
    let mut cases = vec![
        unsupported("a request for Kerberos", authentication(2, b"")),
        unsupported("a request for SCM credentials", authentication(6, b"")),
        unsupported("a request for GSSAPI", authentication(7, b"")),
        unsupported("a request for SSPI", authentication(9, b"")),
        unsupported("a request for a method that nobody knows", authentication(99, b"data")),
        unsupported("a request for method -1", authentication(-1, b"")),
        violation("an Authentication without a method", message(b'R', b"")),
        violation("an Authentication with half a method", message(b'R', &[0, 0])),
        violation("an AuthenticationOk with a byte behind it", authentication(0, b"!")),
        violation("a request for MD5 with a short salt", authentication(5, b"abc")),
        violation("a request for MD5 with a long salt", authentication(5, b"abcde")),
        violation("a list of mechanisms without an end", authentication(10, b"SCRAM-SHA-256\0")),
        violation("a list of mechanisms with bytes behind it", authentication(10, b"SCRAM-SHA-256\0\0\0")),
        violation("AuthenticationSASLContinue before a mechanism", authentication(11, b"r=x,s=eA==,i=4096")),
        violation("AuthenticationSASLFinal before a mechanism", authentication(12, b"v=eA==")),
        violation("BackendKeyData before AuthenticationOk", message(b'K', &[0; 8])),
        violation("ReadyForQuery before AuthenticationOk", ready()),
        violation("RowDescription before AuthenticationOk", description()),
        violation("DataRow before AuthenticationOk", one()),
        violation("CommandComplete before AuthenticationOk", complete("SELECT 1")),
        violation("NegotiateProtocolVersion", message(b'v', &[0, 3, 0, 0, 0, 0, 0, 0])),
        violation("an ErrorResponse without an end", message(b'E', b"SERROR\0C42501\0")),
        violation("an ErrorResponse with a field without an end", message(b'E', b"SERROR\0C42501")),
        violation("an ErrorResponse with bytes behind its end", message(b'E', b"SERROR\0\0more")),
        Case::server_error(phase, "an ErrorResponse", error()),
        Case::server_error(phase, "an ErrorResponse without a field", message(b'E', &[0])),
        Case::server_error(
            phase,
            "an ErrorResponse that is not UTF-8",
            message(b'E', b"SERROR\0Mno \xff\xfe\0\0"),
        ),
        Case::new(phase, "an ErrorResponse, and closes", error(), Then::Close, Expected::ServerError),
    ];
    cases.extend(framing::cases(phase));
    cases
}

fn scram() -> Vec<Case> {
    use ScramAbuse::{
        Final, FinalTwice, First, FirstInsteadOfFinal, FirstNotUtf8, NoMechanism, OkInsteadOfFinal,
        OkInsteadOfFirst, UnknownMechanisms, WrongSignature,
    };

    let case = |name, abuse, expected| Case {
        name,
        phase: Phase::Authentication,
        attack: Attack::Scram(Scram::new(PASSWORD), abuse),
        then: Then::Wait,
        expected,
    };
    let violation = |name, abuse| case(name, abuse, Expected::Violation);
    let first = |name, text| violation(name, First(text));
    vec![
        case("no SASL mechanism", NoMechanism, Expected::Unsupported),
        case("only SASL mechanisms that nobody knows", UnknownMechanisms, Expected::Unsupported),
        violation("AuthenticationOk instead of its first SCRAM message", OkInsteadOfFirst),
        violation("a first SCRAM message that is not UTF-8", FirstNotUtf8),
        first("an empty first SCRAM message", ""),
        first("a nonce that is not the client's", "r=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,s=c2FsdA==,i=4096"),
        first("the client's nonce without one of its own", "r={nonce},s=c2FsdA==,i=4096"),
        first("the client's nonce behind its own", "r=server{nonce},s=c2FsdA==,i=4096"),
        first("no nonce", "s=c2FsdA==,i=4096"),
        first("no salt", "r={nonce}server,i=4096"),
        first("a salt that is not base64", "r={nonce}server,s=!salt!,i=4096"),
        first("no iteration count", "r={nonce}server,s=c2FsdA=="),
        first("an empty iteration count", "r={nonce}server,s=c2FsdA==,i="),
        first("an iteration count of zero", "r={nonce}server,s=c2FsdA==,i=0"),
        first("a negative iteration count", "r={nonce}server,s=c2FsdA==,i=-4096"),
        first("an iteration count that is no number", "r={nonce}server,s=c2FsdA==,i=many"),
        first("an extension that the client must understand", "m=new,r={nonce}server,s=c2FsdA==,i=4096"),
        first("its SCRAM attributes in another order", "s=c2FsdA==,r={nonce}server,i=4096"),
        case(
            "an iteration count that takes minutes",
            First("r={nonce}server,s=c2FsdA==,i=400000000"),
            Expected::Limit,
        ),
        case(
            "the largest iteration count of 32 bits",
            First("r={nonce}server,s=c2FsdA==,i=4294967295"),
            Expected::Limit,
        ),
        violation("AuthenticationOk instead of its last SCRAM message", OkInsteadOfFinal),
        violation("its first SCRAM message twice", FirstInsteadOfFinal),
        violation("a signature that proves nothing", WrongSignature),
        violation("an empty last SCRAM message", Final("")),
        violation("an empty signature", Final("v=")),
        violation("a signature that is not base64", Final("v=!signature!")),
        violation("half a signature", Final("v=WlpaWlpaWlpaWlpaWlpaWg==")),
        violation("a SCRAM error for its last message", Final("e=other-error")),
        violation("its last SCRAM message twice", FinalTwice),
    ]
}

fn settings() -> Vec<Case> {
    let phase = Phase::Settings;
    let violation = |name, attack| Case::violation(phase, name, attack);
    let key = encoded(&[BackendMessage::BackendKeyData(CancelKey { process_id: 1, secret_key: 2 })]);
    let flood: Vec<u8> = (0..10_000).flat_map(|number| setting(&format!("setting_{number}"), "on")).collect();
    let mut cases = vec![
        violation("AuthenticationOk twice", authentication_ok()),
        violation("a request for a password behind AuthenticationOk", authentication(3, b"")),
        violation("a setting whose name is not UTF-8", message(b'S', b"\xff\xfe\0on\0")),
        violation("a setting whose value is not UTF-8", message(b'S', b"TimeZone\0\xc3\x28\0")),
        violation("a setting without a value", message(b'S', b"TimeZone\0")),
        violation("a setting whose value has no end", message(b'S', b"TimeZone\0UTC")),
        violation("a setting with bytes behind it", message(b'S', b"TimeZone\0UTC\0more")),
        violation("half a BackendKeyData", message(b'K', &[0; 4])),
        violation("a BackendKeyData of protocol 3.2", message(b'K', &[0; 36])),
        violation("BackendKeyData twice", key.repeat(2)),
        violation(
            "ReadyForQuery with a status that nobody knows",
            [session_state(), message(b'Z', b"X")].concat(),
        ),
        violation("ReadyForQuery without a status", [session_state(), message(b'Z', b"")].concat()),
        violation("ReadyForQuery with two statuses", [session_state(), message(b'Z', b"II")].concat()),
        violation("a RowDescription before ReadyForQuery", description()),
        violation("a DataRow before ReadyForQuery", one()),
        violation("a CommandComplete before ReadyForQuery", complete("SELECT 1")),
        Case::limit(phase, "ten thousand settings", [flood, ready()].concat()),
        Case::server_error(phase, "an ErrorResponse", error()),
        Case::new(phase, "an ErrorResponse, and closes", error(), Then::Close, Expected::ServerError),
        Case::success(phase, "all that it should", [session_state(), ready()].concat()),
        Case::success(
            phase,
            "notices and heartbeats between its settings",
            [notice(), pulse(), session_state(), notice(), pulse(), ready()].concat(),
        ),
    ];
    cases.extend(framing::cases(phase));
    cases
}

fn idle() -> Vec<Case> {
    let violation = |name, attack| Case::violation(Phase::Idle, name, attack);
    vec![
        violation("ReadyForQuery twice", ready()),
        violation("a DataRow that nobody asked for", one()),
        violation("a RowDescription that nobody asked for", description()),
        violation("a CommandComplete that nobody asked for", complete("SELECT 1")),
        // A client that takes it for the answer to its next statement is wrong by one answer from then on.
        violation(
            "a whole result before the statement",
            [description(), one(), complete("SELECT 1"), ready()].concat(),
        ),
        violation("AuthenticationOk behind ReadyForQuery", authentication_ok()),
        violation("BackendKeyData behind ReadyForQuery", message(b'K', &[0; 8])),
        violation("CopyData that nobody asked for", message(b'd', b"1\n")),
        violation("a message of a type that nobody knows", message(b'y', b"")),
    ]
}
