//! What a client sends reaches the script, whatever pieces it comes in.

use hyperwire_core::wire::FrontendMessage;
use hyperwire_tests::scripted::{Auth, Server};

use crate::SHORT;
use crate::raw_client::RawClient;

#[test]
fn messages_that_come_in_single_bytes_are_put_together() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        session.expect_query("select 1")?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut client = RawClient::connect(&server);
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"\0\0\0\x12\0\x03\0\0user\0adm\0\0");
    FrontendMessage::Query("select 1").encode(&mut bytes);
    FrontendMessage::Terminate.encode(&mut bytes);

    for byte in bytes {
        client.send_bytes(&[byte]);
    }

    client.read_to("ReadyForQuery");
    assert_eq!(client.read_to_end(), (vec![], true));
    server.finish().unwrap();
}

#[test]
fn copied_data_is_put_together_whatever_its_pieces() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        session.send_copy_in_response(2)?;
        let data = session.read_to_copy_done()?;
        session.send_copy_in_response(2)?;
        let reason = session.read_to_copy_fail()?;
        session.complete(&format!("{} {reason}", data.len()))
    });
    let mut client = RawClient::started(&server);

    for data in [&b"ab"[..], b"", b"cde"] {
        client.send(&FrontendMessage::CopyData(data));
    }
    client.send(&FrontendMessage::CopyDone);
    client.send(&FrontendMessage::CopyData(b"more"));
    client.send(&FrontendMessage::CopyFail("a reason"));

    assert_eq!(client.read().1, b"G\0\0\0\x0b\0\0\x02\0\0\0\0");
    assert_eq!(client.read_to("CommandComplete").last().unwrap().1, b"C\0\0\0\x0f5 a reason\0");
    server.finish().unwrap();
}

#[test]
fn messages_are_gathered_up_to_sync() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        let messages = session.read_to_sync()?;
        let names: Vec<_> = messages.iter().map(|received| received.message().name()).collect();
        if names != ["Flush", "Execute", "Sync"] {
            return Err(format!("{names:?}").into());
        }
        session.expect_nothing_for(SHORT)
    });
    let mut client = RawClient::started(&server);

    client.send(&FrontendMessage::Flush);
    client.send(&FrontendMessage::Execute { portal: "", max_rows: 0 });
    client.send(&FrontendMessage::Sync);

    assert_eq!(client.read_to_end(), (vec![], true));
    server.finish().unwrap();
}
