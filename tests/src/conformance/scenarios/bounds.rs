//! Every wait ends: by a deadline, or because the server is given up.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hyperwire_blocking::{Config, Error};
use hyperwire_core::session::{Fault, StatementError, Timer};
use hyperwire_core::wire::{BackendMessage, FrontendMessage, Report, TransactionStatus};
use socket2::{Domain, Socket, Type};

use super::scenario;
use crate::conformance::peer::{CROSS_JOIN, LONG, SHORT, fault_of, serve_proof, texts};
use crate::conformance::{Scenario, SocketKind, Stage};
use crate::scripted::{Failure, Session};
use crate::virtual_time::Stopwatch;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!(a_statement_whose_time_is_up_is_canceled_and_the_session_goes_on).and_hyperd(),
        scenario!(a_statement_that_is_faster_than_its_cancel_is_done),
        scenario!(a_server_that_ignores_a_cancel_is_given_up),
        scenario!(a_server_that_never_pauses_has_to_keep_to_deadlines, of_a_statement, Some(SHORT)),
        scenario!(a_server_that_never_pauses_has_to_keep_to_deadlines, of_a_dropped_result, None),
        // Others connect at once or not at all.
        scenario!(a_host_that_does_not_answer_is_given_up_at_the_connect_deadline).only_on(SocketKind::Tcp),
        scenario!(a_server_that_says_nothing_is_given_up_at_the_connect_deadline),
        scenario!(a_server_that_says_too_much_is_given_up_at_the_connect_deadline),
        scenario!(a_server_that_does_not_answer_a_ping_is_given_up_and_nothing_is_canceled),
        scenario!(timeouts_without_end_are_taken_as_such).and_hyperd(),
        scenario!(a_server_that_talks_to_a_goodbye_without_end_is_left),
    ]
}

fn a_statement_whose_time_is_up_is_canceled_and_the_session_goes_on(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query(CROSS_JOIN)?;
        session.pulse()?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();
    client.set_statement_timeout(Some(SHORT));
    let start = Stopwatch::start();

    let outcome = client.execute(CROSS_JOIN);

    assert!(matches!(outcome, Err(Error::Statement(StatementError::DeadlineExceeded))), "{outcome:?}");
    assert!(start.elapsed() >= SHORT, "after {:?}", start.elapsed());
    client.set_statement_timeout(None);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_statement_that_is_faster_than_its_cancel_is_done(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query("insert")?;
        session.expect_cancel()?;
        session.complete("INSERT 0 1")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();
    client.set_statement_timeout(Some(SHORT));

    let outcome = client.execute("insert");

    assert_eq!(outcome.expect("it did happen"), 1);
    client.set_statement_timeout(None);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_server_that_ignores_a_cancel_is_given_up(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query("select forever")?;
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut client = server.connect_with(server.impatient()).expect("trusted");
    client.set_statement_timeout(Some(SHORT));
    let start = Stopwatch::start();

    let fault = fault_of(client.execute("select forever"));

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    assert!(start.elapsed() >= 2 * SHORT, "after {:?}", start.elapsed());
    server.finish();
    assert_eq!(fault_of(client.execute("select 1")), fault);
}

/// A client that only looks at the clock when nothing comes would never look.
fn a_server_that_never_pauses_has_to_keep_to_deadlines(stage: &Stage<'_>, timeout: Option<Duration>) {
    let server = stage.serve(|session| {
        session.expect_query("select forever")?;
        session.send_bytes(texts(&[]).description())?;
        flood(|| session.send_row_repeatedly(&[Some(b"more")], 10_000))
    });
    let mut client = server.connect_with(server.impatient()).expect("trusted");
    client.set_statement_timeout(timeout);

    let outcome = match timeout {
        Some(_) => client.execute("select forever"),
        None => client.drop_after("select forever", 0).and_then(|()| client.execute("select 1")),
    };

    assert_eq!(fault_of(outcome), Fault::Deadline(Timer::CancelGrace));
    server.finish();
}

/// Its backlog is full and it accepts nothing: the system drops what comes to it.
fn a_host_that_does_not_answer_is_given_up_at_the_connect_deadline(stage: &Stage<'_>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    listener.listen(0).expect("bound");
    let address = listener.local_addr().expect("bound").as_socket().expect("TCP");
    let mut taken = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT) {
        taken.push(stream);
        assert!(taken.len() < 10, "a backlog of 0 takes a connection or two");
    }
    let mut config = Config::new(format!("tab.tcp://{address}").parse().expect("an endpoint"), "adm");
    config.connect_timeout = SHORT;
    let start = Stopwatch::start();

    let Err(error) = stage.runtime.connect(config) else { panic!("nobody answers") };

    assert!(
        matches!(&error, Error::Connect { source, .. } if source.kind() == ErrorKind::TimedOut),
        "{error:?}"
    );
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG, "after {:?}", start.elapsed());
}

fn a_server_that_says_nothing_is_given_up_at_the_connect_deadline(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.read_startup()?;
        session.expect_client_to_give_up()
    });
    let mut config = server.config();
    config.connect_timeout = SHORT;
    let start = Stopwatch::start();

    let fault = fault_of(server.connect_with(config));

    assert_eq!(fault, Fault::Deadline(Timer::Startup));
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG, "after {:?}", start.elapsed());
    server.finish();
}

fn a_server_that_says_too_much_is_given_up_at_the_connect_deadline(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.read_startup()?;
        flood_with_notices(session)
    });
    let mut config = server.config();
    config.connect_timeout = SHORT;
    // Otherwise the limit of all that comes before the login is reached first.
    config.session.limits.startup_length = u32::MAX;

    let fault = fault_of(server.connect_with(config));

    assert_eq!(fault, Fault::Deadline(Timer::Startup));
    server.finish();
}

fn a_server_that_does_not_answer_a_ping_is_given_up_and_nothing_is_canceled(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect(&FrontendMessage::Sync)?;
        session.expect_client_to_give_up()
    });
    let mut client = server.connect();

    let fault = fault_of(client.ping(SHORT));

    assert_eq!(fault, Fault::Deadline(Timer::Sync));
    server.expect_no_cancel();
    server.finish();
}

fn timeouts_without_end_are_taken_as_such(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect(&FrontendMessage::Sync)?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut config = server.config();
    config.connect_timeout = Duration::MAX;
    config.session.startup_timeout = Duration::MAX;

    let mut client = server.connect_with(config).expect("trusted");
    client.set_statement_timeout(Some(Duration::MAX));
    client.ping(Duration::MAX).expect("answered");

    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_server_that_talks_to_a_goodbye_without_end_is_left(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect(&FrontendMessage::Terminate)?;
        flood_with_notices(session)
    });

    let outcome = server.connect().close();

    outcome.expect("it has no database to let go of");
    server.finish();
}

fn flood_with_notices(session: &mut Session) -> Result<(), Failure> {
    let (mut body, mut notice) = (Vec::new(), Vec::new());
    Report::write_fields([(b'C', "01000"), (b'M', "and another thing")], &mut body);
    let report = Report::from_body(&body).map_err(|violation| violation.to_string())?;
    BackendMessage::NoticeResponse(report).encode(&mut notice);
    let notices = notice.repeat(100);
    flood(|| session.send_bytes(&notices))
}

/// Sends until the client closes the connection, which it has to do before the test's patience ends.
fn flood(mut send: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    let start = Stopwatch::start();
    while start.elapsed() < LONG {
        match send() {
            Ok(()) => {}
            Err(Failure::Io { .. }) => return Ok(()),
            Err(failure) => return Err(failure),
        }
    }
    Err("the client takes whatever comes".into())
}
