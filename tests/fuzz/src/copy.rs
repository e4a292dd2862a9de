//! COPY in both directions.
//!
//! The input is a list of steps: a byte that says what is done, a byte with a length, and that many bytes. The session
//! gets a COPY, and then data, ends and abandonments from its caller, and bytes from its server.
//!
//! The data that the session writes is what it was given, in order; everything that it writes a server can read.

use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::session::{CancelDelivery, Config, Event, RequestOptions, Session};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::{Frame, FrontendMessage, Limits, Split};

use super::session::LOGIN;

/// Panics if something does not hold of them.
pub fn judge(input: &[u8]) {
    let (mut bytes, mut out, mut now) = (InBuf::new(), OutBuf::new(), Instant::EPOCH);
    let mut session = Session::start(Config::new("hyper"), [3; 18], now, &mut out).expect("a configuration");
    let id = session.query("COPY t FROM STDIN", RequestOptions::default().copy(), &mut out).expect("taken");
    bytes.extend(LOGIN);
    let startup = out.unsent().len();
    let (mut given, mut rest, mut alive) = (Vec::new(), input, true);
    while let (true, Some((&[step, length], behind))) = (alive, rest.split_first_chunk()) {
        let (data, behind) = behind.split_at(usize::from(length).min(behind.len()));
        rest = behind;
        match step % 8 {
            0 | 1 => {
                if session.copy_in(data, &mut out).is_ok() {
                    given.extend_from_slice(data);
                }
            }
            2 => drop(session.copy_done(&mut out)),
            3 => drop(session.copy_fail("enough", &mut out)),
            4 => session.demand(id, u64::from(length)),
            5 => session.cancel(id, now),
            6 => {
                now += std::time::Duration::from_millis(u64::from(length));
                session.handle_timeout(now);
            }
            _ => bytes.extend(data),
        }
        loop {
            match session.poll(&mut bytes, &mut out, now) {
                Ok(Some(Event::CopyData(_))) => drop(session.copy_data(&bytes).len()),
                Ok(Some(Event::SendCancel(_))) => session.cancel_ended(CancelDelivery::Delivered, &mut out),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => {
                    alive = false;
                    break;
                }
            }
        }
    }
    if alive {
        assert_eq!(sent_data(&out.unsent()[startup..]), given);
    }
}

/// The data of all CopyData messages.
fn sent_data(mut bytes: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    while !bytes.is_empty() {
        let Ok(Split::Frame(frame)) = Frame::split(bytes, &Limits::default()) else {
            panic!("no message: {bytes:02x?}")
        };
        if let FrontendMessage::CopyData(data) = FrontendMessage::decode(frame).expect("a server can read it")
        {
            sent.extend_from_slice(data);
        }
        bytes = &bytes[frame.len()..];
    }
    sent
}
