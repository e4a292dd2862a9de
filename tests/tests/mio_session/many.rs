//! Many connections in one poll and one thread.

use std::time::{Duration, Instant};

use hyperwire_mio::hyperwire_core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_mio::{Connection, Event};
use hyperwire_tests::scripted::{Failure, Latch, Listen};
use mio::{Events, Poll, Token};
use rstest::rstest;

use crate::{LONG, answer, config, serve, texts, value};

const SESSIONS: usize = 50;

/// What a program with many connections does: each event goes to its own.
struct Many {
    poll: Poll,
    connections: Vec<Connection>,
}

impl Many {
    fn wait(&mut self, events: &mut Events) {
        let deadline = self.connections.iter().filter_map(Connection::deadline).min();
        let wait = deadline.map_or(LONG, |at| at.saturating_duration_since(Instant::now()));
        self.poll.poll(events, Some(wait.min(LONG))).expect("the poll waits");
        for event in events.iter() {
            self.connections[event.token().0 / Connection::TOKENS].on_ready(event);
        }
        let now = Instant::now();
        let due = |connection: &&mut Connection| connection.deadline().is_some_and(|at| at <= now);
        self.connections.iter_mut().filter(due).for_each(|connection| connection.on_timeout(now));
    }
}

#[rstest]
fn fifty_sessions_run_at_once_and_none_gets_the_answer_of_another(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    // Every statement is there before the first is answered.
    let asked: Vec<Latch> = (0..SESSIONS).map(|_| Latch::new("a session has asked")).collect();
    let server = serve(listen(), {
        let asked = asked.clone();
        move |session| {
            let received = session.expect_named("Query")?;
            let sql = format!("{received:?}");
            let number = sql.chars().filter(char::is_ascii_digit).collect::<String>();
            asked[session.number()].release();
            for latch in &asked {
                session.stall(latch)?;
            }
            session.send_rows(&texts(&[&number, &number]))?;
            session.ready(TransactionStatus::Idle)?;
            session.expect(&FrontendMessage::Terminate)
        }
    });
    let poll = Poll::new().unwrap();
    let connect = |number: usize| {
        let token = Token(number * Connection::TOKENS);
        let mut connection = Connection::connect(config(&server), poll.registry(), token).unwrap();
        let id = connection.query(&format!("select {number}")).unwrap();
        connection.demand(id, u64::MAX);
        connection
    };
    let connections = (0..SESSIONS).map(connect).collect();
    let (mut many, mut events) = (Many { poll, connections }, Events::with_capacity(16));
    let mut values = vec![Vec::new(); SESSIONS];
    let mut finished = 0;

    let bound = Instant::now() + LONG;
    while finished < SESSIONS {
        assert!(Instant::now() < bound, "{finished} of {SESSIONS} are finished");
        for (connection, values) in many.connections.iter_mut().zip(&mut values) {
            while let Some(event) = connection.poll_event().expect("it lives") {
                match event {
                    Event::Row(_) => values.push(value::<&str>(connection).to_owned()),
                    Event::Finished { .. } => finished += 1,
                    _ => {}
                }
            }
        }
        // When all are idle, there is nothing to wait for.
        if finished < SESSIONS {
            many.wait(&mut events);
        }
    }

    for (number, values) in values.iter().enumerate() {
        assert_eq!(*values, [number.to_string(), number.to_string()]);
    }
    drop(many);
    server.finish().unwrap();
}

