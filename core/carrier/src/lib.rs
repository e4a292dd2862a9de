//! # hyperwire-carrier
//!
//! What all runtimes of hyperwire share between the state machines of `hyperwire-core` and a socket: configuration,
//! errors, the loop between session and buffers, requests and their responses, prepared statements, the end of a
//! transaction and of a connection, CancelRequests, TLS, and the options of sockets. It is for whoever writes a runtime.
//! A program takes a runtime, `hyperwire-blocking`, `hyperwire-tokio` or `hyperwire-mio`, which hands out [`Config`],
//! [`Error`] and [`Statement`] from here.
//!
//! **It never waits.** It starts no thread and sleeps nowhere; a socket that it opens does not block. What cannot go on
//! says so, and the runtime waits, in its own way, for what [`Wants`] names.
//!
//! # From the socket to a row
//!
//! | layer | what it is |
//! |---|---|
//! | [`Transport`] | moves bytes without waiting, and knows the time: what a runtime brings along |
//! | [`Connection`] | a session with its buffers and its transport, with TLS if that was agreed on. Requests in, events out. A runtime that hands out events, as that for mio does, is made of it |
//! | [`Client`] | a connection on which requests are made one at a time. Every step is a poll. A runtime whose callers wait for answers is made of it |
//! | [`Response`] | the answer to one request: results, their columns, their rows |
//!
//! # Everything else
//!
//! | item | what it is |
//! |---|---|
//! | [`Config`] | where to connect to, and how; also as a URL ([`UrlError`], [`UrlPart`]) |
//! | [`Error`], [`with_causes`] | what can go wrong, and whose fault it is |
//! | [`Statement`] | a prepared statement, which is closed some time after it was dropped |
//! | [`CancelTarget`], [`Delivery`], [`Cancels`] | CancelRequests: from whom, on their way, and waited for |
//! | [`Preparing`], [`Committing`], [`Closing`] | the progress of what takes several round trips: preparing a statement, committing a transaction, closing a session in good order |
//! | [`Clock`], [`FOR_EVER`], [`deadline`] | the machines' time and the system's; the longest bound |
//! | [`socket`] | opening a socket without waiting, setting it up, and what its errors mean |
//! | `tls` | certificates; with the feature of that name |
//!
//! | feature | what it adds |
//! |---|---|
//! | `tls` | TLS by rustls, with ring as its provider (9 more crates) |
//!
//! # A whole runtime
//!
//! A runtime polls a step until it is ready, and waits in between. This one sleeps for a millisecond, since the standard
//! library cannot wait for a socket; the others wait for [`Client::wants`]. They also deliver a CancelRequest when
//! one is due ([`Client::take_cancel`]), and wait for those of others ([`Client::awaited_cancels`]).
//!
//! ```
//! use std::io::{self, Read, Write};
//! use std::net::TcpStream;
//! use std::task::Poll;
//! use std::time::{Duration, Instant};
//!
//! use hyperwire_carrier::hyperwire_core::hyperd::Endpoint;
//! use hyperwire_carrier::socket::{configure, send};
//! use hyperwire_carrier::{Client, Closing, Config, Error, Ready, Transport};
//!
//! /// A socket that does not block.
//! struct Socket(TcpStream);
//!
//! impl Transport for Socket {}
//!
//! impl Read for Socket {
//!     fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
//!         self.0.read(space)
//!     }
//! }
//!
//! impl Write for Socket {
//!     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
//!         send(&self.0, bytes)
//!     }
//!
//!     fn flush(&mut self) -> io::Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! fn until<R>(
//!     client: &mut Client<Socket>,
//!     mut step: impl FnMut(&mut Client<Socket>) -> Poll<Result<R, Error>>,
//! ) -> Result<R, Error> {
//!     loop {
//!         if let Poll::Ready(outcome) = step(client) {
//!             return outcome;
//!         }
//!         client.try_write()?;
//!         std::thread::sleep(Duration::from_millis(1));
//!         client.carry(Ready { readable: true, writable: true })?;
//!     }
//! }
//!
//! fn answer(config: Config) -> Result<Option<String>, Box<dyn std::error::Error>> {
//!     let Endpoint::Tcp { host, port } = &config.endpoint else { return Err("no TCP port".into()) };
//!     let begun = Instant::now();
//!     let stream = TcpStream::connect((host.as_str(), *port))?;
//!     stream.set_nonblocking(true)?;
//!     let link = configure(&stream, &config.link);
//!
//!     let mut client = Client::start(config, Socket(stream), link, begun)?;
//!     until(&mut client, Client::poll_started)?;
//!     until(&mut client, Client::poll_ready)?;
//!     let mut response = client.query("SELECT the_answer()")?;
//!     until(&mut client, |client| response.poll_result(client))?;
//!     let mut answer = None;
//!     while until(&mut client, |client| response.poll_row(client))? {
//!         answer = response.row(&client).and_then(|row| row.get("answer").ok());
//!     }
//!     let mut closing = Closing::default();
//!     let outcome = until(&mut client, |client| client.poll_closed(&mut closing));
//!     closing.ended(outcome)?;
//!     Ok(answer)
//! }
//!
//! # use hyperwire_scripted::{Auth, Rows, Server, oid};
//! # let server = Server::tcp(|session| {
//! #     session.accept_startup(Auth::Trust)?;
//! #     session.expect_query("SELECT the_answer()")?;
//! #     session.send_rows(&Rows::of([("answer", oid::TEXT)]).row([Some("42")]))?;
//! #     session.ready(hyperwire_core::wire::TransactionStatus::Idle)?;
//! #     session.expect(&hyperwire_core::wire::FrontendMessage::Terminate)
//! # });
//! # let Endpoint::Tcp { host, port } = server.address().descriptor().parse()? else { panic!("it is TCP") };
//! # let url = format!("hyper://me@{host}:{port}?connect_timeout=5");
//! let config: Config = url.parse()?; // "hyper://me@127.0.0.1:7483?connect_timeout=5"
//! assert_eq!(answer(config)?.as_deref(), Some("42"));
//! # server.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threads and cancellation
//!
//! Everything here is used by one thread at a time. [`CancelTarget`] and [`Cancels`] are for all of them: a
//! CancelRequest may be sent from anywhere while the client waits.
//!
//! A poll keeps everything that is under way in the [`Client`], so whoever polls may stop at any time, as a dropped future
//! does: the next [`Client::poll_ready`] throws away what is left of an abandoned response, has the server cancel it if
//! that takes too long, and rolls an abandoned transaction back.
//!
//! # Errors
//!
//! [`Error::blame`] says whose fault it was, [`Error::is_session_lost`] whether the session is over. Once it is, every
//! call says why, and the transport is closed.
#![deny(unsafe_code)]

mod bound;
mod bytes;
mod cancels;
mod client;
mod clock;
mod closing;
mod config;
mod connection;
mod delivery;
mod error;
mod link;
mod notices;
mod preparing;
mod request;
mod response;
pub mod socket;
mod statement;
#[cfg(feature = "tls")]
pub mod tls;
mod transaction;
mod transport;
mod url;

pub use bound::{FOR_EVER, deadline};
pub use bytes::Wants;
pub use cancels::Cancels;
pub use client::Client;
pub use clock::Clock;
pub use closing::{Closing, is_detached_already};
pub use config::Config;
pub use connection::Connection;
pub use delivery::{CancelOutcome, CancelTarget, Delivery};
pub use error::{Error, with_causes};
pub use hyperwire_core;
pub use preparing::Preparing;
pub use response::{Response, affected};
pub use statement::Statement;
pub use transaction::Committing;
pub use transport::{Ready, Transport};
pub use url::{UrlError, UrlPart};
