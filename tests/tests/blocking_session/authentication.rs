//! Every way to log in, and every reason not to.

use hyperwire_blocking::core::session::{AuthenticationError, Fault};
use hyperwire_blocking::core::wire::{Authentication, LimitKind, Violation};
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::scripted::{Auth, Failure, Listen, Scram, ScramAbuse, Server};
use rstest::rstest;

use crate::{config, fault_of, serve, serve_proof, shows_that_it_is_usable};

const PASSWORD: &str = "s3cret, with a comma = and é";

#[rstest]
fn a_server_that_trusts_lets_the_client_in(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let server = serve(listen(), serve_proof);

    let mut client = Client::connect(config(&server)).expect("trusted");

    assert_eq!(client.settings().get("hyper_version"), Some("main.0.0.26963.r84171622"));
    assert_eq!(client.settings().get("result_format_code"), Some("HyperBinary"));
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[rstest]
#[case::scram(Auth::Scram(Scram::new(PASSWORD)))]
#[case::clear_text(Auth::Cleartext(PASSWORD))]
#[case::md5(Auth::Md5(PASSWORD))]
fn the_right_password_lets_the_client_in(#[case] auth: Auth<'static>) {
    let server = Server::tcp(move |session| {
        session.accept_startup(auth)?;
        serve_proof(session)
    });
    let mut config = config(&server).password(PASSWORD);
    config.session.weak_passwords.cleartext = true;
    config.session.weak_passwords.md5 = true;

    let mut client = Client::connect(config).expect("the password is right");

    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[rstest]
#[case::scram(Auth::Scram(Scram::new(PASSWORD)))]
#[case::clear_text(Auth::Cleartext(PASSWORD))]
#[case::md5(Auth::Md5(PASSWORD))]
fn a_wrong_password_is_refused_in_the_servers_words(#[case] auth: Auth<'static>) {
    let server = Server::tcp(move |session| match session.accept_startup(auth) {
        Err(Failure::WrongPassword) => Ok(()),
        outcome => Err(format!("the password is wrong, but: {outcome:?}").into()),
    });
    let mut config = config(&server).password("wrong");
    config.session.weak_passwords.cleartext = true;
    config.session.weak_passwords.md5 = true;

    let error = Client::connect(config).expect_err("the password is wrong");

    assert!(matches!(error, Error::Session { fault: Fault::Refused(_), .. }), "{error:?}");
    assert_eq!(error.code().map(|code| code.to_string()).as_deref(), Some("42501"));
    assert!(!format!("{error:?} {error}").contains("wrong"), "no password in an error: {error:?}");
    server.finish().unwrap();
}

#[test]
fn a_server_that_does_not_know_the_password_is_not_trusted() {
    let server = Server::tcp(|session| {
        session.read_startup()?;
        session.abuse_scram(&Scram::new(PASSWORD), ScramAbuse::WrongSignature)?;
        session.expect_client_to_give_up()
    });

    let outcome = Client::connect(config(&server).password(PASSWORD));

    assert!(matches!(fault_of(outcome), Fault::Violation(Violation::Scram(_))));
    server.finish().unwrap();
}

#[rstest]
#[case::at_the_limit(4096, true)]
#[case::above_the_limit(4095, false)]
fn the_client_computes_no_more_iterations_than_its_limit(#[case] limit: u32, #[case] allowed: bool) {
    let server =
        Server::tcp(move |session| match session.accept_startup(Auth::Scram(Scram::new(PASSWORD))) {
            Ok(_) if allowed => Ok(()),
            Err(Failure::Closed { held: 0, .. }) if !allowed => Ok(()),
            outcome => Err(format!("allowed: {allowed}, but: {outcome:?}").into()),
        });
    let mut config = config(&server).password(PASSWORD);
    config.session.limits.scram_iterations = limit;

    match Client::connect(config) {
        Ok(_) => assert!(allowed),
        Err(Error::Session { fault: Fault::Limit(exceeded), .. }) if !allowed => {
            let found = (exceeded.what, exceeded.found, exceeded.limit);
            assert_eq!(found, (LimitKind::ScramIterations, 4096, 4095));
        }
        outcome => panic!("allowed: {allowed}, but: {outcome:?}"),
    }
    server.finish().unwrap();
}

#[rstest]
#[case::clear_text(Authentication::CleartextPassword, AuthenticationError::CleartextNotAllowed)]
#[case::md5(Authentication::Md5Password { salt: *b"salt" }, AuthenticationError::Md5NotAllowed)]
fn a_weak_password_exchange_is_refused_unless_allowed(
    #[case] asked: Authentication<'static>,
    #[case] expected: AuthenticationError,
) {
    let server = Server::tcp(move |session| {
        session.read_startup()?;
        session.send_authentication(asked)?;
        // Nothing of the password may have been sent.
        session.expect_eof()
    });

    let outcome = Client::connect(config(&server).password(PASSWORD));

    assert_eq!(fault_of(outcome), Fault::Authentication(expected));
    server.finish().unwrap();
}

#[test]
fn a_missing_password_is_the_callers_fault() {
    let server = Server::tcp(|session| {
        session.read_startup()?;
        session.send_authentication(Authentication::Sasl { mechanisms: b"SCRAM-SHA-256\0\0" })?;
        session.expect_eof()
    });

    let error = Client::connect(config(&server)).expect_err("no password is configured");

    assert_eq!(error.blame(), hyperwire_blocking::core::session::Blame::Caller);
    assert_eq!(fault_of::<()>(Err(error)), Fault::Authentication(AuthenticationError::NoPassword));
    server.finish().unwrap();
}
