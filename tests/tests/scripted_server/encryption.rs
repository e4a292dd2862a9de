//! TLS, refused and granted.

use std::io::{Read, Write};
use std::sync::Arc;

use hyperwire_core::wire::{FrontendMessage, InitialMessage};
use hyperwire_tests::scripted::{Auth, Server, TlsIdentity};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::raw_client::{RawClient, cancel_key};

#[test]
fn a_request_for_tls_is_refused_and_the_startup_goes_on() {
    let server = Server::tcp(|session| session.accept_startup(Auth::Trust).map(drop));
    let mut client = RawClient::connect(&server);

    client.send_initial(&InitialMessage::SslRequest);
    let mut answer = [0];
    client.stream.read_exact(&mut answer).unwrap();
    client.send_startup(&[("user", "adm")]);

    assert_eq!(answer, *b"N");
    client.read_to("ReadyForQuery");
    server.finish().unwrap();
}

#[test]
fn a_session_can_be_encrypted_and_so_can_a_cancel() {
    let identity = TlsIdentity::new();
    let server = Server::tcp({
        let identity = identity.clone();
        move |session| {
            session.accept_tls(&identity)?;
            session.accept_startup(Auth::Trust)?;
            session.expect_cancel()?;
            session.send_error("57014", "canceled by user")?;
            session.expect(&FrontendMessage::Terminate)
        }
    });

    let mut client = encrypted(&server, &identity);
    client.send_startup(&[("user", "adm")]);
    let key = cancel_key(&client.read_to("ReadyForQuery"));
    let mut canceller = encrypted(&server, &identity);
    canceller.send_initial(&InitialMessage::CancelRequest(key));

    assert_eq!(client.read().0, "ErrorResponse");
    client.send(&FrontendMessage::Terminate);
    assert_eq!(client.read_to_end(), (vec![], true));
    server.finish().unwrap();
}

fn encrypted(
    server: &Server,
    identity: &TlsIdentity,
) -> RawClient<StreamOwned<ClientConnection, socket2::Socket>> {
    let mut socket = server.connect();
    socket.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut answer = [0];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"S");
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    RawClient::over(StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket))
}
