//! TLS, which says nothing to the socket about what it holds.

use std::sync::Arc;

use hyperwire_tests::scripted::{Auth, Server, TlsIdentity};
use hyperwire_tokio::hyperwire_core::session::Tls;
use hyperwire_tokio::hyperwire_core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_tokio::tls::TlsConfig;
use hyperwire_tokio::{Client, Config};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use crate::{MOST_POLLS, config, in_time, poll_times, shows_that_it_is_usable, texts};

#[tokio::test]
async fn a_query_over_tls_may_be_dropped_at_any_point() {
    for polls in 0..=MOST_POLLS {
        let identity = TlsIdentity::new();
        let server = Server::tcp({
            let identity = identity.clone();
            move |session| {
                session.accept_tls(&identity)?;
                session.accept_startup(Auth::Trust)?;
                loop {
                    let received = session.next_message()?;
                    match received.message() {
                        FrontendMessage::Query("select some") => {
                            session.send_byte_by_byte(texts(&["usable"]).description())?;
                            session.send_byte_by_byte(texts(&["usable"]).rows())?;
                            session.complete("SELECT 1")?;
                            session.ready(TransactionStatus::Idle)?;
                        }
                        FrontendMessage::Query(_) => {
                            session.send_rows(&texts(&["usable"]))?;
                            session.ready(TransactionStatus::Idle)?;
                        }
                        _ => return Ok(()),
                    }
                }
            }
        });
        let mut client = in_time(Client::connect(asking(&server, &identity))).await.expect("both have TLS");

        let finished = poll_times(client.execute("select some"), polls, || ()).await;

        shows_that_it_is_usable(&mut client).await;
        drop(client);
        server.finish().unwrap_or_else(|failures| panic!("dropped after {polls} polls: {failures}"));
        if let Some(outcome) = finished {
            outcome.expect("nothing is wrong with it");
            return;
        }
    }
    panic!("not finished after {MOST_POLLS} polls");
}

/// Requires TLS, and trusts this identity alone.
fn asking(server: &Server, identity: &TlsIdentity) -> Config {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).expect("a certificate");
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = config(server);
    config.session.tls = Tls::Require;
    let server_name = ServerName::try_from("localhost").expect("a name");
    config.tls = Some(TlsConfig { client: Arc::new(client), server_name });
    config
}
