//! # hyperwire-core
//!
//! Every decision that a client of Hyper (`hyperd`) makes, and every decision of the daemon through which programs
//! share one hyperd, as state machines without input or output: no socket, no clock, no thread, no randomness. A
//! runtime hands in bytes and the time, takes out bytes and events, and waits for what the machine asks for. The crate
//! is `no_std` and forbids unsafe code, so it has no way to open a socket or read a clock.
//!
//! | module | what it is |
//! |---|---|
//! | [`time`] | the instants that the driver hands in |
//! | [`buffer`] | the two byte buffers that the driver owns |
//! | [`wire`] | encoding and decoding: framing, limits, every message of the protocol |
//! | [`session`] | one connection, from its first byte to its last |
//! | [`row`] | columns, typed values, parameters |
//! | [`sql`] | hyperd's tokens; quoting of identifiers and literals; names `alias."Schema".table`; scripts into statements |
//! | [`liveness`] | how a connection notices that its peer has vanished |
//! | [`pool`] | whether a pool checks an idle session before it lends it out, and whether it keeps a returned one |
//! | [`hyperd`] | the server process: its endpoints, command line and callback, and which package holds it |
//! | [`control`] | how programs talk to the shared daemon: its record, its line protocol, its locks, process identity |
//! | [`election`] | how a client reaches that daemon: find, scan, spawn, wait, stop a second one, adopt |
//! | [`daemon`] | the daemon's own life cycle: lock, listen, start hyperd, ready, leases, draining |
//! | [`guide`] | how to write a runtime, step by step |
//!
//! # A whole driver
//!
//! The function below is enough to run a statement over anything that reads and writes. A runtime adds waiting for
//! readiness, deadlines, and the second connection that a cancel needs; the [`guide`] walks through writing one.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use hyperwire_core::buffer::{InBuf, OutBuf};
//! use hyperwire_core::session::{Config, Event, RequestOptions, Session};
//! use hyperwire_core::time::Instant;
//!
//! fn select_one(mut stream: impl Read + Write) -> Result<i32, Box<dyn std::error::Error>> {
//!     let (mut input, mut out, now) = (InBuf::new(), OutBuf::new(), Instant::EPOCH);
//!     let mut session = Session::start(Config::new("hyper"), [0; 18], now, &mut out)?;
//!     let request = session.query("SELECT 1", RequestOptions::default(), &mut out)?;
//!     session.demand(request, u64::MAX);
//!     let mut one = 0;
//!     loop {
//!         match session.poll(&mut input, &mut out, now)? {
//!             Some(Event::Row(_)) => one = session.row(&input).ok_or("no row is held")?.get(0)?,
//!             Some(Event::Failed { error, .. }) => return Err(error.into()),
//!             Some(Event::Finished { .. }) => return Ok(one),
//!             Some(_) => {}
//!             None => {
//!                 stream.write_all(out.unsent())?;
//!                 out.sent(out.unsent().len());
//!                 match stream.read(input.space())? {
//!                     0 => return Err(session.handle_eof().into()),
//!                     count => input.filled(count),
//!                 }
//!             }
//!         }
//!     }
//! }
//! # let server = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x23result_format_code\0HyperBinary\0Z\0\0\0\x05I\
//! #     T\0\0\0\x1a\0\x011\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0\
//! #     D\0\0\0\x0e\0\x01\0\0\0\x04\x01\0\0\0C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";
//! # struct Played<'s>(&'s [u8]);
//! # impl Read for Played<'_> {
//! #     fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> { self.0.read(space) }
//! # }
//! # impl Write for Played<'_> {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { Ok(bytes.len()) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # assert_eq!(select_one(Played(server)).unwrap(), 1);
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod buffer;
pub mod control;
pub mod daemon;
pub mod election;
pub mod guide;
pub mod hyperd;
pub mod liveness;
pub mod pool;
pub mod row;
pub mod session;
pub mod sql;
pub mod time;
pub mod wire;
