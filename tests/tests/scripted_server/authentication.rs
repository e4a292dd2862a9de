//! The server lets in who has the password, and nobody else.

use hyperwire_core::wire::FrontendMessage;
use hyperwire_tests::scripted::{Auth, Failure, Scram, Server};
use rstest::rstest;

use crate::raw_client::{RawClient, scram};

#[test]
fn a_client_with_the_right_scram_password_gets_in_and_sees_the_right_signature() {
    let server = Server::tcp(|session| session.accept_startup(Auth::Scram(Scram::new("s3cret"))).map(drop));
    let mut client = RawClient::connect(&server);

    client.send_startup(&[("user", "adm")]);
    let signature = exchange_scram(&mut client, "s3cret");

    let (name, final_message) = client.read();
    assert_eq!(name, "Authentication");
    assert_eq!(String::from_utf8_lossy(&final_message[9..]), signature);
    assert_eq!(client.read().1, b"R\0\0\0\x08\0\0\0\0");
    client.read_to("ReadyForQuery");
    server.finish().unwrap();
}

#[test]
fn a_client_with_a_wrong_scram_password_is_refused_as_by_hyperd() {
    let server = Server::tcp(|session| match session.accept_startup(Auth::Scram(Scram::new("s3cret"))) {
        Err(Failure::WrongPassword) => Ok(()),
        other => Err(format!("the password is wrong, but {other:?}").into()),
    });
    let mut client = RawClient::connect(&server);

    client.send_startup(&[("user", "adm")]);
    exchange_scram(&mut client, "secret");

    let (name, error) = client.read();
    assert_eq!(name, "ErrorResponse");
    assert!(error.windows(7).any(|field| field == b"C42501\0"), "{error:02x?}");
    assert_eq!(client.read_to_end(), (vec![], true));
    server.finish().unwrap();
}

#[rstest]
#[case::right(b"s3cret\0", true)]
#[case::wrong(b"secret\0", false)]
fn a_cleartext_password_is_compared(#[case] password: &'static [u8], #[case] right: bool) {
    let server = Server::tcp(|session| match session.accept_startup(Auth::Cleartext("s3cret")) {
        Err(Failure::WrongPassword) => Ok(()),
        other => other.map(drop),
    });
    let mut client = RawClient::connect(&server);

    client.send_startup(&[("user", "adm")]);
    assert_eq!(client.read().1, b"R\0\0\0\x08\0\0\0\x03");
    client.send(&FrontendMessage::Password(password));

    assert_eq!(client.read().0, if right { "Authentication" } else { "ErrorResponse" });
    server.finish().unwrap();
}

/// The answer was computed with another implementation, for the salt that the server always sends.
#[test]
fn an_md5_password_is_compared() {
    let server = Server::tcp(|session| session.accept_startup(Auth::Md5("s3cret")).map(drop));
    let mut client = RawClient::connect(&server);

    client.send_startup(&[("user", "adm")]);
    assert_eq!(client.read().1, b"R\0\0\0\x0c\0\0\0\x05\x01\0\xfe\x27");
    client.send(&FrontendMessage::Password(b"md50635e234746032a08524673f33652cfb\0"));

    assert_eq!(client.read().1, b"R\0\0\0\x08\0\0\0\0");
    client.read_to("ReadyForQuery");
    server.finish().unwrap();
}

fn exchange_scram(client: &mut RawClient<socket2::Socket>, password: &str) -> String {
    assert_eq!(client.read().1, b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0");
    client.send(&FrontendMessage::Password(&scram::initial_response()));
    let (_, server_first) = client.read();
    let server_first = std::str::from_utf8(&server_first[9..]).unwrap();
    let (response, signature) = scram::response(password, server_first);
    client.send(&FrontendMessage::Password(response.as_bytes()));
    signature
}
