//! A hundred sessions with one hyperd in one thread: each reads a hundred thousand rows, all of them at once.
//!
//! ```sh
//! cargo run --release -p hyperwire-mio --example hundred_sessions
//! ```

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Instant;

use hyperwire_blocking::hyperd::{Environment, Hyperd, Settings, locate_or_install};
use hyperwire_mio::{Config, Connection, Error, Event};
use mio::{Events, Poll, Token};

const SESSIONS: usize = 100;
const ROWS: u64 = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let found = locate_or_install(&Environment::of_this_process(), &mut |_| ControlFlow::Continue(()))?;
    let hyperd = Hyperd::start(&Settings::new(found.path))?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(256));
    let start = Instant::now();

    // Token n belongs to connection n / Connection::TOKENS.
    let config = Config::new(hyperd.endpoint().clone(), "tableau_internal_user");
    let mut connections = Vec::new();
    for number in 0..SESSIONS {
        let token = Token(number * Connection::TOKENS);
        let mut connection = Connection::connect(config.clone(), poll.registry(), token)?;
        let sql = format!("SELECT i, i * {number} FROM generate_series(1, {ROWS}) s(i)");
        let request = connection.query(&sql)?;
        connection.demand(request, u64::MAX);
        connections.push(connection);
    }

    let mut rows = vec![0_u64; SESSIONS];
    let mut due: Vec<usize> = (0..SESSIONS).collect();
    let mut open = SESSIONS;
    loop {
        for number in due.drain(..) {
            open -= usize::from(take_events(&mut connections[number], &mut rows[number])?);
        }
        if open == 0 {
            break;
        }
        let deadline = connections.iter().filter_map(Connection::deadline).min();
        poll.poll(&mut events, deadline.map(|at| at.saturating_duration_since(Instant::now())))?;
        for event in &events {
            let number = event.token().0 / Connection::TOKENS;
            connections[number].on_ready(event);
            due.push(number);
        }
        let now = Instant::now();
        for (number, connection) in connections.iter_mut().enumerate() {
            if connection.deadline().is_some_and(|at| at <= now) {
                connection.on_timeout(now);
                due.push(number);
            }
        }
    }

    assert!(rows.iter().all(|rows| *rows == ROWS), "every session got its own rows: {rows:?}");
    let total = SESSIONS as u64 * ROWS;
    writeln!(std::io::stdout(), "{SESSIONS} sessions, {total} rows, one thread: {:?}", start.elapsed())?;
    Ok(())
}

/// Takes out what there is; whether the connection has closed because of it.
fn take_events(connection: &mut Connection, rows: &mut u64) -> Result<bool, Error> {
    while let Some(event) = connection.poll_event()? {
        match event {
            Event::Row(_) => connection.for_each_row(|row| {
                row.get::<i32>(0)?;
                *rows += 1;
                Ok::<_, Error>(())
            })?,
            Event::Failed { error, .. } => return Err(error.into()),
            Event::Finished { .. } => connection.close(),
            Event::Closed => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}