/// A server that never pauses would keep the embedder in its events for ever, if there were no turns.
#[test]
fn a_session_that_is_flooded_leaves_others_their_turn() {
    let (on, over) = (Latch::new("the flood is on"), Latch::new("the other session was served"));
    let server = serve(Listen::tcp(), {
        let over = over.clone();
        move |session| {
            let received = session.expect_named("Query")?;
            if format!("{received:?}").contains("quiet") {
                session.stall(&on)?;
                session.send_rows(&texts(&["served"]))?;
                session.ready(TransactionStatus::Idle)?;
                return session.expect(&FrontendMessage::Terminate);
            }
            session.send_bytes(texts(&[]).description())?;
            let start = Instant::now();
            for sent in 0.. {
                if over.is_released() {
                    break;
                }
                // More than all buffers between them: the client reads.
                if sent == 200 {
                    on.release();
                }
                if start.elapsed() > LONG {
                    return Err("the other session is not served".into());
                }
                // Small rows take longer to be looked at than to be sent: it never runs dry.
                match session.send_row_repeatedly(&[Some(b"x")], 10_000) {
                    // The test is over, and the client gone.
                    Err(Failure::Io { .. }) if over.is_released() => break,
                    sent => sent?,
                }
            }
            session.close();
            Ok(())
        }
    });
    let poll = Poll::new().unwrap();
    let connect = |number: usize, sql: &str| {
        let token = Token(number * Connection::TOKENS);
        let mut connection = Connection::connect(config(&server), poll.registry(), token).unwrap();
        let id = connection.query(sql).unwrap();
        connection.demand(id, u64::MAX);
        connection
    };
    let connections = vec![connect(0, "select the flood"), connect(1, "select the quiet one")];
    let (mut many, mut events) = (Many { poll, connections }, Events::with_capacity(16));

    let (mut floods, mut served) = (0_u64, false);
    let bound = Instant::now() + LONG;
    while !served {
        assert!(Instant::now() < bound, "not served, behind {floods} rows of the flood");
        let before = floods;
        while let Some(event) = many.connections[0].poll_event().expect("it floods") {
            floods += u64::from(matches!(event, Event::Row(_)));
        }
        // A turn is 16 reads of at most 256 KiB, and a row has 12 bytes.
        assert!(floods - before <= (16 * (256 << 10)) / 12 + 1, "{} rows in one turn", floods - before);
        while let Some(event) = many.connections[1].poll_event().expect("it lives") {
            served |= matches!(event, Event::Finished { .. });
        }
        many.wait(&mut events);
    }

    over.release();
    drop(many);
    server.finish().unwrap();
}

/// Of 50 connections that nobody answers, each is given up at its own deadline, in time.
#[test]
fn stalled_peers_do_not_hold_up_one_another() {
    let server = Listen::tcp().serve(|session| {
        session.read_startup()?;
        if session.number() % 2 == 0 {
            return session.expect_client_to_give_up();
        }
        session.close();
        Ok(())
    });
    let poll = Poll::new().unwrap();
    let connect = |number: usize| {
        let mut config = config(&server);
        config.connect_timeout = Duration::from_millis(200 + number as u64);
        Connection::connect(config, poll.registry(), Token(number * Connection::TOKENS)).unwrap()
    };
    let connections: Vec<_> = (0..SESSIONS).map(connect).collect();
    let (mut many, mut events) = (Many { poll, connections }, Events::with_capacity(16));

    let bound = Instant::now() + LONG;
    let mut lost = 0;
    while !many.connections.is_empty() {
        assert!(Instant::now() < bound, "{lost} of {SESSIONS} are given up");
        let mut given_up = 0;
        for connection in many.connections.iter_mut().filter(|connection| !connection.is_closed()) {
            match connection.poll_event() {
                Ok(event) => assert!(event.is_none(), "{event:?}"),
                Err(_) => given_up += 1,
            }
        }
        lost += given_up;
        if lost == SESSIONS {
            break;
        }
        many.wait(&mut events);
    }

    assert_eq!(lost, SESSIONS);
    drop(many);
    server.finish().unwrap();
}

#[test]
fn events_of_others_are_nothing_to_a_connection() {
    let server = serve(Listen::tcp(), |session| {
        answer(session, "select 1", &["1"])?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut poll = Poll::new().unwrap();
    let mut connections: Vec<_> = (0..2)
        .map(|number| {
            let token = Token(number * Connection::TOKENS);
            Connection::connect(config(&server), poll.registry(), token).unwrap()
        })
        .collect();
    let mut events = Events::with_capacity(16);
    let mut finished = 0;
    for connection in &mut connections {
        let id = connection.query("select 1").unwrap();
        connection.demand(id, u64::MAX);
    }

    let bound = Instant::now() + LONG;
    while finished < 2 {
        assert!(Instant::now() < bound);
        for connection in &mut connections {
            while let Some(event) = connection.poll_event().unwrap() {
                finished += usize::from(matches!(event, Event::Finished { .. }));
            }
        }
        poll.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
        // Everybody is told everything.
        for connection in &mut connections {
            events.iter().for_each(|event| connection.on_ready(event));
            connection.on_timeout(Instant::now());
        }
    }

    drop(connections);
    server.finish().unwrap();
}
