//! The client of this repository for loops of one's own: one connection in one poll.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use hyperwire_mio::hyperwire_core::row::{DecodeError, Row, Type};
use hyperwire_mio::hyperwire_core::session::RequestId;
use hyperwire_mio::{Connection, Event, Statement};
use mio::{Events, Poll, Token};

use super::hyperwire::{add_mixed, add_narrow, config};
use super::{Client, Target};
use crate::measure::{Laps, resident_kib};
use crate::table::Checksum;

pub(super) struct HyperwireMio {
    poll: Poll,
    events: Events,
    connection: Connection,
}

impl Client for HyperwireMio {
    fn connect(target: &Target) -> Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(16));
        let connection = Connection::connect(config(target)?, poll.registry(), Token(0))?;
        let mut client = Self { poll, events, connection };
        while !matches!(client.next()?, Event::Ready) {}
        Ok(client)
    }

    fn scan_narrow(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        let id = self.connection.query(sql)?;
        self.finish(id, |row| add_narrow(&row, sum))
    }

    fn scan_mixed(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        let id = self.connection.query(sql)?;
        self.finish(id, |row| add_mixed(&row, sum))
    }

    fn select_one(&mut self, sql: &str, laps: &mut Laps, sum: &mut Checksum) -> Result<()> {
        laps.run(|_| {
            let id = self.connection.query(sql)?;
            self.finish(id, |row| {
                sum.add(0, Some(row.get::<i32>(0)?));
                sum.end_row();
                Ok(())
            })
        })
    }

    fn point_query(
        &mut self,
        sql: &str,
        key: fn(u32) -> i32,
        laps: &mut Laps,
        sum: &mut Checksum,
    ) -> Result<()> {
        self.connection.prepare(sql, &[Type::Integer])?;
        let statement = self.prepared()?;
        laps.run(|number| {
            let id = self.connection.query_prepared(&statement, &[&key(number)])?;
            self.finish(id, |row| {
                sum.add(0, Some(row.get::<f64>(0)?));
                sum.end_row();
                Ok(())
            })
        })
    }
}

impl HyperwireMio {
    fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.connection.poll_event()? {
                return Ok(event);
            }
            let now = Instant::now();
            let wait = self.connection.deadline().map(|at| at.saturating_duration_since(now));
            self.poll.poll(&mut self.events, wait)?;
            self.events.iter().for_each(|event| self.connection.on_ready(event));
            self.connection.on_timeout(Instant::now());
        }
    }

    /// Reads all rows of a request, to its end.
    fn finish(
        &mut self,
        id: RequestId,
        mut each: impl FnMut(Row<'_>) -> Result<(), DecodeError>,
    ) -> Result<()> {
        self.connection.demand(id, u64::MAX);
        loop {
            match self.next()? {
                Event::Row(_) => self.connection.for_each_row(&mut each)?,
                Event::Failed { error, .. } => bail!(error),
                Event::Finished { .. } => return Ok(()),
                _ => {}
            }
        }
    }

    fn prepared(&mut self) -> Result<Statement> {
        let mut prepared = None;
        loop {
            match self.next()? {
                Event::Prepared { statement, .. } => prepared = Some(statement),
                Event::Failed { error, .. } => bail!(error),
                Event::Finished { .. } => return prepared.context("no statement was prepared"),
                _ => {}
            }
        }
    }
}

/// Opens so many sessions in one poll; the memory of the process before and with them. Each takes its turn alone: the
/// others are silent, and what they would say stays in their sockets.
pub(crate) fn hold(target: &Target, sessions: u32) -> Result<(u64, u64)> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(16));
    let mut connections = Vec::with_capacity(sessions as usize);
    let before = resident_kib()?;
    for number in 0..sessions as usize {
        let token = Token(number * Connection::TOKENS);
        let connection = Connection::connect(config(target)?, poll.registry(), token)?;
        let mut client = HyperwireMio { poll, events, connection };
        let id = client.connection.query("SELECT 1")?;
        client.finish(id, |_| Ok(()))?;
        (poll, events) = (client.poll, client.events);
        connections.push(client.connection);
    }
    let after = resident_kib()?;
    drop(connections);
    Ok((before, after))
}
