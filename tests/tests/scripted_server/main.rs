//! The scripted server does what a script says, notices what a client does wrong, and never waits for ever.

mod authentication;
mod cancelling;
mod encryption;
mod ending;
mod failing;
mod hostile;
mod raw_client;
mod receiving;
mod sending;

use std::net::Shutdown;
use std::time::Duration;

use hyperwire_core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_tests::scripted::{Address, Auth, Listen, Rows, SETTINGS, oid};
use raw_client::RawClient;
use rstest::rstest;

/// For scripts that are meant to wait in vain.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// For waits that are meant to succeed.
pub(crate) const LONG: Duration = Duration::from_secs(10);

#[rstest]
#[case::tcp(Listen::tcp())]
#[case::unix(Listen::unix())]
fn a_session_starts_answers_a_query_and_ends(#[case] listen: Listen) {
    let server = listen.serve(|session| {
        session.accept_startup(Auth::Trust)?;
        session.expect_query("select 1")?;
        session.send_rows(&Rows::of([("a", oid::INTEGER), ("b", oid::TEXT)]).row([Some("1"), None]))?;
        session.ready(TransactionStatus::Idle)?;
        session.expect(&FrontendMessage::Terminate)?;
        session.expect_eof()
    });
    let mut client = RawClient::connect(&server);

    client.send_startup(&[("user", "adm"), ("options", "-c result_format_code=HyperBinary")]);
    let startup = client.read_to("ReadyForQuery");
    client.send(&FrontendMessage::Query("select 1"));
    let answer = client.read_to("ReadyForQuery");
    client.send(&FrontendMessage::Terminate);
    client.stream.shutdown(Shutdown::Write).expect("the connection is there");

    assert_eq!(startup.len(), 1 + SETTINGS.len() + 2);
    assert!(startup.iter().any(|(_, bytes)| bytes.ends_with(b"result_format_code\0HyperBinary\0")));
    assert!(startup.iter().any(|(_, bytes)| bytes.ends_with(b"session_authorization\0adm\0")));
    let names: Vec<_> = answer.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["RowDescription", "DataRow", "CommandComplete", "ReadyForQuery"]);
    assert_eq!(answer[1].1, b"D\0\0\0\x0f\0\x02\0\0\0\x011\xff\xff\xff\xff");
    assert_eq!(answer[2].1, b"C\0\0\0\x0dSELECT 1\0");
    assert_eq!(client.read_to_end(), (vec![], true));
    server.finish().unwrap();
}

#[test]
fn addresses_have_the_descriptors_that_hyperd_announces() {
    let unix = Address::Unix("/run/hyper/socket".into());
    let tcp = Address::Tcp(([127, 0, 0, 1], 7483).into());

    assert_eq!(unix.descriptor(), "tab.domain:///run/hyper/domain/socket");
    assert_eq!(tcp.descriptor(), "tab.tcp://127.0.0.1:7483");
    assert_eq!(tcp.tcp().port(), 7483);
}
