//! A server's bytes through a whole session.
//!
//! The first byte says whether the login is played before the rest, the second how the bytes are split, the third which
//! requests are made: two bits each, four of them. What follows are the server's bytes.
//!
//! However they are split, the same is told. What the session writes are messages that a server can read.

use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::row::Parameters;
use hyperwire_core::session::{CancelDelivery, Config, Event, Password, RequestId, RequestOptions, Session};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::{Frame, FrontendMessage, InitialMessage, Limits, Split};

/// AuthenticationOk, two settings, a key, ReadyForQuery.
pub const LOGIN: &[u8] = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x23result_format_code\0HyperBinary\0\
    K\0\0\0\x0c\0\0\0\x01\0\0\0\x02Z\0\0\0\x05I";

/// Panics if something does not hold of them.
pub fn judge(input: &[u8]) {
    let Some((&[login, split, requests], bytes)) = input.split_first_chunk() else { return };
    let bytes = if login % 2 == 1 { [LOGIN, bytes].concat() } else { bytes.to_vec() };

    let whole = conversation(&bytes, bytes.len().max(1), requests, login & 2 != 0);
    let pieces = conversation(&bytes, usize::from(split) + 1, requests, login & 2 != 0);

    assert_eq!(whole, pieces, "split by {}", usize::from(split) + 1);
}

/// All that is told when the bytes come in pieces of that size.
fn conversation(bytes: &[u8], piece: usize, requests: u8, small: bool) -> Vec<String> {
    let (mut input, mut out, now) = (InBuf::new(), OutBuf::new(), Instant::EPOCH);
    let mut config = Config::new("hyper");
    config.password = Some(Password::new("pencil"));
    config.weak_passwords.cleartext = true;
    config.weak_passwords.md5 = true;
    // A challenge costs its iterations.
    config.limits.scram_iterations = 4;
    if small {
        config.limits.message_length = 300;
        config.limits.control_length = 40;
        config.limits.startup_length = 200;
        config.limits.columns = 5;
    }
    let mut session = Session::start(config, [3; 18], now, &mut out).expect("a plain configuration");
    let ids: Vec<_> =
        (0..4).map(|index| request(requests >> (2 * index) & 3, index, &mut session, &mut out)).collect();
    let mut told = Vec::new();
    'over: for piece in bytes.chunks(piece) {
        input.extend(piece);
        loop {
            match session.poll(&mut input, &mut out, now) {
                Ok(Some(Event::Row(id))) => {
                    let row = session.row(&input).expect("it was announced");
                    let fields: Vec<_> = row.iter().map(|value| value.bytes().map(<[u8]>::to_vec)).collect();
                    told.push(format!("{id:?} {fields:?}"));
                }
                Ok(Some(Event::CopyData(id))) => told.push(format!("{id:?} {:?}", session.copy_data(&input))),
                Ok(Some(Event::CopyIn(id))) => {
                    told.push(format!("{id:?} copies in"));
                    let _ = session.copy_in(b"some data", &mut out);
                    let _ = session.copy_done(&mut out);
                }
                Ok(Some(Event::SendCancel(_))) => session.cancel_ended(CancelDelivery::Delivered, &mut out),
                Ok(Some(event)) => {
                    told.push(format!("{event:?}"));
                    if let Event::Prepared { statement, .. } = &event {
                        let options = RequestOptions::default();
                        let _ = session.execute(statement, &Parameters::default(), options, &mut out);
                    }
                }
                Ok(None) if session.wants_demand() => ids.iter().for_each(|id| session.demand(*id, 3)),
                Ok(None) => break,
                Err(fault) => {
                    told.push(format!("{fault:?} {fault}"));
                    break 'over;
                }
            }
        }
    }
    if session.fault().is_none() {
        check_written(out.unsent());
    }
    told.push(format!("{:?} {:?}", session.wants(&out), session.settings()));
    told
}

fn request(kind: u8, index: u8, session: &mut Session, out: &mut OutBuf) -> RequestId {
    let options = RequestOptions::default();
    let id = match (kind, index) {
        (0, _) => session.query("SELECT 1", options, out),
        (1, _) => session.query_params("SELECT 1", &Parameters::default(), None, options, out),
        (2, _) => session.query("COPY t FROM STDIN", options.copy(), out),
        (_, 0) => session.prepare("SELECT $1", &[], options, out),
        _ => session.sync(options, out),
    };
    id.expect("a live session takes it")
}

/// A StartupMessage, and typed messages behind it.
pub(crate) fn check_written(mut bytes: &[u8]) {
    let limits = Limits::default();
    if let Ok(Split::Frame(frame)) = Frame::split_untyped(bytes, &limits) {
        InitialMessage::decode(frame.body).expect("a server can read it");
        bytes = &bytes[4 + frame.body.len()..];
    }
    while !bytes.is_empty() {
        let Ok(Split::Frame(frame)) = Frame::split(bytes, &limits) else {
            panic!("no message: {bytes:02x?}")
        };
        FrontendMessage::decode(frame).expect("a server can read it");
        bytes = &bytes[frame.len()..];
    }
}
