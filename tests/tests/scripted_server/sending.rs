//! What a script sends arrives, as it was sent.

use hyperwire_tests::scripted::{Auth, Failure, Latch, Listen, Server, Session};
use rstest::rstest;

use crate::raw_client::RawClient;
use crate::{LONG, SHORT};

#[rstest]
#[case::in_pieces(|session: &mut Session, bytes: &[u8]| session.send_split(bytes, &[1, 1, 7]))]
#[case::byte_by_byte(|session: &mut Session, bytes: &[u8]| session.send_byte_by_byte(bytes))]
fn bytes_sent_in_any_pieces_arrive_in_order(#[case] send: fn(&mut Session, &[u8]) -> Result<(), Failure>) {
    let bytes: Vec<u8> = (0..=255).collect();
    let server = Listen::tcp().raw().serve({
        let bytes = bytes.clone();
        move |session| send(session, &bytes)
    });

    let mut client = RawClient::connect(&server);

    assert_eq!(client.read_to_end(), (bytes, true));
    server.finish().unwrap();
}

#[test]
fn a_row_is_repeated_exactly_as_often_as_asked() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        session.send_row_repeatedly(&[Some(b"abc"), None], 100_003)?;
        session.complete("SELECT 100003")
    });
    let mut client = RawClient::started(&server);

    let answer = client.read_to("CommandComplete");

    assert_eq!(answer.len(), 100_004);
    assert!(answer[..100_003].iter().all(|row| *row == answer[0]), "all rows are the same");
    assert_eq!(answer[0].1, b"D\0\0\0\x11\0\x02\0\0\0\x03abc\xff\xff\xff\xff");
    server.finish().unwrap();
}

#[test]
fn a_client_that_does_not_read_blocks_the_server_and_loses_nothing() {
    let blocked = Latch::new("the server is blocked");
    let server = Server::tcp({
        let blocked = blocked.clone();
        move |session| {
            session.accept_startup(Auth::Trust)?;
            let taken = session.send_until_blocked(&[Some(&[7; 1000])], SHORT, u64::MAX)?;
            blocked.release();
            session.complete(&taken.to_string())
        }
    });
    let mut client = RawClient::started(&server);

    blocked.wait(LONG).unwrap();
    let answer = client.read_to("CommandComplete");

    let (end, rows) = answer.split_last().expect("it ends with CommandComplete");
    let taken: usize = std::str::from_utf8(&end.1[5..end.1.len() - 1]).unwrap().parse().unwrap();
    let received: usize = rows.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(rows.iter().all(|(_, bytes)| bytes.len() == 1011), "every row is whole");
    assert!((taken..taken + 1011).contains(&received), "{taken} were taken, {received} received");
    server.finish().unwrap();
}

#[test]
fn a_heartbeat_an_error_and_a_notice_are_as_hyperd_sends_them() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        session.pulse()?;
        session.send_error("22012", "division by zero")?;
        session.send_notice("25001", "there is already a transaction")
    });
    let mut client = RawClient::started(&server);

    assert_eq!(client.read().1, b"S\0\0\0\x0calive\0?\0");
    assert_eq!(client.read().1, b"E\0\0\0\x2bSERROR\0C22012\0Mdivision by zero\0BUser\0\0");
    assert_eq!(client.read().0, "NoticeResponse");
    server.finish().unwrap();
}
