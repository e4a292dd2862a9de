//! Every way to log in, and every reason not to.

use hyperwire_blocking::Error;
use hyperwire_core::session::{AuthenticationError, Blame, Fault};
use hyperwire_core::wire::{Authentication, LimitKind, Violation};

use super::scenario;
use crate::conformance::peer::{fault_of, serve_proof};
use crate::conformance::{Scenario, Stage};
use crate::scripted::{Auth, Failure, Scram, ScramAbuse};

const PASSWORD: &str = "s3cret, with a comma = and é";
const SCRAM: Auth<'static> = Auth::Scram(Scram { password: PASSWORD, iterations: 4096 });

pub(super) fn all() -> Vec<Scenario> {
    let clear_text = Authentication::CleartextPassword;
    let md5 = Authentication::Md5Password { salt: *b"salt" };
    vec![
        scenario!(a_server_that_trusts_lets_the_client_in).and_hyperd(),
        scenario!(a_start_up_may_come_byte_by_byte),
        scenario!(the_right_password_lets_the_client_in, scram, SCRAM).and_hyperd(),
        scenario!(the_right_password_lets_the_client_in, clear_text, Auth::Cleartext(PASSWORD)),
        scenario!(the_right_password_lets_the_client_in, md5, Auth::Md5(PASSWORD)),
        scenario!(a_wrong_password_is_refused_in_the_servers_words, scram, SCRAM).and_hyperd(),
        scenario!(a_wrong_password_is_refused_in_the_servers_words, clear_text, Auth::Cleartext(PASSWORD)),
        scenario!(a_wrong_password_is_refused_in_the_servers_words, md5, Auth::Md5(PASSWORD)),
        scenario!(a_server_that_does_not_know_the_password_is_not_trusted),
        scenario!(the_client_computes_no_more_iterations_than_its_limit, at_the_limit, 4096),
        scenario!(the_client_computes_no_more_iterations_than_its_limit, above_the_limit, 4095),
        scenario!(
            a_weak_password_exchange_is_refused_unless_allowed,
            clear_text,
            clear_text,
            AuthenticationError::CleartextNotAllowed
        ),
        scenario!(
            a_weak_password_exchange_is_refused_unless_allowed,
            md5,
            md5,
            AuthenticationError::Md5NotAllowed
        ),
        scenario!(a_missing_password_is_the_callers_fault),
        scenario!(a_database_that_is_missing_is_refused).and_hyperd(),
    ]
}

fn a_server_that_trusts_lets_the_client_in(stage: &Stage<'_>) {
    let server = stage.serve(serve_proof);

    let mut client = server.connect();

    assert_eq!(client.setting("result_format_code"), Some("HyperBinary"));
    assert!(client.setting("hyper_version").is_some_and(|version| version.contains("0.0.")));
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_start_up_may_come_byte_by_byte(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.read_startup()?;
        session.send_byte_by_byte(b"R\0\0\0\x08\0\0\0\0S\0\0\0\x23result_format_code\0HyperBinary\0")?;
        session.send_byte_by_byte(b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x02Z\0\0\0\x05I")?;
        serve_proof(session)
    });

    let mut client = server.connect();

    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn the_right_password_lets_the_client_in(stage: &Stage<'_>, auth: Auth<'static>) {
    let server = stage.script_asking_for(Some(PASSWORD), move |session| {
        session.accept_startup(auth)?;
        serve_proof(session)
    });
    let mut config = server.config().password(PASSWORD);
    config.session.weak_passwords.cleartext = true;
    config.session.weak_passwords.md5 = true;

    let mut client = server.connect_with(config).expect("the password is right");

    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_wrong_password_is_refused_in_the_servers_words(stage: &Stage<'_>, auth: Auth<'static>) {
    let server = stage.script_asking_for(Some(PASSWORD), move |session| match session.accept_startup(auth) {
        Err(Failure::WrongPassword) => Ok(()),
        outcome => Err(format!("the password is wrong, but: {outcome:?}").into()),
    });
    let mut config = server.config().password("wrong");
    config.session.weak_passwords.cleartext = true;
    config.session.weak_passwords.md5 = true;

    let error = server.refusal(config);

    assert!(matches!(error, Error::Session { fault: Fault::Refused(_), .. }), "{error:?}");
    assert_eq!(error.code().map(|code| code.to_string()).as_deref(), Some("42501"));
    assert!(!format!("{error:?} {error}").contains("wrong"), "no password in an error: {error:?}");
    server.finish();
}

fn a_server_that_does_not_know_the_password_is_not_trusted(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.read_startup()?;
        session.abuse_scram(&Scram::new(PASSWORD), ScramAbuse::WrongSignature)?;
        session.expect_client_to_give_up()
    });

    let outcome = server.connect_with(server.config().password(PASSWORD));

    assert!(matches!(fault_of(outcome), Fault::Violation(Violation::Scram(_))));
    server.finish();
}

fn the_client_computes_no_more_iterations_than_its_limit(stage: &Stage<'_>, limit: u32) {
    let allowed = limit >= 4096;
    let server = stage.script(move |session| match session.accept_startup(SCRAM) {
        Ok(_) if allowed => Ok(()),
        Err(Failure::Closed { held: 0, .. }) if !allowed => Ok(()),
        outcome => Err(format!("allowed: {allowed}, but: {outcome:?}").into()),
    });
    let mut config = server.config().password(PASSWORD);
    config.session.limits.scram_iterations = limit;

    match server.connect_with(config) {
        Ok(_) => assert!(allowed),
        Err(Error::Session { fault: Fault::Limit(exceeded), .. }) if !allowed => {
            let found = (exceeded.what, exceeded.found, exceeded.limit);
            assert_eq!(found, (LimitKind::ScramIterations, 4096, 4095));
        }
        Err(error) => panic!("allowed: {allowed}, but: {error:?}"),
    }
    server.finish();
}

fn a_weak_password_exchange_is_refused_unless_allowed(
    stage: &Stage<'_>,
    asked: Authentication<'static>,
    expected: AuthenticationError,
) {
    let server = stage.script(move |session| {
        session.read_startup()?;
        session.send_authentication(asked)?;
        // Nothing of the password may have been sent.
        session.expect_eof()
    });

    let outcome = server.connect_with(server.config().password(PASSWORD));

    assert_eq!(fault_of(outcome), Fault::Authentication(expected));
    server.finish();
}

fn a_missing_password_is_the_callers_fault(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.read_startup()?;
        session.send_authentication(Authentication::Sasl { mechanisms: b"SCRAM-SHA-256\0\0" })?;
        session.expect_eof()
    });

    let error = server.refusal(server.config());

    assert_eq!(error.blame(), Blame::Caller);
    assert_eq!(fault_of::<()>(Err(error)), Fault::Authentication(AuthenticationError::NoPassword));
    server.finish();
}

fn a_database_that_is_missing_is_refused(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.read_startup()?;
        session.send_authentication(Authentication::Ok)?;
        session.send_error("3D000", "the database does not exist")?;
        session.half_close()?;
        session.expect_client_to_give_up()
    });

    let error = server.refusal(server.config().database("/there/is/no/such.hyper"));

    assert!(matches!(error, Error::Session { fault: Fault::Refused(_), .. }), "{error:?}");
    assert_eq!(error.blame(), Blame::Server);
    server.finish();
}
