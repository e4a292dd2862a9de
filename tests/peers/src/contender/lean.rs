//! A bare socket: HyperBinary rows by simple query, decoded where they were read. A bound, not a product:
//! it trusts the server, takes column types for granted, and indexes without looking.
//!
//! The parent uses it too, for the few statements that create the tables.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::{Client, Target, USER};
use crate::measure::Laps;
use crate::table::Checksum;

/// HyperBinary counts days and microseconds from Julian day 0; the checksum from 2000-01-01.
const EPOCH_DAYS: i32 = 2_451_545;
const EPOCH_MICROSECONDS: i64 = 211_813_488_000_000_000;

/// The length of the read buffer; it grows only for a single longer message.
const BUFFER_BYTES: usize = 256 * 1024;

/// Far more than any statement of the bench takes.
const SILENCE: Duration = Duration::from_secs(120);

pub(crate) struct Lean {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// The bytes of the buffer that were read but not looked at.
    unread: Range<usize>,
    /// What hyperd says its build is.
    hyper_version: String,
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

impl Client for Lean {
    fn connect(target: &Target) -> Result<Self> {
        let database = target.database.to_str().context("a database path that is not UTF-8")?;
        Self::open(&target.endpoint, Some(database))
    }

    fn scan_narrow(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        self.query(sql)?;
        self.rows(|mut fields| {
            sum.add(0, fields.fixed().map(i32::from_le_bytes));
            sum.add(1, fields.fixed().map(i32::from_le_bytes));
            sum.add(2, fields.fixed().map(f64::from_le_bytes));
            sum.add(3, fields.fixed().map(i64::from_le_bytes));
            sum.end_row();
        })
    }

    fn scan_mixed(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        self.query(sql)?;
        self.rows(|mut fields| {
            sum.add(0, fields.fixed().map(i32::from_le_bytes));
            sum.add(1, fields.fixed().map(i64::from_le_bytes));
            sum.add(2, fields.fixed().map(f64::from_le_bytes));
            sum.add(3, fields.fixed().map(i64::from_le_bytes));
            sum.add(4, fields.bytes().map(|text| str::from_utf8(text).unwrap()));
            sum.add(5, fields.fixed().map(|date| i32::from_le_bytes(date) - EPOCH_DAYS));
            sum.add(6, fields.fixed().map(|timestamp| i64::from_le_bytes(timestamp) - EPOCH_MICROSECONDS));
            sum.add(7, fields.fixed().map(|[flag]: [u8; 1]| flag != 0));
            sum.end_row();
        })
    }

