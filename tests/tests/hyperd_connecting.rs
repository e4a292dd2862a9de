//! Connecting to the real hyperd: who is let in, and what is said to those who are not.
#![cfg(target_os = "linux")]

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyperwire_blocking::hyperd::{Authentication, Endpoint, Listen, Settings, StartError};
use hyperwire_blocking::hyperwire_core::session::{AuthenticationError, Blame, Fault, Password, Timer, Tls};
use hyperwire_blocking::tls::TlsConfig;
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_tests::real_hyperd::{CROSS_JOIN, RealHyperd, assert_usable, sqlstate};
use rstest::rstest;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse";

fn with_password(settings: &mut Settings, password: &str) {
    settings.authentication = Authentication::Password(password.to_owned());
}

fn refused(config: Config) -> Error {
    let error = Client::connect(config).unwrap_err();
    assert!(error.is_session_lost());
    error
}

#[rstest]
#[case::domain_socket(Listen::Private)]
#[case::ipv4(Listen::Loopback)]
#[case::ipv6(Listen::Tcp { host: "::1".into(), port: 0 })]
fn everybody_is_let_in_where_there_is_no_password(#[case] listen: Listen) {
    let hyperd = RealHyperd::start_with(|settings| settings.listen = listen);
    let mut config = hyperd.config();

    assert_usable(&mut Client::connect(config.clone()).unwrap());
    config.session.password = Some(Password::new("one that nobody asks for"));
    assert_usable(&mut Client::connect(config).unwrap());
}

#[test]
fn a_name_of_a_host_is_looked_up() {
    let hyperd = RealHyperd::start_on_tcp();
    let mut config = hyperd.config();
    let Endpoint::Tcp { host, .. } = &mut config.endpoint else { panic!() };
    *host = "localhost".to_owned();

    assert_usable(&mut Client::connect(config).unwrap());
}

#[test]
fn another_user_is_refused() {
    let hyperd = RealHyperd::start();
    let mut config = hyperd.config();
    config.session.user = "somebody".to_owned();

    let error = refused(config);

    assert_eq!((sqlstate(&error).as_str(), error.blame()), ("42501", Blame::Server));
    assert!(error.to_string().contains("somebody"), "{error}");
}

