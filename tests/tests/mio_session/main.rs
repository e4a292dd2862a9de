//! Sessions and elections on mio: against a server that does what a script says, against the real hyperd, and many at
//! once. One loop, one thread, and nothing that waits but the poll.

mod bounds;
mod cancelling;
#[cfg(target_os = "linux")]
mod election;
mod encryption;
mod ending;
mod flow;
mod many;
mod prepared;
#[cfg(target_os = "linux")]
mod real_hyperd;
mod results;

use std::time::{Duration, Instant};

use hyperwire_mio::hyperwire_core::row::FromValue;
use hyperwire_mio::hyperwire_core::session::{Fault, RequestId, StatementError};
use hyperwire_mio::{Config, Connection, Error, Event, Wants};
use hyperwire_tests::script::{LONG, SHORT, answer, config, heed_cancel, serve, serve_proof, texts};
use hyperwire_tests::scripted::Server;
use mio::{Events, Poll, Token};

/// An embedder with one connection at a time.
struct Loop {
    poll: Poll,
    events: Events,
    /// How often it has waited.
    waits: usize,
}

/// What came of a request.
#[derive(Debug, Default)]
struct Outcome {
    /// The first column of every row.
    values: Vec<String>,
    tag: Option<String>,
    error: Option<StatementError>,
    notices: usize,
}

impl Loop {
    fn new() -> Self {
        Self { poll: Poll::new().expect("a poll"), events: Events::with_capacity(64), waits: 0 }
    }

    /// Begins to connect.
    fn connect(&self, server: &Server, change: impl FnOnce(&mut Config)) -> Connection {
        let mut config = config(server);
        change(&mut config);
        Connection::connect(config, self.poll.registry(), Token(0)).expect("it can begin")
    }

    /// A connection to a server that lets everybody in.
    fn connected(&mut self, server: &Server) -> Connection {
        self.connected_with(server, |_| {})
    }

    fn connected_with(&mut self, server: &Server, change: impl FnOnce(&mut Config)) -> Connection {
        let mut connection = self.connect(server, change);
        let first = self.next(&mut connection).expect("the server lets everybody in");
        assert!(matches!(first, Event::Ready), "{first:?}");
        connection
    }

    /// Waits once, for at most so long, as an embedder would.
    fn wait(&mut self, connection: &mut Connection, at_most: Duration) {
        let due = connection.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        let wait = due.map_or(at_most, |due| due.min(at_most));
        self.poll.poll(&mut self.events, Some(wait)).expect("the poll waits");
        self.events.iter().for_each(|event| connection.on_ready(event));
        connection.on_timeout(Instant::now());
        self.waits += 1;
    }

    /// Waits for the next event.
    fn next(&mut self, connection: &mut Connection) -> Result<Event, Error> {
        let bound = Instant::now() + LONG;
        loop {
            if let Some(event) = connection.poll_event()? {
                return Ok(event);
            }
            let left = bound.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing happened: {connection:?}");
            self.wait(connection, left);
        }
    }

    /// Takes every event that comes for so long; there must be none.
    fn expect_silence(&mut self, connection: &mut Connection, duration: Duration) {
        let bound = Instant::now() + duration;
        while Instant::now() < bound {
            let event = connection.poll_event().expect("the connection lives");
            assert!(event.is_none(), "{event:?}");
            self.wait(connection, bound.saturating_duration_since(Instant::now()));
        }
    }

    /// Asks for all rows of a request and takes its events to its end.
    fn finish(&mut self, connection: &mut Connection, id: RequestId) -> Result<Outcome, Error> {
        connection.demand(id, u64::MAX);
        let mut outcome = Outcome::default();
        loop {
            match self.next(connection)? {
                Event::Row(of) if of == id => outcome.values.push(value::<&str>(connection).to_owned()),
                Event::Complete { id: of, tag } if of == id => outcome.tag = Some(tag.to_string()),
                Event::Failed { id: of, error } if of == id => outcome.error = Some(error),
                Event::Finished { id: of, .. } if of == id => return Ok(outcome),
                Event::Notice(_) => outcome.notices += 1,
                Event::Columns { .. } | Event::Pulse => {}
                other => panic!("an event that nobody asked for: {other:?}"),
            }
        }
    }

    /// Runs another statement.
    fn shows_that_it_is_usable(&mut self, connection: &mut Connection) {
        let id = connection.query("select 'usable'").expect("the session goes on");
        let outcome = self.finish(connection, id).expect("the session goes on");
        assert_eq!(outcome.values, ["usable"], "{outcome:?}");
    }

    /// Takes events until the connection is lost, which it must be.
    fn fault(&mut self, connection: &mut Connection) -> Fault {
        loop {
            match self.next(connection) {
                Ok(event) => assert!(!matches!(event, Event::Finished { .. }), "it goes on: {event:?}"),
                Err(Error::Session { fault, .. }) => return fault,
                Err(error) => panic!("the session should be lost, but: {error:?}"),
            }
        }
    }

    fn close(&mut self, mut connection: Connection) {
        connection.close();
        loop {
            match self.next(&mut connection).expect("it closes in good order") {
                Event::Closed => break,
                Event::Finished { .. } | Event::Complete { .. } | Event::Failed { .. } => {}
                other => panic!("an event that nobody asked for: {other:?}"),
            }
        }
        assert!(connection.is_closed());
        assert_eq!((connection.wants(), connection.deadline()), (Wants::Nothing, None));
        assert!(matches!(connection.poll_event(), Ok(None)), "and there is nothing more to tell");
    }
}

/// The first value of the row that the last event announced.
fn value<'c, T: FromValue<'c>>(connection: &'c Connection) -> T {
    connection.row().expect("it was announced").get(0).expect("of that type")
}
