//! # hyperwire-mio
//!
//! A client of Hyper for programs that own their loop: no executor, no thread, nothing that waits. The embedder has a
//! [`mio::Poll`]; a [`Connection`] takes its events and the time, and gives out what happened. What to send, what an
//! answer means, when to give up and whose fault it is are the business of `hyperwire-core`, whose types this crate hands
//! out (as [`core`]).
//!
//! ```
//! use std::time::Instant;
//!
//! use hyperwire_mio::hyperd::{Environment, Hyperd, Settings, locate_or_install};
//! use hyperwire_mio::{Config, Connection, Event};
//! use mio::{Events, Poll, Token};
//!
//! // A hyperd of our own: found on this machine, or fetched once, and gone when it is dropped.
//! let found = locate_or_install(&Environment::of_this_process(), &mut |_| std::ops::ControlFlow::Continue(()))?;
//! let hyperd = Hyperd::start(&Settings::new(found.path))?;
//!
//! let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(64));
//! let config = Config::new(hyperd.endpoint().clone(), "tableau_internal_user");
//! let mut connection = Connection::connect(config, poll.registry(), Token(0))?;
//! let request = connection.query("SELECT i FROM generate_series(1, 1000) s(i)")?;
//! connection.demand(request, u64::MAX);
//!
//! let mut sum = 0;
//! 'open: loop {
//!     while let Some(event) = connection.poll_event()? {
//!         match event {
//!             Event::Row(_) => connection.for_each_row(|row| {
//!                 sum += row.get::<i32>(0)?;
//!                 Ok::<_, hyperwire_mio::Error>(())
//!             })?,
//!             Event::Failed { error, .. } => return Err(error.into()),
//!             Event::Finished { .. } => connection.close(),
//!             Event::Closed => break 'open,
//!             _ => {}
//!         }
//!     }
//!     let now = Instant::now();
//!     poll.poll(&mut events, connection.deadline().map(|at| at.saturating_duration_since(now)))?;
//!     events.iter().for_each(|event| connection.on_ready(event));
//!     connection.on_timeout(Instant::now());
//! }
//! assert_eq!(sum, 500_500);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | |
//! |---|---|
//! | [`Connection`] | one session with Hyper |
//! | [`Election`] | a share in the one hyperd of a user's programs (Unix) |
//!
//! [`Connection::wants`] says who has the word. A poll without a bound is right for one that wants
//! [`Wants::Readiness`]; while it wants [`Wants::Demand`] or a [`Wants::Request`], it is the embedder that is waited for.
//!
//! Any number of both live in one poll; each takes a few consecutive tokens. A program with many keeps a map from token
//! to connection and hands each event to its own; `examples/hundred_sessions.rs` is one.
//!
//! | feature | what it adds |
//! |---|---|
//! | `hyperd` (on by default) | `hyperd`: finding, fetching and starting hyperd |
//! | `shared` (on by default; Unix) | [`Election`], and `shared` and `daemon` of the blocking runtime |
//! | `tls` | `tls`: TLS by rustls |
//!
//! A client of a server somewhere else needs neither of the first two, and builds 34 crates instead of 66 without them.
#![forbid(unsafe_code)]

mod connection;
mod dial;
#[cfg(all(unix, feature = "shared"))]
mod election;
mod event;
mod transport;
mod wants;

pub use connection::Connection;
#[cfg(all(unix, feature = "shared"))]
pub use election::Election;
pub use event::{Event, Statement};
#[cfg(feature = "hyperd")]
pub use hyperwire_blocking::hyperd;
#[cfg(all(unix, feature = "shared"))]
pub use hyperwire_blocking::{daemon, shared};
#[cfg(feature = "tls")]
pub use hyperwire_carrier::tls;
pub use hyperwire_carrier::{Config, Error, UrlError};
pub use hyperwire_core;
pub use wants::Wants;