#[test]
fn a_database_that_is_missing_is_refused_and_its_path_is_named() {
    let hyperd = RealHyperd::start();

    for path in ["/nowhere/to/be.hyper".to_owned(), format!("{}/no.hyper", hyperd.folder().display())] {
        let error = refused(hyperd.config().database(&path));

        assert_eq!(sqlstate(&error), "58S01");
        assert!(error.to_string().contains(&path), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let hyperd = RealHyperd::start();
    let path = hyperd.folder().join("text.hyper");
    fs::write(&path, "not a database").unwrap();

    let error = refused(hyperd.config().database(path.to_str().unwrap()));

    assert_eq!(sqlstate(&error), "42809");
}

#[rstest]
#[case::domain_socket(Listen::Private)]
#[case::tcp(Listen::Loopback)]
fn with_a_password_only_that_password_is_let_in(#[case] listen: Listen) {
    let hyperd = RealHyperd::start_with(|settings| {
        settings.listen = listen;
        with_password(settings, PASSWORD);
    });

    assert_usable(&mut hyperd.connect());

    let mut config = hyperd.config();
    config.session.password = Some(Password::new("wrong"));
    let error = refused(config.clone());
    assert_eq!((sqlstate(&error).as_str(), error.blame()), ("42501", Blame::Server));
    assert!(!format!("{error} {error:?}").contains("wrong"), "a password is not for logs");

    config.session.password = None;
    let error = refused(config.clone());
    let none = Fault::Authentication(AuthenticationError::NoPassword);
    assert!(matches!(&error, Error::Session { fault, .. } if *fault == none), "{error:?}");
    assert_eq!(error.blame(), Blame::Caller);

    config.session.password = Some(Password::new(""));
    assert_eq!(sqlstate(&refused(config)), "42501");
    assert_usable(&mut hyperd.connect());
}

#[test]
fn the_users_name_counts_behind_a_password_too() {
    let hyperd = RealHyperd::start_with(|settings| {
        with_password(settings, PASSWORD);
        "the user".clone_into(&mut settings.user);
    });
    assert_usable(&mut hyperd.connect());

    let mut config = hyperd.config();
    config.session.user = "The User".to_owned();

    assert_eq!(sqlstate(&refused(config)), "42501");
}

/// SCRAM as PostgreSQL does it normalises passwords; hyperd does not: what looks alike is not the same.
#[rstest]
#[case::composed("p\u{e4}ssw\u{f6}rd", "pa\u{308}ssw\u{f6}rd")]
#[case::decomposed("pa\u{308}ss", "p\u{e4}ss")]
#[case::compatible("\u{aa}", "a")]
#[case::full_width("\u{ff21}", "A")]
#[case::emoji("\u{1f980}", "crab")]
fn a_password_counts_by_its_bytes(#[case] password: &str, #[case] looks_alike: &str) {
    let hyperd = RealHyperd::start_with(|settings| with_password(settings, password));
    assert_usable(&mut hyperd.connect());

    let mut config = hyperd.config();
    config.session.password = Some(Password::new(looks_alike));

    assert_eq!(sqlstate(&refused(config)), "42501");
}

/// The exception, as [`Password::new`] documents it: hyperd does the first step of RFC 4013, and only where the others
/// would not refuse the password.
#[rstest]
#[case::no_break_space("a\u{a0}b", "a b")]
#[case::ideographic_space("a\u{3000}b", "a b")]
#[case::soft_hyphen("a\u{ad}b", "ab")]
#[case::variation_selector("\u{2764}\u{fe0f}", "\u{2764}")]
#[case::beside_a_control_character("a\u{a0}\u{7}", "a\u{a0}\u{7}")]
#[case::beside_a_character_newer_than_unicode_3_2("\u{1f980}\u{a0}", "\u{1f980}\u{a0}")]
#[case::in_mixed_directions("\u{5d0}\u{a0}a", "\u{5d0}\u{a0}a")]
fn hyperd_changes_some_characters_of_a_password(#[case] set: &str, #[case] known: &str) {
    let hyperd = RealHyperd::start_with(|settings| with_password(settings, set));

    let mut config = hyperd.config();
    config.session.password = Some(Password::new(known));
    assert_usable(&mut Client::connect(config).unwrap());

    assert_eq!(Client::connect(hyperd.config()).is_ok(), set == known);
}

#[test]
fn passwords_of_every_length_are_let_in() {
    for length in [1, 31, 32, 63, 64, 65, 1000] {
        let password = "aß".repeat(length);
        let password = &password[..password.floor_char_boundary(length)];
        let hyperd = RealHyperd::start_with(|settings| with_password(settings, password));

        assert_usable(&mut hyperd.connect());
    }
}

#[test]
fn nobody_listening_is_a_failure_to_connect() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let missing = tempfile::tempdir().unwrap().path().join("socket").display().to_string();

    for endpoint in [Endpoint::Tcp { host: "127.0.0.1".into(), port }, Endpoint::Domain { path: missing }] {
        let error = refused(Config::new(endpoint.clone(), "anybody"));

        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
        assert_eq!(error.blame(), Blame::Link);
        assert!(error.to_string().contains(&endpoint.to_string()), "{error}");
    }
}

#[test]
fn a_hyperd_that_hangs_lets_nobody_in_and_the_attempt_ends_in_time() {
    let hyperd = RealHyperd::start();
    let mut config = hyperd.config();
    config.connect_timeout = Duration::from_millis(500);

    let stopped = hyperd.stop();
    let begun = Instant::now();
    let error = refused(config);
    let took = begun.elapsed();
    drop(stopped);

    assert!(matches!(error, Error::Session { fault: Fault::Deadline(Timer::Startup), .. }), "{error:?}");
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(5), "{took:?}");
    assert_usable(&mut hyperd.connect());
}

#[test]
fn hyperd_does_not_start_when_its_certificate_is_missing() {
    let outcome = RealHyperd::try_start_with(|settings| {
        settings.extra.push(("ssl-certificate".into(), "/nowhere/cert.pem".into()));
        settings.extra.push(("ssl-key".into(), "/nowhere/key.pem".into()));
    });

    assert!(matches!(outcome, Err(StartError::Exited { .. })), "{outcome:?}");
}

#[test]
fn tls_that_is_required_and_not_there_is_refused() {
    let hyperd = RealHyperd::start_on_tcp();
    let identity = Identity::new();
    let mut config = identity.trusted_in(hyperd.config());
    config.session.tls = Tls::Require;

    let error = refused(config.clone());
    assert!(matches!(error, Error::Session { fault: Fault::NoTls, .. }), "{error:?}");

    config.session.tls = Tls::Prefer;
    assert_usable(&mut Client::connect(config).unwrap());
}