    fn select_one(&mut self, sql: &str, laps: &mut Laps, sum: &mut Checksum) -> Result<()> {
        laps.run(|_| {
            self.query(sql)?;
            self.rows(|mut fields| {
                sum.add(0, fields.fixed().map(i32::from_le_bytes));
                sum.end_row();
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
        let parse = [b"point\0", sql.as_bytes(), b"\0", &[0, 1], &23_i32.to_be_bytes()].concat();
        self.stream.write_all(&[message(b'P', &parse), message(b'S', &[])].concat())?;
        self.rows(|_| {})?;
        // The unnamed portal, one parameter in format 2, results in format 2 (HyperBinary).
        let bind_head = b"\0point\0\0\x01\0\x02\0\x01\0\0\0\x04";
        let execute = [message(b'E', b"\0\0\0\0\0"), message(b'S', &[])].concat();
        laps.run(|number| {
            let bind = message(b'B', &[bind_head, &key(number).to_le_bytes()[..], b"\0\x01\0\x02"].concat());
            self.stream.write_all(&[&bind[..], &execute].concat())?;
            self.rows(|mut fields| {
                sum.add(0, fields.fixed().map(f64::from_le_bytes));
                sum.end_row();
            })
        })
    }
}

impl Lean {
    /// Connects with HyperBinary results; without a database where none exists yet.
    pub(crate) fn open(endpoint: &str, database: Option<&str>) -> Result<Self> {
        let stream: Box<dyn Stream> = if endpoint.starts_with('/') {
            let stream = UnixStream::connect(endpoint)?;
            stream.set_read_timeout(Some(SILENCE))?;
            Box::new(stream)
        } else {
            let stream = TcpStream::connect(endpoint)?;
            stream.set_read_timeout(Some(SILENCE))?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        };
        let mut lean =
            Self { stream, buffer: vec![0; BUFFER_BYTES], unread: 0..0, hyper_version: String::new() };
        lean.start_up(database)?;
        Ok(lean)
    }

    /// Carries out a statement that returns nothing of interest.
    pub(crate) fn execute(&mut self, sql: &str) -> Result<()> {
        self.query(sql)?;
        self.rows(|_| {}).with_context(|| format!("hyperd refused: {sql}"))
    }

    pub(crate) fn hyper_version(&self) -> &str {
        &self.hyper_version
    }

    fn start_up(&mut self, database: Option<&str>) -> Result<()> {
        let mut parameters = vec!["user", USER, "options", "-c result_format_code=HyperBinary"];
        parameters.extend(database.into_iter().flat_map(|database| ["database", database]));
        let mut start_up = 196_608_u32.to_be_bytes().to_vec();
        for word in parameters {
            start_up.extend(word.as_bytes());
            start_up.push(0);
        }
        start_up.push(0);
        // The first message has no type byte.
        self.stream.write_all(&message(0, &start_up)[1..])?;
        self.rows(|_| {}).context("hyperd refused the connection")
    }

    fn query(&mut self, sql: &str) -> Result<()> {
        Ok(self.stream.write_all(&message(b'Q', &[sql.as_bytes(), b"\0"].concat()))?)
    }

    /// Hands over every DataRow up to ReadyForQuery.
    fn rows(&mut self, mut each: impl FnMut(Fields<'_>)) -> Result<()> {
        let mut error = None;
        loop {
            let (kind, body) = self.next_message()?;
            let body = &self.buffer[body];
            match kind {
                b'D' => each(Fields(&body[2..])),
                b'Z' => break,
                b'E' => error = Some(String::from_utf8_lossy(body).replace('\0', " ")),
                b'S' => {
                    if let Some(version) = body.strip_prefix(b"hyper_version\0") {
                        self.hyper_version =
                            String::from_utf8_lossy(version).trim_end_matches('\0').to_owned();
                    }
                }
                _ => {}
            }
        }
        error.map_or(Ok(()), |error| bail!(error))
    }

    /// The type of the next message and where its body is, once all of it was read.
    #[inline(always)]
    fn next_message(&mut self) -> Result<(u8, Range<usize>)> {
        loop {
            if let [kind, a, b, c, d, rest @ ..] = &self.buffer[self.unread.clone()] {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize - 4;
                if rest.len() >= length {
                    let start = self.unread.start + 5;
                    self.unread.start = start + length;
                    return Ok((*kind, start..start + length));
                }
            }
            self.fill()?;
        }
    }

    #[cold]
    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.unread.end == self.buffer.len() {
            self.buffer.resize(2 * self.unread.end, 0);
        }
        match self.stream.read(&mut self.buffer[self.unread.end..]).context("no answer from hyperd")? {
            0 => bail!("hyperd closed the connection"),
            read => self.unread.end += read,
        }
        Ok(())
    }
}

/// The fields of a DataRow that were not taken yet; NULL is `None`.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    #[inline(always)]
    fn fixed<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        if self.length() < 0 {
            return None;
        }
        let (value, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        Some(*value)
    }

    #[inline(always)]
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.length()).ok()?;
        let (value, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(value)
    }

    #[inline(always)]
    fn length(&mut self) -> i32 {
        let (length, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        i32::from_be_bytes(*length)
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], body].concat()
}