#[rstest]
#[case::tcp(Listen::Loopback, Authentication::Trust)]
#[case::tcp_with_password(Listen::Loopback, Authentication::Password(PASSWORD.into()))]
#[case::domain_socket_with_password(Listen::Private, Authentication::Password(PASSWORD.into()))]
fn a_session_in_tls_does_what_any_other_does(#[case] listen: Listen, #[case] login: Authentication) {
    let identity = Identity::new();
    let hyperd = identity.start(|settings| (settings.listen, settings.authentication) = (listen, login));
    for tls in [Tls::Prefer, Tls::Require] {
        let mut config = identity.trusted_in(hyperd.config());
        config.session.tls = tls;
        let mut client = Client::connect(config).unwrap();

        assert_usable(&mut client);
        assert_eq!(client.execute("SELECT i FROM generate_series(1, 300000) s(i)").unwrap(), 300_000);
        let sent = "x".repeat(3_000_000);
        let mut rows = client.query_params("SELECT $1::text", &[&sent]).unwrap();
        assert!(rows.next().unwrap().unwrap().get::<&str>(0).unwrap() == sent, "not what was sent");
        drop(rows);
        let mut rows = client.query("SELECT i FROM generate_series(1, 5000000) s(i)").unwrap();
        rows.next().unwrap().unwrap();
        drop(rows);
        client.set_statement_timeout(Some(Duration::from_millis(100)));
        assert!(client.execute(CROSS_JOIN).is_err());
        client.set_statement_timeout(None);
        assert_usable(&mut client);
        client.close().unwrap();
    }
}

/// hyperd refuses a TLS session that is resumed, which rustls would try from the second connection on.
#[test]
fn one_tls_configuration_serves_any_number_of_connections() {
    let identity = Identity::new();
    let hyperd = identity.start(|settings| settings.listen = Listen::Loopback);
    let mut config = identity.trusted_in(hyperd.config());
    config.session.tls = Tls::Require;

    for _ in 0..3 {
        let mut client = Client::connect(config.clone()).expect("a session of its own");
        assert_usable(&mut client);
    }
}

#[rstest]
#[case::by_the_host("hyper://{user}@localhost:{port}?tls_roots={roots}")]
#[case::by_another_name("hyper://{user}@127.0.0.1:{port}?tls_roots={roots}&tls_server_name=localhost")]
fn a_url_names_whose_certificates_are_trusted(#[case] url: &str) {
    let identity = Identity::new();
    let hyperd = identity.start(|settings| settings.listen = Listen::Loopback);
    let Endpoint::Tcp { port, .. } = hyperd.config().endpoint else { panic!("it listens on TCP") };
    let roots = identity.folder.path().join("cert.pem");
    let url = url.replace("{user}", &hyperd.config().session.user).replace("{port}", &port.to_string());

    let config: Config = url.replace("{roots}", &roots.display().to_string()).parse().unwrap();

    assert_eq!(config.session.tls, Tls::Require);
    assert_usable(&mut Client::connect(config).unwrap());
}

#[test]
fn a_hyperd_with_a_certificate_takes_sessions_without_tls_unless_it_is_forced() {
    let identity = Identity::new();
    let free = identity.start(|settings| settings.listen = Listen::Loopback);
    let forced = identity.start(|settings| {
        settings.listen = Listen::Loopback;
        settings.extra.push(("ssl-force".into(), "1".into()));
    });

    assert_usable(&mut free.connect());
    assert_eq!(sqlstate(&refused(forced.config())), "08000");
    let mut config = identity.trusted_in(forced.config());
    config.session.tls = Tls::Require;
    assert_usable(&mut Client::connect(config).unwrap());
}

#[test]
fn a_certificate_that_is_not_trusted_or_for_another_name_is_refused() {
    let identity = Identity::new();
    let hyperd = identity.start(|settings| settings.listen = Listen::Loopback);
    let mut stranger = Identity::new().trusted_in(hyperd.config());
    let mut misnamed = identity.trusted_in(hyperd.config());
    misnamed.tls.as_mut().unwrap().server_name = ServerName::try_from("elsewhere.example").unwrap();

    for config in [&mut stranger, &mut misnamed] {
        config.session.tls = Tls::Prefer;
        let error = refused(config.clone());

        assert!(matches!(error, Error::Tls(_)), "{error:?}");
        assert_eq!(error.blame(), Blame::Peer);
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

/// A self-signed certificate for `localhost`, and files that hyperd can read it from.
struct Identity {
    certificate: CertificateDer<'static>,
    folder: TempDir,
}

impl Identity {
    fn new() -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_pem(&folder.path().join("cert.pem"), "CERTIFICATE", signed.cert.der());
        let key = folder.path().join("key.pem");
        write_pem(&key, "PRIVATE KEY", &signed.signing_key.serialize_der());
        // hyperd insists on it.
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        Self { certificate: signed.cert.der().clone(), folder }
    }

    fn start(&self, change: impl FnOnce(&mut Settings)) -> RealHyperd {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        RealHyperd::start_with(|settings| {
            change(settings);
            settings.extra.push(("ssl-certificate".into(), file("cert.pem")));
            settings.extra.push(("ssl-key".into(), file("key.pem")));
        })
    }

    fn trusted_in(&self, mut config: Config) -> Config {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server_name = ServerName::try_from("localhost").unwrap();
        config.tls = Some(TlsConfig { client: Arc::new(client), server_name });
        config
    }
}

fn write_pem(path: &Path, label: &str, der: &[u8]) {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    fs::write(path, pem).unwrap();
}
